"""The Poisson layer as a block of lava-dl's SLAYER: trains there, exports as our files do.

`export_hdf5` is inherited from lava-dl's AbstractRecurrent and writes the same
dense_rec group as `ipvae.network.file`, dataset by dataset.
"""

import math

import numpy as np
import torch
from lava.lib.dl.slayer.block import base
from lava.lib.dl.slayer.synapse import Dense

from ipvae.network.arithmetic import FRAC_BITS
from ipvae.network.fields import neuron_fields
from ipvae.network.layers import PoissonLayer

PER_NAT = 2**FRAC_BITS / math.log(2.0)


class _Grid:
    """Quantizer of a synapse: integers of a dtype times 2**exponent / 4096 octaves.

    Called as lava-dl calls its own: with `descale` it returns the integers, else the
    weights that they stand for, in nats, with a straight-through gradient.
    """

    def __init__(self, exponent: int, dtype: torch.dtype) -> None:
        self.step, self.dtype = 2.0**exponent / PER_NAT, dtype
        self.low, self.high = torch.iinfo(dtype).min, torch.iinfo(dtype).max

    def __call__(self, weight: torch.Tensor, descale: bool = False) -> torch.Tensor:
        integers = torch.round(weight / self.step).clamp(self.low, self.high)
        if descale:
            return integers.detach().to(self.dtype)
        return weight + (integers * self.step - weight).detach()


class _Norm:
    """What lava-dl's export asks of a neuron's normalization: bias and weight_exp."""

    def __init__(self, bias: torch.Tensor, weight_exp: int) -> None:
        self._bias = bias
        self.weight_exp = np.int64(weight_exp)

    @property
    def bias(self) -> torch.Tensor:
        """(K,) int32, Q11.12 octaves."""
        return torch.round(self._bias.detach() * PER_NAT).to(torch.int32)


class _Neuron(torch.nn.Module):
    """Parameters of the neurons, as lava-dl's export reads them."""

    def __init__(self, layer: PoissonLayer) -> None:
        super().__init__()
        self.shape = (layer.n_neurons,)
        self.bias = torch.nn.Parameter(_nats(layer.bias))
        self.u_init = torch.nn.Parameter(_nats(layer.u_init))
        self.self_weight = torch.nn.Parameter(_nats(layer.self_weight))
        self.layer = layer
        self.norm = _Norm(self.bias, layer.weight_exp)

    @property
    def device_params(self) -> dict:
        """The file's `neuron` group without weight_exp, which lava-dl takes from `norm`."""
        fields = neuron_fields(self.layer) | {
            "type": np.array([b"POISSON"], dtype="S10"),
            "uInit": self._integers(self.u_init, self.layer.u_min, self.layer.u_max),
            "selfWeight": self._integers(self.self_weight, 0, 2**22 - 1),
        }
        del fields["weight_exp"]
        return fields

    @staticmethod
    def _integers(value: torch.Tensor, low: int, high: int) -> np.ndarray:
        rounded = torch.round(value.detach().double() * PER_NAT).clamp(low, high)
        return rounded.cpu().numpy().astype(np.int32)


def _nats(integers: np.ndarray) -> torch.Tensor:
    """Float32 nats from Q11.12 octaves."""
    return torch.from_numpy(integers / PER_NAT).float()


class PoissonRecurrent(base.AbstractRecurrent):
    """Recurrent Poisson layer: iP-VAE inference (arXiv 2410.19315) in SLAYER.

    Start values, scales and limits come from an integer layer; weights, bias, start
    log-rates and self-inhibition are parameters, in nats, trained on the grid that runs.

    Parameters
    ----------
    layer : PoissonLayer
    temperature : float
        Of the relaxed draws: z = sum_i sigmoid((1 - S_i) / temperature) over arrival times
        S_i (arXiv 2405.14473, algorithm 1).
    max_arrivals : int
        Arrivals considered for each count.
    """

    def __init__(
        self, layer: PoissonLayer, temperature: float = 0.1, max_arrivals: int = 64
    ) -> None:
        k, m = layer.weight.shape
        super().__init__({}, m, k, delay_shift=False)
        self.temperature, self.max_arrivals = temperature, max_arrivals
        self.neuron = _Neuron(layer)
        self.input_synapse = self._synapse(layer.weight, layer.drive_exp, torch.int16)
        self.recurrent_synapse = self._synapse(layer.weight_rec, layer.weight_exp, torch.int8)
        del self.synapse_params, self.recurrent_params

    @staticmethod
    def _synapse(weight: np.ndarray, exponent: int, dtype: torch.dtype) -> Dense:
        k, n = weight.shape
        synapse = Dense(n, k, pre_hook_fx=_Grid(exponent, dtype))
        real = torch.from_numpy(weight * (2.0**exponent / PER_NAT)).float()
        synapse.weight = torch.nn.Parameter(real.reshape(k, n, 1, 1, 1))
        return synapse

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the relaxed dynamics.

        Parameters
        ----------
        x : (N, M, T) integer pixels as floats, at each step

        Returns
        -------
        (N, K, T) relaxed counts drawn at the steps 1..T
        """
        neuron, layer = self.neuron, self.neuron.layer
        drive = self.input_synapse(x) + neuron.bias[:, None]
        gram = self.recurrent_synapse.pre_hook_fx(self.recurrent_synapse.weight)[:, :, 0, 0, 0]
        u = neuron.u_init.expand(len(x), -1)
        z = self._draw(u)
        counts = []
        for t in range(x.shape[-1]):
            change = drive[..., t] - z @ gram.T - neuron.self_weight * z
            change = change.clamp(layer.du_min / PER_NAT, layer.du_max / PER_NAT)
            u = (u + change).clamp(layer.u_min / PER_NAT, layer.u_max / PER_NAT)
            z = self._draw(u)
            counts.append(z)
        return torch.stack(counts, dim=-1)

    def _draw(self, u: torch.Tensor) -> torch.Tensor:
        waits = torch.empty(*u.shape, self.max_arrivals, device=u.device).exponential_()
        arrivals = torch.cumsum(waits, dim=-1) * torch.exp(-u)[..., None]
        return torch.sigmoid((1 - arrivals) / self.temperature).sum(dim=-1)
