"""The scripts that make figures of whole photographs, on small parts of them."""

import json
import sys

import numpy as np
import pytest

from ipvae.train.datasets.photographs import photographs
from ipvae.workflows.quantizing import maps

pytestmark = pytest.mark.xdist_group("documents")


@pytest.fixture
def made(script, monkeypatch, capsys):
    """Function of a script's name, words and values to set in it: what it prints."""
    parts = {name: image[100:136, 80:116] for name, image in photographs(held_out=True).items()}
    monkeypatch.setattr(maps, "NEURONS", 1)  # the fewest calibration images

    def run(name, *words, **values):
        module = script(name)
        for key, value in {"photographs": lambda **_: parts, **values}.items():
            monkeypatch.setattr(module, key, value)
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        capsys.readouterr()
        module.main()
        return capsys.readouterr().out

    return run


def test_a_photograph_its_spikes_and_their_image(made, tmp_path):
    from matplotlib.image import imread

    made("photograph_spikes", tmp_path / "p.png", "--step", "64")
    picture = imread(tmp_path / "p.png")
    assert picture.shape[0] < picture.shape[1]
    assert len(np.unique(picture)) > 50


def test_spikes_beside_sparse_codes(made, script, tmp_path):
    lines = script("photographs_compared").LINES
    few = {"LINES": (lines[0], lines[2]), "STEPS": (16, 64)}
    text = made("photographs_compared", tmp_path, **few)
    found = json.loads((tmp_path / "curves.json").read_text())
    assert list(found) == ["32 maps, spikes", "32 maps, LCA 0.3"]
    for points in found.values():
        assert points[0]["r2"] < points[1]["r2"] < 1
        assert 0 < points[0]["synaptic_ops"] < points[1]["synaptic_ops"]
    assert len(text.splitlines()) == 4
    assert (tmp_path / "photographs_compared.png").stat().st_size > 10_000
    again = made("photographs_compared", tmp_path, **few)
    assert again == text
