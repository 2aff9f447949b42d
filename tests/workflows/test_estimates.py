"""Time, memory and size of long work are reported before it starts; small work reports nothing."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError
from ipvae.workflows.quantizing.estimates import announce_export
from ipvae.workflows.running import estimates

MEASURED = estimates.operations_per_second
SPEED = 1e11
"""Operations per second, in place of the measured ones."""


@pytest.fixture(autouse=True)
def speed(monkeypatch):
    monkeypatch.setattr(estimates, "operations_per_second", lambda: SPEED)


@pytest.fixture
def texts(caplog):
    caplog.set_level(logging.INFO, "ipvae")
    return lambda: {record.levelno: record.getMessage() for record in caplog.records}


@pytest.mark.parametrize(
    ("neurons", "layout", "bits", "message", "warned"),
    [
        (1023, "recurrent", 8, "", ""),
        (2048, "recurrent", 8, "4,194,304 synapses, a file of at least 7 MB, roughly 80 s on", ""),
        (2048, "error-units", 8, "3,211,264 synapses", ""),
        (10_000, "recurrent", 8, "100,000,000 synapses", "chip can hold (15,360,000); the small"),
        (5_000, "recurrent", 4, "25,000,000 synapses", ""),
        (60_000, "recurrent", 8, "3,600,000,000 synapses", "Hala Point"),
    ],
)
def test_large_exports_are_reported_and_those_that_no_chip_holds(
    texts, neurons, layout, bits, message, warned
):
    announce_export(784, neurons, layout, bits)
    found = texts()
    assert message in found.get(logging.INFO, "") and bool(message) == (logging.INFO in found)
    assert warned in found.get(logging.WARNING, "") and bool(warned) == (logging.WARNING in found)


def test_more_neurons_than_the_file_holds_are_refused_first():
    with pytest.raises(InputError, match="found 65537 neurons, allowed up to 65536"):
        announce_export(784, 65_537, "recurrent", 8)


@pytest.fixture
def slow(monkeypatch):
    """A machine on which a synapse takes a second, so that small runs are long."""
    monkeypatch.setattr(estimates, "seconds_of", lambda operations, **_: operations)


def test_every_command_reports_a_long_run(make_network, slow, texts, caplog, monkeypatch, tmp_path):
    network = make_network(n_images=3)
    monkeypatch.setattr("ipvae.workflows.verify.run_backend", lambda *_, **__: None)
    monkeypatch.setattr("ipvae.workflows.verify.compared", lambda *_, **__: None)
    works = {
        "3 images for 5 steps on emulator": lambda: ipvae.run(network, steps=5),
        "3 images for 5 steps on emulator and lava": lambda: ipvae.verify(network, steps=5),
        "3 images for 5 steps": lambda: ipvae.make_report(network, steps=5),
        "3 images for 4 steps": lambda: ipvae.compare({"net": network}, steps=(1, 4)),
        "evaluating 3 images to step 4": lambda: ipvae.evaluate(network, steps=4),
    }
    for text, work in works.items():
        caplog.clear()
        work()
        assert f"{text}: roughly " in caplog.text, text


def test_a_training_reports_its_time(slow, caplog, texts):
    pytest.importorskip("torch")
    from ipvae.float_models.config import preset_config
    from ipvae.workflows.training.course import _log_begin

    begun = SimpleNamespace(
        config=preset_config("digits", latents=8), state=SimpleNamespace(done=0), options={}
    )
    images = SimpleNamespace(train_pixels=np.zeros((40, 16)))
    _log_begin(begun, images, SimpleNamespace(size=1))  # pyright: ignore[reportArgumentType]
    assert "training: roughly " in caplog.text


def test_times_grow_with_the_work(make_network):
    network = make_network(n_images=3)
    one = estimates.run_seconds(network, 10**6, 100)
    assert estimates.run_seconds(network, 2 * 10**6, 100) == pytest.approx(2 * one)
    assert estimates.run_seconds(network, 1, 100, "lava") < estimates.run_seconds(
        network, 9, 100, "lava"
    )


def test_too_little_memory_is_a_warning(texts, monkeypatch):
    monkeypatch.setattr(estimates, "free_memory", lambda: 10**9)
    estimates.announce("a run", 1.0, memory=9 * 10**9)
    assert texts()[logging.WARNING] == (
        "warning: a run: needs about 9.0 GB of memory, 1.0 GB are free. Run fewer images or steps"
    )


def test_a_trace_in_a_file_is_reported_as_such(make_network, texts):
    estimates.announce_run(make_network(), 10**6, 1000, record=estimates.Record(), to_file=True)
    assert "a file of up to " in texts()[logging.INFO] and logging.WARNING not in texts()


def test_little_work_says_nothing(texts):
    estimates.announce("a run", 29.0, memory=10**6, disk=10**6)
    assert texts() == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (34, "30 s"), (99, "100 s"), (200, "3.3 min"), (5999, "100 min"),
     (9000, "2.5 h"), (10**6, "12 days")],
)  # fmt: skip
def test_durations_have_the_unit_of_their_size(seconds, text):
    assert estimates.duration(seconds) == text


def test_the_speed_of_this_machine_is_measured():
    assert 1e8 < MEASURED() < estimates.FASTEST * 100
