"""Training loop."""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ipvae.errors import ConfigError, DivergenceError
from ipvae.evaluation.metrics import quality
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.float_models.convolutional.noise import with_balanced_inhibition
from ipvae.float_models.convolutional.stability import stabilized
from ipvae.float_models.inference.draws import stream_key
from ipvae.float_models.units import in_real_units
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.train.datasets.films import films
from ipvae.train.datasets.images import Images
from ipvae.train.fused.gradient import TrainContext, team_gradient
from ipvae.train.fused.parallel import matrix_precision, workers
from ipvae.train.infer import infer, infer_films
from ipvae.train.models.convolutional import ConvolutionalIPVAE, held_out_quality
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.models.vae import Model, start_model
from ipvae.train.rounded_weights import Rounding
from ipvae.train.run.process_group import ProcessGroup
from ipvae.train.run.schedule import Settings, settings_at
from ipvae.train.run.state import TrainState, put_state, take_state

_ORDER, _DRAWS, _HELD_OUT = 1, 2, 3  # separate the streams of random numbers
_MONITOR_IMAGES = 500
_STABILITY_IMAGES = 64
_DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True)
class Progress:
    """Progress of a training after an optimiser step.

    Attributes
    ----------
    done, total : optimiser steps
    epoch : counted from 1
    loss : of the last batch
    record : history entry of the last finished epoch, if any
    seconds : time since the start of training in this process
    """

    done: int
    total: int
    epoch: int
    loss: float
    record: dict[str, Any] | None
    seconds: float


Keep = Callable[[Progress, Callable[[], TrainState]], None]
"""Callback after each optimiser step; its second argument is a function that copies the state."""


def fit(
    config: TrainConfig,
    images: Images,
    *,
    progress: Callable[[Progress], None] | None = None,
    keep: Keep | None = None,
    start: TrainState | None = None,
    device: str = "cpu",
    team: ProcessGroup | None = None,
    rounding: Rounding | None = None,
) -> tuple[Model, list[dict[str, Any]]]:
    """Train a model.

    Equal config, images, device, team and number of threads give the same model, in one run or
    resumed from any intermediate state.

    Parameters
    ----------
    config : all settings
    images : (N, M) real values
    progress : called after each optimiser step
    keep : called after each optimiser step, before `progress`
    start : state to resume from, None for a new training
    device : cpu, cuda or mps, with or without an index
    team : processes that share each batch, all with the same arguments
    rounding : to `config.weight_bits`, of the recurrent matrix in the updates

    Returns
    -------
    model : on `device`; the mean over the last `config.average_fraction` of the steps, if not 0
    history : one dict for each epoch: epoch, loss, nll, kl (means over its batches), beta, steps,
        temperature, learning_rate, and r2, mse, zeros of up to 500 held-out images after T updates
        with exact draws, of the mean so far once it has begun. loss and nll refer to pixels divided
        by `images.unit`

    Raises
    ------
    ConfigError
        If the device is not available or not supported, or `weight_bits` has no `rounding`.
    DivergenceError
        If the loss or its gradient is not finite.

    References
    ----------
    arXiv 2410.19315; optimiser and schedules from the authors' released configurations.
    """
    if (config.weight_bits != 0) != (rounding is not None):
        raise ConfigError(
            f"training setting 'weight_bits' is {config.weight_bits}; it needs the argument "
            "'rounding', and 0 allows none. Pass ipvae.export.rounding.fake_quantize.rounding_to."
        )
    place = require_device(device)
    threads = config.threads if place.type == "cpu" else 1
    with matrix_precision(config.precision), workers(threads) as for_each:
        model = new_model(config, images).to(place)
        start = start or TrainState.first(model)
        means = TrainContext(for_each, team or ProcessGroup(), rounding=rounding)
        return model, _train(model, config, images, start, (keep, progress), means)


def batches_of(config: TrainConfig, images: Images) -> int:
    """Return the number of optimiser steps of an epoch."""
    return max(1, math.ceil(len(images.train_pixels) / config.batch_size))


def new_model(config: TrainConfig, images: Images) -> Model:
    """Return the initial model of a training."""
    rounded = config.weight_bits > 0
    canvas = _canvas(config, images)
    sizes = images.shape, config.latents
    model = start_model(config.model, *sizes, config.seed, rounded=rounded, canvas=canvas)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.startswith("log_lr"):
                value.fill_(math.log(config.step_size))
    return model


def _canvas(config: TrainConfig, images: Images) -> Canvas | None:
    """Return the grid of maps of a convolutional model over the training images."""
    if not MODEL_SPECS[config.model].convolutional:
        return None
    image = (images.channels, *images.shape)
    return Canvas(image, config.latents, config.kernel_size, config.stride)


def to_checkpoint(
    model: Model,
    config: TrainConfig,
    images: Images,
    history: list[dict[str, Any]],
    start: str | None = None,
) -> Checkpoint:
    """Return the checkpoint of a trained model; metrics are the last entry of its history.

    A convolutional model gets a constant inhibition that balances the noise of its counts, and a
    step size at which its updates are stable on training images, and its figures with them. See
    `ipvae.float_models.convolutional.noise` and `.stability`.
    """
    last, params = dict(history[-1]) if history else {}, model.arrays()
    canvas = _canvas(config, images)
    if canvas is not None:
        few = images.train[:_STABILITY_IMAGES]
        balanced = with_balanced_inhibition(params)
        params = stabilized(balanced, canvas, few, config.largest_load)
        if last:
            last |= _held_out(params, config, images)
    metrics = {name: value for name, value in last.items() if math.isfinite(value)}
    params = in_real_units(params, MODEL_SPECS[config.model], images.unit)
    return Checkpoint(params, config, images.info, metrics, start)


def _train(
    model: Model,
    config: TrainConfig,
    images: Images,
    start: TrainState,
    callbacks: tuple[Keep | None, Callable[[Progress], None] | None],
    means: TrainContext,
) -> list[dict[str, Any]]:
    keep, progress = callbacks
    optimiser = new_optimiser(model, config)
    put_state(model, optimiser, start)
    train = torch.from_numpy(images.train).to(next(model.parameters()).device)
    batches = batches_of(config, images)
    total, begin = batches * config.epochs, time.monotonic()
    history, sums, order = [*start.history], np.array(start.sums), None
    average = start.average
    for done in range(start.done, total):
        epoch, batch = divmod(done, batches)
        if batch == 0:
            sums, order = np.zeros(3), None
        if order is None:
            order = _order(len(train), config.seed, epoch)
        now = settings_at(config, done / total)
        rows = order[batch * config.batch_size : (batch + 1) * config.batch_size]
        terms = optimise(
            model,
            optimiser,
            train[rows] if not config.motion else _films(config, images, rows, epoch).to(train),
            config=config,
            now=now,
            iteration=done,
            total=total,
            means=means,
        )
        sums += terms
        if now.averaged:
            average = average.plus(model.arrays())
        if batch == batches - 1:
            params = average.arrays() if average.count else model.arrays()
            history.append(
                _record(params, config, images, epoch=epoch, losses=sums / batches, now=now)
            )
        record = history[-1] if history else None
        seconds = time.monotonic() - begin
        state = Progress(done + 1, total, epoch + 1, terms[0], record, seconds)
        if keep is not None:
            keep(
                state,
                functools.partial(
                    take_state,
                    model,
                    optimiser,
                    done=done + 1,
                    sums=sums,
                    history=history,
                    average=average,
                ),
            )
        if progress is not None:
            progress(state)
    average.put(model)
    return history


def new_optimiser(model: Model, config: TrainConfig) -> torch.optim.Adamax:
    """Return the optimiser of a model; dictionary and rounding have separate learning rates."""
    own = ("phi", "kernels", "recurrent_change")
    dictionary = model.kernels if isinstance(model, ConvolutionalIPVAE) else model.phi
    others = [value for name, value in model.named_parameters() if name not in own]
    groups: list[dict[str, Any]] = [
        {"params": [dictionary], "factor": config.dictionary_rate},
        {"params": others, "factor": 1.0},
    ]
    if isinstance(model, IPVAE) and config.weight_bits:
        rate = config.rounding_rate / config.learning_rate
        groups.append({"params": [model.recurrent_change], "factor": rate, "weight_decay": 0.0})
    return torch.optim.Adamax(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def optimise(
    model: Model,
    optimiser: torch.optim.Optimizer,
    x: torch.Tensor,
    *,
    config: TrainConfig,
    now: Settings,
    iteration: int,
    total: int,
    means: TrainContext,
) -> tuple[float, float, float]:
    """Take one optimiser step on images `x` (B, M) or films (B, F, M): loss, NLL and KL.

    If loss or gradient is not finite, the model is unchanged and DivergenceError is raised.

    On the CPU the batch is divided into `config.threads` shards. Draws are keyed by (seed,
    iteration, update, image in the batch, neuron), so shards only affect rounding of sums.
    """
    terms, gradient = team_gradient(
        model,
        x,
        config=config,
        now=now,
        stream=(config.seed, _DRAWS, iteration),
        means=means,
    )
    for name, parameter in model.named_parameters():
        parameter.grad = gradient[name]
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), now.grad_clip))
    loss, nll, kl = (float(term) for term in terms)
    if not all(map(math.isfinite, (loss, nll, kl, norm))):
        raise _diverged(model, config, (loss, nll, kl, norm), f"{iteration + 1} of {total}")
    for group in optimiser.param_groups:
        group["lr"] = now.learning_rate * group["factor"]
    optimiser.step()
    return loss, nll, kl


def _record(
    params: dict[str, np.ndarray],
    config: TrainConfig,
    images: Images,
    *,
    epoch: int,
    losses: np.ndarray,
    now: Settings,
) -> dict[str, Any]:
    figures = _held_out(params, config, images)
    loss, nll, kl = (float(value) for value in losses)
    return {
        "epoch": epoch + 1,
        "loss": loss,
        "nll": nll,
        "kl": kl,
        "beta": now.beta,
        "steps": now.steps,
        "temperature": now.temperature,
        "learning_rate": now.learning_rate,
        **figures,
    }


def _held_out(
    params: dict[str, np.ndarray], config: TrainConfig, images: Images
) -> dict[str, float]:
    """Return r2, mse and zeros of held-out images after T updates, or of all frames of films."""
    x = images.test[:_MONITOR_IMAGES]
    canvas, seed = _canvas(config, images), stream_key(config.seed, _HELD_OUT)
    if config.motion:
        rows = np.arange(min(len(images.test_pixels), _MONITOR_IMAGES // config.frames))
        options: Any = {"held_out": True}
        shown = films(images, rows, config.motion, config.frames, config.seed, **options)
        counts = infer_films(params, shown, config.steps, seed=seed)
        figures = quality(shown.reshape(-1, shown.shape[2]), counts, params["phi"])
    elif canvas is not None:
        figures = held_out_quality(params, canvas, x, config.steps, seed)
    else:
        states = infer(
            params,
            x,
            [config.steps],
            seed=seed,
            threads=1,
            model=config.model,
            image_shape=images.shape,
        )
        figures = quality(x, states[config.steps].counts, params["phi"])
    figures["mse"] *= images.unit**2
    return figures


def _films(config: TrainConfig, images: Images, rows: torch.Tensor, epoch: int) -> torch.Tensor:
    """Films (B, frames, M) of training images, along other paths in every epoch."""
    first = epoch * len(images.train_pixels)
    made = films(images, rows.numpy(), config.motion, config.frames, config.seed, first=first)
    return torch.from_numpy(made)


def _order(n: int, seed: int, epoch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(stream_key(seed, _ORDER, epoch) >> 1)
    return torch.randperm(n, generator=generator)


def _diverged(
    model: Model, config: TrainConfig, found: tuple[float, ...], step: str
) -> DivergenceError:
    loss, nll, kl, norm = found
    sizes = " and ".join(f"{size:.4g}" for size in model.step_sizes())
    where = f"where the model's step size was {sizes} and" if sizes else "at"
    dynamics = (
        "The dynamics diverge at too large a step size, which is learned, here from "
        f"{config.step_size:g} on: try"
    )
    smaller = f", step_size={config.step_size / 10:g}" if sizes else ""
    fewer = f", fewer steps= (now {config.steps})" if sizes else ""
    return DivergenceError(
        f"training diverged at optimiser step {step}: loss {loss:.4g} (NLL {nll:.4g}, KL {kl:.4g}, "
        f"gradient norm {norm:.4g}), {where} the learning rate {config.learning_rate:g}; finite "
        f"numbers are needed. {dynamics if sizes else 'Try'} a lower learning_rate= "
        f"({config.learning_rate / 2:g}){smaller}{fewer} or another seed=."
    )


def require_device(name: str, advice: str = "Use device=cpu.") -> torch.device:
    """Return a device that supports training.

    Raises
    ------
    ConfigError
        If the device is not available or not supported; the message ends with `advice`.
    """
    try:
        device = torch.device(name)
        if device.type in _DEVICES:
            torch.empty(0, device=device)
            return device
        reason = f"of kind {device.type}"
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
    raise ConfigError(
        f"device {name!r} cannot be used here ({reason}); allowed are {', '.join(_DEVICES)} as "
        f"far as this machine has them. {advice}"
    )
