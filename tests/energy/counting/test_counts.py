import numpy as np
import pytest

from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import Counts, count_run
from ipvae.energy.models import loihi1
from ipvae.network.traces.trace import Trace


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


def test_counts_of_a_trace_by_hand(make_network):
    weight = np.zeros((3, 3), np.int8)
    weight[:, 0] = 1
    weight[0, 1] = -1
    network = make_network(k=3, m=4, weight_rec=weight)
    z = np.array([[2, 0, 0], [0, 5, 1], [9, 0, 9]], np.int32)
    u = np.array([[0, 12288, 12289], [0, 16384, 16385], [20481, 28672, 32768]], np.int32)
    trace = Trace("by hand", 0, "", [{"1": {"u": u, "z": z}}, {"1": {"u": 0 * u, "z": 0 * z}}])
    assert count_run(network, trace) == Counts(
        synaptic_ops=3 * 3 / 2,
        count_weighted_ops=8 * 3 / 2,
        effective_macs=(3 + 1 + 0) / 2,
        messages=3 / 2,
        spikes=8 / 2,
        neuron_updates=9.0,
        drive_macs=12.0,
        readout_ops=2 * 4 / 2,
        updates_active=5 / 2,
        updates_idle=13 / 2,
        draws=9.0,
        random_words=(1 + 1 + 2 + 1 + 2 + 4 + 8 + 16 + 32 + 9) / 2,
    )


def test_effective_macs_equal_those_of_a_dense_product(make_network):
    """Multiplications of two nonzero numbers in G @ z, counted one by one."""
    weight = np.random.default_rng(0).integers(-1, 2, (16, 16)).astype(np.int8)
    network = make_network(weight_rec=weight)
    trace = run(network, network.test_images, 10, 0)
    z = trace.stacked("1", "z")[:, :-1]
    products = (weight[None, None] != 0) & (z[:, :, None, :] != 0)
    assert count_run(network, trace).effective_macs == products.sum() / len(z)


def test_loihi1_energy_uses_the_published_constants():
    counts = Counts(1000.0, 0.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0)
    row = loihi1(counts)
    assert row.low_j == approx((1000 * 23.6 + 100 * 52) * 1e-12)
    assert row.high_j == approx((1000 * 23.6 + 100 * 81) * 1e-12)
    assert (row.kind, row.part, row.chip) == ("modelled", "dynamic", "Loihi 1")
    assert "Davies" in row.source
