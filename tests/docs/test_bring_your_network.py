# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportPossiblyUnboundVariable=false
"""The page for networks of other tools: its programs where a tool is installed, its figures."""

import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.float_models.nir_graph.conventions import KEYS, ORIGINS
from ipvae.float_models.nir_graph.graph import INPUT, KINDS, OUTPUT, SAME

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "bring_your_network.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
TOOLS = ("snntorch", "norse", "sinabs", "spikingjelly", "rockpool")
ROWS = dict(
    re.findall(r"^\| (\w+), .*? \| [\d.]+ % \| [\d.]+ % \| ([\d.]+) % \| [\d.]+ % \|$", TEXT, re.M)
)
ACCURACY_BOUND = 0.01
"""Between the page and a run of the committed graph: nothing is drawn, figures are rounded."""
LEAST_ACCURACY = 0.8
"""Of a network that a program of the page trains; the worst of five had 0.886."""


def digits():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return ipvae.encode_rate(images, steps=16, seed=0)[1500:], labels[1500:]


@pytest.mark.parametrize("tool", TOOLS)
def test_committed_graph_has_the_accuracy_of_the_page(tool):
    spikes, labels = digits()
    model = ipvae.import_model(ROOT / "models" / "graphs" / f"digits_{tool}.nir", origin=tool)
    made = ipvae.quantize(model, spikes, labels)
    named = {name.lower(): float(value) / 100 for name, value in ROWS.items()}
    assert abs(made.comparison.integer_accuracy - named[tool]) <= ACCURACY_BOUND
    loss = made.comparison.real_accuracy - made.comparison.integer_accuracy
    assert loss <= ACCURACY_BOUND


@pytest.mark.parametrize("tool", TOOLS)
def test_program_of_a_tool_makes_a_network(tool, tmp_path, monkeypatch):
    if any(importlib.util.find_spec(name) is None for name in (tool, "nirtorch")):
        pytest.skip(f"{tool} with nirtorch is not installed; its committed graph is tested")
    (program,) = (block for block in BLOCKS if f"digits_{tool}.nir" in block)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(BLOCKS[0] + program, "bring_your_network.md", "exec"), {"__name__": "program"})
    spikes, labels = digits()
    model = ipvae.import_model(f"digits_{tool}.nir", origin=tool)
    made = ipvae.quantize(model, spikes, labels)
    assert made.comparison.real_accuracy >= LEAST_ACCURACY
    assert made.comparison.integer_accuracy >= LEAST_ACCURACY


def test_tables_name_every_tool_node_and_change():
    for name in ORIGINS:
        assert re.search(rf"^\| {name}\b", TEXT, re.M), name
    for key in KEYS:
        assert f"`{key}=" in TEXT, key
    for kind in {*KINDS} - {INPUT, OUTPUT, SAME}:
        assert re.search(rf"\b{kind}\b", TEXT.split("## Node by tool")[1]), kind


@pytest.mark.long
@pytest.mark.lava
def test_program_of_lava_dl_makes_a_network(tmp_path, monkeypatch):
    from ipvae.lava_procs.importing import import_lava_dl

    import_lava_dl()
    (program,) = (block for block in BLOCKS if "digits_lava_dl.net" in block)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(BLOCKS[0] + program, "bring_your_network.md", "exec"), {"__name__": "program"})
    assert accuracy_of_lava_dl("digits_lava_dl.net") >= LEAST_ACCURACY


def accuracy_of_lava_dl(file):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    found = ipvae.run(ipvae.load_network(file), images[1500:] / 16, steps=4)
    return float((found.classes == labels[1500:]).mean())


def test_committed_network_of_lava_dl_has_the_accuracy_of_the_page():
    found = accuracy_of_lava_dl(ROOT / "models" / "graphs" / "digits_lava_dl.net")
    (percent,) = re.findall(r"([\d.]+) % of 297 are right", TEXT)
    assert found == pytest.approx(float(percent) / 100, abs=5e-4)


def test_graphs_are_small():
    for file in (ROOT / "models" / "graphs").iterdir():
        assert file.stat().st_size < 100_000
        if file.suffix != ".nir":
            continue
        model = ipvae.import_model(file, origin=file.stem.split("_")[1]).model
        assert np.prod(model.shapes[model.graph.input]) == 64
