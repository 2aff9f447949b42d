"""Comparison of models, networks and baselines: quality and cost at each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvae.energy.models.loihi2 import WIDTH
from ipvae.errors import InputError
from ipvae.evaluation.early_stopping import NEAR
from ipvae.files import atomic_path, require_writable_file
from ipvae.outputs import Output, is_json_of, require_outputs
from ipvae.report.html.counted_nouns import STATUS
from ipvae.report.numbers import fit, percent, whole
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.comparison.choosing import Choice, Subjects
from ipvae.workflows.comparison.common_images import common_images
from ipvae.workflows.comparison.compared import (
    COUNTED,
    ENERGIES,
    ENERGY,
    ComparedModel,
    compared,
)
from ipvae.workflows.evaluate import as_steps
from ipvae.workflows.evaluation.codes import FitSource, LabelsLike, as_labels
from ipvae.workflows.image_input.images import ImagesLike, data_sets_kept
from ipvae.workflows.kinds.frames import require_unset
from ipvae.workflows.output.files import json_text
from ipvae.workflows.progress import Listener, listening
from ipvae.workflows.results import Result, Table, json_data
from ipvae.workflows.running.estimates import announce

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_STEPS = (1, 2, 4, 8, 16, 32, 64)
COMMAND = "ipvae compare"
"""Value of `generator` in compare.json."""
FILES = ("compare.json", "compare.png", "compare.svg")
BY_STEP = ["", "steps", "accuracy", *COUNTED, "dynamic, microjoules"]
OF_CLASSES = "accuracy: of the class that the last layer decides for, if there are labels"
HEADS = ["", "kind", "stop", "R2", "zeros", "accuracy", "synaptic ops", "products"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Models, networks and baselines on one set of images.

    Attributes
    ----------
    models : tuple of ComparedModel
        In the order in which they were given.
    images, seed : int
    steps : tuple of int
        Numbers of updates at which models are compared.
    energy_sources : dict
        Source of each modelled energy.
    files : tuple of Path
        Files that were written.
    """

    models: tuple[ComparedModel, ...]
    images: int
    seed: int
    steps: tuple[int, ...]
    energy_sources: dict[str, str]
    files: tuple[Path, ...] = ()

    def __getitem__(self, name: str) -> ComparedModel:
        """Return a model by its name."""
        found = {model.name: model for model in self.models}
        if name not in found:
            raise KeyError(f"{name!r} was not compared; allowed are {', '.join(found)}.")
        return found[name]

    def rows(self) -> list[tuple[str, str]]:
        """Return R2 and synaptic operations of each model at its early-stopping point."""
        found = [("images", str(self.images))]
        for model in self.models:
            point = model.at_stop
            right = [f"accuracy {percent(point['accuracy'], 2)}"] if "accuracy" in point else []
            judged = [f"R2 {fit(point['r2'])}"] if "r2" in point else right
            text = ", ".join([*judged, f"{whole(point['synaptic_ops'])} synaptic ops"])
            found.append((model.name, f"{text} at step {point['step']}"))
        return found

    def shown(self) -> list[Table | str]:
        """Return a table for a terminal, with each model at its early-stopping point.

        Networks of any kind have a table with a row for each number of steps.
        """
        written = ["wrote " + ", ".join(map(str, self.files))] if self.files else []
        any_kind = [model for model in self.models if "r2" not in model.curve[0]]
        title = f"{self.images} images: networks of any kind, per image"
        rows = [row for model in any_kind for row in model.cells_by_step()]
        by_step = [Table(title, BY_STEP, rows)] if any_kind else []
        if len(any_kind) == len(self.models):
            return [STATUS, *by_step, f"{ENERGY}: {WIDTH}", OF_CLASSES, *written]
        title = (
            f"{self.images} images, seed {self.seed}, at the early-stopping point: the "
            f"least compared step whose R2 is the last less {NEAR}, or more; per image"
        )
        return [
            STATUS,
            Table(title, HEADS, [model.cells() for model in self.models]),
            *by_step,
            *self._energies(),
            "accuracy: of a classifier that probe= fits to the rates; * of the network's own "
            "classes",
            *written,
        ]

    def _energies(self) -> list[Table | str]:
        """Energies of networks; empty if no networks are compared."""
        priced = [model for model in self.models if "energy" in model.at_stop]
        if not priced:
            return ["energy: none for float numbers, which no such chip adds up"]
        title = "energy per image, microjoules, modelled, at the early-stopping point"
        rows = [model.energies() for model in priced]
        return [Table(title, ["", *ENERGIES], rows), f"{ENERGY}: {WIDTH}"]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, as in `ipvae compare --json` and compare.json."""
        return json_data(
            {
                "status": STATUS,
                "samples": self.images,
                "seed": self.seed,
                "steps": list(self.steps),
                "near": NEAR,
                "energy_model": ENERGY,
                "energy_sources": self.energy_sources,
                "subjects": [model.to_json() for model in self.models],
            }
        )

    def plot(self) -> "Figure":
        """Return a figure of all curves; it needs matplotlib."""
        from ipvae.workflows.reporting.drawing import require_matplotlib

        require_matplotlib("plot")
        from ipvae.report.pictures.comparison import comparison_figure

        return comparison_figure([m.to_json() for m in self.models], self._below, ENERGY)

    def save(self, folder: str | Path) -> "Comparison":
        """Write compare.json, compare.png and compare.svg; it needs matplotlib.

        Existing files are kept if one of them cannot be written.

        Returns
        -------
        Comparison
            This comparison with `files` set.

        Raises
        ------
        InputError
            If a file cannot be written, or would replace another file.
        """
        from ipvae.workflows.reporting.drawing import require_matplotlib

        require_matplotlib("save")
        from ipvae.report.pictures.comparison import comparison

        files = paths(folder)
        require_outputs([comparison_output(folder)])
        for file in files:
            require_writable_file(file)
        with (
            atomic_path(files[0]) as figures,
            atomic_path(files[1]) as png,
            atomic_path(files[2]) as svg,
        ):
            figures.write_text(json_text(COMMAND, self.to_json()))
            comparison(png, svg, [m.to_json() for m in self.models], self._below, ENERGY)
        return replace(self, files=files)

    @property
    def _below(self) -> str:
        return f"{self.images} images, seed {self.seed}"


def paths(folder: str | Path) -> tuple[Path, ...]:
    """Return the files that `Comparison.save` writes."""
    return tuple(Path(folder) / name for name in FILES)


def comparison_output(folder: str | Path, *, name: str = "folder") -> Output:
    """Return the output for a comparison's folder; compare.json marks figures as replaceable."""
    files, is_comparison = paths(folder), is_json_of(COMMAND)
    what = "a file of an earlier comparison"
    return Output(name, Path(folder), files, what, lambda _: is_comparison(files[0]), True, True)


@public
def compare(
    subjects: Subjects,
    images: ImagesLike = None,
    labels: LabelsLike = None,
    *,
    steps: int | Sequence[int] = DEFAULT_STEPS,
    samples: int | None = None,
    seed: int = 0,
    probe: bool = False,
    probe_images: int | None = None,
    train_images: ImagesLike = None,
    train_labels: LabelsLike = None,
    lca: Subjects = (),
    threshold: float | None = None,
    dense: Subjects = (),
    data_dir: str | Path | None = None,
    scheduler: str | None = None,
    integers: str = "input",
    folder: str | Path | None = None,
    progress: Listener | None = None,
) -> Comparison:
    """Compare networks, models and baselines on one set of images.

    Networks of any kind (lava-dl networks among them) reconstruct nothing: they are compared by
    cost, and by accuracy if there are labels.

    Parameters
    ----------
    subjects : models, networks, paths or names of shipped models
        One, several, or a dict of them by name. Unnamed objects in memory are called 'model 1',
        'network 2', by their position.
    images : array, path or name of a set, optional
        As for `ipvae.run`; all subjects must have the same pixel format. By default the first test
        images, which must be the same for all. Networks of any kind together with others need
        images, which each reads as in `ipvae.run`.
    labels : (n,) int or path, optional
        Classes of `images`.
    steps : ints
        Numbers of updates to evaluate, all in one run; single-pass models have only one.
    samples : int, optional
        Number of images, from the first; by default all `images`, or 64 test images.
    seed : int in [0, 2**48)
        Seed of all random draws.
    probe : bool
        Measure the accuracy of a linear classifier on the rates at each step, fitted as in
        `ipvae.evaluate`, unless a network has a read-out of classes.
    probe_images, train_images, train_labels
        As for `ipvae.evaluate`.
    lca : models
        Models on whose dictionaries LCA in float is also compared.
    threshold : float, optional
        Threshold of LCA in pixel units, 0.1 by default.
    dense : models or networks
        Models or networks on whose dictionaries least squares are also compared.
    data_dir : path, optional
        Folder of the data set.
    scheduler : str, optional
        Address of a Dask scheduler, 'local' or 'none'; for networks only.
    integers : 'input' or 'real'
        As for `ipvae.run`, for networks of any kind.
    folder : path, optional
        Folder for compare.json, compare.png and compare.svg.
    progress : callable, optional
        As for `ipvae.run`.

    Raises
    ------
    InputError
        If an argument cannot be used, or the subjects have no common set of images.
    FormatError, CheckpointError
        If a network or model cannot be read.
    BackendError, HungBackendError
        If a cluster cannot be reached or is lost.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.compare(["net.h5", "patches"], steps=(1, 4, 16)).save("out")  # doctest: +SKIP
    """
    wanted = as_steps(steps)
    if labels is not None and images is None:
        raise InputError("labels: belong to images=; give both or neither")
    for name, given in (("probe_images", probe_images), ("train_images", train_images)):
        if given is not None and not probe:
            raise InputError(f"{name}: nothing is fitted; give probe= too")
    require_positive("samples", samples)
    if folder is not None:
        inputs = {"subjects": _read(subjects), "lca": _read(lca), "dense": _read(dense)}
        more = {"images": images, "labels": labels, "train_images": train_images}
        require_outputs([comparison_output(folder)], {**inputs, **more})
    choice = Choice(subjects, scheduler)
    choice.add_lca(lca, threshold)
    choice.add_dense(dense)
    chosen = choice.subjects()
    with listening(progress), data_sets_kept():
        found = common_images(
            chosen,
            images,
            as_labels(labels),
            samples=samples,
            data_dir=data_dir,
            steps=wanted[-1],
            integers=integers,
        )
        if found.pixels is None:
            unused = {"probe": probe or None, "seed": None if found.draws else seed or None}
            require_unset(unused, next(iter(chosen)))
        elif probe and (found.pixels.labels < 0).all():
            raise InputError("probe: the images have no labels; omit it")
        source = FitSource(
            "probe", probe_images, images, train_images, as_labels(train_labels), data_dir
        )
        if probe and found.pixels is not None:
            source.require_labelled(found.pixels.labels, "images")
        fitted = source if probe else None
        runs = sum(one.costed.seconds(len(found), wanted[-1]) for one in chosen.values())
        announce(f"{len(found):,} images for {wanted[-1]:,} steps", runs)
        models = [compared(name, one, found, wanted, seed, fitted) for name, one in chosen.items()]
    sources = _sources(models)
    result = Comparison(tuple(models), len(found), seed, tuple(wanted), sources)
    return result if folder is None else result.save(folder)


def _read(subjects: Subjects) -> list[Any]:
    """Return subjects without their names; paths among them are inputs."""
    if isinstance(subjects, Mapping):
        return list(subjects.values())
    return list(subjects) if isinstance(subjects, (list, tuple)) else [subjects]


def _sources(models: list[ComparedModel]) -> dict[str, str]:
    """Remove the sources from the rows of energy, and return each source once."""
    rows = [row for one in models for point in one.curve for row in point.get("energy", [])]
    return {f"{row['model']}, {row['part']}, {row['chip']}": row.pop("source") for row in rows}
