"""Finding a board, with stand-ins for Intel's extension, `sinfo` and `ping`; no board is here."""

import os
from contextlib import contextmanager

import pytest

from ipvae.errors import BackendError
from ipvae.lava_procs.board import find
from ipvae.lava_procs.board.find import Board, find_board
from ipvae.lava_procs.importing import import_lava

pytestmark = pytest.mark.lava()

VARIABLES = ("SLURM", "NOSLURM", "PARTITION", "BOARD", "NXSDKHOST", "HOST_BINARY", "LOIHI_GEN")
SINFO = """#!/bin/sh
if [ "$1" = "-N" ]; then
  echo "NODELIST NODES PARTITION STATE"
  echo "ncl-og-01 1 oheogulch idle"
  echo "ncl-og-02 1 oheogulch down*"
  echo "ncl-kp-01 1 kapohopoint* idle"
else
  echo "PARTITION AVAIL TIMELIMIT NODES STATE NODELIST"
  echo "oheogulch up infinite 2 idle ncl-og-[01-02]"
  echo "old up infinite 1 down ncl-n2-01"
  echo "kapohopoint* up infinite 1 idle ncl-kp-01"
fi
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An environment without any of the variables, and without programs but those put here."""
    import_lava()
    from lava.utils import loihi

    before = dict(os.environ)
    monkeypatch.setattr(loihi, "host", None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name, text="#!/bin/sh\necho one line\n"):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    yield put
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def extension(programs, monkeypatch):
    """A stand-in: all modules of the extension are said to be there."""
    from lava.utils import loihi

    monkeypatch.setattr(loihi, "is_installed", lambda *_: True)
    monkeypatch.setattr(find, "has_module", lambda _: True)
    return programs


@contextmanager
def line(match):
    """Expect an error of one line that holds this."""
    with pytest.raises(BackendError, match=match) as info:
        yield
    assert "\n" not in str(info.value)
    assert str(info.value).startswith("backend 'loihi2': ")


def test_without_the_extension_it_states_who_gets_it(programs):
    with line(r"lava-loihi is missing \(no module lava.utils.loihi2_profiler\); members of .* get"):
        find_board()


def test_an_extension_in_parts_is_named(programs, monkeypatch):
    from lava.utils import loihi

    monkeypatch.setattr(loihi, "is_installed", lambda *_: True)
    with line(r"incomplete \(no module lava.magma.core.model.nc.model\)"):
        find_board()
    assert not find.has_module("lava.magma.core.model.nc.model")
    assert find.has_module("lava.magma.core.model.py.model")


def test_with_nothing_set_and_no_controller_there_is_no_board(extension):
    with line("no board: neither SLURM, PARTITION, BOARD nor NXSDKHOST is set"):
        find_board()


def test_a_controller_that_answers_is_used_if_nothing_is_set(extension):
    from lava.utils import loihi

    extension("sinfo", SINFO)
    assert find_board() == Board("SLURM", "any partition", "N3B3")
    assert loihi.host == "SLURM"
    assert os.environ["SLURM"] == "1"


def test_a_host_on_the_network(extension, monkeypatch):
    from lava.utils import loihi

    extension("ping")
    monkeypatch.setenv("NXSDKHOST", "10.0.0.7")
    monkeypatch.setenv("HOST_BINARY", "driver")
    monkeypatch.setenv("LOIHI_GEN", "N3C1")
    assert find_board() == Board("ETHERNET", "10.0.0.7", "N3C1")
    assert loihi.host == "ETHERNET"
    assert {os.environ[n] for n in ("NOSLURM", "HOST_BINARY", "LOIHI_GEN")} == {
        "1",
        "driver",
        "N3C1",
    }
    assert find_board() == Board("ETHERNET", "10.0.0.7", "N3C1")


@pytest.mark.parametrize("ping", [None, "#!/bin/sh\nexit 1\n"])
def test_a_host_that_does_not_answer(extension, monkeypatch, ping):
    """Without the program `ping` Lava itself raises FileNotFoundError."""
    if ping is not None:
        extension("ping", ping)
    monkeypatch.setenv("NXSDKHOST", "10.0.0.7")
    with line("NXSDKHOST=10.0.0.7 does not answer a ping"):
        find_board()


def test_noslurm_needs_a_host(extension, monkeypatch):
    monkeypatch.setenv("NOSLURM", "1")
    with line("NOSLURM=1 without NXSDKHOST"):
        find_board()


def test_slurm_and_noslurm_exclude_each_other(extension, monkeypatch):
    monkeypatch.setenv("NOSLURM", "1")
    monkeypatch.setenv("SLURM", "1")
    with line("both SLURM=1 and NOSLURM=1"):
        find_board()


@pytest.mark.parametrize("name", ["SLURM", "PARTITION", "BOARD"])
def test_slurm_without_a_controller(extension, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with line("no SLURM controller answers here"):
        find_board()


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"PARTITION": "oheogulch"}, "oheogulch"),
        ({"BOARD": "ncl-og-01"}, "ncl-og-01"),
        ({"BOARD": "ncl-og-01", "PARTITION": "oheogulch", "SLURM": "1"}, "ncl-og-01"),
        ({"SLURM": "1", "NXSDKHOST": "10.0.0.7"}, "any partition"),
    ],
)
def test_partition_and_node_of_a_controller(extension, monkeypatch, environment, where):
    extension("sinfo", SINFO)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_board() == Board("SLURM", where, "N3B3")
    assert {n: os.environ.get(n) for n in environment} == environment


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"PARTITION": "moon"}, r"PARTITION=moon is not there, allowed oheogulch, kapohopoint\*"),
        ({"PARTITION": "old"}, "PARTITION=old is down, allowed oheogulch"),
        ({"PARTITION": "kapohopoint"}, r"\* marks the default: unset PARTITION for it"),
        ({"BOARD": "ncl-og-02"}, "BOARD=ncl-og-02 is down, allowed ncl-og-01, ncl-kp-01"),
        (
            {"BOARD": "ncl-kp-01", "PARTITION": "oheogulch"},
            "BOARD=ncl-kp-01 is not in PARTITION=oheogulch",
        ),
        ({"LOIHI_GEN": "N4"}, "LOIHI_GEN: found 'N4', allowed N2A2, N3B2, N3B3"),
    ],
)
def test_what_a_controller_does_not_have(extension, monkeypatch, environment, match):
    extension("sinfo", SINFO)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with line(match):
        find_board()


@pytest.mark.parametrize(
    ("printed", "match"),
    [
        ("NODELIST NODES\nncl-og-01 1", "what sinfo prints has fewer columns than Lava reads"),
        ("", "SLURM has no host for Loihi"),
    ],
)
def test_what_sinfo_should_not_print(extension, monkeypatch, printed, match):
    extension("sinfo", f"#!/bin/sh\necho '{printed}'\n")
    monkeypatch.setenv("SLURM", "1")
    with line(match):
        find_board()


def test_lava_alone_stumbles_over_what_sinfo_prints(extension, monkeypatch):
    """The repair is needed: an empty line at the end, and Lava takes it for a partition."""
    from lava.utils import slurm

    extension("sinfo", SINFO)
    with pytest.raises(IndexError):
        slurm.get_partitions()


def test_a_host_that_was_chosen_before_stands(extension, monkeypatch):
    from lava.utils import loihi

    extension("ping")
    loihi.use_ethernet_host("10.0.0.9", "driver", loihi.ChipGeneration.N3C1)
    monkeypatch.setenv("PARTITION", "moon")
    assert find_board() == Board("ETHERNET", "10.0.0.9", "N3C1")
