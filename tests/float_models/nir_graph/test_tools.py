# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportPossiblyUnboundVariable=false
"""The float reference sends the spikes of the tools that wrote the graphs, in every step."""

import gzip
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from ipvae.export.importers.nir_reader import read_graph
from ipvae.float_models.nir_graph.conventions import convention_of
from ipvae.float_models.nir_graph.model import NirModel

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("nir_tools", HERE / "tools.py")
TOOLS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(TOOLS)
TOLERANCE = 1e-5
"""Of potentials, where the last node has no spikes: float32 sums in another order."""


def load(name, folder):
    """Model of a committed case, its inputs and the tool's outputs."""
    path = folder / f"{name}.nir"
    path.write_bytes(gzip.decompress((HERE / "data" / f"{name}.nir.gz").read_bytes()))
    case = np.load(HERE / "data" / f"{name}.npz")
    shape = tuple(case["shape"])
    inputs = np.unpackbits(case["inputs"])[: np.prod(shape)].reshape(shape)
    model = NirModel(read_graph(path), convention_of(str(case["origin"])))
    return model, inputs.astype(np.float32), case["outputs"]


def require_same(found, wanted):
    if (wanted == np.rint(wanted)).all():
        np.testing.assert_array_equal(found, wanted)
    else:
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", TOOLS.CASES)
def test_committed_case_has_the_spikes_of_its_tool(name, tmp_path):
    model, inputs, outputs = load(name, tmp_path)
    assert outputs.any()
    trace = model.run(inputs)
    require_same(trace.outputs, outputs)
    assert all(sent.any() for sent in trace.sent.values())


@pytest.mark.parametrize("name", TOOLS.CASES)
def test_installed_tool_sends_the_same_spikes(name, tmp_path):
    package, origin, make = TOOLS.CASES[name]
    if any(importlib.util.find_spec(needed) is None for needed in (package, "nirtorch")):
        pytest.skip(f"{package} with nirtorch is not installed; its committed case is tested")
    import nir

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, inputs, outputs = make()
    nir.write(tmp_path / "graph.nir", graph)
    model = NirModel(read_graph(tmp_path / "graph.nir"), convention_of(origin))
    require_same(model.run(inputs).outputs, outputs)


@pytest.mark.parametrize("name", TOOLS.CASES)
def test_another_convention_gives_other_spikes(name, tmp_path):
    """A wrong tool is not taken silently: some spike differs."""
    model, inputs, outputs = load(name, tmp_path)
    other = "norse" if model.convention.origin == "snntorch" else "snntorch"
    found = NirModel(model.graph, convention_of(other)).run(inputs).outputs
    assert (found != outputs).any()
