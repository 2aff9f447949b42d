"""Standard streams that are full, closed or no longer read, and signals, end in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ipvae.cli.main import fail
from ipvae.cli.output import Settings
from ipvae.network.io.network_file import write_network
from ipvae.signals import Stopped, came, listen
from ipvae.workflows.output.outputs import Written, trace_output

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "from ipvae.cli.entry import main; main()"
FULL = "ipvae: standard output: cannot write there (No space left on device); make room, or"


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Run a line of bash in which I is the command; exit statuses of its parts, stdout, stderr."""
    folder = tmp_path_factory.mktemp("streams")

    def run(line):
        command = f'I() {{ "{sys.executable}" -c "{ENTRY}" "$@"; }}'
        script = f'{command}; {line}; echo "${{PIPESTATUS[@]}}" >codes'
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        codes = (folder / "codes").read_text().split()
        return [int(code) for code in codes], done.stdout, done.stderr

    run.folder = folder
    return run


@pytest.fixture(autouse=True)
def net(shell, make_network):
    if not (shell.folder / "net.h5").exists():
        write_network(shell.folder / "net.h5", make_network())


full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@full
@pytest.mark.parametrize("words", ["check net.h5", "check net.h5 --json -", "--help"])
def test_full_standard_output_is_one_line(shell, words):
    codes, out, err = shell(f"I {words} >/dev/full")
    assert (codes, out, err.count("\n")) == ([2], "", 1) and err.startswith(FULL)


@full
def test_full_standard_error_changes_no_status(shell):
    assert shell("I check none.h5 2>/dev/full") == ([2], "", "")
    codes, out, _ = shell("I --verbose run net.h5 --samples 1 --steps 2 2>/dev/full")
    assert codes == [0] and "emulator" in out


def test_closed_streams_are_no_error_and_no_file_gets_their_number(shell):
    codes, out, err = shell("I check net.h5 --json x.json <&- >&- 2>&-")
    assert (codes, out, err) == ([0], "", "")
    assert (shell.folder / "x.json").read_text().startswith('{\n  "generator": "ipvae check"')
    assert shell("I check none.h5 2>&-") == ([2], "", "")


def test_a_reader_that_goes_away_is_no_error(shell):
    for line in ("I check net.h5 | true", "I --help 2>&1 | true"):
        codes, _, err = shell(line)
        assert codes[0] in (0, 128 + signal.SIGPIPE) and err == ""


def test_the_first_signal_raises_and_the_second_does_not_disturb():
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    try:
        listen()
        with pytest.raises(Stopped, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        stopped = came()
        assert stopped is not None and stopped.number == signal.SIGTERM
    finally:
        listen()  # forgets them
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
    assert came() is None


def test_a_stop_states_what_is_kept(tmp_path):
    outputs = [trace_output(tmp_path / n, overwrite=True, name="trace_file") for n in ("a", "b")]
    state = tmp_path / "resume.safetensors"
    settings = Settings(
        command="run", written=Written(outputs), advice={state: "continue with: this"}
    )
    assert settings.stopped("SIGINT") == "run was stopped (SIGINT); nothing was written"
    (tmp_path / "b").write_text("x")
    state.touch()
    assert settings.stopped("SIGINT") == (
        f"run was stopped (SIGINT); written and kept: {tmp_path / 'b'}; continue with: this"
    )


def test_an_error_on_a_value_of_any_length_is_one_line_of_a_readable_size(capsys):
    assert fail(f"{'a' * 5000}: does not exist. Check the path.", 2) == 2
    line = capsys.readouterr().err
    assert len(line) < 1100 and line.startswith("ipvae: aaa") and line.endswith("the path.\n")
    assert " ... " in line


def test_a_terminal_without_a_character_gets_its_escape(make_network, tmp_path):
    place = tmp_path / "größe 🙂.h5"
    write_network(place, make_network())
    words = [sys.executable, "-m", "ipvae", "info", str(place)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    found = subprocess.run(words, env=env, capture_output=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert rb"gr\xf6\xdfe" in found.stdout and found.stderr == b""
