"""Numbers inside the assumptions printed with energies: per image, in the unit they name."""

import pytest

from ipvae.energy.models.dense import Dense
from ipvae.energy.sanafe import SPIKE_OUT_PJ, Simulated


def test_what_a_simulation_leaves_out_is_microjoules_of_an_image():
    found = Simulated(
        version="9",
        images=4,
        synaptic_events=7,
        spikes=12_000,
        packets=3,
        updates=5,
        energy_j={"total": 8e-6, "synapse": 1e-6},
        seconds=2e-3,
    )
    row, time = found.rows()
    assert (row.low_j, row.high_j) == (2e-6, 2e-6)
    assert (time.low_s, time.high_s) == (5e-4, 5e-4)
    (message,) = [text for text in row.assumptions if "uJ per image" in text]
    value = float(message.split(": ")[1].removesuffix(" uJ per image"))
    assert value == pytest.approx(12_000 / 4 * SPIKE_OUT_PJ / 1_000_000, rel=5e-3)
    assert f"{SPIKE_OUT_PJ} pJ per spike" in message


def test_dense_work_states_its_parts():
    found = Dense(drive=1234.0, loop=56789.0, readout=321.0, multiplications=40.0, others=7.0)
    assert found.macs == 1234 + 56789 + 321
    assert found.operations_text == (
        "1,234 products of the drive, 56,789 of the loop (every weight at every step), 321 of the "
        "reconstruction; 47 operations of neuron updates and draws at rates below 1"
    )
