"""`ipvae import`, `export`, then `diff --trace`; the files of the folder."""

from pathlib import Path

import numpy as np

GRAPH = Path(__file__).parents[3] / "models" / "graphs" / "digits_norse.nir"


def test_a_float_layer_beside_its_integers(command, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 2, (4, 12, 64)))
    run, net = tmp_path / "run", tmp_path / "n.h5"
    assert command("import", GRAPH, "--from", "norse", "--out", run)[0] == 0
    assert sorted(file.name for file in run.iterdir()) == ["graph.nir", "model.json"]
    assert (run / "graph.nir").read_bytes() == GRAPH.read_bytes()
    words = ("--images", tmp_path / "x.npy")
    assert command("export", run, "--out", net, *words, "--weight-bits", 4)[0] == 0
    status, found, _ = command(
        *("diff", run, net, "--trace", *words, "--image", 1, "--layer", "lif", "--json", "-")
    )
    assert (status, found["same"]) == (0, False)
    assert (found["layer"], found["node"], found["image"]) == ("1", "lif", 1)
    assert len(found["real_voltage"]) == len(found["integer_spikes"]) == 12
    status, out, _ = command("diff", run, net, "--trace", *words)
    assert "".join(out.split()).startswith(f"{run}beside{net}")  # the title may wrap anywhere
    assert "first different spike" in out
    status, out, err = command("diff", run, net)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--images: an imported network contains none" in err
