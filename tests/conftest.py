"""Fixtures shared by all tests: small random networks, the oracle, the seed."""

import importlib.util
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

SEED = 20261121
ROOT = Path(__file__).resolve().parent.parent


def module_from(path: Path):
    """Import a file that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def pytest_configure():
    """A shell that starts this in the background has SIGINT ignored, here and in what we start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val):
    """Functions go by their names: their addresses differ between the processes of one run."""
    return val.__name__ if callable(val) else None


def pytest_generate_tests(metafunc):
    """A test that asks for a `network_kind` runs once for each name of tests/kinds.py."""
    if "network_kind" in metafunc.fixturenames:
        metafunc.parametrize("network_kind", module_from(ROOT / "tests" / "kinds.py").NAMES)


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def vector_script():
    """scripts/make_vectors.py as a module; it imports scripts/vectors/."""
    sys.path.insert(0, str(ROOT / "scripts"))
    return module_from(ROOT / "scripts" / "make_vectors.py")


@pytest.fixture(scope="session")
def layered(vector_script):
    """Function of a seed: random networks of every kind of section 9, by name."""
    return vector_script.kinds.networks


@pytest.fixture(scope="session")
def certify_script():
    """scripts/certify_sampler.py as a module."""
    return module_from(ROOT / "scripts" / "certify_sampler.py")


@pytest.fixture(scope="session")
def make_network(vector_script):
    """Build a random valid network; keyword arguments replace parts of its layer."""

    def make(k=16, m=12, seed=0, n_images=5, **layer_parts):
        return vector_script.random_network(
            k, m, seed=seed, n_images=n_images, made="at random", **layer_parts
        )

    return make


@pytest.fixture(scope="session")
def kinds():
    """Small random networks of every kind, tests/kinds.py."""
    return module_from(ROOT / "tests" / "kinds.py")


@pytest.fixture(scope="session")
def exported():
    """Networks by our exporters, tests/exported.py."""
    return module_from(ROOT / "tests" / "exported.py")


@pytest.fixture(scope="session")
def random_networks():
    """Strategy for networks of any wiring, tests/random_networks.py."""
    return module_from(ROOT / "tests" / "random_networks.py")


@pytest.fixture(scope="session")
def matrix_stand_in():
    """Matrix registers on any processor, tests/emulator/matrix_stand_in.py."""
    return module_from(ROOT / "tests" / "emulator" / "matrix_stand_in.py")


@pytest.fixture(scope="session")
def directed():
    """Keys with which a neuron draws a uniform of one's choice, tests/directed.py."""
    return module_from(ROOT / "tests" / "directed.py")


@pytest.fixture(scope="session")
def draw_edges():
    """Log-rates and uniforms at every edge of the sampler, tests/draw_edges.py."""
    return module_from(ROOT / "tests" / "draw_edges.py")


@pytest.fixture(scope="session")
def stepwise():
    """A readable run from the functions of ipvae.network, tests/stepwise.py."""
    return module_from(ROOT / "tests" / "stepwise.py")


@pytest.fixture(scope="session")
def oracle():
    """The slow independent implementation, tests/oracle.py and oracle_layers.py beside it."""
    module = module_from(ROOT / "tests" / "oracle.py")
    module_from(ROOT / "tests" / "oracle_layers.py")
    return module


@pytest.fixture(scope="session")
def agree(oracle, tmp_path_factory):
    """Function that asserts that all backends agree, tests/agreement.py."""
    agreement = module_from(ROOT / "tests" / "agreement.py")
    return agreement.Agreement(oracle, tmp_path_factory.mktemp("agree"))


@pytest.fixture(scope="session")
def adversary():
    """A search for the worst value of every intermediate, tests/adversary.py."""
    return module_from(ROOT / "tests" / "adversary.py")


@pytest.fixture(scope="session")
def plain_nets():
    """Plain lava-dl networks and their slow oracle, tests/plain_nets.py."""
    return module_from(ROOT / "tests" / "plain_nets.py")


@pytest.fixture(scope="session")
def stream_script():
    """scripts/random_stream.py as a module."""
    return module_from(ROOT / "scripts" / "random_stream.py")


@pytest.fixture(scope="session")
def core_limits_script():
    """scripts/core_limits.py as a module."""
    return module_from(ROOT / "scripts" / "core_limits.py")


@pytest.fixture(scope="session")
def draw_statistics():
    """tests/network/draw_statistics.py: p-values of a stream, and the rule for them."""
    return module_from(ROOT / "tests" / "network" / "draw_statistics.py")


@pytest.fixture(scope="session")
def weak_sources():
    """tests/network/weak_sources.py: generators that the tests must tell apart."""
    return module_from(ROOT / "tests" / "network" / "weak_sources.py")


@pytest.fixture(scope="session")
def select():
    def select(trace, record):
        """Take from a trace of everything what a record chooses."""
        samples = []
        for sample in trace.samples:
            chosen = {}
            for name, variables in sample.items():
                width = next(iter(variables.values())).shape[1]
                part = record.of_layer(name, width)
                if part is not None:
                    chosen[name] = {
                        v: variables[v][:: part.every, part.index] for v in part.variables
                    }
            samples.append(chosen)
        return record.trace(trace.backend, trace.seed, trace.checksum, samples, trace.hold)

    return select
