# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false
"""docs/spec/known_answers.md: as its script writes it, and derived again without the package."""

import ast
import hashlib
import re
from pathlib import Path

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "spec" / "known_answers.md"
TEXT = PAGE.read_text()
VECTORS = ROOT / "docs" / "vectors" / "runs" / "odd.net.h5"


def part(name):
    return TEXT.split(f"<!-- begin: {name} -->")[1].split(f"<!-- end: {name} -->")[0]


def rows(text):
    """Cells of a table's rows."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_page_is_as_its_script_writes_it(script):
    assert script("make_known_answers").filled(TEXT) == TEXT


def test_keys_and_uniforms_at_their_ends(oracle):
    found = rows(part("keys"))
    assert len(found) == 8
    for row in found:
        seed, image, word, k, t, sub, ia, ib, na, nb, c, uniform = map(int, row)
        of_image, of_neuron = oracle.key(seed, image), oracle.key(0x6E6575726F6E0000 + word, k)
        assert (*of_image, *of_neuron, c) == (ia, ib, na, nb, 32 * t + sub)
        assert oracle.uniform(of_image, of_neuron, t, sub) == uniform


def small_run(oracle):
    """Rows of the page's network, with the numbers that the page gives."""
    drive, recurrent, shown = map(ast.literal_eval, re.findall(r"dense `([^`]*)`", TEXT))
    with h5py.File(VECTORS, "r") as file:
        table = file["ipvae/sampler/thresholds"][()].tolist()
    image = oracle.key(7, 0)
    neurons = [oracle.key(0x6E6575726F6E0000 + 1, k) for k in range(2)]
    pixels = [(200 * w + 40 * v) >> 4 for w, v in drive]
    b, own, bias = [pixels[0] - 40, pixels[1] + 300], (300, 0), 7
    found = {(layer, name): [] for layer, name in [("1", "a_in"), ("1", "u"), ("1", "z")]}
    found |= {("2", name): [] for name in ("a_in", "u", "z")}
    u, z, out = [4096, -2000], [0, 0], 0
    for t in range(6):
        a_in = [sum(w * n for w, n in zip(row, z, strict=True)) for row in recurrent]
        if t:
            change = [b[k] - a_in[k] * 64 - own[k] * z[k] for k in range(2)]
            u = [oracle.clip(v + oracle.clip(d, -8192, 8192), -49152, 32768)
                 for v, d in zip(u, change, strict=True)]  # fmt: skip
        z = [min(oracle.drawn(table, u[k], image, neurons[k], t), 255) for k in range(2)]
        received = sum(w * n for w, n in zip(shown[0], z, strict=True))
        out = out + ((bias + received - out) >> 1) if t else 0
        y = max(out - 5, 0) + min(out + 5, 0)
        read = oracle.clip((y + 1) >> 1, -128, 127)
        for layer, values in (("1", (a_in, u, z)), ("2", ([received], [out], [read]))):
            for name, value in zip(("a_in", "u", "z"), values, strict=True):
                found[layer, name].append(value)
    return found, (*b, bias)


def test_every_row_of_the_small_run(oracle):
    expected, drive = small_run(oracle)
    listed = rows(part("rows"))
    assert len(listed) == 2 + 3 * 3
    for layer, name, k, *values in listed:
        if layer == "0":
            assert set(values) == {"0"}
            continue
        assert list(map(int, values)) == [row[int(k)] for row in expected[layer, name]]
    assert f"`b = {drive[0]}, {drive[1]}` in layer 1 and {drive[2]} in layer 2" in TEXT


def test_the_checksum_is_the_hash_of_the_listed_bytes():
    text = part("checksum")
    stream, paths = b"ipvae-network/3\0", []
    for path, escaped, dimensions, listed in rows(text.replace("\\|", "!")):
        shape, contents = dimensions.removeprefix("empty"), listed.removeprefix("no bytes")
        dtype = escaped.replace("!", "|")
        stream += f"{path}\0{dtype}\0{shape}\0".encode() + bytes.fromhex(contents)
        paths.append(path)
    assert paths == sorted(paths) and len(paths) == 21
    assert f"These are {len(stream)} bytes." in text
    assert hashlib.sha256(stream).hexdigest() in text


@pytest.mark.parametrize("name", ["keys", "rows", "checksum"])
def test_parts_are_not_empty(name):
    assert len(part(name)) > 400
