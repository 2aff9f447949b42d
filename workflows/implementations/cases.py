"""Cases of the conformance suite: networks with their traces, and files to refuse."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import ipvae
from ipvae.network.io.network_file import read_network, write_fields
from ipvae.network.traces.trace import Trace, read_trace
from ipvae.workflows.implementations.rules import named

ONE_LAYER, LAYERS, REFUSALS = "one layer", "several layers", "refusals"
LEVELS = (ONE_LAYER, LAYERS, REFUSALS)
"""Levels of the suite: file versions 1 and 2, and files that must be refused."""

VECTORS = Path(ipvae.__file__).parent / "vectors"
BASE = "odd"
"""Network whose file is changed, one rule at a time."""
RULE_OF = {
    "ipvae/latency": "R34",
    "ipvae/test/images": "R31",
    "ipvae/sampler/thresholds": "R33",
    "layer/0/shape": "R34",
    "layer/1/shape": "R34",
    "layer/1/inFeatures": "R34",
    "layer/1/outFeatures": "R34",
}
"""Rule that a dataset out of range breaks; of all others R20."""
Fields = dict[str, np.ndarray]


@dataclass(frozen=True)
class RunCase:
    """A network with the trace that every implementation must give.

    Attributes
    ----------
    name, level : str
    network : Path
    trace : Trace
    images : (n, M) int16
    """

    name: str
    level: str
    network: Path
    trace: Trace
    images: np.ndarray


@dataclass(frozen=True)
class FileCase:
    """A file that differs from a valid one in one thing.

    Attributes
    ----------
    name : str
    rule : str
        Rule that the file breaks, or would break with another number: docs/spec/refusals.md.
    accepted : bool
        Whether an implementation must read it; else it must refuse it.
    images : (1, M) int16
        An image of the network.
    write : callable (path)
        Makes the file.
    """

    name: str
    rule: str
    accepted: bool
    images: np.ndarray
    write: Callable[[Path], None]


def run_cases(levels: tuple[str, ...]) -> Iterator[RunCase]:
    """Yield the networks of the chosen levels, in the order of their names."""
    for path in sorted((VECTORS / "runs").glob("*.net.h5")):
        network = read_network(path)
        level = ONE_LAYER if _version(path) == 1 else LAYERS
        if level in levels:
            name = path.name.removesuffix(".net.h5")
            trace = read_trace(path.with_name(f"{name}.trace.h5"))
            images = network.test_images[: len(trace.samples)]
            yield RunCase(name, level, path, trace, images)


def file_cases() -> Iterator[FileCase]:
    """Yield files at the ends of each range and beyond, with a dataset too few or too many.

    All but the last two have a valid checksum and seal.
    """
    base = _fields(VECTORS / "runs" / f"{BASE}.net.h5")
    base["layer/1/neuron/uInit"] = np.zeros_like(base["layer/1/neuron/uInit"])
    one = base["ipvae/test/images"][:1]

    def case(name: str, rule: str, write: Callable[..., None], accepted: bool = False) -> FileCase:
        return FileCase(name, named(rule), accepted, one, write)

    def written(fields: Fields, version: int = 1) -> Callable[..., None]:
        return partial(write_fields, fields=fields, version=version)

    with (VECTORS / "ranges.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name, value = row["dataset"], int(row["value"])
            write = written(_changed(base, name, value))
            yield case(f"{name} = {value}", RULE_OF.get(name, "R20"), write, row["accepted"] == "1")
    for name in base:
        without = {key: value for key, value in base.items() if key != name}
        yield case(f"without {name}", "R13", written(without))
    more = {**base, "ipvae/more": np.zeros(1, np.int32)}
    yield case("with ipvae/more", "R14", written(more))
    yield case("version 99", "R5", written(base, version=99))
    yield case("a changed bit", "R2", partial(_damaged, base, 1))
    yield case("cut short", "R2", partial(_damaged, base, 0))


def _changed(base: Fields, name: str, value: int) -> Fields:
    array = base[name].copy()
    array[(0,) * array.ndim] = value
    return {**base, name: array}


def _damaged(base: Fields, flipped: int, path: Path) -> None:
    """Write a valid file, then flip a bit in its middle, or keep its first half."""
    write_fields(path, fields=base, version=1)
    contents = bytearray(path.read_bytes())
    if flipped:
        contents[len(contents) // 2] ^= 1
    path.write_bytes(contents if flipped else contents[: len(contents) // 2])


def _version(path: Path) -> int:
    with h5py.File(path, "r") as file:
        attributes: Any = file["ipvae"].attrs
        return int(attributes["format_version"])


def _fields(path: Path) -> Fields:
    """All datasets of a file of the suite, which is trusted."""
    found: Fields = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()], dtype=item.dtype)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found
