"""Write the computed parts of docs/spec/known_answers.md: keys, a whole small run, a checksum.

.venv/bin/python scripts/make_known_answers.py
"""

import hashlib
from pathlib import Path

import numpy as np

import ipvae
from ipvae.network.connections import Connection, Dense, Drive
from ipvae.network.io.format3 import to_fields
from ipvae.network.io.network_file import checksum
from ipvae.network.kinds import CubaNeuron, GradedNeuron, PoissonNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.pixels import Pixels
from ipvae.network.rules import random_source

PAGE = Path(__file__).resolve().parent.parent / "docs" / "spec" / "known_answers.md"
BEGIN, END = "<!-- begin: {} -->\n", "<!-- end: {} -->\n"
SEED, STEPS, IMAGE = 7, 5, (200, 40)
SEEDS, IMAGES = (0, 2**48 - 1), (0, 2**32 - 1)
WORDS, NEURONS = (1, 65535), (0, 2**24 - 1)
ROWS, SUB_DRAWS = (0, 2**19 - 1), (0, 31)
NEURON_DOMAIN, GOLDEN = 0x6E6575726F6E0000, 0x9E3779B97F4A7C15


def small_network() -> Network:
    """Two Poisson neurons that inhibit each other, and a read-out: two layers, three neurons."""
    code = PoissonNeuron(
        weight_exp=6,
        sign=-1,
        payload_bits=8,
        frac_bits=12,
        u_init=np.array([4096, -2000], np.int32),
        self_weight=np.array([300, 0], np.int32),
        u_min=-49152,
        u_max=32768,
        du_min=-8192,
        du_max=8192,
    )
    shown = GradedNeuron(
        weight_exp=0, sign=1, z_min=-128, z_max=127, leak=1, threshold=5, shift=1, unit=1.0
    )
    layers = (
        Layer(
            "1",
            code,
            (Connection("1", Dense(np.array([[0, 40], [25, -3]], np.int16)), delay=1),),
            bias=np.array([-40, 300], np.int32),
            drive=Drive(Dense(np.array([[300, -200], [-77, 500]], np.int16)), -4),
        ),
        Layer(
            "2",
            shown,
            (Connection("1", Dense(np.array([[50, -21]], np.int16))),),
            bias=np.array([7], np.int32),
            purpose="readout",
        ),
    )
    return Network(Input((2,), graded=True, pixels=Pixels(0, 255)), layers)


def minimal_network() -> Network:
    """One CUBA neuron with one synapse from one input."""
    weights = Dense(np.array([[3]], np.int16))
    neuron = CubaNeuron(threshold=10, current_decay=0, voltage_decay=4096)
    layer = Layer("1", neuron, (Connection("0", weights),), purpose="readout")
    return Network(Input((1,)), (layer,))


def keys() -> str:
    """Rows of keys and uniforms at their ends."""
    lines = [
        "| seed | image | layer word | `k` | `t` | `sub` "
        "| `ia` | `ib` | `na` | `nb` | `c` | uniform |",
        "|" + "---|" * 12,
    ]
    for ends in range(2**6):
        chosen = [ends >> bit & 1 for bit in range(6)]
        if sum(chosen) not in (0, 1, 6):
            continue
        pairs = (SEEDS, IMAGES, WORDS, NEURONS, ROWS, SUB_DRAWS)
        key = [pair[end] for pair, end in zip(pairs, chosen, strict=True)]
        lines.append("| " + " | ".join(map(str, [*key, *_uniform(*key)])) + " |")
    return "\n".join(lines) + "\n"


def _uniform(seed: int, image: int, word: int, k: int, row: int, sub_draw: int) -> list[int]:
    """Return the key words of a draw, its counter and its uniform."""
    (ia, ib), (na, nb) = _key(seed, image), _key(NEURON_DOMAIN + word, k)
    a, b, c, d = (np.array([part], np.uint32) for part in (ia, ib, na, nb))
    found = random_source.uniforms((a, b), (c, d), row, sub_draw)
    return [ia, ib, na, nb, 32 * row + sub_draw, int(found[0])]


def _key(domain: int, index: int) -> tuple[int, int]:
    """Return both words of one key; `random_source.neuron_keys` makes all up to an index."""
    mixed = random_source.mix64((domain + GOLDEN) % 2**64)
    word = random_source.mix64((mixed + (index + 1) * GOLDEN) % 2**64)
    return word % 2**24, (word >> 24) % 2**24


def rows_of_run() -> str:
    """Every row of every variable of the small network."""
    images = np.array([IMAGE], np.int32)
    result = ipvae.run(small_network(), images, steps=STEPS, seed=SEED, record="all")
    assert result.trace is not None
    (sample,) = result.trace.samples
    lines = [
        "| layer | variable | neuron | " + " | ".join(f"row {t}" for t in range(STEPS + 1)) + " |"
    ]
    lines.append("|" + "---|" * (STEPS + 4))
    for layer, variables in sample.items():
        for name, values in variables.items():
            for k, column in enumerate(values.T.tolist()):
                cells = [layer, f"`{name}`", str(k), *map(str, column)]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def bytes_of_checksum() -> str:
    """Bytes that the checksum of the minimal network covers, one line for each dataset."""
    network = minimal_network()
    fields = to_fields(network)
    stream = b"ipvae-network/3\0"
    lines = ["| path | dtype | shape | contents |", "|---|---|---|---|"]
    for path in sorted(fields):
        array = fields[path]
        dtype = array.dtype.str.removeprefix("|") if array.dtype.kind == "S" else array.dtype.str
        shape = ",".join(map(str, array.shape))
        stream += f"{path}\0{dtype}\0{shape}\0".encode() + array.tobytes()
        contents = array.tobytes().hex(" ") or "no bytes"
        escaped = dtype.replace("|", "\\|")
        lines.append(f"| `{path}` | `{escaped}` | {shape or 'empty'} | {contents} |")
    digest = hashlib.sha256(stream).hexdigest()
    assert digest == checksum(network)
    return (
        "\n".join(lines) + f"\n\nThese are {len(stream)} bytes. The checksum is\n\n    {digest}\n"
    )


PARTS = {"keys": keys, "rows": rows_of_run, "checksum": bytes_of_checksum}


def filled(text: str) -> str:
    """Return the page with its computed parts."""
    for name, made in PARTS.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = text.split(begin)
        text = before + begin + "\n" + made() + "\n" + end + rest.split(end)[1]
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
