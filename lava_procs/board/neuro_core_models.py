"""Neuro-core models: lookup, checks, and selection by Lava.

Lava's configuration for hardware falls back to CPU models silently. Here every neuron and every
synapse must have a neuro-core model by name; otherwise an error names the missing one.
"""

import importlib
import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ipvae.lava_procs.board.find import GUIDE, failed
from ipvae.lava_procs.register_constants import WORD_BITS
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer

GROUP = "ipvae.loihi2_models"
"""Entry points under which a package registers models: a class each, or a module of classes."""

TAG = "ucoded"
"""Tag of a model with microcoded neurons."""

DENSE_MODULE, DENSE_CLASS = "lava.proc.dense.ncmodels", "NcModelDense"


def models_for(network: IntNetwork) -> dict[type, type]:
    """Find a neuro-core model for every Process of a network.

    Returns
    -------
    dict of Process -> ProcessModel
        For `Loihi2HwCfg(exception_proc_model_map=...)`.

    Raises
    ------
    BackendError
        If a registration is invalid, or a model is missing.
    """
    registered = registered_models()
    found = {}
    for process in _processes(network):
        model = registered.get(process)
        if model is None and process.__name__ == "Dense":
            model = _dense_of_the_extension()
        if model is None:
            specification = {"PoissonNeuron": "poisson_neuron", "GradedNeuron": "graded_neuron"}
            raise failed(
                f"no neuro-core model of {process.__name__} is registered; write one from "
                f"docs/loihi2/{specification[process.__name__]}.json and register it under the "
                f"entry point group {GROUP} ({GUIDE})"
            )
        found[process] = model
    return found


def _processes(network: IntNetwork) -> list[type]:
    """Return the Processes of neurons and synapses in a network."""
    from lava.proc.dense.process import Dense

    from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    layers = network.layers.values()
    found: list[type] = []
    if any(isinstance(layer, PoissonLayer) for layer in layers):
        found.append(PoissonNeuron)
    if any(not isinstance(layer, PoissonLayer) for layer in layers):
        found.append(GradedNeuron)
    if any(layer.weight_rec is not None for layer in layers):
        found.append(Dense)
    return found


def _dense_of_the_extension() -> type:
    """Return Intel's neuro-core model of Lava's Dense."""
    try:
        return getattr(importlib.import_module(DENSE_MODULE), DENSE_CLASS)
    except Exception as error:
        raise failed(
            f"no neuro-core model of Dense: Intel's extension brings {DENSE_MODULE}."
            f"{DENSE_CLASS}, which does not import here ({type(error).__name__}: {error}); repair "
            f"the extension, or register a model under {GROUP} ({GUIDE})"
        ) from error


def registered_models() -> dict[type, type]:
    """Load and check everything under the entry point group.

    Returns
    -------
    dict of Process -> ProcessModel

    Raises
    ------
    BackendError
        If one cannot be imported, is no neuro-core model for ipvae, or two are for one Process.
    """
    found: dict[type, tuple[type, str]] = {}
    for entry in sorted(set(entry_points(group=GROUP)), key=lambda e: (e.name, e.value)):
        where = _place(entry)
        for model in _models_of(entry, where):
            check_model(model, where)
            process: type = model.implements_process  # type: ignore[attr-defined]
            if process in found:
                raise failed(
                    f"{where}: a second model of {process.__name__}, allowed is one "
                    f"({found[process][1]} has registered another); uninstall one of the packages"
                )
            found[process] = model, where
    return {process: model for process, (model, _) in found.items()}


def _place(entry: EntryPoint) -> str:
    """Return the name of an entry point in messages."""
    owner = entry.dist.name if entry.dist is not None else "unknown package"
    return f"entry point '{entry.name} = {entry.value}' of {owner}"


def _models_of(entry: EntryPoint, where: str) -> Iterable[Any]:
    """Return the object of an entry point, or the models that its module defines."""
    try:
        named = entry.load()
    except Exception as error:
        raise failed(
            f"{where}: does not import ({type(error).__name__}: {error}); repair or uninstall it"
        ) from error
    if not inspect.ismodule(named):
        return [named]
    models = [
        value
        for value in vars(named).values()
        if inspect.isclass(value)
        and value.__module__ == named.__name__
        and getattr(value, "implements_process", None) is not None
    ]
    if not models:
        raise failed(
            f"{where}: the module defines no ProcessModel (a class with @implements); name a "
            "module that does, or the class"
        )
    return models


def check_model(model: Any, where: str) -> None:
    """Raise BackendError unless a registered object is a neuro-core model that can run.

    Parameters
    ----------
    model : object
    where : str
        Name of its registration in messages.
    """
    from lava.magma.core.model.model import AbstractProcessModel
    from lava.proc.dense.process import Dense

    from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron

    if not inspect.isclass(model) or not issubclass(model, AbstractProcessModel):
        raise failed(
            f"{where}: found {_shown(model)}, allowed a ProcessModel class or a module of them"
        )
    process = model.implements_process
    if process not in (PoissonNeuron, GradedNeuron, Dense):
        raise failed(
            f"{where}: {model.__name__} implements {_shown(process)}, allowed PoissonNeuron, "
            "GradedNeuron or Dense; decorate it with @implements"
        )
    if not on_neuro_core(model):
        raise failed(
            f"{where}: {model.__name__} is no neuro-core model (it needs "
            "@requires(Loihi2NeuroCore) and AbstractNcProcessModel as its base); CPU models "
            "are never used on a board"
        )
    if process is Dense:
        return
    if TAG not in model.tags:
        raise failed(
            f"{where}: {model.__name__} has the tags {model.tags}, needed '{TAG}'; add "
            f"@tag('{TAG}')"
        )
    _check_variables(model, process, where)


def _shown(value: Any) -> str:
    """Return the name of a class, or the shortened representation of anything else."""
    return value.__name__ if inspect.isclass(value) else repr(value)[:60]


def _check_variables(model: type, process: type, where: str) -> None:
    """Check the variables that a model declares against the neuron's specification."""
    for name in hosted_variables(process):
        declared = getattr(model, name, None)
        precision = getattr(declared, "precision", None)
        if precision != WORD_BITS:
            found = "is not declared" if declared is None else f"has precision {precision}"
            raise failed(
                f"{where}: {model.__name__}: variable {name} {found}, needed {WORD_BITS} bits; see "
                "the states in docs/loihi2/*.json"
            )


def hosted_variables(process: type) -> list[str]:
    """Return the variables through which the host controls a Process."""
    shared = ["u", "z", "drive", "step", "received"]
    return [*shared, "image_key", "given"] if process.__name__ == "PoissonNeuron" else shared


def on_neuro_core(model: type) -> bool:
    """Return True if a ProcessModel is for neuro-cores of Loihi 2, by its base and resources."""
    from lava.magma.core import run_configs
    from lava.magma.core.resources import Loihi2NeuroCore, NeuroCore

    required: list[Any] = []
    for resource in getattr(model, "required_resources", []):
        required += resource if isinstance(resource, (list, tuple)) else [resource]
    base = run_configs.AbstractNcProcessModel
    return issubclass(model, base) and bool({NeuroCore, Loihi2NeuroCore} & set(required))


def configuration(models: dict[type, type], selected: dict[str, type]) -> Any:
    """Return Lava's configuration for Loihi 2 that selects these models and records them.

    Parameters
    ----------
    models : dict of Process -> ProcessModel
    selected : dict
        Filled during selection: name of a process -> ProcessModel.

    Returns
    -------
    Loihi2HwCfg
        Its `select` raises BackendError if Lava would use a model that is not for neuro-cores for
        a neuron or a synapse.
    """
    from lava.magma.core.run_configs import Loihi2HwCfg

    made: Any = Loihi2HwCfg(exception_proc_model_map=dict(models))
    of_lava = made.select

    def select(process: Any, found: list[type]) -> type:
        try:
            model = of_lava(process, found)
        except NameError as error:
            raise failed(
                f"Lava's Loihi2HwCfg cannot select a model ({error}): it was imported before "
                "Intel's extension could be; start Python with the extension on its path"
            ) from error
        refuse_cpu(process, model, models)
        selected[process.name] = model
        return model

    made.select = select
    return made


def refuse_cpu(process: Any, model: type, models: dict[type, type]) -> None:
    """Raise BackendError if a neuron or synapse has a model that is not for neuro-cores."""
    from ipvae.lava_procs.neuron_base import NeuronBase

    must = isinstance(process, NeuronBase) or type(process) in models
    must = must or type(process).__name__ == "Dense"
    if must and not on_neuro_core(model):
        raise failed(
            f"Lava selected {model.__name__} for {type(process).__name__} '{process.name}', which "
            "is no neuro-core model; a CPU model in its place would prove nothing, so the run "
            f"is refused ({GUIDE})"
        )
