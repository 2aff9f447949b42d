"""Modelled energy and time of a run of a `Network`."""

from dataclasses import dataclass
from typing import Any

from ipvae.energy.counting.network_counts import NetworkCounts
from ipvae.energy.counting.network_workload import network_workload
from ipvae.energy.headline import headline
from ipvae.energy.models import EnergyRow, TimeRow
from ipvae.energy.models.table import left_out, model_table
from ipvae.network.network import Network
from ipvae.network.traces.network_totals import NetworkTotals


@dataclass(frozen=True)
class NetworkCosts:
    """Energies and times of one image, with the reasons for models that do not apply."""

    energy: tuple[EnergyRow, ...]
    time: tuple[TimeRow, ...]
    notes: tuple[str, ...]

    def keys(self) -> dict[str, Any]:
        """Keys `headline`, `energy`, `time` and `energy_notes` of a report."""
        return {
            "headline": headline(self.energy, self.time, self.notes),
            "energy": [row.as_dict() for row in self.energy],
            "time": [row.as_dict() for row in self.time],
            "energy_notes": list(self.notes),
        }


def network_costs(network: Network, totals: NetworkTotals, counts: NetworkCounts) -> NetworkCosts:
    """Model the costs of one image of a run on any backend."""
    work = network_workload(network, totals, counts)
    energy, time = model_table(network, work)
    return NetworkCosts(tuple(energy), tuple(time), tuple(left_out(work)))
