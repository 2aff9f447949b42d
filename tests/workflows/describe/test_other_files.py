"""What is given in the place of a network, a model or a trace is named, with what to do with it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.io.network_file import write_network
from ipvae.workflows.describe.other_files import known_file

M, K = 12, 5
CHECKPOINT = next((Path(__file__).parents[2] / "export" / "iterative_vae").glob("*.pt"))


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_network):
    """A folder with one file of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(0)
    network = make_network(k=K, m=M)
    write_network(folder / "net.h5", network)
    (folder / "copy.data").write_bytes((folder / "net.h5").read_bytes())
    run = ipvae.run(network, rng.integers(0, 16, (2, M)), steps=3, record="all")
    assert run.trace is not None
    run.trace.save(folder / "trace.h5")
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    params = {name: np.asarray(rng.normal(size=s), np.float32) for name, s in shapes.items()}
    model = Checkpoint(params, None, DataInfo("digits", 16, (3, 4), 9), {"r2": 0.5, "steps": 7})
    (folder / "model").mkdir()
    save_checkpoint(folder / "model", model)
    np.save(folder / "images.npy", np.zeros((2, 3, 4)))
    np.savez(folder / "images.npz", images=np.zeros((2, 3, 4)), labels=np.zeros(2))
    np.savez(folder / "arrays.npz", phi=np.zeros((M, K)))
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.PNG").write_bytes(b"")
    (folder / "figures.json").write_text(json.dumps({"samples": 2}))
    for name in ("report", "compare"):
        (folder / name).mkdir()
        (folder / name / f"{name}.json").write_text("{}")
    (folder / "checkpoint.pt").write_bytes(CHECKPOINT.read_bytes())
    (folder / "empty").mkdir()
    (folder / "text.h5").write_text("hello")
    return folder


KINDS = {
    "net.h5": "network", "copy.data": "network", "trace.h5": "trace", "model": "model",
    "model/model.json": "model", "model/model.safetensors": "model", "images.npy": "images",
    "images.npz": "images", "pictures": "images", "arrays.npz": "arrays",
    "figures.json": "figures", "report": "report", "compare": "comparison",
    "checkpoint.pt": "checkpoint", "empty": None, "text.h5": None, "none": None,
}  # fmt: skip
NEXT = {
    "network": "ipvae.describe", "trace": "ipvae.diff", "model": "ipvae.quantize",
    "images": "images=", "arrays": "ipvae.import_model", "figures": "nothing can be run",
    "report": "index.html", "comparison": "compare.png", "checkpoint": "ipvae.import_model",
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_file_is_known_by_what_is_in_it(home, name, kind):
    found = known_file(home / name)
    assert (None if found is None else found.kind) == kind
    if found is not None:
        assert NEXT[kind] in found.text and "\n" not in found.text


READERS = {"network": ipvae.load_network, "model": ipvae.load_model, "trace": ipvae.load_trace}


@pytest.mark.parametrize("wanted", READERS)
def test_what_is_not_wanted_is_named_with_what_to_do(home, wanted):
    for name, kind in KINDS.items():
        if kind not in (None, wanted):
            with pytest.raises(ipvae.IpvaeError, match="is wanted here; this") as caught:
                READERS[wanted](home / name)
            assert NEXT[kind] in str(caught.value), name


def test_a_report_of_a_model_or_a_trace_states_what_to_do(home):
    for name, following in (("model", "ipvae.quantize"), ("trace.h5", "ipvae.diff")):
        with pytest.raises(ipvae.IpvaeError, match=following):
            ipvae.make_report(home / name, steps=1)
    with pytest.raises(ipvae.IpvaeError, match="ipvae.diff"):
        ipvae.evaluate(home / "trace.h5")


def test_what_is_described_is_reported_first_and_the_rest_is_refused(home):
    for name, kind in KINDS.items():
        if kind in ("network", "model", "trace"):
            found = ipvae.describe(home / name)
            first = found.shown()[0]
            assert isinstance(first, str) and first.split(":")[0].split(" ")[-1] in (
                "network", "trace", "digits",
            )  # fmt: skip
            assert any(str(line).startswith("next: ipvae.") for line in found.shown())
        elif kind is not None:
            with pytest.raises(ipvae.IpvaeError, match="is described here") as caught:
                ipvae.describe(home / name)
            assert NEXT[kind] in str(caught.value)


def test_a_model_states_how_good_it_is(home):
    lines = ipvae.describe(home / "model").summary
    assert (
        lines[0] == "trained model ipvae of data set digits: 3 x 4 pixels, 5 neurons, 83 parameters"
    )
    assert lines[1] == "quality: R2 0.5000 after 7 steps, on held-out images at the end of training"


@pytest.mark.parametrize(
    "provenance", [{}, {"calibration": 5}, {"calibration": {"integer": {"r2": "x", "curve": 3}}}]
)
def test_a_network_whose_provenance_states_nothing_of_quality_states_how_to_find_it(
    make_network, provenance
):
    network = replace(make_network(k=K, m=M), provenance=provenance)
    assert "quality: not in the file (ipvae.evaluate('NET.h5'))" in ipvae.describe(network).summary


def test_traces_are_described_and_compared_by_their_paths(home, tmp_path):
    facts = ipvae.describe(home / "trace.h5").facts
    assert (facts["kind"], facts["backend"], facts["samples"], facts["steps"]) == (
        "trace", "emulator", 2, 3,
    )  # fmt: skip
    assert {"1/a_in", "1/u", "1/z"} <= {*facts["variables"]}
    same = ipvae.diff(home / "trace.h5", home / "trace.h5")
    assert same.same and str(same.shown()[0]).startswith("equal: ")
    trace = ipvae.load_trace(home / "trace.h5")
    potentials = trace.samples[1]["1"]["u"].copy()
    potentials[2, 4] += 3
    trace.samples[1]["1"]["u"] = potentials
    trace.save(tmp_path / "other.h5")
    first = str(ipvae.diff(home / "trace.h5", tmp_path / "other.h5").shown("a", "b")[0])
    value = potentials[2, 4]
    place = "sample 1, step 2, layer 1, variable u, index 4"
    assert f"different: a and b differ first at {place}: {value - 3} and {value} (" in first
    with pytest.raises(ipvae.IpvaeError, match="found a network and a trace"):
        ipvae.diff(home / "net.h5", home / "trace.h5")
