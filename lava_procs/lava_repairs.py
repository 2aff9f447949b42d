"""Repairs of lava-nc and lava-dl for Pythons newer than 3.10 and for NumPy 2.

Both projects are archived and were made for Python 3.10 and NumPy 1. Their files are not changed.
docs/lava.md lists the repairs with their reasons; tests/lava_procs/test_lava_repairs.py shows the
failures without them.
"""

import dataclasses
import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

VAR_MODEL = "lava.magma.compiler.var_model"
NETX = "lava.lib.dl.netx.hdf5"
SLAYER = "lava.lib.dl.slayer"
DETECTION = f"{SLAYER}.object_detection"
DETECTION_NEEDS = ("torchvision", "cv2")


def repair_lava() -> None:
    """Import and repair parts of lava-nc; a second call does nothing."""
    if VAR_MODEL in sys.modules:
        return
    _import_var_model()
    from lava.magma.core.process.ports.ports import ReshapePort
    from lava.magma.core.process.variable import Var
    from lava.proc.conv import utils

    ReshapePort.get_transform_func_fwd = _reshaping_to("shape")
    ReshapePort.get_transform_func_bwd = _reshaping_to("old_shape")
    Var.__init__ = _with_plain_integers(Var.__init__)
    utils.conv = _with_wide_sizes(utils.conv)


def _import_var_model() -> None:
    """Import the module that Python 3.11 and later reject unchanged.

    Eight fields of its dataclasses have the default `ByteEncoder()`, an object without a hash,
    which dataclasses no longer allow. That class gets a hash during the import of the module;
    `dataclasses.dataclass` is restored immediately.
    """
    original = dataclasses.dataclass
    dataclasses.dataclass = _hashing(original)
    try:
        importlib.import_module(VAR_MODEL)
    finally:
        dataclasses.dataclass = original


def _hashing(dataclass: Callable[..., Any]) -> Any:
    """Return the decorator, modified to give a hash to lava-nc's `ByteEncoder` only."""

    def decorated(cls: type | None = None, /, **options: Any) -> Any:
        if cls is not None and (cls.__module__, cls.__name__) == (VAR_MODEL, "ByteEncoder"):
            options["unsafe_hash"] = True
        return dataclass(cls, **options)

    return decorated


def _reshaping_to(name: str) -> Any:
    """Return the method of a `ReshapePort` that passes its function to the shape of that name.

    Lava calls `np.reshape` with `newshape=`, which NumPy 2.1 deprecates and 2.5 has removed.
    """

    def get_transform_func(port: Any) -> functools.partial[np.ndarray]:
        return functools.partial(_reshaped, shape=getattr(port, name))

    return get_transform_func


def _reshaped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.reshape(values, shape)


def _with_plain_integers(init: Callable[..., None]) -> Any:
    """Return the constructor of `Var`, which converts one NumPy integer to a Python integer.

    NumPy 2 keeps the width of such an integer: the threshold `np.int16(1000)` of a LIF neuron,
    which Lava shifts left by 6 bits, would silently become -1536. lava-dl's netx passes thresholds
    and decays as stored in the file.
    """

    @functools.wraps(init)
    def wrapped(var: Any, shape: tuple[int, ...], init_: Any = 0, *rest: Any, **named: Any) -> None:
        value = named.pop("init", init_)
        plain = int(value) if isinstance(value, np.integer) else value
        init(var, shape, plain, *rest, **named)

    return wrapped


def _with_wide_sizes(conv: Callable[..., np.ndarray]) -> Any:
    """Return the convolution, with the sizes of a kernel converted to 64-bit integers.

    Lava's model of a `Conv` stores them in 8 bits, and NumPy 2 adds the size of the image to them
    in 8 bits. From 128 on this is an error or a wrong result.
    """

    @functools.wraps(conv)
    def wrapped(
        values: np.ndarray, weight: np.ndarray, *sizes: np.ndarray, **named: np.ndarray
    ) -> np.ndarray:
        wide = {name: np.asarray(size, np.int64) for name, size in named.items()}
        return conv(values, weight, *(np.asarray(size, np.int64) for size in sizes), **wide)

    return wrapped


def repair_netx() -> None:
    """Let netx read the weight and the bias of an input layer.

    They are arrays of one element, which `int` no longer accepts since NumPy 2.5.
    """
    repair_slayer()  # netx imports it
    if NETX in sys.modules:
        return
    network = importlib.import_module(NETX).Network
    network.create_input = staticmethod(_with_single_values(network.create_input))


def _with_single_values(create_input: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create_input)
    def wrapped(layer_config: Any, *rest: Any, **named: Any) -> Any:
        config = {name: layer_config[name] for name in layer_config.keys()}  # noqa: SIM118
        for name in {"weight", "bias"} & set(config):
            config[name] = np.asarray(config[name]).item()
        return create_input(config, *rest, **named)

    return wrapped


def repair_slayer() -> None:
    """Allow SLAYER's import without torchvision and OpenCV.

    `lava.lib.dl.slayer` imports its `object_detection`, the only user of these two, and a
    torchvision made for another PyTorch fails at import. If one of them cannot be imported, an
    empty module replaces `object_detection`; access to its names raises an error with the reason.
    """
    repair_lava()
    if SLAYER in sys.modules:
        return
    missing = [name for name in DETECTION_NEEDS if not _imports(name)]
    if missing:
        sys.modules[DETECTION] = _Absent(DETECTION, missing)


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # a torchvision made for another PyTorch raises RuntimeError
        return False
    return True


class _Absent(ModuleType):
    """Module whose names are unavailable, with the reason."""

    def __init__(self, name: str, missing: list[str]) -> None:
        super().__init__(name)
        self._why = f"needs {' and '.join(missing)}, which did not import"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.__name__}.{name} {self._why}")
