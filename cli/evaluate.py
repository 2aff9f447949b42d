"""`ipvae evaluate`: reconstruction, sparsity and class accuracy of a model or a network."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from ipvae.cli.changes import (
    ContrastOption,
    InvertOption,
    NoiseOption,
    RotateOption,
    SaltOption,
    ShiftOption,
    change_figures,
    parse_changes,
)
from ipvae.cli.evaluation_options import SchedulerOption, StopOption, ToleranceOption
from ipvae.cli.inputs import DataDirOption, ImagesOption, SeedOption, not_nir
from ipvae.cli.output import JsonOption, emit, require_json_target, table, working
from ipvae.evaluation.metrics import curve, spikes
from ipvae.network.errors import InputError
from ipvae.report.numbers import error, fit
from ipvae.workflows.figures import (
    Codes,
    fitted_figures,
    require_labelled,
    sparsity_figures,
)
from ipvae.workflows.images import names_a_set, preset_images
from ipvae.workflows.pictures import draw_pictures, require_pictures
from ipvae.workflows.stopping import stop_choice
from ipvae.workflows.subjects import THRESHOLD, States, Subject, require_inference, subject_of

PROBE_IMAGES = 10_000


def evaluate(
    path: Annotated[
        Path,
        typer.Argument(metavar="MODEL|NET.h5", help="Model or network.", callback=not_nir),
    ],
    steps: Annotated[
        str | None,
        typer.Option(
            help="Steps to look at, such as 16,64,1000; else 64, of an amortized model 1."
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Images, the first ones in order; all if not given.")
    ] = None,
    seed: SeedOption = 0,
    probe: Annotated[
        bool, typer.Option("--probe", help="Fit a linear classifier on the rates.")
    ] = False,
    probe_images: Annotated[
        int | None,
        typer.Option(
            min=2, help="Training images to fit classifiers on, the first in order; else 10000."
        ),
    ] = None,
    sparsity: Annotated[
        bool, typer.Option("--sparsity", help="Lifetime and population sparsity, dead latents.")
    ] = False,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Classify by nearest neighbours, few labels.")
    ] = False,
    dimensionality: Annotated[
        bool, typer.Option("--dimensionality", help="Participation ratio and shattering.")
    ] = False,
    inference: Annotated[
        str, typer.Option(help="model: its own; lca: sparse coding on the model's dictionary.")
    ] = "model",
    threshold: Annotated[
        float | None, typer.Option(help=f"Of --inference lca, pixel units; else {THRESHOLD}.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw pictures into this folder.")
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    stop: StopOption = None,
    tolerance: ToleranceOption = None,
    rotate: RotateOption = None,
    shift: ShiftOption = None,
    invert: InvertOption = False,
    noise: NoiseOption = None,
    salt: SaltOption = None,
    contrast: ContrastOption = None,
    scheduler: SchedulerOption = None,
    json: JsonOption = None,
) -> None:
    """Evaluate a trained model (float) or a network file (integers) on test images."""
    require_json_target(json)
    require_inference(inference, threshold, path)
    wanted = None if steps is None else parse_steps(steps)
    fitted = [
        option
        for option, asked in (
            ("probe", probe),
            ("neighbours", neighbours),
            ("dimensionality", dimensionality),
        )
        if asked
    ]
    if fitted and images is not None and not names_a_set(images):
        raise InputError(f"{fitted[0]}: needs labelled images; leave images= away")
    if probe_images is not None and not fitted:
        raise InputError(
            "--probe-images: nothing is fitted; give --probe, --neighbours or --dimensionality too"
        )
    if pictures is not None:
        require_pictures(pictures)
    choice = stop_choice(
        stop,
        tolerance,
        {"--pictures": pictures is not None, "several --steps": len(wanted or ()) > 1},
    )
    subject = subject_of(path, seed, inference, threshold, scheduler, choice)
    wanted = wanted or [subject.steps]
    changes = parse_changes(
        subject, invert, rotate=rotate, shift=shift, noise=noise, salt=salt, contrast=contrast
    )
    pixels, labels = subject.test_images(samples, data_dir, images)
    if fitted:
        require_labelled(fitted[0], subject, labels, images, probe_images)
    message = f"evaluating {len(pixels)} images to step {wanted[-1]}"
    with working(message, len(pixels)) as progress:
        states = subject.states(pixels, wanted, progress)
    counts = {step: z for step, (z, _) in states.items()}
    points = curve(subject.real(pixels), counts, subject.decoder)
    last = dict(points[-1])
    result = {
        "samples": len(pixels),
        "steps": int(last.pop("step")),
        "seed": seed,
        **last,
        **subject.facts,
        "curve": points,
    }
    found: list[tuple[dict, str | Table]] = [subject.figures(pixels, labels)]
    at = f"step {wanted[-1]}" if choice is None else "its last step"
    if subject.counts:
        mean = spikes(counts[wanted[-1]])
        found.append(({"spikes": mean}, f"{mean:.2f} spikes an image at {at}"))
    if sparsity:
        found.append(sparsity_figures(states[wanted[-1]][0]))
    codes = None
    if fitted:
        codes = _codes(subject, states, labels, probe_images, data_dir, images)
        found += fitted_figures(codes, fitted, seed)
    if changes:
        readable = codes if probe else None
        keys, shown = change_figures(subject, changes, pixels, wanted, seed, readable)
        found.append((keys, table(f"changed images, at {at}", *shown)))
    if pictures is not None:
        files = draw_pictures(pictures, subject, pixels, wanted[-1], seed)
        found.append(
            ({"pictures": [str(f) for f in files]}, "pictures: " + ", ".join(map(str, files)))
        )
    for keys, _ in found:
        result |= keys
    most = "" if choice is None else "up to "
    rows = [
        [most + str(int(p["step"])), error(p["mse"]), fit(p["r2"]), f"{p['zeros']:.4f}"]
        for p in points
    ]
    text: list = [
        table(f"{path}, {len(pixels)} images", ["step", "MSE", "R2", "zeros"], rows),
        *(line for _, line in found if line),
    ]
    emit(result, json, text)


def _codes(
    subject: Subject,
    states: States,
    labels: np.ndarray,
    most: int | None,
    data_dir: Path | None,
    images: Path | None,
) -> Codes:
    """Features to fit on and to judge, at the last step; training images are run too."""
    step = max(states)
    test = states[step][1]
    if images is not None:
        return Codes.of_halves(test, labels)
    data = preset_images(subject.preset, data_dir)
    there = len(data.train_pixels)
    if most is not None and most > there:
        raise InputError(
            f"--probe-images: found {most}, allowed up to {there} (training images of "
            f"{subject.preset})"
        )
    train = data.train_pixels[: PROBE_IMAGES if most is None else most].astype(np.int16)
    message = f"running {len(train)} training images to step {step}"
    with working(message, len(train)) as progress:
        features = subject.states(train, [step], progress)[step][1]
    return Codes(features, data.train_labels[: len(train)], test, labels)


def parse_steps(text: str) -> list[int]:
    """Rising list of steps from '16,64,1000'."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_step(part) for part in parts):
        raise InputError(f"--steps: found '{text}', allowed positive numbers such as 16,64,1000")
    return sorted({int(part) for part in parts})


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0
