"""The whole runs: reproduced by emulator and oracle, and they reach the branches."""

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from ipvae.emulator import layout
from ipvae.emulator.recording import run
from ipvae.emulator.tile import Tile
from ipvae.network.io.fields import version_of
from ipvae.network.io.network_file import checksum, read_network
from ipvae.network.rules.arithmetic import TERM_MAX, input_clipped, scale_input, self_inhibition
from ipvae.network.rules.drive import drive
from ipvae.network.rules.poisson import octaves_above
from ipvae.network.traces.trace import VARIABLES, compare, read_trace

ROOT = Path(__file__).resolve().parents[3]
RUNS = ROOT / "docs" / "vectors" / "runs"
NAMES = sorted(p.name.split(".")[0] for p in RUNS.glob("*.net.h5"))


@lru_cache
def vector(name):
    return read_network(RUNS / f"{name}.net.h5"), read_trace(RUNS / f"{name}.trace.h5")


@pytest.mark.parametrize("name", NAMES)
def test_emulator_reproduces_the_vector(name):
    network, expected = vector(name)
    found = run(network, network.test_images, expected.steps, expected.seed)
    assert compare(expected, found).first_divergence is None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "quiet"])
def test_oracle_reproduces_the_vector(name, oracle):
    network, expected = vector(name)
    loaded = oracle.load(RUNS / f"{name}.net.h5")
    found = oracle.run(loaded, network.test_images.tolist(), expected.steps, expected.seed)
    for sample, wanted in zip(expected.samples, found, strict=True):
        layers = wanted if 1 in wanted else {1: wanted}
        assert list(sample) == [str(number) for number in layers]
        for number, variables in layers.items():
            for variable in VARIABLES:
                assert sample[str(number)][variable].tolist() == variables[variable]


@pytest.mark.parametrize("name", NAMES)
def test_document_lists_digests_and_saturations(name, vector_script):
    rows = vector_script.document_rows(name, *vector(name))
    assert "\n".join(rows) in (ROOT / "docs" / "spec" / "known_answers.md").read_text()


def branches(name):
    """Names of the branches that a vector's run takes."""
    network, trace = vector(name)
    layer = network.layer
    a_in, u, z = (trace.stacked("1", v).astype(np.int64) for v in VARIABLES)
    b = drive(network, network.test_images).astype(np.int64)
    own = self_inhibition(layer.self_weight, z)
    change = b[:, None] - scale_input(a_in[:, 1:], layer.weight_exp) - own[:, :-1]
    clipped, right = input_clipped(a_in, layer.weight_exp), layer.weight_exp < 0
    found = {f"{octaves} halvings" for octaves in np.unique(octaves_above(u))}
    reached = {
        "drive shifted left": layer.drive_exp >= 0,
        "drive shifted right": layer.drive_exp < 0,
        "drive at -L": (b == -TERM_MAX).any(),
        "drive at L": (b == TERM_MAX).any(),
        "input shifted left": layer.weight_exp >= 0 and a_in.any(),
        "input shifted right": layer.weight_exp < 0 and (a_in < 0).any(),
        "input clipped, then shifted left": clipped.any() and layer.weight_exp >= 0,
        "input shifted right, then clipped above": (clipped & (a_in > 0)).any() and right,
        "input shifted right, then clipped below": (clipped & (a_in < 0)).any() and right,
        "count cut for self-inhibition": (own < layer.self_weight * z).any(),
        "update at its lower limit": (change < layer.du_min).any(),
        "update at its upper limit": (change > layer.du_max).any(),
        "log-rate at umin": (u == layer.u_min).any(),
        "log-rate at umax": (u == layer.u_max).any(),
        "count at zmax": (z == layer.count_max).any(),
        "no spike": (z == 0).any(),
        "count above 1": (z > 1).any(),
        "odd weight": (layer.weight_rec % 2 == 1).any(),
        "weight -128": (layer.weight_rec == -128).any(),
    }
    return found | {branch for branch, taken in reached.items() if taken}, set(reached)


def test_vectors_of_one_layer_reach_every_branch_between_them():
    """Vectors of several layers are tested in test_kinds.py."""
    taken, known = set(), set()
    for name in [name for name in NAMES if version_of(vector(name)[0]) == 1]:
        some, names = branches(name)
        taken, known = taken | some, known | names
    assert taken == known | {f"{octaves} halvings" for octaves in range(6)}


def test_script_still_makes_the_committed_vectors(vector_script):
    made = {name: checksum(network) for name, network in vector_script.runs.networks().items()}
    assert made == {name: checksum(vector(name)[0]) for name in NAMES}


def single_step(row, make_network):
    """Network of three neurons whose counts, once forced, give neuron 0 the input of a row."""
    weight, n = (127, 1) if row["a_in"] >= 0 else (-127, -1)
    first = np.array([1, 0, 0], dtype=np.int32)
    network = make_network(
        k=3,
        m=1,
        n_images=1,
        weight=np.zeros((3, 1), np.int16),
        weight_rec=np.array([[0, weight, n], [0, 0, 0], [0, 0, 0]], np.int8),
        bias=first * row["b"],
        self_weight=first * row["self_weight"],
        u_init=first * row["u"],
        payload_bits=23,
        **{name: row[name] for name in ("weight_exp", "u_min", "u_max", "du_min", "du_max")},
    )
    return network, [row["last_count"], *divmod(abs(row["a_in"]), 127)]


def next_log_rate(network, counts, row):
    """Log-rate of neuron 0 after one update, from what the row says it was and received."""
    (part,) = layout.parts(network)
    drives = {"1": np.array([[[row["b"], 0, 0]]], np.int32)}
    draws = np.array([[[counts[0], 0, 0], [0, 0, 0]]])
    tile = Tile((part,), drives, np.zeros((1, 2), np.uint32), draws)
    tile.advance(1)
    state = tile._states["1"]
    assert state.u[0, 0] == row["u"]
    state.a_in[0, 0] = row["a_in"]
    never, after = 2**31, np.zeros((1, 1, 3), np.int32)
    tile.run(part, (1, 2, never), after)
    return state.u[0, 0]


def test_emulator_takes_the_single_steps(make_network):
    """The received input is set, so that every row occurs; its sums are tested below."""
    with (ROOT / "docs/vectors/steps.csv").open(newline="") as file:
        texts = list(csv.DictReader(file))
    rows = [{c: int(v) for c, v in row.items() if c != "branch"} for row in texts]
    for row in rows:
        assert next_log_rate(*single_step(row, make_network), row) == row["u_next"], row


def test_emulator_receives_what_the_single_steps_ask_for(make_network):
    with (ROOT / "docs/vectors/steps.csv").open(newline="") as file:
        wanted = sorted({int(row["a_in"]) for row in csv.DictReader(file)})
    reached = [a for a in wanted if abs(a) < 127 * 864]
    for a_in in reached:
        weight, n = (127, 1) if a_in >= 0 else (-127, -1)
        network = make_network(
            k=3,
            m=1,
            n_images=1,
            weight_rec=np.array([[0, weight, n], [0, 0, 0], [0, 0, 0]], np.int8),
            payload_bits=23,
        )
        draws = np.zeros((1, 2, 3), int)
        draws[0, 0] = [0, *divmod(abs(a_in), 127)]
        trace = run(network, network.test_images, 1, 0, draws=draws)
        assert trace.stacked("1", "a_in")[0, :, 0].tolist() == [0, a_in]
    assert len(reached) > 10
