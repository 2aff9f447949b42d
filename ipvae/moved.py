"""Deprecated names that moved; they still work, with a warning (docs/versioning.md)."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def moved(module: str, names: Mapping[str, tuple[str, str]]) -> Callable[[str], Any]:
    """Return a module's `__getattr__` for names that moved.

    Parameters
    ----------
    module : str
        Name of the module.
    names : mapping of old name -> (home, advice)
        `home` is where the object is now, 'module:name'; `advice` is what to use instead.
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        home, advice = names[name]
        warnings.warn(
            f"{module}.{name} is deprecated; use {advice}", DeprecationWarning, stacklevel=2
        )
        place, _, original = home.partition(":")
        return getattr(import_module(place), original)

    return getattr_
