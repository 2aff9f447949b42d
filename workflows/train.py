"""Training of a model on images of a preset or of the user."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.environment import require_package
from ipvae.errors import InputError
from ipvae.files import probe_folder
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint
from ipvae.outputs import UNFINISHED, Output, require_outputs, run_output
from ipvae.workflows.boundary import public
from ipvae.workflows.image_input.image_shape import ShapeLike
from ipvae.workflows.progress import Listener, listening

if TYPE_CHECKING:
    from ipvae.workflows.training.course import Stop
    from ipvae.workflows.training.request import TrainingRequest
    from ipvae.workflows.training.result import Trained


@public
def train_model(
    images: np.ndarray | str | Path | None = None,
    *,
    test_images: np.ndarray | str | Path | None = None,
    image_shape: ShapeLike = None,
    preset: str | None = None,
    model: str | None = None,
    latents: int | None = None,
    steps: int | None = None,
    beta: float | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    weight_bits: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    init_from: Checkpoint | str | Path | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
    pictures: bool = False,
    progress: Listener | None = None,
    **settings: Any,
) -> Checkpoint:
    """Train a model on given images or on images of a preset.

    On the CPU, the same arguments and number of threads give the same model, bit for bit.

    Parameters
    ----------
    images : array, or path of an .npy file, an .npz file or a folder of pictures, optional
        Grey images of shape (n, M), (n, height, width), (n, 1, height, width) or
        (n, height, width, 1); for conv-ipvae also (n, 3, height, width) or (n, height, width, 3).
        Integers are pixel levels, floating-point numbers real values; the
        detected range is logged. `ipvae.quantize`, `ipvae.run` and others then accept the same
        arrays.
    test_images : the same, optional
        Test images; by default one in ten of `images`, at most 500, is held out.
    image_shape : (height, width) or 'HEIGHTxWIDTH', optional
        Shape of flat images, by default squares or one row; or size to which pictures are scaled.
    preset : str
        Images and settings of a data set, instead of `images`: 'digits', 'patches', 'mnist',
        'photographs' or 'mnist-conv'; 'mnist-rotate', 'mnist-jitter' or 'photographs-jitter' for
        films.
    model : str
        Kind of model, 'ipvae' by default; docs/training.md lists all kinds.
    latents : int
        Neurons (K), by default of the preset. For given images the default is the number of pixels
        rounded up to a power of two, from 64 to 512.
    steps : int
        Updates unrolled in training (T); of each frame for films.
    beta : float
        Weight of the KL term.
    epochs : int
        Passes over the images; for given images, by default about 6,000 optimiser steps.
    learning_rate : float
        Peak learning rate of Adamax.
    seed : int
        Seed of initial values, image order, random draws and held-out images; 0 by default.
    weight_bits : int
        Bits of recurrent weights for quantization-aware training, 2 to 8; 0 for none.
    threads : int
        CPU threads that share a batch.
    device : 'cpu', 'cuda' or 'mps'
        Device of the training, 'cpu' by default.
    data_dir : path
        Folder of the preset's data set, in torchvision's layout.
    out : path
        Folder for model.safetensors, model.json, metrics.jsonl (one line for each epoch) and, until
        the model is saved, the state of the training. By default no files are written.
    resume : bool
        Continue the training in `out`, with bit-exact results; a complete one is only read. Images
        passed as arrays must be given again.
    init_from : model, or path of a model or an unfinished training
        Source of initial weights.
    overwrite : bool
        Replace a model in `out`, and discard an unfinished training there.
    tensorboard : bool
        Also write `out`/tensorboard.
    pictures : bool
        Draw `out`/pictures at the end.
    progress : callable, optional
        Receives a `ProgressEvent` for each optimiser step; by default progress is shown only on a
        terminal and in a notebook.
    **settings
        Any other setting of `ipvae.float_models.config.TrainConfig`, such as `batch_size`.

    Returns
    -------
    Checkpoint
        The trained model, with the figures of its last epoch in `metrics`.

    Raises
    ------
    BackendError
        If PyTorch is not installed.
    InputError
        If arguments exclude each other, or images cannot be used.
    TrainingError
        If a setting or a file is wrong, or the training diverges.
    KeyboardInterrupt
        If it is interrupted. The state is kept in `out`, if given, for `resume`.
    """
    require_torch()
    from ipvae.workflows.training.request import TrainingRequest

    named = {
        "preset": preset,
        "model": model,
        "latents": latents,
        "steps": steps,
        "beta": beta,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
        "threads": threads,
        "weight_bits": weight_bits,
    }
    request = TrainingRequest(
        {**named, **settings},
        images=images,
        test_images=test_images,
        image_shape=image_shape,
        data_dir=data_dir,
        out=None if out is None else Path(out),
        resume=resume,
        overwrite=overwrite,
        init_from=Path(init_from) if isinstance(init_from, str) else init_from,
        device=device,
        tensorboard=tensorboard,
        pictures=pictures,
    )
    return train(request, progress=progress).model


def train(
    request: "TrainingRequest", *, stop: "Stop | None" = None, progress: Listener | None = None
) -> "Trained":
    """Train as requested, with all processes if torchrun started several.

    Parameters
    ----------
    request : what to train
    stop : context manager, optional
        Entered during training; it yields a function that returns whether to stop.
    progress : callable, optional
        As for `train_model`.

    Raises
    ------
    StoppedError
        If `stop` requested it; the state is kept.
    IpvaeError
        As for `train_model`.
    """
    require_torch()
    from ipvae.train.run.metrics_log import require_tensorboard
    from ipvae.train.run.process_group import joined
    from ipvae.workflows.reporting.drawing import require_matplotlib
    from ipvae.workflows.training.begin import continued, fresh
    from ipvae.workflows.training.course import help_on, train_on

    if request.tensorboard:
        require_tensorboard()
    if request.pictures:
        require_matplotlib()
    inputs = {name: getattr(request, name) for name in ("images", "test_images", "init_from")}
    wanted = request.tensorboard, request.pictures
    require_outputs(
        training_outputs(request.out, request.overwrite, request.resume, *wanted), inputs
    )
    stop = nullcontext(lambda: False) if stop is None else stop
    with listening(progress), joined() as team:
        # Only the first process writes, so it alone checks `out` for an unfinished training.
        begun, images = (
            continued(request, team.size)
            if request.resume
            else fresh(request, team.size, first=team.leads)
        )
        if begun is None or images is None:
            return _complete(request, first=team.leads)
        if not team.leads:
            return help_on(begun, images, team, stop)
        for name in ("tensorboard", "pictures"):
            begun.options[name] = getattr(request, name) or begun.options.get(name, False)
        return train_on(begun, images, team, request.out, stop)


def training_outputs(
    out: Path | None, overwrite: bool, resume: bool, tensorboard: bool, pictures: bool
) -> list[Output]:
    """Return the outputs of a training; none if it is complete, or outside the first process.

    The arguments are the same as for `train_model`.

    Raises
    ------
    InputError
        If the folder for TensorBoard cannot be written.
    """
    from ipvae.workflows.reporting.pictures import PICTURES_OF_RUN

    complete = resume and out is not None and not os.path.exists(out / UNFINISHED)
    if out is None or complete or not is_first_process():
        return []
    if tensorboard:
        probe_folder(out / "tensorboard")
    names = PICTURES_OF_RUN if pictures else ()
    return [run_output(out, overwrite=overwrite or resume, pictures=names)]


def _complete(request: "TrainingRequest", *, first: bool) -> "Trained":
    """Read the model of a complete training, without changing it."""
    from ipvae.train.run.resume import require_same_settings
    from ipvae.workflows.training.result import Trained

    out = request.out
    assert out is not None
    model = load_checkpoint(out)
    if model.config is None:
        raise InputError(f"{out}: holds a model that was not trained here; choose another out=")
    require_same_settings(model.config, dict(request.settings), out)
    return Trained(
        model,
        out / "model.safetensors",
        [model.metrics],
        complete=True,
        first=first,
        wanted_pictures=request.pictures,
    )


def is_first_process() -> bool:
    """Return whether this is the only process, or the first one that torchrun started."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK") == "0"


def require_torch() -> None:
    """Raise BackendError if PyTorch is not installed or cannot be imported."""
    require_package(
        "torch",
        "training needs PyTorch",
        "Install it (pip install torch); loading, quantizing and running models needs none.",
    )
