"""Checkpoints of the authors' repository (hadivafaii/IterativeVAE), converted to ipvae parameters.

Names differ, equations do not. Their phi is also (M, K) and unnormalised, they do not rescale
images, and their update is `ipvae.float_models.inference.steps.poisson_step`. Their code draws
counts twice a step, for the update and for the read-out; ipvae draws once. The distribution of each
step is the same.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import FormatError, InputError
from ipvae.export.importers.torch_archive import Archive, Tensor, read_archive
from ipvae.files import read_file
from ipvae.json_text import parse_json
from ipvae.network.io.hdf5_child import shown

TENSORS = {
    "layer.phi.weight": "phi",
    "layer.u_init.0": "u0",
    "layer.log_bias": "log_bias",
    "layer.log_lr.0": "log_lr",
    "layer.dec_log_sigma": "log_sigma_raw",
}
"""Map from their parameter names to ipvae's."""

RAMP = "layer.eps"
"""Buffer with the progress of the soft clamp from 2 (value 0) to its final limit (value 1)."""

UNUSED = ("layer.temp", "layer.beta_inner", "layer.n_exp")
"""Tensors for training, or for inner iterations, which ipvae does not support."""

MODEL_KEYS = ("model", "state_dict", "model_state_dict")
"""Entries of a checkpoint that contain the tensors; the tensors can also be at the top level."""

_WRAPPERS = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|module)\.")
"""Name prefixes from torch.compile and DataParallel."""

CLAMP = 10.0
MAX_JSON_BYTES = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Settings in their configuration that the tensors do not contain.

    Attributes
    ----------
    steps : T, updates of one training image
    clamp : limit C of the soft clamp, log-rate units
    inner_iterations : updates in one step
    dataset : their name of the images, None if unknown
    beta : weight of the KL term, None if unknown
    neurons : K, None if unknown
    """

    steps: int
    clamp: float
    inner_iterations: int
    dataset: str | None = None
    beta: float | None = None
    neurons: int | None = None


@dataclass(frozen=True, eq=False)
class Imported:
    """Parameters by name (`ipvae.float_models.zoo.ModelSpec.tensors`), and their settings."""

    params: dict[str, np.ndarray]
    settings: Settings


OPTIONS = ("steps", "clamp", "inner_iterations")
MEANT = "t_train, clamp_u, n_iters_inner"


def from_iterative_vae(
    path: str | Path, config: str | Path | None = None, **options: float | None
) -> Imported:
    """Read a checkpoint of the authors' trainer without executing any code in it.

    Parameters
    ----------
    path : their .pt file
    config : their ConfigPoisVAE.json; by default, searched beside the .pt file and in the parent
        folder
    **options : `steps`, `clamp`, `inner_iterations`, if that file does not contain them

    Raises
    ------
    FormatError
        If a file is missing, or is a folder, a device or a pipe.
    InputError
        If a file is damaged, or the model is not supported.
    """
    path = Path(path)
    archive = read_archive(path)
    tensors = _model_tensors(archive)
    found = Path(config) if config is not None else _config_beside(path)
    settings = _settings(path, found, {k: v for k, v in options.items() if v is not None})
    _require_runnable(found or path, settings)
    params = _parameters(archive, tensors)
    if settings.neurons not in (None, params["u0"].size):
        raise InputError(
            f"{found}: n_latents is {settings.neurons}, the checkpoint has {params['u0'].size} "
            "neurons. Pass the configuration of this model with config=FILE.json."
        )
    return Imported(params, settings)


def _model_tensors(archive: Archive) -> dict[str, Tensor]:
    model = _model(archive)
    if "layer.u_init.1" in model or "layer.log_lr.1" in model:
        raise InputError(
            f"{archive.path}: has Gaussian latents (layer.u_init.1); allowed are Poisson latents, "
            "since the network sends counts. Pass a model of type 'poisson'."
        )
    known = {*TENSORS, RAMP, *UNUSED}
    unknown = [shown(str(name)[:60]) for name in model if name not in known]
    if unknown:
        raise InputError(
            f"{archive.path}: model holds {', '.join(unknown[:4])}"
            f"{' ...' if len(unknown) > 4 else ''}; allowed are {', '.join(sorted(known))}: a "
            "linear decoder and no encoder. Other decoders and encoders cannot be run."
        )
    missing = [name for name in TENSORS if not isinstance(model.get(name), Tensor)]
    if missing:
        raise InputError(
            f"{archive.path}: model lacks {', '.join(missing)}. "
            "Pass a whole checkpoint of an iterative Poisson VAE."
        )
    return {name: model[name] for name in (*TENSORS, RAMP) if isinstance(model.get(name), Tensor)}


def _model(archive: Archive) -> dict[str, Any]:
    """Tensors of the checkpoint's model, by names without wrapper prefixes."""
    content = archive.content if isinstance(archive.content, dict) else {}
    named = [content[key] for key in MODEL_KEYS if isinstance(content.get(key), dict)]
    model = {}
    for name, value in (named[0] if named else content).items():
        plain = _WRAPPERS.sub("", name)
        if plain in model:
            raise InputError(f"{archive.path}: model holds {shown(plain[:60])} twice. Save one.")
        model[plain] = value
    if not named and not model.keys() & TENSORS.keys():
        raise InputError(
            f"{archive.path}: has no entry 'model', allowed is a checkpoint of IterativeVAE's "
            "trainer. Pass the .pt that it saved."
        )
    return model


def _parameters(archive: Archive, tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    shape = tensors["layer.phi.weight"].shape
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(
            f"{archive.path}: layer.phi.weight is {shape}, allowed (pixels, neurons). "
            "Only a linear decoder can be run."
        )
    m, k = shape
    wanted = {
        "layer.phi.weight": (m, k),
        "layer.u_init.0": (k,),
        "layer.log_bias": (k,),
        "layer.log_lr.0": (),
        "layer.dec_log_sigma": (m,),
        RAMP: (),
    }
    arrays = {}
    for name, target in wanted.items():
        if name not in tensors:  # RAMP, in a checkpoint without buffers
            continue
        found = tensors[name].shape
        if tuple(n for n in found if n != 1) != tuple(n for n in target if n != 1):
            raise InputError(
                f"{archive.path}: {name}: found {found}; with {m} pixels and {k} neurons (of "
                f"layer.phi.weight) allowed is {target or 'one number'}. Copy the file again."
            )
        arrays[name] = archive.array(tensors[name], name).reshape(target).astype(np.float32)
        if not np.isfinite(arrays[name]).all():
            raise InputError(
                f"{archive.path}: {name} has values that are not finite; none are allowed. "
                "Pass an earlier checkpoint."
            )
    if arrays.get(RAMP, 1.0) != 1.0:
        raise InputError(
            f"{archive.path}: {RAMP} is {arrays[RAMP]:.4g}, allowed 1: it was saved while the soft "
            f"clamp still rose to {CLAMP:g}. Pass a later checkpoint."
        )
    return {ours: arrays[theirs] for theirs, ours in TENSORS.items()}


def _config_beside(path: Path) -> Path | None:
    """Their configuration file of a model, in the folder of its fit or in the parent folder."""
    for folder in (path.parent, path.resolve().parent.parent):
        files = [f for f in sorted(folder.glob("Config*.json")) if f.name != "ConfigTrain.json"]
        if len(files) > 1:
            raise InputError(
                f"{folder}: {len(files)} model configurations ({', '.join(f.name for f in files)})"
                ", allowed is one. Name it with config=FILE.json."
            )
        if files:
            return files[0]
    return None


def _settings(path: Path, config: Path | None, options: dict[str, float]) -> Settings:
    """Merge the configuration with the options for settings that it lacks."""
    content = {} if config is None else _read_json(config)
    where = config or path
    found_settings = _found_settings(content, where)
    for name, value in options.items():
        if found_settings.setdefault(name, value) != value:
            raise InputError(
                f"{name}: found {value:g}, allowed {found_settings[name]:g} as in {where}; omit it"
            )
    missing = [f"{name}=" for name in OPTIONS if name not in found_settings]
    if missing and config is None:
        raise InputError(
            f"{path}: no ConfigPoisVAE.json beside it, in {path.resolve().parent} or one folder "
            f"above. Give config=FILE.json, or {', '.join(missing)}."
        )
    if missing:
        raise InputError(f"{config}: does not contain all of {MEANT}. Give {', '.join(missing)}.")
    dataset, k = content.get("dataset"), content.get("n_latents")
    if isinstance(k, list) and len(k) == 1:
        k = k[0]
    return Settings(
        int(found_settings["steps"]),
        float(found_settings["clamp"]),
        int(found_settings["inner_iterations"]),
        dataset if isinstance(dataset, str) else None,
        None if content.get("beta_outer") is None else _number(content, "beta_outer", where),
        None if k is None else _whole({"n_latents": k}, "n_latents", where),
    )


def _found_settings(content: dict[str, Any], where: Path) -> dict[str, float]:
    """Options by name, if the configuration contains them."""
    found_settings: dict[str, float] = {}
    if "clamp_u" in content:
        found_settings["clamp"] = _number(content, "clamp_u", where)
        du = _number({"clamp_du": found_settings["clamp"], **content}, "clamp_du", where)
        if du != found_settings["clamp"]:
            raise InputError(
                f"{where}: clamp_du is {du:g} and clamp_u is {found_settings['clamp']:g}, allowed "
                f"{CLAMP:g} for both: the network has one limit."
            )
    if "n_iters_inner" in content:
        found_settings["inner_iterations"] = _whole(content, "n_iters_inner", where)
    if "t_train" in content:
        outer = _whole({"n_iters_outer": 1, **content}, "n_iters_outer", where)
        found_settings["steps"] = _whole(content, "t_train", where) * outer
    return found_settings


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_file(path, FormatError, MAX_JSON_BYTES))
    except FormatError:
        raise
    except ValueError as error:
        raise InputError(
            f"{path}: not readable as JSON ({error}). Pass their ConfigPoisVAE.json."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, allowed an object")
    if content.get("latent_act") is not None or path.name in (
        "ConfigGausVAE.json",
        "ConfigLapVAE.json",
    ):
        raise InputError(
            f"{path}: describes continuous latents; allowed are Poisson latents "
            "(ConfigPoisVAE.json), since the network sends counts."
        )
    for key, allowed in {"dec_type": "lin", "inf_type": "grad"}.items():
        if content.get(key, allowed) != allowed:
            raise InputError(
                f"{path}: {key} is {str(content[key])[:40]!r}, allowed '{allowed}': the network "
                "has a linear decoder and follows its gradient; others cannot be run."
            )
    if "+" in str(content.get("dataset")):
        raise InputError(
            f"{path}: dataset is {str(content['dataset'])[:40]!r}, whose images move from step to "
            "step; allowed are still images, since the drive is computed once for each."
        )
    return content


def _number(content: dict[str, Any], key: str, path: Path) -> float:
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise InputError(
            f"{path}: {key} is {shown(str(value)[:40])}, allowed a number from 0 to 1e6. "
            "Pass their ConfigPoisVAE.json."
        )
    return float(value)


def _whole(content: dict[str, Any], key: str, path: Path) -> int:
    value = _number(content, key, path)
    if value != int(value) or value < 1:
        raise InputError(f"{path}: {key} is {value:g}, allowed are whole numbers from 1")
    return int(value)


def _require_runnable(where: Path, settings: Settings) -> None:
    if settings.inner_iterations != 1:
        raise InputError(
            f"{where}: {settings.inner_iterations} inner iterations (n_iters_inner), allowed 1: "
            "more of them bring a leak into the update that the network does not have."
        )
    if settings.clamp != CLAMP:
        raise InputError(
            f"{where}: the soft clamp's limit is {settings.clamp:g} (clamp_u), allowed {CLAMP:g}: "
            "the network's log-rates end there."
        )
    if settings.steps < 1:
        raise InputError(f"{where}: {settings.steps} steps (t_train), allowed 1 and above")
