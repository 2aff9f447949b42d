"""Poisson layer as a block of lava-dl's SLAYER, with training and export to network files.

`export_hdf5` is inherited from lava-dl's AbstractRecurrent and writes the same dense_rec group as
`ipvae.network.io.network_file`, dataset by dataset.
"""

# ruff: noqa: E402 (what lava-dl needs comes before its first import)

import math

from ipvae.lava_procs.lava_repairs import repair_slayer

repair_slayer()

import numpy as np
import torch
from lava.lib.dl.slayer.block import base
from lava.lib.dl.slayer.synapse import Dense

from ipvae.network.io.fields import neuron_fields
from ipvae.network.layers import SUBTRACTED, PoissonLayer
from ipvae.network.rules.arithmetic import FRAC_BITS, SELF_MAX


def per_nat(layer: PoissonLayer) -> float:
    """Units of a layer's log-rate in one nat."""
    return 2**layer.frac_bits / math.log(2.0)


class _Grid:
    """Quantizer of a synapse: integers of a dtype times a step, in nats.

    It has the interface of lava-dl's quantizers: with `descale` it returns the integers, else the
    weights that they represent, in nats, with a straight-through gradient.
    """

    def __init__(self, step: float, dtype: torch.dtype) -> None:
        self.step, self.dtype = step, dtype
        self.low, self.high = torch.iinfo(dtype).min, torch.iinfo(dtype).max

    def __call__(self, weight: torch.Tensor, descale: bool = False) -> torch.Tensor:
        integers = torch.round(weight / self.step).clamp(self.low, self.high)
        if descale:
            return integers.detach().to(self.dtype)
        return weight + (integers * self.step - weight).detach()


class _Norm:
    """Normalization attributes of a neuron for lava-dl's export: bias and weight_exp."""

    def __init__(self, bias: torch.Tensor, layer: PoissonLayer) -> None:
        self._bias, self._per_nat = bias, per_nat(layer)
        self.weight_exp = np.int64(layer.weight_exp)

    @property
    def bias(self) -> torch.Tensor:
        """(K,) int32, the layer's unit."""
        return torch.round(self._bias.detach().double() * self._per_nat).to(torch.int32)


class _Neuron(torch.nn.Module):
    """Parameters of the neurons, as lava-dl's export reads them."""

    def __init__(self, layer: PoissonLayer) -> None:
        super().__init__()
        self.shape = (layer.n_neurons,)
        self.layer = layer
        self.bias = torch.nn.Parameter(self._nats(layer.bias))
        self.u_init = torch.nn.Parameter(self._nats(layer.u_init))
        self.self_weight = torch.nn.Parameter(self._nats(layer.self_weight))
        self.norm = _Norm(self.bias, layer)

    @property
    def device_params(self) -> dict:
        """The file's `neuron` group without weight_exp, which lava-dl takes from `norm`."""
        version = 1 if self.layer.frac_bits == FRAC_BITS else 2  # of the file for the layer
        fields = neuron_fields(self.layer, version) | {
            "type": np.array([b"POISSON"], dtype="S10"),
            "uInit": self._integers(self.u_init, self.layer.u_min, self.layer.u_max),
            "selfWeight": self._integers(self.self_weight, 0, SELF_MAX),
        }
        del fields["weight_exp"]
        return fields

    def _nats(self, integers: np.ndarray) -> torch.Tensor:
        """Convert from the layer's unit to float32 nats."""
        return torch.from_numpy(integers / per_nat(self.layer)).float()

    def _integers(self, value: torch.Tensor, low: int, high: int) -> np.ndarray:
        rounded = torch.round(value.detach().double() * per_nat(self.layer)).clamp(low, high)
        return rounded.cpu().numpy().astype(np.int32)


class PoissonRecurrent(base.AbstractRecurrent):
    """Recurrent Poisson layer: iP-VAE inference (arXiv 2410.19315) in SLAYER.

    An integer layer gives start values, scales and limits. Weights, bias, start log-rates and
    self-inhibition are parameters, in nats, trained on the integer grid.

    Parameters
    ----------
    layer : PoissonLayer
        Layer with memory, dense weights from the image, and recurrent synapses that inhibit.
    temperature : float
        Temperature of the relaxed draws: z = sum_i sigmoid((1 - S_i) / temperature) over arrival
        times S_i (arXiv 2405.14473, algorithm 1).
    max_arrivals : int
        Largest number of arrivals for each count.

    Raises
    ------
    ValueError
        If the layer is of another kind.
    """

    def __init__(
        self, layer: PoissonLayer, temperature: float = 0.1, max_arrivals: int = 64
    ) -> None:
        weight, weight_rec = _recurrent_weights(layer)
        k, m = weight.shape
        super().__init__({}, m, k, delay_shift=False)
        self.temperature, self.max_arrivals = temperature, max_arrivals
        self.neuron = _Neuron(layer)
        unit = 1 / per_nat(layer)
        self.input_synapse = _synapse(weight, 2.0**layer.drive_exp * unit, torch.int16)
        self.recurrent_synapse = _synapse(weight_rec, 2.0**layer.weight_exp * unit, torch.int8)
        del self.synapse_params, self.recurrent_params

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the relaxed dynamics.

        Parameters
        ----------
        x : (N, M, T) integer pixels as floats, for each step

        Returns
        -------
        (N, K, T) relaxed counts drawn at the steps 1..T
        """
        neuron, layer = self.neuron, self.neuron.layer
        unit = 1 / per_nat(layer)
        drive = self.input_synapse(x) + neuron.bias[:, None]
        gram = self.recurrent_synapse.pre_hook_fx(self.recurrent_synapse.weight)[:, :, 0, 0, 0]
        u = neuron.u_init.expand(len(x), -1)
        z = self._draw(u)
        counts = []
        for t in range(x.shape[-1]):
            change = drive[..., t] - z @ gram.T - neuron.self_weight * z
            change = change.clamp(layer.du_min * unit, layer.du_max * unit)
            u = (u + change).clamp(layer.u_min * unit, layer.u_max * unit)
            z = self._draw(u)
            counts.append(z)
        return torch.stack(counts, dim=-1)

    def _draw(self, u: torch.Tensor) -> torch.Tensor:
        waits = torch.empty(*u.shape, self.max_arrivals, device=u.device).exponential_()
        arrivals = torch.cumsum(waits, dim=-1) * torch.exp(-u)[..., None]
        return torch.sigmoid((1 - arrivals) / self.temperature).sum(dim=-1)


def _synapse(weight: np.ndarray, step: float, dtype: torch.dtype) -> Dense:
    k, n = weight.shape
    synapse = Dense(n, k, pre_hook_fx=_Grid(step, dtype))
    real = torch.from_numpy(weight * step).float()
    synapse.weight = torch.nn.Parameter(real.reshape(k, n, 1, 1, 1))
    return synapse


def _recurrent_weights(layer: PoissonLayer) -> tuple[np.ndarray, np.ndarray]:
    """Weights from the image (K, M) and recurrent ones (K, K) of a layer that SLAYER can train."""
    weight, weight_rec = layer.weight, layer.weight_rec
    if weight is None or weight.ndim != 2:
        found = "none" if weight is None else "one for each neuron"
        raise ValueError(f"PoissonRecurrent: weights from the image: {found}, allowed (K, M)")
    if weight_rec is None or weight_rec.shape[0] != weight_rec.shape[1] or layer.source != 1:
        found = "none" if weight_rec is None else weight_rec.shape
        raise ValueError(
            f"PoissonRecurrent: the layer receives layer {layer.source}, with recurrent weights "
            f"{found}; allowed is layer 1, itself, with {(len(weight),) * 2}"
        )
    if layer.sign != SUBTRACTED or not layer.memory or layer.ceiling:
        raise ValueError(
            f"PoissonRecurrent: sign {layer.sign}, memory {layer.memory}, ceiling {layer.ceiling}; "
            "allowed is a layer that inhibits itself, with memory and without ceiling"
        )
    if layer.start is not None:
        raise ValueError("PoissonRecurrent: the layer starts from the image; allowed is u_init")
    return weight, weight_rec
