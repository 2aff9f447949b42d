"""A trace that was changed since it was written is refused, however it was written."""

import dataclasses
import hashlib

import h5py
import numpy as np
import pytest

from ipvae.errors import FormatError
from ipvae.network.traces.digest import DIGEST
from ipvae.network.traces.streaming import open_trace
from ipvae.network.traces.trace import Trace, read_trace, write_trace

ROWS = 70  # more than a chunk


@pytest.fixture
def trace(rng):
    samples = [
        {"2": {v: rng.integers(-9, 9, (ROWS, 3), np.int32) for v in ("u", "z")}} for _ in range(2)
    ]
    neurons = {"2": np.array([0, 4, 7], np.int32)}
    return Trace("emulator", 5, "ab", samples, 3, neurons, hold=6)


def streamed(path, trace):
    with open_trace(path, dataclasses.replace(trace, samples=[]), ROWS) as file:
        for i, sample in enumerate(trace.samples):
            for row in (0, 64):
                for name, values in sample["2"].items():
                    file.write(i, "2", name, row, values[row : row + 64])


def by_hand(trace):
    """docs/spec/trace.md, "Digest"."""
    text = b"ipvae-trace/1\0backend=emulator\0every=3\0hold=6\0network_checksum=ab\0"
    text += b"seed=5\0steps=207\0"
    contents = {"neurons/2": trace.neurons["2"]}
    for i, sample in enumerate(trace.samples):
        contents |= {f"samples/{i}/2/{name}": values for name, values in sample["2"].items()}
    for path in sorted(contents):
        digest = hashlib.sha256(contents[path].astype("<i4").tobytes()).hexdigest()
        shape = ",".join(str(n) for n in contents[path].shape)
        text += f"{path}\0{shape}\0{digest}\0".encode()
    return hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("write", [write_trace, streamed])
def test_the_digest_is_that_of_the_document(tmp_path, trace, write):
    write(tmp_path / "t.h5", trace)
    with h5py.File(tmp_path / "t.h5", "r") as file:
        assert file.attrs[DIGEST] == by_hand(trace)
    found = read_trace(tmp_path / "t.h5")
    for a, b in zip(found.samples, trace.samples, strict=True):
        np.testing.assert_array_equal(a["2"]["z"], b["2"]["z"])


def change_value(file):
    file["samples/1/2/u"][69, 2] += 1


def change_neuron(file):
    file["neurons/2"][1] += 1


def drop(file):
    del file["samples/1/2/u"]


def rename(file):
    file.move("samples/1/2/u", "samples/1/2/v")


def set_attribute(name, value):
    def set_it(file):
        file.attrs[name] = value

    return set_it


@pytest.mark.parametrize(
    "change",
    [
        *(change_value, change_neuron, drop, rename),
        *(set_attribute(*pair) for pair in (("seed", 6), ("backend", "lava"), ("hold", 7))),
        *(set_attribute(*pair) for pair in (("network_checksum", "ac"), (DIGEST, "0" * 64))),
    ],
)
def test_every_change_is_found(tmp_path, trace, change):
    path = tmp_path / "t.h5"
    write_trace(path, trace)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FormatError, match="t.h5: changed since it was written .* was edited"):
        read_trace(path)
    read_trace(path, check_digest=False)
    with h5py.File(path, "r+") as file:
        del file.attrs[DIGEST]
    read_trace(path)


def test_a_stream_whose_rows_come_in_no_order_has_no_digest(tmp_path, trace):
    values = trace.samples[0]["2"]["u"]
    with open_trace(tmp_path / "t.h5", dataclasses.replace(trace, samples=[]), ROWS) as file:
        file.write(0, "2", "u", 64, values[64:])
        file.write(0, "2", "u", 0, values[:64])
    with h5py.File(tmp_path / "t.h5", "r") as file:
        assert DIGEST not in file.attrs
    np.testing.assert_array_equal(read_trace(tmp_path / "t.h5").samples[0]["2"]["u"], values)
