"""Energy and time in `ipvae report`: this machine's counters, SANA-FE, one screen."""

import json
import os
import sys
from pathlib import Path

import pytest

from ipvae.energy.measurement import rapl
from ipvae.network.io.network_file import write_network
from ipvae.report.html.counted_nouns import STATUS
from ipvae.workflows.reporting import once, text

pytestmark = pytest.mark.usefixtures("without_page")


@pytest.fixture
def net(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network())
    return tmp_path / "net.h5"


@pytest.fixture
def words(net, tmp_path):
    return ("report", net, "--out", tmp_path / "r", "--samples", 5, "--steps", 6)


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """A kernel whose counter is 7 J further at each reading."""
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text("99000000\n")
    read = rapl._read

    def later(root):
        energy = zone / "energy_uj"
        energy.write_text(str(int(energy.read_text()) + 7_000_000 if energy.exists() else 1))
        return read(zone.parent)

    monkeypatch.setattr(rapl, "_read", later)


def test_a_report_has_every_model_and_states_what_is_missing(command, words, tmp_path, monkeypatch):
    metered = once.metered
    monkeypatch.setattr(once, "metered", lambda: metered(tmp_path / "none"))
    status, found, _ = command(*words, "--json", "-")
    assert status == 0
    assert [(row["model"], row["chip"]) for row in found["energy"]] == [
        ("Loihi 2 band", "Loihi 2"),
        ("Loihi 2 band", "Loihi 2"),
        ("Loihi 1 constants", "Loihi 1"),
        ("SANA-FE's Loihi constants", "Loihi 1"),
        ("dense int8", "CPU, 45 nm"),
        ("dense float32", "CPU, 45 nm"),
        ("dense int8", "NVIDIA Jetson Orin Nano"),
        ("dense float32", "NVIDIA Jetson Orin Nano"),
        ("dense int8", "NVIDIA A100"),
        ("dense float32", "NVIDIA A100"),
        ("dense float32", "Intel i7-4960X"),
        ("dense float32", "NVIDIA GTX Titan Black"),
    ]
    (message,) = found["energy_notes"]
    assert message.startswith(f"this machine: no energy counter ({tmp_path / 'none'}")
    chips = ["Loihi 2", *["NVIDIA Jetson Orin Nano"] * 2, *["NVIDIA A100"] * 2]
    assert [row["chip"] for row in found["time"]] == chips
    assert "sanafe" not in found


def test_counters_of_this_machine_become_a_measured_row(command, words, counters):
    status, found, _ = command(*words, "--json", "-")
    assert status == 0 and found["energy_notes"] == []
    (row,) = [row for row in found["energy"] if row["kind"] == "measured"]
    assert (row["model"], row["part"]) == ("this machine (RAPL)", "total")
    assert row["low_j"] == row["high_j"] == pytest.approx(7 / 5)
    assert any("idle power not subtracted" in message for message in row["assumptions"])
    first = command(*words)[1].splitlines()[0]
    assert first == f"{STATUS} This machine's own was measured."


def test_a_cluster_has_no_energy_of_this_machine(counters):
    with once.this_machine("tcp://elsewhere:1") as meter:
        pass
    assert meter.row(1, "") is None
    assert "the run was on a cluster" in meter.missing
    for here in ("local", "none", None):
        with once.this_machine(here) as meter:
            pass
        assert meter.row(1, "") is not None


def test_the_text_fits_one_screen(command, words):
    status, out, _ = command(*words)
    assert status == 0
    assert len(out.splitlines()) <= 40
    assert max(map(len, out.splitlines())) <= 115
    for part in ("Loihi 2 band", "45 nm", "microjoules", "assumptions: report.json"):
        assert part in out


def test_sanafe_stands_beside_our_counts(command, words, tmp_path):
    pytest.importorskip("sanafe", reason="SANA-FE is not installed: pip install sanafe")
    status, out, _ = command(*words, "--sanafe", "--json", tmp_path / "found.json")
    assert status == 0
    assert "equal to our" in out and "NOT" not in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found.pop("generator") == "ipvae report"
    assert json.loads((tmp_path / "r" / "report.json").read_text()) == found
    beside = found["sanafe"]
    assert beside["equal"] and beside["images"] == once.SANAFE_IMAGES
    assert beside["synaptic_events"] == beside["synaptic_ops"] > 0
    row, of_time = found["energy"][-1], found["time"][-1]
    assert row["model"] == of_time["model"] == f"SANA-FE {beside['version']} simulation"
    assert (row["kind"], row["part"]) == ("modelled", "dynamic")


def test_sanafe_that_counts_otherwise_is_reported():
    found = {"version": "9", "images": 4, "synaptic_events": 3.0, "synaptic_ops": 2.0}
    assert "3 synaptic events" in text._simulated({**found, "equal": False})
    assert "NOT equal to our 2" in text._simulated({**found, "equal": False})


def test_sanafe_that_is_not_installed_is_one_line_before_any_work(
    command, words, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "sanafe", None)
    status, out, err = command(*words, "--sanafe")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'ipvae-loihi[sanafe]'" in err
    assert not (tmp_path / "r").exists()


@pytest.mark.long
def test_sanafe_counts_what_we_count_on_digits_of_mnist(command, tmp_path):
    """models/mnist, 512 neurons at 8 bits, one image and 16 steps."""
    pytest.importorskip("sanafe", reason="SANA-FE is not installed: pip install sanafe")
    data = Path(os.environ.get("IPVAE_DATA", ""))
    if not (data / "MNIST").is_dir():
        pytest.skip("IPVAE_DATA names no folder with MNIST")
    net, model = tmp_path / "net.h5", Path(__file__).parents[3] / "models" / "mnist"
    assert command("export", model, "--data-dir", data, "--out", net)[0] == 0
    words = ("--samples", 1, "--steps", 16, "--sanafe", "--json", "-")
    status, found, _ = command("report", net, "--out", tmp_path / "r", *words)
    assert status == 0 and found["sanafe"]["equal"]
    assert found["sanafe"]["synaptic_events"] == found["counts"]["synaptic_ops"] > 1_000_000
