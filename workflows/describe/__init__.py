"""Descriptions of networks, trained models and traces."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.io.lava_dl_file import is_plain, read_plain
from ipvae.network.io.network_file import read_network
from ipvae.network.network import Network
from ipvae.network.traces.trace import Trace, read_trace
from ipvae.workflows.describe.other_files import MODEL, NETWORK, TRACE, known_file
from ipvae.workflows.describe.summary import (
    any_network_summary,
    model_summary,
    network_summary,
    trace_facts,
    trace_summary,
)
from ipvae.workflows.results import Result, Table

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint

    Subject = IntNetwork | Network | Checkpoint | Trace


@dataclass(frozen=True, eq=False, repr=False)
class Description(Result):
    """Facts of a network, a trained model or a trace.

    Attributes
    ----------
    name : str
        Path that was read, or the kind of an object in memory.
    facts : dict
        JSON data; `layers`, if present, is a list of dict.
    layer_table : Table or None
        The layers as text.
    summary : tuple of str
        Main facts: kind and size, quality, fit to the target, and the next command.
    """

    name: str
    facts: dict[str, Any]
    layer_table: Table | None = None
    summary: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """Return the facts without the layers: pairs of name and text."""
        return [
            (key, str(value))
            for key, value in self.facts.items()
            if not isinstance(value, dict) and key != "layers"
        ]

    def shown(self) -> list[Table | str]:
        """Return the summary, a table of the facts and a table of the layers."""
        facts = Table(self.name, ["", ""], [list(row) for row in self.rows()])
        layers = [] if self.layer_table is None else [self.layer_table]
        return [*self.summary, facts, *layers]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae info --json`."""
        return self.facts


def describe(subject: "Subject | str | Path") -> Description:
    """Describe a network, a trained model or a trace.

    Parameters
    ----------
    subject : network, trained model, trace, or a path

    Raises
    ------
    FormatError, CheckpointError
        If a file cannot be read.

    Examples
    --------
    >>> import ipvae
    >>> ipvae.describe("net.h5").facts["neurons"]  # doctest: +SKIP
    512
    """
    if isinstance(subject, (str, Path)):
        return _describe(_read(Path(subject)), str(subject))
    return _describe(subject, "")


def _read(path: Path) -> "Subject":
    known = known_file(path)
    if known is not None and known.kind not in (NETWORK, MODEL, TRACE):
        raise InputError(
            f"{known.path}: a network, a trained model or a trace is described here; this "
            f"{known.text}"
        )
    if known is not None and known.kind == TRACE:
        return read_trace(path)
    if is_plain(path):
        return read_plain(path)
    if path.suffix == ".h5" or (known is not None and known.kind == NETWORK):
        return read_network(path)
    from ipvae.workflows.models import load_model

    return load_model(path)


def _describe(subject: "Subject", name: str) -> Description:
    given = name or "NET.h5"
    if isinstance(subject, Trace):
        facts = trace_facts(subject)
        return Description(name or facts["kind"], facts, None, trace_summary(facts, name or "A.h5"))
    if isinstance(subject, Network):
        from ipvae.workflows.describe.any_network import layer_table, network_facts

        facts = network_facts(subject)
        text = any_network_summary(facts, given)
        return Description(name or facts["kind"], facts, layer_table(facts), text)
    if isinstance(subject, IntNetwork):
        from ipvae.workflows.describe.integer_network import layer_table, network_facts

        facts = network_facts(subject)
        text = network_summary(subject, facts, given)
        return Description(name or facts["kind"], facts, layer_table(facts), text)
    facts = model_facts(subject)
    return Description(name or facts["kind"], facts, None, model_summary(facts, name or "MODEL"))


def model_facts(model: "Checkpoint") -> dict[str, Any]:
    """Return the facts of a trained model."""
    return {
        "kind": "trained model",
        "model": model.model,
        "latent": model.member.latent,
        "inference": model.member.inference,
        "encoder": model.member.encoder or "none",
        "pixels": model.n_pixels,
        "neurons": model.n_latents,
        "data": model.data.preset,
        "image_shape": list(model.data.image_shape),
        "parameters": sum(array.size for array in model.params.values()),
        "config": model.config.to_json() if model.config else {},
        "metrics": model.metrics,
    }
