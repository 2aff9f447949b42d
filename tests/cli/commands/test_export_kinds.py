"""Every kind of network that `ipvae export` makes, through the commands that take it."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.network.io.network_file import read_network, write_network

# Of each model a little training, with so small a beta that its neurons have work to do.
MODELS = {
    "ipvae": ("--epochs", 12, "--beta", 0.5),
    "pvae-mlp": ("--epochs", 20, "--beta", 0.2),
    "pvae-linear": ("--epochs", 30, "--beta", 0.2),
}
# One draw of each image is judged: between seeds, R2 of these models differs by .02 (standard
# deviation), float model less network by .025 (measured on six seeds each).
AMORTIZED_LOSS = 0.03
KINDS = {
    "recurrent": ("ipvae", ()),
    "error-units": ("ipvae", ("--layout", "error-units")),
    "lca": ("ipvae", ("--inference", "lca", "--threshold", 0.2)),
    "mlp": ("pvae-mlp", ("--most-loss", AMORTIZED_LOSS)),
    "linear": ("pvae-linear", ("--most-loss", AMORTIZED_LOSS)),
}
LAYERS = {
    "recurrent": ["code", "decoder", "classes"],
    "error-units": ["hidden", "code", "decoder", "classes"],
    "lca": ["code", "decoder", "classes"],
    "mlp": ["hidden", "code", "decoder", "classes"],
    "linear": ["code", "decoder", "classes"],
}
SOURCES_SHOWN = {"error-units": ["image", "layer 2"], "mlp": ["image"]}
SHIPPED = Path(__file__).resolve().parents[3] / "models"
READOUTS = ("--readout", "decoder,classes")


def silently(*words):
    """Run a command whose output no test is to find."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert run_command([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model's folder, trained when asked for: 64 pixels, 16 neurons."""
    home = tmp_path_factory.mktemp("models")

    def train(model):
        folder = home / model
        if not folder.exists():
            words = ("--model", model, "--preset", "digits", "--latents", 16, *MODELS[model])
            silently("train", *words, "--out", folder)
        return folder

    return train


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """Network file and report of a kind with both read-outs, made when asked for."""
    home = tmp_path_factory.mktemp("networks")

    def export(kind):
        net, report = home / f"{kind}.h5", home / f"{kind}.json"
        if not net.exists():
            model, options = KINDS[kind]
            words = (*READOUTS, *options, "--json", report)
            silently("export", trained(model), "--out", net, *words)
        return net, json.loads(report.read_text())

    return export


@pytest.fixture
def options(trained, tmp_path):
    """Export the iterative model with some options: report and network."""

    def export(*words):
        net, report = tmp_path / "net.h5", tmp_path / "report.json"
        silently("export", trained("ipvae"), "--out", net, *words, "--json", report, "--overwrite")
        return json.loads(report.read_text()), read_network(net)

    return export


def one_line(result, status, *parts):
    found, out, err = result
    *before, last = err.splitlines()
    assert (found, out) == (status, "") and last.startswith("ipvae: ")
    assert all(" read as " in line or ": warning: " in line for line in before)
    for part in parts:
        assert part in err


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_covers_every_layer(exported, kind):
    net, found = exported(kind)
    network = read_network(net)
    layers = found["layers"]
    assert [one["layer"] for one in layers] == list(network.layers)
    for one in layers:
        layer = network.layers[one["layer"]]
        assert one["neurons"] == layer.n_neurons
        for name, grid in one["grids"].items():
            integers = getattr(layer, name)
            assert grid["range"] == [integers.min(), integers.max()]
            assert grid["zeros"] == (integers == 0).sum()
            assert grid["weights"] == integers.size
            assert np.log2(grid["scale"]) % 1 == 0 and grid["clipped"] >= 0
            assert grid["relative_error"] < 0.03
        assert set(one["grids"]) >= ({"weight_rec"} if layer.weight_rec is not None else set())
        assert set(one["grids"]) >= ({"weight"} if layer.weight is not None else set())
        assert one["widest_accumulator"] <= 2**23 - 1
        assert (one["widest_accumulator"] > 0) == (layer.weight_rec is not None)
        assert one["widest_accumulator"].bit_length() + 1 == one["accumulator_bits"] <= 24
        assert one["reach"]["a_in"] <= one["widest_accumulator"]
        for low, high in one["bounds"].values():
            assert low <= high
        assert 0 <= one["silent_neurons"] < one["neurons"]
        assert 0 <= one["saturated_neurons"] <= one["neurons"]
    of_readouts = [one["saturations"]["z"] for one in layers if one["role"] == "readout"]
    assert of_readouts == [0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_lists_what_was_lost(exported, kind):
    """R2, MSE and zeros of 256 images are near the float model's."""
    most = AMORTIZED_LOSS if KINDS[kind][0] != "ipvae" else 0.05
    _, found = exported(kind)
    integer, real = found["calibration"]["integer"], found["calibration"]["float"]
    for figures in (integer, real):
        keys = {"r2", "mse", "zeros", "silent_neurons", "saturated_neurons"}
        assert keys <= figures.keys()
        assert figures["silent_neurons"] < 16 and figures["saturated_neurons"] == 0
    assert found["loss"] == {key: integer[key] - real[key] for key in ("r2", "mse", "zeros")}
    assert real["r2"] > 0.3
    assert abs(found["loss"]["r2"]) < most and abs(found["loss"]["zeros"]) < 0.05
    assert integer["mse"] < 1.15 * real["mse"]
    assert (integer["images"], integer["steps"]) == (256, real["steps"])
    steps = [64] if KINDS[kind][0] != "ipvae" else [64, 512]
    for figures in (integer, real):
        assert [point["step"] for point in figures["curve"]] == steps
        assert figures["curve"][-1]["r2"] == figures["r2"]
    assert found["check"]["ok"]


@pytest.mark.parametrize("kind", KINDS)
def test_check_passes_and_info_names_the_layers(command, exported, kind):
    net, report = exported(kind)
    assert command("check", net)[0] == 0
    status, found, _ = command("info", net, "--json", "-")
    assert (status, found["overflow_proved"]) == (0, True)
    assert [layer["role"] for layer in found["layers"]] == LAYERS[kind]
    sources = {layer["role"]: layer["receives"] for layer in found["layers"]}
    code = str(LAYERS[kind].index("code") + 1)
    assert sources["decoder"] == sources["classes"] == [f"layer {code}"]
    assert sources.get("hidden") == SOURCES_SHOWN.get(kind)
    assert found["chip_steps_per_update"] == (2 if kind == "error-units" else 1)
    assert [layer["neurons"] for layer in found["layers"]][-2:] == [64, 10]
    of = found["provenance"]
    assert of["readouts"] == ["decoder", "classes"]
    assert of["inference"] == ("lca" if kind == "lca" else "model")
    assert of.get("threshold") == (0.2 if kind == "lca" else None)
    layout = {"error-units": "error-units", "mlp": "feed-forward", "linear": "feed-forward"}
    assert of["layout"] == report["layout"] == layout.get(kind, "recurrent")
    status, out, _ = command("info", net)
    assert status == 0 and all(role in out for role in LAYERS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_judges_the_read_outs(command, exported, kind):
    """Chance is 6.4 of 64 images; 20 or more have a probability of 3e-6 (binomial)."""
    net, _ = exported(kind)
    status, found, _ = command("evaluate", net, "--json", "-")
    assert (status, found["samples"]) == (0, 64)
    decoder, classes = found["readouts"]
    assert (decoder["name"], classes["name"]) == ("decoder", "classes")
    assert abs(decoder["r2"] - found["r2"]) < 0.01
    assert decoder["mse"] == pytest.approx(found["mse"], rel=0.03)
    assert classes["accuracy"] >= 20 / 64
    status, out, _ = command("evaluate", net)
    assert f"accuracy {classes['accuracy']:.2%}" in " ".join(out.split())


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("kind", KINDS)
def test_report_counts(command, exported, tmp_path, kind):
    net, _ = exported(kind)
    words = ("--samples", 3, "--steps", 8, "--json", "-")
    status, found, _ = command("report", net, "--out", tmp_path, *words)
    assert status == 0
    assert all(value >= 0 for value in found["counts"].values())
    assert any(value > 0 for name, value in found["counts"].items() if "spike" in name)
    assert found["energy"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lca"])
def test_a_trace_of_a_run_is_verified_bit_for_bit(command, exported, tmp_path, kind):
    net, _ = exported(kind)
    trace, layers = tmp_path / "t.h5", read_network(net).layers
    assert command("run", net, "--samples", 4, "--steps", 12, "--trace", trace)[0] == 0
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert (status, found["bit_exact"], found["not_recorded"]) == (0, True, [])
    neurons = sum(layer.n_neurons for layer in layers.values())
    assert found["compared_values"] == 4 * 13 * (3 * neurons - 16)  # not the counts, replayed


def test_sparse_coding_draws_nothing_that_a_trace_could_replay(command, exported, tmp_path):
    net, _ = exported("lca")
    trace = tmp_path / "t.h5"
    assert command("run", net, "--samples", 2, "--steps", 3, "--trace", trace)[0] == 0
    one_line(command("verify", net, "--trace", trace), 2, "the network draws nothing")


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_lava_computes_the_same_bits(command, exported, kind):
    net, _ = exported(kind)
    words = ("--samples", 2, "--steps", 4, "--json", "-")
    status, found, err = command("verify", net, *words)
    assert (status, found["bit_exact"]) == (0, True), err
    assert found["backends"] == ["emulator", "lava"]


def test_weights_of_four_bits_are_coarser(exported, options):
    _, eight = exported("recurrent")
    found, network = options("--weight-bits", 4, *READOUTS)
    for before, after in zip(eight["layers"], found["layers"], strict=True):
        fine, coarse = (one["grids"]["weight_rec"] for one in (before, after))
        assert max(map(abs, coarse["range"])) <= 7 < max(map(abs, fine["range"]))
        assert coarse["relative_error"] > 4 * fine["relative_error"]
    assert found["weight_bits"] == network.provenance["weight_bits"] == 4
    assert found["clipped_weights"] == found["layers"][0]["grids"]["weight_rec"]["clipped"]
    assert found["zero_weights"] >= 16  # the diagonal at least


def test_a_decoder_fitted_anew_is_better_and_all_else_is_the_same(options):
    plain, before = options("--weight-bits", 4)
    refit, after = options("--weight-bits", 4, "--refit-decoder")
    assert refit["calibration"]["integer"]["mse"] < plain["calibration"]["integer"]["mse"]
    assert refit["loss"]["r2"] > plain["loss"]["r2"]
    assert refit["calibration"]["float"] == plain["calibration"]["float"]
    assert refit["loss"]["zeros"] == plain["loss"]["zeros"]
    np.testing.assert_array_equal(before.layer.weight_rec, after.layer.weight_rec)
    assert (before.decoder != after.decoder).any()
    assert after.provenance["refit_decoder"] and after.provenance["refit"]["images"] == 1437
    assert not before.provenance["refit_decoder"] and "refit" not in before.provenance


def test_a_decoder_read_out_shows_the_decoder_fitted_anew(options):
    _, network = options("--refit-decoder", "--readout", "decoder")
    (layer,) = network.readouts
    shown = layer.weight_rec * (layer.unit * 2.0**-layer.shift)
    assert np.abs(shown - network.decoder).max() < 0.02 * np.abs(network.decoder).max()
    assert network.provenance["readouts"] == ["decoder"]


def test_a_higher_threshold_leaves_fewer_neurons_at_work(options):
    low, high = (
        options("--inference", "lca", "--threshold", threshold)[0] for threshold in (0.1, 1.0)
    )
    for kind in ("integer", "float"):
        assert high["calibration"][kind]["zeros"] > low["calibration"][kind]["zeros"] + 0.02
    assert options("--inference", "lca")[0]["checksum"] == low["checksum"]  # 0.1 if not given


def test_a_network_that_lost_too_much_is_not_written_until_that_is_allowed(
    command, trained, tmp_path, make_network
):
    net = tmp_path / "net.h5"
    write_network(net, make_network())
    before = net.read_bytes()
    words = ("export", trained("ipvae"), "--out", net, "--overwrite", "--weight-bits", 2)
    words += ("--layout", "error-units", "--json", "-")
    refused = command(*words, "--most-loss", 0.005)
    one_line(
        refused,
        1,
        "R2 after ",
        " falls from 0.",
        "allowed 0.005. Remedies: use more --weight-bits, refit the decoder",
    )
    assert [(file, file.read_bytes()) for file in tmp_path.iterdir()] == [(net, before)]
    enough = refused[2].split("--most-loss ")[1].strip()
    status, found, _ = command(*words, "--most-loss", enough)
    assert (status, read_network(net).provenance["weight_bits"]) == (0, 2)
    real, integer = (found["calibration"][kind]["curve"] for kind in ("float", "integer"))
    worst = max(x["r2"] - y["r2"] for x, y in zip(real, integer, strict=True))
    assert 0.005 < worst <= float(enough)


LCA = ("--inference", "lca")
NO_LOOP = "--layout: {model} holds a model 'pvae-linear', which has no loop; omit it"


@pytest.mark.parametrize(
    ("model", "options", "part"),
    [
        ("ipvae", ("--layout", "dense"), "found 'dense', allowed recurrent, error-units"),
        ("ipvae", ("--inference", "ista"), "--inference: found 'ista', allowed model, lca"),
        ("ipvae", ("--readout", "decoder,x"), "found 'decoder,x', allowed decoder, classes or"),
        ("ipvae", ("--readout", "classes,classes"), "--readout: found 'classes,classes', allowed"),
        ("ipvae", ("--threshold", 0.1), "--threshold: needs --inference lca"),
        ("ipvae", (*LCA, "--threshold", 0), "threshold is 0.0; allowed are numbers above 0"),
        ("ipvae", (*LCA, "--layout", "error-units"), "--layout error-units: not with --inference"),
        ("ipvae", ("--weight-bits", 9), "--weight-bits: found 9, allowed 2 to 8"),
        ("ipvae", ("--weight-bits", 1, *LCA), "--weight-bits: found 1, allowed 2 to 8"),
        ("ipvae", ("--most-loss", -1), "--most-loss"),
        ("ipvae", ("--readout", "classes", "--images", "{images}"), "needs labelled images"),
        ("pvae-linear", ("--layout", "error-units"), NO_LOOP),
        ("patches", ("--readout", "classes"), "the images of patches have no labels"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command, trained, tmp_path, model, options, part
):
    folder = SHIPPED / model if model == "patches" else trained(model)
    images = tmp_path / "images.npy"
    np.save(images, np.ones((3, 64), np.int16))
    words = [str(option).format(images=images) for option in options]
    refused = command("export", folder, "--out", tmp_path / "net.h5", *words)
    one_line(refused, 2, part.format(model=folder))
    assert list(tmp_path.iterdir()) == [images]
