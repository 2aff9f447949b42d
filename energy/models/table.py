"""Energy and time tables of a report, from all models that need a network."""

from ipvae.chip.limits import LimitCheck
from ipvae.energy.counting.workload import Workload
from ipvae.energy.models.dense import dense_baselines, dense_work
from ipvae.energy.models.loihi1 import loihi1
from ipvae.energy.models.loihi2 import loihi2_band
from ipvae.energy.models.row import EnergyRow, TimeRow
from ipvae.energy.models.sanafe import sanafe_constants
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network


def model_table(
    network: IntNetwork | Network, work: Workload
) -> tuple[list[EnergyRow], list[TimeRow]]:
    """Every modelled row of one image, Loihi 2 first.

    Parameters
    ----------
    network : IntNetwork, or Network, which has no decoder
    work : Workload
        Workload of a run of this network.
    """
    constants = sanafe_constants(work)
    band, band_times = loihi2_band(work)
    if isinstance(network, Network):
        baseline = dense_work(work)
    else:
        baseline = dense_work(work, network.code, network.n_pixels)
    dense, dense_times = dense_baselines(baseline)
    rows = [*band, loihi1(work.counts), *([] if constants is None else [constants]), *dense]
    return rows, [*band_times, *dense_times]


def left_out(work: Workload) -> list[str]:
    """Models that do not apply, with the reasons."""
    return [
        f"no Loihi 2 band and no row of SANA-FE's constants: the memory model does not fit the "
        f"network ({found.rule} {found.found:,} of {found.allowed:,}, {found.where})"
        for found in (work.packed, work.loose)
        if isinstance(found, LimitCheck)
    ][:1]
