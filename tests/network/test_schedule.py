"""When layers act: phases, lags and periods of each kind by hand, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.errors import DescriptionError
from ipvae.network.layers import NOTHING, GradedLayer
from ipvae.network.schedule import schedule_of

BY_HAND = {
    "recurrent": (1, 5, [("1", "code", 0, 1)]),
    "recurrent + 2 read-outs": (
        1,
        6,
        [("1", "code", 0, 1), ("2", "readout", 1, 0), ("3", "readout", 1, 0)],
    ),
    "feed-forward": (1, 5, [("1", "code", 0, 0)]),
    "feed-forward + 1 read-out": (1, 6, [("1", "code", 0, 0), ("2", "readout", 1, 0)]),
    "lca": (1, 5, [("1", "code", 0, 1)]),
    "errors": (2, 10, [("2", "code", 0, 1), ("1", "hidden", 1, 0)]),
    "errors + 1 read-out": (
        2,
        10,
        [("2", "code", 0, 1), ("1", "hidden", 1, 0), ("3", "readout", 1, 0)],
    ),
    "loop of three + 2 read-outs": (
        3,
        15,
        [
            ("3", "code", 0, 1),
            ("1", "hidden", 1, 0),
            ("4", "readout", 1, 0),
            ("5", "readout", 1, 0),
            ("2", "hidden", 2, 0),
        ],
    ),
    "one hidden": (1, 6, [("1", "hidden", 0, 0), ("2", "code", 1, 0)]),
    "two hidden + 1 read-out": (
        1,
        8,
        [("1", "hidden", 0, 0), ("2", "hidden", 1, 0), ("3", "code", 2, 0), ("4", "readout", 3, 0)],
    ),
}
"""Kind -> period, chip steps of 4 updates, and of each stage name, role, phase and lag."""


@pytest.mark.parametrize("name", BY_HAND)
def test_layers_act_as_documented(kinds, name):
    network = kinds.networks(0)[name]
    found = network.schedule
    stages = [(s.name, s.role, s.phase, s.input_delay) for s in found.stages]
    assert (found.period, found.chip_steps(4), stages) == BY_HAND[name]
    assert [stage.layer for stage in found.stages] == [network.layers[s[0]] for s in stages]
    assert found.chip_steps(1) == found.chip_steps(4) - 3 * found.period


def chain(n_hidden):
    """Layers of one neuron, each of which receives the one before."""
    weight = np.ones((1, 1), np.int8)
    first = GradedLayer(
        weight=np.ones((1, 1), np.int16),
        bias=np.zeros(1, np.int32),
        source=NOTHING,
        z_min=0,
        z_max=9,
    )
    layers = [replace(first, weight=None, weight_rec=weight, source=i) for i in range(1, n_hidden)]
    code = replace(first, weight=None, weight_rec=weight, source=n_hidden)
    return (first, *layers), code


def test_there_may_be_sixteen_layers_and_no_more():
    hidden, code = chain(15)
    assert [stage.phase for stage in schedule_of(hidden, code, ()).stages] == list(range(16))
    reader = replace(code, source=16)
    hidden, code = chain(14)
    assert len(schedule_of(hidden, code, (replace(reader, source=15),)).stages) == 16
    for n_hidden, readers in ((16, ()), (15, (reader,))):
        hidden, code = chain(n_hidden)
        with pytest.raises(DescriptionError, match="layers: found 17, allowed are up to 16"):
            schedule_of(hidden, code, readers)
