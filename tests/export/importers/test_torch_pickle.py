"""Plain containers of a checkpoint's pickle, of every protocol, are read as plain data."""

import argparse
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from ipvae.export.importers.torch_archive import read_archive
from ipvae.export.importers.torch_pickle import unpickled


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_containers_of_every_protocol_are_read(tmp_path, protocol):
    base = torch.arange(6.0).reshape(2, 3)
    parameter = torch.nn.Parameter(base)
    parameter.note = "kept with it"  # type: ignore[attr-defined]
    content = {
        "model": OrderedDict(weight=base, parameter=parameter),
        "sets": [{1}, frozenset([2]), set()],
        "counts": Counter("aab"),
        "default": defaultdict(list, {"a": [1]}),
        "queue": deque([1, 2], 5),
        "size": base.shape,
        "bytes": [b"ab", b"x" * 300, bytearray(b"c")],
        "dropped": [base.dtype, base.device, 1j, range(3), slice(1), np.arange(3), Path("a")],
        "options": argparse.Namespace(a=1),
        "long": "x" * 70000,
    }
    torch.save(content, tmp_path / "a.pt", pickle_protocol=protocol)
    archive = read_archive(tmp_path / "a.pt")
    found = archive.content
    for tensor in found["model"].values():
        np.testing.assert_array_equal(archive.array(tensor, "t"), base.numpy())
    assert list(found["model"]) == ["weight", "parameter"]
    assert found["sets"] == [[1], [2], []]
    assert found["counts"] == {"a": 2, "b": 1} and found["default"] == {"a": [1]}
    assert found["queue"] == [1, 2] and found["size"] == (2, 3)
    assert found["bytes"] in ([b"ab", b"x" * 300, b"c"], [b"ab", b"x" * 300, None], [None] * 3)
    assert found["dropped"] == [None] * 7 and found["options"] is None
    assert found["long"] == content["long"]


def test_a_container_that_is_named_again_and_again_takes_no_more_memory():
    """A megabyte of list, made a set 2000 times: copies would be 16 GB."""
    program = b"\x80\x02](" + b"N" * 10**6 + b"eq\x00" + b"(cbuiltins\nset\nq\x01h\x00\x85R"
    program += b"h\x01h\x00\x85R" * 2000 + b"t."
    found = unpickled(program)
    assert len(found) == 2001 and len({id(items) for items in found}) == 1
