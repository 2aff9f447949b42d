"""All trainable models, as combinations of parts.

A new model is one entry of `MODEL_SPECS`: its latent, its inference and its encoder
(`ipvae.float_models.inference.steps`; for training, `ipvae.train.models.vae`). All models have the
linear decoder x ~ N(Phi z, sigma^2), with one standard deviation for each pixel.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HIDDEN = 256
"""Width of the MLP encoder's residual block."""
CHANNELS = 32
"""Channels of the convolutional encoder's first layer; the second has twice as many."""

RELAXATIONS = ("eat", "eat-cubic")
"""Forms of a relaxed Poisson draw, see `ipvae.float_models.inference.draws`."""

Shape = tuple[str | int, ...]

_DECODER: dict[str, Shape] = {"phi": ("M", "K")}
_NOISE: dict[str, Shape] = {"log_sigma_raw": ("M",)}
_KERNELS: dict[str, Shape] = {"kernels": ("K", "c", "k", "k")}
_CHANNEL_NOISE: dict[str, Shape] = {"log_sigma_raw": ("c",)}
UNIT: dict[str, Shape] = {"log_unit": ()}
"""Tensor of a model trained with a pixel unit other than 1: the natural logarithm of the unit,
added to log sigma (`ipvae.float_models.units`)."""
PRIORS: dict[str, tuple[str, ...]] = {
    "poisson": ("u0",),
    "gaussian": ("mean0", "log_scale0"),
    "rectified": ("mean0", "log_scale0"),
}
"""Names of the prior's parameters for each latent; each (K,), learned."""
STEP_SIZES: dict[str, tuple[str, ...]] = {
    "poisson": ("log_lr",),
    "gaussian": ("log_lr_mean", "log_lr_scale"),
    "rectified": ("log_lr_mean", "log_lr_scale"),
}
"""Names of the step sizes of iterative updates: scalars, logarithms."""
_HEAD: dict[str, Shape] = {"encoder_weight": ("O", "F"), "encoder_bias": ("O",)}
ENCODERS: dict[str, dict[str, Shape]] = {
    "linear": _HEAD,
    "mlp": {
        "hidden_weight": ("H", "M"),
        "hidden_bias": ("H",),
        "residual_weight": ("M", "H"),
        "residual_bias": ("M",),
        **_HEAD,
    },
    "conv": {
        "conv1_weight": ("C", 1, 3, 3),
        "conv1_bias": ("C",),
        "conv2_weight": ("2C", "C", 3, 3),
        "conv2_bias": ("2C",),
        **_HEAD,
    },
}


HALVINGS = {"conv1_weight": 2, "conv2_weight": 4}
"""Total factor by which convolutional layers divide height and width."""


@dataclass(frozen=True)
class ModelSpec:
    """Specification of one model.

    Attributes
    ----------
    latent : 'poisson', 'gaussian' or 'rectified', a key of `PRIORS`
    inference : 'iterative' (from the prior), 'amortized' (one pass of the encoder) or 'hybrid'
        (iterative, from the encoder's posterior)
    encoder : key of `ENCODERS`, None without an encoder
    settings : settings of `TrainConfig` with defaults other than the preset's
    rounded : symbolic shapes of the additional tensors of a model trained with `weight_bits`
    convolutional : the decoder is a transposed convolution with one precision for each channel,
        see `ipvae.float_models.convolutional`; then K is the number of maps
    """

    latent: str
    inference: str
    encoder: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    rounded: Mapping[str, Shape] = field(default_factory=dict)
    convolutional: bool = False

    @property
    def tensors(self) -> dict[str, Shape]:
        """Symbolic shapes by name, in the order of the file; see `sizes` for the symbols."""
        prior: dict[str, Shape] = {name: ("K",) for name in PRIORS[self.latent]}
        updates: dict[str, Shape] = {}
        if self.inference != "amortized":
            updates = {"log_bias": ("K",), **{name: () for name in STEP_SIZES[self.latent]}}
        encoder = ENCODERS[self.encoder] if self.encoder else {}
        if self.convolutional:
            return {**_KERNELS, **prior, **updates, **_CHANNEL_NOISE}
        return {**_DECODER, **prior, **updates, **_NOISE, **encoder}

    def shapes(
        self,
        image_shape: tuple[int, int],
        latents: int,
        *,
        rounded: bool = False,
        channels: int = 1,
        kernel_size: int = 0,
    ) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor.

        Parameters
        ----------
        image_shape : (height, width), with product M
        latents : K
        rounded : include the tensors of a model trained with `weight_bits`
        channels, kernel_size : c and k of a convolutional model
        """
        height, width = image_shape
        features = height * width
        if self.encoder == "conv":
            features = 2 * CHANNELS * -(-height // 4) * -(-width // 4)
        size = {
            "M": height * width,
            "K": latents,
            "O": latents * len(PRIORS[self.latent]),  # one change per parameter of the prior
            "F": features,
            "H": HIDDEN,
            "C": CHANNELS,
            "2C": 2 * CHANNELS,
            "c": channels,
            "k": kernel_size,
        }
        return {
            name: tuple(part if isinstance(part, int) else size[part] for part in shape)
            for name, shape in (self.tensors | (dict(self.rounded) if rounded else {})).items()
        }

    @property
    def belief_name(self) -> str:
        """Name of a tensor of length K."""
        return PRIORS[self.latent][0]


_ITERATIVE_GAUSSIAN = {"kl": "exact", "beta": 8.0, "learning_rate": 0.005}
_AMORTIZED = {"kl": "exact", "steps": 1, "beta": 1.0, "learning_rate": 0.02}

_CONVOLUTION = {"kernel_size": 9, "stride": 3, "latents": 32}

MODEL_SPECS: dict[str, ModelSpec] = {
    "ipvae": ModelSpec("poisson", "iterative", rounded={"recurrent_change": ("K", "K")}),
    "igvae": ModelSpec("gaussian", "iterative", settings=_ITERATIVE_GAUSSIAN),
    "igrelu": ModelSpec("rectified", "iterative", settings=_ITERATIVE_GAUSSIAN),
    "iavae": ModelSpec("poisson", "hybrid", "linear"),
    **{
        f"{family}-{encoder}": ModelSpec(latent, "amortized", encoder, _AMORTIZED)
        for family, latent in (("pvae", "poisson"), ("gvae", "gaussian"), ("grelu", "rectified"))
        for encoder in ENCODERS
    },
    "conv-ipvae": ModelSpec("poisson", "iterative", settings=_CONVOLUTION, convolutional=True),
}

DENSE = tuple(name for name, member in MODEL_SPECS.items() if not member.convolutional)
"""Names of models with a dense dictionary `phi`."""


def input_macs(member: ModelSpec, image_shape: tuple[int, int], latents: int) -> int:
    """Return the multiply-accumulates of the encoder and of the drive for one image.

    A dense weight counts once, a convolution weight once per output position, including padding.
    Biases and nonlinearities are not counted. Iterative updates need the drive, M K.

    Parameters
    ----------
    member : see `ipvae.float_models.zoo.MODEL_SPECS`
    image_shape : (height, width), with product M
    latents : K
    """
    height, width = image_shape
    shapes = member.shapes(image_shape, latents)
    macs = 0 if member.inference == "amortized" else height * width * latents
    for name in ENCODERS[member.encoder] if member.encoder else ():
        if name.endswith("_weight"):
            by = HALVINGS.get(name)
            places = 1 if by is None else -(-height // by) * -(-width // by)
            macs += places * math.prod(shapes[name])
    return macs
