"""Float models as graphs of NIR, and back."""

import sys
import zlib
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from ipvae.errors import FormatError, InputError
from ipvae.export.importers.arrays import from_parameters
from ipvae.export.importers.nir_file import MOST_BYTES, read_nir, write_nir
from ipvae.export.importers.nir_graph import CLAMP, EVEN_ODDS, graph_of
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.data import DataInfo
from ipvae.float_models.inference.infer import infer
from ipvae.float_models.inference.steps import LIMIT, LOG_RATE_MIN
from ipvae.float_models.lca import lca, lca_codes
from ipvae.float_models.zoo import MODEL_SPECS

SHAPE, K = (4, 4), 7
DATA = DataInfo("digits", 16, SHAPE, 100)
KINDS = {"ipvae": None, "pvae-linear": None, "igvae": 0.1, "pvae-conv": 0.2}
"""Models that NIR can say, and the threshold of those that it can say as LCA only."""


def checkpoint_of(model, rng):
    shapes = MODEL_SPECS[model].shapes(SHAPE, K)
    params = {n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()}
    for name in params:
        if name.startswith("log_lr"):
            params[name] = np.array(-4.0, np.float32)
    config = TrainConfig(preset="digits", model=model, latents=K, **MODEL_SPECS[model].settings)
    return Checkpoint(params, config, DATA, {"val_r2": 0.1}, start="abc")


@pytest.fixture
def written(tmp_path, rng):
    """An iP-VAE and the file that it was written to."""
    checkpoint = checkpoint_of("ipvae", rng)
    write_nir(tmp_path / "a.nir", checkpoint)
    return checkpoint, tmp_path / "a.nir"


def assert_same_model(found, checkpoint):
    assert found.params.keys() == checkpoint.params.keys()
    for name, array in checkpoint.params.items():
        assert found.params[name].dtype == np.float32 == array.dtype
        np.testing.assert_array_equal(found.params[name], array, strict=True)
    for part in ("config", "data", "metrics", "start"):
        assert getattr(found, part) == getattr(checkpoint, part)


@pytest.mark.parametrize("model", KINDS)
def test_a_model_comes_back_bit_for_bit(model, tmp_path, rng):
    checkpoint = checkpoint_of(model, rng)
    write_nir(tmp_path / "a.nir", checkpoint, KINDS[model])
    found, threshold = read_nir(tmp_path / "a.nir")
    assert threshold == KINDS[model]
    assert_same_model(found, checkpoint)


def test_the_float_network_comes_back_bit_for_bit(written):
    checkpoint, path = written
    before, after = (from_parameters(c.params) for c in (checkpoint, read_nir(path)[0]))
    for name in ("phi", "sigma", "bias", "u0"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), strict=True)
    assert after.step_size == before.step_size


@pytest.mark.parametrize("model", KINDS)
def test_nir_reads_the_graph_and_keeps_all_of_its_metadata(model, tmp_path, rng):
    """What NIR's own tools read and write again is still our model; twice, as tools in a row do."""
    checkpoint = checkpoint_of(model, rng)
    graph = write_nir(tmp_path / "a.nir", checkpoint, KINDS[model])
    for source, target in (("a", "b"), ("b", "c")):
        found = nir.read(tmp_path / f"{source}.nir")
        assert found.check_types()
        assert set(found.edges) == set(graph.edges)
        for name, node in graph.nodes.items():
            assert type(found.nodes[name]) is type(node)
            assert found.nodes[name].metadata.keys() == node.metadata.keys()
            for key, value in node.metadata.items():
                np.testing.assert_array_equal(found.nodes[name].metadata[key], value)
        assert found.metadata["lost"].split("\n") == list(graph.lost)
        nir.write(tmp_path / f"{target}.nir", found)
    assert_same_model(read_nir(tmp_path / "c.nir")[0], checkpoint)


def run(graph, image, steps, code):
    """Euler's method with a step of 1 on NIR's equations; `code` replaces the Threshold.

    Returns the states after each step.
    """
    nodes, states = graph.nodes, []
    drive = nodes["drive"].weight @ image + getattr(nodes["drive"], "bias", 0.0)
    state = nodes["u"].metadata["start"]
    for step in range(steps):
        presynaptic = nodes["feedback"].weight @ code(step, state)
        change = drive + presynaptic
        if isinstance(nodes["u"], nir.LI):
            change = (nodes["u"].v_leak - state + nodes["u"].r * change) / nodes["u"].tau
        state = state + change
        states.append(state)
    return states


def test_nodes_and_metadata_are_the_trained_network(rng):
    """Run with the trainer's own counts, the graph gives the trainer's log-rates."""
    checkpoint = checkpoint_of("ipvae", rng)
    image = rng.uniform(0, 1, (1, 16)).astype(np.float32)
    states = infer(checkpoint.params, image, range(13), seed=3)
    counts = [states[t].counts[0] for t in range(13)]
    assert max(c.max() for c in counts) > 1
    found = run(graph_of(checkpoint), image[0], 12, lambda step, _: counts[step])
    wanted = [states[t].log_rates[0] for t in range(1, 13)]
    # The soft ceiling, which NIR cannot say, takes exp(u - 10) a step.
    np.testing.assert_allclose(found, wanted, atol=12 * 2 * np.exp(np.max(wanted) - 10) + 1e-5)


def test_sparse_coding_is_the_solver_given_its_threshold(rng):
    checkpoint = checkpoint_of("igvae", rng)
    solver = lca(checkpoint.params["phi"], 0.1)
    image = rng.normal(0, 1, (1, 16))
    states = run(graph_of(checkpoint, 0.1), image[0], 20, lambda _, u: solver.code(u))
    wanted = lca_codes(solver, image, [20])[20][0]
    assert np.count_nonzero(wanted)
    np.testing.assert_allclose(solver.code(states[-1]), wanted, atol=1e-5)


def test_the_constants_are_those_of_training():
    assert CLAMP == (LOG_RATE_MIN, LIMIT)
    assert 1 - np.exp(-np.exp(EVEN_ODDS)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("pvae-mlp", "swish"), ("pvae-conv", "swish"), ("igvae", "noise"), ("iavae", "guess")],
)
def test_models_that_nir_cannot_express_are_refused_with_the_reason(model, reason, tmp_path, rng):
    with pytest.raises(InputError, match=f"a model '{model}' .*{reason}.*allowed are ipvae"):
        write_nir(tmp_path / "a.nir", checkpoint_of(model, rng))
    assert not list(tmp_path.iterdir())


def test_a_graph_that_another_tool_changed_is_refused(written, tmp_path):
    _, path = written
    graph: Any = nir.read(path)
    graph.nodes["drive"].weight[0, 0] += 0.01
    nir.write(tmp_path / "b.nir", graph)
    with pytest.raises(FormatError, match="another tool changed node/nodes/drive/weight"):
        read_nir(tmp_path / "b.nir")
    graph = nir.read(path)
    graph.edges.remove(("feedback", "u"))
    nir.write(tmp_path / "b.nir", graph)
    with pytest.raises(FormatError, match="another tool changed its edges"):
        read_nir(tmp_path / "b.nir")


def test_a_graph_of_another_tool_is_refused(tmp_path):
    graph = nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3))), nir.I(np.ones(2)))
    nir.write(tmp_path / "a.nir", graph)
    with pytest.raises(FormatError, match="without an ipvae model in its metadata"):
        read_nir(tmp_path / "a.nir")


def altered(path, name, value):
    """Put a value in the place of a dataset, or nothing."""
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("version", None, "no file of NIR"),
        ("node/metadata/format", "other", "format is .*other"),
        ("node/metadata/format_version", 2, "format version .*2.*reads 1"),
        ("node/metadata/format_version", "1", "format version"),
        ("node/metadata/model", np.arange(3), "is no text"),
        ("node/metadata/model", np.array([b"{"]), "not readable as JSON"),
        ("node/metadata/parameters/u0", np.zeros(K, np.float32), "marks differ"),
        ("node/metadata/parameters/u0", np.zeros(K + 1, np.float32), "allowed float32"),
        ("node/metadata/parameters/phi", None, "missing tensors"),
        ("node/metadata/lca_threshold", np.array([1, 2]), "no single number"),
        ("node/metadata/lca_threshold", -1.0, "above 0"),
        ("node/nodes/feedback/weight", None, "feedback/weight is missing"),
        ("node/nodes/feedback/weight", np.zeros((3, 3)), "feedback has weights of shape"),
        ("node/nodes/decoder/weight", np.zeros((3, 3)), "decoder has weights of shape"),
        ("node/nodes/drive/weight", None, r"changed node/nodes/drive/weight \(missing\)"),
        ("node/nodes/decoder/weight", None, r"changed node/nodes/decoder/weight \(missing\)"),
        ("node/nodes/u/v_reset", np.zeros(K), r"changed node/nodes/u/v_reset \(added\)"),
        ("node/nodes/x/type", "Scale", r"changed node/nodes/x/type \(added\)"),
        ("node/nodes/counts/type", "CubaLIF", "changed node/nodes/counts/type"),
        ("node/nodes/counts/metadata/link", "linear", "changed node/nodes/counts/metadata/link"),
        ("node/nodes/counts/metadata/link", None, r"counts/metadata/link \(missing\)"),
        ("node/nodes/counts/metadata/more", 1, r"counts/metadata/more \(added\)"),
        ("node/nodes/u/metadata/floor", -7.0, "changed node/nodes/u/metadata/floor"),
        ("node/nodes/u/metadata/start", np.ones(K), "changed node/nodes/u/metadata/start"),
    ],
)
def test_a_damaged_file_gives_one_clear_error(written, name, value, message):
    path = written[1]
    altered(path, name, value)
    with pytest.raises(FormatError, match=message) as caught:
        read_nir(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


def test_hostile_files_are_refused_before_they_are_read(written, tmp_path):
    path = written[1]
    with h5py.File(path, "r+") as file:
        huge = (MOST_BYTES // 4, 2)
        file.create_dataset(
            "node/nodes/x/weight", huge, np.float32, chunks=(1024, 2), compression=1
        )
    with pytest.raises(FormatError, match="allowed are|more than gzip can hold"):
        read_nir(path)
    (tmp_path / "b.nir").write_bytes(b"no HDF5 at all")
    with h5py.File(tmp_path / "c.nir", "w") as file:
        file["version"] = "1"
        file["node/type"] = "NIRGraph"
        file["node/metadata/model"] = h5py.ExternalLink("/etc/passwd", "x")
    for name in ("b.nir", "c.nir", "missing.nir"):
        with pytest.raises(FormatError, match=name):
            read_nir(tmp_path / name)


def add_zeros(path, name, dtype, rows, columns):
    """Add zeros, a compressed chunk for each row: a small file that declares much."""
    chunk = zlib.compress(bytes(columns * np.dtype(dtype).itemsize))
    altered(path, name, None)
    with h5py.File(path, "r+") as file:
        made = file.create_dataset(name, (rows, columns), dtype, chunks=(1, columns), compression=1)
        for row in range(rows):
            made.id.write_direct_chunk((row, 0), chunk)


WIDE = 6000
"""K * K float64 are more than MOST_BYTES."""


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"node/nodes/x/weight": (np.float64, 17, 2**21)},
            "bytes of arrays as float64, allowed",
        ),
        (
            {"node/nodes/feedback/weight": (np.int8, WIDE, WIDE)},
            "bytes of arrays as float64, allowed",
        ),
        (
            {
                "node/metadata/parameters/phi": (np.float32, 1, WIDE),
                "node/nodes/feedback/weight": (np.int8, WIDE // 2, WIDE // 2),
            },
            r"drive has weights of shape \(7, 16\), allowed is \(6000, 1\)",
        ),
    ],
)
def test_small_files_that_declare_too_much_are_refused_before_anything_is_computed(
    written, arrays, message, monkeypatch
):
    path = written[1]
    for name, (dtype, rows, columns) in arrays.items():
        add_zeros(path, name, dtype, rows, columns)
    assert path.stat().st_size < 2**20
    for name in ("graph_of", "from_text"):
        monkeypatch.setattr(f"ipvae.export.importers.nir_file.{name}", None)
    with pytest.raises(FormatError, match=message) as caught:
        read_nir(path)
    assert "\n" not in str(caught.value)


def test_a_model_too_large_to_be_read_back_is_not_written(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("ipvae.export.importers.nir_file.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="too large for NIR: .*allowed are up to 1000"):
        write_nir(tmp_path / "a.nir", checkpoint_of("ipvae", rng))
    assert not list(tmp_path.iterdir())


def test_flipped_bytes_never_change_a_model_in_silence(written, rng):
    checkpoint, path = written
    whole = path.read_bytes()
    refused = 0
    for _ in range(12):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 8):
            data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            found, _ = read_nir(path)
        except FormatError:
            refused += 1
        else:
            assert_same_model(found, checkpoint)
    assert refused


def test_a_description_that_is_too_long_or_has_no_number_is_refused(written):
    path = written[1]
    text = nir.read(path).metadata["model"][0]
    for other in (text.replace(b'"val_r2": 0.1', b'"val_r2": NaN'), text + b" " * 2**20):
        altered(path, "node/metadata/model", np.array([other]))
        with pytest.raises(FormatError, match="not readable as JSON") as caught:
            read_nir(path)
        assert len(str(caught.value)) < 300


def test_a_model_of_one_neuron_keeps_its_axes(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "K", 1)
    checkpoint = checkpoint_of("ipvae", rng)
    assert checkpoint.params["u0"].shape == (1,)
    write_nir(tmp_path / "a.nir", checkpoint)
    assert_same_model(read_nir(tmp_path / "a.nir")[0], checkpoint)
