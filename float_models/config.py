"""Settings of a training run, as a frozen record, and a table of presets."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from ipvae.errors import ConfigError
from ipvae.float_models.presets import PRESETS, RANGES
from ipvae.float_models.zoo import MODEL_SPECS, RELAXATIONS

VERSION = 1
KL_FORMS = ("official", "exact")
PRECISIONS = ("float32", "bfloat16")
MODELS = tuple(MODEL_SPECS)
WEIGHT_BITS = (0, *range(2, 9))


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; together with the images they determine the result.

    Fractions are of the total number of optimiser steps.

    Attributes
    ----------
    preset : name of the data set, a key of `PRESETS`, or `ARRAYS` for a user's own images
    model : key of `ipvae.float_models.zoo.MODEL_SPECS`
    latents : K, number of neurons; of a convolutional model, number of maps
    steps : T, unrolled updates for each image, or frame of a film; 1 for an amortized model
    first_steps, growth_fraction :
        training starts with `first_steps` updates, doubled up to T at equal intervals over this
        first fraction; beta increases in proportion, with beta / T constant. 0 starts with T
    beta : weight of the KL term; beta / T is the relevant parameter
    epochs : passes over the training images
    batch_size : images for each optimiser step
    learning_rate : peak rate of Adamax, after warm-up and before a cosine decay to zero
    final_rate : learning rate at the end of that decay, in units of `learning_rate`
    average_fraction :
        the trained model is the mean of the parameters after each step of this last fraction; 0
        for the parameters after the last step
    step_size : initial step size of the updates, which is then learned; ignored if training starts
        from given weights, which include it
    dictionary_rate : learning rate of the dictionary, in units of `learning_rate`; its entries are
        smaller if more spikes share an image, and update noise of their size prevents learning
    weight_decay : Adamax's L2 penalty
    seed : determines initial values, order of images and every draw
    temperature_start, temperature_end, temperature_fraction :
        tau of the relaxed draws, linear over the given first fraction
    clamp_start, clamp_end : C of the soft clamp, log-rate units
    ramp_hold, ramp_fraction :
        clamp and beta keep their initial value for `ramp_hold`, then ramp over `ramp_fraction`
    warmup_fraction : linear warm-up of the learning rate
    kl : 'official' (the authors' code, for their values of beta) or 'exact'; they differ only for
        iterated Poisson posteriors
    relaxation : relaxed draws, 'eat' (sigmoid, the authors') or 'eat-cubic' (unbiased mean)
    draws : counts drawn per update: 1, shared by update and read-out, or 2, as in the authors' code
    precision : of matrix products, 'float32' or 'bfloat16' (8 significant bits, sums in float32;
        faster on processors with hardware support such as AMX, slower elsewhere)
    grad_clip : largest gradient norm of the loss times 256 / M; three times as large in warm-up
    threads : shards of each batch, one CPU thread each; rounding of sums depends on their number
    weight_bits : width of the recurrent weights in the updates of training, rounded as by `ipvae
        export --weight-bits`; 2 to 8, 0 for no rounding; ipvae only
    rounding_rate : learning rate of the change added to those weights before rounding, in integer
        steps; scheduled like `learning_rate`
    kernel_size, stride : side of a convolutional model's kernels, and pixels between neighbouring
        places of its maps, 1 to `kernel_size`; 0 for other models
    largest_load : the step size of a convolutional model is lowered at the end of training until
        rho of training images is at most this, see `ipvae.float_models.convolutional.stability`
    motion, frames : kind ('rotate' or 'jitter') and frames of films, made of each image by
        `ipvae.evaluation.motion`; the state is kept between frames. '' and 1 for still images
    activity_price : price in the loss, in nats, of each neuron that sends in an update; for films
    version : version of this record

    Raises
    ------
    ConfigError
        If a setting is out of range.

    References
    ----------
    arXiv 2410.19315; the authors' released configurations.
    """

    preset: str
    model: str = "ipvae"
    latents: int = 512
    steps: int = 16
    first_steps: int = 0
    growth_fraction: float = 0.5
    beta: float = 8.0
    epochs: int = 10
    batch_size: int = 200
    learning_rate: float = 0.003
    final_rate: float = 0.0
    average_fraction: float = 0.0
    step_size: float = 1.0
    dictionary_rate: float = 1.0
    weight_decay: float = 3e-4
    seed: int = 0
    temperature_start: float = 1.0
    temperature_end: float = 0.05
    temperature_fraction: float = 0.5
    clamp_start: float = 2.0
    clamp_end: float = 10.0
    ramp_hold: float = 0.001
    ramp_fraction: float = 0.1
    warmup_fraction: float = 0.02
    kl: str = "official"
    relaxation: str = "eat"
    draws: int = 1
    precision: str = "float32"
    grad_clip: float = 3000.0
    threads: int = 2
    weight_bits: int = 0
    rounding_rate: float = 0.05
    kernel_size: int = 0
    stride: int = 0
    largest_load: float = 1.0
    motion: str = ""
    frames: int = 1
    activity_price: float = 0.0
    version: int = VERSION

    def __post_init__(self) -> None:
        _check_types(self)
        _one_of("preset", self.preset, (*PRESETS, ARRAYS))
        _one_of("model", self.model, MODELS)
        _one_of("kl", self.kl, KL_FORMS)
        _one_of("relaxation", self.relaxation, RELAXATIONS)
        _one_of("draws", self.draws, (1, 2))
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("weight_bits", self.weight_bits, WEIGHT_BITS)
        _one_of("version", self.version, (VERSION,))
        if not 0 <= self.first_steps <= self.steps:
            raise ConfigError(
                f"training setting 'first_steps' is {self.first_steps}; allowed are 0 to 'steps', "
                f"which is {self.steps}. Change either."
            )
        for name, low, high in RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"training setting '{name}' is {value}; allowed are {low} to {high}. Change it."
                )
        _check_member(self)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dict that `json` can serialize."""
        found = dataclasses.asdict(self)
        if not MODEL_SPECS[self.model].convolutional:
            for name in _OF_KERNELS:
                del found[name]
        if not self.motion:  # text as before
            for name in _OF_FILMS:
                del found[name]
        return found

    @classmethod
    def from_json(cls, data: Any) -> "TrainConfig":
        """Build a config from the result of `to_json`; unknown keys raise an error.

        Raises
        ------
        ConfigError
            If `data` is not a dict, or a key or value is invalid.
        """
        if not isinstance(data, dict):
            raise ConfigError(f"training settings: found {type(data).__name__}, need an object.")
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(str(key) for key in set(data) - known)
        if unknown:
            raise ConfigError(
                f"training settings: unknown key {', '.join(map(repr, unknown))}; allowed are "
                f"{', '.join(sorted(known))}. Remove it, or use a newer ipvae."
            )
        if "preset" not in data:
            raise ConfigError(
                f"training settings: 'preset' is missing; allowed are {', '.join(PRESETS)}. Add it."
            )
        return cls(**data)


ARRAYS = "arrays"
"""Data name of models trained on a user's own images, or imported."""
OPTIMISER_STEPS = 6000
"""Optimiser steps for a user's own images, approximately the number of the presets."""
MOST_EPOCHS = 1000
LATENTS = (64, 512)
"""Minimum and maximum number of neurons chosen for a user's own images."""


def preset_config(preset: str, **overrides: Any) -> TrainConfig:
    """Return the settings of a preset, replaced by `overrides` where given.

    An override of None is ignored, so that a command line can pass missing options. A model's
    own settings (`ipvae.float_models.zoo`) replace the preset's.

    Raises
    ------
    ConfigError
        If the preset or a setting is unknown, or a value is out of range.
    """
    _one_of("preset", preset, tuple(PRESETS))
    return _config({"preset": preset, **PRESETS[preset]}, overrides)


def images_config(n_images: int, n_pixels: int, signed: bool, **overrides: Any) -> TrainConfig:
    """Return settings for a user's own images, replaced by `overrides` where given.

    The base is the nearest preset: `patches` for signed pixels, else `digits` for up to 64 neurons
    and `mnist` for more; for conv-ipvae `photographs`, else `mnist-conv`, with their number of
    maps. The number of neurons of other models is the next power of two at or above the number of
    pixels, from 64 to 512. Epochs give about 6,000 optimiser steps, at most 1,000 epochs. Beta
    keeps the preset's beta / T, and is reduced in proportion if there are fewer optimiser steps:
    the KL term silences neurons before their dictionary is learned.

    Parameters
    ----------
    n_images : number of training images
    n_pixels : M
    signed : pixels can be negative
    **overrides : settings by name; None for settings not given

    Raises
    ------
    ConfigError
        See `preset_config`.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    power = 1 << max(0, n_pixels - 1).bit_length()
    latents = given.get("latents", min(max(power, LATENTS[0]), LATENTS[1]))
    few = isinstance(latents, int) and latents <= LATENTS[0]
    nearest = PRESETS["patches" if signed else "digits" if few else "mnist"]
    if given.get("model") == "conv-ipvae":
        nearest = PRESETS["photographs" if signed else "mnist-conv"]
        latents = given.get("latents", nearest["latents"])
    own = {name: value for name, value in given.items() if name != "model"}
    chosen = {**nearest, "preset": ARRAYS, "latents": latents, **own}
    numbers = [chosen[name] for name in ("batch_size", "steps")]
    if not all(isinstance(n, int) and n > 0 for n in (*numbers, given.get("epochs", 1))):
        return _config(chosen, given)  # raises the error
    batches = max(1, -(-n_images // chosen["batch_size"]))
    fitting = min(max(1, round(OPTIMISER_STEPS / batches)), MOST_EPOCHS)
    chosen["epochs"] = given.get("epochs", fitting)
    share = min(1.0, chosen["epochs"] * batches / OPTIMISER_STEPS)
    chosen["beta"] = nearest["beta"] * chosen["steps"] / nearest["steps"] * share
    return _config(chosen, given)


_OF_KERNELS = ("kernel_size", "stride", "largest_load")
"""Settings of convolutional models."""
_OF_FILMS = ("motion", "frames", "activity_price")
"""Settings of films."""


def _config(base: dict[str, Any], overrides: dict[str, Any]) -> TrainConfig:
    """Settings of a preset, then a model's own, then the given ones."""
    given = {name: value for name, value in overrides.items() if value is not None}
    usual = base.get("model", "ipvae")
    model = given.get("model", usual)
    member = MODEL_SPECS.get(model)
    if model != usual:
        own = ("model", *_OF_FILMS, *_OF_KERNELS)  # other models train on still images
        base = {name: value for name, value in base.items() if name not in own}
        base |= member.settings if member else {}
    chosen = {**base, **given}
    if "first_steps" not in given:  # the preset's value belongs to the preset's T
        first, steps = chosen.get("first_steps", 0), chosen.get("steps")
        chosen["first_steps"] = min(first, steps) if isinstance(steps, int) and steps > 1 else 0
    return TrainConfig.from_json(chosen)


SETTABLE: dict[str, Any] = {
    field.name: field.type for field in dataclasses.fields(TrainConfig) if field.name != "version"
}
"""Types of the settings that a user can give, by name."""


def setting_from_text(name: str, text: str) -> Any:
    """Return the value of a setting, a key of `SETTABLE`, from text.

    Raises
    ------
    ConfigError
        If the text does not represent a value of its type.
    """
    kind: Any = SETTABLE[name]
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(
            f"training setting '{name}' is {text[:80]!r}; allowed is {kind.__name__}. Change it."
        ) from error


def dumps(data: Any) -> str:
    """Return `data` as JSON text in the project's form: sorted, indented, without NaN."""
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _check_types(config: TrainConfig) -> None:
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name
        wanted = field.type if isinstance(field.type, str) else field.type.__name__
        good = {
            "str": isinstance(value, str),
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        }[wanted]
        if not good or (wanted == "float" and not math.isfinite(value)):
            raise ConfigError(
                f"training setting '{name}' is {value!r}; allowed is a finite {wanted}. Change it."
            )


def _check_member(config: TrainConfig) -> None:
    member = MODEL_SPECS[config.model]
    _check_kernels(config, member.convolutional)
    _check_motion(config)
    if member.inference == "amortized" and config.steps != 1:
        iterative = [name for name, other in MODEL_SPECS.items() if other.inference != "amortized"]
        raise ConfigError(
            f"training setting 'steps' is {config.steps}, but {config.model} infers in one pass; "
            f"allowed is 1. Omit steps=, or train one of {', '.join(iterative)}."
        )
    if config.kl == "official" and (member.latent, member.inference == "amortized") != (
        "poisson",
        False,
    ):
        raise ConfigError(
            f"training setting 'kl' is 'official', which is a form for iterated Poisson beliefs; "
            f"allowed for {config.model} is exact. Change it."
        )
    if config.draws != 1 and config.model != "ipvae":
        raise ConfigError(
            f"training setting 'draws' is {config.draws}; allowed for {config.model} is 1. "
            "Change it, or train ipvae."
        )
    if config.weight_bits != 0 and config.model != "ipvae":
        raise ConfigError(
            f"training setting 'weight_bits' is {config.weight_bits}; allowed for {config.model}, "
            "which no chip file holds, is 0. Change it, or train ipvae."
        )


def _check_motion(config: TrainConfig) -> None:
    _one_of("motion", config.motion, ("", "rotate", "jitter"))
    if (config.frames > 1) != bool(config.motion):
        raise ConfigError(
            f"training setting 'frames' is {config.frames}, with 'motion' {config.motion!r}; "
            "allowed are 2 or more frames of rotate or jitter, or 1 without motion. Change either."
        )
    if config.activity_price and not config.motion:
        raise ConfigError(
            f"training setting 'activity_price' is {config.activity_price}; it applies to films "
            "only. Give motion= and frames=, or omit it."
        )
    if config.motion and config.model != "ipvae":
        raise ConfigError(
            f"training setting 'motion' is {config.motion!r}; films train ipvae, found "
            f"{config.model}. Omit motion= and frames=, or train ipvae."
        )


def _check_kernels(config: TrainConfig, convolutional: bool) -> None:
    kernel, stride = config.kernel_size, config.stride
    if convolutional and not 1 <= stride <= kernel:
        raise ConfigError(
            f"training setting 'stride' is {stride}, with 'kernel_size' {kernel}; allowed for "
            f"{config.model} are strides of 1 to kernel_size. Change either."
        )
    if not convolutional and (kernel, stride) != (0, 0):
        names = [name for name, member in MODEL_SPECS.items() if member.convolutional]
        raise ConfigError(
            f"training settings 'kernel_size' and 'stride' are {kernel} and {stride}; allowed for "
            f"{config.model}, which has no kernels, is 0. Omit them, or train {', '.join(names)}."
        )


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ConfigError(
            f"training setting '{name}' is {value!r}; allowed are "
            f"{', '.join(map(str, allowed))}. Choose one of them."
        )
