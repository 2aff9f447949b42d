"""Options and inputs that several commands share."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.draws import read_draws
from ipvae.network.errors import InputError
from ipvae.network.hdf5_child import shown
from ipvae.network.pixels import load_pixels

if TYPE_CHECKING:
    from ipvae.train.data import Images

NIR = ".nir"
"""Suffix of files of NIR."""


def is_nir(path: Path) -> bool:
    """Tell whether a path is named as a file of NIR, in capitals too."""
    return path.suffix.lower() == NIR


def not_nir(path: Path) -> Path:
    """Return a path; raise InputError if it is a file of NIR, which only `ipvae import` reads."""
    if is_nir(path) and not path.is_dir():
        raise InputError(
            f"{path}: a NIR file, which holds a float model; import it first, with "
            f"'ipvae import {path} --out RUN', and go on with RUN"
        )
    return path


NetArgument = Annotated[
    Path, typer.Argument(metavar="NET.h5", help="Network file.", callback=not_nir)
]
SamplesOption = Annotated[int, typer.Option(min=1, help="Images, the first ones in order.")]
StepsOption = Annotated[int, typer.Option(min=1, help="Updates of each image.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random draws.")]
DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder with the data set (torchvision's layout).")
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        help="Images of your own: an .npy file, (n, pixels). Or those of a set: faces, "
        "photographs, digits; faces-framed and so on: smaller, with background around them."
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        help="Seconds without a sign of life after which the lava backend counts as hung; exit 1."
    ),
]
ReplayOption = Annotated[
    Path | None,
    typer.Option(help="Take the counts from this trace in place of the sampler's; --seed is idle."),
]


OF_DIGITS = ("digits", "mnist")
"""Data sets whose classes are the digits."""


@dataclass(frozen=True)
class LabelledImages:
    """Integer pixels (N, M) with labels (N,), -1 where unknown."""

    pixels: np.ndarray
    labels: np.ndarray
    own_classes: bool = True
    """Whether labels name the classes of the data set on which a network was trained."""

    def first(self, n: int | None) -> "LabelledImages":
        """Return the first n images, or all."""
        return LabelledImages(self.pixels[:n], self.labels[:n], self.own_classes)

    @property
    def classes(self) -> np.ndarray:
        """Labels (N,) by which a network's own classes are judged; -1 where they mean others."""
        return self.labels if self.own_classes else np.full_like(self.labels, -1)


def require_distinct(outputs: dict[str, object], inputs: dict[str, object]) -> None:
    """Raise InputError if an output would overwrite an input or another output.

    Parameters
    ----------
    outputs, inputs : dict of option -> path, or None where it was not given; '-' is stdout
    """
    seen: dict[Path, str] = {}
    for options, is_output in ((inputs, False), (outputs, True)):
        for option, given in options.items():
            if given is None or str(given) == "-":
                continue
            place = Path(str(given)).resolve()
            if is_output and place in seen:
                raise InputError(
                    f"{option}: found {given}, which is {seen[place]} too; give another path"
                )
            seen.setdefault(place, option)


def preset_images(preset: str, data_dir: Path | None) -> "Images":
    """Load the images of a preset."""
    from ipvae.train.data import load_images

    return load_images(preset, data_dir)


def names_a_set(images: Path) -> bool:
    """Whether --images names a set, not a file."""
    from ipvae.train.other_images import NAMES

    return str(images) in NAMES


def given_images(images: Path, fmt: InputFormat) -> LabelledImages:
    """Read an .npy file, or make the images of a set that has this name."""
    from ipvae.train.other_images import NAMES, other_images

    if not names_a_set(images):
        if not images.suffix and not images.exists():
            raise InputError(
                f"--images: found {images}, allowed an .npy file or one of {', '.join(NAMES)}"
            )
        pixels = load_pixels(images, fmt)
        return LabelledImages(pixels, np.full(len(pixels), -1))
    if fmt.minimum != 0:
        raise InputError(
            f"--images {images}: its pixels go from black to white, the network's from "
            f"{fmt.minimum} to {fmt.maximum}; give an .npy file of images that were prepared as "
            "those of the training were"
        )
    found, labels = other_images(str(images), *fmt.shape)
    return LabelledImages(
        np.rint(found * fmt.maximum).astype(np.int16).reshape(len(found), -1), labels
    )


def network_images(
    network: IntNetwork,
    samples: int | None,
    data_dir: Path | None,
    images: Path | None,
    asked_by: str = "--samples",
) -> LabelledImages:
    """Choose the images to run: --images, the data set's test images, or the file's own.

    Raises
    ------
    InputError
        If there are none, or fewer than asked for.
    """
    if images is not None and data_dir is not None:
        raise InputError("--images and --data-dir: give one of them")
    if images is not None:
        found = given_images(images, network.input)
        if names_a_set(images):
            digits = str(images).startswith("digits") and network_preset(network) in OF_DIGITS
            found = replace(found, own_classes=digits)
        where = str(images)
    elif data_dir is not None:
        from ipvae.float_models.config import PRESETS

        preset = network_preset(network)
        if preset not in PRESETS:
            raise InputError(
                f"--data-dir: the network names no data set of ours (found '{preset}', allowed "
                f"{', '.join(PRESETS)}); give images with --images"
            )
        data = preset_images(preset, data_dir)
        found = LabelledImages(data.test_pixels.astype(np.int16), data.test_labels)
        where = f"test set in {data_dir}"
    else:
        found = LabelledImages(network.test_images, network.test_labels)
        where = "test images inside the network file"
    if len(found.pixels) == 0:
        raise InputError(f"{where}: none there; give some with --images or --data-dir")
    if samples is not None and samples > len(found.pixels):
        raise InputError(
            f"{asked_by}: found {samples}, allowed up to {len(found.pixels)} ({where}); "
            "ask for fewer, or give more, such as a data set with --data-dir"
        )
    return found.first(samples)


def replayed_draws(
    path: Path | None, network: IntNetwork, samples: int, steps: int, seed: int
) -> tuple[np.ndarray | None, int]:
    """Draws to replay, if any, and the seed that made the run's draws."""
    if path is None:
        return None, seed
    return read_draws(path, network, samples, steps)


def network_preset(network: IntNetwork) -> str:
    """Name of the data set on which a network was trained."""
    data = network.provenance.get("data")
    return shown(data.get("preset", "unknown")) if isinstance(data, dict) else "unknown"
