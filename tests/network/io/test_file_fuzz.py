"""Mutated files: the identical network, a valid one or FormatError; no crash, hang or half network.

Mutants carry a valid seal, so that HDF5 sees them. Half of them start from the same
network in HDF5's oldest layout, which has no checksums in its metadata and lets a
mutation travel further. Most run inside a worker process, thousands of them; where
HDF5 itself brings the worker down, the same mutant goes through `read_network`, whose
child process must turn it into FormatError.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.errors import FormatError
from ipvae.network.io import network_file
from ipvae.network.io.fields import FIELDS_1 as FIELDS
from ipvae.network.io.fields import to_fields
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.io.seal import SIZE, write_seal

SEED = 20261121
HANG_SECONDS = 30
NUMBERS = [0, 1, 2, 7, 127, 128, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1]


def mutant(source, metadata, chance):
    """Bytes of a file with a few changes, most of them in its metadata."""
    data = bytearray(source)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        place = (
            chance.choice(metadata) if chance.random() < 0.9 else chance.randrange(SIZE, len(data))
        )
        kind = chance.randrange(5)
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[place] = chance.randrange(256)
        elif kind == 2:
            width = chance.choice([1, 2, 4, 8])
            number = chance.choice([*NUMBERS, len(data), place]) % 2 ** (8 * width)
            data[place : place + width] = number.to_bytes(width, "little")
        elif kind == 3:
            length, other = chance.randrange(1, 64), chance.choice(metadata)
            data[place : place + length] = data[other : other + length]
        else:
            number = int.from_bytes(data[place : place + 8], "little")
            number = (number + chance.choice([-8, -1, 1, 8, 4096])) % 2**64
            data[place : place + 8] = number.to_bytes(8, "little")
    if chance.random() < 0.03:
        del data[chance.randrange(SIZE, len(data)) :]
    return bytes(data)


def sources(folder):
    """A network's file as we write it, and in HDF5's oldest layout."""
    ours, oldest = folder / "ours.h5", folder / "oldest.h5"
    network = read_network(ours)
    with h5py.File(oldest, "w", userblock_size=SIZE, libver="earliest") as f:
        for name, array in to_fields(network).items():
            f.create_dataset(name, data=array)
        f["ipvae"].attrs["format_version"] = np.int64(1)
        f["ipvae"].attrs["checksum"] = np.array(network_file.checksum(network), dtype="S64")
    write_seal(oldest)
    assert network_file.checksum(read_network(oldest)) == network_file.checksum(network)
    return [with_metadata(path) for path in (ours, oldest)]


def with_metadata(path):
    """Bytes of a file, and the places in it that are no dataset's contents."""
    data = path.read_bytes()
    contents = np.zeros(len(data), dtype=bool)
    with h5py.File(path, "r") as f:
        for name in FIELDS:
            start = f[name].id.get_offset()
            if start is not None:
                contents[start : start + f[name].id.get_storage_size()] = True
    return data, np.flatnonzero(~contents[SIZE:]).__add__(SIZE).tolist()


def write_mutant(path, source, case):
    data, metadata = source[case % 2]
    path.write_bytes(mutant(data, metadata, random.Random(SEED + case)))
    return write_seal(path)


def judge(path):
    """Read a file and say how that ended; what is read must be whole and valid."""
    try:
        found = read_network(path)
    except FormatError as error:
        return "refused" if str(error).startswith(f"{path}: ") else f"refused by {error!r}"
    write_network(path.with_suffix(".again"), found)
    again = read_network(path.with_suffix(".again"))
    assert network_file.checksum(again) == network_file.checksum(found)
    return "read"


def work(folder, first, last, seconds):
    """Judge mutants in this process, as if it had written them; print each number before."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    source, end = sources(folder), time.monotonic() + seconds
    for case in range(first, last):
        if time.monotonic() > end:
            break
        print(case, flush=True)
        network_file._written.add(write_mutant(folder / "mutant.h5", source, case))
        print(judge(folder / "mutant.h5"), flush=True)


def worker_run(folder, first, last, seconds):
    """Run `work` in a process; return what it printed and whether it ended well."""
    script = [sys.executable, __file__, str(folder), str(first), str(last), str(seconds)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        try:
            out, error = p.communicate(timeout=seconds + HANG_SECONDS)
        except subprocess.TimeoutExpired:
            p.kill()
            out, error = p.communicate()
    assert "Error" not in error, error
    return out.split(), p.returncode == 0


def search(folder, cases, seconds):
    """Judge mutants until there are enough or time is up; count how they ended."""
    found = {"refused": 0, "read": 0, "worker died": 0}
    source, end, case = sources(folder), time.monotonic() + seconds, 0
    while case < cases and time.monotonic() < end:
        words, well = worker_run(folder, case, cases, max(1.0, end - time.monotonic()))
        for outcome in words[1::2]:
            found[outcome] += 1
        numbers = [int(word) for word in words[0::2]]
        if not numbers:
            break
        case = numbers[-1] + 1
        if not well:
            found["worker died"] += 1
            write_mutant(folder / "mutant.h5", source, numbers[-1])
            network_file._written.clear()
            assert judge(folder / "mutant.h5") == "refused", numbers[-1]
        elif time.monotonic() >= end or len(words) % 2 == 0:
            break
    return found


@pytest.fixture
def folder(tmp_path, make_network):
    write_network(tmp_path / "ours.h5", make_network(k=3, m=4))
    return tmp_path


def test_mutants_are_refused_or_valid(folder):
    found = search(folder, cases=350, seconds=300)
    print(found)
    assert found["refused"] > 100
    assert found["read"] > 0


def test_mutants_through_the_child_process(folder):
    source = sources(folder)
    outcomes = set()
    for case in range(25):
        write_mutant(folder / "mutant.h5", source, 10**6 + case)
        outcomes.add(judge(folder / "mutant.h5"))
    assert "refused" in outcomes


@pytest.mark.long
def test_ten_minutes_of_mutants(folder):
    found = search(folder, cases=10**7, seconds=600)
    print(found)
    assert found["refused"] > 10_000


numbers = st.sampled_from(
    ["<i1", "<i2", "<i4", "<i8", "<u4", "<f4", "<f8", ">i4", "?", "S10", "S3"]
)


@given(data=st.data())
def test_any_contents_under_the_right_names_are_refused_or_valid(
    tmp_path_factory, make_network, tamper, data
):
    path = tmp_path_factory.mktemp("net") / "net.h5"
    write_network(path, make_network(k=3, m=4))
    names = data.draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=3))

    def change(f):
        for name in names:
            old = f[name][...]
            same = data.draw(st.booleans())
            dtype = old.dtype if same else np.dtype(data.draw(numbers))
            shape = (
                old.shape if same else data.draw(st.sampled_from([(), (1,), (3,), (3, 4), (0,)]))
            )
            size = int(np.prod(shape))
            raw = data.draw(st.binary(min_size=0, max_size=64)) or b"\0"
            filled = (raw * (size * dtype.itemsize // len(raw) + 1))[: size * dtype.itemsize]
            value = np.frombuffer(filled, dtype).reshape(shape)
            del f[name]
            f.create_dataset(name, data=value)

    def renewable(f):
        return all(f[n].dtype == np.dtype(d) for n, (d, _) in FIELDS.items())

    kept = []
    tamper(path, lambda f: (change(f), kept.append(renewable(f))), renew=False)
    if kept[0]:
        tamper(path, renewable)
    network_file._written.add(write_seal(path))  # HDF5 reads it well: no child is needed
    judge(path)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
