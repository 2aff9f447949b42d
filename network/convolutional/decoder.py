"""Transposed convolution that reconstructs the image from the maps of a layer."""

from dataclasses import dataclass

import numpy as np

from ipvae.errors import DescriptionError
from ipvae.network.kinds.base import require_within
from ipvae.network.layers import frozen

STRIDE_MAX, CROP_MAX = 127, 127


@dataclass(frozen=True, eq=False)
class Decoder:
    """Linear decoder with kernels that all places share; figures of merit only.

    The reconstruction is a canvas of ((H - 1) * stride + k) pixels on each axis, of which the image
    is a part: from `crop` on.

    Attributes
    ----------
    layer : str
        Id of the layer (C, H, W) whose messages are decoded.
    weight : (C, c, k, k) float32
        Real pixel values that one count at a place adds to the c image channels.
    stride : (of rows, of columns)
    crop : (int, int)
        Rows above the image, and columns left of it.
    """

    layer: str
    weight: np.ndarray
    stride: tuple[int, int]
    crop: tuple[int, int]

    def __post_init__(self) -> None:
        if self.weight.ndim != 4 or 0 in self.weight.shape:
            raise DescriptionError(
                f"decoder: found the shape {self.weight.shape}, allowed (maps, image channels, "
                "height, width)"
            )
        object.__setattr__(self, "weight", frozen(self.weight, np.float32))
        if not np.isfinite(self.weight).all():
            raise DescriptionError("decoder: holds values that are not finite numbers")
        for axis, name in enumerate(("height", "width")):
            require_within(f"decoder: stride ({name})", self.stride[axis], 1, STRIDE_MAX)
            require_within(f"decoder: crop ({name})", self.crop[axis], 0, CROP_MAX)

    def require_fits(self, maps: tuple[int, ...], image: tuple[int, ...]) -> None:
        """Raise DescriptionError unless it makes images of this shape of these maps.

        Parameters
        ----------
        maps, image : (C, H, W) and (c, h, w), shapes of the layer and of the input
        """
        if len(maps) != 3 or maps[0] != len(self.weight):
            raise DescriptionError(
                f"decoder: receives {len(self.weight)} maps, layer {self.layer} has the shape "
                f"{maps}"
            )
        if len(image) != 3 or image[0] != self.weight.shape[1]:
            raise DescriptionError(
                f"decoder: makes images of {self.weight.shape[1]} channels, the input has the "
                f"shape {image}"
            )
        for axis, name in enumerate(("height", "width")):
            canvas = (maps[axis + 1] - 1) * self.stride[axis] + self.weight.shape[axis + 2]
            if self.crop[axis] + image[axis + 1] > canvas:
                raise DescriptionError(
                    f"decoder: its canvas has {canvas} pixels in {name}, the image needs "
                    f"{image[axis + 1]} from {self.crop[axis]} on"
                )

    def images(
        self, messages: np.ndarray, maps: tuple[int, ...], image: tuple[int, ...]
    ) -> np.ndarray:
        """Return the reconstructions of messages, (n, pixels) float64 in real pixel units.

        Parameters
        ----------
        messages : (n, neurons) numbers, in the order of (map, row, column)
        maps, image : (C, H, W) and (c, h, w), shapes of the layer and of the input
        """
        values = np.asarray(messages, np.float64).reshape(-1, *maps)
        return np.stack([self._image(one, image).reshape(-1) for one in values])

    def _image(self, maps: np.ndarray, image: tuple[int, ...]) -> np.ndarray:
        """Reconstruction of the maps (C, H, W) of one image: (c, h, w)."""
        n_maps, height, width = maps.shape
        channels, rows, columns = self.weight.shape[1:]
        (down, right), (top, left) = self.stride, self.crop
        last_row, last_column = (height - 1) * down, (width - 1) * right
        canvas = np.zeros((channels, last_row + rows, last_column + columns))
        kernels = self.weight.astype(np.float64).reshape(n_maps, -1)
        patches = (maps.reshape(n_maps, -1).T @ kernels).reshape(height, width, channels, rows, -1)
        for y in range(rows):
            for x in range(columns):
                part = canvas[:, y : y + last_row + 1 : down, x : x + last_column + 1 : right]
                part += patches[:, :, :, y, x].transpose(2, 0, 1)
        return canvas[:, top : top + image[1], left : left + image[2]]
