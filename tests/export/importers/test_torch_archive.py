"""A checkpoint is read as data: as PyTorch reads it, and nothing in it runs."""

import io
import os
import pickle
import re
import tracemalloc
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from ipvae.errors import FormatError, InputError
from ipvae.export.importers import torch_archive, torch_pickle
from ipvae.export.importers.torch_archive import read_archive
from ipvae.export.importers.torch_pickle import Tensor

GOLDEN = next((Path(__file__).parents[1] / "iterative_vae").glob("*.pt"))


def zipped(path, program: bytes, **members: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", program)
        for name, content in members.items():
            archive.writestr(f"a/{name}", content)
    return path


def claiming(path, name, size, stored):
    """Let a member's entry in the archive's list claim a size, and another as stored."""
    with zipfile.ZipFile(path, "a") as archive:
        info = archive.getinfo(f"a/{name}")
        info.file_size, info.compress_size = size, stored
        archive.writestr("a/version", b"3")  # so that the list is written again
    return path


def saved(path, content):
    torch.save(content, path)
    return path


def refused(path, *parts):
    with pytest.raises((InputError, FormatError)) as info:
        read_archive(path)
    message = str(info.value)
    assert "\n" not in message and message.isprintable()
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


def same(ours, theirs, archive):
    if isinstance(ours, Tensor):
        if theirs.is_floating_point():
            np.testing.assert_array_equal(archive.array(ours, "t"), theirs.numpy())
        assert ours.shape == tuple(theirs.shape)
    elif isinstance(ours, dict):
        assert list(ours) == [key for key in theirs if isinstance(key, str)]
        for key in ours:
            same(ours[key], theirs[key], archive)
    elif isinstance(ours, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            same(one, other, archive)
    elif ours is None:  # a skipped NumPy scalar
        assert theirs is None or isinstance(theirs, np.generic)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def test_the_authors_checkpoint_reads_as_pytorch_reads_it():
    archive = read_archive(GOLDEN)
    same(archive.content, torch.load(GOLDEN, weights_only=False), archive)
    assert b"multiarray\nscalar" in GOLDEN.read_bytes()
    assert archive.content["metadata"]["stats_trainer"]["r_max"] == {}


def test_views_parameters_and_plain_values(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    content = OrderedDict(
        view=base[2],
        half=base[:1].half(),
        double=base.double(),
        whole=torch.tensor([1, 2]),
        nothing=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(base),
        values=[1, -1, 300, 2**40, 1.5, True, False, None, "x" * 300, (), (1,), (1, 2, 3, 4)],
    )
    archive = read_archive(saved(tmp_path / "a.pt", content))
    same(archive.content, content | {"parameter": base}, archive)


def test_bfloat16_is_read_as_the_same_float32(tmp_path):
    numbers = torch.tensor([1.0, -2.5, 3.1415, 1e30, 1e-30, 0.0, float("inf")]).bfloat16()
    archive = read_archive(saved(tmp_path / "a.pt", numbers[1:]))
    found = archive.array(archive.content, "t")
    assert found.dtype == np.float32
    assert found.tolist() == numbers[1:].float().tolist()


def test_a_changed_bit_of_the_numbers_is_found(tmp_path):
    path = saved(tmp_path / "a.pt", torch.arange(100.0))
    whole = path.read_bytes()
    place = whole.index(np.arange(100.0, dtype="<f4").tobytes())
    for bit in (0, 8 * 40 + 3, 8 * 399 + 7):
        damaged = bytearray(whole)
        damaged[place + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        archive = read_archive(path)
        with pytest.raises(InputError, match="data/0' cannot be read .*CRC.*Copy the file again"):
            archive.array(archive.content, "t")


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_scalars_of_either_numpy_are_skipped(tmp_path, module):
    program = pickle.dumps({"a": np.float64(2.0), "b": 1}, protocol=2)
    for name in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        program = program.replace(b"c" + name + b"\n", b"c" + module.encode() + b"\n")
    assert read_archive(zipped(tmp_path / "a.pt", program)).content == {"a": None, "b": 1}


class Reduce:
    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


def hostile(flag):
    import subprocess

    write = f"open({str(flag)!r}, 'w').close()"
    return {
        "system": Reduce(os.system, f"touch {flag}"),
        "eval": Reduce(eval, f"__import__('os').system('touch {flag}')"),
        "exec": Reduce(exec, write),
        "Popen": Reduce(subprocess.Popen, ["touch", str(flag)]),
        "getattr": Reduce(getattr, "", "join"),
        "loads": Reduce(pickle.loads, pickle.dumps(Reduce(os.system, f"touch {flag}"))),
        "_load_from_bytes": Reduce(torch.storage._load_from_bytes, b""),
    }


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", list(hostile("x")))
def test_nothing_that_a_hostile_pickle_asks_for_runs(tmp_path, kind, protocol):
    flag = tmp_path / "flag"
    program = pickle.dumps({"model": hostile(flag)[kind]}, protocol=protocol)
    refused(zipped(tmp_path / "a.pt", program), kind, "Nothing was run")
    assert not flag.exists()
    if kind == "system":  # the file is live ammunition
        pickle.loads(program)
        assert flag.exists()


@pytest.mark.parametrize(
    ("program", "part"),
    [
        (b"cos\nsystem\n(S'touch x'\ntR.", "os.system"),
        (b"(S'touch x'\nios\nsystem\n.", "instruction STRING"),
        (b"(ios\nsystem\n.", "instruction INST"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "a new object of what is no record"),
        (b"\x80\x02cargparse\nNamespace\nK\x01\x85\x81.", "a new object of what is no record"),
        (b"\x80\x04K\x01K\x02\x93.", "a name that is no text"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x04\x8c\x01a)R.", "a call of what has no name"),
        (b"\x80\x04}(K\x01\x90.", "items for what is no list"),
        (b"\x80\x02ccollections\ndefaultdict\nK\x01\x85R.", "default is no type"),
        (b"\x80\x02ccollections\nCounter\nK\x01\x85R.", "a counter of what is no dict"),
        (b"\x80\x02cbuiltins\nset\nK\x01\x85R.", "a set of what is no list"),
        (b"\x80\x02ctorch\nSize\nK\x01\x85R.", "a size without numbers"),
        (b"cos\x1b[31m\nsystem\n.", r"os\x1b[31m.system"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x02Pabc\n.", "instruction PERSID"),
        (b"\x80\x02K\x01Q.", "reference to what is no storage"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "a call of torch FloatStorage"),
        (b"\x80\x02K\x01)R.", "a call of what has no name"),
        (b"\x80\x02ctorch\nFloatStorage\n}b.", "a state for what has none"),
        (b"\x80\x02ccollections\nOrderedDict\n}b.", "a state for what has none"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "with arguments"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", "tensor without a storage"),
        (b"\x80\x02ctorch._utils\n_rebuild_parameter\n)R.", "parameter without a tensor"),
        (b"\x80\x02}))s.", "key of type tuple"),
        (b"\x80\x02)K\x01a.", "no list"),
        (b"\x80\x02]K\x01K\x01s.", "no dict"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02t.", "damaged"),
        (b"\x80\x02\x85.", "lacks items"),
        (b"\x80\x02.", "damaged"),
        (b"\x80\x02N", "damaged"),
        (b"", "damaged"),
        (b"\xff", "damaged"),
    ],
)
def test_programs_that_build_no_checkpoint_are_refused(tmp_path, program, part):
    refused(zipped(tmp_path / "a.pt", program), part)


def test_a_pickle_cannot_ask_for_more_than_it_holds(tmp_path):
    memo = b"\x80\x02Nr\xff\xff\xff\xff."  # PyTorch's own and C pickle's memo would take 64 GiB
    assert read_archive(zipped(tmp_path / "a.pt", memo)).content is None
    nested = b"\x80\x02)" + b"\x85" * 10**6 + b"."
    assert isinstance(read_archive(zipped(tmp_path / "b.pt", nested)).content, tuple)


@pytest.mark.parametrize("size", [6 << 30, torch_archive.MAX_PICKLE_BYTES + 1])
def test_a_large_pickle_is_refused_before_it_is_read(tmp_path, size, monkeypatch):
    path = claiming(zipped(tmp_path / "a.pt", b"N."), "data.pkl", size, size)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    refused(path, f"data.pkl has {size} bytes, allowed are {torch_archive.MAX_PICKLE_BYTES}")


def test_a_member_that_is_stored_in_more_bytes_than_it_has_is_refused(tmp_path):
    refused(claiming(zipped(tmp_path / "a.pt", b"N."), "data.pkl", 2, 6 << 30), "is compressed")


@pytest.mark.parametrize(
    "program",
    [
        b"}" * 40,
        b"(" * 40,
        b"]" * 40,
        b"X\0\0\0\0" * 40,
        b")" + b"\x85" * 40,
        b"N" + b"".join(b"q%c" % i for i in range(40)),
        b"N" * 200,
    ],
)
def test_a_pickle_cannot_build_more_than_a_checkpoint_needs(tmp_path, program, monkeypatch):
    monkeypatch.setattr(torch_pickle, "MAX_OBJECTS", 30)
    monkeypatch.setattr(torch_pickle, "MAX_INSTRUCTIONS", 100)
    what = "100 instructions" if program[:2] == b"NN" else "30 objects"
    path = zipped(tmp_path / "a.pt", b"\x80\x02" + program + b".")
    refused(path, f"more than {what}, allowed are as many. Save")


def test_statistics_are_no_objects(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_pickle, "MAX_OBJECTS", 30)
    program = pickle.dumps({"loss": {step: step / 2 for step in range(5000)}}, protocol=2)
    assert read_archive(zipped(tmp_path / "a.pt", program)).content == {"loss": {}}


def test_a_storage_is_read_as_far_as_its_tensor_goes(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.pt", tensor_program(1, (2,), (1,)), **{"data/0": bytes(1 << 24)})
    tracemalloc.start()
    archive = read_archive(path)
    assert archive.array(archive.content, "t").tolist() == [0, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20  # of a storage of 16 MiB
    monkeypatch.setattr(torch_archive, "MAX_TENSOR_BYTES", 11)
    with pytest.raises(InputError, match=r"t ends at byte 12 of its storage, allowed are 11\."):
        archive.array(archive.content, "t")


class WithStorage(pickle.Pickler):
    """Pickler that takes the word STORAGE for a storage of four floats."""

    def persistent_id(self, obj):
        return ("storage", torch.FloatStorage, "0", "cpu", 4) if obj == "STORAGE" else None


def tensor_program(offset, shape, stride):
    """Program of one tensor over a storage of four floats."""
    sink = io.BytesIO()
    pickler = WithStorage(sink, protocol=2)
    arguments = "STORAGE", offset, shape, stride, False, OrderedDict()
    pickler.dump(Reduce(torch._utils._rebuild_tensor_v2, *arguments))  # pyright: ignore
    return sink.getvalue()


@pytest.mark.parametrize(
    ("offset", "shape", "stride", "part"),
    [
        (1, (4,), (1,), "asks for numbers 1..5 of 4"),
        (-1, (2,), (1,), "asks for numbers"),
        (0, (10**9, 10**9), (0, 0), "row by row"),
        (0, (2, 2), (1, 2), "row by row"),
        (0, (10**9,), (1,), "asks for numbers"),
    ],
)
def test_tensors_reach_no_further_than_their_numbers(tmp_path, offset, shape, stride, part):
    path = tmp_path / "a.pt"
    zipped(path, tensor_program(offset, shape, stride), **{"data/0": bytes(16)})
    archive = read_archive(path)
    with pytest.raises(InputError, match=part):
        archive.array(archive.content, "t")


@pytest.mark.parametrize("shape", [(2.0,), (-1,), (1,) * 9, (2**50,)])
def test_shapes_that_are_none_are_refused(tmp_path, shape):
    program = tensor_program(0, shape, (1,) * len(shape))
    refused(zipped(tmp_path / "a.pt", program), "a tensor")


def test_numbers_that_are_missing_or_of_another_kind_are_refused(tmp_path):
    archive = read_archive(zipped(tmp_path / "a.pt", tensor_program(0, (4,), (1,))))
    with pytest.raises(InputError, match="data/0' cannot be read"):
        archive.array(archive.content, "t")
    for dtype, part in ((torch.complex64, "<c8"), (torch.int64, "<i8")):
        archive = read_archive(saved(tmp_path / "b.pt", torch.ones(2, dtype=dtype)))
        with pytest.raises(InputError, match=f"{part} numbers; allowed are floats"):
            archive.array(archive.content, "t")


def test_files_that_are_no_archives_are_refused(tmp_path):
    refused(tmp_path / "none.pt", "No such file")
    os.mkfifo(tmp_path / "pipe.pt")
    refused(tmp_path / "pipe.pt", "it is no regular file")
    (tmp_path / "empty.pt").write_bytes(b"")
    refused(tmp_path / "empty.pt", "is empty")
    (tmp_path / "lfs.pt").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    refused(tmp_path / "lfs.pt", "a Git LFS pointer, not the file: fetch it with git lfs pull")
    (tmp_path / "a.pt").write_bytes(b"no")
    refused(tmp_path / "a.pt", "not a checkpoint of PyTorch")
    torch.save({}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    refused(tmp_path / "old.pt", "PyTorch 1.6 or newer")
    zipped(tmp_path / "b.pt", b"N.", **{"b/data.pkl": b"N."})
    refused(tmp_path / "b.pt", "holds 2 data.pkl")
    zipped(tmp_path / "c.pt", b"N.", byteorder=b"big")
    refused(tmp_path / "c.pt", "byte order")
    with zipfile.ZipFile(tmp_path / "d.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"N" * 10**6 + b".")
    refused(tmp_path / "d.pt", "compressed")


def test_damaged_files_are_refused_or_read_and_never_crash(tmp_path, rng):
    whole = GOLDEN.read_bytes()
    path = tmp_path / "a.pt"
    for _ in range(150):
        data = bytearray(whole)
        start = whole.index(b"\x80\x02")
        for _ in range(rng.integers(1, 4)):
            data[start + rng.integers(4000)] = rng.integers(256)
        path.write_bytes(bytes(data))
        with zipfile.ZipFile(GOLDEN) as archive:
            name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            program = bytearray(archive.read(name))
        program[rng.integers(len(program))] = rng.integers(256)
        zipped(tmp_path / "b.pt", bytes(program))
        for file in (path, tmp_path / "b.pt"):
            with suppress(InputError):
                read_archive(file)
    for keep in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:keep])
        refused(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (6, 99, "not a checkpoint of PyTorch 1.6 or newer .zip file version 9.9"),
        (8, 1, "is encrypted"),
        (8, 0x20, "compressed patched data"),
        (10, 99, "is compressed, allowed are members stored as is"),
    ],
    ids=["newer zip", "encrypted", "patched", "unknown compression"],
)
def test_archives_that_zipfile_cannot_read_are_one_error(tmp_path, place, value, message):
    """A byte of every entry in the archive's list: version, flags or method."""
    data = bytearray(GOLDEN.read_bytes())
    for entry in re.finditer(b"PK\x01\x02", bytes(data)):
        data[entry.start() + place] = value
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_archive(tmp_path / "x.pt")
