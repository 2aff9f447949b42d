"""A write that is killed at any moment leaves the old file or the new one, whole."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipvae.network.io.network_file import read_network, write_network

TRIALS = 300


def killed_writes(path, sources, trials):
    """Fork a writer, kill it at a random moment, look at the file; again and again.

    Runs as a separate process, since a test process has threads that a fork would lose.
    """
    networks = [read_network(source) for source in sources]
    whole = []
    durations = []
    for network in networks * 3:
        start = time.perf_counter()
        write_network(path, network)
        durations.append(time.perf_counter() - start)
        whole.append(path.read_bytes())
    whole = whole[: len(networks)]
    longest = 1.5 * min(durations)
    chance = random.Random(20261121)
    found = {"old": 0, "new": 0, "other": 0}
    for _ in range(trials):
        before = whole.index(path.read_bytes())
        after = 1 - before
        child = os.fork()
        if child == 0:
            write_network(path, networks[after])
            os._exit(0)
        time.sleep(chance.uniform(0.5, 1.0) * longest)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        contents = path.read_bytes()
        outcome = {whole[before]: "old", whole[after]: "new"}.get(contents, "other")
        found[outcome] += 1
        longest *= {"old": 1.05, "new": 0.95}.get(outcome, 1.0)  # stay near the decisive moment
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            left.unlink()
        if outcome == "other":
            write_network(path, networks[before])
    print(json.dumps(found))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_write_leaves_the_old_file_or_the_new_one(tmp_path, make_network):
    sources = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for seed, source in enumerate(sources):
        write_network(source, make_network(k=60, m=40, seed=seed))
    (tmp_path / "there").mkdir()
    script = [sys.executable, __file__, str(tmp_path / "there" / "net.h5"), *map(str, sources)]
    done = subprocess.run(script, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    assert found["other"] == 0
    assert found["old"] + found["new"] == TRIALS
    assert min(found["old"], found["new"]) >= TRIALS // 20, "the kills did not hit both sides"


if __name__ == "__main__":
    target, *given = map(Path, sys.argv[1:])
    killed_writes(target, given, TRIALS)
