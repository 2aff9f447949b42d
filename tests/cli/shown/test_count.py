"""`ipvae count`: operations and energy of a recorded run, whichever backend recorded it."""

import numpy as np
import pytest

import ipvae
from ipvae.network.conversion.from_dense import as_network
from ipvae.network.io.network_file import write_network

RUN = ("--samples", 2, "--steps", 4)


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


@pytest.mark.lava
def test_a_run_of_lava_costs_what_the_same_run_of_the_emulator_costs(command, net, tmp_path):
    found = {}
    for backend in ("emulator", "lava"):
        trace = tmp_path / f"{backend}.h5"
        assert command("run", net, "--backend", backend, *RUN, "--trace", trace)[0] == 0
        status, found[backend], _ = command("count", net, trace, "--json", "-")
        assert status == 0
    assert found["lava"] == found["emulator"]
    report = command("report", net, "--out", tmp_path / "page", *RUN, "--json", "-")[1]
    assert found["lava"]["counts"] == report["counts"]
    assert found["lava"]["energy"] == report["energy"]


def test_the_terminal_shows_counts_and_energies(command, net, tmp_path):
    trace = tmp_path / "trace.h5"
    command("run", net, *RUN, "--trace", trace)
    text = command("count", net, trace)[1]
    counts = ipvae.count_operations(ipvae.load_network(net), trace)
    for name, value in [*counts.rows(), ("Energy of an image", "Loihi 2 band")]:
        assert name in text and value in text


def test_what_cannot_be_counted_is_refused(command, net, tmp_path, make_network):
    other, part, whole = tmp_path / "other.h5", tmp_path / "part.h5", tmp_path / "whole.h5"
    write_network(other, make_network(k=7))
    command("run", net, *RUN, "--trace", part, "--variables", "u")
    command("run", net, *RUN, "--trace", whole)
    for words, message in {
        ("count", other, whole): "of the network",
        ("count", net, part): "no z",
        ("count", net, net): "is wanted here; this is a network file",
        ("count", net, tmp_path / "none.h5"): "cannot be read",
        ("count", whole, whole): "a network is wanted here; this is a trace",
    }.items():
        status, out, err = command(*words)
        assert (status, out, err.count("\n")) == (2, "", 1), words
        assert message in err


@pytest.mark.parametrize("form", [lambda network: network, as_network])
def test_a_run_of_another_network_is_neither_counted_nor_placed(make_network, form):
    network, other = form(make_network()), form(make_network(k=7))
    run = ipvae.run(other, np.zeros((1, 12), np.int64), steps=3)
    for refused in (ipvae.count_operations, ipvae.estimate_energy):
        with pytest.raises(
            ipvae.IpvaeError, match="run: has neurons by layer|^result: found a run of layers"
        ):
            refused(network, run)
    with pytest.raises(
        ipvae.IpvaeError, match="run: has neurons by layer|^result: found a run of layers"
    ):
        ipvae.place(network, run=run)
    assert ipvae.count_operations(other, run).synaptic_ops >= 0
