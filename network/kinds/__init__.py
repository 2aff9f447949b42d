"""Kinds of neurons: parameters, variables and limits of each; one file a kind."""

from ipvae.network.kinds.base import NeuronKind
from ipvae.network.kinds.cuba import ACCUMULATOR, CubaNeuron
from ipvae.network.kinds.graded_neuron import GradedNeuron
from ipvae.network.kinds.lif import LifNeuron
from ipvae.network.kinds.poisson_neuron import PoissonNeuron
from ipvae.network.kinds.sigma_delta import DeltaNeuron, SigmaDeltaNeuron, SigmaNeuron

__all__ = [
    "ACCUMULATOR",
    "CubaNeuron",
    "DeltaNeuron",
    "GradedNeuron",
    "LifNeuron",
    "NeuronKind",
    "PoissonNeuron",
    "SigmaDeltaNeuron",
    "SigmaNeuron",
]
