"""Import of models: checkpoints of the authors' code, arrays of a user, NIR."""

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from ipvae.errors import InputError
from ipvae.export.importers.nir_reader import is_foreign
from ipvae.extras import needs
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.io.hdf5_child import shown
from ipvae.workflows.boundary import public
from ipvae.workflows.graphs.imported import SpikingModel, import_graph
from ipvae.workflows.image_input.image_shape import ShapeLike, shape_of
from ipvae.workflows.nir import is_nir
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.results import Result, Table

PRESETS = {"MNIST": "mnist"}
"""Presets with the same pixels as data sets of the authors' code."""

SIGNED = ("vH", "Kyoto", "CIFAR", "ImageNet", "CelebA")
"""Prefixes of data sets that the authors' code standardises."""

PIXELS = {"pixel_min": 0, "pixel_max": 255, "pixel_scale": None}
STANDARDISED = {"pixel_min": -4096, "pixel_max": 4095, "pixel_scale": 1 / 256}
"""Integer pixels of standardised images: up to 16 standard deviations."""

log = logging.getLogger("ipvae")


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Result):
    """An imported model.

    Attributes
    ----------
    model : Checkpoint
    inference : str, optional
        Inference in a NIR graph: 'model' or 'lca'.
    threshold : float, optional
        Threshold of LCA in pixel units.
    saved : Path, optional
        The .safetensors file, if the model was saved.
    """

    model: Checkpoint
    inference: str | None = None
    threshold: float | None = None
    saved: Path | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return self.model.rows()

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae import --json`."""
        model = self.model
        found: dict[str, Any] = {
            "model": None if self.saved is None else str(self.saved),
            "pixels": model.n_pixels,
            "neurons": model.n_latents,
            "data": model.data.preset,
        }
        if self.inference is None:
            return {**found, **model.metrics}
        found["inference"] = self.inference
        return found if self.threshold is None else {**found, "threshold": self.threshold}

    def saved_in(self, folder: Path, *, overwrite: bool = False) -> "Imported":
        """Save the model in a folder; return the result with its path."""
        return replace(self, saved=self.model.save(folder, overwrite=overwrite))

    def shown(self) -> list[Table | str]:
        """Return one line for a terminal."""
        sizes = f"{self.model.n_pixels} pixels, {self.model.n_latents} neurons"
        text = f"saved {self.saved}: {sizes}"
        if self.threshold is not None:
            text += f"; it was exported with inference=lca threshold={self.threshold:g}"
        return [text]


@dataclass(frozen=True)
class PixelOptions:
    """Pixel format and data set of a model whose file lacks them.

    Attributes
    ----------
    pixel_min, pixel_max : int, optional
        Range of integer pixels; 0..255 by default.
    pixel_scale : float, optional
        Real value of one integer step; 1 / pixel_max by default.
    image_shape : (height, width) or 'HEIGHTxWIDTH', optional
        Shape of an image; by default a square, or one row.
    preset : str, optional
        Data set on which the model was trained, if ipvae provides it.
    """

    pixel_min: int | None = None
    pixel_max: int | None = None
    pixel_scale: float | None = None
    image_shape: ShapeLike = None
    preset: str | None = None

    def data(self, n_pixels: int, pixels: dict[str, Any], preset: str | None) -> DataInfo:
        """Return the description of a model's images, with defaults from `pixels`."""
        lowest, highest = self.pixel_min, self.pixel_max
        scale = pixels["pixel_scale"] if self.pixel_scale is None else self.pixel_scale
        return DataInfo(
            self.preset or preset or "arrays",
            pixels["pixel_max"] if highest is None else highest,
            shape_of(self.image_shape, n_pixels),
            0,
            pixels["pixel_min"] if lowest is None else lowest,
            _checked_scale(scale),
        )


@overload
def import_model(
    path: str | Path, *, origin: str, progress: Listener | None = None
) -> SpikingModel: ...


@overload
def import_model(
    path: str | Path,
    *,
    pixel_min: int | None = None,
    pixel_max: int | None = None,
    pixel_scale: float | None = None,
    image_shape: ShapeLike = None,
    preset: str | None = None,
    config: str | Path | None = None,
    steps: int | None = None,
    clamp: float | None = None,
    inner_iterations: int | None = None,
    origin: None = None,
    progress: Listener | None = None,
) -> Checkpoint: ...


@public
def import_model(
    path: str | Path,
    *,
    pixel_min: int | None = None,
    pixel_max: int | None = None,
    pixel_scale: float | None = None,
    image_shape: ShapeLike = None,
    preset: str | None = None,
    config: str | Path | None = None,
    steps: int | None = None,
    clamp: float | None = None,
    inner_iterations: int | None = None,
    origin: str | None = None,
    progress: Listener | None = None,
) -> Checkpoint | SpikingModel:
    """Import a model; code in the file is never executed.

    Parameters
    ----------
    path : .pt, .npz or .nir file
        A checkpoint of the authors' trainer (hadivafaii/IterativeVAE); arrays phi (M, K),
        sigma (M), step_size, bias (K) and u0 (K); a file of `ipvae.save_nir`; or a NIR graph of
        another tool, for which `origin` is needed. NIR files allow no other argument.
    pixel_min, pixel_max : int, optional
        Range of integer pixels: 0..255, or -4096..4095 if the authors' code standardises.
    pixel_scale : float, optional
        Real value of one integer step; 1 / pixel_max by default.
    image_shape : (height, width) or 'HEIGHTxWIDTH', optional
        Shape of an image; by default a square, or one row.
    preset : 'digits', 'patches' or 'mnist', optional
        Data set on which it was trained, if ipvae provides it.
    config : path, optional
        ConfigPoisVAE.json of a .pt file; by default in its folder or one folder above.
    steps, clamp, inner_iterations : optional
        For a .pt file without configuration: T, limit of the soft clamp in nats, updates in one
        step.
    origin : str, optional
        Tool that wrote a NIR graph, which decides what NIR leaves open: 'snntorch', 'norse',
        'sinabs', 'spikingjelly', 'rockpool', 'lava-dl' or 'nir', with changes of its defaults,
        as in 'snntorch,reset=zero' (docs/bring_your_network.md).
    progress : callable, optional
        As for `ipvae.run`.

    Returns
    -------
    Checkpoint, or SpikingModel for a NIR graph of another tool
        `save(folder)` writes it.

    Raises
    ------
    FormatError, InputError
        If the file cannot be read, or an argument does not apply to it.
    """
    pixels = PixelOptions(pixel_min, pixel_max, pixel_scale, image_shape, preset)
    options = {"steps": steps, "clamp": clamp, "inner_iterations": inner_iterations}
    with listening(progress):
        found = read_foreign(Path(path), pixels, config, options, origin)
    if isinstance(found, SpikingModel):
        return found
    if found.threshold is not None:
        log.info(f"{path}: exported with inference=lca and threshold={found.threshold:g}")
    return found.model


def read_foreign(
    source: Path,
    pixels: PixelOptions,
    config: str | Path | None = None,
    options: dict[str, Any] | None = None,
    origin: str | None = None,
) -> Imported | SpikingModel:
    """Read a model to import; see `import_model`.

    Parameters
    ----------
    source : file of the model
    pixels : options of its images
    config : configuration of a .pt file
    options : steps, clamp, inner_iterations; None if not given
    origin : tool that wrote a NIR graph
    """
    options = options or {}
    if is_nir(source):
        return _from_nir(source, {**vars(pixels), "config": config, **options}, origin)
    if origin is not None:
        raise InputError(f"origin: not with {source}; it names the tool of a .nir file. Omit it.")
    if source.suffix == ".pt":
        return _from_iterative_vae(source, pixels, config, options)
    if source.suffix != ".npz":
        raise InputError(
            f"{source}: allowed are .pt files of IterativeVAE, .npz files with the arrays phi, "
            "sigma, step_size, bias and u0, and .nir files of ipvae.save_nir"
        )
    if config is not None or any(value is not None for value in options.values()):
        raise InputError(
            f"{source}: config=, steps=, clamp= and inner_iterations= describe a .pt file; "
            "leave them out"
        )
    return _from_arrays(source, pixels)


def _from_nir(source: Path, others: dict[str, Any], origin: str | None) -> Imported | SpikingModel:
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise InputError(
            f"{' and '.join(given)}: not with {source}: the file says it itself; omit it"
        )
    if origin is not None or is_foreign(source):
        return import_graph(source, origin)
    with needs("nir", str(source)):
        from ipvae.export.importers.nir_file import read_nir

    model, threshold = read_nir(source)
    return Imported(model, "model" if threshold is None else "lca", threshold)


def _from_arrays(source: Path, pixels: PixelOptions) -> Imported:
    from ipvae.export.importers.arrays import from_arrays, to_parameters

    params = to_parameters(from_arrays(source))
    return _imported(params, pixels.data(len(params["phi"]), PIXELS, None), {})


def _from_iterative_vae(
    source: Path, pixels: PixelOptions, config: str | Path | None, options: dict[str, Any]
) -> Imported:
    from ipvae.export.importers.iterative_vae import from_iterative_vae

    with stage(f"reading {source}"):
        found = from_iterative_vae(source, config, **options)
    settings = found.settings
    dataset = settings.dataset or ""
    signed = dataset.startswith(SIGNED)
    if signed:
        log.info(
            f"trained on {shown(dataset)}, whose pixels are standardised and may be negative: "
            "they become integers of -4096..4095, 256 to a standard deviation, unless "
            "pixel_min=, pixel_max= and pixel_scale= say otherwise"
        )
    trained: dict[str, float] = {"trained_steps": settings.steps}
    if settings.beta is not None:
        trained["trained_beta"] = settings.beta
    usual = STANDARDISED if signed else PIXELS
    data = pixels.data(len(found.params["phi"]), usual, PRESETS.get(dataset))
    return _imported(found.params, data, trained)


def _imported(params: dict[str, np.ndarray], data: DataInfo, trained: dict[str, float]) -> Imported:
    return Imported(Checkpoint(params, None, data, trained))


def _checked_scale(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InputError(f"pixel_scale: found {value}, allowed are numbers above 0")
    return value
