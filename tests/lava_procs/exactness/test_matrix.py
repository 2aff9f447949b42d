"""Kinds of network by bits, sizes and seeds: every backend, variable and step agrees.

The ordinary suite takes cells in which every pair of kind, bits and size occurs; the whole product
is for `make test-long`.
"""

import itertools

import pytest

pytestmark = pytest.mark.lava()

KINDS = ("recurrent", "errors", "linear", "mlp", "lca")
BITS = (8, 4)
SIZES = (16, 100, 512)
READOUTS = ("none", "decoder", "classes", "both")
STEPS = 30
ORACLE_UP_TO = 100
"""Neurons; the oracle is plain Python."""


def readout_of(kind, i):
    """A linear encoder receives nothing: only its read-outs have weights of few bits."""
    return READOUTS[1 + i % 3] if kind == "linear" else READOUTS[i % 4]


PAIRWISE = [
    (kind, BITS[(i + j) % 2], k, (i // 2 + j) % 2, readout_of(kind, 3 * i + j))
    for (i, kind), (j, k) in itertools.product(enumerate(KINDS), enumerate(SIZES))
]
PRODUCT = [
    (kind, bits, k, seed, readout_of(kind, i))
    for i, (kind, bits, k, seed) in enumerate(itertools.product(KINDS, BITS, SIZES, range(2)))
]


@pytest.fixture
def cell(exported, agree):
    """Function that exports a network, asserts that it is alive and that all backends agree."""

    def one(kind, bits, k, seed, readout):
        network = exported.network(kind, bits, k, seed, readout)
        assert network.n_neurons == k
        assert len(network.readouts) == {"none": 0, "both": 2}.get(readout, 1)
        trace = agree(network, STEPS, seed, with_oracle=k <= ORACLE_UP_TO)
        z = trace.stacked(network.code, "z")
        assert 0.3 < (z == 0).mean() < 0.98
        assert (z > 1).sum() > 50
        for name, layer in network.layers.items():
            if layer.weight_rec is not None:
                used = abs(layer.weight_rec.astype(int)).max()
                # A read-out of wide messages is one bit coarser, lest its sums overflow.
                assert 2 ** (bits - 3) < used < 2 ** (bits - 1)
                assert trace.stacked(name, "a_in").any()

    return one


@pytest.mark.parametrize(("kind", "bits", "k", "seed", "readout"), PAIRWISE)
def test_all_backends_agree(cell, kind, bits, k, seed, readout):
    cell(kind, bits, k, seed, readout)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "bits", "k", "seed", "readout"), PRODUCT)
def test_all_backends_agree_in_every_cell(cell, kind, bits, k, seed, readout):
    cell(kind, bits, k, seed, readout)


def test_every_pair_of_kind_bits_and_size_is_among_the_cells(exported):
    assert tuple(exported.KINDS) == KINDS and exported.READOUTS == READOUTS
    pairs = {
        (KINDS, BITS): (0, 1),
        (KINDS, SIZES): (0, 2),
        (BITS, SIZES): (1, 2),
        (KINDS, range(2)): (0, 3),
        (SIZES, range(2)): (2, 3),
    }
    for names, (a, b) in pairs.items():
        assert {(cell[a], cell[b]) for cell in PAIRWISE} == set(itertools.product(*names))
    assert {cell[4] for cell in PAIRWISE} == set(READOUTS)
