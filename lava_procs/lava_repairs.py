"""What lava-nc and lava-dl need on Pythons newer than 3.10 and with NumPy 2.

Both are archived and were made for Python 3.10 and NumPy 1. Their files stay as they are.
docs/lava.md lists what is done here and why; tests/lava_procs/test_lava_repairs.py shows what
happens without.
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
    """Import what is repaired of lava-nc, repaired; a second call does nothing."""
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
    """Import the module that Python 3.11 and later refuse as it stands.

    Eight fields of its dataclasses have the default `ByteEncoder()`, an object without a hash,
    which a dataclass may no longer have. While the module is imported, that one class gets a
    hash; `dataclasses.dataclass` is put back at once.
    """
    original = dataclasses.dataclass
    dataclasses.dataclass = _hashing(original)
    try:
        importlib.import_module(VAR_MODEL)
    finally:
        dataclasses.dataclass = original


def _hashing(dataclass: Callable[..., Any]) -> Any:
    """Return the decorator, giving a hash to lava-nc's `ByteEncoder` and nothing to others."""

    def decorated(cls: type | None = None, /, **options: Any) -> Any:
        if cls is not None and (cls.__module__, cls.__name__) == (VAR_MODEL, "ByteEncoder"):
            options["unsafe_hash"] = True
        return dataclass(cls, **options)

    return decorated


def _reshaping_to(name: str) -> Any:
    """Return the method of a `ReshapePort` that gives the function to its shape of that name.

    Lava calls `np.reshape` with `newshape=`, which NumPy 2.1 deprecates and 2.5 no longer has.
    """

    def get_transform_func(port: Any) -> functools.partial[np.ndarray]:
        return functools.partial(_reshaped, shape=getattr(port, name))

    return get_transform_func


def _reshaped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.reshape(values, shape)


def _with_plain_integers(init: Callable[..., None]) -> Any:
    """Return the constructor of `Var`, which takes one integer of NumPy as one of Python.

    Since NumPy 2 such an integer keeps its width: the threshold `np.int16(1000)` of a LIF neuron,
    which Lava shifts by 6 bits, would be -1536 without a word. lava-dl's netx hands over
    thresholds and decays as the file has them.
    """

    @functools.wraps(init)
    def wrapped(var: Any, shape: tuple[int, ...], init_: Any = 0, *rest: Any, **named: Any) -> None:
        value = named.pop("init", init_)
        plain = int(value) if isinstance(value, np.integer) else value
        init(var, shape, plain, *rest, **named)

    return wrapped


def _with_wide_sizes(conv: Callable[..., np.ndarray]) -> Any:
    """Return the convolution, which takes the sizes of a kernel as integers of 64 bits.

    Lava's model of a `Conv` keeps them in 8 bits, and since NumPy 2 adds the size of the image to
    them in 8 bits: from 128 on that is an error, or wrong.
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

    They are arrays of one element, which `int` no longer takes since NumPy 2.5.
    """
    repair_slayer()  # which it imports
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
    """Let SLAYER be imported without torchvision and OpenCV.

    `lava.lib.dl.slayer` imports its `object_detection`, which alone uses these two, and a
    torchvision that was not made for the installed PyTorch fails at import. Where one of them
    does not import, an empty module takes the place of `object_detection` and says so to
    whoever asks it for something.
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
    """A module whose names cannot be had, and why."""

    def __init__(self, name: str, missing: list[str]) -> None:
        super().__init__(name)
        self._why = f"needs {' and '.join(missing)}, which did not import"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.__name__}.{name} {self._why}")
