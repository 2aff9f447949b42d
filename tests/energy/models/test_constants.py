"""Constants of the cost models are those that docs/energy.md cites, digit by digit."""

from importlib import import_module
from pathlib import Path

import pytest

from ipvae.chip import limits
from ipvae.energy.models import dense, loihi2, sanafe
from ipvae.energy.models.row import PICO

loihi1 = import_module("ipvae.energy.models.loihi1")  # its package has a function of this name
DOCS = Path(__file__).resolve().parents[3] / "docs"

CITED = {
    # constant: its value in the units of the code, the words of the document
    (loihi1, "LOIHI1_SYNAPTIC_OP_PJ"): (23.6, "23.6 pJ per synaptic operation"),
    (loihi1, "LOIHI1_UPDATE_INACTIVE_PJ"): (52.0, "52 pJ\n(inactive, low end of the band)"),
    (loihi1, "LOIHI1_UPDATE_ACTIVE_PJ"): (81.0, "81 pJ (active, high end)"),
    (sanafe, "DENSE_SYNAPSE_PJ"): (35.5, "| event of a dense synapse | 35.5 |"),
    (sanafe, "SOMA_ACCESS_PJ"): (51.2, "| soma accessed, updated | 51.2 + 21.6 |"),
    (sanafe, "SOMA_UPDATE_PJ"): (21.6, "| soma accessed, updated | 51.2 + 21.6 |"),
    (sanafe, "SPIKE_OUT_PJ"): (69.3, "| soma spikes | 69.3 |"),
    (sanafe, "AXON_OUT_PJ"): (111.0, "| axon out | 111 |"),
    (sanafe, "HOP_EAST_WEST_PJ"): (3.0, "| hop | 3.0 east-west, 4.2 north-south |"),
    (sanafe, "HOP_NORTH_SOUTH_PJ"): (4.2, "| hop | 3.0 east-west, 4.2 north-south |"),
    (sanafe, "TILE_CORES"): (4, "four cores a tile, columns of four tiles"),
    (sanafe, "MESH_HEIGHT"): (4, "four cores a tile, columns of four tiles"),
    (loihi2, "FLOOR_S"): (1.164e-6, "| floor of a step | 1.164 us |"),
    (loihi2, "STATIC_W"): ((0.213, 0.232), "| static power of a chip | 0.213 to 0.232 W |"),
    (loihi2, "EMPTY_DYNAMIC_W"): ((0.023, 0.038), "all but empty chip | 0.023 to 0.038 W |"),
    (loihi2, "CORE_DYNAMIC_W"): (0.447 / 74, "PilotNet SNN: 0.447 W on 74 cores"),
    (loihi2, "SYNAPTIC_OP_S"): (0.66e-9, "| synaptic operation | 0.66 ns |"),
    (loihi2, "NEURON_PASS_S"): (4e-9, "| neuron, for each pass of its microcode | 4 ns |"),
    (loihi2, "CHIPS_BARRIER_S"): (10e-6, "| barrier of a step over several chips | 10 us |"),
    (loihi2, "PASSES_LOW"): (1, "| passes | 1 | 60 per Poisson neuron"),
    (loihi2, "PASSES_DRAWN"): (60, "| passes | 1 | 60 per Poisson neuron"),
    (loihi2, "PASSES_GRADED"): (2, "2 per graded neuron |"),
    (dense, "DRAWN_UPDATE"): ((9, 51), "9 multiplications and 51 other operations"),
    (dense, "GRADED_UPDATE"): ((1, 11), "neurons: 1 and 11;"),
    (dense, "INSTRUCTION_PJ"): (70.0, "70 pJ for the instruction of each operation"),
    (dense, "DRAM_PJ_PER_BYTE"): (325.0, "325 pJ for each byte of weight"),
    (dense, "A100_W"): (400.0, "400 W x time at peak rate"),
    (dense, "A100_BYTES_PER_S"): (1555e9, "at 1,555 GB/s"),
    (dense, "JETSON_W"): ((7.0, 15.0), "7 W x time at peak rate"),
    (dense, "JETSON_BYTES_PER_S"): (
        68e9,
        "every weight at every use at 68 GB/s",
    ),
    (limits, "USABLE_CORES"): (120, "spread over all 120 of the chips"),
    (limits, "CORE_SHARED_WORDS"): (20_000, "/ 20,000"),
}


@pytest.mark.parametrize("constant", CITED, ids=lambda constant: constant[1])
def test_a_constant_is_the_documents(constant):
    module, name = constant
    value, words = CITED[constant]
    assert getattr(module, name) == value
    assert words in (DOCS / "energy.md").read_text()


def test_formats_of_dense_arithmetic_are_the_documents():
    """pJ of a product and its sum, a product, a sum; bytes of a weight; operations a second."""
    int8 = dense.Precision("int8", 1, 0.2 + 0.1, 3.1, 0.1, 624e12, 20e12)
    float32 = dense.Precision("float32", 4, 3.7 + 0.9, 3.7, 0.9, 19.5e12, 1.28e12)
    assert (int8, float32) == dense.PRECISIONS
    assert dense.MAC_NJ == {"Intel i7-4960X": 8.6, "NVIDIA GTX Titan Black": 0.3}
    text = (DOCS / "energy.md").read_text()
    for words in (
        "| 0.2 + 0.1 pJ (32-bit sum) | 3.7 + 0.9 pJ |",
        "int32 3.1 and 0.1 pJ, float32 3.7 and 0.9 pJ",
        "| 624e12 operations/s | 19.5e12 operations/s |",
        "| 20e12 operations/s | 1.28e12 operations/s |",
        "| Intel i7-4960X; total | | 8.6 nJ |",
        "| NVIDIA GTX Titan Black; total | | 0.3 nJ |",
    ):
        assert words in text


def test_a_picojoule_is_a_millionth_of_a_microjoule():
    assert PICO == 1e-12
