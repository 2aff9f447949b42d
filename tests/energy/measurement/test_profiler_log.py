"""Reading profiler logs. All logs here are made up, not measured."""

import numpy as np
import pytest

from ipvae.energy.measurement.profiler_log import read_log
from ipvae.errors import FormatError


@pytest.fixture
def made_up(tmp_path):
    """Write a made-up log."""

    def write(text):
        path = tmp_path / "log.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_log_of_the_run_its_steps_and_its_cores_shares_one_file(made_up):
    log = read_log(
        made_up(
            "num_steps,avg_time_per_step,total_power,core_idx,syn_ops,board,vdd_power\r\n"
            "10,2.5,0.25,0,30,ncl,\r\n"
            ",,0.35,1,50,ncl,\r\n"
            ",2.5,0.3,,,,\r\n"
        )
    )
    assert log.left_out == ("board",)
    assert log.empty == ("vdd_power",)
    assert {name: values.tolist() for name, values in log.columns.items()} == {
        "num_steps": [10],
        "avg_time_per_step": [2.5],
        "total_power": [0.25, 0.35, 0.3],
        "core_idx": [0, 1],
        "syn_ops": [30, 50],
    }
    assert log.cores == [(0, 0), (0, 1)]
    assert log.step_time_us == 2.5
    assert log.figure("total_power") == pytest.approx(0.3)
    assert log.figure("vdd_power") is None
    assert len(log.sha256) == 64


def test_time_per_step_is_the_mean_where_no_average_is_logged(made_up):
    assert read_log(made_up("execution_time_per_step\n1\n3\n")).step_time_us == 2
    assert read_log(made_up("syn_ops\n1\n")).step_time_us is None


def test_a_mark_of_utf8_spaces_and_quotes_do_no_harm(made_up):
    log = read_log(made_up('\ufeff"chip_idx", core_idx ,syn_ops\n\n1, 0 ,"7"\n0,0,1e3\n'))
    assert log.cores == [(1, 0), (0, 0)]
    assert np.array_equal(log.columns["syn_ops"], [7, 1000])


def test_figures_near_zero_may_be_negative(made_up):
    log = read_log(made_up("dynamic_power,vddio_power,dynamic_energy\n-0.006,-1e-4,-0.36\n"))
    assert log.figure("dynamic_power") == -0.006


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty (0 bytes)"),
        ("syn_ops" + "," * 2**16, "a line of more than 65536 characters; it is no log"),
        ("\n\n", "is empty; allowed is a CSV log with a header line"),
        (b"\x89PNG\xff\xfe", "is not text"),
        ("a,b\n1,2\n", "no column that the profiler logs (found 'a', 'b')"),
        ("syn_ops\n", "no values below the header"),
        ("syn_ops,core_idx\n,\n", "no values below the header"),
        ("syn_ops,syn_ops\n1,2\n", "column 'syn_ops' appears twice"),
        ("syn_ops,core_idx\n1,0\n2\n", "line 3 has 1 cells, the header has 2"),
        ('syn_ops\n"1\n', "is not CSV"),
        ("syn_ops\nmany\n", "line 2, column syn_ops: found 'many', allowed are whole numbers"),
        ("total_power\n0.1\nnan\n", "line 3, column total_power: found 'nan'"),
        ("total_power\ninf\n", "allowed are finite numbers from 0, or an empty cell"),
        ("total_power\n-0.1\n", "found '-0.1'"),
        ("syn_ops\n-1\n", "found '-1', allowed are whole numbers from 0"),
        ("syn_ops\n1.5\n", "found '1.5', allowed are whole numbers"),
        ("syn_ops\n1e300\n", "found '1e300', allowed are whole numbers"),
        ("num_steps\n0\n", "found '0', allowed are whole numbers above 0"),
        ("avg_time_per_step\n0\n", "found '0', allowed are finite numbers above 0"),
        ("avg_time_per_step\n1\n2\n", "2 different values (1, 2, ...), allowed is one"),
        ("core_idx,syn_ops\n0,1\n1,\n", "column syn_ops has 1 values, core_idx has 2"),
        ("core_idx,syn_ops\n0,1\n0,1\n", "core 0 of chip 0 appears 2 times"),
        ("core_idx,chip_idx,syn_ops\n3,1,1\n3,1,1\n3,0,1\n", "core 3 of chip 1 appears 2 times"),
    ],
)
def test_what_is_not_a_log_is_refused_with_its_place(made_up, text, part):
    with pytest.raises(FormatError) as error:
        read_log(made_up(text))
    assert part in str(error.value)
    assert "log.csv" in str(error.value)


def test_a_missing_log_a_folder_and_a_huge_file_are_refused(tmp_path):
    with pytest.raises(FormatError, match="none.csv: cannot be read .No such file"):
        read_log(tmp_path / "none.csv")
    with pytest.raises(FormatError, match="it is no regular file"):
        read_log(tmp_path)
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(FormatError, match="allowed are up to 67108864"):
        read_log(tmp_path / "huge.csv")
