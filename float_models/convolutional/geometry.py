"""Grid of feature maps over an image, and the padded canvas on which their atoms lie.

An atom is a kernel of k x k pixels at one place of the grid; neighbouring places are s pixels
apart. The border rule gives every pixel of the image all the atoms that an unlimited grid would:

    before = k - s pixels above and on the left,
    after  = k - s pixels and as many more, below and on the right, as make s divide canvas - k.

So every atom lies inside the canvas, and the place of an atom relative to the top left corner of
the image does not depend on the size of the image. Padding pixels are 0; they count in the drive
and in the Gram form. Figures of merit are over the image only.
"""

from dataclasses import dataclass, replace

import numpy as np

from ipvae.errors import DataError

MOST_KERNEL = 64
"""Largest kernel, pixels."""


@dataclass(frozen=True)
class Canvas:
    """Image, padding and grid of maps.

    Attributes
    ----------
    image : (c, h, w), channels, height and width of an image
    maps : C, number of feature maps
    kernel : k, side of a kernel, pixels
    stride : s, pixels between neighbouring places, 1 to k

    Raises
    ------
    DataError
        If a number is out of range.
    """

    image: tuple[int, int, int]
    maps: int
    kernel: int
    stride: int

    def __post_init__(self) -> None:
        limits = {
            "channels": (self.image[0], None),
            "height": (self.image[1], None),
            "width": (self.image[2], None),
            "maps": (self.maps, None),
            "kernel": (self.kernel, MOST_KERNEL),
            "stride": (self.stride, self.kernel),
        }
        for name, (value, most) in limits.items():
            if value < 1 or (most is not None and value > most):
                allowed = "1 and above" if most is None else f"1 to {most}"
                raise DataError(f"canvas: {name}: found {value}, allowed {allowed}; change it")

    @property
    def before(self) -> int:
        """Padding above and on the left, pixels: k - s."""
        return self.kernel - self.stride

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Padding at the top, left, bottom and right, pixels."""
        height, width = self.size
        rest = (height - self.before - self.image[1], width - self.before - self.image[2])
        return (self.before, self.before, *rest)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the canvas, pixels."""
        return self._extent(self.image[1]), self._extent(self.image[2])

    @property
    def grid(self) -> tuple[int, int, int]:
        """Shape of the maps: (C, H, W)."""
        height, width = ((side - self.kernel) // self.stride + 1 for side in self.size)
        return self.maps, height, width

    @property
    def neurons(self) -> int:
        """K = C H W, numbered by map, row and column."""
        maps, height, width = self.grid
        return maps * height * width

    @property
    def pixels(self) -> int:
        """M = c h w, the values of an image, numbered by channel, row and column."""
        channels, height, width = self.image
        return channels * height * width

    @property
    def input_macs(self) -> int:
        """Multiply-accumulates of the drive of one image, padding included."""
        return self.neurons * self.image[0] * self.kernel**2

    @property
    def reach(self) -> int:
        """Largest distance of two places whose atoms overlap: ceil(k / s) - 1."""
        return -(-self.kernel // self.stride) - 1

    @property
    def span(self) -> int:
        """Side of a Gram kernel: 2 ceil(k / s) - 1."""
        return 2 * self.reach + 1

    def resized(self, height: int, width: int) -> "Canvas":
        """Return the canvas of images of another size, with the same kernels."""
        return replace(self, image=(self.image[0], height, width))

    def pad(self, images: np.ndarray) -> np.ndarray:
        """Return images (..., c, h, w) on canvases of zeros, (..., c, height, width)."""
        top, left, bottom, right = self.pads
        others = [(0, 0)] * (images.ndim - 2)
        return np.pad(images, (*others, (top, bottom), (left, right)))

    def crop(self, canvases: np.ndarray) -> np.ndarray:
        """Return the images (..., h, w) of canvases (..., height, width)."""
        _, height, width = self.image
        first = self.before
        return canvases[..., first : first + height, first : first + width]

    def _extent(self, side: int) -> int:
        least = side + 2 * self.before
        return least + (self.kernel - least) % self.stride
