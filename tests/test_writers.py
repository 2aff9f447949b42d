"""What is written appears whole or not at all, says why in one line, and leaves nothing behind.

Writers are in tests/support/writers.py, trials in write_trials.py, which forks and so runs as a
process.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "support" / "write_trials.py"
WRITERS = (
    *("network", "trace", "streamed trace", "recorded draws", "NIR", "model", "resume state"),
    *("metrics log", "page", "comparison", "picture", "JSON", "profile"),
)
ANYWHERE = (
    *("new", "limit early", "limit late", "in the way", "killed", "together"),
    *("there already", "something else", "an input"),
)
ON_A_DISK = ("full early", "full late", "read-only")
MOUNT = "mount -t tmpfs -o size=8m tmpfs "
"""A small disk, in a name space of the process's own: only root may mount elsewhere."""


def outcomes(*words):
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(set(by_writer) == set(WRITERS) for by_writer in found.values())
    return found


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("writers"))
    return outcomes(sys.executable, str(SCRIPT), folder, *ANYWHERE)


@pytest.fixture(scope="module")
def on_a_disk(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("disk"))
    apart = ("unshare", "--user", "--map-root-user", "--mount")
    mount = [*apart, "sh", "-c", MOUNT + folder]
    tried = shutil.which("unshare") and subprocess.run(mount, check=False, capture_output=True)
    if not tried or tried.returncode:
        pytest.skip("this machine lets no user mount a small disk")
    script = f'{MOUNT}"$2" && exec "$0" "$@"'
    return outcomes(*apart, "sh", "-c", script, sys.executable, str(SCRIPT), folder, *ON_A_DISK)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("trial", ANYWHERE)
def test_every_writer_in_every_trial(anywhere, trial, writer):
    assert anywhere[trial][writer] == ""


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("trial", ON_A_DISK)
def test_every_writer_on_a_disk_that_is_full_or_read_only(on_a_disk, trial, writer):
    assert on_a_disk[trial][writer] == ""


def test_without_locks_of_files_the_remedy_is_named():
    """Windows has no fcntl: the readers, and the command, end with one line."""
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import ipvae\n"
        "try:\n    ipvae.load_network\n"
        "except ImportError as error:\n    print(error)\n"
        "from ipvae.cli.entry import main\n"
        "sys.argv = ['ipvae', 'info', 'net.h5']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "use WSL 2 (docs/install.md)" in done.stdout
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "use WSL 2 (docs/install.md)" in done.stderr
