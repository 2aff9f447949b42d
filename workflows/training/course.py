"""Execution of a training: steps, saved state and result."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ipvae.errors import DivergenceError
from ipvae.export.rounding.fake_quantize import rounding_to
from ipvae.files import require_writable_folder
from ipvae.float_models.checkpoint import Checkpoint, remove_model, save_checkpoint
from ipvae.outputs import is_picture
from ipvae.report.numbers import percent
from ipvae.train.datasets.images import Images
from ipvae.train.run.checkpoints import CheckpointCallback
from ipvae.train.run.fit import Keep, Progress, batches_of, fit, to_checkpoint
from ipvae.train.run.process_group import ProcessGroup, own_device
from ipvae.train.run.resume import NAME, ResumeState, discard_unfinished
from ipvae.train.run.run_folder import sole_writer
from ipvae.train.run.schedule import inference_steps
from ipvae.workflows.progress import stage
from ipvae.workflows.reporting.pictures import FOLDER, PICTURES_OF_RUN, draw_run, require_pictures
from ipvae.workflows.running.estimates import announce, training_seconds
from ipvae.workflows.training.result import Trained

Stop = AbstractContextManager[Callable[[], bool]]
"""Context in which a training can be stopped; it yields a function that returns whether to stop."""

log = logging.getLogger("ipvae")


def help_on(begun: ResumeState, images: Images, team: ProcessGroup, stop: Stop) -> Trained:
    """Process this worker's part of each batch; the first process saves and reports."""
    with stop:
        model, history = _fit(begun, images, team)
    return Trained(model, None, history, first=False)


def train_on(
    begun: ResumeState, images: Images, team: ProcessGroup, out: Path | None, stop: Stop
) -> Trained:
    """Train to the end, and save the model if a folder is given.

    Raises
    ------
    StoppedError
        If `stop` requested it; the state is kept.
    DivergenceError
        If loss or gradient is not finite; the last saved state is kept.
    """
    if out is None:
        _log_begin(begun, images, team)
        model, history = _fit(begun, images, team)
        return Trained(model, None, history)
    require_writable_folder(out)
    if begun.options.get("pictures"):
        require_pictures(out / FOLDER)
    with sole_writer(out):
        remove_model(out, [file for file in map(out.joinpath, PICTURES_OF_RUN) if is_picture(file)])
        _log_begin(begun, images, team)
        with stop as stopping:
            model, history = _kept_fit(begun, images, team, out, stopping)
            saved = save_checkpoint(out, model)
            discard_unfinished(out)
        drawn = None
        if begun.options.get("pictures"):
            board, last = begun.options["tensorboard"], history[-1]["epoch"]
            drawn = tuple(draw_run(out, images, begun.config, last, tensorboard=board))
    return Trained(model, saved, history, pictures=drawn)


def _log_begin(begun: ResumeState, images: Images, team: ProcessGroup) -> None:
    config, done = begun.config, begun.state.done
    log.info(
        f"training {config.model} on {config.preset}: {len(images.train_pixels)} images, "
        f"{config.latents} neurons, {config.steps} steps, {config.epochs} epochs"
        + (f"; {done} optimiser steps are done" if done else "")
        + (f"; {team.size} processes" if team.size > 1 else "")
    )
    n, m = images.train_pixels.shape
    batches = batches_of(config, images)
    total = batches * config.epochs
    runs = n / batches * config.frames * inference_steps(config, done, total, total)
    announce("training", training_seconds(runs, m, config.latents, team.size))


def _kept_fit(
    begun: ResumeState, images: Images, team: ProcessGroup, out: Path, stopping: Callable[[], bool]
) -> tuple[Checkpoint, list[dict[str, Any]]]:
    """Train with checkpoints in a folder."""
    try:
        with closing(CheckpointCallback(out, begun, stopping)) as keep:
            try:
                return _fit(begun, images, team, keep)
            except KeyboardInterrupt:
                keep.interrupted()
                if not stopping():  # the stopping code reports it
                    log.info(
                        f"interrupted; the state is kept in {out / NAME}, continue with resume=True"
                    )
                raise
    except DivergenceError as error:
        raise DivergenceError(
            f"{error} Add overwrite=True to that: the last saved state is kept in {out / NAME}, "
            "and from there resume=True diverges again."
        ) from error


def _fit(
    begun: ResumeState, images: Images, team: ProcessGroup, keep: Keep | None = None
) -> tuple[Checkpoint, list[dict[str, Any]]]:
    config = begun.config
    with nullcontext() if not team.leads else _reported(begun, images) as progress:
        model, history = fit(
            config,
            images,
            progress=progress,
            keep=keep,
            start=begun.state,
            device=own_device(begun.options["device"]),
            team=team,
            rounding=rounding_to(config.weight_bits),
        )
    start = begun.options.get("start")
    return to_checkpoint(model, config, images, history, start=start), history


@contextmanager
def _reported(begun: ResumeState, images: Images) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that reports each optimiser step as progress of a stage."""
    config, shown, worked = begun.config, 0, 0
    total = batches_of(config, images) * config.epochs
    work = inference_steps(config, begun.state.done, total, total)
    with stage("training", total) as advance:

        def report(progress: Progress) -> None:
            nonlocal shown, worked
            worked += inference_steps(config, shown or begun.state.done, progress.done, total)
            left = progress.seconds * (work / worked - 1)
            advance(progress.done - shown, _figures(progress, config.epochs, left))
            shown = progress.done

        yield report


def _figures(progress: Progress, epochs: int, seconds: float) -> str:
    """Text with epoch, loss, figures of the last complete epoch, and the remaining seconds."""
    parts = [f"epoch {progress.epoch} of {epochs}", f"loss {progress.loss:.1f}"]
    if progress.record is not None:
        parts += [f"R2 {progress.record['r2']:.3f}", f"zeros {percent(progress.record['zeros'])}"]
    left = round(seconds)
    return ", ".join([*parts, f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"])
