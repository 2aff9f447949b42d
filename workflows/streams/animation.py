"""An animated picture of a stream: film, reconstruction, spikes and cost of each frame."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ipvae.errors import InputError
from ipvae.evaluation.metrics import r2
from ipvae.files import atomic_write
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.network.pixels import to_real
from ipvae.outputs import PICTURE_MARK, file_output, is_picture, require_outputs
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.image_input.images import given_images
from ipvae.workflows.reporting.drawing import require_matplotlib
from ipvae.workflows.streams.stream import Stream

if TYPE_CHECKING:
    from ipvae.report.pictures.film import FilmData

COLOURS = 96
"""Colours of the picture, for a small file."""


@public
def draw_film(
    network: IntNetwork,
    film: np.ndarray,
    path: str | Path,
    *,
    steps: int = 16,
    seed: int = 0,
    reset: bool = False,
    readout: str = "mean",
    milliseconds: int = 200,
) -> None:
    """Draw a film with its reconstruction, spikes and cost, as an animated PNG.

    The picture needs nothing beside its file; browsers and viewers of pictures play it.

    Parameters
    ----------
    network : IntNetwork, or path of its file
    film : (frames, ...) array
        One film; frames as `ipvae.Stream` takes them.
    path : path ending in .png
        An earlier picture of ipvae is replaced.
    steps, seed, readout
        As for `ipvae.Stream`; an average for a code of Poisson neurons only.
    reset : bool
        Begin every frame with a reset.
    milliseconds : int
        Time of a frame.

    Raises
    ------
    InputError
        If an argument cannot be used, Matplotlib or Pillow is missing, or the path has another
        file.

    Examples
    --------
    >>> import ipvae
    >>> film = ipvae.film(stills, motion="rotate")  # doctest: +SKIP
    >>> ipvae.draw_film("net.h5", film[0], "film.png", steps=8)  # doctest: +SKIP
    """
    require_positive("milliseconds", milliseconds)
    require_matplotlib("draw_film")
    if isinstance(network, Network):
        raise InputError("network: found one of any kinds, allowed an integer network")
    if Path(path).suffix.lower() != ".png":
        raise InputError(f"path: found {path}, allowed a name that ends in .png")
    output = file_output("path", path, "a picture of ipvae", is_picture, overwrite=True)
    require_outputs([output])
    film = np.asarray(film)
    if film.ndim < 2 or len(film) == 0:
        raise InputError(f"film: found shape {film.shape}, allowed (frames, ...); give one film")
    readout = readout if network.draws else "draw"
    seen = _seen(network, film, Stream(network, steps=steps, seed=seed, readout=readout), reset)
    atomic_write(path, _animated(seen, milliseconds))


def _seen(network: IntNetwork, film: np.ndarray, stream: Stream, reset: bool) -> "FilmData":
    """Run the stream."""
    from ipvae.report.pictures.film import FilmData

    pixels = given_images(film, network.input).pixels
    real, found = to_real(pixels, network.input), []
    for f, frame in enumerate(pixels):
        if reset and f:
            stream.reset()
        found.append(stream.push(frame))
    decoded = np.stack([np.ravel(one.reconstruction) for one in found])
    shape = (len(film), *network.input.shape)
    how = "a reset before each" if reset else "state kept between frames"
    return FilmData(
        real.reshape(shape),
        decoded.reshape(shape),
        np.stack([one.counts for one in found]),
        np.array([r2(x[None], y[None]) for x, y in zip(real, decoded, strict=True)]),
        np.array([one.operations.synaptic_ops for one in found]),
        f"{stream.steps} updates a frame, {how}",
        network.input.minimum < 0,
    )


def _animated(seen: "FilmData", milliseconds: int) -> bytes:
    """Contents of an animated PNG."""
    try:
        from PIL import Image
        from PIL.PngImagePlugin import PngInfo
    except ImportError as error:
        raise InputError(
            "draw_film: pictures are written by Pillow, which is not installed. Install it "
            "(pip install pillow)."
        ) from error
    from ipvae.report.pictures.film import drawn_frames

    pictures = [Image.fromarray(frame) for frame in drawn_frames(seen)]
    first = pictures[len(pictures) // 2].quantize(COLOURS, dither=Image.Dither.NONE)
    frames = [picture.quantize(palette=first, dither=Image.Dither.NONE) for picture in pictures]
    mark, file = PngInfo(), io.BytesIO()
    mark.add_text("Source", PICTURE_MARK)
    frames[0].save(
        file,
        format="PNG",
        save_all=True,
        append_images=frames[1:],
        duration=milliseconds,
        loop=0,
        pnginfo=mark,
        optimize=True,
    )
    return file.getvalue()
