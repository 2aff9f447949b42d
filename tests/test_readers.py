"""Whatever is given to a reader, it answers with what was written or with one line.

Rows: every reader of a user's files. Columns: what may be wrong with a file. What is particular to
a format (sizes that contradict each other, NaN, orders) is tested beside the reader.
"""

import dataclasses
import gzip
import os
import random
import shutil
import signal
import struct
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from ipvae.energy.measurement.profiler_log import read_log
from ipvae.errors import IpvaeError
from ipvae.export.importers.arrays import from_arrays
from ipvae.export.importers.nir_file import read_nir, write_nir
from ipvae.export.importers.torch_archive import read_archive
from ipvae.float_models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo
from ipvae.network.io.lava_dl_file import read_plain
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.traces.trace import Trace, read_trace, write_trace
from ipvae.train.datasets.idx import read_idx
from ipvae.train.run.resume import ResumeState, read_unfinished, write_unfinished
from ipvae.workflows.image_input.own_images import read_images

M, K = 6, 4
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
FLIPS = 40
NO_CHECKSUM = {".npy", "IDX", ".net", "log"}
"""Formats that do not show a changed number; ours all do."""
CHECKPOINT = next((Path(__file__).parent / "export" / "iterative_vae").glob("*.pt"))


def model():
    rng = np.random.default_rng(0)
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    params = {name: np.asarray(rng.normal(size=s), np.float32) for name, s in shapes.items()}
    return Checkpoint(params, None, DataInfo("digits", 16, (2, 3), 9), {"r2": 0.5})


def pixels():
    return np.random.default_rng(1).integers(0, 256, (4, 2, 3)).astype(np.uint8)


def idx(folder, name):
    content = struct.pack(">HBBIII", 0, 8, 3, 4, 2, 3) + pixels().tobytes()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


def npy(folder):
    np.save(folder / "x.npy", pixels())
    return folder / "x.npy"


def npz(folder):
    np.savez_compressed(folder / "x.npz", images=pixels(), labels=np.arange(4))
    return folder / "x.npz"


def arrays(folder):
    rng = np.random.default_rng(2)
    given = {"phi": rng.normal(size=(M, K)), "sigma": np.ones(M), "step_size": 0.1}
    np.savez(folder / "a.npz", **given, bias=np.ones(K), u0=np.zeros(K))
    return folder / "a.npz"


def trace(folder):
    rng = np.random.default_rng(3)
    samples = [{"1": {"z": rng.integers(0, 9, (9, K), np.int32)}} for _ in range(2)]
    write_trace(folder / "t.h5", Trace("emulator", 1, "0" * 64, samples))
    return folder / "t.h5"


def network(folder):
    source = Path(__file__).parent / "network" / "files" / "version1.net.h5"
    write_network(folder / "n.h5", read_network(source))
    return folder / "n.h5"


def lava_dl(folder):
    with h5py.File(folder / "x.net", "w") as file:
        for number, kind, shape in ((0, b"input", [6]), (1, b"dense", [4])):
            group = file.create_group(f"layer/{number}")
            group["type"], group["shape"] = np.array([kind]), np.array(shape)
        group["weight"] = np.arange(24.0).reshape(4, 6)
        group["neuron/type"] = b"CUBA"
        for name, value in (("vThMant", 9), ("iDecay", 4096), ("vDecay", 9)):
            group[f"neuron/{name}"] = value
    return folder / "x.net"


def nir(folder):
    write_nir(folder / "x.nir", model())
    return folder / "x.nir"


def of_model(name):
    def make(folder):
        save_checkpoint(folder / "run", model())
        return folder / "run" / name

    return make


def resume(folder):
    from ipvae.train.run.state import TrainState

    params = model().params
    state = TrainState(1, params, params, params)
    config = preset_config("digits", latents=K)
    write_unfinished(folder, ResumeState(config, "", state, [0.0]))
    return folder / "resume.safetensors"


def log(folder):
    (folder / "log.csv").write_text("syn_ops,core_idx\n7,0\n9,1\n")
    return folder / "log.csv"


def checkpoint(path):
    """Content and all tensors of a .pt file."""
    archive = read_archive(path)
    named = archive.content["model"].items()
    tensors = {name: archive.array(t, name) for name, t in named if "f" in t.dtype}
    return archive.content, tensors


READERS = {
    "network": (network, read_network),
    ".net": (lava_dl, read_plain),
    "trace": (trace, read_trace),
    "NIR": (nir, read_nir),
    "weights": (of_model("model.safetensors"), load_checkpoint),
    "model.json": (of_model("model.json"), load_checkpoint),
    "resume": (resume, lambda path: read_unfinished(path.parent)),
    ".pt": (lambda f: Path(shutil.copy(CHECKPOINT, f / "m.pt")), checkpoint),
    ".npy": (npy, read_images),
    ".npz": (npz, read_images),
    "arrays": (arrays, from_arrays),
    "IDX": (lambda f: idx(f, "i-ubyte"), lambda path: read_idx(path, 3)),
    "gz": (lambda f: idx(f, "i-ubyte.gz"), lambda path: read_idx(path, 3)),
    "log": (log, read_log),
}


@pytest.fixture(params=READERS)
def name(request):
    return request.param


@pytest.fixture
def path(name, tmp_path):
    return READERS[name][0](tmp_path)


def comparable(found):
    """What a reader found, as nested tuples."""
    if isinstance(found, np.ndarray):
        return found.dtype.str, found.shape, found.tobytes()
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return tuple(comparable(getattr(found, f.name)) for f in dataclasses.fields(found))
    if isinstance(found, dict):
        return tuple((key, comparable(value)) for key, value in found.items())
    if isinstance(found, (list, tuple)):
        return tuple(map(comparable, found))
    return repr(found)


@contextmanager
def at_most(seconds):
    """Fail, not hang, if a reader waits for something."""

    def too_long(*_):
        raise AssertionError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(name, path, *parts):
    with at_most(60), pytest.raises(IpvaeError) as caught:
        READERS[name][1](path)
    message = str(caught.value)
    assert path.name in message and message.isprintable() and len(message) < 1000
    for part in parts:
        assert part in message


def test_what_was_written_is_read(name, path):
    READERS[name][1](path)


def test_an_absent_file(name, path):
    path.unlink()
    if name == "resume":
        assert read_unfinished(path.parent) is None  # nothing to continue with
    else:
        refused(name, path)


def test_an_empty_file(name, path):
    path.write_bytes(b"")
    refused(name, path, "is empty (0 bytes)")


def test_a_pointer_of_git_lfs(name, path):
    path.write_bytes(LFS)
    refused(name, path, "a Git LFS pointer, not the file: fetch it with git lfs pull")


def test_a_pipe(name, path):
    path.unlink()
    os.mkfifo(path)
    refused(name, path, "no regular file")


def test_a_folder(name, path):
    path.unlink()
    path.mkdir()
    (path / "x").write_bytes(b"x")
    refused(name, path)


@pytest.mark.parametrize("other", [b"text, not what is asked for\n" * 9, bytes(500), b"\xff" * 99])
def test_a_file_of_another_kind(name, path, other):
    path.write_bytes(other)
    refused(name, path)


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9, -1])
def test_a_file_that_is_cut_off(name, path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep < 0 else int(keep * len(whole))])
    if name in ("log", "model.json") and keep == -1:  # only the last line's end
        READERS[name][1](path)
    else:
        refused(name, path)


def test_flipped_bits(name, path):
    """Each is found, or changes nothing that is read."""
    whole, chance = path.read_bytes(), random.Random(20261121)
    expected = comparable(READERS[name][1](path))
    few = 6 if name in ("trace", "NIR", ".net") else FLIPS  # read in a separate process
    for _ in range(few):
        place = chance.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(bytes(damaged))
        message = ""
        try:
            with at_most(90):
                found = comparable(READERS[name][1](path))
        except IpvaeError as error:
            found, message = expected, str(error)
        assert "\n" not in message
        assert name in NO_CHECKSUM or found == expected, place


def test_a_byte_more(name, path):
    """Where a size is declared it is one too many; elsewhere it changes nothing."""
    expected = comparable(READERS[name][1](path))
    with path.open("ab") as file:
        file.write(b"\0")
    try:
        assert comparable(READERS[name][1](path)) == expected
    except IpvaeError:
        pass
    else:
        assert name not in (".npy", "IDX", "network")


def huge_npy(path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(99))


def huge_npz(path):
    huge_npy(path)
    content = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("images", "phi", "sigma", "step_size", "bias", "u0"):
            archive.writestr(f"{name}.npy", content)


def huge_idx(path):
    content = struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(99)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def huge_header(path):
    path.write_bytes(struct.pack("<Q", 2**60) + b"{" + bytes(99))


HUGE = {
    ".npy": huge_npy,
    ".npz": huge_npz,
    "IDX": huge_idx,
    "gz": huge_idx,
    "weights": huge_header,
    "resume": huge_header,
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_size_that_is_only_declared(tmp_path, kind):
    path = READERS[kind][0](tmp_path)
    HUGE[kind](path)
    start = time.monotonic()
    refused(kind, path)
    assert time.monotonic() - start < 20
