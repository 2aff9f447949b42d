"""`ipvae run`, `report` and `info` of plain lava-dl networks."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ipvae.energy.counting.network_counts import network_counts
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.rules.input_messages import messages
from ipvae.network.traces.network_totals import record_totals


def expected_counts(plain_nets, layers, path, images, steps):
    """Counts of the oracle's messages, for images that are currents."""
    network, records = read_plain(path), []
    for image in images.reshape(len(images), 1, -1):
        sent = messages(network.input, image, steps)
        record = plain_nets.windows(layers, plain_nets.simulate(layers, sent), steps)
        records.append({"0": {"z": sent}, **{name: {"z": z} for name, z in record.items()}})
    return network_counts(network, record_totals(network, records, steps))


@pytest.mark.parametrize("backend", ["emulator", pytest.param("lava", marks=pytest.mark.lava)])
def test_run_counts_what_the_oracle_counts(command, plain_nets, cuba_net, backend):
    layers, path, folder = cuba_net
    status, found, err = command(
        *("run", path, "--backend", backend, "--images", folder / "whole.npy"),
        *("--samples", 2, "--steps", 6, "--json", "-"),
    )
    assert status == 0 and "read as what input neurons take" in err and err.count("\n") == 1
    counts = expected_counts(plain_nets, layers, path, np.load(folder / "whole.npy")[:2], 6)
    assert found["layers"] == [layer.as_dict() for layer in counts.layers]
    assert found["counts"] == counts.total.as_dict()
    assert (found["backend"], found["samples"], found["steps"]) == (backend, 2, 6)
    assert found["zeros"] == counts.zeros and found["spikes"] == 2 * counts.total.spikes
    assert found["image_steps_per_second"] == pytest.approx(12 / found["seconds"])
    assert found["counts"]["synaptic_ops"] > 100


def test_integers_may_be_real_numbers(command, cuba_net):
    _, path, folder = cuba_net
    np.save(folder / "as_real.npy", np.load(folder / "whole.npy").astype(float))
    found = []
    for words in (("whole.npy", "--integers", "real"), ("as_real.npy",), ("whole.npy",)):
        run = ("run", path, "--images", folder / words[0], *words[1:])
        status, result, _ = command(*run, "--samples", 2, "--steps", 6, "--json", "-")
        assert status == 0
        found.append(result["counts"])
    assert found[0] == found[1] != found[2]


def test_run_shows_a_table_by_layer(command, cuba_net):
    _, path, folder = cuba_net
    words = ("--images", folder / "whole.npy", "--samples", 1, "--steps", 3)
    status, out, err = command("run", path, *words)
    assert status == 0 and "read as what input neurons take" in err and err.count("\n") == 1
    assert all(word in out for word in ("0 input", "1 conv", "3 dense", "synaptic ops"))


def test_info_describes_every_layer(command, cuba_net):
    _, path, _ = cuba_net
    status, found, _ = command("info", path, "--json", "-")
    assert status == 0
    assert found["kind"] == "lava-dl network" and found["input_shape"] == [2, 5, 4]
    assert found["input_transform"] == {"weight": 30.0, "bias": 2.0}
    conv, dense = found["layers"]
    assert (conv["kind"], conv["shape"], conv["padding"]) == ("conv", [3, 6, 5], [1, 1])
    assert (dense["kind"], dense["synapses"]) == ("dense", 4 * 90)
    status, out, _ = command("info", path)
    assert status == 0 and "3 x 6 x 5" in out and "threshold 6" in out


def assert_error(result, *parts):
    status, out, err = result
    assert (status, out) == (2, "")
    *before, last = err.splitlines()
    assert last.startswith("ipvae: ") and all(" read as " in line for line in before)
    for part in parts:
        assert part in err


def test_what_makes_no_sense_is_one_clear_line(command, cuba_net, tmp_path):
    _, path, folder = cuba_net
    lava = ("run", path, "--backend", "lava")
    good = ("--images", folder / "whole.npy", "--samples", 1)
    words = ("run", path, "--backend", "loihi2", *good)
    assert_error(command(*words), "found 'loihi2'", "allowed are emulator, lava, lava-stock")
    assert_error(command("run", path, "--backend", "chip", *good), "allowed emulator, lava")
    for option in ("--record-draws", "--replay-draws", "--data-dir"):
        words = (*lava, *good, option, tmp_path / "o.h5")
        assert_error(command(*words), f"{option}: found", "omit it")
    assert_error(command(*lava, *good, "--hold", 2), "allowed streams (n, 32, 40) or 32 images")
    moving = (*lava, *good, "--motion", "rotate")
    assert_error(command(*moving), "--motion: needs --hold")
    assert_error(command(*moving, "--hold", 2), "--motion: found an input of shape (2, 5, 4)")
    for option in ("--variables", "--layers"):
        words = (*lava, *good, "--trace", tmp_path / "t.h5", option, "q")
        assert_error(command(*words), "q, allowed")
    assert_error(command(*lava, *good, "--seed", 3), "--seed: found 3", "nothing is drawn")
    assert_error(command(*lava), "holds no images", "--images FILE.npy, (n, 2, 5, 4)")
    assert_error(command(*lava, *good[:2], "--samples", 4), "--samples: found 4, allowed up to 3")
    whole = command(*lava, *good, "--integers", "whole")
    assert_error(whole, "--integers: found 'whole', allowed input and real")
    for timeout in (0, -1, "nan"):
        assert_error(command(*lava, *good, "--timeout", timeout), f"timeout: found {timeout} s")
    report = ("report", path, "--out", tmp_path / "rep")
    assert_error(command(*report), "holds no images")
    for option in ("--data-dir", "--measured"):
        assert_error(command(*report, option, tmp_path), f"{option}: found", "omit it")
    assert not (tmp_path / "rep").exists()


@pytest.mark.parametrize(
    "words", [("run", "--backend", "lava"), ("report", "--out", "r"), ("info",)]
)
def test_damaged_and_unsupported_files_are_one_clear_line(command, plain_nets, tmp_path, words):
    bad = tmp_path / "bad.net"
    bad.write_bytes(b"x" * 99)
    assert_error(command(words[0], bad, *words[1:]), "bad.net: HDF5 cannot read it")
    assert_error(command(words[0], tmp_path / "no.net", *words[1:]), "no.net: cannot be read")
    plain_nets.write(bad, [plain_nets.entry((2, 4, 4)), {"type": "average", "shape": [2]}])
    result = command(words[0], bad, *words[1:])
    assert_error(result, "bad.net: layer 1: type 'average', allowed are", "pooling")


@pytest.mark.lava
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.2, pytest.param(3, marks=pytest.mark.long)])
def test_an_interrupted_run_leaves_no_process_behind(cuba_net, number, seconds):
    """The signal goes to the parent alone, when Lava has begun; in `-m long` in mid-run too."""
    _, path, folder = cuba_net
    words = ("run", path, "--backend", "lava", "--images", folder / "whole.npy", "--samples", "1")
    running = subprocess.Popen(
        [sys.executable, "-m", "ipvae.cli.main", *map(str, words), "--steps", "200000"],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: len(session(running.pid)) > 6)  # Lava's processes are there
    time.sleep(seconds)
    os.kill(running.pid, number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], err
    assert wait_for(lambda: not session(running.pid))


def session(leader: int) -> set[int]:
    """Living processes of a session."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, its_session = stat.read_text().rsplit(")", 1)[1].split()[:4]
            if int(its_session) == leader and state != "Z":
                found.add(int(stat.parent.name))
    return found


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()
