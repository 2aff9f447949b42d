"""Conversion of a float model to a graph of NIR, the Neuromorphic Intermediate Representation.

NIR's nodes are equations in continuous time. Euler's method with a time step of 1 gives the model's
updates. NIR has no neuron that draws counts, and none with a graded threshold. Its Threshold node,
which sends 0 or 1, replaces them, and its metadata describe the original.

References
----------
Pedersen, Abreu, Jobst et al., "Neuromorphic intermediate representation: A unified instruction
set for interoperable brain-inspired computing", Nature Communications 15, 8122, 2024.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from ipvae.errors import InputError
from ipvae.export.exporters.feedforward import CEILING
from ipvae.export.importers.arrays import from_parameters
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.lca import Lca, lca

EVEN_ODDS = math.log(math.log(2.0))
"""Log-rate in nats at which counts 0 and above 0 are equally likely: 1 - exp(-exp(u)) = 1/2."""

CLAMP = (-8.0, 10.0)
"""Hard lower and soft upper limit of a log-rate and of its change, in nats, as in the float
models."""

_STEP = "time: a step is one unit of time; other time steps than 1 give another network"
_REAL = "pixels: their integer range, and every rule of integers; NIR holds real numbers"
_DRAW = (
    "counts: Poisson's draw with rate exp(u); the Threshold sends 1 where a count above 0 is at "
    "least as likely as 0, and 0 elsewhere"
)

Edges = list[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Graph:
    """Model as NIR nodes and edges, with a description of what NIR cannot represent.

    Attributes
    ----------
    nodes : by name; weights float32
    edges : (from, to)
    lost : description of what the nodes lack
    """

    nodes: dict[str, nir.NIRNode]
    edges: Edges
    lost: tuple[str, ...]


def graph_of(checkpoint: Checkpoint, threshold: float | None = None) -> Graph:
    """Graph of a trained model, or of LCA on its dictionary if a threshold is given.

    Raises
    ------
    InputError
        If NIR has no nodes for the model.
    DataError
        If the threshold is not above 0.
    """
    params, member = checkpoint.params, checkpoint.member
    if threshold is not None:
        return lca_graph(lca(params["phi"], threshold, nonnegative=member.latent != "gaussian"))
    if (member.latent, member.inference) == ("poisson", "iterative"):
        return iterative_graph(params)
    if (member.latent, member.inference, member.encoder) == ("poisson", "amortized", "linear"):
        return amortized_graph(params)
    raise InputError(
        f"NIR has no nodes for a model '{checkpoint.model}' ({_why(checkpoint)}); allowed are "
        "ipvae and pvae-linear, and inference=lca for any"
    )


def _why(checkpoint: Checkpoint) -> str:
    """Part of a model that NIR lacks, for a message."""
    member = checkpoint.member
    if member.latent != "poisson":
        return "its latents are real numbers with noise"
    if member.inference != "amortized":
        return "each image starts its iteration from an encoder's guess"
    return "its encoder's hidden neurons are swish"


def iterative_graph(params: Mapping[str, np.ndarray]) -> Graph:
    """Graph of an iP-VAE: u' = u + b - G z, b = a (Phi^T D x - exp(c)), G = a Phi^T D Phi.

    Parameters
    ----------
    params : parameters of a checkpoint
        `phi` (M, K), `u0` (K), `log_bias` (K), `log_lr` (), `log_sigma_raw` (M).
    """
    network = from_parameters(dict(params))
    low, high = CLAMP
    drive = nir.Affine(
        _real(network.feedforward()),
        _real(-network.step_size * network.bias),
        metadata={"step_size": network.step_size, "sigma": network.sigma},
    )
    state = nir.I(
        np.ones(len(network.u0), np.float32),
        metadata={"start": network.u0, "floor": low, "soft_ceiling": high},
    )
    lost = (
        _DRAW,
        "u: where it starts (metadata 'start'); NIR's integrator starts anywhere",
        f"u: the clamp of its change and of itself, {low:g} to softly {high:g}; without counts and "
        "clamp it does not reconstruct images",
        _STEP,
        _REAL,
    )
    if "recurrent_change" in params:
        lost += ("feedback: how training rounds it for few bits; the nodes hold it unrounded",)
    looped = {"u": state, "feedback": nir.Linear(_real(-network.gram()))}
    return _graph(drive, looped, {"counts": _poisson(len(network.u0))}, network.phi, lost)


def amortized_graph(params: Mapping[str, np.ndarray]) -> Graph:
    """Graph of an amortized P-VAE with a linear encoder: u = prior + W x + b, no loop.

    Parameters
    ----------
    params : parameters of a checkpoint
        `phi` (M, K), `u0` (K), `encoder_weight` (K, M), `encoder_bias` (K), ...
    """
    offset = params["encoder_bias"].astype(np.float64) + params["u0"].astype(np.float64)
    drive = nir.Affine(
        _real(params["encoder_weight"]),
        _real(offset),
        metadata={"prior": params["u0"], "soft_ceiling": CEILING},
    )
    lost = (_DRAW, f"u: its soft ceiling, {CEILING:g}", _REAL)
    return _graph(drive, {}, {"counts": _poisson(len(offset))}, params["phi"], lost)


def lca_graph(solver: Lca) -> Graph:
    """Graph of sparse coding: u' = u + h (A^T x - u - (A^T A - 1) a), a = soft threshold of u."""
    k = solver.atoms.shape[1]
    competition = solver.atoms.T @ solver.atoms - np.eye(k)
    state = nir.LI(
        tau=np.full(k, 1.0 / solver.step_size, np.float32),
        r=np.ones(k, np.float32),
        v_leak=np.zeros(k, np.float32),
        metadata={"start": np.zeros(k)},
    )
    code = nir.Threshold(
        np.full(k, solver.threshold, np.float32),
        metadata={"neuron": "soft threshold", "both_signs": int(not solver.nonnegative)},
    )
    signs = "" if solver.nonnegative else ", and nothing of negative codes"
    lost = (
        "codes: how large it is, max(u - threshold, 0); the Threshold sends 1 where it is above 0"
        + signs,
        _STEP,
        _REAL,
    )
    looped = {"u": state, "feedback": nir.Linear(_real(-competition))}
    drive = nir.Linear(_real(solver.atoms.T))
    return _graph(drive, looped, {"codes": code}, solver.atoms, lost)


def _poisson(k: int) -> nir.Threshold:
    """Replacement for Poisson neurons."""
    return nir.Threshold(
        np.full(k, EVEN_ODDS, np.float32),
        metadata={"neuron": "poisson", "link": "exp", "unit": "nats"},
    )


def _graph(
    drive: nir.NIRNode,
    looped: dict[str, nir.NIRNode],
    code: dict[str, nir.NIRNode],
    decoder: np.ndarray,
    lost: tuple[str, ...],
) -> Graph:
    """Connect image -> drive [-> u <- feedback] -> code -> decoder -> reconstruction.

    The graph has only one output and no node named `code`: NIRTorch 2.6 cannot find the end of a
    loop with two outputs, and its modules have an attribute `code`.
    """
    size: Any = np.array([len(decoder)])
    nodes = {"image": nir.Input(size), "drive": drive, **looped, **code}
    nodes |= {"decoder": nir.Linear(_real(decoder)), "reconstruction": nir.Output(size)}
    (sender,) = code
    path = ["image", "drive", *(["u"] if looped else []), sender, "decoder", "reconstruction"]
    edges = list(itertools.pairwise(path))
    edges += [(sender, "feedback"), ("feedback", "u")] if looped else []
    return Graph(nodes, edges, lost)


def _real(array: np.ndarray) -> np.ndarray:
    """Weights in the number type of NIR's readers."""
    return np.ascontiguousarray(array, dtype=np.float32)
