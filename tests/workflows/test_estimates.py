"""The size of an export is told before it starts, by sizes and not by seconds."""

import logging

import pytest

from ipvae.errors import InputError
from ipvae.workflows.quantizing.estimates import announce_export


@pytest.mark.parametrize(
    ("neurons", "layout", "bits", "said", "warned"),
    [
        (1023, "recurrent", 8, "", ""),
        (2048, "recurrent", 8, "4,194,304 synapses, a file of at least 7 MB, about 2e+10", ""),
        (2048, "error-units", 8, "3,211,264 synapses", ""),
        (10_000, "recurrent", 8, "100,000,000 synapses", "chip can hold (15,360,000); the small"),
        (5_000, "recurrent", 4, "25,000,000 synapses", ""),
        (60_000, "recurrent", 8, "3,600,000,000 synapses", "Hala Point"),
    ],
)
def test_large_exports_are_told_and_those_that_no_chip_holds(
    caplog, neurons, layout, bits, said, warned
):
    caplog.set_level(logging.INFO, "ipvae")
    announce_export(784, neurons, layout, bits)
    texts = {record.levelno: record.getMessage() for record in caplog.records}
    assert said in texts.get(logging.INFO, "") and bool(said) == (logging.INFO in texts)
    assert warned in texts.get(logging.WARNING, "") and bool(warned) == (logging.WARNING in texts)


def test_more_neurons_than_the_file_holds_are_refused_first():
    with pytest.raises(InputError, match="up to 65536 neurons, .* got 65537"):
        announce_export(784, 65_537, "recurrent", 8)
