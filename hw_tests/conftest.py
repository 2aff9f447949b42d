"""Option `--target cpu|loihi2`: backend that runs the conformance vectors."""

import pytest

from ipvae.errors import BackendError
from ipvae.lava_procs import runner
from ipvae.lava_procs.board import loihi2


def pytest_addoption(parser):
    parser.addoption("--target", default="cpu", choices=["cpu", "loihi2"])


REPLAYED = ("adaptive", "crowd", "deep", "errors", "fine", "negative")
"""Vectors whose draws the CPU simulator replays in every run; a board replays all of them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the other replays on the CPU as `long`, since each vector needs a build of a network."""
    if config.getoption("--target", "cpu") != "cpu":
        return
    for item in items:
        replays = item.name.startswith("test_target_computes_the_vector_from")
        if replays and item.callspec.id not in REPLAYED:
            item.add_marker("long")


@pytest.fixture(scope="session")
def run_on_target(request):
    """Return the function (network, images, n_steps, seed, draws=None) -> trace.

    Without the extension or a board the tests are skipped, and the reason names what is missing.
    With both, a missing or wrong model of a neuron fails the tests that need it.
    """
    if request.config.getoption("--target", "cpu") == "cpu":
        return runner.run
    try:
        loihi2.require_loihi2()
    except BackendError as error:
        pytest.skip(str(error))

    def run(*arguments, **options):
        try:
            return loihi2.run(*arguments, **options)
        except BackendError as error:
            return pytest.fail(str(error), pytrace=False)

    return run
