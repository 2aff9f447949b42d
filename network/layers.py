"""Layers of a network: integer parameters as they run, validated at construction.

A layer has at most two inputs: the image, as a drive that the host computes, and the output of
one layer (possibly itself), through synapses. Its neurons are Poisson neurons, which draw a
count, or graded neurons, which compute an integer.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.rules.activations import CEILING_BITS, LINEAR, NAMES
from ipvae.network.rules.arithmetic import CHANGE_MAX, FRAC_BITS, SELF_MAX, STATE_MAX, TERM_MAX
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, largest_draw

WEIGHT_EXP_RANGE = (-8, 14)
DRIVE_EXP_RANGE = (-24, 14)
PAYLOAD_BITS_RANGE = (1, 23)
FRAC_BITS_RANGE = (FRAC_BITS, 16)
LEAK_RANGE = (0, 15)
SHIFT_RANGE = (0, 20)
MAX_LAYERS = 16
MAX_NEURONS = 2**16
MOST_ALONE = 2**24
"""Neurons of a layer without dense weights, which is a part of a `Network`."""
MAX_PIXELS = 2**19 - 1
"""A sum of this many products of 16 and 16 bits, shifted left by at most 14, fits 64 bits."""

ADDED, SUBTRACTED = 1, -1
"""Sign of a layer's synaptic input."""

NOTHING = 0
"""Source of a layer without synapses."""


def frozen(array: np.ndarray, dtype: type) -> np.ndarray:
    """Read-only, contiguous array of the given dtype; a copy unless the input is one already."""
    array = np.asarray(array)
    same = array.dtype == dtype and array.dtype.isnative and array.flags.c_contiguous
    if same and array.flags.owndata and not array.flags.writeable:
        return array
    copy = np.array(array, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy


def require_ranges(title: str, of: object, ranges: dict[str, tuple[int, int]]) -> None:
    """Raise DescriptionError unless the named attributes are within their ranges."""
    for name, (low, high) in ranges.items():
        values = np.asarray(getattr(of, name))
        if values.min() < low or values.max() > high:
            found = int(values.min() if values.min() < low else values.max())
            raise DescriptionError(f"{title}: {name} = {found} is outside {low}..{high}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(ABC):
    """Attributes common to all layers.

    Attributes
    ----------
    weight : (K, M) or (K,) int16, None where the layer does not receive the image
        Drive weights, used by the host only. With (K,) neuron k receives pixel k alone. The effect
        of one pixel step, in the neuron's unit, is weight * 2**drive_exp.
    weight_rec : (K, J) int8, None for a layer without synaptic input
        Synapses from the J neurons of `source`. The effect of one count, in the neuron's unit, is
        weight_rec * 2**weight_exp.
    bias : (K,) int32
        Constant part of the drive.
    drive_exp, weight_exp : int
    source : int
        Number of the presynaptic layer, 0 for none.
    sign : 1 or -1
        Sign of the synaptic input: added or subtracted.
    """

    bias: np.ndarray
    weight: np.ndarray | None = None
    weight_rec: np.ndarray | None = None
    drive_exp: int = 0
    weight_exp: int = 0
    source: int = 1
    sign: int = SUBTRACTED

    def __post_init__(self) -> None:
        self._check_shapes()
        for name, dtype in self._arrays().items():
            if (value := getattr(self, name)) is None:
                continue
            array = np.asarray(value)
            if not np.can_cast(array.dtype, dtype, casting="safe"):
                raise DescriptionError(
                    f"{self.title}: {name} has dtype {array.dtype}, allowed {np.dtype(dtype)}"
                )
            object.__setattr__(self, name, frozen(array, dtype))
        require_ranges(self.title, self, self._ranges())
        if self.sign not in (ADDED, SUBTRACTED):
            raise DescriptionError(f"{self.title}: sign = {self.sign}, allowed are 1 and -1")
        if (self.weight_rec is None) != (self.source == NOTHING):
            raise DescriptionError(
                f"{self.title}: source = {self.source} "
                f"{'without' if self.weight_rec is None else 'with'} weight_rec; a layer has "
                "both or neither"
            )
        if self.weight is None and self.weight_rec is None:
            raise DescriptionError(f"{self.title}: receives neither the image nor a layer")

    @property
    def title(self) -> str:
        """Name of the layer in messages."""
        return "layer"

    def _arrays(self) -> dict[str, type]:
        return {"weight": np.int16, "weight_rec": np.int8, "bias": np.int32}

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return {
            "bias": (-TERM_MAX, TERM_MAX),
            "drive_exp": DRIVE_EXP_RANGE,
            "weight_exp": WEIGHT_EXP_RANGE,
            "source": (0, MAX_LAYERS),
        }

    def _check_shapes(self) -> None:
        alone = self.weight_rec is None and np.ndim(self.weight) == 1
        most = MOST_ALONE if alone else MAX_NEURONS
        if np.ndim(self.bias) != 1 or not 1 <= len(self.bias) <= most:
            raise DescriptionError(
                f"{self.title}: bias has shape {np.shape(self.bias)}, allowed (neurons,) with 1 to "
                f"{most} of them"
            )
        k = self.n_neurons
        if self.weight is not None:
            shape = np.shape(self.weight)
            if shape != (k,) and (len(shape) != 2 or shape[0] != k or not shape[1]):
                raise DescriptionError(
                    f"{self.title}: weight has shape {shape}, allowed ({k}, pixels) or ({k},)"
                )
            if len(shape) == 2 and shape[1] > MAX_PIXELS:
                raise DescriptionError(
                    f"{self.title}: {shape[-1]} pixels, allowed at most {MAX_PIXELS}"
                )
        if self.weight_rec is not None:
            shape = np.shape(self.weight_rec)
            if len(shape) != 2 or shape[0] != k or not shape[1]:
                raise DescriptionError(
                    f"{self.title}: weight_rec has shape {shape}, allowed ({k}, sending neurons)"
                )

    @property
    def n_neurons(self) -> int:
        """Number of neurons (K)."""
        return len(self.bias)

    @property
    @abstractmethod
    def sent(self) -> tuple[int, int]:
        """Smallest and largest integer that a message of the layer can carry."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AffineStart:
    """Log-rates at reset that are affine in the image, computed by the host with the drive.

    Attributes
    ----------
    weight : (K, M) int16
        The effect of one pixel step, in the layer's unit, is weight * 2**exponent.
    bias : (K,) int32
        Constant part.
    exponent : int
    threshold, margin : int
        Log-rates below `threshold` are lowered by `margin`, which keeps quiet neurons quiet.
    """

    weight: np.ndarray
    bias: np.ndarray
    exponent: int
    threshold: int = 0
    margin: int = 0

    def __post_init__(self) -> None:
        for name, dtype, axes in (("weight", np.int16, 2), ("bias", np.int32, 1)):
            array = np.asarray(getattr(self, name))
            if array.ndim != axes or not array.size:
                raise DescriptionError(
                    f"start: {name} has shape {array.shape}, allowed "
                    f"{'(neurons, pixels)' if axes == 2 else '(neurons,)'}"
                )
            if not np.can_cast(array.dtype, dtype, casting="safe"):
                raise DescriptionError(
                    f"start: {name} has dtype {array.dtype}, allowed {np.dtype(dtype)}"
                )
            object.__setattr__(self, name, frozen(array, dtype))
        if len(self.weight) != len(self.bias) or self.weight.shape[1] > MAX_PIXELS:
            raise DescriptionError(
                f"start: weight has shape {self.weight.shape}, bias asks for {len(self.bias)} "
                f"neurons, and allowed are at most {MAX_PIXELS} pixels"
            )
        ranges = {
            "bias": (-TERM_MAX, TERM_MAX),
            "exponent": DRIVE_EXP_RANGE,
            "threshold": (-CHANGE_MAX, CHANGE_MAX),
            "margin": (0, CHANGE_MAX),
        }
        require_ranges("start", self, ranges)


@dataclass(frozen=True, eq=False, kw_only=True)
class PoissonLayer(Layer):
    """Layer of Poisson neurons; its unit is 2**-frac_bits octaves.

    Attributes
    ----------
    self_weight : (K,) int32
        Self-inhibition per own count, computed in the neuron.
    u_init : (K,) int32
        Log-rate at reset; with `memory` off, the base to which each step's input is added. With a
        `start` it is not used when running.
    u_min, u_max : int
        Limits of the log-rate.
    du_min, du_max : int
        Limits of one update.
    payload_bits : int
        Width of a spike count; counts saturate at 2**payload_bits - 1.
    frac_bits : int
        Fraction bits of the log-rate; the sampler uses the first 12.
    memory : bool
        True if an update starts from the last log-rate (an iterative model), False from `u_init`.
    ceiling : bool
        True if log-rates near `u_max` are compressed
        (`ipvae.network.rules.activations.soft_ceiling`).
    start : AffineStart, optional
        Log-rates at reset that depend on the image; requires `memory`.
    """

    self_weight: np.ndarray
    u_init: np.ndarray
    u_min: int
    u_max: int
    du_min: int
    du_max: int
    payload_bits: int
    frac_bits: int = FRAC_BITS
    memory: bool = True
    ceiling: bool = False
    start: AffineStart | None = None

    def _check_shapes(self) -> None:
        super()._check_shapes()
        for name in ("self_weight", "u_init"):
            if (found := np.shape(getattr(self, name))) != (self.n_neurons,):
                raise DescriptionError(
                    f"{self.title}: {name} has shape {found}, bias asks for {(self.n_neurons,)}"
                )
        if self.ceiling and self.frac_bits != CEILING_BITS:
            raise DescriptionError(
                f"{self.title}: ceiling with frac_bits = {self.frac_bits}, allowed {CEILING_BITS}"
            )
        if self.ceiling and self.memory:
            raise DescriptionError(f"{self.title}: ceiling with memory, allowed is one of them")
        if not self.memory and np.any(self.self_weight):
            raise DescriptionError(f"{self.title}: self_weight without memory, allowed are zeros")
        if self.start is not None and not self.memory:
            raise DescriptionError(f"{self.title}: start without memory, allowed is none")
        if self.start is not None and len(self.start.bias) != self.n_neurons:
            raise DescriptionError(
                f"{self.title}: start has {len(self.start.bias)} neurons, bias asks for "
                f"{self.n_neurons}"
            )

    def _arrays(self) -> dict[str, type]:
        return super()._arrays() | {"self_weight": np.int32, "u_init": np.int32}

    def _ranges(self) -> dict[str, tuple[int, int]]:
        low, high = FRAC_BITS_RANGE
        scale = 1 << (min(max(self.frac_bits, low), high) - FRAC_BITS)
        return super()._ranges() | {
            "frac_bits": FRAC_BITS_RANGE,
            "self_weight": (0, SELF_MAX),
            "u_min": (LOG_RATE_MIN * scale, 0),
            "u_max": (0, LOG_RATE_MAX * scale),
            "du_min": (-CHANGE_MAX, 0),
            "du_max": (0, CHANGE_MAX),
            "u_init": (self.u_min, self.u_max),
            "payload_bits": PAYLOAD_BITS_RANGE,
        }

    @property
    def title(self) -> str:
        """Name of the layer in messages."""
        return "Poisson layer"

    @property
    def finer_bits(self) -> int:
        """Fraction bits of the log-rate beyond the 12 that the sampler uses."""
        return self.frac_bits - FRAC_BITS

    @property
    def count_max(self) -> int:
        """Largest spike count that a message can contain."""
        return (1 << self.payload_bits) - 1

    @property
    def count_reach(self) -> int:
        """Largest spike count that can occur, limited by message width and sampler."""
        return min(self.count_max, largest_draw())

    @property
    def sent(self) -> tuple[int, int]:
        """0 and the largest count."""
        return 0, self.count_reach


@dataclass(frozen=True, eq=False, kw_only=True)
class GradedLayer(Layer):
    """Layer of neurons with a deterministic output: errors, activations, sparse codes, read-outs.

    Attributes
    ----------
    z_min, z_max : int
        Limits of the output.
    leak : int
        An update moves the potential 2**-leak of the way to the input; 0: it is set to the input.
    threshold : int
        Soft threshold: potentials are moved towards 0 by it.
    shift : int
        The unit of the output is 2**shift potential units.
    activation : 'linear' or 'swish'
        `ipvae.network.rules.activations.swish` requires a unit of 2**-12.
    unit : float
        Real value of one step of the output; figures of merit only.
    """

    z_min: int
    z_max: int
    leak: int = 0
    threshold: int = 0
    shift: int = 0
    activation: str = LINEAR
    unit: float = 1.0

    def _check_shapes(self) -> None:
        super()._check_shapes()
        if self.activation not in NAMES:
            raise DescriptionError(
                f"{self.title}: activation '{self.activation}', allowed {', '.join(NAMES)}"
            )
        if not (np.isfinite(self.unit) and self.unit > 0):
            raise DescriptionError(f"{self.title}: unit {self.unit} is not a positive number")

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return super()._ranges() | {
            "z_min": (-STATE_MAX, 0),
            "z_max": (0, STATE_MAX),
            "leak": LEAK_RANGE,
            "threshold": (0, TERM_MAX),
            "shift": SHIFT_RANGE,
        }

    @property
    def title(self) -> str:
        """Name of the layer in messages."""
        return "graded layer"

    @property
    def memory(self) -> bool:
        """True if the potential is kept from step to step."""
        return self.leak > 0

    @property
    def sent(self) -> tuple[int, int]:
        """Limits of the output."""
        return self.z_min, self.z_max
