"""`ipvae compare`: what networks, models and baselines cost and buy, on one set of images."""

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ipvae.cli.compared import OWN, Compared, Dense, Floats, Integers
from ipvae.cli.evaluate import PROBE_IMAGES, parse_steps
from ipvae.cli.evaluation_options import SchedulerOption
from ipvae.cli.inputs import DataDirOption, SamplesOption, SeedOption, not_nir, require_distinct
from ipvae.cli.output import JsonOption, emit, json_data, require_json_target, table, working
from ipvae.cli.probed import Probe, add_accuracy
from ipvae.cli.report import STATUS
from ipvae.evaluation.early_stopping import NEAR, stopping_step
from ipvae.network.atomic import replacing, require_writable_file
from ipvae.network.description import InputFormat
from ipvae.network.errors import InputError
from ipvae.network.hdf5_child import shown
from ipvae.report.numbers import fit, micro, percent, whole
from ipvae.workflows.subjects import THRESHOLD, LcaSubject, ModelSubject, NetworkSubject

ENERGY = "Loihi 1 constants"
"""Model that table and picture show, by its name in `ipvae.energy.models`; JSON has them all."""
STEPS = "1,2,4,8,16,32,64"
FILES = ("compare.json", "compare.png", "compare.svg")
HEADS = ["", "kind", "stop", "R2", "zeros", "accuracy", "synaptic ops", "products", "energy, uJ"]

Subjects = dict[str, tuple[Path, Compared]]
"""By the names that table and picture show."""


def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="NET.h5|MODEL ...", help="Networks and models.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for figures and pictures.")],
    steps: Annotated[str, typer.Option(help="Steps to look at; one-shot models have one.")] = STEPS,
    samples: SamplesOption = 64,
    seed: SeedOption = 0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Accuracy of a linear classifier on the rates.")
    ] = False,
    probe_images: Annotated[
        int | None,
        typer.Option(min=2, help=f"Training images to fit it on; else {PROBE_IMAGES}."),
    ] = None,
    lca: Annotated[
        list[Path] | None,
        typer.Option(metavar="MODEL", help="LCA in float on this model's dictionary too."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help=f"Of --lca, pixel units; else {THRESHOLD}.")
    ] = None,
    dense: Annotated[
        list[Path] | None,
        typer.Option(metavar="NET.h5|MODEL", help="Least squares on this one's dictionary too."),
    ] = None,
    data_dir: DataDirOption = None,
    scheduler: SchedulerOption = None,
    json: JsonOption = None,
) -> None:
    """Curves of R2, zeros and accuracy against steps, operations and modelled energy."""
    given = [*paths, *(lca or []), *(dense or [])]
    inputs: dict[str, object] = {str(path): path for path in given}
    require_distinct({"--json": json, **{f"DIR/{name}": out / name for name in FILES}}, inputs)
    require_json_target(json)
    wanted = parse_steps(steps)
    if probe_images is not None and not probe:
        raise InputError("--probe-images: nothing is fitted; give --probe too")
    subjects = _chosen(paths, lca or [], threshold, dense or [], seed, scheduler)
    pixels, labels = one_set(subjects, samples, data_dir)
    if probe and (labels < 0).all():
        raise InputError("--probe: the images have no labels; leave it out")
    for name in FILES:
        require_writable_file(out / name)
    fitted = Probe(probe_images, data_dir) if probe else None
    found = [
        _measured(name, path, one, wanted, pixels, labels, fitted)
        for name, (path, one) in subjects.items()
    ]
    result = {
        "status": STATUS,
        "samples": samples,
        "seed": seed,
        "steps": wanted,
        "near": NEAR,
        "energy_model": ENERGY,
        "energy_sources": _sources(found),
        "subjects": found,
    }
    write(out, result)
    emit(result, json, screen(result, out))


def _chosen(
    paths: Sequence[Path],
    lca: Sequence[Path],
    threshold: float | None,
    dense: Sequence[Path],
    seed: int,
    scheduler: str | None,
) -> Subjects:
    """Read all that is to be compared."""
    if threshold is not None and not lca:
        raise InputError("--threshold: belongs to --lca; give both or neither")
    if scheduler is not None and not any(path.suffix == ".h5" for path in paths):
        raise InputError("--scheduler: runs network files (.h5), none is given; leave it away")
    limit = THRESHOLD if threshold is None else threshold
    found = [(path, _subject(path, seed, scheduler), "") for path in paths]
    found += [(path, Floats(LcaSubject(path, seed, limit)), f", LCA {limit:g}") for path in lca]
    found += [(path, Dense(_subject(path, seed, None)), ", least squares") for path in dense]
    names = [_name(path, one) + suffix for path, one, suffix in found]
    subjects: Subjects = {}
    for (path, one, suffix), name in zip(found, names, strict=True):
        unique = name if names.count(name) == 1 else shown(str(path)) + suffix
        if unique in subjects:
            raise InputError(f"{unique}: given twice; give each once")
        subjects[unique] = (path, one)
    return subjects


def _name(path: Path, one: Compared) -> str:
    """Name of a file, or of a model's folder."""
    return shown(path.name if path.suffix == ".h5" else one.subject.name)


def _subject(path: Path, seed: int, scheduler: str | None) -> Compared:
    """Read a network file (.h5) or a model."""
    not_nir(path)
    if path.suffix == ".h5":
        return Integers(NetworkSubject(path, seed, scheduler), scheduler)
    return Floats(ModelSubject(path, seed))


def _measured(
    name: str,
    path: Path,
    one: Compared,
    wanted: list[int],
    pixels: np.ndarray,
    labels: np.ndarray,
    fitted: Probe | None,
) -> dict[str, Any]:
    """All that is found of one subject; JSON data."""
    steps = [1] if one.one_shot else wanted
    message = f"{name}: {len(pixels)} images to step {steps[-1]}"
    with working(message, len(pixels) * len(steps)) as progress:
        points = one.points(pixels, labels, steps, progress)
    if fitted is not None:
        add_accuracy(one, points, pixels, labels, fitted)
    return {
        "name": name,
        "path": str(path),
        "kind": one.kind,
        "one_shot": one.one_shot,
        **one.facts,
        "stop": stopping_step(points),
        "curve": points,
    }


def _sources(found: list[dict[str, Any]]) -> dict[str, str]:
    """Take the sources out of the rows of energy, and give each once."""
    rows = [row for one in found for point in one["curve"] for row in point.get("energy", [])]
    return {f"{row['model']}, {row['part']}, {row['chip']}": row.pop("source") for row in rows}


def one_set(
    subjects: Subjects, samples: int, data_dir: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, M) and labels (N,) that all subjects have.

    Raises
    ------
    InputError
        If two subjects take other pixels, or have other images.
    """
    (first, (_, one)), *others = subjects.items()
    for name, (_, other) in others:
        mine, its = _format(one.subject.format), _format(other.subject.format)
        if mine != its:
            raise InputError(
                f"{first} and {name}: found pixels of {mine} and of {its}, allowed is one format; "
                "compare those of one data set"
            )
    pixels, labels = one.subject.test_images(samples, data_dir, None)
    for name, (_, other) in others:
        if not np.array_equal(other.subject.test_images(samples, data_dir, None)[0], pixels):
            raise InputError(
                f"{first} and {name}: their first {samples} images differ (data sets "
                f"{one.subject.preset} and {other.subject.preset}), allowed is one set; compare "
                "those of one data set"
            )
    return pixels, labels


def _format(pixels: InputFormat) -> str:
    height, width = pixels.shape
    return f"{height} x {width}, {pixels.minimum} to {pixels.maximum} times {pixels.scale:.9g}"


def write(out: Path, result: dict[str, Any]) -> None:
    """Write the figures and draw them; what was there stays if one of them fails."""
    from ipvae.report.comparison import comparison

    with (
        replacing(out / FILES[0]) as figures,
        replacing(out / FILES[1]) as png,
        replacing(out / FILES[2]) as svg,
    ):
        figures.write_text(json_module.dumps(json_data(result), indent=2) + "\n")
        below = f"{result['samples']} images, seed {result['seed']}"
        comparison(png, svg, result["subjects"], below, ENERGY)


def screen(result: dict[str, Any], out: Path) -> list:
    """One line for each subject, at its early-stopping point."""
    title = (
        f"{result['samples']} images, seed {result['seed']}, at the early-stopping point: the "
        f"least step looked at whose R2 is the last less {NEAR}, or more; per image"
    )
    return [
        result["status"],
        table(title, HEADS, [_row(subject) for subject in result["subjects"]]),
        f"energy: {ENERGY}, modelled; none for float numbers, which no such chip adds up",
        "accuracy: of a classifier that --probe fits to the rates; * of the network's own classes",
        "wrote " + ", ".join(str(out / name) for name in FILES),
    ]


def _row(subject: dict[str, Any]) -> list[str]:
    curve = subject["curve"]
    point = next((p for p in curve if p["step"] == subject["stop"]), curve[-1])
    own = "*" if point.get("accuracy_by") == OWN else ""
    energy = [row for row in point.get("energy", []) if row["model"] == ENERGY]
    return [
        subject["name"],
        subject["kind"],
        "one shot" if subject["one_shot"] else f"{point['step']} of {curve[-1]['step']}",
        fit(point["r2"]),
        f"{point['zeros']:.4f}",
        f"{percent(point['accuracy'], 2)}{own}" if "accuracy" in point else "none",
        whole(point["synaptic_ops"]),
        whole(point["drive_macs"] + point["readout_ops"]),
        f"{micro(energy[0]['low_j'])}-{micro(energy[0]['high_j'])}" if energy else "none",
    ]
