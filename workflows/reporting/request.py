"""Request for a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.pixels import to_real
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.running.backends import require_known

REFERENCE = "emulator"


@dataclass(frozen=True, eq=False)
class ReportRequest:
    """A network, its images and the settings of their run.

    Attributes
    ----------
    name : str
        Path of the network, or a name in place of one.
    network : IntNetwork
    images : LabelledImages
    source : str
        Source of the images, as text.
    steps : int
        Updates of each image (T).
    seeds : tuple of int
        Seeds of all random draws; the report covers the first.
    scheduler : str or None
        Dask cluster, as for `ipvae.workflows.cluster.totals`.
    verify : tuple of str
        Backends to compare with the emulator.
    sanafe : bool
        Whether to simulate the first images in SANA-FE.
    """

    name: str
    network: IntNetwork
    images: LabelledImages
    source: str
    steps: int
    seeds: tuple[int, ...]
    scheduler: str | None
    verify: tuple[str, ...]
    sanafe: bool

    @property
    def seed(self) -> int:
        """Seed of the run that the report covers."""
        return self.seeds[0]

    @property
    def samples(self) -> int:
        """Number of images."""
        return len(self.images.pixels)

    @cached_property
    def real(self) -> np.ndarray:
        """Real pixel values of the images: (N, M) float64."""
        return to_real(self.images.pixels, self.network.input)


def source_text(path: str | Path | None, images: ImagesLike, data_dir: str | Path | None) -> str:
    """Source of the images of a report, as text."""
    if isinstance(images, (str, Path)):
        return f"the images in {images}"
    if images is not None:
        return "images given as an array"
    if data_dir is not None:
        return f"test set in {data_dir}"
    return f"the test images in the network{'' if path is None else ' file'}"


def other_backends(verify: str | Sequence[str]) -> tuple[str, ...]:
    """Return the backends to compare with the emulator, without repetition; empty if none.

    Raises
    ------
    InputError
        If a name is unknown, or no backend other than the emulator is named.
    """
    given = verify.split(",") if isinstance(verify, str) else verify
    names = [name.strip() for name in given]
    for name in names:
        require_known(name)
    others = tuple(name for name in dict.fromkeys(names) if name != REFERENCE)
    if names and not others:
        raise InputError(
            f"verify: found '{','.join(names)}', allowed backends to compare the emulator with, "
            "such as lava"
        )
    return others


def chosen_seeds(seed: int, seeds: Sequence[int] | None) -> tuple[int, ...]:
    """Return the seeds of a report: several different ones, or one.

    Raises
    ------
    InputError
        If there is no seed, or one is repeated.
    """
    if seeds is None:
        return (seed,)
    found = tuple(int(one) for one in seeds)
    if not found or len(set(found)) < len(found):
        raise InputError(
            f"seeds: found {', '.join(map(str, found)) or 'none'}, allowed one or more different "
            "numbers; pass for example range(5)"
        )
    return found
