"""Every kind of network that `ipvae export` makes, through the commands that take it."""

import json

import numpy as np
import pytest

from ipvae.network.file import read_network

# Of each model a little training, with so small a beta that its neurons have work to do.
MODELS = {
    "ipvae": ("--epochs", 12, "--beta", 0.5),
    "pvae-mlp": ("--epochs", 20, "--beta", 0.2),
    "pvae-linear": ("--epochs", 30, "--beta", 0.2),
}
KINDS = {
    "recurrent": ("ipvae", ()),
    "error-units": ("ipvae", ("--layout", "error-units")),
    "lca": ("ipvae", ("--inference", "lca", "--threshold", 0.2)),
    "mlp": ("pvae-mlp", ()),
    "linear": ("pvae-linear", ()),
}
LAYERS = {
    "recurrent": ["code", "decoder", "classes"],
    "error-units": ["hidden", "code", "decoder", "classes"],
    "lca": ["code", "decoder", "classes"],
    "mlp": ["hidden", "code", "decoder", "classes"],
    "linear": ["code", "decoder", "classes"],
}
HEARD = {"error-units": ["image", "layer 2"], "mlp": ["image"]}
READOUTS = ("--readout", "decoder,classes")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model's folder, trained when asked for: 64 pixels, 16 neurons."""
    from ipvae.cli.main import run_command

    home = tmp_path_factory.mktemp("models")

    def train(model):
        folder = home / model
        if not folder.exists():
            words = ["train", "--model", model, "--preset", "digits", "--latents", 16]
            words += [*MODELS[model], "--out", folder, "--quiet"]
            assert run_command([str(word) for word in words]) == 0
        return folder

    return train


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """Network file and report of a kind with both read-outs, made when asked for."""
    from ipvae.cli.main import run_command

    home = tmp_path_factory.mktemp("networks")

    def export(kind):
        net, report = home / f"{kind}.h5", home / f"{kind}.json"
        if not net.exists():
            model, options = KINDS[kind]
            words = ["export", trained(model), "--out", net, "--json", report, "--quiet"]
            assert run_command([str(w) for w in [*words, *READOUTS, *options]]) == 0
        return net, json.loads(report.read_text())

    return export


@pytest.fixture
def model(trained, capsys):
    """The iterative model's folder; what training printed is taken."""
    folder = trained("ipvae")
    capsys.readouterr()
    return folder


def one_line(result, status, *parts):
    found, out, err = result
    assert (found, out, err.count("\n")) == (status, "", 1)
    for part in parts:
        assert part in err


@pytest.mark.parametrize("kind", KINDS)
def test_the_report_tells_of_every_layer(exported, kind):
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
def test_the_report_tells_what_was_lost(exported, kind):
    """In 256 images R2, MSE and zeros are near the float model's."""
    _, found = exported(kind)
    integer, real = found["calibration"]["integer"], found["calibration"]["float"]
    for figures in (integer, real):
        keys = {"r2", "mse", "zeros", "silent_neurons", "saturated_neurons"}
        assert keys <= figures.keys()
        assert figures["silent_neurons"] < 16 and figures["saturated_neurons"] == 0
    assert found["loss"] == {key: integer[key] - real[key] for key in ("r2", "mse", "zeros")}
    assert real["r2"] > 0.3
    assert abs(found["loss"]["r2"]) < 0.05 and abs(found["loss"]["zeros"]) < 0.05
    assert integer["mse"] < 1.1 * real["mse"]
    assert (integer["images"], integer["steps"]) == (256, 64)
    assert found["check"]["ok"]


@pytest.mark.parametrize("kind", KINDS)
def test_check_passes_and_info_names_the_layers(command, exported, kind):
    net, report = exported(kind)
    assert command("check", net)[0] == 0
    status, found, _ = command("info", net, "--json", "-")
    assert (status, found["overflow_proved"]) == (0, True)
    assert [layer["role"] for layer in found["layers"]] == LAYERS[kind]
    hears = {layer["role"]: layer["hears"] for layer in found["layers"]}
    code = str(LAYERS[kind].index("code") + 1)
    assert hears["decoder"] == hears["classes"] == [f"layer {code}"]
    assert hears.get("hidden") == HEARD.get(kind)
    assert found["chip_steps_per_update"] == (2 if kind == "error-units" else 1)
    assert [layer["neurons"] for layer in found["layers"]][-2:] == [64, 10]
    told = found["provenance"]
    assert told["readouts"] == ["decoder", "classes"]
    assert told["inference"] == ("lca" if kind == "lca" else "model")
    assert told.get("threshold") == (0.2 if kind == "lca" else None)
    layout = {"error-units": "error-units", "mlp": "feed-forward", "linear": "feed-forward"}
    assert told["layout"] == report["layout"] == layout.get(kind, "recurrent")
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


@pytest.mark.parametrize("kind", KINDS)
def test_report_counts(command, exported, tmp_path, kind):
    net, _ = exported(kind)
    words = ("--samples", 3, "--steps", 8, "--json", "-")
    status, found, _ = command("report", net, "--out", tmp_path, *words)
    assert status == 0
    assert all(value >= 0 for value in found["counts"].values())
    assert any(value > 0 for name, value in found["counts"].items() if "spike" in name)
    assert found["energy"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_of_a_run_is_verified_bit_for_bit(command, exported, tmp_path, kind):
    net, _ = exported(kind)
    trace, layers = tmp_path / "t.h5", read_network(net).layers
    assert command("run", net, "--samples", 4, "--steps", 12, "--trace", trace)[0] == 0
    if kind == "lca":
        one_line(command("verify", net, "--trace", trace), 2, "draw")
        return
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert (status, found["bit_exact"], found["not_recorded"]) == (0, True, [])
    neurons = sum(layer.n_neurons for layer in layers.values())
    assert found["compared_values"] == 4 * 13 * (3 * neurons - 16)  # not the counts, replayed


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_lava_computes_the_same_bits(command, exported, kind):
    net, _ = exported(kind)
    words = ("--samples", 2, "--steps", 4, "--json", "-")
    status, found, err = command("verify", net, *words)
    assert (status, found["bit_exact"]) == (0, True), err
    assert found["backends"] == ["emulator", "lava"]
