"""Saturations of networks made to saturate, against a count by the oracle's runs."""

import json
from itertools import chain

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.emulator.recording import run
from ipvae.export.calibration.ranges import calibrate
from ipvae.network.io.network_file import write_network
from ipvae.network.proof.bounds import saturations
from ipvae.network.rules.drive import drive

L = 2**21 - 1
STEPS, SEED = 3, 11


def everything(k, sign, **parts):
    """Layer parts with which drive, input, log-rate and counts all reach their limits."""
    return {
        "k": k,
        "weight_rec": np.full((k, k), -128 if sign > 0 else 127, np.int8),
        "bias": np.resize([L, -L, 0], k).astype(np.int32),
        "u_init": np.resize([32768, 32767, 32768, -9000], k).astype(np.int32),
        "drive_exp": 14,
        **parts,
    }


NETWORKS = {
    "left shift": everything(12, 1, weight_exp=14),
    "left shift, positive weights": everything(12, -1, weight_exp=9),
    "right shift": everything(160, 1, weight_exp=-1, u_init=np.full(160, 32768, np.int32)),
    "right shift, positive weights": everything(
        160, -1, weight_exp=-1, u_init=np.full(160, 32768, np.int32)
    ),
}


def counted_by_the_oracle(oracle, path):
    """ranges.md, value by value, over the runs of all test images of a file."""
    net = oracle.load(path)
    found = {"drive": 0, "a_in": 0, "u": 0, "z": 0}
    for index, x in enumerate(net.images):
        found["drive"] += sum(b in (-L, L) for b in oracle.drive(net, x))
        sample = oracle.run_image(net, [x], STEPS, SEED, index)
        for a_in in chain.from_iterable(sample["a_in"]):
            acts, limit = (a_in, L >> net.e) if net.e >= 0 else (a_in >> -net.e, L)
            found["a_in"] += not -limit <= acts <= limit
        found["u"] += sum(u == net.umax for u in chain.from_iterable(sample["u"]))
        found["z"] += sum(z == net.zmax for z in chain.from_iterable(sample["z"]))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_run_and_calibration_count_what_the_oracle_counts(
    make_network, oracle, tmp_path, capsys, name
):
    network = make_network(m=2, n_images=2, **NETWORKS[name])
    images = network.test_images
    path = tmp_path / "net.h5"
    write_network(path, network)
    expected = counted_by_the_oracle(oracle, path)
    assert all(expected.values()), expected

    trace = run(network, images, STEPS, SEED)
    variables = {v: trace.stacked("1", v) for v in ("a_in", "u", "z")}
    assert saturations(network, variables, drive(network, images)) == expected
    assert calibrate(network, images, [STEPS], SEED)["saturations"] == expected

    words = ["run", path, "--samples", 2, "--steps", STEPS, "--seed", SEED, "--json", "-"]
    assert run_command([str(word) for word in words]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["saturations_by_variable"] == expected
    assert reported["saturations"] == sum(expected.values())


def test_a_rate_above_the_range_is_counted_at_every_step(make_network):
    """A drive upwards holds the log-rate at 32768, the rate 256: the true rate would be larger."""
    k, still = 5, {"du_min": 0, "du_max": 4096}
    quiet = {"weight_rec": np.zeros((k, k), np.int8), "self_weight": np.zeros(k, np.int32)}
    network = make_network(
        k=k,
        u_init=np.full(k, 32768 - 4096, np.int32),
        bias=np.full(k, L, np.int32),
        **quiet,
        **still,
    )
    images = network.test_images
    trace = run(network, images, 9, 0)
    assert (trace.stacked("1", "u")[:, 1:] == 32768).all()
    found = calibrate(network, images, [9], 0)
    assert found["saturations"]["u"] == len(images) * 9 * k
    assert found["reach"]["u"] == 32768
