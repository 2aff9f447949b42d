"""Load of each core of a placement for one image, as reports list it."""

import numpy as np

from ipvae.chip.core_memory import CONSERVATIVE, MODEL, layer_shapes
from ipvae.chip.limits import TARGETS, USABLE_CORES, LimitCheck
from ipvae.chip.placement import Placement, place
from ipvae.energy.counting.core_counts import CoreCounts, core_counts
from ipvae.energy.counting.max_core_load import NAMES
from ipvae.energy.counting.step_counts import RunCounts
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.traces.activity import Activity


def fewest_cores(network: IntNetwork | Network) -> Placement | LimitCheck:
    """Place a network on the fewest cores of the smallest board that holds it.

    The conservative memory model applies (`ipvae.chip.core_memory`).

    Returns
    -------
    Placement, or the limit that the network exceeds on the largest board
    """
    shapes = layer_shapes(network)
    found: Placement | LimitCheck | None = None
    for target in TARGETS.values():
        found = place(shapes, target, CONSERVATIVE, {})
        if isinstance(found, Placement):
            return found
    assert found is not None  # there are boards
    return found


def cores_as_dict(
    network: IntNetwork, placement: Placement | LimitCheck, activity: Activity, run: RunCounts
) -> dict:
    """Return the mean load of every core and the largest loads as JSON data.

    Parameters
    ----------
    network : IntNetwork
    placement : Placement or LimitCheck
        From `fewest_cores`.
    activity : Activity
        Activity of a run of at least one image.
    run : RunCounts
        Counts of the same run, with this placement.
    """
    if isinstance(placement, LimitCheck):
        return no_plan(placement)
    counts = core_counts(network, activity, placement)
    chip_steps = activity.images * network.schedule.chip_steps(activity.steps)
    listed = _list(placement, counts, activity.images)
    return {
        "plan": plan_text(placement),
        "list": listed,
        "busiest": {name: busiest_core(listed, name) for name in NAMES},
        "busiest_per_step": {name: found / chip_steps for name, found in run.busiest.items()},
    }


def no_plan(exceeded: LimitCheck) -> dict:
    """JSON data of a network that exceeds a limit on the largest board."""
    plan = (
        f"none: {MODEL}, {CONSERVATIVE.name} reading; {exceeded.rule} needs "
        f"{exceeded.found:,} of {exceeded.allowed:,} ({exceeded.where})"
    )
    return {"plan": plan, "list": [], "busiest": {}, "busiest_per_step": {}}


def plan_text(placement: Placement) -> str:
    """Line on a placement: its memory model and its cores."""
    on = "one chip" if placement.chips == 1 else f"{placement.chips} chips"
    return (
        f"{MODEL}: {placement.reading.name} reading, as few cores as hold the network: "
        f"{placement.total_cores} on {on} of {USABLE_CORES} usable"
    )


def _list(placement: Placement, counts: CoreCounts, n_images: int) -> list[dict]:
    return [
        {
            "chip": core.chip_idx,
            "core": core.core_idx,
            "layer": core.layer.name,
            "neurons": core.neurons,
            "spikes_in": int(counts.spikes_in[i]) / n_images,
            "synaptic_ops": int(counts.syn_ops[i]) / n_images,
            "neuron_updates": int(counts.dendrite_updates[i]) / n_images,
            "messages_out": int(counts.axon_out[i]) / n_images,
            "memory": float(counts.total_mpds[i]),
        }
        for i, core in enumerate(placement.cores)
    ]


def busiest_core(listed: list[dict], name: str) -> dict:
    """Maximum of one load, its mean over cores, and the first core at the maximum."""
    most = max(listed, key=lambda core: core[name])
    return {
        "max": most[name],
        "mean": float(np.mean([core[name] for core in listed])),
        "core": f"chip {most['chip']}, core {most['core']}",
    }
