"""The images of a comparison, as each of its subjects receives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.workflows.comparison.any_network import (
    AnyNetwork,
    NetworkInputs,
    network_inputs,
    require_one_size,
)
from ipvae.workflows.comparison.choosing import Subject, one_set
from ipvae.workflows.comparison.costed import CostedMaps, CostedModel
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.kinds.frames import require_unset
from ipvae.workflows.running.number import AtMost

STORED_IMAGES = 64
"""Default number of test images for a comparison."""


@dataclass(frozen=True, eq=False)
class CommonImages:
    """One set of images.

    Attributes
    ----------
    pixels : LabelledImages or None
        For models, baselines and networks with a decoder; None without such.
    inputs : dict of name -> NetworkInputs
        For networks of any kind.
    draws : bool
        True if some of these networks draw.
    """

    pixels: LabelledImages | None
    inputs: dict[str, NetworkInputs] = field(default_factory=dict)
    draws: bool = False

    @property
    def of_pixels(self) -> LabelledImages:
        """Pixels; there must be some."""
        assert self.pixels is not None
        return self.pixels

    def __len__(self) -> int:
        if self.pixels is not None:
            return len(self.pixels.pixels)
        return len(next(iter(self.inputs.values())).frames)


def common_images(
    chosen: Mapping[str, Subject],
    images: ImagesLike,
    labels: np.ndarray | None,
    *,
    samples: int | None,
    data_dir: str | Path | None,
    steps: int,
    integers: str,
) -> CommonImages:
    """Return the given images, or the common images of all subjects.

    Raises
    ------
    InputError
        If the subjects have no set of images in common.
    """
    ours = {n: of.costed for n, of in chosen.items() if isinstance(of.costed, CostedModel)}
    networks = {n: o.costed.network for n, o in chosen.items() if isinstance(o.costed, AnyNetwork)}
    if images is not None:
        for costed in ours.values():
            if isinstance(costed, CostedMaps):
                costed.fit_to(images)
    first = AtMost(STORED_IMAGES) if samples is None and images is None else samples
    if not networks:
        if integers != "input":
            raise InputError(
                f"integers: found {integers}, allowed with networks of any kind; omit it"
            )
        return CommonImages(one_set(ours, first, data_dir, images, labels))
    if ours:
        if images is None:
            name = next(iter(networks))
            raise InputError(f"images: needed to compare {name} with others; give images=")
        sizes = {name: costed.size for name, costed in ours.items()}
        require_one_size({**sizes, **{n: network.input.size for n, network in networks.items()}})
    else:
        require_unset({"data_dir": data_dir}, next(iter(networks)))
    most = AtMost(first) if samples is None and first is not None else first
    inputs = network_inputs(networks, images, labels, steps, most, integers)
    pixels = one_set(ours, first, data_dir, images, labels) if ours else None
    return CommonImages(pixels, inputs, any(network.draws for network in networks.values()))
