# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false
"""`ipvae.train_model` on arrays: the whole chain in a notebook, the folder, interruptions."""

import json
import logging
import signal
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import ipvae
from ipvae.cli.main import run_command

pytest.importorskip("torch")

QUICK: dict[str, Any] = {"latents": 48, "steps": 6, "epochs": 8, "learning_rate": 0.02}
TINY: dict[str, Any] = {"latents": 6, "steps": 2, "epochs": 3, "threads": 1}


@pytest.fixture(scope="module")
def digits():
    """The arrays as scikit-learn gives them: (1797, 8, 8) float64, 0 to 16."""
    return load_digits().images


@pytest.fixture(scope="module")
def trained(digits):
    return ipvae.train_model(digits, **QUICK)


def result(run):
    """Weights, description and figures of each epoch but for their times."""
    figures = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(entry.pop("seconds") >= 0 for entry in figures)
    return [(run / f"model.{end}").read_bytes() for end in ("safetensors", "json")], figures


def same_params(one, other):
    assert one.params.keys() == other.params.keys()
    return all(np.array_equal(one.params[name], other.params[name]) for name in one.params)


@pytest.mark.lava
def test_the_whole_chain_on_scikit_learns_digits_given_as_an_array(digits, trained, tmp_path):
    labels = load_digits().target
    assert trained.metrics["r2"] > 0.4
    trained.save(tmp_path / "run")
    model = ipvae.load_model(tmp_path / "run")
    assert same_params(model, trained)
    made = ipvae.quantize(model, digits, labels, most_loss=0.1)
    assert made.report.integer["r2"] > 0.4
    made.network.save(tmp_path / "net.h5")
    net = ipvae.load_network(tmp_path / "net.h5")
    few = digits[:3]
    runs = [ipvae.run(net, few, steps=6, backend=b, record="all") for b in ("emulator", "lava")]
    assert ipvae.diff(*(run.trace for run in runs)).same
    assert ipvae.verify(net, few, steps=6, backends=("emulator", "lava")).bit_exact
    counted = [ipvae.count_operations(net, run) for run in runs]
    assert counted[0].synaptic_ops == counted[1].synaptic_ops > 0
    assert ipvae.estimate_energy(net, runs[1]).loihi2
    assert ipvae.check(net).ok
    for subject in (model, net):
        assert ipvae.evaluate(subject, digits[:50], steps=64).to_json()["r2"] > 0.4
    compared = ipvae.compare([model, net], digits[:20], steps=(4, 16))
    assert len(compared.to_json()["subjects"]) == 2


def test_levels_and_real_values_of_the_same_images_give_the_same_network(digits, trained):
    """Raw bytes, whole real values, and real values from 0 to 1 (sixteenths: no rounding)."""
    raw = ipvae.train_model(digits.astype(np.uint8).reshape(len(digits), 64), **QUICK)
    unit = ipvae.train_model((digits / 16.0).astype(np.float32)[..., None], **QUICK)
    assert raw.config == trained.config
    assert same_params(raw, unit)
    np.testing.assert_array_equal(16 * raw.params["phi"], trained.params["phi"])
    given = [digits, digits.astype(np.uint8), digits / 16.0]
    codes = []
    for model, images in zip((trained, raw, unit), given, strict=True):
        net = ipvae.quantize(model, images, most_loss=9.0).network
        codes.append(ipvae.run(net, images[:20], steps=8).outputs["1"])
    assert codes[0].any()
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])
    # what was trained on real values takes the levels too
    net = ipvae.quantize(trained, digits, most_loss=9.0).network
    levels = ipvae.run(net, digits[:20].astype(np.uint8), steps=8).outputs["1"]
    np.testing.assert_array_equal(levels, codes[0])


def test_without_a_folder_nothing_is_written(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ipvae.train_model(digits, **TINY)
    assert list(tmp_path.iterdir()) == []
    assert model.metrics["epoch"] == 3
    assert model.data.preset == "arrays"


def test_api_and_command_line_give_the_same_files(tmp_path, digits):
    words = ["train", "--preset", "digits", "--latents", "6", "--steps", "2", "--epochs", "3"]
    assert run_command([*words, "--seed", "3", "--out", str(tmp_path / "a"), "--quiet"]) == 0
    given: dict[str, Any] = {**TINY, "preset": "digits", "seed": np.int64(3)}
    model = ipvae.train_model(**given, out=tmp_path / "b")
    assert result(tmp_path / "a") == result(tmp_path / "b")
    assert same_params(model, ipvae.load_model(tmp_path / "a"))
    assert same_params(model, ipvae.train_model(**given))
    np.savez(tmp_path / "x.npz", images=digits, labels=load_digits().target)
    words = ["train", "--images", str(tmp_path / "x.npz"), *words[3:], "--threads", "1"]
    assert run_command([*words, "--out", str(tmp_path / "c"), "--quiet"]) == 0
    ipvae.train_model(digits, **TINY, out=tmp_path / "d")
    assert result(tmp_path / "c") == result(tmp_path / "d")


class Interrupting:
    """A progress callback that interrupts after some optimiser steps."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, event):
        if event.message == "training" and event.done == self.steps:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [1, 40])
def test_interrupted_it_keeps_its_state_and_goes_on_to_the_same_bits(digits, tmp_path, at, caplog):
    caplog.set_level(logging.INFO, "ipvae")
    handler = signal.getsignal(signal.SIGINT)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    with pytest.raises(KeyboardInterrupt):
        ipvae.train_model(digits, **TINY, out=cut, progress=Interrupting(at))
    assert signal.getsignal(signal.SIGINT) is handler
    assert "resume=True" in caplog.messages[-1]
    with pytest.raises(ipvae.IpvaeError, match=r"holds an unfinished training.*resume=True"):
        ipvae.train_model(digits, **TINY, out=cut)
    ipvae.train_model(digits, out=cut, resume=True)
    assert f"; {at} optimiser steps are done" in " ".join(caplog.messages)
    ipvae.train_model(digits, **TINY, out=whole)
    assert result(cut) == result(whole)


def test_interrupted_while_a_step_changes_the_weights_it_goes_on_from_the_last_state(
    digits, tmp_path, monkeypatch
):
    from torch.optim import Adamax

    cut, whole, step, taken = tmp_path / "cut", tmp_path / "whole", Adamax.step, []

    def interrupted(self, *given):
        taken.append(step(self, *given))
        if len(taken) == 25:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Adamax, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ipvae.train_model(digits, **TINY, out=cut)
    ipvae.train_model(digits, out=cut, resume=True)
    ipvae.train_model(digits, **TINY, out=whole)
    assert result(cut) == result(whole)


def test_without_a_folder_an_interruption_just_ends_it(digits):
    with pytest.raises(KeyboardInterrupt):
        ipvae.train_model(digits, **TINY, progress=Interrupting(2))


def test_a_complete_training_is_read_and_a_model_is_replaced_only_if_asked_for(digits, tmp_path):
    model = ipvae.train_model(digits, **TINY, out=tmp_path / "a")
    before = result(tmp_path / "a")
    assert same_params(ipvae.train_model(out=tmp_path / "a", resume=True), model)
    for refused in (
        lambda: ipvae.train_model(digits, **TINY, out=tmp_path / "a"),
        lambda: model.save(tmp_path / "a"),
    ):
        with pytest.raises(ipvae.IpvaeError, match=r"holds a model already.*overwrite=True"):
            refused()
    assert result(tmp_path / "a") == before
    other = ipvae.train_model(digits, **TINY, seed=1, out=tmp_path / "a", overwrite=True)
    assert not same_params(other, model)
    model.save(tmp_path / "a", overwrite=True)
    assert same_params(ipvae.load_model(tmp_path / "a"), model)


def test_to_go_on_it_wants_the_same_images_again(digits, tmp_path):
    np.save(tmp_path / "x.npy", digits)
    for run, images in (("array", digits), ("file", tmp_path / "x.npy")):
        with pytest.raises(KeyboardInterrupt):
            ipvae.train_model(images, **TINY, out=tmp_path / run, progress=Interrupting(9))
    with pytest.raises(ipvae.IpvaeError, match="on images of your own, which are not stored"):
        ipvae.train_model(out=tmp_path / "array", resume=True)
    with pytest.raises(ipvae.IpvaeError, match="began with other images"):
        ipvae.train_model(digits[:-1], out=tmp_path / "array", resume=True)
    with pytest.raises(ipvae.IpvaeError, match="latents: found 7, but the training in"):
        ipvae.train_model(digits, latents=7, out=tmp_path / "array", resume=True)
    ipvae.train_model(digits, out=tmp_path / "array", resume=True)
    ipvae.train_model(out=tmp_path / "file", resume=True)
    assert result(tmp_path / "array") == result(tmp_path / "file")
    with pytest.raises(KeyboardInterrupt):
        ipvae.train_model(**TINY, preset="digits", out=tmp_path / "p", progress=Interrupting(9))
    with pytest.raises(ipvae.IpvaeError, match="is on preset digits; leave them out"):
        ipvae.train_model(digits, out=tmp_path / "p", resume=True)


def test_it_begins_with_the_weights_of_a_model_of_the_same_units(digits, trained, tmp_path):
    short = {**QUICK, "epochs": 1}
    begun = ipvae.train_model(digits, **short, init_from=trained)
    assert begun.start is not None
    assert begun.metrics["r2"] > ipvae.train_model(digits, **short).metrics["r2"]
    trained.save(tmp_path / "run")
    assert same_params(begun, ipvae.train_model(digits, **short, init_from=tmp_path / "run"))
    assert ipvae.train_model(digits, init_from=trained, epochs=1, steps=2).n_latents == 48
    with pytest.raises(ipvae.IpvaeError, match=r"in units of 16, .* have 1\. Multiply them by 16"):
        ipvae.train_model(digits / 16.0, **short, init_from=trained)


def test_progress_states_what_is_known_so_far(digits):
    seen = []
    ipvae.train_model(digits, **TINY, progress=seen.append)
    events = [event for event in seen if event.message == "training"]
    assert [event.done for event in events[:-1]] == list(range(3 * 17 + 1))
    assert events[-1].seconds is not None
    assert all(event.total == 51 for event in events)
    assert events[30].text.startswith("training: 30 of 51; epoch 2 of 3, loss ")
    for part in (", R2 ", ", zeros ", " left"):
        assert part in events[30].detail


def test_the_time_that_is_left_weighs_the_steps_that_are_longer_later(monkeypatch):
    """The first half of the optimiser steps is a fifth of the work."""
    from ipvae.float_models.config import preset_config
    from ipvae.train.run.fit import Progress
    from ipvae.train.run.resume import ResumeState
    from ipvae.train.run.state import TrainState
    from ipvae.workflows.training import course

    shown: list[str] = []
    monkeypatch.setattr(course, "batches_of", lambda *_: 8)
    monkeypatch.setattr(
        course, "stage", lambda *_: nullcontext(lambda *made: shown.append(made[1]))
    )
    config = preset_config("digits", steps=32, first_steps=4, growth_fraction=0.75, epochs=1)
    begun = ResumeState(config, "", TrainState(0, {}, {}, {}), [0.0])
    with course._reported(begun, None) as report:
        for done in (1, 2, 4):
            report(Progress(done, 8, 1, 1.0, None, 100.0 * done))
    work = [4, 4, 8, 8, 16, 16, 32, 32]
    for text, done in zip(shown, (1, 2, 4), strict=True):
        left = round(100.0 * done * sum(work[done:]) / sum(work[:done]))
        assert text.endswith(f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left")


def test_a_model_shows_itself(trained):
    assert repr(trained).startswith("Checkpoint(model: ipvae, pixels: 8 x 8, neurons: 48")
    assert "R2" in trained._repr_html_() and len(repr(trained)) < 300
    found = json.loads(json.dumps(trained.to_json()))
    assert (found["pixels"], found["neurons"], found["data"]["preset"]) == (64, 48, "arrays")
    assert found["config"]["epochs"] == 8


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {},
            "preset: missing; allowed are digits, patches, mnist, photographs, mnist-conv, mnist-",
        ),
        ({"preset": "arrays"}, "'preset' is 'arrays'; allowed are digits, patches, mnist"),
        (
            {"preset": "digits", "stpes": 3},
            "settings: no setting 'stpes', allowed are activity_price, average_fraction",
        ),
        ({"preset": "digits", "resume": True}, "resume: needs a folder; give it with out="),
        ({"preset": "digits", "pictures": True}, "pictures: needs a folder"),
        ({"images": np.ones((4, 9)), "preset": "digits"}, "images and preset: give one of them"),
        ({"images": np.ones((4, 9)), "data_dir": "x"}, "images and data_dir: give one of them"),
        ({"test_images": np.ones((4, 9))}, "test_images: goes with images="),
        ({"images": np.ones((4, 9)), "latents": 0}, "'latents' is 0; allowed are 1"),
        ({"images": np.ones((4, 9)), "device": "meta"}, "device 'meta' cannot be used here"),
        ({"images": np.ones((4, 9)), "image_shape": (2, 2)}, "image_shape: found '2x2', allowed"),
    ],
)
def test_bad_arguments_are_refused_in_the_words_of_the_arguments(
    given, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ipvae.IpvaeError, match=expected):
        ipvae.train_model(**given)
    assert list(tmp_path.iterdir()) == []
