"""`ipvae report` of lava-dl networks: one command for all networks."""

import json

import pytest

import ipvae
from ipvae.report.html.earlier import GENERATOR

TAG = f'<meta name="generator" content="{GENERATOR}">'.encode()


@pytest.fixture
def small(cuba_net):
    return cuba_net[1]


@pytest.fixture
def page(monkeypatch):
    """Reports whose page is not drawn, which takes longest."""
    monkeypatch.setattr("ipvae.report.html.network_page.files", lambda *_: {"index.html": TAG})


def test_report_writes_the_page_and_what_the_call_gives(command, small, tmp_path):
    images, labels, out = (tmp_path / n for n in ("real.npy", "labels.npy", "rep"))
    status, text, _ = command(
        *("report", small, "--images", images, "--labels", labels, "--steps", 4, "--out", out)
    )
    assert status == 0
    assert "No Loihi 2 was measured" in text and "Loihi 2 band" in text and "1 conv" in text
    assert str(out / "index.html") in text.replace("\n", "")
    assert TAG in (out / "index.html").read_bytes()
    assert len([*(out / "figures").iterdir()]) == 6
    found = json.loads((out / "report.json").read_text())
    mine = ipvae.make_report(small, images, labels, steps=4).to_json()
    texts = found.pop("run"), mine.pop("run")
    assert found == mine
    assert texts[0]["command"].startswith("ipvae report ") and "--labels" in texts[0]["command"]
    assert texts[0]["verify"].startswith("ipvae verify ")
    assert texts[1]["command"].startswith("ipvae.make_report(ipvae.load_network(")
    assert found["counts"]["drive_macs"] == 40.0
    assert found["counts"]["neuron_updates"] == 4 * sum(la["neurons"] for la in found["layers"])
    assert [layer["layer"] for layer in found["layers"]] == ["0", "1", "3"]
    assert found["energy"][0]["kind"] == "modelled" and found["energy"][0]["low_j"] > 0


@pytest.mark.usefixtures("page")
def test_json_is_report_json(command, small, tmp_path):
    words = ("--images", tmp_path / "real.npy", "--samples", 2, "--steps", 3)
    status, found, _ = command("report", small, "--out", tmp_path / "r", *words, "--json", "-")
    assert status == 0 and found["samples"] == 2
    assert found == json.loads((tmp_path / "r" / "report.json").read_text())


@pytest.mark.usefixtures("page")
@pytest.mark.lava
def test_a_difference_to_lava_is_exit_1_with_the_page_written(
    command, small, tmp_path, monkeypatch
):
    words = ("report", small, "--images", tmp_path / "real.npy", "--steps", 3, "--verify", "lava")
    status, text, _ = command(*words, "--out", tmp_path / "a")
    assert status == 0 and "Bit-exact: emulator = lava in" in text
    at = {"backend": "lava", "sample": 0, "step": 2, "layer": "1", "variable": "z", "index": 0}
    found = {
        **{"bit_exact": False, "backends": ("emulator", "lava"), "variables": ("1/z",)},
        **{"images": 2, "steps": 3, "seed": 0, "compared_values": 9, "max_count": 1},
        **{"first_divergence": {**at, "expected": 1, "found": 0}, "last_step": 2},
    }
    monkeypatch.setattr("ipvae.workflows.kinds.reporting.compare_backends", lambda *_, **__: found)
    status, text, _ = command(*words, "--out", tmp_path / "b")
    assert status == 1 and "lava differs first at step 2, layer 1" in text
    assert (tmp_path / "b" / "report.json").exists()


def test_what_makes_no_sense_is_one_clear_line(command, small, tmp_path):
    report = ("report", small, "--out", tmp_path / "rep", "--steps", 2)
    good = ("--images", tmp_path / "real.npy")
    cases = {
        ("--data-dir", tmp_path): "--data-dir: found",
        ("--measured", tmp_path): "--measured: found",
        ("--seeds", 2): "--seeds: found 0, 1",
        ("--sanafe",): "--sanafe: found True",
        ("--seed", 3): "--seed: found 3, but nothing is drawn",
        ("--samples", 4): "--samples: found 4, allowed up to 3",
        ("--integers", "whole"): "--integers: found 'whole', allowed input and real",
        ("--verify", "emulator"): "--verify: found 'emulator'",
    }
    for words, message in cases.items():
        status, out, err = command(*report, *good, *words)
        assert (status, out) == (2, ""), words
        assert err.splitlines()[-1].startswith(f"ipvae: {message}"), err
    status, out, err = command(*report)
    assert (status, out) == (2, "") and "holds no images" in err
    assert "--images FILE.npy, (n, 2, 5, 4)" in err
    assert not (tmp_path / "rep").exists()


def test_damaged_files_are_one_clear_line(command, plain_nets, tmp_path):
    bad = tmp_path / "bad.net"
    bad.write_bytes(b"x" * 99)
    status, out, err = command("report", bad, "--out", tmp_path / "r")
    assert (status, out) == (2, "") and "bad.net: HDF5 cannot read it" in err
    plain_nets.write(bad, [plain_nets.entry((2, 4, 4)), {"type": "average", "shape": [2]}])
    status, _, err = command("report", bad, "--out", tmp_path / "r")
    assert status == 2 and "bad.net: layer 1: type 'average', allowed are" in err
