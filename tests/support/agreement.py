"""One network on every backend: emulator, Lava with both models of Dense, and the oracle.

Loaded by conftest.py.
"""

import numpy as np

from ipvae.emulator import recording
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.runner import run
from ipvae.network.io.network_file import checksum, write_network
from ipvae.network.traces.trace import VARIABLES, Trace, compare


class Agreement:
    """Asserts that all backends give the same trace, value by value; called, it returns it.

    Parameters
    ----------
    oracle : module
        tests/support/oracle.py
    folder : Path
        For the file that the oracle reads.
    """

    def __init__(self, oracle, folder):
        self.oracle, self.path = oracle, folder / "net.h5"

    def __call__(self, network, n_steps, seed, *, with_oracle=True, with_lava=True):
        images = network.test_images
        expected = recording.run(network, images, n_steps, seed)
        found = by_lava(network, images, n_steps, seed) if with_lava else []
        if with_oracle:
            found.append(by_oracle(self.oracle, self.path, network, images, n_steps, seed))
        for trace in found:
            comparison = compare(expected, trace)
            assert comparison.first_divergence is None, comparison.first_divergence
            whole = n_values(network, len(images), n_steps)
            assert comparison.compared_values == whole, (trace.backend, comparison, whole)
        return expected


def by_lava(network, images, n_steps, seed):
    """Traces of Lava with either model of its Dense."""
    import_lava()
    found = []
    for name, dense in {"lava": "event-driven", "lava-stock": "stock"}.items():
        found.append(run(network, images, n_steps, seed, dense=dense))
        assert found[-1].backend == name
    return found


def n_values(network, n_images, n_steps):
    """Values of a whole trace: every variable of every neuron at every step."""
    neurons = sum(layer.n_neurons for layer in network.layers.values())
    return n_images * (n_steps + 1) * len(VARIABLES) * neurons


def by_oracle(oracle, path, network, images, n_steps, seed):
    """Trace of tests/support/oracle.py, which reads the network from its file."""
    write_network(path, network)
    found = oracle.run(oracle.load(path), images.tolist(), n_steps, seed)
    samples = [
        {
            str(layer): {v: np.array(rows, np.int32) for v, rows in variables.items()}
            for layer, variables in (sample if 1 in sample else {1: sample}).items()
        }
        for sample in found
    ]
    return Trace("oracle", seed, checksum(network), samples)
