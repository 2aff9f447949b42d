"""`--target cpu|loihi2` picks what runs the conformance vectors."""

import pytest

from ipvae.lava_procs import loihi2, runner
from ipvae.network.errors import BackendError


def pytest_addoption(parser):
    parser.addoption("--target", default="cpu", choices=["cpu", "loihi2"])


@pytest.fixture(scope="session")
def run_on_target(request):
    """Function (network, images, n_steps, seed, draws=None) -> trace.

    Without the extension or a board the tests are skipped with the line that says which; with
    both, a missing or wrong model of a neuron fails the tests that need it.
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
