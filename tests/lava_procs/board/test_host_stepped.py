"""The host's side of a board, proved on the CPU: models that execute the specification.

Nothing of this has run on a chip. Models come from tests/lava_procs/spec_models.py.
"""

import importlib.util
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import HungBackendError, InputError
from ipvae.lava_procs.board.host_stepped import HostSteppedRunner, run_hosted
from ipvae.lava_procs.importing import import_lava
from ipvae.network.layers import AffineStart
from ipvae.network.rules import random_source
from ipvae.network.traces.trace import compare

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module")
def models():
    import_lava()
    path = Path(__file__).parent.with_name("spec_models.py")
    spec = importlib.util.spec_from_file_location("spec_models", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MODELS


@pytest.fixture
def configuration(models):
    from lava.magma.core.run_configs import Loihi2SimCfg

    return Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)


def test_the_host_serves_images_through_variables_alone(make_network, configuration):
    network = make_network()
    expected = recording.run(network, network.test_images[:3], 12, 5)
    with HostSteppedRunner(network, 12, configuration) as runner:
        found = run_hosted(runner, network.test_images[:3], 5, "hosted")
    comparison = compare(expected, found)
    assert comparison.first_divergence is None
    assert comparison.compared_values == 3 * 13 * 3 * 16
    assert expected.stacked("1", "z").max() > 1


def test_it_replays_counts_through_a_variable(make_network, configuration, rng):
    network = make_network()
    draws = np.minimum(rng.poisson(0.7, (2, 9, 16)), network.layer.count_reach)
    expected = recording.run(network, network.test_images[:2], 8, 0, draws=draws)
    with HostSteppedRunner(network, 8, configuration, replay=True) as runner:
        found = run_hosted(runner, network.test_images[:2], 0, "hosted", draws)
    assert compare(expected, found).first_divergence is None


@pytest.mark.parametrize("kind", ["errors2/1", "forward2/0", "sparse/2", "forward_ceiling/0"])
def test_layers_act_at_their_rows(layered, configuration, kind):
    network = layered(4)[kind]
    expected = recording.run(network, network.test_images[:2], 6, 1)
    with HostSteppedRunner(network, 6, configuration) as runner:
        found = run_hosted(runner, network.test_images[:2], 1, "hosted")
    assert compare(expected, found).first_divergence is None


def test_the_host_writes_starts_that_depend_on_the_image(kinds, configuration, rng):
    network = kinds.networks(4)["errors + 1 read-out"]
    shape = (network.n_neurons, network.n_pixels)
    start = AffineStart(
        weight=rng.integers(-900, 901, shape).astype(np.int16),
        bias=np.zeros(network.n_neurons, np.int32),
        exponent=0,
    )
    network = replace(network, layer=replace(network.layer, start=start))
    drives_of_none = {name: layer.bias for name, layer in network.layers.items()}
    expected = recording.run(network, network.test_images[:2], 6, 1)
    assert len(np.unique(expected.stacked(network.code, "u")[:, 0], axis=0)) == 2
    with HostSteppedRunner(network, 6, configuration) as runner:
        found = run_hosted(runner, network.test_images[:2], 1, "hosted")
        assert compare(expected, found).first_divergence is None
        with pytest.raises(InputError, match="start: must be given"):
            runner.run_image(drives_of_none, random_source.Key(0, 0))


def test_a_start_given_before_the_build_needs_no_first_step(make_network, configuration):
    """As a profiled run does it: one run, no variable written between."""
    from ipvae.lava_procs.board.host_stepped import start_of
    from ipvae.network.rules import random_source
    from ipvae.network.rules.drive import drives

    network = make_network()
    b = {name: of_layer[0] for name, of_layer in drives(network, network.test_images).items()}
    start = start_of(network, b, random_source.image_key(5, 0))
    expected = recording.run(network, network.test_images[:1], 12, 5).samples[0]["1"]
    with HostSteppedRunner(network, 12, configuration, start=start) as runner:
        runner.advance(13)
        for variable, name in (("u", "u"), ("z", "z"), ("a_in", "received")):
            np.testing.assert_array_equal(runner._read("1", name), expected[variable][-1])


def test_a_model_of_the_simulator_cannot_serve_it(make_network):
    """It asks for the ports that a hosted neuron does not have: nothing is left behind."""
    from lava.magma.core.run_configs import Loihi2SimCfg

    with pytest.raises(HungBackendError, match="the network could not be built"):
        HostSteppedRunner(make_network(), 3, Loihi2SimCfg(select_tag="fixed_pt"))
    assert multiprocessing.active_children() == []


def test_a_variable_that_holds_no_integer_is_an_error(make_network, configuration, monkeypatch):
    network = make_network()
    with HostSteppedRunner(network, 3, configuration) as runner:
        monkeypatch.setattr(runner.neurons["1"].u, "get", lambda: np.full(16, 0.5))
        with pytest.raises(HungBackendError, match="variable u of layer 1 holds"):
            run_hosted(runner, network.test_images[:1], 0, "hosted")


def test_a_board_that_gives_no_sign_ends_the_run(make_network, configuration):
    """The advice names nothing that this backend does not have."""
    with HostSteppedRunner(make_network(), 3, configuration, timeout=20) as runner:
        runner._built.watch._timeout = 1.5
        runtime: Any = runner._process.runtime
        os.kill(runtime._messaging_infrastructure.actors[0].pid, signal.SIGSTOP)
        with pytest.raises(
            HungBackendError, match="gave no heartbeat for 1.5 s.*board is free"
        ) as info:
            runner.advance(2)
    assert str(info.value).startswith("backend 'loihi2': ") and "--timeout" not in str(info.value)


def test_a_process_that_dies_ends_the_run(make_network, configuration):
    with HostSteppedRunner(make_network(), 3, configuration) as runner:
        runtime: Any = runner._process.runtime
        actors = runtime._messaging_infrastructure.actors
        os.kill(actors[0].pid, signal.SIGKILL)
        with pytest.raises(HungBackendError, match="^backend 'loihi2': .* died"):
            runner.advance(2)
        with pytest.raises(HungBackendError, match="was stopped; build it again"):
            runner.advance(1)
    assert multiprocessing.active_children() == []
