"""Networks of several layers: the emulator does what docs/spec/versions.md says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ipvae.emulator.recording import run
from ipvae.network.description import IntNetwork
from ipvae.network.io.fields import version_of
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.rules.drive import drives
from ipvae.network.rules.neuron_step import total_input
from ipvae.network.traces.trace import VARIABLES, read_trace

STEPS, SEED = 8, 77
RUNS = Path(__file__).resolve().parents[3] / "docs" / "vectors" / "runs"


def oracles_run(oracle, network, path):
    """The oracle's samples, by image, layer and variable, read from the network's file."""
    write_network(path, network)
    loaded = oracle.load(path)
    found = oracle.run(loaded, network.test_images.tolist(), STEPS, SEED)
    return [sample if 1 in sample else {1: sample} for sample in found]


@pytest.mark.parametrize("seed", range(6))
def test_emulator_agrees_with_the_oracle_on_every_kind(tmp_path, oracle, layered, seed):
    for name, network in layered(seed).items():
        expected = oracles_run(oracle, network, tmp_path / "net.h5")
        found = run(network, network.test_images, STEPS, SEED)
        assert len(found.samples) == len(expected)
        for image, (sample, wanted) in enumerate(zip(found.samples, expected, strict=True)):
            assert list(sample) == [str(number) for number in wanted]
            for number, variables in wanted.items():
                for variable in VARIABLES:
                    where = f"{name}, image {image}, layer {number}, {variable}"
                    assert sample[str(number)][variable].tolist() == variables[variable], where


def spread(received):
    """Whether neurons received different integers."""
    return len(np.unique(received)) > 1


def branches(network, trace):
    """Names of the branches of neurons/ that a run takes."""
    found = {f"period {network.schedule.period}"}
    b = drives(network, network.test_images)
    for stage in network.schedule.stages:
        layer, name = stage.layer, stage.name
        a_in, u, z = (trace.stacked(name, v).astype(np.int64) for v in VARIABLES)
        total = total_input(layer, b[name][:, None], a_in)
        weight = "no" if layer.weight is None else ("full", "diagonal")[layer.weight.ndim == 1]
        found |= {f"{stage.role}: {weight} drive", f"{stage.role}: lag {stage.input_delay}"}
        reached = {
            "input added": layer.sign > 0 and spread(a_in),
            "input subtracted": layer.sign < 0 and spread(a_in),
            "no source": layer.source == 0,
            "received at row 0": a_in[:, 0].any(),
        }
        reached |= (graded_branches if isinstance(layer, GradedLayer) else poisson_branches)(
            layer, u, z, total
        )
        found |= {branch for branch, taken in reached.items() if taken}
    return found


def graded_branches(layer, u, z, total):
    swish, memory = layer.activation == "swish", layer.leak > 0
    below, above = (u < -layer.threshold).any(), (u > layer.threshold).any()
    within = np.abs(u) <= layer.threshold
    unlimited = (z > layer.z_min) & (z < layer.z_max)
    return {
        "swish of a negative": swish and ((u < 0) & (u > -(16 << 12))).any(),
        "swish of a positive": swish and ((u > 0) & (u < 16 << 12)).any(),
        "leak towards the input": memory and (u[:, 1:] != u[:, :-1]).any(),
        "leak rounded down": memory and ((total[:, 1:] - u[:, :-1]) % (1 << layer.leak) != 0).any(),
        "threshold": layer.threshold and (within & (u != 0)).any() and not z[within].any(),
        "below the threshold": layer.threshold and below,
        "above the threshold": layer.threshold and above,
        "rounded and shifted": layer.shift and (unlimited & (z != 0)).any(),
        "not shifted": not layer.shift and (unlimited & (z == u)).any(),
        "sent at zMin": (z == layer.z_min).any(),
        "sent at zMax": (z == layer.z_max).any(),
        "negative sent": (z < 0).any(),
    }


def poisson_branches(layer, u, z, total):
    start = layer.u_init + np.clip(total, layer.du_min, layer.du_max)
    near = np.abs(layer.u_max - start) < 16 << 16
    below = np.where(start < layer.u_max, near, False)
    return {
        f"{layer.frac_bits} fraction bits": True,
        "fraction cut for the sampler": (u % (1 << (layer.frac_bits - 12)) != 0).any(),
        "start of a memory": layer.memory and (u[:, 0] == layer.u_init).all(),
        "no memory, moves at row 0": not layer.memory and (u[:, 0] != layer.u_init).any(),
        "bent below the ceiling": layer.ceiling and below.any(),
        "bent at or above the ceiling": layer.ceiling and (start >= layer.u_max).any(),
        "no ceiling, at uMax": not (layer.ceiling or layer.memory) and (u == layer.u_max).any(),
        "update at duMin": not layer.memory and (total < layer.du_min).any(),
        "update at duMax": not layer.memory and (total > layer.du_max).any(),
        "log-rate at uMin": (u == layer.u_min).any(),
        "count at zmax": (z == layer.count_max).any(),
    }


EVERY_BRANCH = (
    {f"period {p}" for p in (1, 2, 3)}
    | {"hidden: no drive", "hidden: full drive", "hidden: diagonal drive", "hidden: lag 0"}
    | {"code: no drive", "code: full drive", "code: lag 0", "code: lag 1"}
    | {"readout: no drive", "readout: lag 0"}
    | {"input added", "input subtracted", "no source", "received at row 0"}
    | {"swish of a negative", "swish of a positive"}
    | {"leak towards the input", "leak rounded down"}
    | {"threshold", "below the threshold", "above the threshold"}
    | {"rounded and shifted", "not shifted", "sent at zMin", "sent at zMax", "negative sent"}
    | {"12 fraction bits", "16 fraction bits", "fraction cut for the sampler"}
    | {"start of a memory", "no memory, moves at row 0"}
    | {"bent below the ceiling", "bent at or above the ceiling", "no ceiling, at uMax"}
    | {"update at duMin", "update at duMax", "log-rate at uMin", "count at zmax"}
)


def test_the_runs_reach_every_branch_of_section_9(layered):
    taken = set()
    for seed in range(6):
        for network in layered(seed).values():
            taken |= branches(network, run(network, network.test_images, STEPS, SEED))
    assert taken == EVERY_BRANCH


def test_the_vectors_reach_every_branch_of_section_9():
    taken = set()
    for path in RUNS.glob("*.net.h5"):
        network = read_network(path)
        if version_of(network) == 2:
            trace = read_trace(path.with_name(path.name.replace(".net.", ".trace.")))
            taken |= branches(network, trace)
    assert taken == EVERY_BRANCH


def two_hops(make_network, rng):
    """A recurrent layer with weights G2 G1, and the error units and code that equal it.

    The hidden layer computes `b - G1 z`, with no limit acting; the code adds `G2` times that.
    """
    m, k, quarter = 3, 5, 4
    g1 = rng.integers(-3, 4, (m, k)).astype(np.int8)
    g2 = rng.integers(-5, 6, (k, m)).astype(np.int8)
    drive, bias1 = rng.integers(-3, 4, m), rng.integers(-9, 10, m)
    one = make_network(
        k=k,
        m=m,
        n_images=4,
        weight=(g2 * drive * quarter).astype(np.int16),
        weight_rec=(g2.astype(int) @ g1).astype(np.int8),
        drive_exp=0,
        weight_exp=2,
        bias=((g2 @ bias1) * quarter + 100).astype(np.int32),
        self_weight=rng.integers(0, 50, k).astype(np.int32),
        u_min=-49152,
        du_min=-(2**22 - 1),
        du_max=2**22 - 1,
        u_init=np.full(k, -2000, np.int32),
    )
    errors = GradedLayer(
        weight=drive.astype(np.int16),
        weight_rec=g1,
        bias=bias1.astype(np.int32),
        source=2,
        z_min=-(2**13),
        z_max=2**13,
    )
    code = replace(
        one.layer,
        weight=None,
        weight_rec=g2,
        weight_exp=2,
        bias=np.full(k, 100, np.int32),
        source=1,
        sign=1,
    )
    two = replace(one, layer=code, hidden=(errors,))
    return one, two


@pytest.mark.parametrize("seed", range(8))
def test_error_units_without_limits_are_the_recurrent_layer(make_network, seed):
    one, two = two_hops(make_network, np.random.default_rng(seed))
    assert isinstance(one, IntNetwork) and isinstance(one.layer, PoissonLayer)
    expected, found = (run(net, net.test_images, 30, SEED) for net in (one, two))
    for variable in ("u", "z"):
        np.testing.assert_array_equal(
            expected.stacked("1", variable), found.stacked("2", variable), variable
        )
    assert expected.stacked("1", "z").any()
    np.testing.assert_array_equal(found.stacked("1", "z"), found.stacked("1", "u"))
