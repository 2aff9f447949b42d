"""An export goes down the floors of the house; what is costly is computed once for a network.

The model is followed through the calls of an export in the order in which they happen: its path,
its checkpoint, its parameters, the float and the integer network. A call is an event of the room
whose function gets one of them, properties included; a network's checks at birth are not. A climb
is an event in a room of a higher floor than the event before.
"""

import os
import pickle
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.export.calibration.ranges import calibrate
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import TrainConfig
from ipvae.float_models.data import DataInfo
from ipvae.float_models.zoo import MODEL_SPECS
from ipvae.network.description import FloatNetwork, IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.proof.bounds import bounds

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {
    **dict.fromkeys(("network", "chip"), 0),  # both describe, neither runs anything
    **dict.fromkeys(("evaluation", "emulator", "float_models", "lava_procs"), 1),
    **dict.fromkeys(("energy", "train", "export", "report"), 2),
    **dict.fromkeys(("workflows",), 3),
}
"""By the table of imports in tests/test_architecture.py: a room imports rooms below it alone."""
MOST_CLIMBS = 4
"""To the options, to the float model's run, to rounding and to the calibration of what it made."""
SIDE, K = 6, 12
ONCE = {
    "intervals": ("network/proof/bounds.py", "_layer"),
    "limits": ("chip/check.py", "check"),
    "memory": ("chip/core_memory.py", "_layer_shapes"),
    "checksum": ("network/io/network_file.py", "_content_checksum"),
    "blocks": ("emulator/layout.py", "parts"),
}
"""What is costly, by file and function: for each network, but intervals for each layer."""
EXPORTS = {
    "recurrent": ("ipvae", {}),
    "error units": ("ipvae", {"layout": "error-units"}),
    "LCA": ("ipvae", {"inference": "lca", "threshold": 0.01}),
    "linear encoder": ("pvae-linear", {}),
    "MLP encoder": ("pvae-mlp", {}),
}


def params(name):
    rng = np.random.default_rng(17)
    found = {}
    for key, shape in MODEL_SPECS[name].shapes((SIDE, SIDE), K).items():
        mean = {"log_bias": -2.0, "log_lr": -2.0, "u0": -0.7}.get(key, 0.0)
        found[key] = rng.normal(mean, 0.1, shape).astype(np.float32)
    return found


def saved(folder, name="ipvae"):
    kl, steps = ("exact", 1) if name.startswith("pvae") else ("official", 4)
    config = TrainConfig(preset="arrays", model=name, latents=K, kl=kl, steps=steps)
    data = DataInfo("arrays", 255, (SIDE, SIDE), 0)
    save_checkpoint(folder, Checkpoint(params(name), config, data))
    return folder


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """Kernels are compiled before calls are followed: numba makes millions of them."""
    folder = tmp_path_factory.mktemp("compiled")
    images = np.random.default_rng(1).integers(0, 256, (20, SIDE * SIDE))
    for place, (name, options) in EXPORTS.items():
        ipvae.quantize(saved(folder / place, name), images, most_loss=9.0, **options)


@pytest.fixture
def run(request, tmp_path):
    """Folder of a small random model, and the options of its export."""
    name, options = EXPORTS[request.param]
    return saved(tmp_path / "run", name), options


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (20, SIDE * SIDE))


class Calls:
    """Python calls of this repository while it is active, in the order in which they happen."""

    def __init__(self):
        self.seen = []
        self._files = {}

    def __enter__(self):
        self._before = sys.getprofile()
        sys.setprofile(self._see)
        threading.setprofile(self._see)
        return self

    def __exit__(self, *_):
        sys.setprofile(self._before)
        threading.setprofile(None)

    def _see(self, frame, event, _):
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<"):
            return
        if code.co_filename not in self._files:
            self._files[code.co_filename] = _of_a_room(code.co_filename)
        file = self._files[code.co_filename]
        if file is not None:
            self._note(frame, file)

    def _note(self, frame, file):
        self.seen.append((str(file), frame.f_code.co_name))


class Followed(Calls):
    """Events of a model: (room, file and function)."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def _note(self, frame, file):
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = any(self._is_model(frame.f_locals.get(name)) for name in names)
        if given and not _at_birth(frame):
            self.seen.append((file.parts[0], f"{file}: {code.co_name}"))

    def _is_model(self, value):
        if isinstance(value, dict):
            return "phi" in value
        kinds = (Checkpoint, FloatNetwork, IntNetwork)
        return isinstance(value, kinds) or (isinstance(value, Path) and value == self._path)

    @property
    def climbs(self):
        pairs = zip(self.seen, self.seen[1:], strict=False)
        return [(a[1], b[1]) for a, b in pairs if FLOORS[b[0]] > FLOORS[a[0]]]


def _of_a_room(name):
    """Path of a file from the root, None outside the rooms."""
    file = Path(os.path.realpath(name))
    inside = file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in FLOORS
    return file.relative_to(ROOT) if inside else None


def _at_birth(frame):
    while frame is not None:
        if frame.f_code.co_name == "__post_init__":
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("run", EXPORTS, indirect=True)
def test_a_model_goes_down_the_floors(run, images, tmp_path):
    path, options = run
    with Followed(path) as followed:
        made = ipvae.quantize(path, images, most_loss=9.0, **options)
        saved = made.save(tmp_path / "net.h5")
        saved.shown()
        saved.to_json()
    rooms = {room for room, _ in followed.seen}
    assert rooms == {"workflows", "float_models", "export", "emulator", "chip", "network"}
    assert len(followed.climbs) <= MOST_CLIMBS, followed.climbs


def test_a_climb_is_seen(images, tmp_path):
    """An export does not make these: from its bounds a network is handed up again, twice."""
    network = ipvae.quantize(saved(tmp_path / "run"), images, most_loss=9.0).network
    with Followed(tmp_path / "run") as followed:
        for _ in range(3):
            calibrate(network, network.test_images, [2], 0)
            bounds(network)
    assert len(followed.climbs) == 2


@pytest.mark.parametrize("run", EXPORTS, indirect=True)
def test_an_export_computes_what_is_costly_once(run, images, tmp_path):
    path, options = run
    with Calls() as calls:
        made = ipvae.quantize(path, images, most_loss=9.0, **options)
        made.save(tmp_path / "net.h5").to_json()
    assert costly(calls) == dict.fromkeys(ONCE, 1) | {"intervals": len(made.network.layers)}


def test_a_report_computes_what_is_costly_once(images, tmp_path):
    """The checksum comes with the file."""
    made = ipvae.quantize(saved(tmp_path / "run"), images, most_loss=9.0)
    made.save(tmp_path / "net.h5")
    with Calls() as calls:
        network = ipvae.load_network(tmp_path / "net.h5")
        ipvae.make_report(network, steps=4).save(tmp_path / "out")
    assert costly(calls) == dict.fromkeys(ONCE, 1)


def test_a_network_with_other_numbers_is_bounded_and_summed_anew(images, tmp_path):
    network = ipvae.quantize(saved(tmp_path / "run"), images, most_loss=9.0).network
    noted = network.with_provenance(note="by hand")
    assert checksum(noted) != checksum(network)
    assert noted.provenance == {**network.provenance, "note": "by hand"}
    assert bounds(noted)[0] is bounds(network)[0]
    other = replace(network, layer=replace(network.layer, payload_bits=1))
    assert len({checksum(n) for n in (other, noted, network)}) == 3
    assert bounds(other) != bounds(network)
    network.provenance["note"] = "by hand"
    assert checksum(network) == checksum(noted)
    network.save(tmp_path / "net.h5")
    assert checksum(ipvae.load_network(tmp_path / "net.h5")) == checksum(noted)


def test_what_is_computed_is_neither_pickled_nor_compared(images, tmp_path):
    network = ipvae.quantize(saved(tmp_path / "run"), images, most_loss=9.0).network
    before = pickle.dumps(replace(network))
    assert checksum(network) and bounds(network)
    assert pickle.dumps(network) == before
    assert checksum(pickle.loads(before)) == checksum(network)


def costly(calls):
    counts = Counter(calls.seen)
    return {name: counts[place] for name, place in ONCE.items()}
