"""The command line: results, JSON keys, exit status and one-line errors."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ipvae.emulator import recording
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.rules import neuron_step
from ipvae.network.traces.trace import read_trace
from ipvae.workflows.running import backends


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


def assert_one_line_error(result, *parts):
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("ipvae: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def test_diff_of_equal_and_of_unequal_files(command, net, tmp_path, make_network):
    status, found, _ = command("diff", net, net, "--json", "-")
    assert (status, found["same"], found["runs_alike"], found["differences"]) == (0, True, True, [])
    write_network(tmp_path / "other.h5", make_network(payload_bits=7))
    status, found, _ = command("diff", net, tmp_path / "other.h5", "--json", "-")
    assert (status, found["same"], found["runs_alike"]) == (1, False, False)
    (difference,) = found["differences"]
    assert difference["path"] == "layer/1/neuron/messageBits"
    assert (difference["first"], difference["second"]) == (8, 7)
    assert found["checksums"][0] != found["checksums"][1]
    status, out, _ = command("diff", net, tmp_path / "other.h5")
    assert status == 1
    assert (
        "payload bits of a count" in out and "different: 1 field differs, " in out.splitlines()[0]
    )
    assert_one_line_error(command("diff", net, tmp_path / "none.h5"), "none.h5", "check the path")


def test_outputs_do_not_overwrite_inputs_or_each_other(command, net, tmp_path):
    before = net.read_bytes()
    other, link = tmp_path / "o.h5", tmp_path / "link.h5"
    link.symlink_to(net)
    for words in (
        ("--trace", net),
        ("--trace", link),
        ("--trace", other, "--record-draws", other),
        ("--record-draws", other, "--json", tmp_path / "." / "o.h5"),
    ):
        result = command("run", net, "--samples", 1, "--steps", 1, *words)
        assert_one_line_error(result, "which is", "give another path")
    assert not other.exists()
    assert net.read_bytes() == before


@pytest.mark.parametrize("where", ["", "."])
def test_a_folder_in_the_place_of_an_output_is_reported_before_the_run(command, net, where):
    result = command("run", net, "--samples", 1, "--steps", 1, "--trace", where)
    assert_one_line_error(result, "cannot write there (it is a folder)")


def test_odd_provenance_does_not_harm_the_commands(command, tmp_path, make_network):
    odd = {"data": 5, "\x1b[31m": "\ud800\x1b]0;x\x07"}
    for name, provenance in (("a.h5", odd), ("b.h5", {"data": {"preset": "\x1b[2J"}})):
        write_network(tmp_path / name, dataclasses.replace(make_network(), provenance=provenance))
    status, out, _ = command("diff", tmp_path / "a.h5", tmp_path / "b.h5")
    assert status == 1
    assert "\x1b" not in out and "\\ud800" in out
    for name in ("a.h5", "b.h5"):
        result = command("run", tmp_path / name, "--data-dir", tmp_path)
        assert_one_line_error(result, "names no known data set")
        assert result[2][:-1].isprintable()


def test_run_reports_the_contract_keys_and_writes_a_trace(command, net, tmp_path):
    status, found, _ = command(
        "run", net, "--samples", 3, "--steps", 9, "--trace", tmp_path / "t.h5", "--json", "-"
    )
    assert status == 0
    assert found["backend"] == "emulator"
    assert (found["samples"], found["steps"]) == (3, 9)
    z = read_trace(tmp_path / "t.h5").stacked("1", "z")
    assert z.shape == (3, 10, 16)
    assert found["spikes"] == z.sum()
    assert found["zeros"] == pytest.approx((z == 0).mean())
    assert found["saturations"] == sum(found["saturations_by_variable"].values())
    assert found["image_steps_per_second"] > 0


def test_verify_two_names_for_equal_runs(command, net, monkeypatch):
    monkeypatch.setattr(backends, "BACKENDS", ("emulator", "twin"))
    run_backend = backends.run_backend
    monkeypatch.setattr(
        "ipvae.workflows.verify.run_backend",
        lambda _, *rest, **options: run_backend("emulator", *rest, **options),
    )
    status, found, _ = command(
        "verify", net, "--backends", "emulator,twin", "--samples", 4, "--steps", 7, "--json", "-"
    )
    assert status == 0
    assert found["bit_exact"] is True
    assert found["compared_values"] == 4 * 8 * 3 * 16
    assert found["first_divergence"] is None
    assert found["max_count"] > 1


def one_weight(network):
    weight = network.layer.weight_rec.copy()
    weight[3, 5] += 1
    return changed_layer(network, weight_rec=weight)


def changed_layer(network, **parts):
    from dataclasses import replace

    return replace(network, layer=replace(network.layer, **parts))


def sound(network):
    return network


@pytest.mark.parametrize("kind", ["weight", "rounding", "draw"])
def test_verify_notices_one_change_and_states_where(command, net, monkeypatch, stepwise, kind):
    """One weight, one rounding or one draw of the second backend differs."""
    reference = recording.run
    network = read_network(net)
    truth = reference(network, network.test_images[:4], 20, 0)

    def altered(name, network, images, steps, seed, *_, **__):
        if name == "emulator":
            return reference(network, images, steps, seed)
        if kind == "weight":
            return reference(one_weight(network), images, steps, seed)
        if kind == "draw":
            draws = truth.stacked("1", "z").copy()
            draws[2, 11, 6] ^= 1
            return reference(network, images, steps, seed, draws=draws)
        with monkeypatch.context() as patch:  # toward zero in place of toward minus infinity
            original = neuron_step.scale_input
            patch.setattr(neuron_step, "scale_input", lambda a, e: original(a + (a < 0), e))
            return stepwise.run(network, images, steps, seed)

    monkeypatch.setattr("ipvae.workflows.verify.run_backend", altered)
    status, found, _ = command(
        "verify", net, "--backends", "emulator,lava", "--samples", 4, "--steps", 20, "--json", "-"
    )
    where = found["first_divergence"]
    assert status == 1
    assert found["bit_exact"] is False
    assert where["layer"] == "1"
    recorded = truth.samples[where["sample"]]["1"][where["variable"]]
    assert recorded[where["step"], where["index"]] == where["expected"] != where["found"]
    if kind == "weight":
        assert (where["variable"], where["index"]) == ("a_in", 3)
    if kind == "rounding":
        assert where["variable"] == "u"
    if kind == "draw":
        assert (where["sample"], where["step"], where["variable"], where["index"]) == (
            2,
            11,
            "z",
            6,
        )


def test_check_exits_1_where_a_limit_is_exceeded(command, tmp_path, make_network):
    write_network(
        tmp_path / "wide.h5",
        make_network(k=80, weight_rec=np.full((80, 80), 127, np.int8), payload_bits=20),
    )
    status, found, _ = command("check", tmp_path / "wide.h5", "--json", "-")
    assert status == 1
    assert found["ok"] is False
    assert found["overflow_proved"] is False
    assert set(found["violations"][0]) == {"rule", "found", "allowed", "where"}


def test_check_of_a_good_network(command, net):
    status, found, _ = command("check", net, "--json", "-")
    assert status == 0
    assert found["ok"] and found["overflow_proved"] and found["cores"] == 1


def test_report_has_counts_energy_and_quality(command, net, tmp_path):
    status, found, _ = command(
        "report", net, "--out", tmp_path / "report", "--samples", 5, "--steps", 6, "--json", "-"
    )
    assert status == 0
    assert set(found["counts"]) >= {
        "synaptic_ops",
        "count_weighted_ops",
        "effective_macs",
        "spikes",
        "neuron_updates",
        "drive_macs",
        "readout_ops",
        "updates_active",
        "updates_idle",
        "draws",
        "random_words",
    }
    assert {"layers", "by_step", "by_image", "cores"} <= set(found)
    names = {"model", "kind", "chip", "source", "assumptions"}
    for row in found["energy"]:
        assert set(row) == names | {"part", "low_j", "high_j"}
    for row in found["time"]:
        assert set(row) == names | {"low_s", "high_s"}
    assert set(found["quality"]) == {"mse", "r2", "zeros"}
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == found
    assert "No Loihi 2 was measured" in found["status"]


def test_evaluate_a_network_gives_a_curve(command, net):
    status, found, _ = command("evaluate", net, "--steps", "2,8", "--json", "-")
    assert status == 0
    assert [p["step"] for p in found["curve"]] == [2, 8]
    assert (found["samples"], found["steps"], found["r2"]) == (5, 8, found["curve"][-1]["r2"])


def test_json_to_a_file_keeps_the_text(command, net, tmp_path):
    status, out, _ = command("info", net, "--json", tmp_path / "i.json")
    assert status == 0
    assert "integer network" in out
    assert json.loads((tmp_path / "i.json").read_text())["neurons"] == 16


def test_images_of_ones_own(command, net, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 12)))
    status, found, _ = command(
        "run", net, "--images", tmp_path / "x.npy", "--samples", 3, "--steps", 2, "--json", "-"
    )
    assert (status, found["samples"]) == (0, 3)


def test_imported_arrays_are_exported_and_run(command, tmp_path, rng):
    arrays = {
        "phi": rng.normal(size=(9, 6)) * 0.3,
        "sigma": np.ones(9),
        "step_size": 0.5,
        "bias": np.full(6, 0.05),
        "u0": np.full(6, -2.0),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    np.save(tmp_path / "x.npy", rng.uniform(0, 1, (20, 9)))
    assert command("import", tmp_path / "a.npz", "--out", tmp_path / "m")[0] == 0
    exporting = ("export", tmp_path / "m", "--out", tmp_path / "n.h5")
    assert_one_line_error(command(*exporting), "--images")
    assert command(*exporting, "--images", tmp_path / "x.npy")[0] == 0
    status, found, _ = command("run", tmp_path / "n.h5", "--json", "-")
    assert (status, found["samples"]) == (0, 16)


MODELS = Path(__file__).resolve().parents[2] / "models"
DIGITS = ["train", "--preset", "digits", "--out", "{tmp}"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["frobnicate"], "frobnicate"),
        (["run"], "NET.h5"),
        (["run", "none.h5"], "none.h5"),
        (["run", "{net}", "--backend", "gpu"], "allowed emulator, lava, lava-stock, loihi2"),
        (["run", "{net}", "--samples", "0"], "--samples"),
        (["run", "{net}", "--samples", "6"], "allowed up to 5"),
        (["run", "{net}", "--steps", "many"], "--steps"),
        (["run", "{net}", "--trace", "/proc/none/t.h5", "--samples", "2"], "cannot write there"),
        (["run", "{net}", "--images", "none.npy"], "none.npy"),
        (["run", "{net}", "--data-dir", "none"], "no known data set"),
        (["run", "{net}", "--backend", "loihi2", "--samples", "2"], "Intel's extension lava-loihi"),
        (
            ["run", "{net}", "--profile", "log.csv"],
            "--profile: found --backend emulator, allowed is",
        ),
        (["verify", "{net}", "--backends", "emulator"], "two or more"),
        (["verify", "{net}", "--backends", "emulator,x"], "allowed emulator"),
        (["check", "{net}", "--target", "loihi9"], "allowed loihi2, kapoho-point, hala-point"),
        (["evaluate", "{net}", "--steps", "0"], "--steps"),
        (["evaluate", "{net}", "--steps", "524288"], "allowed 1 to 524287"),
        (["evaluate", "none"], "none"),
        (["info", "none.h5"], "none.h5"),
        (["train", "--preset", "nope", "--out", "{tmp}"], "allowed are digits, patches, mnist"),
        (["train", "--preset", "digits", "--out", "/proc/none"], "cannot write there"),
        (["train", "--preset", "mnist", "--out", "{tmp}", "--data-dir", "none"], "none"),
        ([*DIGITS, "--set", "kl"], "--set: found 'kl', allowed is NAME=VALUE"),
        ([*DIGITS, "--set", "tau=1"], "--set: no setting 'tau', allowed are activity_price"),
        ([*DIGITS, "--set", "version=1"], "--set: no setting 'version', allowed are activity"),
        ([*DIGITS, "--device", ""], "device '' cannot be used here"),
        (["evaluate", "{net}", "--steps", "²"], "--steps: found '²', allowed positive numbers"),
        (["evaluate", "{net}", "--steps", "9" * 5000], "allowed positive numbers such as"),
        ([*DIGITS, "--set", "steps=3", "--steps", "3"], "'steps' was given twice"),
        ([*DIGITS, "--set", "first_steps=99"], "'first_steps' is 99; allowed are 0 to 'steps'"),
        ([*DIGITS, "--init-from", "none"], "none"),
        (["train", "--resume", "--init-from", "x", "--out", "{tmp}"], "--resume and --init-from"),
        (["export", "none", "--out", "{tmp}/x.h5"], "none"),
        (["import", "none.npz", "--out", "{tmp}/x"], "none.npz"),
        (["import", "model.pth", "--out", "{tmp}/x"], "allowed are .pt files of IterativeVAE"),
        (["import", "none.pt", "--out", "{tmp}/x"], "none.pt: cannot be read"),
        (["import", "none.npz", "--steps", "3", "--out", "{tmp}/x"], "describe a .pt file"),
        (["report", "{net}", "--out", "/proc/none", "--samples", "2"], "cannot write there"),
        (["info", "{net}", "--json", "/proc/none/x.json"], "cannot write there"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_2(command, net, tmp_path, words, part):
    filled = [word.format(net=net, tmp=tmp_path) for word in words]
    before = sorted(tmp_path.rglob("*"))
    assert_one_line_error(command(*filled), part)
    assert sorted(tmp_path.rglob("*")) == before


def test_training_begins_at_given_weights_with_given_settings(command, tmp_path):
    words = ("train", "--preset", "digits", "--epochs", 1, "--latents", 8, "--steps", 2)
    assert command(*words, "--out", tmp_path / "a")[0] == 0
    more = ("--init-from", tmp_path / "a", "--set", "learning_rate=1e-9", "--set", "kl=exact")
    status, found, _ = command(*words, *more, "--out", tmp_path / "b", "--json", "-")
    assert status == 0
    assert (found["config"]["learning_rate"], found["config"]["kl"]) == (1e-9, "exact")
    start = json.loads((tmp_path / "b" / "model.json").read_text())["start"]
    assert len(start) == 64
    assert "start" not in json.loads((tmp_path / "a" / "model.json").read_text())
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert all(np.abs(one[name] - two[name]).max() < 1e-6 for name in one)  # 15 steps of 1e-9


def test_given_weights_must_fit_and_bring_their_step_size(command, tmp_path):
    words = ("train", "--preset", "digits", "--epochs", 1, "--latents", 8, "--steps", 2)
    assert command(*words, "--out", tmp_path / "a")[0] == 0
    more = ("--init-from", tmp_path / "a", "--out", tmp_path / "b")
    other = command(*words, *more, "--model", "iavae")
    assert_one_line_error(other, "is of kind ipvae, and the model to train iavae; begin from a")
    both = command(*words, *more, "--set", "step_size=0.1")
    assert_one_line_error(both, "--set step_size and --init-from: the weights bring their own")
    assert not (tmp_path / "b").exists()


def test_a_model_to_begin_with_states_what_it_is(command, tmp_path):
    words = ("train", "--epochs", 1, "--steps", 2)
    first = ("--preset", "digits", "--latents", 8, "--out", tmp_path / "a")
    assert command(*words, *first)[0] == 0
    more = ("--init-from", tmp_path / "a", "--weight-bits", 4, "--json", "-")
    status, found, _ = command(*words, *more, "--out", tmp_path / "b")
    assert status == 0
    config = found["config"]
    assert (config["preset"], config["latents"], config["model"]) == ("digits", 8, "ipvae")
    other = command(*words, *more, "--latents", 9, "--out", tmp_path / "c")
    assert_one_line_error(other, "phi")
    assert_one_line_error(command("train", "--init-from", tmp_path / "x", "--out", tmp_path), "x")


def test_images_without_labels_are_not_classified(command):
    for flag in ("--probe", "--neighbours", "--dimensionality"):
        found = command("evaluate", MODELS / "patches", "--samples", 3, "--steps", 1, flag)
        assert_one_line_error(found, f"{flag}: the images of patches have no labels; omit it")


def test_place_for_pictures_is_looked_at_before_training(command, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pictures").write_text("not a folder")
    words = ("train", "--preset", "digits", "--epochs", 1, "--out", tmp_path / "run", "--pictures")
    assert_one_line_error(command(*words), "pictures: cannot write there")
    assert not (tmp_path / "run" / "model.json").exists()


def test_process_that_is_not_of_its_team_is_reported(command, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = ("train", "--preset", "digits", "--out", tmp_path / "run")
    assert_one_line_error(command(*words), "could not be joined (RANK is not set). Start all of")
    monkeypatch.setenv("RANK", "5")
    assert_one_line_error(command(*words), "RANK is 5, allowed are 0 to WORLD_SIZE - 1")


def test_global_flags_may_follow_the_command(command, net):
    assert command("info", net, "--quiet")[0] == 0
    assert command("--quiet", "info", net)[0] == 0


def test_verbose_states_how_long_each_part_took(command, net):
    status, _, err = command("run", net, "--samples", 2, "--steps", 3, "--verbose")
    assert status == 0
    assert "running 2 images for 3 steps on emulator: " in err


def test_version(command):
    assert command("--version")[1].startswith("ipvae 0.")
