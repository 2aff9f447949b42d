"""Evaluation of a model or network: error, fit and sparsity by step, and further figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.errors import InputError
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.evaluables.averaging import DRAW, require_readout
from ipvae.workflows.evaluables.base import Evaluable
from ipvae.workflows.evaluables.maps import refuse_unavailable
from ipvae.workflows.evaluables.opening import (
    THRESHOLD,
    ModelOrNetwork,
    evaluable,
    is_network,
    opened,
    require_inference,
    require_network,
)
from ipvae.workflows.evaluation.changes import ChangeLike, as_changes
from ipvae.workflows.evaluation.codes import FitSource, LabelsLike, as_labels, unlabelled
from ipvae.workflows.evaluation.one_seed import Evaluator
from ipvae.workflows.evaluation.seeds import mean_over_seeds
from ipvae.workflows.evaluation.text import curve_table, lines, spread
from ipvae.workflows.image_input.images import ImagesLike, data_sets_kept
from ipvae.workflows.kinds.evaluating import NetworkEvaluation, evaluate_network
from ipvae.workflows.kinds.frames import require_unset
from ipvae.workflows.kinds.opening import any_network
from ipvae.workflows.progress import Listener, listening
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.stopping import stop_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = ("mse", "r2", "zeros")
"""Figures of merit of each point of a curve."""
BY_SEED = "by_seed"
DEFAULT_STEPS = 64


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Result):
    """Figures of a model or network on images, averaged over seeds.

    Attributes
    ----------
    name : str
        Name of the model or network.
    images, neurons : int
        Number of images, and of neurons (K).
    steps : int
        Updates of each image; with early stopping, their maximum.
    seeds : tuple of int
        Seeds of all random draws.
    curve : list of dict
        A point for each evaluated step: `step`; `mse`, squared error per pixel in squared pixel
        units; `r2`, explained variance of an image; `zeros`, fraction of codes that are zero. With
        several seeds also `mse_sd`, `r2_sd` and `zeros_sd`, standard deviations over seeds.
    figures : dict
        Further figures after the last step, by their key in `ipvae evaluate --json`: `spikes` (per
        image and step), `elbo`, `nll`, `kl` (nats per image), `accuracy` (fraction),
        `lifetime_sparsity`, `neighbours`, `dimensionality`, `readouts`, `stop`, `changes`.
    facts : dict
        Description of the model.
    by_seed : tuple of Evaluation
        Evaluation of each seed; empty with one seed.
    """

    name: str
    images: int
    neurons: int
    steps: int
    seeds: tuple[int, ...]
    curve: list[dict[str, Any]]
    figures: dict[str, Any]
    facts: dict[str, Any]
    by_seed: "tuple[Evaluation, ...]" = ()

    @property
    def mse(self) -> float:
        """Squared error per pixel after the last step, squared pixel units."""
        return self.curve[-1]["mse"]

    @property
    def r2(self) -> float:
        """Explained variance of an image after the last step."""
        return self.curve[-1]["r2"]

    @property
    def zeros(self) -> float:
        """Fraction of codes that are zero after the last step."""
        return self.curve[-1]["zeros"]

    @property
    def accuracy(self) -> float | None:
        """Accuracy of a linear classifier, a fraction of images; None without `probe`."""
        return self.figures.get("accuracy")

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        found = self.to_json()
        forms = {"mse": "MSE", "r2": "R2", "zeros": "zeros"}
        shown = [(forms[key], spread(found, key, "{:.4g}".format)) for key in FIGURES]
        if self.accuracy is not None:
            shown.append(("accuracy", spread(found, "accuracy", "{:.2%}".format)))
        seeds = [("seeds", str(len(self.seeds)))] if self.by_seed else []
        extent = f"{self.images} x {self.steps}"
        return [("name", self.name), ("images x steps", extent), *seeds, *shown]

    def shown(self) -> list[Table | str]:
        """Return text for a terminal: the curve, and a line or table for each figure."""
        stops = "stop" in self.figures
        title = f"{self.name}, {self.images} images"
        if self.by_seed:
            title += f", mean +- deviation over {len(self.seeds)} seeds"
        at = "its last step" if stops else f"step {self.steps}"
        below = lines(self.figures, self.images, self.neurons, at)
        return [curve_table(title, self.curve, up_to=stops), *below]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae evaluate --json`."""
        last = {key: value for key, value in self.curve[-1].items() if key != "step"}
        found: dict[str, Any] = {
            "samples": self.images,
            "steps": self.steps,
            "seed": self.seeds[0],
        }
        if self.by_seed:
            found["seeds"] = list(self.seeds)
        found |= {**last, **self.facts, "curve": self.curve, **self.figures}
        if self.by_seed:
            found[BY_SEED] = [one.to_json() for one in self.by_seed]
        return json_data(found)

    def plot(self) -> "Figure":
        """Return a figure of R2 and zeros against steps; it needs matplotlib."""
        from ipvae.workflows.reporting.drawing import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.pictures.curves import convergence_figure

        return convergence_figure(self.curve, self.name, self.images)


@public
def evaluate(
    model_or_net: ModelOrNetwork,
    images: ImagesLike = None,
    labels: LabelsLike = None,
    *,
    steps: int | Sequence[int] | None = None,
    seeds: Sequence[int] = (0,),
    samples: int | None = None,
    data_dir: str | Path | None = None,
    probe: bool = False,
    neighbours: bool = False,
    dimensionality: bool = False,
    sparsity: bool = False,
    probe_images: int | None = None,
    train_images: ImagesLike = None,
    train_labels: LabelsLike = None,
    inference: str = "model",
    threshold: float | None = None,
    changes: Sequence[ChangeLike] = (),
    readout: str = DRAW,
    stop: str | None = None,
    tolerance: float | None = None,
    scheduler: str | None = None,
    pictures: str | Path | None = None,
    integers: str = "input",
    progress: Listener | None = None,
) -> Evaluation | NetworkEvaluation:
    """Evaluate a trained model in float arithmetic, or a network in integer arithmetic.

    Parameters
    ----------
    model_or_net : model, network, path of either, or name of a shipped model
    images : array, path or name of a set, optional
        As for `ipvae.run`. By default the test images in the network or in the data set of the
        model.
    labels : (n,) int or path, optional
        Classes of `images`, for `probe`, `neighbours` and `dimensionality`.
    steps : int or ints, optional
        Numbers of updates to evaluate; 64 by default, or 1 for an amortized model.
    seeds : ints in [0, 2**48)
        Seeds of all random draws. With several, figures are means over seeds.
    samples : int, optional
        Number of images, from the first; all by default.
    data_dir : path, optional
        Folder of the data set.
    probe, neighbours, dimensionality : bool
        Fit a linear classifier on the rates; classify by nearest neighbours with few labels;
        compute participation ratio and shattering dimensionality. They are fitted on
        `train_images`; without it, on the first half of `images`; without both, on the training
        images of the data set.
    sparsity : bool
        Compute lifetime and population sparsity, and dead latents.
    probe_images : int, optional
        Number of training images to fit on, from the first; 10,000 by default.
    train_images, train_labels : optional
        Images and labels to fit on, in the same forms as `images` and `labels`.
    inference : 'model' or 'lca' (sparse coding on the model's dictionary)
    threshold : float, optional
        Threshold of LCA in pixel units, 0.1 by default.
    changes : sequence of (name, value) or 'invert'
        Evaluate images once more for each change: 'rotate' (degrees), 'shift' (pixels to
        the right), 'invert', 'noise' (standard deviation, pixel units), 'salt' (fraction of
        pixels), 'contrast' (factor).
    readout : 'draw', 'mean' or 'rates'
        Input of the decoder: the last counts, their mean over the last quarter, or rates exp(u).
    stop : 'r2' or 'free-energy', optional
        For networks: stop each image when this figure converges, at most after `steps`.
    tolerance : float, optional
        Change of that figure below which it counts as converged.
    scheduler : str, optional
        Address of a Dask scheduler, 'local' or 'none'; for networks only.
    pictures : path, optional
        Folder for pictures of the first seed.
    integers : 'input' or 'real'
        For a lava-dl network, as for `ipvae.run`; it is judged by the class of its last layer.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If an argument cannot be used.
    FormatError, CheckpointError
        If the network or model cannot be read.
    BackendError, HungBackendError
        If a cluster cannot be reached or is lost.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.evaluate("patches", steps=(16, 64)).curve  # doctest: +SKIP
    """
    network, read = any_network(model_or_net), None
    if network is None and is_network(model_or_net):
        read = opened(model_or_net)
        network = any_network(read.given, str(model_or_net))
    if network is not None:
        require_unset(
            {
                "data_dir": data_dir,
                "seeds": None if tuple(seeds) == (0,) else tuple(seeds),
                "probe": probe or None,
                "neighbours": neighbours or None,
                "dimensionality": dimensionality or None,
                "sparsity": sparsity or None,
                "train_images": train_images,
                "inference": None if inference == "model" else inference,
                "changes": tuple(changes) or None,
                "readout": None if readout == DRAW else readout,
                "stop": stop,
                "pictures": pictures,
            },
            network.name,
        )
        with listening(progress):
            return evaluate_network(
                network.given,
                network.name,
                images,
                labels,
                as_steps(DEFAULT_STEPS if steps is None else steps),
                samples,
                integers,
                scheduler,
            )
    require_inference(inference, threshold, model_or_net)
    wanted = None if steps is None else as_steps(steps)
    all_seeds = as_seeds(seeds)
    fitted = _fitted(probe=probe, neighbours=neighbours, dimensionality=dimensionality)
    if labels is not None and images is None:
        raise InputError("labels: belong to images=; give both or neither")
    if fitted and labels is None and unlabelled(images):
        raise InputError(f"{fitted[0]}: needs labelled images; give labels=, or omit images=")
    classes = as_labels(labels)
    source = _fit_source(
        fitted, probe_images, images, train_images, as_labels(train_labels), data_dir
    )
    require_positive("samples", samples)
    if pictures is not None:
        from ipvae.workflows.reporting.pictures import require_pictures

        inputs = {"model_or_net": model_or_net, "images": images, "labels": labels}
        require_pictures(Path(pictures), {**inputs, "train_images": train_images})
    several = wanted is not None and len(wanted) > 1
    choice = stop_choice(
        stop, tolerance, {"pictures=": pictures is not None, "several steps=": several}
    )
    require_network(model_or_net, scheduler=scheduler, stop=choice)
    found = read or opened(model_or_net)
    require_readout(readout, stops=choice is not None)
    limit = None if inference != "lca" else THRESHOLD if threshold is None else threshold
    refuse_unavailable(found.given, pictures, changes)
    of = evaluable(found, found.name or found.kind, limit, scheduler, choice)
    wanted = wanted or [of.steps]
    of.facts = {**of.facts, **({} if readout == DRAW else {"readout": readout})}
    with listening(progress), data_sets_kept():
        chosen = of.test_images(samples, data_dir, images, classes)
        if source is not None:
            source.require_labelled(chosen.labels, of.preset)
        evaluator = Evaluator(
            of,
            chosen,
            wanted,
            source,
            fitted,
            sparsity,
            as_changes(changes, of.shape[1]),
            None if pictures is None else Path(pictures),
            readout,
        )
        each = [evaluator.of_seed(seed, first=i == 0) for i, seed in enumerate(all_seeds)]
    title = of.name if found.path is None else str(found.path)
    return _evaluation(title, of, chosen.pixels, all_seeds, each)


def as_steps(steps: int | Sequence[int]) -> list[int]:
    """Return numbers of steps in increasing order; raise InputError for invalid ones."""
    given = list(steps) if isinstance(steps, Iterable) else [steps]
    if not given or not all(isinstance(step, (int, np.integer)) and step > 0 for step in given):
        raise InputError(f"steps: found {steps}, allowed one or more numbers of 1 and above")
    return sorted({int(step) for step in given})


def as_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """Return seeds in given order; raise InputError for no seed or a repeated one."""
    given = tuple(seeds) if isinstance(seeds, Iterable) else (seeds,)
    whole = all(isinstance(seed, (int, np.integer)) for seed in given)
    if not given or not whole or min(given) < 0 or len(set(given)) < len(given):
        raise InputError(
            f"seeds: found {seeds}, allowed one or more different numbers of 0 and above"
        )
    return given


def _fitted(**asked: bool) -> tuple[str, ...]:
    return tuple(name for name, wanted in asked.items() if wanted)


def _fit_source(
    fitted: tuple[str, ...],
    most: int | None,
    images: ImagesLike,
    train_images: ImagesLike,
    train_labels: np.ndarray | None,
    data_dir: str | Path | None,
) -> FitSource | None:
    """Source of images to fit classifiers on; None without classifiers."""
    if fitted:
        if most is not None and most < 2:
            raise InputError(f"probe_images: found {most}, allowed 2 and above")
        return FitSource(fitted[0], most, images, train_images, train_labels, data_dir)
    for name, given in (("probe_images", most), ("train_images", train_images)):
        if given is not None:
            raise InputError(
                f"{name}: nothing is fitted; give probe=, neighbours= or dimensionality= too"
            )
    return None


def _evaluation(
    name: str,
    of: Evaluable,
    pixels: np.ndarray,
    seeds: tuple[int, ...],
    each: list[dict[str, Any]],
) -> Evaluation:
    """Evaluation over all seeds, from the curve and the figures of each."""
    found = each[0] if len(each) == 1 else mean_over_seeds(each)
    curve = found["curve"]
    return Evaluation(
        name=name,
        images=len(pixels),
        neurons=of.n_neurons,
        steps=int(curve[-1]["step"]),
        seeds=seeds,
        curve=curve,
        figures={key: value for key, value in found.items() if key != "curve"},
        facts=of.facts,
        by_seed=()
        if len(each) == 1
        else tuple(
            _evaluation(name, of, pixels, (seed,), [one])
            for seed, one in zip(seeds, each, strict=True)
        ),
    )
