"""Operations of each layer of a lava-dl network; docs/energy.md defines each count."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.network.lava_dl_network import ConvSynapses, PlainNetwork, Synapses


@dataclass(frozen=True)
class LayerCounts:
    """Operations of one layer per sample, means over the samples of a run.

    Attributes
    ----------
    layer : str
        Layer number in the file; the input is '0'.
    kind : 'input', 'dense' or 'conv'
    neurons : int
    synapses : int
        Connections; a convolution counts each one, although weights are shared.
    messages : float
        Nonzero messages that its neurons send.
    spikes : float
        Sum of the message sizes.
    synaptic_ops : float
        Synapses of every nonzero message from the previous layer. A dense layer has one synapse per
        message for each of its neurons; a convolution has one for each neuron in reach.
    count_weighted_ops : float
        As `synaptic_ops`, each message weighted by its size.
    effective_macs : float
        As `synaptic_ops`, nonzero weights only.
    neuron_updates : float
        Neuron updates; 0 for an input without neurons.
    updates_active : float
        Neuron updates with a nonzero output.
    """

    layer: str
    kind: str
    neurons: int
    synapses: int
    messages: float
    spikes: float
    synaptic_ops: float
    count_weighted_ops: float
    effective_macs: float
    neuron_updates: float
    updates_active: float

    def as_dict(self) -> dict[str, str | int | float]:
        """JSON data."""
        return asdict(self)


_COUNTED = tuple(field.name for field in fields(LayerCounts) if field.type is float)


class PlainCounter:
    """Accumulator of the operations of samples.

    Parameters
    ----------
    network : PlainNetwork
    """

    def __init__(self, network: PlainNetwork) -> None:
        self._network = network
        self._stored = [fan_out(layer.synapses) for layer in network.layers]
        self._nonzero = [fan_out(layer.synapses, nonzero=True) for layer in network.layers]
        names = ("0", *(layer.name for layer in network.layers))
        self._sums = {name: dict.fromkeys(_COUNTED, 0) for name in names}
        self._silent = self._values = 0
        self.n_samples = 0

    def add(self, of_input: np.ndarray, record: dict[str, np.ndarray]) -> None:
        """Add the counts of one sample.

        Parameters
        ----------
        of_input : (n_steps, n_inputs) int
            Input messages.
        record : dict of layer's name -> (rows, n) int
            Messages of every layer, from any backend.
        """
        self.n_samples += 1
        sent = np.abs(of_input.astype(np.int64))
        self._sent("0", sent, self._network.input.neuron is not None)
        for i, layer in enumerate(self._network.layers):
            self._silent += int((sent == 0).sum())
            self._values += sent.size
            received, sizes = (sent > 0).sum(axis=0), sent.sum(axis=0)
            sums = self._sums[layer.name]
            sums["synaptic_ops"] += int(received @ self._stored[i])
            sums["count_weighted_ops"] += int(sizes @ self._stored[i])
            sums["effective_macs"] += int(received @ self._nonzero[i])
            sent = np.abs(record[layer.name].astype(np.int64))
            self._sent(layer.name, sent, True)

    def _sent(self, name: str, sent: np.ndarray, updated: bool) -> None:
        sums = self._sums[name]
        sums["messages"] += int((sent > 0).sum())
        sums["spikes"] += int(sent.sum())
        sums["neuron_updates"] += sent.size if updated else 0
        sums["updates_active"] += int((sent > 0).sum()) if updated else 0

    @property
    def zeros(self) -> float:
        """Fraction of zeros in all values that layers receive."""
        return self._silent / self._values

    def layers(self) -> list[LayerCounts]:
        """Counts per sample of the input and of each layer, in layer order."""
        network = self._network
        kinds = ["input"] + [
            "conv" if isinstance(layer.synapses, ConvSynapses) else "dense"
            for layer in network.layers
        ]
        neurons = [network.input.size] + [layer.n_neurons for layer in network.layers]
        synapses = [0] + [int(stored.sum()) for stored in self._stored]
        means = [
            {key: value / self.n_samples for key, value in sums.items()}
            for sums in self._sums.values()
        ]
        return [
            LayerCounts(layer=name, kind=kind, neurons=n, synapses=stored, **mean)
            for name, kind, n, stored, mean in zip(
                self._sums, kinds, neurons, synapses, means, strict=True
            )
        ]

    def total(self, host_products: float = 0.0) -> Counts:
        """Counts per sample of the whole network.

        Only received messages and spikes count, so the last layer's outputs are excluded.

        Parameters
        ----------
        host_products : float
            Products of the input transform per sample.
        """
        layers = self.layers()
        updates = sum(layer.neuron_updates for layer in layers)
        active = sum(layer.updates_active for layer in layers)
        return Counts(
            synaptic_ops=sum(layer.synaptic_ops for layer in layers),
            count_weighted_ops=sum(layer.count_weighted_ops for layer in layers),
            effective_macs=sum(layer.effective_macs for layer in layers),
            messages=sum(layer.messages for layer in layers[:-1]),
            spikes=sum(layer.spikes for layer in layers[:-1]),
            neuron_updates=updates,
            drive_macs=host_products,
            readout_ops=0.0,
            updates_active=active,
            updates_idle=updates - active,
        )


def fan_out(synapses: Synapses, nonzero: bool = False) -> np.ndarray:
    """Synapses from each neuron of the previous layer.

    For a convolution: the outputs whose kernel covers the neuron in a channel of its group, given
    stride, padding and dilation. Neurons at the borders have fewer.

    Parameters
    ----------
    synapses : DenseSynapses or ConvSynapses
    nonzero : bool
        Count only nonzero weights.

    Returns
    -------
    (n_in,) int64
    """
    weight = synapses.weight
    kept = weight != 0 if nonzero else np.ones_like(weight, dtype=bool)
    if not isinstance(synapses, ConvSynapses):
        return kept.sum(axis=0, dtype=np.int64)
    _, height, width = synapses.in_shape
    rows = _reached(synapses, 0, height, synapses.shape[1])
    columns = _reached(synapses, 1, width, synapses.shape[2])
    by_group = kept.reshape(synapses.groups, -1, *kept.shape[1:]).sum(axis=1, dtype=np.int64)
    by_channel = by_group.reshape(synapses.in_shape[0], *kept.shape[2:])
    return np.einsum("yk,ckl,xl->cyx", rows, by_channel, columns, optimize=True).reshape(-1)


def _reached(synapses: ConvSynapses, axis: int, n_in: int, n_out: int) -> np.ndarray:
    """Input and kernel positions along one axis that meet in an output: (n_in, kernel), 0 or 1."""
    inputs = np.arange(n_in)[:, None] + synapses.padding[axis]
    offsets = np.arange(synapses.weight.shape[2 + axis]) * synapses.dilation[axis]
    outputs, between = np.divmod(inputs - offsets, synapses.stride[axis])
    return ((between == 0) & (outputs >= 0) & (outputs < n_out)).astype(np.int64)
