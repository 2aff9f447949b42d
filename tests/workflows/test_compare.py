# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.compare` in memory, on own images; all steps from one run."""

import json

import numpy as np
import pytest

import ipvae
from ipvae.emulator import Emulator
from ipvae.float_models.checkpoint import save_checkpoint
from ipvae.workflows.compare import FILES

STEPS = (1, 4, 12)


def test_points_are_those_of_evaluate_and_of_separate_runs(model, net, images):
    found = ipvae.compare([model, net], images, steps=STEPS, seed=2)
    assert [one.name for one in found.models] == ["model 1", "network 2"]
    for one, name in ((model, "model 1"), (net, "network 2")):
        alone = ipvae.evaluate(one, images, steps=STEPS, seeds=(2,))
        keys = ("step", "mse", "r2", "zeros")
        assert [{k: p[k] for k in keys} for p in found[name].curve] == alone.curve
        assert found[name].path is None
    for point in found["network 2"].curve:
        run = ipvae.run(net, images, steps=point["step"], seed=2)
        assert point["counts"] == ipvae.count_operations(net, run).to_json()["counts"]
        rows = [dict(row) for row in ipvae.estimate_energy(net, run).to_json()["energy"]]
        for row in rows:
            row.pop("source")
        assert point["energy"] == rows


def test_each_is_run_once(model, net, images, labels, monkeypatch):
    from ipvae.workflows.evaluables.model import EvaluableModel

    runs = []
    over_tiles, infer = Emulator.over_tiles, EvaluableModel.infer
    monkeypatch.setattr(
        Emulator, "over_tiles", lambda *a, **k: runs.append("network") or over_tiles(*a, **k)
    )
    monkeypatch.setattr(
        EvaluableModel, "infer", lambda *a, **k: runs.append("model") or infer(*a, **k)
    )
    found = ipvae.compare([model, net], images, labels, steps=STEPS, probe=True)
    assert sorted(runs) == ["model", "network"]
    for one in found.models:
        assert all(0 <= point["accuracy"] <= 1 for point in one.curve)


def test_names_are_those_given_or_made(model, net, images, tmp_path):
    net.save(tmp_path / "net.h5")
    save_checkpoint(tmp_path / "run", model)
    found = ipvae.compare(
        {"float": model, "eight": tmp_path / "net.h5"},
        images,
        steps=2,
        lca=[model],
        dense=[tmp_path / "net.h5", net],
        threshold=0.3,
    )
    assert [one.name for one in found.models] == [
        "float",
        "eight",
        "float, LCA 0.3",
        "eight, least squares",
        "network 5, least squares",
    ]
    assert found["eight"].path == str(tmp_path / "net.h5")
    paths = ipvae.compare([tmp_path / "net.h5", tmp_path / "run", net], images, steps=2)
    assert [one.name for one in paths.models] == ["net.h5", "run", "network 3"]
    assert ipvae.compare(net, images, steps=2).models[0].name == "network 1"
    with pytest.raises(KeyError, match="'other' was not compared; allowed are float, eight"):
        found["other"]


def test_it_is_saved_and_shown(model, net, images, tmp_path):
    found = ipvae.compare([model, net], images, steps=STEPS)
    assert found.files == ()
    saved = found.save(tmp_path / "out")
    assert [path.name for path in saved.files] == list(FILES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == {
        "generator": "ipvae compare",
        **found.to_json(),
    }
    assert "wrote " in saved.shown()[-1] and "wrote " not in found.shown()[-1]
    assert repr(found).startswith("Comparison(images: 30, model 1: R2 ")
    assert len(found.plot().axes) == 6
    at_once = ipvae.compare([model, net], images, steps=STEPS, folder=tmp_path / "again")
    assert at_once.to_json() == found.to_json() and len(at_once.files) == 3


def test_the_command_line_gives_the_same(model, net, images, labels, tmp_path, capsys):
    from ipvae.cli.main import run_command

    save_checkpoint(tmp_path / "run", model)
    net.save(tmp_path / "net.h5")
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", labels)
    both = [tmp_path / "net.h5", tmp_path / "run"]
    found = ipvae.compare(
        both, images, labels, steps=STEPS, samples=20, seed=3, probe=True, lca=[both[1]]
    )
    given = ("--images", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--probe")
    words = (*both, *given, "--steps", "1,4,12", "--samples", 20, "--seed", 3, "--lca", both[1])
    more = ("--out", tmp_path / "out", "--json", "-")
    assert run_command(["compare", *map(str, (*words, *more))]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": (0,)}, r"steps: found \(0,\), allowed one or more numbers of 1 and above"),
        ({"samples": 0}, "samples: found 0, allowed 1 and above"),
        ({"threshold": 0.2}, "threshold: needs lca="),
        ({"probe": True}, "probe: the images have no labels"),
        ({"probe_images": 5}, "probe_images: nothing is fitted; give probe="),
        ({"lca": "net"}, "lca: .* is a network; give a model"),
    ],
)
def test_bad_arguments_are_refused_in_the_words_of_the_arguments(
    model, net, images, given, message
):
    given = {key: net if value == "net" else value for key, value in given.items()}
    with pytest.raises(ipvae.IpvaeError, match=message):
        ipvae.compare([model, net], images, **given)


def test_what_does_not_go_together_is_refused(model, net, images, labels, make_network):
    other = make_network()
    with pytest.raises(ipvae.IpvaeError, match="network 1 and network 2: found pixels of 4 x 4"):
        ipvae.compare([net, other], images)
    with pytest.raises(ipvae.IpvaeError, match="first 5 images differ.*or give images="):
        ipvae.compare([other, make_network(seed=1)], samples=5)
    with pytest.raises(ipvae.IpvaeError, match="scheduler: .*allowed with network files"):
        ipvae.compare(model, images, scheduler="local")
    with pytest.raises(ipvae.IpvaeError, match="subjects: none given"):
        ipvae.compare([], images)
    with pytest.raises(ipvae.IpvaeError, match="labels: belong to images="):
        ipvae.compare(net, labels=labels)
    with pytest.raises(ipvae.IpvaeError, match="network 1: given twice"):
        ipvae.compare([net, net], images)
