"""What is shown first: Loihi 2, measured before modelled, parts apart; no other chip."""

from dataclasses import replace

import pytest

from ipvae.energy.headline import first_parts, headline
from ipvae.energy.measurement.comparison import LOGGED_CHIP
from ipvae.energy.models import EnergyRow, TimeRow

STATIC = EnergyRow("band", "modelled", "static", "Loihi 2", 4e-6, 8e-5, "a source")
DYNAMIC = replace(STATIC, part="dynamic", low_j=1e-6, high_j=2e-5)
OTHER = EnergyRow("constants", "modelled", "dynamic", "Loihi 1", 1e-9, 1e-9, "another")
HERE = EnergyRow("this machine", "measured", "total", "a processor", 0.5, 0.5, "counters")
TIME = TimeRow("band", "modelled", "Loihi 2", 1e-4, 2e-3, "a source")
ELSEWHERE = TimeRow("dense", "modelled", "a GPU", 1e-6, 1e-6, "another")
LOGGED = [
    replace(STATIC, model="profiler log", kind="measured", chip=LOGGED_CHIP, part=part)
    for part in ("total", "static", "dynamic")
]


def test_the_band_is_the_headline_wherever_its_rows_stand():
    for rows in ([STATIC, DYNAMIC, OTHER, HERE], [HERE, OTHER, DYNAMIC, STATIC]):
        found = headline(rows, [ELSEWHERE, TIME], ["a note"])
        assert (found["chip"], found["kind"], found["model"]) == ("Loihi 2", "modelled", "band")
        assert found["energy_j"] == {"dynamic": [1e-6, 2e-5], "static": [4e-6, 8e-5]}
        assert found["latency_s"] == [1e-4, 2e-3]
        assert found["images_per_second"] == [pytest.approx(500), pytest.approx(10_000)]
        assert found["energy_delay_js"] == {
            "dynamic": pytest.approx([1e-10, 4e-8]),
            "static": pytest.approx([4e-10, 1.6e-7]),
        }
        assert "no energy per operation is published" in found["reason"]
        assert first_parts(found) == [("dynamic", [1e-6, 2e-5]), ("static", [4e-6, 8e-5])]


def test_what_a_board_logged_comes_before_a_model():
    found = headline([STATIC, DYNAMIC, *LOGGED], [TIME], [])
    assert (found["kind"], found["model"]) == ("measured", "profiler log")
    assert list(found["energy_j"]) == ["dynamic", "static", "total"]
    assert "as logged" in found["reason"]
    # A measured energy is not multiplied by a modelled time.
    assert found["latency_kind"] == "modelled" and found["energy_delay_js"] == {}
    took = replace(TIME, kind="measured", chip=LOGGED_CHIP, low_s=1e-3, high_s=1e-3)
    found = headline(LOGGED, [TIME, took], [])
    assert found["latency_s"] == [1e-3, 1e-3] and found["latency_kind"] == "measured"
    assert list(found["energy_delay_js"]) == ["dynamic", "static", "total"]
    assert first_parts(headline(LOGGED[:1], [], [])) == [("total", [4e-6, 8e-5])]


def test_another_chip_is_never_the_headline():
    message = "no Loihi 2 band and no row of SANA-FE's constants: the memory model does not fit"
    found = headline([OTHER, HERE], [ELSEWHERE], ["this machine: none", message])
    assert found["kind"] is None and found["model"] is None
    assert found["energy_j"] == {} and found["energy_delay_js"] == {}
    assert found["latency_s"] is None and found["images_per_second"] is None
    assert found["reason"] == message
    assert first_parts(found) == []
    assert headline([], [], [])["reason"] == "no figure of Loihi 2"
