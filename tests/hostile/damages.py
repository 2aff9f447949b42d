"""Ways in which a file may be wrong; each changes a valid one in place.

Loaded by trials.py.
"""

import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

Damage = Callable[[Path, random.Random], object]

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
HUGE = (10**10, 10**4)
NUMBERS = (0, 1, -1, 2**31, -(2**63), 10**30, 1e300, float("nan"), float("-inf"), 0.5)
VALUES = (*NUMBERS, True, None, "", "text\n\x1b[31m", "9" * 5000, [], [[]], {}, {"a": [1]})


def truncated(path: Path, chance: random.Random) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(chance.random() * len(whole))])


def flipped(path: Path, chance: random.Random) -> None:
    whole = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 8))):
        place = chance.randrange(8 * len(whole))
        whole[place // 8] ^= 1 << place % 8
    path.write_bytes(bytes(whole))


def flipped_in_the_head(path: Path, chance: random.Random) -> None:
    whole = bytearray(path.read_bytes())
    whole[chance.randrange(min(len(whole), 200))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(whole))


def a_hole(path: Path, chance: random.Random) -> None:
    whole = bytearray(path.read_bytes())
    start = chance.randrange(len(whole))
    whole[start : start + 64] = bytes(len(whole[start : start + 64]))
    path.write_bytes(bytes(whole))


def fifo(path: Path, _: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def written(contents: bytes) -> Damage:
    return lambda path, _: path.write_bytes(contents)


ANYWHERE: dict[str, Damage] = {
    "absent": lambda path, _: path.unlink(),
    "empty": written(b""),
    "truncated": truncated,
    "bits flipped": flipped,
    "bits flipped in the head": flipped_in_the_head,
    "a hole": a_hole,
    "a pipe": fifo,
    "a folder": folder,
    "a link to itself": loop,
    "LFS pointer": written(LFS),
    "text": written(b"<!DOCTYPE html><title>404</title>\n" * 99),
    "zeros": written(bytes(5000)),
    "noise": lambda path, chance: path.write_bytes(chance.randbytes(5000)),
}
"""For files of every kind."""


def arrays_of(array: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays that are wrong, or unusual, in place of a right one."""
    flat = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    real = array.astype(np.float64)
    bad, endless = real.copy(), real.copy()
    bad.flat[:1], endless.flat[:1] = np.nan, np.inf
    return {
        "one more axis": array[None, None],
        "axes reversed": array.T,
        "flat": flat.ravel(),
        "no images": array[:0] if array.ndim else array.reshape(1)[:0],
        "a column less": flat[:, 1:],
        "NaN": bad,
        "infinite": endless,
        "text": array.astype(str),
        "objects": np.array([None, {}], object),
        "complex": array.astype(complex),
        "structured": np.zeros(3, [("a", "i4"), ("b", "f8")]),
        "out of range": np.full(array.shape, 10**9),
        "negative": -real - 1000,
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "Fortran order": np.asfortranarray(array),
        "booleans": array > 0,
        "half": array.astype(np.float16),
        "unsigned, 64 bits": (array * 0).astype(np.uint64) + np.uint64(2**63 + 5),
        "a scalar": np.array(3.0),
        "many dimensions": array.reshape(*[1] * 20, *array.shape),
    }


def other_array(path: Path, chance: random.Random) -> None:
    found = arrays_of(np.load(path))
    np.save(path, found[chance.choice(sorted(found))], allow_pickle=True)


def other_member(path: Path, chance: random.Random) -> None:
    with np.load(path) as archive:
        members = dict(archive)
    name = chance.choice(sorted(members))
    found = arrays_of(members[name])
    kind = chance.choice([*sorted(found), "left out", "misspelt"])
    if kind in found:
        members[name] = found[kind]
    else:
        members.pop(name)
        if kind == "misspelt":
            members[name + " "] = np.ones(3)
    np.savez(path, **members, allow_pickle=True)


def huge_header() -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {HUGE}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(99)


def bomb(path: Path, _: random.Random) -> None:
    """Members of a gigabyte of zeros each, in a file of some megabytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (2**30 // 6, 2, 3)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("images", "phi"):
            with archive.open(f"{name}.npy", "w") as member:
                member.write(head.getvalue())
                for _megabytes in range(64):
                    member.write(bytes(2**24))


def other_dataset(path: Path, chance: random.Random) -> None:
    """Another shape, type or number in an HDF5 file, which is then no longer sealed."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
        name = chance.choice(sorted(names))
        dataset = file[name]
        value = np.asarray(dataset[()])  # pyright: ignore[reportIndexIssue]
        kept = dict(dataset.attrs)
        del file[name]
        if value.dtype.kind not in "iufb":
            file[name] = chance.choice([b"other", b"", 7, np.array([b"a", b"b"])])
        elif (kind := chance.randrange(4)) == 0:
            found = arrays_of(value)
            usable = [n for n, array in found.items() if array.dtype.kind in "iuf"]
            file[name] = found[chance.choice(sorted(usable))]
        elif kind == 1:
            with np.errstate(all="ignore"):
                file[name] = value.astype(np.float64) * chance.choice(NUMBERS)
        elif kind == 2:
            file.create_dataset(name, shape=(10**7, 10**6), dtype="i1", chunks=(1000, 1000))
        if name in file:
            file[name].attrs.update(kept)


def other_json(path: Path, chance: random.Random) -> None:
    """Another value somewhere in JSON data, or a key left out."""
    data = json.loads(path.read_text())
    at = data
    while True:
        key = chance.choice(sorted(at) if isinstance(at, dict) else range(len(at)))
        if not (isinstance(at[key], (dict, list)) and at[key]) or chance.random() < 0.3:
            break
        at = at[key]
    if chance.random() < 0.2:
        del at[key]
    else:
        at[key] = chance.choice(VALUES)
    path.write_text(json.dumps(data))


def deep_json(path: Path, _: random.Random) -> None:
    path.write_text("[" * 100_000)


def other_table(path: Path, chance: random.Random) -> None:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    row = chance.choice(rows)
    row[chance.randrange(len(row))] = str(chance.choice(VALUES))
    path.write_text("\n".join(",".join(row) for row in rows))


def declared(at: int, value: bytes) -> Damage:
    def change(path: Path, _: random.Random) -> None:
        whole = bytearray(path.read_bytes())
        whole[at : at + len(value)] = value
        path.write_bytes(bytes(whole))

    return change


HDF5 = {"another dataset": other_dataset}
ARRAY = {"another array": other_array, "huge, declared": written(huge_header())}
ARCHIVE = {"another member": other_member, "a zip bomb": bomb}
HEADER = {"huge, declared": declared(0, struct.pack("<Q", 2**60))}
JSON = {"another value": other_json, "deep": deep_json}
OWN: dict[str, Mapping[str, Damage]] = {
    "network": HDF5,
    "network of any kind": HDF5,
    ".net": HDF5,
    "trace": HDF5,
    "NIR": HDF5,
    "weights": HEADER,
    "resume": HEADER,
    "model.json": JSON,
    "images": ARRAY,
    "labels": ARRAY,
    "spikes": ARRAY,
    "labelled images": ARCHIVE,
    "arrays": ARCHIVE,
    "IDX": {"huge, declared": declared(4, b"\xff" * 4), "labels": declared(8, b"\xc8" * 20)},
    "log": {"another field": other_table},
}
"""For one kind of file; chosen half of the time."""
