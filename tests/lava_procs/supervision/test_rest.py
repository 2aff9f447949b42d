"""What a neuron's model does between its rows, with ports that only take notes."""

from typing import Any

import numpy as np
import pytest

from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.schedule import Schedule
from ipvae.lava_procs.supervision.heartbeat import Heartbeat
from ipvae.network.traces.selection import EVERYTHING

pytestmark = pytest.mark.lava()


class Notes:
    """Replacement for a port: receives what it is given, keeps what is sent."""

    def __init__(self, given=None, shape=None):
        self.given, self.shape, self.sent, self.asked = given, shape, [], 0

    def recv(self):
        self.asked += 1
        return np.array(self.given)

    def send(self, value):
        self.sent.append(np.array(value))


@pytest.fixture
def model(kinds):
    """A model of the errors of a loop: period 2, phase 1, rows 0..3 of images of 10 steps."""
    import_lava()
    from ipvae.lava_procs.procs.graded_neuron.models import PyGradedNeuronFixed

    layer = kinds.networks(0)["errors"].hidden[0]
    parameters: Any = {
        "layer": layer,
        "schedule": Schedule(3, 10, 2, 1, 0),
        "record": EVERYTHING.of_layer("1", 6),
        "heartbeat": Heartbeat(),
    }
    made: Any = PyGradedNeuronFixed(parameters)
    made.a_in, made.s_out = Notes([400, -400, 9, 8, 7, 6]), Notes()
    made.image = Notes([500, -500, 90, 80, 70, 60])
    made.trace = Notes(shape=(4, 3, 6))
    made.u, made.z = np.ones(6, np.int32), np.ones(6, np.int32)
    made.step = np.zeros(1, np.int32)
    return made


def test_between_rows_a_neuron_sends_nothing_and_keeps_its_state(model):
    states = []
    for _ in range(10):
        model.run_spk()
        states.append((model.u.copy(), model.z.copy()))
    assert [bool(sent.any()) for sent in model.s_out.sent] == [False, True] * 4 + [False] * 2
    for step in (2, 4, 6, 8, 9):
        np.testing.assert_array_equal(states[step], states[step - 1])
    np.testing.assert_array_equal(model.trace.sent[0][:, 1], [u for u, _ in states[1:8:2]])


def test_an_image_is_received_once_and_a_message_in_each_step(model):
    for _ in range(20):
        model.run_spk()
    assert (model.image.asked, model.a_in.asked) == (2, 20)
    assert len(model.trace.sent) == 2
    np.testing.assert_array_equal(*model.trace.sent)
