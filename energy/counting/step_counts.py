"""Operations of a run by step, by image and on the busiest core, counted during the run.

Memory holds one row of some images and the sums; it does not grow with images times steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipvae.chip.placement import Placement
from ipvae.energy.counting.counts import image_sums
from ipvae.energy.counting.max_core_load import MaxCoreLoad, core_columns
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules.poisson import SPLIT_ABOVE, random_words
from ipvae.network.schedule import AnyLayer
from ipvae.network.traces.activity import SentMessages, activity_by_group, require_counted
from ipvae.network.traces.observers import Row, observe_trace
from ipvae.network.traces.trace import Trace

_ROWS = 255
"""Maximum number of rows for which a byte can count the messages of a neuron."""


@dataclass(frozen=True, eq=False)
class RunCounts:
    """Sums of a run.

    Attributes
    ----------
    images : dict of name -> (N,) int64
        Sums per image, named as in `ipvae.energy.counting.counts.image_sums`.
    steps : dict of name -> (T + 1,) int64
        Sums over images at rows 0..T: `messages` received, `spikes` of the code, `synaptic_ops`,
        `count_weighted_ops`, and `active`, the number of neurons with a nonzero output.
    busiest : dict of name -> int
        Largest core load at each chip step, summed over steps and images
        (`ipvae.energy.counting.max_core_load.NAMES`); empty without a placement.
    """

    images: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]
    busiest: dict[str, int]


@dataclass(frozen=True, eq=False)
class RowCounter:
    """Observer of a run (`ipvae.network.traces.observers`) that counts its operations.

    Attributes
    ----------
    network : IntNetwork
        Network to run.
    placement : Placement, optional
        Placement of this network; its cores are compared for the largest load.
    """

    network: IntNetwork
    placement: Placement | None = None

    def watch(self, first: int, n_images: int, n_steps: int) -> "_Counting":  # noqa: ARG002
        """Count a range of images."""
        return _Counting(self.network, self.placement, n_images, n_steps)

    def joined(self, parts: Sequence[RunCounts]) -> RunCounts:
        """Join the sums of one or more ranges of images into the sums of the run."""
        first = parts[0]
        return RunCounts(
            {name: np.concatenate([part.images[name] for part in parts]) for name in first.images},
            {name: np.sum([part.steps[name] for part in parts], axis=0) for name in first.steps},
            {name: sum(part.busiest[name] for part in parts) for name in first.busiest},
        )


def count_trace(network: IntNetwork, trace: Trace, placement: Placement | None = None) -> RunCounts:
    """Count a trace of any backend, with the results of `RowCounter`.

    Raises
    ------
    InputError
        If the trace lacks a required variable (`ipvae.network.traces.activity.require_counted`).
    """
    require_counted(network, trace)
    (found,) = observe_trace(trace, [RowCounter(network, placement)])
    return found


class _Counting:
    """Running counts of a range of images."""

    def __init__(
        self, network: IntNetwork, placement: Placement | None, n_images: int, n_steps: int
    ) -> None:
        self._network, self._n_images, self._n_steps = network, n_images, n_steps
        self._busiest = None if placement is None else MaxCoreLoad(network, placement, n_images)
        columns = core_columns(network, placement)
        self._layers = {
            name: _Layer(layer, columns[name], n_images, n_steps)
            for name, layer in network.layers.items()
        }

    def see(self, step: int, row: Row) -> None:
        """Add one row."""
        leaving = {}
        for name, layer in self._layers.items():
            leaving[name] = layer.see(step, row.z(name))
            if layer.draws:
                layer.see_log_rates(row.u(name))
        if self._busiest is not None:
            self._busiest.add(step, leaving)

    def result(self) -> RunCounts:
        """Return the sums of all rows."""
        sent = {name: layer.sent() for name, layer in self._layers.items()}
        activity = activity_by_group(
            self._network,
            sent,
            np.full(self._n_images, self._n_steps + 1),
            images=self._n_images,
            steps=self._n_steps,
        )
        return RunCounts(
            images=image_sums(self._network, activity),
            steps=self._by_step(),
            busiest={} if self._busiest is None else self._busiest.sums(),
        )

    def _by_step(self) -> dict[str, np.ndarray]:
        layers, code = self._layers, self._layers[self._network.code].by_row
        names = ("messages", "synaptic_ops", "count_weighted_ops")
        found = {name: np.zeros_like(code[0]) for name in names}
        for stage in self._network.schedule.stages:
            if stage.layer.weight_rec is None:
                continue
            sent, received = layers[str(stage.layer.source)].by_row, np.zeros_like(code)
            received[:, stage.input_delay :] = sent[:, : sent.shape[1] - stage.input_delay]
            found["messages"] += received[0]
            found["synaptic_ops"] += received[0] * stage.layer.n_neurons
            found["count_weighted_ops"] += received[1] * stage.layer.n_neurons
        found["spikes"] = code[1]
        found["active"] = np.sum([layer.by_row[0] for layer in layers.values()], axis=0)
        return found


class _Layer:
    """Running sums of a layer's messages.

    Sums over neurons are products with float32 matrices, exact because they are integers below
    2**24.
    """

    def __init__(self, layer: AnyLayer, columns: np.ndarray, n_images: int, n_steps: int) -> None:
        shape = (n_images, layer.n_neurons)
        self.draws = isinstance(layer, PoissonLayer)
        self.by_row = np.zeros((2, n_steps + 1), np.int64)
        """Messages, and their sizes, at each row, summed over images."""
        self._columns, self._ones = columns, np.ones(layer.n_neurons, np.float32)
        self._single = SPLIT_ABOVE << layer.finer_bits if isinstance(layer, PoissonLayer) else 0
        self._finer = layer.finer_bits if isinstance(layer, PoissonLayer) else 0
        self._messages = np.zeros(shape, np.int64)
        self._few, self._n_few = np.zeros(shape, np.uint8), 0
        self._sends = np.zeros(shape, np.uint8)
        self._sizes = np.zeros(n_images, np.int64)
        self._words = np.zeros(n_images, np.int64)
        self._last_sizes = self._sizes
        self._floats = np.zeros(shape, np.float32)

    def see(self, step: int, z: np.ndarray) -> np.ndarray:
        """Add the messages of a row, and return how many leave each core: (N, cores) int64."""
        np.not_equal(z, 0, out=self._sends.view(bool))
        if self._n_few == _ROWS:
            self._flush()
        self._few += self._sends
        self._n_few += 1
        np.copyto(self._floats, self._sends)
        leaving = (self._floats @ self._columns).astype(np.int64)
        if z.dtype == np.uint8:
            np.copyto(self._floats, z)
            sizes = (self._floats @ self._ones).astype(np.int64)
        else:
            sizes = np.abs(z.astype(np.int64)).sum(axis=1)
        self._sizes += sizes
        self._last_sizes = sizes
        self.by_row[:, step] = leaving.sum(), sizes.sum()
        return leaving

    def see_log_rates(self, u: np.ndarray) -> None:
        """Count the random words of the draws at a row: one per draw, more at high rates."""
        self._words += u.shape[1]
        found = np.flatnonzero(u > self._single)
        if len(found):
            images, neurons = np.divmod(found, u.shape[1])
            more = random_words(u[images, neurons] >> self._finer) - 1
            np.add.at(self._words, images, more)

    def sent(self) -> SentMessages:
        """Messages of all rows, by image."""
        self._flush()
        last = self._sends.astype(np.int64)
        return SentMessages(self._messages, last, self._sizes, self._last_sizes, self._words)

    def _flush(self) -> None:
        self._messages += self._few
        self._few[:], self._n_few = 0, 0
