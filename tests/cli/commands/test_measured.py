"""`ipvae report --measured`: a made-up log, not a measurement, with the counts."""

import json

import pytest

from ipvae.network.io.network_file import write_network
from ipvae.report.html.counted_nouns import STATUS

pytestmark = pytest.mark.usefixtures("without_page")

LOG = (
    "num_steps,avg_time_per_step,total_power,static_total_power,core_idx,syn_ops,host\n"
    "35,3,0.2,0.3,0,700,here\n"
)


@pytest.fixture
def net(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network())
    return tmp_path / "net.h5"


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    return tmp_path / "log.csv"


def test_a_report_lays_a_log_beside_its_counts(command, net, log, tmp_path):
    words = ("report", net, "--out", tmp_path / "r", "--samples", 5, "--steps", 6)
    _, plain, _ = command(*words, "--json", "-")
    status, found, _ = command(*words, "--measured", log, "--json", "-")
    assert status == 0
    assert json.loads((tmp_path / "r" / "report.json").read_text()) == found
    assert found["counts"] == plain["counts"]
    band = [row for row in plain["energy"] if row["model"] == "Loihi 2 band"]
    modelled = [row for row in plain["energy"] if row["kind"] == "modelled"]
    assert [row["part"] for row in band] == ["static", "dynamic"]
    assert [row for row in found["energy"] if row["kind"] == "modelled"] == [
        row for row in modelled if row not in band
    ]
    measured = [row for row in found["energy"] if row["model"] == "profiler log"]
    assert {row["kind"] for row in measured} == {"measured"}
    assert [row["part"] for row in measured] == ["total", "static", "dynamic"]
    assert measured[-1]["low_j"] == pytest.approx(-0.1 * 3e-6 * 7)
    assert all(set(row) == set(plain["energy"][0]) for row in measured)
    (time,) = [row for row in found["time"] if row["chip"].startswith("Loihi 2")]
    assert (time["kind"], time["low_s"]) == ("measured", pytest.approx(3e-6 * 7))
    assert "no Loihi 2 band of energy: the log has its own" in found["energy_notes"]
    assert found["measured"]["columns_left_out"] == ["host"]
    (ops,) = [
        row
        for row in found["measured"]["rows"]
        if (row["name"], row["over"]) == ("syn_ops", "all cores")
    ]
    assert ops["found"] == 20
    assert ops["modelled"] == pytest.approx(found["counts"]["synaptic_ops"] / 7)
    assert ops["ratio"] == pytest.approx(20 / ops["modelled"])


def test_the_status_line_is_true(command, net, log, tmp_path):
    words = ("report", net, "--out", tmp_path / "r", "--samples", 5, "--steps", 6)
    assert command(*words)[1].startswith(STATUS)
    _, out, _ = command(*words, "--measured", log)
    assert STATUS not in out
    assert out.startswith(f"Measured figures were read from {log}; this tool did not measure them")
    assert "did not check where they come from" in out.splitlines()[0]
    assert "measured beside modelled" in out
    assert "dynamic energy is below zero" in out
    assert "columns left out, not known: 'host'" in out


def test_a_log_of_counts_alone_leaves_the_band(command, net, tmp_path):
    (tmp_path / "log.csv").write_text("syn_ops\n700\n")
    words = ("report", net, "--out", tmp_path / "r", "--samples", 5, "--steps", 6)
    status, found, _ = command(*words, "--measured", tmp_path / "log.csv", "--json", "-")
    assert status == 0
    for name in ("energy", "time"):
        assert "Loihi 2 band" in {row["model"] for row in found[name]}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "cannot be read (No such file"),
        ("a,b\n1,2\n", "no column that the profiler logs"),
        ("syn_ops\n-3\n", "line 2, column syn_ops: found '-3'"),
    ],
)
def test_a_bad_log_ends_with_one_line_before_any_work(command, net, tmp_path, text, part):
    path = tmp_path / "bad.csv"
    if text is not None:
        path.write_text(text)
    status, out, err = command("report", net, "--out", tmp_path / "r", "--measured", path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert not (tmp_path / "r").exists()
