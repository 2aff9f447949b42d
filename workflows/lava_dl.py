"""Runs of lava-dl networks on Lava's simulator, with operation counts and modelled energy."""

import contextlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.energy.counting.counts import Counts
from ipvae.energy.counting.lava_dl_counts import LayerCounts, PlainCounter
from ipvae.energy.models import MODELS, EnergyRow
from ipvae.errors import InputError
from ipvae.files import atomic_path, require_writable_folder
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.lava_dl_input import Frames, load_frames, messages
from ipvae.network.lava_dl_network import PlainNetwork
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import COMMAND, leftovers, remove, report_output
from ipvae.report.numbers import band, count, percent
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike, as_labels
from ipvae.workflows.output.files import json_text
from ipvae.workflows.progress import stage
from ipvae.workflows.results import Result, Table
from ipvae.workflows.running.backends import require_known
from ipvae.workflows.running.number import AtMost
from ipvae.workflows.running.run_result import RunResult

STATUS = "No Loihi 2 was measured: counts come from Lava's CPU simulator, energies are modelled."
UNNAMED = "a lava-dl network"
COLUMNS = [
    *("layer", "neurons", "messages", "synaptic ops", "count-weighted", "effective MACs"),
    "neuron updates",
]

MOST_NAMED = 10
"""Maximum number of images whose classes a terminal shows."""

log = logging.getLogger("ipvae")

__all__ = ["LavaDlReport", "LavaDlRun", "PlainNetwork", "report", "run"]


@dataclass(frozen=True, eq=False, repr=False)
class LavaDlRun(RunResult):
    """Result of a run of a lava-dl network, with counts but no trace and no totals.

    Attributes
    ----------
    counts : Counts
        Operations per image of the whole network.
    layers : tuple of LayerCounts
        Counts of the input and of each layer, per image.
    zeros : float
        Fraction of zeros in all messages that layers received.
    outputs : dict of layer -> (N, n) int64
        Output of the last layer, summed over the steps.
    labels : (N,) int64 or None
        Class of each image, -1 where unknown.
    """

    counts: Counts
    layers: tuple[LayerCounts, ...]
    zeros: float
    labels: np.ndarray | None = None

    @property
    def classes(self) -> np.ndarray:
        """Index of the largest output of the last layer, (N,); -1 if no output is above 0."""
        sent = self.outputs[self.code]
        return np.where(sent.max(axis=1) > 0, sent.argmax(axis=1), -1)

    @property
    def accuracy(self) -> float | None:
        """Fraction of labelled images that are classified correctly; None without labels."""
        if self.labels is None or (self.labels < 0).all():
            return None
        known = self.labels >= 0
        return float((self.classes == self.labels)[known].mean())

    @property
    def image_steps_per_second(self) -> float:
        """Steps of all images per second."""
        return self.images * self.steps / self.seconds

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        speed = f"{self.image_steps_per_second:.1f} image-steps/s"
        of_all = f"({percent(self.zeros)} of all are zero)"
        return [
            ("images x steps", f"{self.images} x {self.steps}"),
            ("time", f"{self.seconds:.2f} s, {speed}"),
            ("messages", f"{count(self.counts.messages)} per image {of_all}"),
            ("classes", _classes_text(self.classes)),
            *([] if self.accuracy is None else [("accuracy", percent(self.accuracy))]),
        ]

    def shown(self, network: str = UNNAMED) -> list[Table | str]:
        """Return the size of the run and the counts of each layer."""
        rows = [list(row) for row in self.rows()]
        return [Table(f"{network} on {self.backend}", ["", ""], rows), _layer_table(self.layers)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae run --json`."""
        return {
            "backend": self.backend,
            "samples": self.images,
            "steps": self.steps,
            "seconds": self.seconds,
            "image_steps_per_second": self.image_steps_per_second,
            "spikes": round(self.counts.spikes * self.images),
            "zeros": self.zeros,
            "counts": self.counts.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
            "outputs": self.outputs[self.code].tolist(),
            "classes": [None if found < 0 else found for found in self.classes.tolist()],
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
        }


@dataclass(frozen=True, eq=False, repr=False)
class LavaDlReport(Result):
    """Operations and modelled energy of a run of a lava-dl network.

    Attributes
    ----------
    network : str
        Path of the network file.
    run : LavaDlRun
    energy : tuple of EnergyRow
        Joules per image.
    """

    network: str
    run: LavaDlRun
    energy: tuple[EnergyRow, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts and energies per image: pairs of name and text."""
        energy = [(row.model, f"{band(row.low_j, row.high_j)} uJ") for row in self.energy]
        return [*_figures(self.run.counts), *energy]

    def shown(self) -> list[Table | str]:
        """Return counts in total and for each layer, and energies, per image."""
        energy = [
            [row.model, row.kind, row.part, band(row.low_j, row.high_j)] for row in self.energy
        ]
        figures = [list(row) for row in _figures(self.run.counts)]
        return [
            STATUS,
            Table("per image", ["counts (docs/energy.md)", ""], figures),
            _layer_table(self.run.layers),
            Table("energy per image", ["model", "kind", "part", "microjoules"], energy),
            *(f"{row.model}: {row.source}" for row in self.energy),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of report.json."""
        return {
            "status": STATUS,
            "network": self.network,
            "backend": self.run.backend,
            "samples": self.run.images,
            "steps": self.run.steps,
            "counts": self.run.counts.as_dict(),
            "layers": [layer.as_dict() for layer in self.run.layers],
            "energy": [row.as_dict() for row in self.energy],
        }

    def save(self, folder: str | Path) -> None:
        """Write report.json and remove other files of an earlier report.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        require_outputs([report_output(folder)])
        require_writable_folder(folder)
        earlier = leftovers(Path(folder), ["report.json"])
        with atomic_path(Path(folder) / "report.json") as temporary:
            temporary.write_text(json_text(COMMAND, self.to_json()))
        remove(earlier)


def run(
    network: PlainNetwork,
    images: ImagesLike,
    *,
    steps: int,
    seed: int = 0,
    backend: str = "lava",
    samples: int | None = None,
    timeout: float = TIMEOUT_SECONDS,
    integers: str = "input",
    labels: LabelsLike = None,
    name: str = UNNAMED,
) -> LavaDlRun:
    """Run images on Lava and count the operations of every layer.

    Parameters
    ----------
    network : PlainNetwork
        Network from `ipvae.load_network`.
    images : array, path of an .npy file, or LabelledImages
        (n, C, H, W), (n, inputs), or with one image for each step (n, steps, ...).
    steps, samples, timeout
        As for `ipvae.run`.
    seed : 0
        Only 0 is allowed, since there are no random draws.
    backend : 'lava'
    integers : 'input' or 'real'
        Meaning of integers in `images`: values for the input neurons, or real numbers.
    labels : (n,) int, or path of an .npy file with them; optional
        Class of each image in `images`, for the accuracy of the last layer.
    name : str
        Name of the network in messages.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If Lava is not installed, or it stopped responding.
    """
    require_backend(backend)
    require_timeout(timeout)
    frames = _frames(network, images, steps, seed, samples, integers, name)
    known = first_labels(labels, len(frames), network.layers[-1].n_neurons)
    return replace(_run(network, frames, steps, timeout), labels=known)


def report(
    network: PlainNetwork,
    images: ImagesLike,
    *,
    steps: int,
    seed: int = 0,
    samples: int | None = None,
    out: str | Path | None = None,
    integers: str = "input",
    name: str = UNNAMED,
) -> LavaDlReport:
    """Count the operations of a run and model their energy; other arguments as for `run`.

    Parameters
    ----------
    out : path, optional
        Folder of the report, checked for writing before the run.
    """
    if out is not None:
        require_outputs([report_output(out)], {"network": name, "images": images})
    frames = _frames(network, images, steps, seed, samples, integers, name)
    ran = _run(network, frames, steps, TIMEOUT_SECONDS)
    made = LavaDlReport(name, ran, modelled(ran.counts))
    if out is not None:
        made.save(out)
    return made


def first_labels(labels: LabelsLike, n: int, classes: int) -> np.ndarray | None:
    """Return the labels of the first n images; raise InputError unless they are output classes."""
    found = as_labels(labels)
    if found is None:
        return None
    if found.ndim != 1 or found.dtype.kind not in "iu" or len(found) < n:
        raise InputError(
            f"labels: must be integers of shape ({n},), one for each image, got {found.dtype} of "
            f"shape {found.shape}."
        )
    found = found[:n].astype(np.int64)
    if found.max() >= classes:
        raise InputError(
            f"labels: must be below {classes}, the outputs of the last layer, got {found.max()}."
        )
    return found


def modelled(counts: Counts) -> tuple[EnergyRow, ...]:
    """Energies per image by the models that need only counts."""
    return tuple(model(counts) for model in MODELS)


def require_backend(backend: str) -> None:
    """Raise InputError unless the backend runs lava-dl networks."""
    require_known(backend)
    if backend != "lava":
        raise InputError(
            f"backend: found '{backend}', allowed for a lava-dl network is lava: add backend=lava"
        )


def require_unset(given: dict[str, object], name: str = UNNAMED) -> None:
    """Raise InputError for a given argument that applies only to ipvae networks."""
    for argument, value in given.items():
        if value is not None:
            raise InputError(
                f"{argument}: found {value}, but {name} is a lava-dl network, which it does not "
                "concern; leave it out"
            )


def _frames(
    network: PlainNetwork,
    images: ImagesLike,
    steps: int,
    seed: int,
    samples: int | None,
    integers: str,
    name: str,
) -> Frames:
    """Return the images of a run, in the form that input neurons receive."""
    if seed != 0:
        raise InputError(f"seed: found {seed}, but nothing is drawn in {name}; leave it out")
    if images is None:
        shape = ", ".join(str(n) for n in network.input.shape)
        raise InputError(
            f"{name}: a lava-dl network holds no images; give some with images=FILE.npy, "
            f"(n, {shape})"
        )
    given = images.pixels if isinstance(images, LabelledImages) else images
    frames = load_frames(given, network, steps, integers, samples)
    if samples is not None and samples > len(frames) and not isinstance(samples, AtMost):
        where = given if isinstance(given, (str, Path)) else "images"
        raise InputError(f"samples: found {samples}, allowed up to {len(frames)} ({where})")
    log.info(frames.reading)
    return frames


def _run(network: PlainNetwork, frames: Frames, steps: int, timeout: float) -> LavaDlRun:
    from ipvae.lava_procs.importing import import_lava
    from ipvae.lava_procs.lava_dl_network import run_plain

    import_lava()
    counter, n, last = PlainCounter(network), len(frames), network.layers[-1].name
    start, outputs = time.perf_counter(), []
    with stage(f"running {n} images for {steps} steps on lava"):
        sent = (messages(network.input, values, steps) for values in frames.values)
        with contextlib.closing(run_plain(network, sent, steps, n, timeout)) as records:
            for values, record in zip(frames.values, records, strict=True):
                counter.add(messages(network.input, values, steps), record)
                outputs.append(record[last].sum(axis=0, dtype=np.int64))
    return LavaDlRun(
        backend="lava",
        images=n,
        steps=steps,
        frames=1 if len(frames.values[0]) == 1 else steps,
        seed=0,
        replayed=False,
        totals=None,
        trace=None,
        code=last,
        seconds=time.perf_counter() - start,
        counts=counter.total(_host_products(network, frames)),
        layers=tuple(counter.layers()),
        zeros=counter.zeros,
        outputs={last: np.stack(outputs)},
    )


def _host_products(network: PlainNetwork, frames: Frames) -> float:
    """Number of products of the input transform, if any, for each image."""
    return float(network.input.size * frames.values.shape[1]) if frames.real else 0.0


def _figures(counts: Counts) -> list[tuple[str, str]]:
    return [(name, count(value)) for name, value in counts.as_dict().items()]


def _classes_text(classes: np.ndarray) -> str:
    """Text of the first classes, with a dash if no output was above 0."""
    named = ["-" if found < 0 else str(found) for found in classes[:MOST_NAMED]]
    return ", ".join(named + (["..."] if len(classes) > MOST_NAMED else []))


def _layer_table(layers: tuple[LayerCounts, ...]) -> Table:
    rows = [
        [
            f"{layer.layer} {layer.kind}",
            str(layer.neurons),
            *(
                count(value)
                for value in (
                    layer.messages,
                    layer.synaptic_ops,
                    layer.count_weighted_ops,
                    layer.effective_macs,
                    layer.neuron_updates,
                )
            ),
        ]
        for layer in layers
    ]
    return Table("per layer and image (docs/energy.md)", COLUMNS, rows)
