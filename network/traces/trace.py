"""Traces: every variable of every neuron at every step, and their comparison.

A trace file contains ``/samples/<image index>/<layer>/<variable>``, arrays (rows, neurons) of
int32, with seed, network checksum and backend as attributes. All backends have the same list of
variables. A trace may contain every n-th step or some neurons only
(`ipvae.network.traces.selection`).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ipvae.errors import FormatError, InputError
from ipvae.files import atomic_path
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.hdf5_child import shown
from ipvae.network.io.hdf5_output import Output
from ipvae.network.traces.digest import DIGEST, TraceDigest
from ipvae.outputs import require_outputs, trace_output

ATTRIBUTES = {"backend": str, "seed": int, "network_checksum": str, "steps": int}
EVERY = "every"
"""Attribute of a trace of every n-th step; without it the trace has every step."""
HOLD = "hold"
"""Attribute of a trace of streams: updates that each frame drives. Absent for images."""
MOST_DATASETS = 2**20
VARIABLES = ("a_in", "u", "z")
"""Recorded at every step: input received, log-rate after the update, count drawn."""
COMPUTED = ("a_in", "u", "current", "voltage", "sigma", "residue", "reference", "z")
"""Variables of all kinds of neurons, in the order of computation."""


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Recording of a run on one backend.

    Attributes
    ----------
    backend : str
    seed : int
    checksum : str
        Content checksum of the network that ran.
    samples : list of {layer: {variable: (rows, n) int32}}
        One entry per image, in image order: rows 0..T of all neurons, unless limited by
    every : int
        Rows of the steps 0, every, 2 every, ...
    neurons : dict of layer -> (n,) int32
        Recorded neurons of each layer for which not all are recorded.
    hold : int, optional
        For streams (`ipvae.network.rules.stream`): updates that each frame drives.
    """

    backend: str
    seed: int
    checksum: str
    samples: list[dict[str, dict[str, np.ndarray]]]
    every: int = 1
    neurons: dict[str, np.ndarray] = field(default_factory=dict)
    hold: int | None = None

    @property
    def steps(self) -> int:
        """Last recorded step; equal to the updates after step 0 (T) if all are recorded."""
        first = next(iter(self.samples[0].values()))
        return (next(iter(first.values())).shape[0] - 1) * self.every

    @property
    def complete(self) -> bool:
        """True if every step and neuron of the recorded layers is present."""
        return self.every == 1 and not self.neurons

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a trace file (docs/spec/trace.md), completely or not at all.

        Raises
        ------
        InputError
            If it cannot be written, a trace exists and `overwrite` is False, or the path is
            anything else.
        """
        require_outputs([trace_output(path, overwrite=overwrite)])
        write_trace(path, self)

    def __repr__(self) -> str:
        first = self.samples[0] if self.samples else {}
        names = ", ".join(f"{layer}/{name}" for layer, held in first.items() for name in held)
        return f"Trace({self.backend}, {len(self.samples)} images, {names})"

    def stacked(self, layer: str, variable: str) -> np.ndarray:
        """One variable of all images: (N, T + 1, K) int32.

        Raises
        ------
        InputError
            If the trace does not hold it.
        """
        try:
            return np.stack([sample[layer][variable] for sample in self.samples])
        except KeyError:
            held = {name: sorted(found) for name, found in self.samples[0].items()}
            raise InputError(
                f"trace: has no variable '{variable}' of layer '{layer}'; it has {held}. Record it "
                "with record=."
            ) from None


@dataclass(frozen=True)
class Comparison:
    """Outcome of comparing a trace with the reference."""

    compared_values: int
    first_divergence: dict | None


def compare(reference: Trace, other: Trace) -> Comparison:
    """Compare all values of two traces.

    Returns
    -------
    Comparison
        `compared_values` counts the values present on both sides. If the extents differ (images,
        layers, variables, shape), the traces diverge at the first missing value.
        `first_divergence` is the earliest in the order sample, step, layer, variable, index.

    Raises
    ------
    InputError
        If they contain different steps or neurons.
    """
    _require_same_choice(reference, other)
    compared, first = 0, None
    n = max(len(reference.samples), len(other.samples))
    for i in range(n):
        ours = reference.samples[i] if i < len(reference.samples) else {}
        theirs = other.samples[i] if i < len(other.samples) else {}
        found = []
        for order, (layer, variable) in enumerate(_names(ours, theirs)):
            a = ours.get(layer, {}).get(variable)
            b = theirs.get(layer, {}).get(variable)
            where = {"backend": other.backend, "sample": i, "layer": layer, "variable": variable}
            if a is None or b is None or a.shape != b.shape:
                shapes = [None if x is None else list(x.shape) for x in (a, b)]
                found.append((-1, order, -1, where, *shapes))
                continue
            compared += a.size
            for step, index in np.argwhere(a != b)[:1]:
                expected, seen = int(a[step, index]), int(b[step, index])
                found.append((int(step), order, int(index), where, expected, seen))
        if found and first is None:
            row, _, column, where, expected, seen = min(found, key=lambda f: f[:3])
            step = row * other.every if row >= 0 else row
            chosen = other.neurons.get(where["layer"])
            index = column if chosen is None or column < 0 else int(chosen[column])
            first = {**where, "step": step, "index": index, "expected": expected, "found": seen}
    return Comparison(compared, first)


def _require_same_choice(reference: Trace, other: Trace) -> None:
    same = reference.every == other.every and reference.neurons.keys() == other.neurons.keys()
    if not same or any(
        not np.array_equal(chosen, other.neurons[name])
        for name, chosen in reference.neurons.items()
    ):
        raise InputError(
            f"traces of {reference.backend} and {other.backend}: they hold other steps or neurons; "
            "record both with the same choice"
        )


def _names(*samples: dict) -> list[tuple[str, str]]:
    """All (layer, variable) pairs; variables in the order of computation within a step."""
    pairs = {(layer, v) for sample in samples for layer, found in sample.items() for v in found}
    rank = {name: i for i, name in enumerate(COMPUTED)}
    return sorted(pairs, key=lambda p: (_number(p[0]), p[0], rank.get(p[1], len(rank)), p[1]))


def _number(layer: str) -> int:
    return int(layer) if layer.isascii() and layer.isdigit() else -1


def write_header(f: h5py.File, trace: Trace, steps: int, digest: TraceDigest) -> None:
    """Write the attributes of a trace file; `steps` is the last recorded step."""
    for name, value in _attributes(trace, steps).items():
        f.attrs[name] = value
    for layer, chosen in trace.neurons.items():
        path, values = f"neurons/{layer}", chosen.astype(np.int32)
        f[path] = values
        digest.add(path, 0, values, values.shape)


def write_digest(f: h5py.File, trace: Trace, steps: int, digest: TraceDigest) -> None:
    """Write the digest of everything written."""
    text = digest.text(_attributes(trace, steps))
    if text is not None:
        f.attrs[DIGEST] = text


def _attributes(trace: Trace, steps: int) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "backend": trace.backend,
        "seed": trace.seed,
        "network_checksum": trace.checksum,
        "steps": steps,
    }
    if trace.every > 1:
        found[EVERY] = trace.every
    if trace.hold is not None:
        found[HOLD] = trace.hold
    return found


def write_trace(path: str | Path, trace: Trace) -> None:
    """Write a trace file; it replaces an old file only when it is complete."""
    with (
        atomic_path(path) as temporary,
        Output(temporary) as output,
        h5py.File(output, "w") as f,
    ):
        digest = TraceDigest()
        write_header(f, trace, trace.steps, digest)
        for i, sample in enumerate(trace.samples):
            for layer, variables in sample.items():
                for name, values in variables.items():
                    path, data = f"samples/{i}/{layer}/{name}", values.astype(np.int32)
                    f.create_dataset(path, data=data, compression="gzip", compression_opts=1)
                    digest.add(path, 0, data, data.shape)
                    output.require_written()
        write_digest(f, trace, trace.steps, digest)


def read_trace(path: str | Path, *, check_digest: bool = True) -> Trace:
    """Read a trace file.

    Parameters
    ----------
    path : str or Path
    check_digest : bool
        Reject a trace that was changed since it was written; False if every value is compared.

    Raises
    ------
    FormatError
        If the file is missing, damaged or not a trace.
    """
    path = Path(path)
    attributes: dict = {}

    def approve(datasets: dict, found: dict) -> None:
        attributes.update(found.get("/", {}))
        for missing in ATTRIBUTES.keys() - attributes.keys():
            raise FormatError(f"{path}: not an ipvae trace file (no attribute {missing})")
        for name, kind in ATTRIBUTES.items():
            if not isinstance(attributes[name], kind):
                raise FormatError(
                    f"{path}: attribute {name} is {type(attributes[name]).__name__}, allowed is "
                    f"{kind.__name__}"
                )
        for name in (EVERY, HOLD):
            value = attributes.get(name, 1)
            if not isinstance(value, int) or value < 1:
                raise FormatError(
                    f"{path}: attribute {name} is {shown(value)}, allowed 1 and above"
                )
        _check_datasets(path, datasets, attributes["steps"], attributes.get(EVERY, 1))

    wanted = {"/": [*sorted(ATTRIBUTES), EVERY, HOLD, DIGEST]}
    datasets = read_datasets(path, approve, wanted, most=MOST_DATASETS, gzip=True)
    stored = attributes.pop(DIGEST, None)  # absent in earlier versions
    if check_digest and stored is not None:
        _require_unchanged(path, attributes, datasets, stored)
    samples: dict[int, dict] = {}
    neurons = {name.split("/")[1]: v for name, v in datasets.items() if _CHOSEN.fullmatch(name)}
    for name, values in datasets.items():
        if _CHOSEN.fullmatch(name):
            continue
        _, image, layer, variable = name.split("/")
        samples.setdefault(int(image), {}).setdefault(layer, {})[variable] = values
    return Trace(
        attributes["backend"],
        attributes["seed"],
        attributes["network_checksum"],
        [samples[i] for i in sorted(samples)],
        attributes.get(EVERY, 1),
        neurons,
        attributes.get(HOLD),
    )


def _require_unchanged(
    path: Path, attributes: dict, datasets: dict[str, np.ndarray], stored: str
) -> None:
    """Reject a file whose contents do not match the digest stored with them."""
    digest = TraceDigest()
    for name, values in datasets.items():
        digest.add(name, 0, values, values.shape)
    if digest.text(attributes) != stored:
        raise FormatError(
            f"{path}: changed since it was written (its contents do not match {DIGEST}): it is "
            f"damaged, or was edited; copy or record it again, or remove the attribute {DIGEST}"
        )


_CHOSEN = re.compile(r"neurons/[^/]+")


def _check_datasets(path: Path, datasets: dict, steps: int, every: int) -> None:
    """Check names, types and shapes before contents are read."""
    images, widths = set(), {}
    for name, (dtype, shape) in datasets.items():
        if _CHOSEN.fullmatch(name):
            if dtype != np.int32 or len(shape) != 1 or shape[0] < 1:
                raise FormatError(
                    f"{path}: dataset /{shown(name)} is {dtype} of shape {shape}, allowed int32 "
                    "(neurons,)"
                )
            widths[name.split("/")[1]] = shape[0]
    for name, (dtype, shape) in datasets.items():
        if _CHOSEN.fullmatch(name):
            continue
        found = re.fullmatch(r"samples/(0|[1-9]\d{0,9})/([^/]+)/([^/]+)", name)
        if found is None:
            raise FormatError(f"{path}: not an ipvae trace file (found dataset /{shown(name)})")
        rows = steps // every + 1
        if dtype != np.int32 or len(shape) != 2 or shape[0] != rows or shape[1] < 1:
            raise FormatError(
                f"{path}: dataset /{shown(name)} is {dtype} of shape {shape}, allowed int32 "
                f"of (steps + 1, neurons) with {steps} steps"
                + (f", every {every}th of them" if every > 1 else "")
            )
        if shape[1] != widths.get(found[2], shape[1]):
            raise FormatError(
                f"{path}: dataset /{shown(name)} has {shape[1]} neurons, /neurons/"
                f"{shown(found[2])} names {widths[found[2]]}"
            )
        images.add(int(found[1]))
    if images != set(range(len(images))) or not images:
        raise FormatError(f"{path}: not an ipvae trace file (images are not numbered from 0)")
