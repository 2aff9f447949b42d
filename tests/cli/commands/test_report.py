"""`ipvae report`: verdicts, --verify, the curve and its stop point, an interrupted report."""

import json
import sys
from datetime import datetime, timezone

import numpy as np
import pytest

from ipvae.evaluation.metrics import r2
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.pixels import to_real
from ipvae.workflows.report import Report, make_report
from ipvae.workflows.reporting import once
from ipvae.workflows.reporting import quality as report_quality
from ipvae.workflows.reporting.once import RASTER_STEPS, doubled
from ipvae.workflows.reporting.quality import stop_point
from ipvae.workflows.running.backends import run_backend

EXTENT = ("--samples", 5, "--steps", 24)


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network(k=12))
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_the_terminal_names_the_page_and_its_verdicts(command, net, out):
    status, text, _ = command("report", net, "--out", out, *EXTENT)
    assert status == 0
    lines = text.splitlines()
    assert lines[0].startswith("No Loihi 2 was measured")
    for start in ("Bit-exact: not verified", "Fits: loihi2", "Overflow: impossible", "Quality: R2"):
        assert any(line.startswith(start) for line in lines), start
    assert lines[-1] == f"page: {out / 'index.html'}"
    assert text.isascii()
    page = (out / "index.html").read_text()
    assert all(line.split(": ", 1)[1] in page for line in lines[1:12])


@pytest.mark.usefixtures("without_page")
def test_the_curve_is_of_the_run_and_ends_with_its_quality(command, net, out):
    _, found, _ = command("report", net, "--out", out, *EXTENT, "--json", "-")
    assert found["curve"][-1] == {"step": 24, **found["quality"]}
    words = ("evaluate", net, "--steps", "1,2,3,24", "--samples", 5, "--json", "-")
    _, evaluated, _ = command(*words)
    by_step = {point["step"]: point for point in found["curve"]}
    assert [by_step[point["step"]] for point in evaluated["curve"]] == evaluated["curve"]
    assert [row["step"] for row in found["reconstructions"]] == [1, 2, 4, 8, 16, 24]
    assert len(found["reconstructions"][0]["r2"]) == 5
    mean = float(np.mean(found["reconstructions"][-1]["r2"]))
    assert mean == pytest.approx(found["quality"]["r2"], rel=1e-6)


@pytest.mark.usefixtures("without_page")
def test_a_curve_of_the_first_images_does_not_change_the_rest(command, net, out, monkeypatch):
    words = ("report", net, "--out", out, *EXTENT, "--json", "-")
    _, whole, _ = command(*words)
    monkeypatch.setattr(once, "CURVE_IMAGES", 2)
    monkeypatch.setattr(report_quality, "SHOWN", 2)
    _, part, _ = command(*words)
    assert (whole["curve_images"], part["curve_images"]) == (5, 2)
    assert part["counts"] == whole["counts"] and part["quality"] == whole["quality"]
    assert part["saturations"] == whole["saturations"]
    _, few, _ = command("evaluate", net, "--steps", 24, "--samples", 2, "--json", "-")
    assert part["curve"][-1] == few["curve"][-1]


def points(*values):
    return [{"step": 2**i, "r2": r, "zeros": 0.5} for i, r in enumerate(values)]


def test_the_stop_point_is_the_first_step_that_comes_near_the_last():
    assert stop_point(points(0.1, 0.8, 0.896, 0.9)) == {
        "step": 4,
        "r2": 0.896,
        "zeros": 0.5,
        "within": 0.005,
    }
    found = stop_point(points(0.1, 0.2, 0.3))
    assert found is not None and found["step"] == 4
    assert stop_point(points(0.1, float("nan"))) is None


@pytest.mark.parametrize(
    ("last", "steps"), [(1, [1]), (2, [1, 2]), (24, [1, 2, 4, 8, 16, 24]), (8, [1, 2, 4, 8])]
)
def test_steps_that_are_shown_double(last, steps):
    assert doubled(last) == steps


def altered(name, network, images, n_steps, seed):
    """Run the emulator in a backend's place, one count of it changed."""
    trace = run_backend("emulator", network, images, n_steps, seed)
    if name == "lava":
        trace.samples[1]["1"]["z"][3, 2] += 1
    return trace


def same(name, network, images, n_steps, seed):
    return run_backend("emulator", network, images, n_steps, seed)


def test_verify_states_what_was_compared(command, net, out, monkeypatch):
    monkeypatch.setattr(once, "run_backend", same)
    words = ("report", net, "--out", out, *EXTENT, "--verify", "lava", "--json", "-")
    status, found, _ = command(*words)
    assert status == 0
    exact = found["verified"]
    assert (exact["bit_exact"], exact["samples"], exact["steps"]) == (True, 2, 16)
    assert exact["compared_values"] == 2 * 17 * 3 * 12
    network = read_network(net)
    trace = run_backend("emulator", network, network.test_images[:2], 16, 0)
    assert exact["max_count"] == trace.stacked("1", "z").max() > 0
    assert exact["first_divergence"] is None
    assert "Yes: emulator and emulator ran the first images" in (out / "index.html").read_text()
    assert found["run"]["command"].endswith("--verify lava")


def test_a_difference_is_shown_and_ends_with_status_1(command, net, out, monkeypatch):
    monkeypatch.setattr(once, "run_backend", altered)
    status, text, _ = command("report", net, "--out", out, *EXTENT, "--verify", "lava")
    assert status == 1
    assert "differs first at step 3 (2 images, steps 0 to 16)" in text
    page = (out / "index.html").read_text()
    assert "<strong>No</strong>" in page and "index 2" in page
    assert json.loads((out / "report.json").read_text())["verified"]["bit_exact"] is False


@pytest.mark.lava
def test_verify_runs_lava(command, net, out):
    words = ("report", net, "--out", out, "--samples", 1, "--steps", 3)
    status, found, _ = command(*words, "--verify", "emulator, lava", "--json", "-")
    assert status == 0
    assert found["verified"]["backends"] == ["emulator", "lava"]
    assert found["verified"]["bit_exact"] and found["verified"]["steps"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--verify", "emulator"), "--verify: found 'emulator', allowed backends to compare"),
        (("--verify", "brian"), "backend: found 'brian', allowed emulator, lava"),
    ],
)
def test_what_cannot_be_verified_is_refused_before_any_work(command, net, out, words, message):
    status, _, err = command("report", net, "--out", out, *EXTENT, *words)
    assert status == 2
    assert message in err
    assert not out.exists()


def today():
    return datetime.now(timezone.utc).date().isoformat()


def test_the_date_is_todays_or_what_the_environment_states(command, net, out, monkeypatch):
    words = ("report", net, "--out", out, *EXTENT, "--json", "-")
    days = {today()}
    found = command(*words)[1]["run"]["made"]
    assert found in days | {today()}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    assert command(*words)[1]["run"]["made"] == "2025-10-09T08:53:20+00:00"
    assert "made 2025-10-09" in (out / "index.html").read_text()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    status, _, err = command(*words)
    assert status == 2
    assert "SOURCE_DATE_EPOCH: found 'yesterday', allowed a number of seconds" in err


@pytest.mark.parametrize("where", ["ipvae.report.html.page.drawn", "ipvae.report.html.page.page"])
def test_an_interrupted_report_leaves_the_earlier_one(command, net, out, monkeypatch, where):
    command("report", net, "--out", out, *EXTENT)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    status, _, _ = command("report", net, "--out", out, "--samples", 2, "--steps", 3)
    assert status != 0
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_file_in_the_way_leaves_the_earlier_report(command, net, out):
    command("report", net, "--out", out, *EXTENT)
    (out / "figures" / "raster.png").unlink()
    (out / "figures" / "raster.png").mkdir()
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    status, _, err = command("report", net, "--out", out, "--samples", 2, "--steps", 3)
    assert status == 2
    assert "raster.png: cannot write there" in err
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_a_report_removes_figures_that_only_the_earlier_one_had(command, net, out):
    command("report", net, "--out", out, *EXTENT)
    for name in ("weights-7.svg", "mine.svg"):
        (out / "figures" / name).write_text("earlier")
    assert command("report", net, "--out", out, *EXTENT)[0] == 0
    assert not (out / "figures" / "weights-7.svg").exists()
    assert (out / "figures" / "mine.svg").exists() and (out / "figures" / "raster.svg").exists()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_package_that_is_missing_is_one_line(command, net, out, monkeypatch, package):
    for name in [n for n in sys.modules if n.startswith("ipvae.report.")]:
        parent, _, leaf = name.rpartition(".")
        monkeypatch.setattr(sys.modules[parent], leaf, sys.modules[name])  # as it is afterwards
    for name in [n for n in sys.modules if n.startswith("ipvae.report.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    status, _, err = command("report", net, "--out", out, *EXTENT)
    assert status == 2
    assert "report: the page needs a package that cannot be imported" in err
    assert "pip install 'ipvae-loihi[report]'" in err and not out.exists()


def test_pictures_show_what_the_emulator_sent(net, monkeypatch):
    network = read_network(net)
    monkeypatch.setattr(once, "RASTER_STEPS", 9)
    report = make_report(network, steps=24, seed=7)
    assert isinstance(report, Report)
    found = report.pictures
    trace = run_backend("emulator", network, network.test_images, 24, 7)
    z = trace.stacked("1", "z")
    assert RASTER_STEPS > 100
    np.testing.assert_array_equal(found.raster, z[0, :10])
    np.testing.assert_array_equal(found.counts, z[:, 24])
    np.testing.assert_allclose(found.read_out[4], z[:, 4] @ network.decoder.T, rtol=1e-4)
    np.testing.assert_array_equal(found.images, to_real(network.test_images, network.input))
    rows = report.data["reconstructions"]
    assert rows[2]["r2"][0] == r2(found.images[:1], found.read_out[4][:1])
