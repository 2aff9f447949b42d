"""Hostile and odd files reach the caller as one FormatError, in time and within memory."""

import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from ipvae.errors import FormatError
from ipvae.network.io import hdf5, hdf5_child
from ipvae.network.io.fields import to_fields
from ipvae.network.io.hdf5 import read_datasets
from ipvae.network.io.network_file import write_network


def read(path, **options):
    return read_datasets(path, lambda *_: None, options.pop("attributes", {}), most=20, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.h5"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Replace the child by a script."""

    def use(code):
        script = tmp_path / "child.py"
        script.write_text("import os, sys, time\n" + code)
        monkeypatch.setattr(hdf5_child, "__file__", str(script))

    return use


@pytest.mark.parametrize("trusted", [True, False])
def test_datasets_and_attributes_come_back_as_they_are(path, trusted):
    with h5py.File(path, "w") as f:
        f["a/b"] = np.arange(6, dtype="<i2").reshape(2, 3)
        f["text"] = np.array(b"ab", dtype="S5")
        f["none"] = np.zeros((0, 4), "<f4")
        f["a"].attrs["n"] = np.int64(7)
        f.attrs["word"] = "x"
    seen = []
    found = read_datasets(
        path,
        lambda *given: seen.append(given),
        {"/": ["word", "missing"], "a": ["n"], "b": ["n"]},
        most=20,
        trusted=trusted,
    )
    assert found["a/b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["text"] == b"ab" and found["text"].dtype == "S5"
    assert found["none"].shape == (0, 4)
    assert not any(array.flags.writeable for array in found.values())
    datasets, attributes = seen[0]
    assert datasets["a/b"] == (np.dtype("<i2"), (2, 3))
    assert attributes == {"/": {"word": "x"}, "a": {"n": 7}}


def test_contents_are_not_read_before_they_are_approved(path):
    with h5py.File(path, "w") as f:
        f["a"] = [1]

    def refuse(datasets, attributes):
        raise FormatError("not this one")

    with pytest.raises(FormatError, match="not this one"):
        read_datasets(path, refuse, {}, most=20)


def enumeration(f):
    f["x"] = np.zeros(2, h5py.enum_dtype({"a": 0}, basetype="i1"))


def named_type(f):
    f["kind"] = np.dtype("<i4")
    f.create_dataset("x", (2,), f["kind"], data=[1, 2])


def variable_text(f):
    f["x"] = ["a", "bc"]


def utf8_text(f):
    f.create_dataset("x", (1,), h5py.string_dtype("utf-8", 4))


def compound(f):
    f["x"] = np.zeros(2, [("a", "i4"), ("b", "f4")])


def reference(f):
    f.create_dataset("x", (1,), h5py.ref_dtype)


def empty(f):
    f["x"] = h5py.Empty("i4")


def compact(f):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((2,))
    h5py.h5d.create(f.id, b"x", h5py.h5t.STD_I32LE, space, dcpl=creation)


def external(f):
    f.create_dataset("x", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(f):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "y", (4,))
    f.create_virtual_dataset("x", layout)


def chunked(f):
    f.create_dataset("x", data=np.zeros(8), chunks=(4,))


def soft(f):
    f["x"] = h5py.SoftLink("/y")


def outside(f):
    f["x"] = h5py.ExternalLink("/etc/passwd", "/y")


def loop(f):
    f["a"] = f["/"]


def deep(f):
    f["/".join("abcdef")] = [1]


def many(f):
    for i in range(30):
        f.create_group(str(i))


def odd_name(f):
    f.id.links.create_soft(b"\xff", b"/y")


def colours(f):
    f["\x1b[31m\n"] = h5py.SoftLink("/y")


def long_attribute(f):
    f.attrs["n"] = np.zeros(5000, np.int64)


def wide_attribute(f):
    f.attrs["n"] = np.bytes_(b"x" * 5000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (enumeration, "neither plain numbers nor plain strings"),
        (named_type, "not a plain contiguous dataset"),
        (variable_text, "neither plain numbers nor plain strings"),
        (utf8_text, "neither plain numbers nor plain strings"),
        (compound, "neither plain numbers nor plain strings"),
        (reference, "neither plain numbers nor plain strings"),
        (empty, "(neither plain|not a plain)"),
        (compact, "not a plain contiguous dataset"),
        (external, "not a plain contiguous dataset"),
        (virtual, "not a plain contiguous dataset"),
        (chunked, "not a plain contiguous dataset"),
        (soft, "/x is a soft or external link"),
        (outside, "/x is a soft or external link"),
        (loop, "more groups and datasets"),
        (deep, "more groups and datasets"),
        (many, "more groups and datasets"),
        (odd_name, r"is not named in UTF-8"),
        (colours, r"/\\x1b\[31m\\n is a soft or external link"),
        (long_attribute, "not a single value"),
        (wide_attribute, "not a single value"),
    ],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_not_plain_is_refused(path, make, message, trusted):
    with h5py.File(path, "w") as f:
        make(f)
    with pytest.raises(FormatError, match=message) as caught:
        read(path, attributes={"/": ["n"]}, trusted=trusted)
    assert str(caught.value).isprintable()


def test_an_external_link_is_not_followed_for_its_attributes(path):
    """Opening the pipe that it leads to would wait without end."""
    os.mkfifo(path.parent / "pipe")
    with h5py.File(path, "w") as f:
        f["a"] = h5py.ExternalLink(str(path.parent / "pipe"), "/x")
    start = time.monotonic()
    with pytest.raises(FormatError, match="/a is a soft or external link"):
        read(path, attributes={"a": ["n"]})
    assert time.monotonic() - start < 20


def test_large_chunks_are_refused(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=np.zeros(2**22), chunks=(2**22,), compression="gzip")
    with pytest.raises(FormatError, match="more than gzip can hold"):
        read(path, gzip=True)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(FormatError, match="no regular file"):
            read(path)
    with pytest.raises(FormatError, match="No such file"):
        read(tmp_path / "none")
    with pytest.raises(FormatError, match="null"):
        read(Path("a\0b"))


def test_a_file_too_large_to_be_one_is_refused_at_once(path):
    with path.open("wb") as f:
        f.truncate(2**34 + 1)
    with pytest.raises(FormatError, match="allowed are up to 17179869184"):
        read(path)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os.kill(os.getpid(), 11)", "its library crashed, signal 11"),
        ("sys.exit(3)", "exit status 3"),
        ('print(\'{"datasets": {"a": ["<i4", [9]]}, "attributes": {}}\')', "exit status 0"),
    ],
)
def test_a_child_that_dies_is_one_error(path, stand_in, code, message):
    path.write_bytes(b"any")
    stand_in(code)
    with pytest.raises(FormatError, match=message):
        read(path)


@pytest.mark.parametrize("code", ["time.sleep(60)", "while True: pass"])
def test_a_child_that_does_not_end_is_ended(path, stand_in, monkeypatch, code):
    path.write_bytes(b"any")
    stand_in(code)
    monkeypatch.setattr(hdf5, "SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(FormatError, match="took too long"):
        read(path)
    assert time.monotonic() - start < 20


def test_the_child_is_not_misled_by_modules_beside_it_or_in_the_working_folder(path, monkeypatch):
    """network/ holds a trace.py and a file.py; a user's folder may hold a json.py."""
    (path.parent / "json.py").write_text("raise SystemExit(9)")
    with h5py.File(path, "w") as f:
        f["x"] = [1]
    monkeypatch.chdir(path.parent)
    assert read(path)["x"].tolist() == [1]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_the_child_cannot_take_memory_without_bound(path, stand_in):
    """Beyond its start it may grow by 48 MB and the file's size; 64 MB fail."""
    path.write_bytes(b"any")
    folder = str(Path(hdf5_child.__file__).parent)
    stand_in(
        f"sys.path.append({folder!r})\nfrom hdf5_child import limit\nlimit(0, 60)\n"
        "hold = bytearray(32 << 20)\n"
        "try:\n    bytearray(64 << 20)\nexcept MemoryError:\n    sys.exit(5)\n"
    )
    with pytest.raises(FormatError, match="exit status 5"):
        read(path)


@pytest.mark.parametrize("own", ["ulimit -t 30", "ulimit -v 2000000"])
def test_a_users_own_lower_limits_do_not_hinder_reading(path, own):
    with h5py.File(path, "w") as f:
        f["x"] = [1]
    code = (
        "import sys; from pathlib import Path; from ipvae.network.io.hdf5 import read_datasets\n"
        "print(read_datasets(Path(sys.argv[1]), lambda *_: None, {}, most=9)['x'].tolist())"
    )
    words = ["sh", "-c", f'{own} && exec "$0" "$@"', sys.executable, "-c", code, str(path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout == "[1]\n", done.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="VmHWM and ru_maxrss of Linux")
def test_reading_takes_at_most_64_mb_beyond_twice_the_declared_size(tmp_path, make_network):
    """Peak of a fresh process and of its child over 120 MB, imports of the first not counted."""
    zeros = np.zeros((3000, 3000), np.int8)
    network = make_network(k=3000, m=6000, n_images=0, weight_rec=zeros)
    write_network(tmp_path / "net.h5", network)
    declared = sum(field.nbytes for field in to_fields(network).values())
    code = (
        "import resource, sys\n"
        "from ipvae.network.io.network_file import read_network\n"
        "from ipvae.network.rules import poisson\n"
        "poisson.thresholds()\n"
        "def peak():\n"  # ru_maxrss would begin at the value of the process that started this one
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(l.split()[1]) * 1024 for l in lines if l.startswith('VmHWM'))\n"
        "before = peak()\n"
        "read_network(sys.argv[1])\n"
        "child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024\n"
        "print(peak() - before + child)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "net.h5")]
    taken = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert declared > 110e6
    assert declared < taken <= 2 * declared + (64 << 20)
