"""Description of the images that a model was trained on."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipvae.network.description import InputFormat


@dataclass(frozen=True)
class DataInfo:
    """Description of a checkpoint's images.

    Attributes
    ----------
    preset : name of the data set
    pixel_max : largest integer pixel
    image_shape : (height, width), with product M
    n_train : number of training images
    pixel_min : smallest integer pixel
    pixel_scale : real value of one integer step; None means 1 / pixel_max
    channels : c, 1 for grey images, 3 for colour; M = c height width, channel by channel
    """

    preset: str
    pixel_max: int
    image_shape: tuple[int, int]
    n_train: int
    pixel_min: int = 0
    pixel_scale: float | None = None
    channels: int = field(default=1, repr=False)  # text as before, for resumed trainings

    @property
    def pixels(self) -> int:
        """M, the number of values of an image."""
        return self.channels * self.image_shape[0] * self.image_shape[1]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data; `channels` only for images in colour."""
        found = asdict(self)
        if self.channels == 1:
            del found["channels"]
        return found

    @property
    def scale(self) -> float:
        """Real value of one integer step."""
        return 1.0 / self.pixel_max if self.pixel_scale is None else self.pixel_scale

    @property
    def pixel_format(self) -> "InputFormat":
        """Input format of an integer network of the model."""
        from ipvae.network.description import InputFormat

        height, width = self.image_shape
        return InputFormat(self.pixel_min, self.pixel_max, self.scale, (height, width))
