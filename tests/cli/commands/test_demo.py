"""`ipvae demo`: the chain, here on few neurons and steps; what it writes, and how it fails."""

import json

import pytest

from ipvae.cli.commands import demo
from ipvae.float_models.config import PRESETS

STAGES = ["train", "evaluate", "export", "check", "verify", "report"]


@pytest.fixture
def small(monkeypatch):
    """A demo of little work."""
    few = {**PRESETS["digits"], "latents": 8, "steps": 2, "epochs": 2, "beta": 0.1}
    monkeypatch.setitem(PRESETS, "digits", few)
    monkeypatch.setattr(demo, "SAMPLES", 2)
    monkeypatch.setattr(demo, "STEPS", 3)
    monkeypatch.setattr(demo, "MOMENTS", (1, 2))


@pytest.mark.lava
@pytest.mark.usefixtures("small", "without_page")
def test_the_chain_leaves_the_results_of_its_commands(command, tmp_path):
    out = tmp_path / "demo"
    status, text, err = command("demo", "--out", out)
    assert status == 0
    for n, name in enumerate(STAGES, 1):
        assert f"[{n}/6] ipvae {name} " in err
    assert "bit-exact: emulator = lava" in text
    assert text.endswith(f"{out}/results/ (every result as JSON)\n")
    found = {name: json.loads((out / "results" / f"{name}.json").read_text()) for name in STAGES}
    assert len(found["train"]["history"]) == 2
    assert [point["step"] for point in found["evaluate"]["curve"]] == [1, 2]
    assert found["export"]["network"] == str(out / "net.h5")
    assert found["check"]["ok"] and found["verify"]["bit_exact"]
    assert found["report"]["verified"]["bit_exact"]
    again = f"ipvae report {out}/net.h5 --out DIR --samples 2 --steps 3 --seed 0 --verify lava"
    assert found["report"]["run"]["command"] == again
    for name in ("run/model.json", "net.h5", "report/report.json"):
        assert (out / name).exists()


@pytest.mark.usefixtures("small")
def test_it_ends_with_the_first_stage_that_fails(command, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise demo.IpvaeError("readouts: none of them; give labels=")

    monkeypatch.setattr("ipvae.quantize", refuse, raising=False)
    status, found, err = command("demo", "--out", tmp_path, "--json", "-")
    assert status == 1
    assert found == {
        "ok": False,
        "failed": ["export"],
        "stages": STAGES[:3],
        "out": str(tmp_path),
    }
    assert "ipvae: --readout: none of them; give --labels\n" in err
    assert not (tmp_path / "net.h5").exists()
