"""PoissonNeuron as a Process among Lava's own: hand-made networks, both models."""

from typing import Any

import numpy as np
import pytest

from ipvae.emulator import recording
from ipvae.errors import DescriptionError
from ipvae.lava_procs.importing import import_lava
from ipvae.network.rules.poisson import LOG_RATE_MAX

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def spikes_of(neuron, n_steps, tag="fixed_pt", first=None):
    """What a neuron sends in a number of steps, through a sink of Lava's."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer

    sink = RingBuffer(shape=neuron.s_out.shape, buffer=n_steps)
    neuron.s_out.connect(sink.a_in)
    neuron.run(RunSteps(num_steps=n_steps), Loihi2SimCfg(select_tag=tag))
    found = sink.data.get().T, {name: getattr(neuron, name).get() for name in ("u", "z", "step")}
    neuron.stop()
    return found


def test_a_hand_made_network_equals_the_emulator(make_network):
    """The layer's numbers, Lava's own Dense and no runner of ipvae."""
    from dataclasses import fields

    from ipvae.lava_procs.procs.layer_block.process import exact_dense
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
    from ipvae.network.rules.drive import drive

    network = make_network(k=9)
    layer = network.layer
    numbers = {
        f.name: getattr(layer, f.name)
        for f in fields(layer)
        if f.name not in ("weight", "weight_rec", "drive_exp", "source", "bias", "start")
    }
    bias = drive(network, network.test_images[:1])[0]
    neuron = PoissonNeuron(shape=(9,), bias=bias, seed=5, **numbers)
    synapse = exact_dense(layer.weight_rec, layer.payload_bits)
    neuron.s_out.connect(synapse.s_in)
    synapse.a_out.connect(neuron.a_in)
    sent, states = spikes_of(neuron, 30)
    expected = recording.run(network, network.test_images[:1], 30, 5).samples[0]["1"]
    np.testing.assert_array_equal(sent, expected["z"][:30])
    np.testing.assert_array_equal(states["u"], expected["u"][29])
    np.testing.assert_array_equal(states["z"], expected["z"][29])
    assert states["step"] == [30]


def test_it_stands_between_neurons_of_lavas_own():
    """LIF -> Dense -> PoissonNeuron -> Dense -> LIF: excitation raises the rate of one of two."""
    from lava.proc.dense.process import Dense
    from lava.proc.lif.process import LIF

    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    clock = LIF(shape=(1,), vth=3, bias_mant=64, dv=0, du=4095)
    up = Dense(weights=np.array([[100], [0]]), num_message_bits=0)
    neuron = PoissonNeuron(shape=(2,), u_init=-(3 << 12), weight_exp=3, sign=1, seed=1)
    down = Dense(weights=2 * np.eye(2, dtype=int), num_message_bits=8)
    reader = LIF(shape=(2,), vth=1, dv=0, du=4095)
    clock.s_out.connect(up.s_in)
    up.a_out.connect(neuron.a_in)
    neuron.s_out.connect(down.s_in)
    down.a_out.connect(reader.a_in)
    sent, states = spikes_of(neuron, 160)
    assert states["u"][1] == -(3 << 12) < states["u"][0] <= LOG_RATE_MAX
    assert sent[-20:, 0].mean() > 10 > sent[:, 1].mean()


def test_values_reset_it():
    """u, z, step and drive are variables: a host that sets them starts another image."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg

    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    neuron = PoissonNeuron(shape=(3,), u_init=np.array([0, 5000, 9000]), bias=-40, seed=3)
    runs = []
    for _ in range(2):
        neuron.run(RunSteps(num_steps=12), Loihi2SimCfg(select_tag="fixed_pt"))
        runs.append((neuron.u.get(), neuron.z.get()))
        neuron.u.set(np.array([0, 5000, 9000]))
        neuron.z.set(np.zeros(3))
        neuron.step.set(np.zeros(1))
    neuron.stop()
    np.testing.assert_array_equal(*runs)
    np.testing.assert_array_equal(runs[0][0], np.array([0, 5000, 9000]) - 11 * 40)


@pytest.mark.parametrize(("tag", "bound"), [("fixed_pt", 4.5), ("floating_pt", 4.5)])
def test_counts_follow_the_law_in_both_models(tag, bound):
    """64 neurons, 400 steps, rate 3: the mean is within 4.5 standard errors (p < 1e-5)."""
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    u = round(np.log2(3) * 4096)
    counts, _ = spikes_of(PoissonNeuron(shape=(64,), u_init=u, seed=8), 400, tag)
    rate = 2 ** (u / 4096)
    assert abs(counts.mean() - rate) < bound * np.sqrt(rate / counts.size) + 1e-3
    assert abs(counts.var() / rate - 1) < bound * np.sqrt(3 / counts.size) + 1e-3


def test_the_float_model_does_not_round():
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    def made():
        return PoissonNeuron(
            shape=(2,), bias=-7, self_weight=3, frac_bits=16, u_max=0, payload_bits=1, seed=4
        )

    _, fixed = spikes_of(made(), 50)
    _, floats = spikes_of(made(), 50, "floating_pt")
    assert (fixed["u"] <= -7 * 49).all() and (floats["u"] <= -7 * 49).all()
    assert (fixed["u"] % 1 == 0).all() and (floats["u"] >= -10 * 49).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"u_init": 2**22}, "u_init = 4194304 is outside -49152..32768"),
        ({"payload_bits": 24}, "payload_bits = 24 is outside 1..23"),
        ({"frac_bits": 11}, "frac_bits = 11 is outside 12..16"),
        ({"sign": 2}, "sign = 2, allowed are 1 and -1"),
        ({"bias": np.zeros(4, int)}, r"weight has shape \(3,\), allowed \(4, pixels\)|bias"),
        ({"self_weight": -1}, "self_weight = -1 is outside 0"),
    ],
)
def test_values_out_of_range_are_refused(arguments, message):
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    with pytest.raises(DescriptionError, match=message):
        PoissonNeuron(shape=(3,), **arguments)


def test_the_float_model_serves_no_images():
    from ipvae.lava_procs.procs.poisson_neuron.models import PyPoissonNeuronFloat
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
    from ipvae.lava_procs.schedule import Schedule

    neuron = PoissonNeuron(shape=(3,), schedule=Schedule(3, 4))
    with pytest.raises(
        ValueError, match="floating_pt: found a schedule .* select the tag fixed_pt"
    ):
        PyPoissonNeuronFloat(neuron.proc_params)  # type: ignore[arg-type]


class Port:
    """A port that gives one message and keeps what is sent."""

    def __init__(self, message=None):
        self.message, self.sent = message, []

    def recv(self):
        return self.message

    def send(self, values):
        self.sent.append(values)


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize(
    ("sign", "weight_exp", "frac_bits"), [(1, 3, 12), (-1, 0, 16), (-1, -2, 12)]
)
def test_the_float_model_updates_as_the_integers_do(memory, sign, weight_exp, frac_bits):
    """Inputs are multiples of 4, so that the integers need no rounding; all limits are reached."""
    from ipvae.lava_procs.procs.poisson_neuron.models import PyPoissonNeuronFloat
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
    from ipvae.network.rules.neuron_step import next_log_rate

    received = 4 * np.array([0, 1, -1, 900, -900, 40, -40, 3])
    k = len(received)
    drive, z = np.arange(k) * 70 - 200, np.arange(k) % 3
    neuron = PoissonNeuron(
        shape=(k,),
        u_init=np.resize([900, -900, 0, 35], k),
        self_weight=np.full(k, 25 * memory),
        weight_exp=weight_exp,
        sign=sign,
        u_min=-1000,
        u_max=1000,
        du_min=-600,
        du_max=500,
        payload_bits=1,
        frac_bits=frac_bits,
        memory=memory,
        seed=3,
    )
    model: Any = PyPoissonNeuronFloat(neuron.proc_params)  # type: ignore[arg-type]
    layer = neuron.proc_params["layer"]
    start = layer.u_init.astype(float)
    model.a_in, model.s_out, model.drive = Port(received.astype(float)), Port(), drive.astype(float)
    model.u, model.z, model.step = start.copy(), z.astype(float), np.array([0])
    model.image_key = np.array([5, 6])
    model.run_spk()
    first = next_log_rate(layer, layer.u_init, z, drive, received)
    np.testing.assert_array_equal(model.u, start if memory else first)
    before, sent = model.u.astype(int), model.s_out.sent[0]
    model.run_spk()
    expected = next_log_rate(layer, before, sent.astype(int), drive, received)
    np.testing.assert_array_equal(model.u, expected)
    assert model.step == [2] and len(model.s_out.sent) == 2
    assert set(np.concatenate(model.s_out.sent).tolist()) == {0.0, 1.0}
    assert expected.min() == -1000 or expected.max() == 1000 or (expected - start).max() == 500
