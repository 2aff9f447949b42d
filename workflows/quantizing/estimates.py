"""Log of the size of an export before it starts, and checks of its limits."""

import logging

from ipvae.chip.limits import CORE_SYNAPSE_WORDS, TARGETS, USABLE_CORES
from ipvae.errors import InputError
from ipvae.network.layers import MAX_NEURONS
from ipvae.workflows.running.estimates import (
    LONG_SECONDS,
    PER_NEURON,
    PER_SYNAPSE,
    duration,
    seconds_of,
)

LARGE = 1024
"""Number of neurons from which an export logs its size first."""
FLOAT_RUN = 1024 * 512
CALIBRATION_RUN = 256 * 512
"""Images x steps of the float model and of the integer network during an export."""
WORD_BITS = 64

log = logging.getLogger("ipvae")


def announce_export(n_pixels: int, n_neurons: int, layout: str, weight_bits: int) -> None:
    """Log synapses, file size and rough time of a large export; warn if no chip can hold it.

    Parameters
    ----------
    n_pixels, n_neurons : int
        M and K.
    layout : "recurrent" (K x K synapses), "error-units" (2 M K) or "feed-forward" (not logged)
    weight_bits : int

    Raises
    ------
    InputError
        If the number of neurons exceeds the limit of the file format.
    """
    if n_neurons > MAX_NEURONS:
        raise InputError(
            f"model: found {n_neurons} neurons, allowed up to {MAX_NEURONS}, as many as the file "
            "can hold; train a smaller one"
        )
    if n_neurons < LARGE or layout == "feed-forward":
        return
    synapses = 2 * n_pixels * n_neurons if layout == "error-units" else n_neurons**2
    n_bytes = synapses + 2 * n_pixels * n_neurons
    seconds = export_seconds(n_pixels, n_neurons, synapses)
    rough = f", roughly {duration(seconds)} on this machine" if seconds >= LONG_SECONDS else ""
    log.info(
        f"large: {n_neurons:,} neurons, {synapses:,} synapses, a file of at least "
        f"{n_bytes / 1e6:,.0f} MB{rough}"
    )
    held = USABLE_CORES * CORE_SYNAPSE_WORDS * WORD_BITS // weight_bits
    if synapses > held:
        boards = [t for t in TARGETS.values() if synapses <= held * t.chips]
        fits = f"the smallest board that could is {boards[0].title}" if boards else "no board could"
        log.warning(
            f"warning: {synapses:,} synapses of {weight_bits} bits are more than a Loihi 2 chip "
            f"can hold ({held:,}); {fits}. The emulator and Lava run them"
        )


def export_seconds(n_pixels: int, n_neurons: int, synapses: int) -> float:
    """Return the rough time of an export, in seconds.

    It runs the float model, solves for K weights in each of K rows (2 K^3 operations in float64,
    in small blocks) and runs the integer network.
    """
    neurons = PER_NEURON * n_neurons
    before = FLOAT_RUN * (PER_SYNAPSE * 2 * n_pixels * n_neurons + neurons)
    rounding = 4 * 2.0 * n_neurons**3
    after = CALIBRATION_RUN * (PER_SYNAPSE * synapses + neurons)
    return seconds_of(before + rounding + after)
