"""Energy from counts: one small function per cost model, every constant with its source."""

from dataclasses import asdict, dataclass

from ipvae.energy.counts import Counts

LOIHI1_SYNAPTIC_OP_PJ = 23.6
LOIHI1_UPDATE_ACTIVE_PJ = 81.0
LOIHI1_UPDATE_INACTIVE_PJ = 52.0
LOIHI1_SOURCE = (
    "Davies et al., IEEE Micro 38(1), 2018, table 2: pre-silicon estimates at 0.75 V; "
    "minimum per synaptic operation; spike transport, static power and I/O are left out"
)

_PICO = 1e-12


@dataclass(frozen=True)
class EnergyRow:
    """One line of the energy table, per image, in joules.

    Attributes
    ----------
    model : str
    kind : 'measured' or 'modelled'
    part : 'dynamic', 'static' or 'total'
    chip : str
    low_j, high_j : float
        A band; equal where the model gives one figure.
    source : str
    """

    model: str
    kind: str
    part: str
    chip: str
    low_j: float
    high_j: float
    source: str

    def as_dict(self) -> dict:
        """JSON data."""
        return asdict(self)


def loihi1(counts: Counts) -> EnergyRow:
    """Dynamic energy of one image with Loihi 1's published constants.

    The band comes from the neuron updates: all inactive (low) or all active (high).
    """
    synapses = counts.synaptic_ops * LOIHI1_SYNAPTIC_OP_PJ
    low = synapses + counts.neuron_updates * LOIHI1_UPDATE_INACTIVE_PJ
    high = synapses + counts.neuron_updates * LOIHI1_UPDATE_ACTIVE_PJ
    return EnergyRow(
        model="Loihi 1 constants",
        kind="modelled",
        part="dynamic",
        chip="Loihi 1",
        low_j=low * _PICO,
        high_j=high * _PICO,
        source=LOIHI1_SOURCE,
    )


MODELS = (loihi1,)
"""All cost models, in the order in which a report lists them."""
