"""Fixtures shared by all tests: small random networks, the oracle, the seed."""

import functools
import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

SEED = 20261121
ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def module_from(path: Path):
    """Import a file that belongs to no package, once."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# Files of tests that wait for signals, for silence or for the end of processes.
WAITING = {f"test_{name}.py" for name in ("signals", "watch", "heartbeat", "scale", "plain")}

# Examples of a property: a few, the same in every run, or many new ones.
settings.register_profile("fast", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("long", max_examples=1000, deadline=None, print_blob=True)


def asks_for_long(config):
    """Whether this is `pytest -m long`."""
    return config.getoption("-m") == "long"


def pytest_configure(config):
    """Time the tests; a shell that starts this in the background has SIGINT ignored, undo that."""
    config.pluginmanager.register(
        module_from(ROOT / "tests" / "support" / "cpu_times.py").CpuTimes()
    )
    wanted = "long" if asks_for_long(config) else "fast"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", wanted))
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Properties are for `-m long` as well; say which tests stay together in one process.

    Properties get many examples there. Under xdist (`-n 2 --dist loadgroup`) tests that share a
    fixture of their module stay together, and so do all that wait for signals and silence.
    """
    for item in items:
        if asks_for_long(config) and getattr(item.obj, "is_hypothesis_test", False):
            item.add_marker("long")
        if config.pluginmanager.hasplugin("xdist"):
            group = group_of(item)
            if group is not None:
                item.add_marker(pytest.mark.xdist_group(name=group))


def group_of(item):
    """Name of the group that a test stays in, None for one that may run anywhere."""
    if item.path.name in WAITING:
        return "waiting"
    if "fork" in item._fixtureinfo.name2fixturedefs:
        return "forks"  # of one process
    found = item._fixtureinfo.name2fixturedefs.values()
    shared = any(fixtures[-1].scope in ("module", "class") for fixtures in found)
    return item.path.stem if shared else None


def pytest_make_parametrize_id(val):
    """Functions go by their names: their addresses differ between the processes of one run."""
    return val.__name__ if callable(val) else None


def pytest_generate_tests(metafunc):
    """A test that asks for one of these runs once for each.

    `network_kind`: the names of tests/support/kinds.py. `built_kind`: the same in `-m long`, else
    the representative ones. `act`: what the documents that the test's module names in DOCUMENTS
    have their readers do.
    """
    asked = {"network_kind", "built_kind"} & set(metafunc.fixturenames)
    for name in asked:
        kinds = module_from(ROOT / "tests" / "support" / "kinds.py")
        few = kinds.BUILT if name == "built_kind" else kinds.NAMES
        marks = {kind: () if kind in few else pytest.mark.long for kind in kinds.NAMES}
        metafunc.parametrize(name, [pytest.param(k, marks=m) for k, m in marks.items()])
    if "act" in metafunc.fixturenames:
        documents = module_from(ROOT / "tests" / "support" / "documents.py")
        every = [act for name in metafunc.module.DOCUMENTS for act in documents.acts(name)]
        metafunc.parametrize("act", every, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def vector_script():
    """scripts/make_vectors.py as a module; it imports scripts/vectors/."""
    sys.path.insert(0, str(ROOT / "scripts"))
    return module_from(ROOT / "scripts" / "make_vectors.py")


@pytest.fixture(scope="session")
def fork(tmp_path_factory):
    """Function of words that starts a command beside this process, tests/support/forks.py."""
    forks = module_from(ROOT / "tests" / "support" / "forks.py")
    return functools.partial(forks.Fork, tmp_path_factory.mktemp("forks"))


@pytest.fixture(scope="session")
def maps():
    """tests/support/convolutional/maps.py as a module: convolutional models and images."""
    return module_from(ROOT / "tests" / "support" / "convolutional" / "maps.py")


@pytest.fixture(scope="session")
def layered(vector_script):
    """Function of a seed: random networks of every kind of versions.md, by name."""
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
    """Small random networks of every kind, tests/support/kinds.py."""
    return module_from(ROOT / "tests" / "support" / "kinds.py")


@pytest.fixture(scope="session")
def exported():
    """Networks by our exporters, tests/support/exported.py."""
    return module_from(ROOT / "tests" / "support" / "exported.py")


@pytest.fixture(scope="session")
def random_networks():
    """Strategy for networks of any order of layers, tests/support/random_networks.py."""
    return module_from(ROOT / "tests" / "support" / "random_networks.py")


@pytest.fixture(scope="session")
def matrix_stand_in():
    """Matrix registers on any processor, tests/emulator/matrix_stand_in.py."""
    return module_from(ROOT / "tests" / "emulator" / "matrix_stand_in.py")


@pytest.fixture(scope="session")
def directed():
    """Keys with which a neuron draws a uniform of one's choice, tests/support/directed.py."""
    return module_from(ROOT / "tests" / "support" / "directed.py")


@pytest.fixture(scope="session")
def draw_edges():
    """Log-rates and uniforms at every edge of the sampler, tests/support/draw_edges.py."""
    return module_from(ROOT / "tests" / "support" / "draw_edges.py")


@pytest.fixture(scope="session")
def stepwise():
    """A readable run from the functions of ipvae.network, tests/support/stepwise.py."""
    return module_from(ROOT / "tests" / "support" / "stepwise.py")


@pytest.fixture(scope="session")
def oracle():
    """The slow independent implementation: tests/support/oracle.py with oracle_layers.py."""
    module = module_from(ROOT / "tests" / "support" / "oracle.py")
    module_from(ROOT / "tests" / "support" / "oracle_layers.py")
    return module


@pytest.fixture(scope="session")
def agree(oracle, tmp_path_factory):
    """Function that asserts that all backends agree, tests/support/agreement.py."""
    agreement = module_from(ROOT / "tests" / "support" / "agreement.py")
    return agreement.Agreement(oracle, tmp_path_factory.mktemp("agree"))


@pytest.fixture(scope="session")
def shown():
    """Readers of what people see: tests/support/shown.py."""
    return module_from(ROOT / "tests" / "support" / "shown.py")


@pytest.fixture(scope="session")
def adversary():
    """A search for the worst value of every intermediate, tests/support/adversary.py."""
    return module_from(ROOT / "tests" / "support" / "adversary.py")


@pytest.fixture(scope="session")
def plain_nets():
    """Plain lava-dl networks and their slow oracle, tests/support/lava_dl_nets.py."""
    return module_from(ROOT / "tests" / "support" / "lava_dl_nets.py")


@pytest.fixture(scope="session")
def network_oracle(plain_nets):
    """Slow oracle of networks of any kinds, tests/support/network_oracle.py."""
    module_from(ROOT / "tests" / "network" / "random_layers.py")
    return module_from(ROOT / "tests" / "support" / "network_oracle.py")


@pytest.fixture(scope="session")
def netx_reading():
    """Networks as lava-dl's netx builds them from files, tests/support/netx_reading.py."""
    from ipvae.lava_procs.importing import import_lava_dl

    import_lava_dl()
    return module_from(ROOT / "tests" / "support" / "netx_reading.py")


@pytest.fixture(scope="session")
def documents():
    """Commands and programs of the documents, tests/support/documents.py."""
    return module_from(ROOT / "tests" / "support" / "documents.py")


@pytest.fixture(scope="session")
def shop(documents, tmp_path_factory):
    """Does what documents say; see tests/support/documents.py."""
    return documents.Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def script():
    """Function of a name: the module of that name in scripts/, figures/ or tables/ in it."""
    folders = [ROOT / "scripts", *(ROOT / "scripts" / name for name in ("figures", "tables"))]
    sys.path[:0] = map(str, folders)

    def found(name):
        return module_from(next(f for f in (d / f"{name}.py" for d in folders) if f.is_file()))

    return found


@pytest.fixture(scope="session")
def stream_script():
    """scripts/figures/random_stream.py as a module."""
    return module_from(ROOT / "scripts" / "figures" / "random_stream.py")


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
    """tests/network/weak_sources.py: generators that the tests must distinguish."""
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
