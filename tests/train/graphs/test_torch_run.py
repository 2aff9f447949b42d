"""Runs of graphs in PyTorch: the spikes of the float run, and gradients that reach every weight."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

import ipvae
from ipvae.train.graphs.torch_run import TorchRun, parameters_of

DATA = Path(__file__).parents[2] / "float_models" / "nir_graph" / "data"
NAMES = sorted(file.name.removesuffix(".nir.gz") for file in DATA.glob("*.nir.gz"))
EQUAL = 0.995
"""Fraction of equal messages: sums of float32 in another order move single spikes. Measured 1."""


@pytest.mark.parametrize("name", NAMES)
def test_spikes_are_the_float_run(name, tmp_path):
    path = tmp_path / "graph.nir"
    path.write_bytes(gzip.decompress((DATA / f"{name}.nir.gz").read_bytes()))
    found = np.load(DATA / f"{name}.npz")
    shape = tuple(found["shape"])
    inputs = np.unpackbits(found["inputs"])[: np.prod(shape)].reshape(shape)
    model = ipvae.import_model(path, origin=str(found["origin"])).model
    inputs = inputs.reshape(*inputs.shape[:2], *model.shapes[model.graph.input])
    parameters = parameters_of(model)
    for of in parameters.values():
        for value in of.values():
            value.requires_grad_()
    outputs = TorchRun(model, parameters, len(inputs)).outputs(
        torch.from_numpy(inputs.astype(np.float32))
    )
    wanted = model.run(inputs).outputs
    close = np.isclose(outputs.detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert close.mean() >= EQUAL
    outputs.sum().backward()
    for of in parameters.values():
        gradient = of["weight"].grad
        assert gradient is not None
        assert gradient.abs().sum() > 0
