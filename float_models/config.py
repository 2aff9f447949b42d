"""What a training run is told: one frozen record, and a table of presets."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from ipvae.errors import ConfigError
from ipvae.float_models.zoo import MODEL_SPECS, RELAXATIONS

VERSION = 1
KL_FORMS = ("official", "exact")
PRECISIONS = ("float32", "bfloat16")
MODELS = tuple(MODEL_SPECS)
WEIGHT_BITS = (0, *range(2, 9))


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; with the images they determine the result.

    Fractions are of the total number of optimiser steps.

    Attributes
    ----------
    preset : name of the data set, a key of `PRESETS`, or `ARRAYS` for a user's own images
    model : key of `ipvae.float_models.zoo.MODEL_SPECS`
    latents : K, number of neurons
    steps : T, unrolled updates for each image; 1 for an amortized model
    first_steps, growth_fraction :
        training begins with `first_steps` updates, doubled up to T at equal distances over the
        given first fraction; beta grows with them, beta / T is kept. 0 begins with T
    beta : weight of the KL term; the authors' useful knob is beta / T
    epochs : passes over the training images
    batch_size : images for each optimiser step
    learning_rate : Adamax, reached after warm-up, then a cosine down to zero
    step_size : of the updates at the start of training, from which it is learned; not used where
        the training begins with given weights, which bring their own
    dictionary_rate : learning rate of the dictionary, in units of `learning_rate`; its entries are
        the smaller the more spikes share an image, and noise of their own size stops learning
    weight_decay : Adamax's L2 penalty
    seed : fixes start values, order of images and every draw
    temperature_start, temperature_end, temperature_fraction :
        tau of the relaxed draws, linear over the given first fraction
    clamp_start, clamp_end : C of the soft clamp, log-rate units
    ramp_hold, ramp_fraction :
        clamp and beta stay at their start for `ramp_hold`, then ramp over `ramp_fraction`
    warmup_fraction : linear warm-up of the learning rate
    kl : 'official' (the authors' code, to which their betas belong) or 'exact'; 'official'
        is another form for iterated Poisson beliefs only
    relaxation : of the draws, 'eat' (sigmoid, the authors') or 'eat-cubic' (unbiased mean)
    draws : counts drawn for each update: 1, shared by update and read-out, or 2, as the authors do
    precision : of matrix products, 'float32' or 'bfloat16' (8 significant bits, sums in float32;
        faster where the processor has units for it, such as AMX, and slower elsewhere)
    grad_clip : largest gradient norm of the loss times 256 / M; three times that in warm-up
    threads : shards of each batch, one CPU thread each; sums round by their number
    weight_bits : of the recurrent weights that the updates of training see, rounded as `ipvae
        export --weight-bits` rounds them; 2 to 8, 0 for none; ipvae only
    rounding_rate : learning rate of what is added to those weights before they are rounded, in
        integer steps; its schedule is that of `learning_rate`
    version : of this record

    Raises
    ------
    ConfigError
        If a setting is outside its range.

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
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"training setting '{name}' is {value}; allowed are {low} to {high}. Change it."
                )
        _check_member(self)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dict that `json` can write."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "TrainConfig":
        """Build a config from what `to_json` gave; unknown keys are refused by name.

        Raises
        ------
        ConfigError
            If `data` is not a dict, or a key or value is not allowed.
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
"""Name of the data of a model that was trained on a user's own images, or imported."""
OPTIMISER_STEPS = 6000
"""Of a training on a user's own images, about as many as the presets have."""
MOST_EPOCHS = 1000
LATENTS = (64, 512)
"""Least and most neurons that are chosen for a user's own images."""

# digits: 6,000 optimiser steps; held-out R2 .87 at 71 % zeros after 64 updates. Small matrices
# gain nothing from a second thread. patches: see models/patches/README.md. mnist: 7,500 optimiser
# steps, two shards; models/mnist/README.md says how to go on from there.
PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "latents": 64,
        "steps": 16,
        "beta": 24.0,
        "epochs": 400,
        "batch_size": 100,
        "learning_rate": 0.008,
        "threads": 1,
    },
    "patches": {
        "latents": 512,
        "steps": 64,
        "first_steps": 16,
        "beta": 24.0,
        "kl": "exact",
        "epochs": 60,
        "batch_size": 200,
        "learning_rate": 0.003,
        "dictionary_rate": 0.3,
        "step_size": 0.1,
        "grad_clip": 300.0,
        "relaxation": "eat-cubic",
        "temperature_start": 0.3,
        "temperature_end": 0.1,
        "clamp_start": 4.0,
        "ramp_fraction": 0.2,
    },
    "mnist": {"latents": 512, "steps": 16, "beta": 8.0, "epochs": 25, "batch_size": 200},
}

_RANGES = (
    ("latents", 1, 65536),
    ("steps", 1, 4096),
    ("beta", 0.0, 1e6),
    ("epochs", 1, 1_000_000),
    ("batch_size", 1, 1_000_000),
    ("learning_rate", 1e-9, 1.0),
    ("step_size", 1e-6, 1e3),
    ("dictionary_rate", 1e-6, 1e3),
    ("rounding_rate", 0.0, 10.0),
    ("weight_decay", 0.0, 1.0),
    ("seed", 0, 2**63 - 1),
    ("temperature_start", 1e-3, 10.0),
    ("temperature_end", 1e-3, 10.0),
    ("temperature_fraction", 0.0, 1.0),
    ("clamp_start", 0.0, 10.0),
    ("clamp_end", 0.0, 10.0),
    ("growth_fraction", 0.0, 1.0),
    ("ramp_hold", 0.0, 1.0),
    ("ramp_fraction", 0.0, 1.0),
    ("warmup_fraction", 0.0, 1.0),
    ("grad_clip", 1e-6, 1e12),
    ("threads", 1, 1024),
)


def preset_config(preset: str, **overrides: Any) -> TrainConfig:
    """Return the settings of a preset, with `overrides` in their place.

    Overrides that are None are ignored, so a command line can pass what it was not given.
    A model's own settings (`ipvae.float_models.zoo`) take the place of the preset's.

    Raises
    ------
    ConfigError
        If the preset or a setting is not known, or a value is outside its range.
    """
    _one_of("preset", preset, tuple(PRESETS))
    return _config({"preset": preset, **PRESETS[preset]}, overrides)


def images_config(n_images: int, n_pixels: int, signed: bool, **overrides: Any) -> TrainConfig:
    """Return settings for a user's own images, with `overrides` in their place.

    Those of the nearest preset: `patches` where pixels are negative too, else `digits` for up to
    64 neurons and `mnist` for more. The number of neurons is the next power of two from the number
    of pixels on, 64 to 512; epochs are as many as make about 6,000 optimiser steps, at most 1,000.
    Beta keeps the preset's beta / T, and is smaller in proportion where optimiser steps are fewer:
    the KL term silences neurons whose dictionary is not learned yet.

    Parameters
    ----------
    n_images : of the training
    n_pixels : M
    signed : whether pixels are negative too
    **overrides : settings by name; None stands for not given

    Raises
    ------
    ConfigError
        As `preset_config`.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    power = 1 << max(0, n_pixels - 1).bit_length()
    latents = given.get("latents", min(max(power, LATENTS[0]), LATENTS[1]))
    few = isinstance(latents, int) and latents <= LATENTS[0]
    nearest = PRESETS["patches" if signed else "digits" if few else "mnist"]
    chosen = {**nearest, "preset": ARRAYS, "latents": latents, **given}
    numbers = [chosen[name] for name in ("batch_size", "steps")]
    if not all(isinstance(n, int) and n > 0 for n in (*numbers, given.get("epochs", 1))):
        return _config(chosen, given)  # which refuses them
    batches = max(1, -(-n_images // chosen["batch_size"]))
    fitting = min(max(1, round(OPTIMISER_STEPS / batches)), MOST_EPOCHS)
    chosen["epochs"] = given.get("epochs", fitting)
    share = min(1.0, chosen["epochs"] * batches / OPTIMISER_STEPS)
    chosen["beta"] = nearest["beta"] * chosen["steps"] / nearest["steps"] * share
    return _config(chosen, given)


def _config(base: dict[str, Any], overrides: dict[str, Any]) -> TrainConfig:
    """Settings of a preset, then a model's own, then those that were given."""
    given = {name: value for name, value in overrides.items() if value is not None}
    member = MODEL_SPECS.get(given.get("model", "ipvae"))
    own = member.settings if member else {}
    chosen = {**base, **own, **given}
    if "first_steps" not in given:  # the preset's belongs to the preset's T
        first, steps = chosen.get("first_steps", 0), chosen.get("steps")
        chosen["first_steps"] = min(first, steps) if isinstance(steps, int) and steps > 1 else 0
    return TrainConfig.from_json(chosen)


SETTABLE: dict[str, Any] = {
    field.name: field.type for field in dataclasses.fields(TrainConfig) if field.name != "version"
}
"""Types of the settings that a user may give, by name."""


def setting_from_text(name: str, text: str) -> Any:
    """Return the value of a setting, a key of `SETTABLE`, that was given as text.

    Raises
    ------
    ConfigError
        If the text is not of its type.
    """
    kind: Any = SETTABLE[name]
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(
            f"training setting '{name}' is {text[:80]!r}; allowed is {kind.__name__}. Change it."
        ) from error


def dumps(data: Any) -> str:
    """Return `data` as the JSON text that the project writes: sorted, indented, no NaN."""
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


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ConfigError(
            f"training setting '{name}' is {value!r}; allowed are "
            f"{', '.join(map(str, allowed))}. Choose one of them."
        )
