"""Pictures of a model or network: dictionary, reconstructions, convergence, samples."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.metrics import curve
from ipvae.files import read_file, require_writable_folder
from ipvae.json_text import parse_json
from ipvae.network.io.hdf5_child import shown
from ipvae.outputs import pictures_output, require_outputs
from ipvae.workflows.evaluables.base import Evaluable
from ipvae.workflows.evaluables.model import EvaluableModel
from ipvae.workflows.evaluation.figures import asked_by
from ipvae.workflows.models import load_model
from ipvae.workflows.progress import stage
from ipvae.workflows.reporting.drawing import require_matplotlib

if TYPE_CHECKING:
    from ipvae.float_models.config import TrainConfig
    from ipvae.train.datasets.images import Images

IMAGES = 256
"""Maximum number of images for dictionary usage and the curve."""
COLUMNS = 8
ROWS = (1, 4, 16, 64)
"""Steps whose reconstructions are shown, in addition to the last."""
SAMPLES = 32
PICTURES = ("dictionary", "reconstructions", "convergence", "samples")
FILES = (*(f"{name}.png" for name in PICTURES), "training.png")
LEAST_STEPS = 256
"""Minimum number of steps in pictures of a training, to cover more than the unrolled steps."""
MOST_BYTES = 2**26
"""Maximum size of RUN/metrics.jsonl."""
FOLDER = "pictures"
"""Folder for pictures of a training, in RUN."""
PICTURES_OF_RUN = tuple(f"{FOLDER}/{name}" for name in FILES)


def require_pictures(folder: Path, inputs: Mapping[str, object] | None = None) -> None:
    """Check, before long work, that pictures can be drawn and written to a folder.

    Parameters
    ----------
    folder : created when pictures are drawn
    inputs : inputs by name, see `ipvae.outputs.require_outputs`

    Raises
    ------
    InputError
        If pictures cannot be drawn or written, or would replace other files.
    """
    require_matplotlib()
    require_outputs([pictures_output(folder, FILES)], inputs)


def drawn_steps(last: int) -> list[int]:
    """Return the steps that pictures show, up to `last`."""
    return sorted({*spaced(last), *_row_steps(last)})


def _row_steps(last: int) -> list[int]:
    """Steps of the shown reconstructions."""
    return sorted({*(t for t in ROWS if t < last), last})


def draw_pictures(
    folder: Path,
    of: Evaluable,
    pixels: np.ndarray,
    last: int,
    seed: int,
    counts: Mapping[int, np.ndarray] | None = None,
) -> list[Path]:
    """Draw dictionary, reconstructions, convergence and samples; training if there are metrics.

    Parameters
    ----------
    folder : created if it does not exist
    of : model or network
    pixels : (N, M) test images, of which the first are used
    last : last step
    seed : of all random draws
    counts : codes (N, K) of the same images by step, for all of `drawn_steps`, if known

    Returns
    -------
    the files written

    Raises
    ------
    InputError
        If the model cannot be drawn or a file cannot be written.
    """
    from ipvae.report.pictures.curves import convergence
    from ipvae.report.pictures.reconstructions import reconstructions
    from ipvae.report.pictures.tiles import dictionary, samples

    require_writable_folder(folder)
    name, pixels, rows = shown(of.name), pixels[:IMAGES], _row_steps(last)
    with asked_by("pictures"), stage(f"drawing {len(pixels)} images to step {last}"):
        if counts is None:
            counts = of.infer(pixels, drawn_steps(last), seed).counts
        images, phi = of.real(pixels), of.decoder
        files = [folder / f"{n}.png" for n in PICTURES]
        dictionary(files[0], phi, of.shape, counts[last], name)
        read_out = {t: counts[t][:COLUMNS] @ phi.T for t in rows}
        reconstructions(files[1], images[:COLUMNS], read_out, of.shape, name, signed=of.signed)
        points = curve(images, {t: counts[t] for t in spaced(last)}, phi)
        convergence(files[2], points, name, len(pixels), of.trained_steps)
        made = of.prior_images(SAMPLES, seed)
        samples(files[3], made, of.shape, name, signed=of.signed)
    return files if of.metrics is None else files + draw_training(folder, of.metrics, name)


def draw_run(
    out: Path, images: "Images", config: "TrainConfig", epoch: int, *, tensorboard: bool
) -> list[Path]:
    """Draw pictures of a newly trained model to OUT/pictures/, and optionally to TensorBoard.

    `require_pictures` checked before the training that the folder can be written.
    """
    from ipvae.report.pictures.canvas import read_rgb
    from ipvae.train.run.metrics_log import add_pictures

    of = EvaluableModel(load_model(out), out.resolve().name, out)
    last = 1 if of.amortized else max(LEAST_STEPS, 4 * config.steps)
    pixels = images.test_pixels.astype(np.int16)
    files = draw_pictures(out / FOLDER, of, pixels, last, config.seed)
    if tensorboard:
        add_pictures(out, {file.stem: read_rgb(file) for file in files}, epoch)
    return files


def draw_training(folder: Path, metrics: Path, name: str) -> list[Path]:
    """Draw training curves from RUN/metrics.jsonl, unless the file is missing or empty.

    Raises
    ------
    InputError
        If a line of the file is not a JSON object.
    """
    from ipvae.report.pictures.curves import training

    if not metrics.exists() or (metrics.is_file() and metrics.stat().st_size == 0):
        return []
    try:
        lines = read_file(metrics, InputError, MOST_BYTES).decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{metrics}: cannot be read ({error}); repair or remove it") from error
    history = [_record(metrics, n, line) for n, line in enumerate(lines, 1)]
    if not history:
        return []
    file = folder / "training.png"
    training(file, history, name)
    return [file]


def spaced(last: int) -> list[int]:
    """Integers from 1 to `last`, two per octave."""
    halves = range(int(2 * np.log2(last)) + 1)
    return sorted({*(round(2 ** (n / 2)) for n in halves), last} - {0})


def _record(file: Path, number: int, line: str) -> dict:
    try:
        found = parse_json(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("epoch", 1), int):
        raise InputError(
            f"{file}: line {number} is no JSON object, allowed is one for each epoch; "
            "remove the file, or omit pictures="
        )
    return found
