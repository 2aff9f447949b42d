"""Description of a network: frozen data, validated at construction, independent of torch and Lava.

`FloatNetwork` contains real numbers in the trained model's units; `IntNetwork` contains the
integers that run. They are separate types; no object changes its dtype.
"""

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.layers import MAX_NEURONS, GradedLayer, PoissonLayer, frozen
from ipvae.network.schedule import AnyLayer, Schedule, schedule_of
from ipvae.outputs import network_output, require_outputs

DRAWN = 1
"""Layer word of the random keys for the code, whatever its number: no other layer draws."""

PIXEL_LIMIT = 2**15


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
        Layout of a flat image, row by row.
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


@dataclass(frozen=True, eq=False, repr=False)
class IntNetwork:
    """Complete integer network: the layers that run, and the data that judge the result.

    Attributes
    ----------
    input : InputFormat
    layer : PoissonLayer or GradedLayer
        The code: the layer whose counts are the representation of the image.
    decoder : (M, K) float32
        Dictionary Phi in real pixel units per unit of the code's output; figures of merit only.
    test_images : (n, M) int16
        A few images of the test set, within the input's range.
    test_labels : (n,) int16
        Their classes; -1 where there are none.
    provenance : dict
        Record of how the network was made: JSON data, not used when running.
    hidden : tuple of GradedLayer
        Layers 1..n between image and code, which is layer n + 1.
    readouts : tuple of GradedLayer
        Layers n + 2.., which receive the code. One with M neurons reconstructs the image; any
        other classifies it, by the largest output.
    """

    input: InputFormat
    layer: Any  # AnyLayer; its attributes depend on which
    decoder: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    provenance: dict = field(default_factory=dict)
    hidden: tuple[GradedLayer, ...] = ()
    readouts: tuple[GradedLayer, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", frozen(self.decoder, np.float32))
        object.__setattr__(self, "test_images", frozen(self.test_images, np.int16))
        object.__setattr__(self, "test_labels", frozen(self.test_labels, np.int16))
        m, k = self.n_pixels, self.n_neurons
        for stage in self.schedule.stages:
            if stage.layer.n_neurons > MAX_NEURONS:
                raise DescriptionError(
                    f"layer {stage.name}: has {stage.layer.n_neurons} neurons, allowed are up to "
                    f"{MAX_NEURONS}"
                )
            weight = stage.layer.weight
            if weight is not None and weight.shape[-1] != m:
                raise DescriptionError(
                    f"input: shape {self.input.shape} has {m} pixels, layer {stage.name}: weight "
                    f"asks for {weight.shape[-1]}"
                )
        start = getattr(self.layer, "start", None)
        if start is not None and start.weight.shape[1] != m:
            raise DescriptionError(
                f"input: shape {self.input.shape} has {m} pixels, start: weight asks for "
                f"{start.weight.shape[1]}"
            )
        if not any(stage.layer.weight is not None for stage in self.schedule.stages):
            raise DescriptionError("layers: none has weights from the image")
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
        check_provenance(self.provenance)

    @property
    def n_pixels(self) -> int:
        """Pixels of one image (M)."""
        return self.input.size

    @property
    def n_neurons(self) -> int:
        """Neurons of the code (K)."""
        return self.layer.n_neurons

    @property
    def code(self) -> str:
        """Number of the code in file, traces and messages."""
        return str(len(self.hidden) + 1)

    @cached_property
    def schedule(self) -> Schedule:
        """Execution schedule of all layers."""
        return schedule_of(self.hidden, self.layer, self.readouts)

    @property
    def layers(self) -> dict[str, AnyLayer]:
        """All layers by number, in rising order."""
        every = (*self.hidden, self.layer, *self.readouts)
        return {str(i): layer for i, layer in enumerate(every, start=1)}

    @property
    def draws(self) -> bool:
        """True if the code is drawn from Poisson's distribution."""
        return isinstance(self.layer, PoissonLayer)

    def with_provenance(self, **added: Any) -> "IntNetwork":
        """Return the same network with entries added to its provenance.

        Results computed for this network (its schedule, bounds, ...) are not computed again.

        Raises
        ------
        DescriptionError
            As at construction.
        """
        provenance = {**self.provenance, **added}
        check_provenance(provenance)
        made = object.__new__(type(self))
        vars(made).update(vars(self), provenance=provenance)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone, without results computed from them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the network file (docs/spec/file.md), completely or not at all.

        Raises
        ------
        InputError
            If it cannot be written, a network file exists and `overwrite` is False, or the path is
            anything else.
        """
        from ipvae.network.io.network_file import write_network

        require_outputs([network_output(path, overwrite=overwrite)])
        write_network(path, self)  # pyright: ignore[reportArgumentType]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {layer.n_neurons}" for name, layer in self.layers.items())
        return f"IntNetwork({self.n_pixels} pixels, neurons by layer {{{sizes}}})"


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
    recurrent : (K, K) float64, optional, nats per count
        Weights that replace a Phi^T D Phi, for a model trained for few bits.
    """

    phi: np.ndarray
    sigma: np.ndarray
    step_size: float
    bias: np.ndarray
    u0: np.ndarray
    recurrent: np.ndarray | None = None

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
        if self.recurrent is not None:
            object.__setattr__(self, "recurrent", frozen(self.recurrent, np.float64))
            if self.recurrent.shape != (k, k) or not np.isfinite(self.recurrent).all():
                raise DescriptionError(
                    f"recurrent: shape {self.recurrent.shape}, allowed finite numbers of {(k, k)}"
                )
        if (self.sigma <= 0).any():
            raise DescriptionError("sigma: holds values that are not positive")
        if not (np.isfinite(self.step_size) and self.step_size > 0):
            raise DescriptionError(f"step_size: found {self.step_size}, allowed positive numbers")

    def feedforward(self) -> np.ndarray:
        """W_ff = a Phi^T D in nats per pixel unit: (K, M) float64, D = diag(1 / sigma^2)."""
        return self.step_size * (self.phi / self.sigma[:, None] ** 2).T

    def gram(self) -> np.ndarray:
        """G = a Phi^T D Phi in nats per count: (K, K) float64, symmetric; or `recurrent`."""
        return self.feedforward() @ self.phi if self.recurrent is None else self.recurrent


def check_provenance(provenance: object) -> None:
    """Raise DescriptionError unless it is a JSON object."""
    if not isinstance(provenance, dict):
        raise DescriptionError("provenance: is not a JSON object")


def check_pixels(images: np.ndarray, fmt: InputFormat, where: str) -> None:
    """Raise DescriptionError unless all pixels are in the declared range."""
    if images.size and (images.min() < fmt.minimum or images.max() > fmt.maximum):
        raise DescriptionError(
            f"{where}: pixels reach {int(images.min())}..{int(images.max())}, "
            f"the network declares {fmt.minimum}..{fmt.maximum}"
        )
