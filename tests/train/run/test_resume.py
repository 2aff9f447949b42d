"""A training that was cut off continues to the same bits; its files are whole at any moment."""

import dataclasses
import errno
import functools
import json
import os
import sys
import types

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors

from ipvae.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergenceError,
    StoppedError,
    TrainingError,
)
from ipvae.export.rounding.fake_quantize import rounding_to
from ipvae.float_models.config import preset_config
from ipvae.train.datasets.images import Images, load_images
from ipvae.train.run import checkpoints, resume
from ipvae.train.run import fit as training
from ipvae.train.run.checkpoints import CheckpointCallback
from ipvae.train.run.fit import fit, new_model
from ipvae.train.run.metrics_log import MetricsLog
from ipvae.train.run.resume import (
    NAME,
    ResumeState,
    fingerprint,
    read_unfinished,
    require_same_images,
    require_same_settings,
    write_unfinished,
)
from ipvae.train.run.run_folder import sole_writer
from ipvae.train.run.running_mean import RunningMean
from ipvae.train.run.state import TrainState

SMALL = preset_config("digits", latents=6, steps=2, epochs=3, batch_size=300, threads=1)


@pytest.fixture(scope="module")
def images():
    return load_images("digits")


@pytest.fixture
def begun(images):
    return ResumeState(
        SMALL, fingerprint(images), TrainState.first(new_model(SMALL, images)), [0.0], {}
    )


def bits(model):
    return {name: array.tobytes() for name, array in model.arrays().items()}


@pytest.mark.parametrize(
    ("threads", "weight_bits", "average_fraction"), [(1, 0, 0.0), (2, 0, 0.5), (2, 3, 0.7)]
)
def test_every_state_on_the_way_leads_to_the_same_bits_and_history(
    images, tmp_path, threads, weight_bits, average_fraction
):
    config = dataclasses.replace(
        SMALL, threads=threads, weight_bits=weight_bits, average_fraction=average_fraction
    )
    go = functools.partial(fit, config, images, rounding=rounding_to(weight_bits))
    states = []
    model, history = go(keep=lambda _, state: states.append(state()))
    assert ("recurrent_change" in model.arrays()) == (weight_bits > 0)
    assert [state.done for state in states] == list(range(1, 16))
    assert (states[-1].average.count > 0) == (average_fraction > 0)
    for state in states:
        write_unfinished(tmp_path, ResumeState(config, "", state, [0.0]))
        stored = read_unfinished(tmp_path)
        assert stored is not None
        again, stored_history = go(start=stored.state)
        assert bits(again) == bits(model), state.done
        assert stored_history == history, state.done


def test_keeping_changes_nothing(images):
    model, history = fit(SMALL, images)
    kept, stored_history = fit(SMALL, images, keep=lambda _, state: state() and None)
    assert bits(kept) == bits(model) and stored_history == history


def test_stored_state_is_exact(begun, tmp_path):
    odd = dataclasses.replace(
        begun.state, done=7, sums=(0.1, 1e-300, 1 / 3), history=[{"epoch": 1, "r2": float("nan")}]
    )
    odd.params["phi"][0, :2] = [-0.0, 1e-45]
    write_unfinished(
        tmp_path, dataclasses.replace(begun, state=odd, seconds=[1.5, 2.5], options={"device": "x"})
    )
    assert os.listdir(tmp_path) == [NAME]
    back = read_unfinished(tmp_path)
    assert back is not None
    assert (back.config, back.images, back.seconds) == (SMALL, begun.images, [1.5, 2.5])
    assert back.options == {"device": "x"}
    assert (back.state.done, back.state.sums) == (7, odd.sums)
    assert np.isnan(back.state.history[0]["r2"])
    for group in ("params", "mean", "peak"):
        for name, array in getattr(odd, group).items():
            assert getattr(back.state, group)[name].tobytes() == array.tobytes()
    assert (back.state.average.count, back.state.average.params) == (0, {})


def test_stored_mean_is_exact(begun, tmp_path):
    thirds = {n: value.astype(np.float64) / 3 for n, value in begun.state.params.items()}
    state = dataclasses.replace(begun.state, average=RunningMean(7, thirds))
    write_unfinished(tmp_path, dataclasses.replace(begun, state=state))
    back = read_unfinished(tmp_path)
    assert back is not None and back.state.average.count == 7
    for name, array in thirds.items():
        stored = back.state.average.params[name]
        assert (stored.dtype, stored.tobytes()) == (np.float64, array.tobytes())


def test_state_of_before_averaging_is_read(begun, tmp_path):
    write_unfinished(tmp_path, begun)
    with safe_open(str(tmp_path / NAME), framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = json.loads(file.metadata()["training"])
    del content["averaged"], content["config"]["average_fraction"], content["config"]["final_rate"]
    text = json.dumps(content)
    metadata = {"training": text, "mark": resume._mark(text, arrays)}
    (tmp_path / NAME).write_bytes(to_safetensors(arrays, metadata=metadata))
    back = read_unfinished(tmp_path)
    assert back is not None and (back.config, back.state.average.count) == (SMALL, 0)


def test_no_file_is_no_unfinished_training(tmp_path):
    assert read_unfinished(tmp_path) is None


def change_byte(content):
    middle = len(content) - 100
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda _: b"", "is empty"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (lambda c: c[: len(c) // 2], "not readable"),
        (lambda _: b"junk" * 100, "not readable"),
        (change_byte, "does not fit its mark"),
        (lambda c: c.replace(b'\\"done\\": 0', b'\\"done\\": 9'), "does not fit its mark"),
        (lambda c: c.replace(b"mean.u0", b"mean.v0"), "not readable"),
        (
            lambda c: c.replace(b'\\"version\\": 1', b'\\"version\\": 2', 1),
            "reads 1. Continue with",
        ),
    ],
)
def test_damaged_state_is_refused(begun, tmp_path, damage, text):
    write_unfinished(tmp_path, begun)
    content = (tmp_path / NAME).read_bytes()
    damaged = damage(content)
    assert damaged != content
    (tmp_path / NAME).write_bytes(damaged)
    with pytest.raises(CheckpointError, match=rf"{NAME}: .*{text}.*overwrite=True"):
        read_unfinished(tmp_path)


def test_failed_write_keeps_the_state_before(begun, tmp_path, monkeypatch):
    write_unfinished(tmp_path, begun)
    before = (tmp_path / NAME).read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        CheckpointError, match=r"No space left.*the one before is kept.*resume=True"
    ):
        write_unfinished(tmp_path, begun)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {NAME: before}


def test_other_settings_are_refused_by_the_first_name(tmp_path):
    require_same_settings(SMALL, {"latents": 6, "seed": None}, tmp_path)
    with pytest.raises(ConfigError, match=r"learning_rate: found 1, but .* has 0.008.*another"):
        require_same_settings(SMALL, {"latents": 6, "learning_rate": 1, "seed": 3}, tmp_path)


def test_other_images_are_refused(begun, images, tmp_path):
    require_same_images(begun, images, tmp_path)
    pixels = images.train_pixels.copy()
    pixels[3, 5] += 1
    with pytest.raises(DataError, match=r"began with other images .*data_dir="):
        require_same_images(begun, dataclasses.replace(images, train_pixels=pixels), tmp_path)


def keep_training(begun, images, run, stop=lambda: False):
    keep = CheckpointCallback(run, begun, stop)
    try:
        return fit(SMALL, images, keep=keep, start=begun.state)
    finally:
        keep.close()


def saved_steps(begun, images, run, monkeypatch):
    steps = []
    write = checkpoints.write_unfinished
    monkeypatch.setattr(
        checkpoints, "write_unfinished", lambda run, u: (steps.append(u.state.done), write(run, u))
    )
    keep_training(begun, images, run)
    return steps


def test_state_is_saved_within_epochs_too_once_a_minute_has_passed(
    begun, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoints, "LONGEST_SECONDS", 0.0)
    assert saved_steps(begun, images, tmp_path, monkeypatch) == list(range(16))


@pytest.mark.parametrize(("share", "steps"), [(1e9, [0, 5, 10, 15]), (0.0, [0])])
def test_state_is_saved_at_the_end_of_epochs_where_that_is_cheap(
    begun, images, tmp_path, monkeypatch, share, steps
):
    monkeypatch.setattr(checkpoints, "LARGEST_SHARE", share)
    assert saved_steps(begun, images, tmp_path, monkeypatch) == steps


def test_asked_to_stop_it_keeps_its_state_and_reports_it(begun, images, tmp_path):
    answers = iter([False, False, True])
    with pytest.raises(StoppedError, match=r"stopped after optimiser step 3 of 15; .*resume"):
        keep_training(begun, images, tmp_path, lambda: next(answers))
    kept = read_unfinished(tmp_path)
    assert kept is not None and kept.state.done == 3


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_metrics_have_a_line_for_each_epoch_and_none_left_half(begun, images, tmp_path):
    keep_training(begun, images, tmp_path)
    whole = lines(tmp_path)
    assert [entry.pop("epoch") for entry in whole] == [1, 2, 3]
    assert [entry.pop("seconds") for entry in lines(tmp_path)] == sorted(
        entry.pop("seconds") for entry in whole
    )
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    MetricsLog(tmp_path, [{"epoch": 1, "r2": float("nan")}], [2.0, 3.0], False)
    assert lines(tmp_path) == [{"epoch": 1, "r2": None, "seconds": 2.0}]


def test_time_goes_on_where_it_stopped(begun, images, tmp_path):
    late = dataclasses.replace(begun, seconds=[1000.0])
    keep_training(late, images, tmp_path)
    assert all(1000 < entry["seconds"] < 1100 for entry in lines(tmp_path))


def test_tensorboard_that_is_not_there_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"tensorboard: .* not installed .*metrics.jsonl"):
        MetricsLog(tmp_path, [], [], True)


@pytest.mark.parametrize("method", ["__init__", "add_scalar", "flush", "close"])
def test_a_full_disk_under_tensorboard_is_one_line_and_the_state_is_kept(
    begun, images, tmp_path, monkeypatch, method
):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    names = ("__init__", "add_scalar", "flush", "close")
    methods = {name: full if name == method else lambda *_, **__: None for name in names}
    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = type("Writer", (), methods)  # pyright: ignore
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    begun.options["tensorboard"] = True
    with pytest.raises(CheckpointError, match=r"tensorboard: cannot be written \(No space left"):
        keep_training(begun, images, tmp_path)
    assert read_unfinished(tmp_path) is not None


def test_tensorboard_gets_every_epoch_again_and_purges_the_old(
    begun, images, tmp_path, monkeypatch
):
    shown, made = [], []

    class Writer:
        def __init__(self, **options):
            made.append(options)

        def add_scalar(self, *values):
            shown.append(values)

        flush = close = lambda _: None

    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = Writer  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    begun.options["tensorboard"] = True
    _, history = keep_training(begun, images, tmp_path)
    MetricsLog(tmp_path, history[:2], [1.0, 2.0, 3.0], True).close()
    assert made == [{"log_dir": str(tmp_path / "tensorboard"), "purge_step": 1}] * 2
    assert [(v, at) for name, v, at in shown if name == "r2"] == [
        (entry["r2"], entry["epoch"]) for entry in history + history[:2]
    ]


def test_divergence_names_step_size_and_leaves_the_last_good_state(begun, images, tmp_path):
    bad = Images(**{f.name: getattr(images, f.name) for f in dataclasses.fields(images)})
    bad.__dict__["train"] = images.train.copy()
    bad.train[700, 3] = np.inf
    steps = []
    with pytest.raises(DivergenceError) as caught:
        fit(SMALL, bad, keep=lambda _, state: steps.append(state()))
    step = len(steps) + 1
    assert f"diverged at optimiser step {step} of 15: loss " in str(caught.value)
    step_size = np.exp(steps[-1].params["log_lr"])
    assert f"the model's step size was {step_size:.4g} " in str(caught.value)
    assert "diverge at too large a step size" in str(caught.value)
    assert "lower learning_rate= (0.004)" in str(caught.value)
    with pytest.raises(DivergenceError):
        keep_training(begun, bad, tmp_path)
    kept = read_unfinished(tmp_path)
    assert kept is not None
    assert all(np.isfinite(array).all() for array in kept.state.params.values())


def test_gradient_that_is_not_finite_does_not_reach_the_model(images, monkeypatch):
    states = []
    clip = torch.nn.utils.clip_grad_norm_

    def third_time_infinite(parameters, limit):
        return clip(parameters, limit) if len(states) < 2 else torch.tensor(torch.inf)

    monkeypatch.setattr(training.torch.nn.utils, "clip_grad_norm_", third_time_infinite)
    with pytest.raises(DivergenceError, match=r"step 3 of 15: loss \d.*gradient norm inf"):
        fit(SMALL, images, keep=lambda _, state: states.append(state()))


def test_one_process_at_a_time_writes_in_a_folder_and_clears_what_was_left(tmp_path):
    (tmp_path / f".{NAME}.123.tmp").write_bytes(b"half")
    (tmp_path / "notes.tmp").write_text("mine")
    with sole_writer(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["notes.tmp"]
        with (
            pytest.raises(TrainingError, match=r"another training is .*Wait"),
            sole_writer(tmp_path),
        ):
            pass
    with sole_writer(tmp_path):
        pass
