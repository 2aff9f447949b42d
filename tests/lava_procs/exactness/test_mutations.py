"""`ipvae verify` finds one altered integer in each kind of network: it compares what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.emulator import recording
from ipvae.lava_procs import runner
from ipvae.lava_procs.importing import import_lava
from ipvae.network.io.network_file import write_network

pytestmark = pytest.mark.lava()

K, SEED, STEPS = 16, 3, 20
NEURON = 3
"""Whose number is altered."""

CASES = [
    (kind, part)
    for kind, last in (
        ("recurrent", "u_init"),
        ("errors", "u_init"),
        ("linear", "u_init"),
        ("mlp", "u_init"),
        ("lca", "threshold"),
    )
    for part in ("weight_rec", "bias", last)
]


# In every run each kind, and each part, at least once.
OFTEN = {
    ("recurrent", "weight_rec"),
    ("recurrent", "u_init"),
    ("errors", "bias"),
    ("linear", "weight_rec"),
    ("mlp", "bias"),
    ("lca", "threshold"),
}


@pytest.fixture(scope="module")
def networks(exported):
    import_lava()
    kinds = {kind for kind, _ in CASES}
    return {
        kind: exported.network(kind, 8, K, SEED, "decoder" if kind == "linear" else "none")
        for kind in kinds
    }


def busiest(network, source):
    """The neuron that sends most, of which a weight shows."""
    sent = recording.run(network, network.test_images, STEPS, SEED).stacked(source, "z")
    return int(np.abs(sent.astype(np.int64)).sum(axis=(0, 1)).argmax())


def altered(network, part):
    """The network with the lowest bit of one integer changed, and the number of its layer.

    Of a threshold the lowest bit that is sent.
    """
    name = list(network.layers)[-1] if part == "weight_rec" else network.code
    layer = network.layers[name]
    if part == "threshold":
        layer = replace(layer, threshold=layer.threshold + (1 << layer.shift))
    else:
        values = getattr(layer, part).copy()
        at = (NEURON, busiest(network, str(layer.source))) if values.ndim == 2 else NEURON
        values[at] ^= 1
        layer = replace(layer, **{part: values})
    if name == network.code:
        return replace(network, layer=layer), name
    return replace(network, readouts=(layer,)), name


def verified(capsys, path):
    """Exit status and JSON of `ipvae verify`."""
    words = ["verify", path, "--samples", 3, "--steps", STEPS, "--seed", SEED, "--json", "-"]
    status = run_command([str(word) for word in words])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("kind", "part"),
    [c if c in OFTEN else pytest.param(*c, marks=pytest.mark.long) for c in CASES],
)
def test_one_altered_integer_on_lava_is_found(networks, monkeypatch, capsys, tmp_path, kind, part):
    network = networks[kind]
    other, name = altered(network, part)
    write_network(tmp_path / "net.h5", network)
    run = runner.run
    monkeypatch.setattr(runner, "run", lambda _, *words, **parts: run(other, *words, **parts))
    status, found = verified(capsys, tmp_path / "net.h5")
    first = found["first_divergence"]
    assert (status, found["bit_exact"]) == (1, False)
    assert (first["backend"], first["layer"]) == ("lava", name)
    if part != "threshold":
        assert first["index"] == NEURON
    expected = {"weight_rec": ("a_in",), "threshold": ("z",)}.get(part, ("u",))
    assert first["variable"] in expected


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in CASES}))
def test_unaltered_they_agree(networks, capsys, tmp_path, kind):
    write_network(tmp_path / "net.h5", networks[kind])
    status, found = verified(capsys, tmp_path / "net.h5")
    neurons = sum(layer.n_neurons for layer in networks[kind].layers.values())
    assert (status, found["bit_exact"]) == (0, True)
    assert found["compared_values"] == 3 * (STEPS + 1) * 3 * neurons
