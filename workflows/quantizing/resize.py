"""Networks of maps for images of another size."""

from pathlib import Path

from ipvae.errors import DescriptionError, InputError
from ipvae.network.convolutional.resized import resized
from ipvae.network.network import Network
from ipvae.workflows.boundary import network_of, public
from ipvae.workflows.image_input.image_shape import ShapeLike, read_shape


@public
def resize(network: Network | str | Path, size: ShapeLike) -> Network:
    """Return a convolutional network for images of another size, without training.

    Weights, biases and parameters of neurons stay as they are. Neurons are numbered
    (map, row, column), so that a neuron has another number and draws other counts than before.

    Parameters
    ----------
    network : Network, or path of its file
        Of layers of maps, as `ipvae.quantize` makes of a convolutional model.
    size : (height, width) or 'HEIGHTxWIDTH'
        Pixels of an image.

    Returns
    -------
    Network
        Without test images, unless the size is the same.

    Raises
    ------
    InputError
        If the size cannot be used, or the network has numbers that belong to one size.
    FormatError
        If a file cannot be read.
    """
    found, wanted = network_of(network), read_shape(size, "size")
    if wanted is None:
        raise InputError("size: found None, allowed HEIGHTxWIDTH")
    if not isinstance(found, Network):
        raise InputError(
            "network: found one of dense weights, which belong to one size of image; only networks "
            "of convolutions can be resized"
        )
    try:
        return resized(found, *wanted)
    except DescriptionError as error:
        raise InputError(f"size: found {wanted[0]}x{wanted[1]}: {error}") from error
