"""A valid file of every kind that a command reads, and the commands that read it.

Loaded by trials.py.
"""

import gzip
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ipvae.export.importers.nir_file import write_nir
from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.config import preset_config
from ipvae.float_models.data import DataInfo
from ipvae.network.connections import Connection, Dense
from ipvae.network.io.network_file import checksum, read_network, write_network
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.network.traces.trace import Trace, write_trace
from ipvae.train.run.resume import ResumeState, write_unfinished
from ipvae.train.run.state import TrainState

ROOT = Path(__file__).resolve().parents[2]
NETWORK = ROOT / "tests" / "network" / "files" / "version1.net.h5"
CHECKPOINT = next((ROOT / "tests" / "export" / "iterative_vae").glob("*.pt"))
SHAPE, K = (2, 3), 4
M = SHAPE[0] * SHAPE[1]
RNG = np.random.default_rng(0)

Words = tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """A kind of file.

    Attributes
    ----------
    file : str
        Its path below the folder of a try.
    make : callable
        Writes a valid file, with all that its commands need beside it.
    commands : tuple of words
        {file} is the damaged file, {folder} the folder of inputs, {out} the folder of outputs.
    checked : bool
        Whether a changed number in it is found by a checksum.
    """

    file: str
    make: Callable[[Path], object]
    commands: tuple[Words, ...]
    checked: bool = False


def words(*lines: str) -> tuple[Words, ...]:
    return tuple(tuple(line.split()) for line in lines)


def network(folder: Path) -> None:
    write_network(folder / "net.h5", read_network(NETWORK))


def images_of(folder: Path, *shape: int) -> np.ndarray:
    """Images for the network, beside it."""
    network(folder)
    given = read_network(NETWORK).input
    found = RNG.integers(given.minimum, given.maximum + 1, (*shape, *given.shape))
    return found.astype(np.int16)


def images(folder: Path) -> None:
    np.save(folder / "x.npy", images_of(folder, 3))


def labelled(folder: Path) -> None:
    np.savez(folder / "x.npz", images=images_of(folder, 3), labels=np.arange(3))


def labels(folder: Path) -> None:
    images(folder)
    np.save(folder / "y.npy", np.arange(3))


def pictures(folder: Path) -> None:
    from PIL import Image

    (folder / "pictures").mkdir()
    for name in "ab":
        pixels = RNG.integers(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{name}.png")


def any_network() -> Network:
    """Two layers with a loop and delays."""
    first = (
        Connection("0", Dense(RNG.integers(-20, 40, (5, M)).astype(np.int16))),
        Connection("1", Dense(RNG.integers(-20, 40, (5, 5)).astype(np.int16)), delay=2),
    )
    neuron = CubaNeuron(threshold=30, current_decay=4096, voltage_decay=512)
    last = Connection("1", Dense(RNG.integers(-20, 40, (4, 5)).astype(np.int16)))
    layers = (Layer("1", neuron, first), Layer("2", neuron, (last,), purpose="readout"))
    return Network(Input((M,)), layers)


def format3(folder: Path) -> None:
    any_network().save(folder / "any.h5")
    np.save(folder / "spikes.npy", RNG.integers(0, 2, (2, 7, M)).astype(np.int32))


def lava_dl(folder: Path) -> None:
    np.save(folder / "spikes.npy", RNG.integers(0, 2, (2, 7, M)).astype(np.int32))
    with h5py.File(folder / "x.net", "w") as file:
        for number, kind, shape in ((0, b"input", [M]), (1, b"dense", [4])):
            group = file.create_group(f"layer/{number}")
            group["type"], group["shape"] = np.array([kind]), np.array(shape)
        group["weight"] = np.arange(4.0 * M).reshape(4, M)
        group["neuron/type"] = b"CUBA"
        for name, value in (("vThMant", 9), ("iDecay", 4096), ("vDecay", 9)):
            group[f"neuron/{name}"] = value


def trace(folder: Path) -> None:
    network(folder)
    net = read_network(NETWORK)
    shape = (3, net.layer.n_neurons)
    samples = [{net.code: {v: np.ones(shape, np.int32) for v in ("a_in", "u", "z")}}] * 2
    write_trace(folder / "t.h5", Trace("emulator", 1, checksum(net), samples))


def model() -> Checkpoint:
    shapes = {"phi": (64, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (64,)}
    params = {name: np.asarray(RNG.normal(size=s) / 9, np.float32) for name, s in shapes.items()}
    return Checkpoint(params, None, DataInfo("digits", 16, (8, 8), 9), {"r2": 0.5})


def trained(folder: Path) -> None:
    save_checkpoint(folder / "run", model())


def nir(folder: Path) -> None:
    write_nir(folder / "x.nir", model())


def arrays(folder: Path) -> None:
    given = {"phi": RNG.normal(size=(M, K)), "sigma": np.ones(M), "step_size": 0.1}
    np.savez(folder / "a.npz", **given, bias=np.ones(K), u0=np.zeros(K))


def unfinished(folder: Path) -> None:
    (folder / "run").mkdir()
    params = model().params
    config = preset_config("digits", latents=K)
    state = TrainState(1, params, params, params)
    write_unfinished(folder / "run", ResumeState(config, "", state, [0.0]))


def mnist(folder: Path) -> None:
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        pixels = RNG.integers(0, 256, (20, 28, 28)).astype(np.uint8)
        content = struct.pack(">HBBIII", 0, 8, 3, *pixels.shape) + pixels.tobytes()
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
        content = (
            struct.pack(">HBBI", 0, 8, 1, 20) + (np.arange(20) % 10).astype(np.uint8).tobytes()
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(content)


def log(folder: Path) -> None:
    network(folder)
    (folder / "log.csv").write_text("num_steps,total_power,syn_ops,core_idx\n7,1.5,7,0\n7,2,9,1\n")


RUN = "run {folder}/net.h5 --samples 1 --steps 2"
SPIKES = "--images {folder}/spikes.npy"
DATA = "--data-dir {folder}/data"
ANY = words(
    "info {file}",
    "check {file} --json {out}/j.json",
    "run {file} " + SPIKES + " --trace {out}/t.h5",
    "evaluate {file} --steps 3 " + SPIKES,
    "diff {file} {file}",
)
READERS = {
    "network": Reader(
        "net.h5",
        network,
        words(
            "info {file}",
            "check {file} --plan {out}/p.json",
            "run {file} --samples 1 --steps 2 --trace {out}/t.h5",
            "evaluate {file} --samples 2 --steps 2 --json {out}/e.json",
            "compare {file} --samples 2 --steps 1,2 --out {out}/c",
            "diff {file} {file}",
        ),
        checked=True,
    ),
    "network of any kind": Reader("any.h5", format3, ANY, checked=True),
    ".net": Reader("x.net", lava_dl, ANY),
    "trace": Reader(
        "t.h5",
        trace,
        words(
            "info {file}",
            "diff {file} {file}",
            "verify {folder}/net.h5 --trace {file}",
            RUN + " --replay-draws {file}",
        ),
        checked=True,
    ),
    "NIR": Reader("x.nir", nir, words("import {file} --out {out}/run")),
    "weights": Reader(
        "run/model.safetensors",
        trained,
        words("info {folder}/run", "evaluate {folder}/run --samples 2 --steps 2"),
        checked=True,
    ),
    "model.json": Reader(
        "run/model.json",
        trained,
        words("info {folder}/run", "export {folder}/run --out {out}/n.h5 --most-loss 9e9"),
        checked=True,
    ),
    "resume": Reader(
        "run/resume.safetensors",
        unfinished,
        words(
            "train --preset digits --init-from {folder}/run --epochs 1 --latents 4 --steps 2 "
            "--set batch_size=2000 --out {out}/run"
        ),
        checked=True,
    ),
    ".pt": Reader(
        "m.pt",
        lambda folder: shutil.copy(CHECKPOINT, folder / "m.pt"),
        words("import {file} --out {out}/run --steps 4 --clamp 10 --inner-iterations 1"),
        checked=True,
    ),
    "images": Reader(
        "x.npy",
        images,
        words(RUN + " --images {file}", "evaluate {folder}/net.h5 --steps 2 --images {file}"),
    ),
    "labelled images": Reader("x.npz", labelled, words(RUN + " --images {file}"), checked=True),
    "labels": Reader(
        "y.npy",
        labels,
        words("evaluate {folder}/net.h5 --steps 2 --images {folder}/x.npy --labels {file}"),
    ),
    "spikes": Reader(
        "spikes.npy",
        format3,
        words(
            "run {folder}/any.h5 --images {file}",
            "evaluate {folder}/any.h5 --steps 3 --images {file}",
        ),
    ),
    "pictures": Reader(
        "pictures/a.png",
        pictures,
        words("train --images {folder}/pictures --epochs 1 --latents 4 --steps 2 --out {out}/run"),
    ),
    "arrays": Reader("a.npz", arrays, words("import {file} --out {out}/run"), checked=True),
    "IDX": Reader(
        "data/MNIST/raw/t10k-labels-idx1-ubyte",
        mnist,
        words("evaluate mnist --samples 2 --steps 2 " + DATA),
    ),
    "gz": Reader(
        "data/MNIST/raw/train-images-idx3-ubyte.gz",
        mnist,
        words("evaluate mnist --samples 2 --steps 2 " + DATA),
        checked=True,
    ),
    "log": Reader(
        "log.csv",
        log,
        words("report {folder}/net.h5 --samples 1 --steps 2 --measured {file} --out {out}/r"),
    ),
}
