"""Reading of networks and traces, and differences between two of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, overload

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.io.hdf5_child import shown as printable
from ipvae.network.io.lava_dl_file import is_plain, read_plain
from ipvae.network.io.network_file import checksum, read_network
from ipvae.network.network import Network
from ipvae.network.network_difference import RUNS, Difference, differences, network_differences
from ipvae.network.traces.trace import Trace, compare, read_trace
from ipvae.report.html.counted_nouns import number_of
from ipvae.workflows.boundary import public
from ipvae.workflows.describe.other_files import NETWORK, TRACE, known_file, refuse_other
from ipvae.workflows.graphs.beside import LayerTrace, lay_beside
from ipvae.workflows.graphs.imported import SpikingModel, is_graph_folder
from ipvae.workflows.results import Result, Table

LONGEST = 40
"""Maximum number of characters of a value."""


@dataclass(frozen=True, eq=False, repr=False)
class NetworkDiff(Result):
    """Differences between two networks.

    Attributes
    ----------
    differences : tuple of Difference
        Fields with both values: `name`, `part` (runs, judged or noted), `first`, `second`,
        `detail`.
    checksums : tuple of str
    """

    differences: tuple[Difference, ...]
    checksums: tuple[str, str]

    @property
    def same(self) -> bool:
        """True if there are no differences."""
        return not self.differences

    @property
    def runs_alike(self) -> bool:
        """True if the same images give the same counts."""
        return not any(d.part == RUNS for d in self.differences)

    def rows(self) -> list[tuple[str, str]]:
        """Return the differing fields: pairs of name and text."""
        if self.same:
            return [("same", "True")]
        return [(d.name, f"{d.first} != {d.second}") for d in self.differences]

    def shown(self, first: str = "first", second: str = "second") -> list[Table | str]:
        """Return the verdict, then the differing fields.

        `first` and `second` are the names of the networks, usually paths.
        """
        if self.same:
            return [f"equal: {first} and {second} hold the same network"]
        rows = [
            [printable(d.name), _short(d.first), _short(d.second), d.detail]
            for d in self.differences
        ]
        heads = ["", Path(first).name, Path(second).name, ""]
        return [self._verdict(), Table(f"{first} against {second}", heads, rows)]

    def _verdict(self) -> str:
        """Line with the kind of difference, its meaning, and the first difference."""
        first = next((d for d in self.differences if d.part == RUNS), self.differences[0])
        may = "compute the same" if self.runs_alike else "may compute different"
        where = printable(first.name) + (f" ({first.detail})" if first.detail else "")
        number = len(self.differences)
        return (
            f"different: {number_of(number, 'field')} differ{'s' * (number == 1)}, from the same "
            f"images they {may} counts; first: {where}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae diff --json`."""
        return {
            "same": self.same,
            "runs_alike": self.runs_alike,
            "checksums": list(self.checksums),
            "differences": [vars(d) for d in self.differences],
        }


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else printable(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


@dataclass(frozen=True, eq=False, repr=False)
class TraceDiff(Result):
    """Differences between two traces.

    Attributes
    ----------
    compared_values : int
        Values that both traces contain.
    first_divergence : dict or None
        Earliest difference: `sample`, `step`, `layer`, `variable`, `index`, `expected`, `found`.
    """

    compared_values: int
    first_divergence: dict[str, Any] | None

    @property
    def same(self) -> bool:
        """True if both traces contain the same values."""
        return self.first_divergence is None

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("same", str(self.same)),
            ("compared values", f"{self.compared_values:,}"),
            ("first divergence", str(self.first_divergence)),
        ]

    def shown(self, first: str = "first", second: str = "second") -> list[Table | str]:
        """Return the verdict and the first difference, with the names of the traces."""
        values = f"{number_of(self.compared_values, 'value')} compared"
        if self.first_divergence is None:
            return [f"equal: {first} and {second} hold the same values ({values})"]
        at = self.first_divergence
        place = ", ".join(
            f"{name} {at[name]}" for name in ("sample", "step", "layer", "variable", "index")
        )
        return [
            f"different: {first} and {second} differ first at {place}: {at['expected']} and "
            f"{at['found']} ({values})"
        ]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""
        return {
            "same": self.same,
            "compared_values": self.compared_values,
            "first_divergence": self.first_divergence,
        }


@public
def load_network(path: str | Path) -> IntNetwork:
    """Read a network file; `network.save(path)` writes one.

    Parameters
    ----------
    path : .h5 file of any version, or a .net file of lava-dl

    Returns
    -------
    IntNetwork, or Network for a lava-dl file

    Raises
    ------
    FormatError
        If the file is missing, damaged, foreign or newer than this version.
    """
    if is_lava_dl(path):
        # One description will replace both; until then type checkers see IntNetwork.
        return cast(IntNetwork, load_lava_dl(path))
    return load_own_network(path)


def load_own_network(path: str | Path) -> IntNetwork:
    """Read a network file written by ipvae; raise FormatError for any other file."""
    refuse_other(path, NETWORK)
    return read_network(path)


def load_lava_dl(path: str | Path) -> Network:
    """Read a lava-dl network; raise FormatError for parts that netx cannot run exactly."""
    refuse_other(path, NETWORK)
    return read_plain(path)


def is_lava_dl(path: str | Path) -> bool:
    """Return whether a file is a network in lava-dl's layout that ipvae did not write."""
    return is_plain(path)


@public
def load_trace(path: str | Path) -> Trace:
    """Read a trace file of `ipvae run --trace` or `trace.save(path)`.

    Raises
    ------
    FormatError
        If the file is missing, damaged or not a trace.
    """
    refuse_other(path, TRACE)
    return read_trace(Path(path))


@overload
def diff(
    first: IntNetwork | Network | Trace | str | Path,
    second: IntNetwork | Network | Trace | str | Path,
) -> NetworkDiff | TraceDiff: ...


@overload
def diff(
    first: SpikingModel | str | Path,
    second: IntNetwork | Network | str | Path,
    *,
    images: Any,
    image: int = 0,
    layer: str | None = None,
) -> LayerTrace: ...


def diff(
    first: SpikingModel | IntNetwork | Network | Trace | str | Path,
    second: IntNetwork | Network | Trace | str | Path,
    *,
    images: Any = None,
    image: int = 0,
    layer: str | None = None,
) -> NetworkDiff | TraceDiff | LayerTrace:
    """Compare two networks, or two traces, or an imported network with its integers.

    Parameters
    ----------
    first, second : networks, traces, or paths of their files
        Both of one kind; or a network of another tool, or its folder, and the integer network that
        `ipvae.quantize` made of it, of which a layer is compared on one image, step by step.
    images : array or path of an .npy file, optional
        For the network of another tool: spikes (n, steps, ...), or images (n, ...).
    image : int
        Number of the image.
    layer : str, optional
        Id of the layer, or its node; by default the first whose spikes differ, else the last.

    Raises
    ------
    InputError
        If one is a network and the other a trace, or the integers are of another network.
    FormatError
        If a file cannot be read.
    """
    if isinstance(first, SpikingModel) or (
        isinstance(first, (str, Path)) and is_graph_folder(first)
    ):
        network = _comparable(second) if isinstance(second, (str, Path)) else second
        if isinstance(network, Trace):
            raise InputError("diff: found a trace beside an imported network, allowed is a network")
        return lay_beside(first, network, images, image, layer)
    if images is not None or layer is not None:
        raise InputError(
            "images and layer: found with two networks or traces, allowed where the first is an "
            "imported network; omit them"
        )
    a, b = (_comparable(x) if isinstance(x, (str, Path)) else x for x in (first, second))
    if isinstance(a, Trace) and isinstance(b, Trace):
        found = compare(a, b)
        return TraceDiff(found.compared_values, found.first_divergence)
    if isinstance(a, IntNetwork) and isinstance(b, IntNetwork):
        return NetworkDiff(tuple(differences(a, b)), (checksum(a), checksum(b)))
    if isinstance(a, Network) and isinstance(b, Network):
        return NetworkDiff(tuple(network_differences(a, b)), (checksum(a), checksum(b)))
    raise InputError(f"diff: found {_noun(a)} and {_noun(b)}, allowed two networks or two traces")


def _comparable(path: str | Path) -> IntNetwork | Trace:
    found = known_file(path)
    is_trace = found is not None and found.kind == TRACE
    return load_trace(path) if is_trace else load_network(path)


def _noun(given: object) -> str:
    """Noun for the type of an argument, for messages."""
    nouns = (
        (IntNetwork, "a network"),
        (Network, "a network of connections"),
        (Trace, "a trace"),
    )
    return next((noun for kind, noun in nouns if isinstance(given, kind)), type(given).__name__)
