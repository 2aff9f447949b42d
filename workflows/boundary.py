"""Arguments of public functions, checked where they enter the library."""

import inspect
import operator
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar, get_args

from ipvae.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

WHOLE = (int, int | None)
"""Annotations of arguments that are whole numbers."""
PATHS = (str | Path, str | Path | None)
"""Annotations of arguments that are paths."""


def public(function: F) -> F:
    """Check the arguments of a public function before it runs.

    An argument annotated `int` must be a whole number; NumPy's are converted, Booleans and
    fractions are refused. An argument annotated as a path must be one. An argument named `network`
    may be the path of a network file. A tensor of PyTorch, of any device, becomes an array.

    Raises
    ------
    InputError
        From the returned function, with the name and the value of the argument.
    TypeError
        From the returned function, for an argument that it does not have.
    """
    signature = inspect.signature(function)
    whole = {name for name, p in signature.parameters.items() if p.annotation in WHOLE}
    paths = {name for name, p in signature.parameters.items() if p.annotation in PATHS}
    anything = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    network = signature.parameters.get("network")
    read = network is not None and str not in get_args(network.annotation)

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        for name in () if anything else named.keys() - signature.parameters.keys():
            raise TypeError(_unknown(function.__name__, name, signature))
        bound = signature.bind(*arguments, **named)
        for name, value in bound.arguments.items():
            bound.arguments[name] = as_array(value)
        for name in paths & bound.arguments.keys():
            require_path(name, bound.arguments[name])
        for name in whole & bound.arguments.keys():
            bound.arguments[name] = whole_number(name, bound.arguments[name], signature)
        if read:
            bound.arguments["network"] = network_of(bound.arguments["network"])
        return function(*bound.args, **bound.kwargs)

    return checked  # type: ignore[return-value]


def _unknown(function: str, name: str, signature: inspect.Signature) -> str:
    """Message on an argument that a function does not have, with the most similar one."""
    similar = get_close_matches(name, signature.parameters, 1)
    remedy = f"use {similar[0]}=" if similar else f"it has {', '.join(signature.parameters)}"
    return f"ipvae.{function} has no argument {name}=; {remedy}"


def whole_number(name: str, value: Any, signature: inspect.Signature) -> int | None:
    """Return an argument as int; raise InputError for any other value."""
    if value is None and signature.parameters[name].annotation is not int:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return operator.index(value)
    raise InputError(f"{name}: found {value!r}, allowed a whole number")


def as_array(value: Any) -> Any:
    """Return a tensor of PyTorch as an array, without its gradient; any other value as it is."""
    if not (hasattr(value, "detach") and hasattr(value, "cpu")):
        return value
    plain = value.detach().cpu()
    try:
        return plain.numpy()
    except TypeError:  # bfloat16, which NumPy lacks
        return plain.float().numpy()


def require_path(name: str, value: Any) -> None:
    """Raise InputError for a value that is no path; None is allowed."""
    if value is not None and not isinstance(value, (str, Path)):
        raise InputError(f"{name}: found {type(value).__name__}, allowed a text or a Path")


def require_positive(name: str, value: int | None) -> None:
    """Raise InputError for a number below 1; None is allowed."""
    if value is not None and value < 1:
        raise InputError(f"{name}: found {value}, allowed 1 and above")


def network_of(value: Any) -> Any:
    """Return a network as it is, or read it from its file."""
    from ipvae.network.description import IntNetwork
    from ipvae.network.network import Network
    from ipvae.workflows.networks import load_network

    if isinstance(value, (str, Path)):
        return load_network(value)
    if isinstance(value, (IntNetwork, Network)):
        return value
    raise InputError(
        f"network: found {type(value).__name__}, allowed an integer network or the path of its "
        "file; make one of a trained model with ipvae.quantize(model).network"
    )
