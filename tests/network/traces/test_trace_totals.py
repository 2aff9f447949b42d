"""Totals of a trace equal the run's that it was recorded from."""

import numpy as np
import pytest

from ipvae import emulator
from ipvae.emulator import recording
from ipvae.errors import InputError
from ipvae.network.rules.stream import stream_drives
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace_totals import trace_totals

STEPS, SEED, KEPT = 9, 3, (0, 4, 9)


def test_they_equal_the_emulators_totals(kinds, network_kind):
    network = kinds.networks(2)[network_kind]
    images = network.test_images
    expected = emulator.Emulator(network).totals(images, STEPS, SEED, at=KEPT)
    drives = stream_drives(network, images, STEPS, None)
    found = trace_totals(network, recording.run(network, images, STEPS, SEED), drives, KEPT)
    assert (found.images, found.steps, found.rows) == (len(images), STEPS, expected.rows)
    assert found.layers.keys() == expected.layers.keys()
    for name, layer in expected.layers.items():
        ours = found.layers[name]
        for part in ("messages", "sizes", "u", "z"):
            np.testing.assert_array_equal(getattr(ours, part), getattr(layer, part), part)
        assert ours.saturations == layer.saturations
        assert ours.random_words == layer.random_words
        assert ours.peak == layer.peak
    assert found.kept.keys() == expected.kept.keys()
    for step, layers in expected.kept.items():
        assert found.kept[step].keys() == layers.keys()
        for name, pair in layers.items():
            for ours, theirs in zip(found.kept[step][name], pair, strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("record", "message"),
    [(Record(("u", "z")), "lacks 1/a_in"), (Record(every=2), "holds chosen steps or neurons")],
)
def test_a_part_of_a_run_is_refused(make_network, record, message):
    network = make_network()
    trace = recording.run(network, network.test_images, 4, 0, record=record)
    with pytest.raises(InputError, match=message):
        trace_totals(network, trace, stream_drives(network, network.test_images, 4, None))
