"""What a network is: frozen data, checked at birth, ignorant of files, torch and Lava.

`FloatNetwork` holds real numbers in the trained model's units; `IntNetwork` holds
what runs. They are two types, never one object that changes dtype.
"""

from dataclasses import dataclass, field

import numpy as np

from ipvae.network.arithmetic import CHANGE_MAX, SELF_MAX, TERM_MAX
from ipvae.network.errors import DescriptionError
from ipvae.network.poisson import LOG_RATE_MAX, LOG_RATE_MIN, largest_draw

LAYER = "1"
"""Name of the Poisson layer in files, traces and messages: its number in the file."""

WEIGHT_EXP_RANGE = (-8, 14)
DRIVE_EXP_RANGE = (-24, 14)
PAYLOAD_BITS_RANGE = (1, 23)
PIXEL_LIMIT = 2**15
MAX_NEURONS = 2**16
MAX_PIXELS = 2**19 - 1
"""A sum of this many products of 16 and 16 bits, shifted by at most 14, fits 64 bits."""


def frozen(array: np.ndarray, dtype: type) -> np.ndarray:
    """Read-only, contiguous array in the given dtype; a copy unless it is all that already."""
    array = np.asarray(array)
    same = array.dtype == dtype and array.dtype.isnative and array.flags.c_contiguous
    if same and array.flags.owndata and not array.flags.writeable:
        return array
    copy = np.array(array, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True)
class InputFormat:
    """Integer pixels.

    Attributes
    ----------
    minimum, maximum : int
        Declared range; a pixel outside it is an error.
    scale : float
        Real value of one integer step; used for figures of merit only.
    shape : (height, width)
        How a flat image is laid out, row by row.
    """

    minimum: int
    maximum: int
    scale: float
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        if not -PIXEL_LIMIT <= self.minimum < self.maximum < PIXEL_LIMIT:
            raise DescriptionError(
                f"input: pixel range {self.minimum}..{self.maximum} is not increasing within "
                f"{-PIXEL_LIMIT}..{PIXEL_LIMIT - 1}"
            )
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise DescriptionError(f"input: scale {self.scale} is not a positive number")
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise DescriptionError(f"input: shape {self.shape} is not (height, width)")

    @property
    def size(self) -> int:
        """Pixels of one image (M)."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True, eq=False)
class PoissonLayer:
    """Recurrent layer of Poisson neurons; every number as it runs.

    Attributes
    ----------
    weight : (K, M) int16
        Feed-forward weights W_ff, used by the host only; octaves per pixel step =
        weight * 2**drive_exp / 4096.
    weight_rec : (K, K) int8
        Recurrent weights G, subtracted; octaves per count = weight_rec * 2**weight_exp / 4096.
    bias : (K,) int32, Q11.12 octaves
    self_weight : (K,) int32, Q11.12 octaves
        Self-inhibition per own count, kept in the neuron.
    u_init : (K,) int32, Q11.12 octaves
        Log-rate at reset.
    drive_exp, weight_exp : int
    u_min, u_max : int, Q11.12 octaves
        Limits of the log-rate.
    du_min, du_max : int, Q11.12 octaves
        Limits of one update.
    payload_bits : int
        Width of a spike count; counts saturate at 2**payload_bits - 1.
    """

    weight: np.ndarray
    weight_rec: np.ndarray
    bias: np.ndarray
    self_weight: np.ndarray
    u_init: np.ndarray
    drive_exp: int
    weight_exp: int
    u_min: int
    u_max: int
    du_min: int
    du_max: int
    payload_bits: int

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            array = np.asarray(getattr(self, name))
            if not np.can_cast(array.dtype, dtype, casting="safe"):
                raise DescriptionError(
                    f"layer {LAYER}: {name} has dtype {array.dtype}, allowed {np.dtype(dtype)}"
                )
            object.__setattr__(self, name, frozen(array, dtype))
        self._check_shapes()
        self._check_ranges()

    def _check_shapes(self) -> None:
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise DescriptionError(
                f"layer {LAYER}: weight has shape {self.weight.shape}, allowed (neurons, pixels)"
            )
        k = self.n_neurons
        if k > MAX_NEURONS:
            raise DescriptionError(f"layer {LAYER}: {k} neurons, allowed at most {MAX_NEURONS}")
        if self.n_pixels > MAX_PIXELS:
            raise DescriptionError(
                f"layer {LAYER}: {self.n_pixels} pixels, allowed at most {MAX_PIXELS}"
            )
        expected = {"weight_rec": (k, k), "bias": (k,), "self_weight": (k,), "u_init": (k,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise DescriptionError(
                    f"layer {LAYER}: {name} has shape {getattr(self, name).shape}, "
                    f"weight asks for {shape}"
                )

    def _check_ranges(self) -> None:
        ranges = {
            "bias": (-TERM_MAX, TERM_MAX),
            "self_weight": (0, SELF_MAX),
            "u_min": (LOG_RATE_MIN, 0),
            "u_max": (0, LOG_RATE_MAX),
            "du_min": (-CHANGE_MAX, 0),
            "du_max": (0, CHANGE_MAX),
            "u_init": (self.u_min, self.u_max),
            "drive_exp": DRIVE_EXP_RANGE,
            "weight_exp": WEIGHT_EXP_RANGE,
            "payload_bits": PAYLOAD_BITS_RANGE,
        }
        for name, (low, high) in ranges.items():
            values = np.asarray(getattr(self, name))
            if values.min() < low or values.max() > high:
                found = int(values.min() if values.min() < low else values.max())
                raise DescriptionError(f"layer {LAYER}: {name} = {found} is outside {low}..{high}")

    @property
    def n_neurons(self) -> int:
        """Number of neurons (K)."""
        return self.weight.shape[0]

    @property
    def n_pixels(self) -> int:
        """Number of inputs (M)."""
        return self.weight.shape[1]

    @property
    def count_max(self) -> int:
        """Largest spike count that a message carries."""
        return (1 << self.payload_bits) - 1

    @property
    def count_reach(self) -> int:
        """Largest spike count that can occur: what a message carries and the sampler draws."""
        return min(self.count_max, largest_draw())


_ARRAYS = {
    "weight": np.int16,
    "weight_rec": np.int8,
    "bias": np.int32,
    "self_weight": np.int32,
    "u_init": np.int32,
}


@dataclass(frozen=True, eq=False)
class IntNetwork:
    """The integer network, all of it: what runs, and what judges the result.

    Attributes
    ----------
    input : InputFormat
    layer : PoissonLayer
    decoder : (M, K) float32
        Dictionary Phi in real pixel units per count; figures of merit only.
    test_images : (n, M) int16
        A few images of the test set, within the input's range.
    test_labels : (n,) int16
        Their classes; -1 where there are none.
    provenance : dict
        How it was made: JSON data, not used when running.
    """

    input: InputFormat
    layer: PoissonLayer
    decoder: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    provenance: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", frozen(self.decoder, np.float32))
        object.__setattr__(self, "test_images", frozen(self.test_images, np.int16))
        object.__setattr__(self, "test_labels", frozen(self.test_labels, np.int16))
        m, k = self.layer.n_pixels, self.layer.n_neurons
        if self.input.size != m:
            raise DescriptionError(
                f"input: shape {self.input.shape} has {self.input.size} pixels, "
                f"layer {LAYER}: weight asks for {m}"
            )
        if self.decoder.shape != (m, k):
            raise DescriptionError(
                f"decoder: shape {self.decoder.shape}, the layer asks for {(m, k)}"
            )
        if not np.isfinite(self.decoder).all():
            raise DescriptionError("decoder: holds values that are not finite numbers")
        if self.test_images.ndim != 2 or self.test_images.shape[1] != m:
            raise DescriptionError(f"test images: shape {self.test_images.shape}, allowed (n, {m})")
        if self.test_labels.shape != self.test_images.shape[:1]:
            raise DescriptionError(
                f"test labels: shape {self.test_labels.shape}, "
                f"allowed ({self.test_images.shape[0]},)"
            )
        check_pixels(self.test_images, self.input, "test images")
        if not isinstance(self.provenance, dict):
            raise DescriptionError("provenance: is not a JSON object")


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A trained linear-decoder iP-VAE in real numbers (arXiv 2410.19315).

    Attributes
    ----------
    phi : (M, K) float64
        Dictionary, pixel value per count.
    sigma : (M,) float64
        Standard deviation of each pixel.
    step_size : float
        `a` of the update.
    bias : (K,) float64, nats
        Constant inhibition exp(c), before the step size.
    u0 : (K,) float64, nats
        Log-rate at reset.
    """

    phi: np.ndarray
    sigma: np.ndarray
    step_size: float
    bias: np.ndarray
    u0: np.ndarray

    def __post_init__(self) -> None:
        for name in ("phi", "sigma", "bias", "u0"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))
            if not np.isfinite(getattr(self, name)).all():
                raise DescriptionError(f"{name}: holds values that are not finite numbers")
        if self.phi.ndim != 2 or 0 in self.phi.shape:
            raise DescriptionError(f"phi: shape {self.phi.shape}, allowed (pixels, neurons)")
        m, k = self.phi.shape
        for name, shape in {"sigma": (m,), "bias": (k,), "u0": (k,)}.items():
            if getattr(self, name).shape != shape:
                raise DescriptionError(
                    f"{name}: shape {getattr(self, name).shape}, phi asks for {shape}"
                )
        if (self.sigma <= 0).any():
            raise DescriptionError("sigma: holds values that are not positive")
        if not (np.isfinite(self.step_size) and self.step_size > 0):
            raise DescriptionError(f"step_size: found {self.step_size}, allowed positive numbers")

    def feedforward(self) -> np.ndarray:
        """W_ff = a Phi^T D in nats per pixel unit: (K, M) float64, D = diag(1 / sigma^2)."""
        return self.step_size * (self.phi / self.sigma[:, None] ** 2).T

    def gram(self) -> np.ndarray:
        """G = a Phi^T D Phi in nats per count: (K, K) float64, symmetric."""
        return self.feedforward() @ self.phi


def check_pixels(images: np.ndarray, fmt: InputFormat, where: str) -> None:
    """Raise DescriptionError unless all pixels are in the declared range."""
    if images.size and (images.min() < fmt.minimum or images.max() > fmt.maximum):
        raise DescriptionError(
            f"{where}: pixels reach {int(images.min())}..{int(images.max())}, "
            f"the network declares {fmt.minimum}..{fmt.maximum}"
        )
