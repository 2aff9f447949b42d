"""Pictures of a model or a network: dictionary, reconstructions, convergence, samples."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.metrics import curve
from ipvae.network.atomic import require_writable_folder
from ipvae.network.hdf5_child import shown
from ipvae.workflows.figures import asked_by
from ipvae.workflows.progress import stage
from ipvae.workflows.subjects import ModelSubject, Subject

if TYPE_CHECKING:
    from ipvae.float_models.config import TrainConfig
    from ipvae.train.data import Images

IMAGES = 256
"""Images behind the usage of the dictionary and the curve, at most."""
COLUMNS = 8
ROWS = (1, 4, 16, 64)
"""Steps whose reconstructions are shown, besides the last."""
SAMPLES = 32
PICTURES = ("dictionary", "reconstructions", "convergence", "samples")
LEAST_STEPS = 256
"""How far pictures of a training go at least, to show what comes after the steps it unrolled."""
FOLDER = "pictures"
"""Of a training, in RUN."""


def require_matplotlib() -> None:
    """Raise InputError if pictures cannot be drawn."""
    try:
        import matplotlib  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise InputError(
            f"pictures: the package matplotlib cannot be imported ({error}); install it "
            "(pip install matplotlib), or omit pictures="
        ) from error


def require_pictures(folder: Path) -> None:
    """Make sure, before long work, that pictures can be drawn and written to a folder.

    Raises
    ------
    InputError
        If not.
    """
    require_matplotlib()
    require_writable_folder(folder)


def draw_pictures(
    folder: Path, subject: Subject, pixels: np.ndarray, last: int, seed: int
) -> list[Path]:
    """Draw dictionary, reconstructions, convergence, samples; and training, where figures are.

    Parameters
    ----------
    folder : it is there
    subject : model or network
    pixels : (N, M) test images; the first are taken
    last : number of steps to go to
    seed : of the samples

    Returns
    -------
    the files written

    Raises
    ------
    InputError
        If the model cannot be drawn or a file not be written.
    """
    from ipvae.report.curves import convergence
    from ipvae.report.reconstructions import reconstructions
    from ipvae.report.tiles import dictionary, samples

    name, pixels = shown(subject.name), pixels[:IMAGES]
    rows = sorted({*(t for t in ROWS if t < last), last})
    with asked_by("pictures"), stage(f"drawing {len(pixels)} images to step {last}"):
        counts = {
            t: z for t, (z, _) in subject.states(pixels, sorted({*spaced(last), *rows})).items()
        }
        images, phi = subject.real(pixels), subject.decoder
        files = [folder / f"{n}.png" for n in PICTURES]
        dictionary(files[0], phi, subject.shape, counts[last], name)
        read_out = {t: counts[t][:COLUMNS] @ phi.T for t in rows}
        reconstructions(
            files[1], images[:COLUMNS], read_out, subject.shape, name, signed=subject.signed
        )
        points = curve(images, {t: counts[t] for t in spaced(last)}, phi)
        convergence(files[2], points, name, len(pixels), subject.trained_steps)
        made = subject.prior_images(SAMPLES, seed)
        samples(files[3], made, subject.shape, name, signed=subject.signed)
    return (
        files if subject.metrics is None else files + draw_training(folder, subject.metrics, name)
    )


def draw_run(
    out: Path, images: "Images", config: "TrainConfig", epoch: int, *, tensorboard: bool
) -> list[Path]:
    """Draw a model that was just trained into OUT/pictures/, and show that on TensorBoard too.

    The folder is there: `require_pictures` has seen to that before the training.
    """
    from ipvae.report.canvas import read_rgb
    from ipvae.train.metrics_log import add_pictures

    subject = ModelSubject(out, config.seed)
    last = 1 if subject.amortized else max(LEAST_STEPS, 4 * config.steps)
    pixels = images.test_pixels.astype(np.int16)
    files = draw_pictures(out / FOLDER, subject, pixels, last, config.seed)
    if tensorboard:
        add_pictures(out, {file.stem: read_rgb(file) for file in files}, epoch)
    return files


def draw_training(folder: Path, metrics: Path, name: str) -> list[Path]:
    """Draw training curves from RUN/metrics.jsonl; nothing where it is not there or is empty.

    Raises
    ------
    InputError
        If a line of the file is no JSON object.
    """
    from ipvae.report.curves import training

    try:
        lines = metrics.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{metrics}: cannot be read ({error}); mend or remove it") from error
    history = [_record(metrics, n, line) for n, line in enumerate(lines, 1)]
    if not history:
        return []
    file = folder / "training.png"
    training(file, history, name)
    return [file]


def spaced(last: int) -> list[int]:
    """Whole numbers from 1 to `last`, two an octave."""
    halves = range(int(2 * np.log2(last)) + 1)
    return sorted({*(round(2 ** (n / 2)) for n in halves), last} - {0})


def _record(file: Path, number: int, line: str) -> dict:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f"{file}: line {number} is no JSON object, allowed is one for each epoch; "
            "remove the file, or omit pictures="
        )
    return found
