"""The small networks of every kind reach what they are there for."""

import numpy as np

from ipvae.emulator import recording
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules.arithmetic import self_inhibition
from ipvae.network.rules.drive import drives
from ipvae.network.rules.neuron_step import total_input

STEPS = 20


def of_poisson(layer, total, u, z) -> dict[str, bool]:
    """Branches of `next_log_rate`; rows 1..T of total, all of u and z."""
    octave = 1 << layer.frac_bits  # by which the ceiling lowers a log-rate that is just at it
    change = total - self_inhibition(layer.self_weight, z[:, :-1])
    name = f"{layer.frac_bits} bits, memory {layer.memory}, ceiling {layer.ceiling}:"
    return {
        f"{name} change clipped below": bool((change < layer.du_min).any()),
        f"{name} change clipped above": bool((change > layer.du_max).any()),
        f"{name} u_min": bool((u == layer.u_min).any()),
        f"{name} u_max": bool((u >= layer.u_max - octave * layer.ceiling).any()),
        f"{name} largest count": bool((z == layer.count_max).any()),
        f"{name} no count": bool((z == 0).any()),
        f"{name} counts between": bool(((z > 1) & (z < layer.count_max)).any()),
    }


def of_graded(layer, total, u, z) -> dict[str, bool]:
    """Branches of `next_potential` and `graded_output`."""
    way = total - u[:, :-1]
    rest = way & ((1 << layer.leak) - 1)
    near = (u != 0) & (np.abs(u) <= layer.threshold)
    found = {
        "leak rounds a way down": bool(((way < 0) & (rest > 0)).any()),
        "leak rounds a way up": bool(((way > 0) & (rest > 0)).any()),
        "z_min": bool((z == layer.z_min).any()),
        "z_max": bool((z == layer.z_max).any()),
        "below the threshold": bool((near & (u < 0)).any() and (near & (u > 0)).any()),
        "past the threshold": bool(layer.threshold and z.min() < 0 < z.max()),
    }
    return {f"{layer.activation}: {name}": reached for name, reached in found.items()}


def test_every_branch_is_reached(kinds):
    """Only representative kinds where each network takes long to build."""
    reached: dict[str, bool] = {}
    for network in map(kinds.networks(1).get, kinds.BUILT):
        trace = recording.run(network, network.test_images, STEPS, 5)
        b = drives(network, network.test_images)
        for name, layer in network.layers.items():
            a_in, u, z = (trace.stacked(name, v).astype(np.int64) for v in ("a_in", "u", "z"))
            total = total_input(layer, b[name][:, None], a_in[:, 1:])
            found = (of_poisson if isinstance(layer, PoissonLayer) else of_graded)(
                layer, total, u, z
            )
            if layer.weight_rec is not None:
                side = "below 0" if layer.weight_exp < 0 else "above 0"
                found[f"exponent {side}, sign {layer.sign}"] = bool(
                    ((a_in < 0) & (a_in % 2 == 1)).any() and (a_in > 0).any()
                )
            for branch, now in found.items():
                reached[branch] = reached.get(branch, False) or now
    cannot = {
        "swish: leak rounds a way down",
        "swish: leak rounds a way up",
        "swish: below the threshold",
        "swish: past the threshold",
    }
    assert {branch for branch, now in reached.items() if not now} == cannot
    assert len(reached) > 40


def test_built_kinds_are_one_of_each(kinds):
    assert tuple(name.split(" + ")[0] for name in kinds.BUILT) == kinds.KINDS
    assert set(kinds.BUILT) < set(kinds.NAMES)
    assert {len(kinds.networks(1)[name].readouts) for name in kinds.BUILT} == {0, 1, 2}


def test_they_can_be_written(kinds, network_kind, tmp_path):
    network = kinds.networks(1)[network_kind]
    write_network(tmp_path / "net.h5", network)
    again = read_network(tmp_path / "net.h5")
    assert again.layers.keys() == network.layers.keys()
