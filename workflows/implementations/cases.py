"""Cases of the conformance suite: networks with their traces, and files or runs to refuse."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.network.io.network_file import write_fields
from ipvae.network.traces.trace import Trace, read_trace
from ipvae.workflows.implementations.content import CHANGES, ONE
from ipvae.workflows.implementations.fields import VECTORS, changed, find, read, version, write
from ipvae.workflows.implementations.program import read_csv_trace
from ipvae.workflows.implementations.refused_runs import RUNS
from ipvae.workflows.implementations.rules import named
from ipvae.workflows.implementations.structure import BYTES, edits

ONE_LAYER, LAYERS, REFUSALS = "one layer", "several layers", "refusals"
CONNECTED = {
    "cuba": "CUBA",
    "conv": "convolutions",
    "sigma": "sigma-delta",
    "driven": "Poisson and graded",
    "lif": "LIF",
}
"""Level of a network of connections, by the first part of its name."""
LISTED = ("random source", "sampler", "streams")
"""Levels of the runs in docs/vectors/levels.csv."""
WHOLE = (ONE_LAYER, LAYERS, *CONNECTED.values())
"""Levels of file versions 1, 2 and 3, by kinds of neurons."""
LEVELS = (*LISTED[:2], *WHOLE, *LISTED[2:], REFUSALS)
"""Levels of the suite."""

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


@dataclass(frozen=True)
class RunCase:
    """A network with the trace that every implementation must give.

    Attributes
    ----------
    name, level : str
    network : Path
    trace : Trace
    images : (n, M) or (n, T, M) int16
    steps : int
        T.
    first_image : int
        Index of the first image in the random source.
    """

    name: str
    level: str
    network: Path
    trace: Trace
    images: np.ndarray
    steps: int
    first_image: int = 0


@dataclass(frozen=True)
class FileCase:
    """A file that breaks one rule, or nearly.

    Attributes
    ----------
    name : str
    rule : str
        Rule that the file or run breaks, or would break with another number: docs/spec/refusals.md.
    accepted : bool
        Whether an implementation must read it and run it; else it must refuse it.
    images : (1, M) int16
        An image of the network.
    write : callable (path)
        Makes the file.
    steps, seed, first_image : int
        Of the run.
    """

    name: str
    rule: str
    accepted: bool
    images: np.ndarray
    write: Callable[[Path], None] = field(repr=False)
    steps: int = 1
    seed: int = 0
    first_image: int = 0


def run_cases(levels: tuple[str, ...]) -> Iterator[RunCase]:
    """Yield the networks of the chosen levels, in the order of their levels and names."""
    for path in sorted((VECTORS / "runs").glob("*.net.h5")):
        level = ONE_LAYER if version(path) == 1 else LAYERS
        if level in levels:
            name = path.name.removesuffix(".net.h5")
            trace = read_trace(path.with_name(f"{name}.trace.h5"))
            images = read(path)["ipvae/test/images"][: len(trace.samples)]
            yield RunCase(name, level, path, trace, images, trace.steps)
    for path in sorted((VECTORS / "networks").glob("*.net.h5")):
        name = path.name.removesuffix(".net.h5")
        level = CONNECTED[name.split("-")[0]]
        if level in levels:
            trace = read_trace(path.with_name(f"{name}.trace.h5"))
            images = np.load(path.with_name(f"{name}.images.npy"))
            driven = any("u" in variables for variables in trace.samples[0].values())
            steps = trace.steps + (0 if driven else 1)
            yield RunCase(name, level, path, trace, images, steps)
    yield from _listed(levels)


def _listed(levels: tuple[str, ...]) -> Iterator[RunCase]:
    with (VECTORS / "levels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["level"] not in levels:
                continue
            name, seed = row["name"], int(row["seed"])
            trace = read_csv_trace(VECTORS / "levels" / f"{name}.trace.csv", seed)
            images = np.load(VECTORS / "levels" / f"{row['images']}.images.npy")
            network, first = VECTORS / row["network"], int(row["first_image"])
            yield RunCase(name, row["level"], network, trace, images, int(row["steps"]), first)


def file_cases() -> Iterator[FileCase]:
    """Yield files and runs that must be refused, each for one rule, and some that must not."""
    yield from _ranges()
    yield from _structures()
    yield from _contents()


def _ranges() -> Iterator[FileCase]:
    """Files of version 1 at the ends of each range and beyond, with a dataset too few or many."""
    base = read(find(ONE))
    base["layer/1/neuron/uInit"] = np.zeros_like(base["layer/1/neuron/uInit"])
    one = base["ipvae/test/images"][:1]

    def case(name: str, rule: str, write: Callable[..., None], accepted: bool = False) -> FileCase:
        return FileCase(name, named(rule), accepted, one, write)

    with (VECTORS / "ranges.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name, value = row["dataset"], int(row["value"])
            made = partial(write, fields=changed(base, {name: value}), number=1)
            rule = RULE_OF.get(name, "R20")
            yield case(f"{name} = {value}", rule, made, row["accepted"] == "1")
    for name in base:
        yield case(f"without {name}", "R13", partial(write, fields=_without(base, name), number=1))
    more = {**base, "ipvae/more": np.zeros(1, np.int32)}
    yield case("with ipvae/more", "R14", partial(write_fields, fields=more, version=1))
    yield case("version 99", "R5", partial(write_fields, fields=base, version=99))


def _structures() -> Iterator[FileCase]:
    """Files that are damaged, or stored in another way."""
    base = changed(read(find(ONE)), {"layer/1/neuron/messageBits": 12})
    one = base["ipvae/test/images"][:1]
    for damage in BYTES:
        yield FileCase(
            damage.name, named(damage.rule), False, one, partial(damage.write, fields=base)
        )
    for name, rule, accepted, edit in edits():
        made = partial(write, fields=base, number=1, edit=edit)
        yield FileCase(name, named(rule), accepted, one, made)


def _contents() -> Iterator[FileCase]:
    """Files with other contents, and runs with other arguments."""
    bases = {name: find(name) for name in {change.base for change in (*CHANGES, *RUNS)}}
    networks = {name: (read(path), version(path)) for name, path in bases.items()}
    for change in (*CHANGES, *RUNS):
        fields, number = networks[change.base]
        size = int(np.prod(fields["layer/0/shape"]))
        image = np.zeros((1, size), np.int16)
        if "pixel" in change.run:
            image[0, -1] = change.run["pixel"]
        yield FileCase(
            change.name,
            named(change.rule),
            change.accepted,
            image,
            partial(
                write,
                fields=changed(fields, change.fields),
                number=change.version or number,
                edit=_name_minor if "ipvae/decoder/layer" in change.fields else None,
            ),
            change.run.get("steps", 1),
            change.run.get("seed", 0),
            change.run.get("first_image", 0),
        )


def _name_minor(file: Any) -> None:
    """Name minor version 1, which datasets of a decoder need."""
    file["ipvae"].attrs["format_minor"] = np.int64(1)


def _without(base: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {path: array for path, array in base.items() if path != name}
