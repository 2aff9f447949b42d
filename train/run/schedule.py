"""Schedules of training settings, as pure functions of progress."""

import math
from dataclasses import dataclass

from ipvae.float_models.config import TrainConfig


@dataclass(frozen=True)
class Settings:
    """Settings of one optimiser step.

    Attributes
    ----------
    steps : T
    learning_rate : of Adamax
    temperature : tau of the relaxed draws
    beta : weight of the KL term
    limit : C of the soft clamp
    grad_clip : largest gradient norm
    averaged : whether the parameters after this step are part of the trained model's mean
    """

    steps: int
    learning_rate: float
    temperature: float
    beta: float
    limit: float
    grad_clip: float
    averaged: bool = False


def settings_at(config: TrainConfig, progress: float) -> Settings:
    """Return the settings at `progress`, the fraction of optimiser steps done, 0 to 1.

    Learning rate: linear warm-up, then half a cosine to `final_rate`. Temperature: linear over its
    fraction. Beta (from zero) and clamp: constant, then linear. Clipping: three times as large in
    warm-up. Steps: doubled at equal intervals, with beta in proportion.
    """
    warming = progress < config.warmup_fraction
    if warming:
        rate = (progress / config.warmup_fraction) * 0.99 + 0.01
    else:
        rest = max(1.0 - config.warmup_fraction, 1e-9)
        rate = 0.5 * (1.0 + math.cos(math.pi * (progress - config.warmup_fraction) / rest))
        rate = _between(config.final_rate, 1.0, rate)
    cooling = _ramp(progress, 0.0, config.temperature_fraction)
    ramp = _ramp(progress, config.ramp_hold, config.ramp_fraction)
    steps = _steps(config, progress)
    return Settings(
        steps=steps,
        learning_rate=config.learning_rate * rate,
        temperature=_between(config.temperature_start, config.temperature_end, cooling),
        beta=config.beta * ramp * steps / config.steps,
        limit=_between(config.clamp_start, config.clamp_end, ramp),
        grad_clip=config.grad_clip * (3.0 if warming else 1.0),
        averaged=progress >= 1.0 - config.average_fraction,
    )


def inference_steps(config: TrainConfig, first: int, last: int, total: int) -> int:
    """Return the sum of T over optimiser steps `first` to `last` - 1 of `total`."""
    return sum(_steps(config, done / total) for done in range(first, last))


def _steps(config: TrainConfig, progress: float) -> int:
    first = config.first_steps or config.steps
    doublings = math.ceil(math.log2(config.steps / first))
    if doublings == 0 or progress >= config.growth_fraction:
        return config.steps
    return first * 2 ** math.floor(progress / config.growth_fraction * doublings)


def _ramp(progress: float, start: float, length: float) -> float:
    if length <= 0:
        return float(progress >= start)
    return min(max((progress - start) / length, 0.0), 1.0)


def _between(low: float, high: float, fraction: float) -> float:
    return low + (high - low) * fraction
