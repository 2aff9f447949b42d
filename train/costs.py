"""Products that a float model takes before its first update, and for its encoder."""

import math

from ipvae.train.zoo import ENCODERS, Member

HALVINGS = {"conv1_weight": 2, "conv2_weight": 4}
"""By how much the layers of a convolutional encoder divide height and width."""


def input_macs(member: Member, image_shape: tuple[int, int], latents: int) -> int:
    """Return multiply-accumulates, for one image, of the encoder and of the drive.

    The encoder takes each weight once, or once for every place of a convolution's output, padding
    included; biases and nonlinearities are not counted. Iterated updates need the drive, M K.

    Parameters
    ----------
    member : see `ipvae.train.zoo.MEMBERS`
    image_shape : (height, width), their product is M
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
