"""The Loihi 2 band of lava-dl's PilotNet beside its published measurement, docs/energy.md."""

from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.report.numbers import three

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "energy.md").read_text()
STEPS = 16
MEASURED_STEP_S, MEASURED_STATIC_W, MEASURED_DYNAMIC_W = 152.8e-6, 0.232, 0.447


@pytest.fixture(scope="module")
def rows(plain_nets):
    folder = plain_nets.wheel_folder() / "gts" / "pilotnet_lif"
    if not (folder / "image.npy").exists():
        pytest.skip("lava-dl's wheel has no PilotNet")
    network = ipvae.load_network(folder / "network.net")
    image = np.load(folder / "image.npy").transpose(2, 1, 0)[None]
    found = ipvae.estimate_energy(network, ipvae.run(network, image, steps=STEPS))
    return {row.part: row for row in found.loihi2}, found.time[0]


def millijoules(low, high):
    return f"{low * 1e3:.3f} to {high * 1e3:.3f} mJ"


def test_the_document_has_the_bands_of_today(rows):
    energy, time = rows
    ends = (three(s * 1e6 / STEPS) for s in (time.low_s, time.high_s))
    assert f"| 152.8 us | {' to '.join(ends)} us |" in TEXT
    for part in ("static", "dynamic"):
        assert millijoules(energy[part].low_j, energy[part].high_j) in TEXT


def test_the_document_states_by_how_much_the_band_misses_the_measurement(rows):
    energy, time = rows
    measured_s = MEASURED_STEP_S * STEPS
    assert "**The band does not contain this measurement**" in TEXT
    assert measured_s / time.high_s == pytest.approx(1.57, abs=0.01)
    static, dynamic = MEASURED_STATIC_W * measured_s, MEASURED_DYNAMIC_W * measured_s
    assert static / energy["static"].high_j == pytest.approx(1.57, abs=0.01)
    assert dynamic / energy["dynamic"].high_j == pytest.approx(2.04, abs=0.01)
    assert f"{static * 1e3:.3f} mJ (0.232 W)" in TEXT
