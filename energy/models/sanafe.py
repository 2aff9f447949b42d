"""Energy model of Loihi 1 with SANA-FE's constants, fitted to measured boards."""

import math

from ipvae.chip.placement import Placement
from ipvae.energy.counting.workload import Workload
from ipvae.energy.models.row import PICO, EnergyRow

DENSE_SYNAPSE_PJ = 35.5
"""Energy of one dense synaptic event."""
SOMA_ACCESS_PJ = 51.2
SOMA_UPDATE_PJ = 21.6
SPIKE_OUT_PJ = 69.3
"""Energy of one soma spike."""
AXON_OUT_PJ = 111.0
"""Energy of one message to one core."""
HOP_EAST_WEST_PJ = 3.0
HOP_NORTH_SOUTH_PJ = 4.2
TILE_CORES, MESH_HEIGHT = 4, 4
SANAFE_SOURCE = (
    "SANA-FE 2.2.9, architecture loihi.yaml (Boyle et al., IEEE TCAD 2025, doi "
    "10.1109/TCAD.2025.3537971): constants fitted to measured Loihi 1 boards by the paper, taken "
    "from Davies et al. 2018 by the file's own header"
)
SANAFE_ASSUMPTIONS = (
    "Loihi 1 class: a Loihi 2 differs in process, neurons and spikes",
    "dense synapses; every neuron is accessed and updated at every row",
    "low: cores of the tight reading of the memory model, all in one tile; high: cores of the "
    "wide reading, every message crosses all tiles that they fill, by columns of a mesh 4 high",
    "left out: static power, barriers, host and I/O, drive, read-out, the draw",
)


def sanafe_constants(work: Workload) -> EnergyRow | None:
    """Dynamic energy of one image with SANA-FE's constants for Loihi 1.

    Parameters
    ----------
    work : Workload

    Returns
    -------
    EnergyRow or None
        None if the network fits no board, because the cores per message are then unknown.
    """
    if not (isinstance(work.packed, Placement) and isinstance(work.loose, Placement)):
        return None
    counts, sent = work.counts, sum(layer.sent for layer in work.layers)
    base = (
        counts.synaptic_ops * DENSE_SYNAPSE_PJ
        + counts.neuron_updates * (SOMA_ACCESS_PJ + SOMA_UPDATE_PJ)
        + sent * SPIKE_OUT_PJ
    )
    ends = [
        _deliveries(work, work.packed) * AXON_OUT_PJ,
        _deliveries(work, work.loose) * (AXON_OUT_PJ + farthest_pj(work.loose.total_cores)),
    ]
    return EnergyRow(
        model="SANA-FE's Loihi constants",
        kind="modelled",
        part="dynamic",
        chip="Loihi 1",
        low_j=(base + min(ends)) * PICO,
        high_j=(base + max(ends)) * PICO,
        source=SANAFE_SOURCE,
        assumptions=SANAFE_ASSUMPTIONS,
    )


def farthest_pj(cores: int) -> float:
    """Energy of the hops between the farthest two tiles that `cores` cores fill, in pJ.

    Tiles fill the mesh by columns, in SANA-FE's numbering; the mesh is as wide as needed.
    """
    tiles = math.ceil(cores / TILE_CORES)
    columns, rows = math.ceil(tiles / MESH_HEIGHT), min(tiles, MESH_HEIGHT)
    return (columns - 1) * HOP_EAST_WEST_PJ + (rows - 1) * HOP_NORTH_SOUTH_PJ


def _deliveries(work: Workload, placement: Placement) -> float:
    """Messages of one image, counted once for each receiving core."""
    return sum(
        layer.received * max(1.0, cores * layer.shape.reached)
        for layer, cores in zip(work.layers, placement.n_cores, strict=True)
    )
