"""Import of a network of ReLU activations from PyTorch."""

from collections.abc import Sequence
from typing import Any

from ipvae.errors import InputError
from ipvae.export.importers.nir_writer import graph_bytes
from ipvae.extras import needs
from ipvae.float_models.nir_graph.conventions import TORCH
from ipvae.workflows.boundary import public
from ipvae.workflows.graphs.imported import SpikingModel


@public
def import_torch(module: Any, input_shape: Sequence[int]) -> SpikingModel:
    """Import a trained network of ReLU activations, to become sigma-delta neurons.

    Batch normalization is folded into the weights, Dropout is without effect. The network read is
    compared with the module on random images.

    Parameters
    ----------
    module : torch.nn.Module
        A Sequential, or any module that `torch.fx` can trace, of Linear, Conv2d, BatchNorm1d,
        BatchNorm2d, AvgPool2d, AdaptiveAvgPool2d, ReLU, Flatten, Dropout, Identity and sums of
        them. It is read in evaluation mode and not changed.
    input_shape : (n,) or (C, H, W)
        Shape of one image.

    Returns
    -------
    SpikingModel
        `save(folder)` writes it; `ipvae.quantize` turns it into integers.

    Raises
    ------
    InputError
        If a part cannot be kept exactly, with its name and what works in its place.
    """
    with needs("train", "import_torch"):
        from ipvae.train.graphs.from_torch import from_torch
    sizes = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if len(sizes) not in (1, 3) or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise InputError(
            f"input_shape: found {input_shape!r}, allowed (n,) or (channels, height, width)"
        )
    model = from_torch(module, sizes)
    return SpikingModel(model, TORCH, graph_bytes(model.graph))
