"""A slow second opinion in plain Python integers.

Written from the specification alone; it shares no code with the project.
Pages below are in docs/spec/. Files of version 2 are the
business of oracle_layers.py, which takes its arithmetic from here.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import h5py

Sample = dict[str, list[list[int]]]

L = 2**21 - 1
S = 2**22 - 1
M24 = 2**24 - 1
M64 = 2**64 - 1
N_COLUMNS = 27

# where each field of Network comes from
FIELDS = {
    "W": "layer/1/weight",
    "G": "layer/1/weight_rec",
    "bias": "layer/1/bias",
    "s": "layer/1/neuron/selfWeight",
    "ed": "ipvae/drive_exp",
    "e": "layer/1/neuron/weight_exp",
    "u_init": "layer/1/neuron/uInit",
    "umin": "layer/1/neuron/uMin",
    "umax": "layer/1/neuron/uMax",
    "dmin": "layer/1/neuron/duMin",
    "dmax": "layer/1/neuron/duMax",
    "message_bits": "layer/1/neuron/messageBits",
    "A": "ipvae/sampler/thresholds",
    "lo": "ipvae/input/minimum",
    "hi": "ipvae/input/maximum",
    "images": "ipvae/test/images",
}
# values for which alone this program is written
FIXED = {
    "layer/1/type": [b"dense_rec"],
    "layer/1/neuron/type": [b"POISSON"],
    "layer/1/neuron/fracBits": 12,
    "ipvae/latency": 1,
    "ipvae/random": b"mix24/2",
    "ipvae/sampler/name": b"poisson-thresholds-32/1",
}
# not used here; any other dataset is refused
UNUSED = {"layer/0/type", "layer/0/shape", "layer/1/shape", "layer/1/inFeatures"}
UNUSED |= {"layer/1/outFeatures", "ipvae/input/scale", "ipvae/input/shape", "ipvae/decoder"}
UNUSED |= {"ipvae/test/labels", "ipvae/provenance"}


@dataclass(frozen=True)
class Network:
    """The integers of one file, under short names."""

    W: list[list[int]]
    G: list[list[int]]
    bias: list[int]
    s: list[int]
    ed: int
    e: int
    u_init: list[int]
    umin: int
    umax: int
    dmin: int
    dmax: int
    message_bits: int
    A: list[list[int]]
    lo: int
    hi: int
    images: list[list[int]]

    @property
    def zmax(self) -> int:
        """The largest count that a message carries."""
        return 2**self.message_bits - 1


# ---------------------------------------------------------------- the file (file.md, versions.md)


def require(condition: bool, message: str) -> None:
    """Raise ValueError with a message unless a condition holds."""
    if not condition:
        raise ValueError(message)


def check_seal(path: str) -> None:
    """Compare the user block with the SHA-256 of the rest of the file."""
    with open(path, "rb") as file:
        data = file.read()
    digits = hashlib.sha256(data[512:]).hexdigest().encode()
    expected = (b"ipvae-loihi network\nsha256:" + digits + b"\n").ljust(512, b"\0")
    require(data[:512] == expected, "the seal does not fit the file")


def content_checksum(datasets: dict[str, h5py.Dataset], version: int) -> str:
    """SHA-256 of the contents, however HDF5 lays them out."""
    digest = hashlib.sha256(b"ipvae-network/%d\0" % version)
    for path, dataset in sorted(datasets.items()):
        dtype = dataset.dtype.str.replace("|S", "S")
        shape = ",".join(str(n) for n in dataset.shape)
        digest.update(f"{path}\0{dtype}\0{shape}\0".encode("ascii"))
        digest.update(dataset[...].tobytes())
    return digest.hexdigest()


def read(path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Version, values and dtypes of a file; seal and checksum are checked, contents are not."""
    check_seal(path)
    datasets: dict[str, h5py.Dataset] = {}
    with h5py.File(path, "r") as file:
        require("ipvae" in file, "no group ipvae")
        attributes: Any = file["ipvae"].attrs
        require("format_version" in attributes, "no format version")
        version = int(attributes["format_version"])
        require(version in (1, 2), "unknown format version")
        file.visititems(lambda p, x: datasets.update({p: x} if isinstance(x, h5py.Dataset) else {}))
        checksum = content_checksum(datasets, version)
        require("checksum" in attributes, "no checksum")
        require(attributes["checksum"] == checksum.encode(), "the checksum does not fit")
        values = {path: dataset[...].tolist() for path, dataset in datasets.items()}
        dtypes = {path: dataset.dtype.str for path, dataset in datasets.items()}
    return version, values, dtypes


def load(path: str) -> Any:
    """Read a network file; ranges of single fields and HDF5's layout are not checked.

    Parameters
    ----------
    path
        A file of format version 1 or 2.

    Returns
    -------
    Network
        Of version 1; of version 2 an `oracle_layers.Layers`.

    Raises
    ------
    ValueError
        If the seal, the checksum, a field or a bound of ranges.md is wrong.
    """
    version, values, dtypes = read(path)
    if version == 2:
        import oracle_layers

        return oracle_layers.from_values(values, dtypes)
    wrong = set(values) ^ {*FIELDS.values(), *FIXED, *UNUSED}
    require(not wrong, f"missing or unknown datasets: {wrong}")
    for name, value in FIXED.items():
        require(values[name] == value, f"{name}: {values[name]}")
    network = Network(**{field: values[name] for field, name in FIELDS.items()})
    check_bounds(network)
    return network


# ---------------------------------------------------------------- bounds (ranges.md)


def check_bounds(net: Network) -> None:
    """Refuse a network that could leave ranges.md."""
    for k, row in enumerate(net.G):
        largest = max(sum(max(w, 0) for w in row), -sum(min(w, 0) for w in row))
        require(min(net.zmax, 864) * largest <= 2**23 - 1, f"neuron {k}: a_in may exceed 24 bits")


def i24(value: int) -> int:
    """Return a value, asserting that it is a signed 24-bit number."""
    assert -(2**23) <= value < 2**23, value
    return value


# ---------------------------------------------------------------- random source (random_source.md)


def mix64(v: int) -> int:
    """Mix 64 bits."""
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9 & M64
    v = (v ^ (v >> 27)) * 0x94D049BB133111EB & M64
    return v ^ (v >> 31)


def key(domain: int, index: int) -> tuple[int, int]:
    """Two 24-bit key words."""
    golden = 0x9E3779B97F4A7C15
    w = mix64(mix64(domain + golden & M64) + (index + 1) * golden & M64)
    return w & M24, w >> 24 & M24


def uniform(image: tuple[int, int], neuron: tuple[int, int], step: int, sub_draw: int) -> int:
    """A number in 0 .. 2**24 - 1 from the keys of an image and of a neuron."""
    (ia, ib), (na, nb) = image, neuron
    c = (32 * step + sub_draw) & M24
    h = (na + ia + c * 0x9E3779) & M24
    h = (h ^ (h >> 12)) * 0xD35A2D & M24
    h = (h ^ (h >> 13)) * 0xC9E635 & M24
    h = h ^ (h >> 11)
    y = (ib + c * 0xD80165) & M24
    y = (y ^ (y >> 12)) * 0xB5297B & M24
    h = (h + (nb ^ y ^ (y >> 11))) * 0xF3864B & M24
    h = (h ^ (h >> 14)) * 0xD6D9AB & M24
    h = (h ^ (h >> 10)) * 0xF30E65 & M24
    return h ^ (h >> 12)


# ---------------------------------------------------------------- counts (counts.md)


def table_position(u: int) -> tuple[int, int, int]:
    """The halvings `j`, the row `r` and the fraction `f` of a log-rate."""
    j = 0 if u <= 12288 else (u - 12288 + 4095) >> 12
    v = i24(u - 4096 * j)
    return j, (v + 49152) >> 7, (v + 49152) & 127


def threshold(A: list[list[int]], r: int, f: int, n: int) -> int:
    """An interpolated threshold, 0 .. 2**24 (one more than 24 bits unsigned hold)."""
    if f == 0:
        return A[r][n]
    product = i24(A[r + 1][n] - A[r][n]) * f
    assert abs(product) < 2**27, product
    value = A[r][n] + (product >> 7)
    assert 0 <= value <= 2**24, value
    return value


def count(net: Network, u: int, image: tuple[int, int], neuron: tuple[int, int], t: int) -> int:
    """The spike count of a neuron at step `t`."""
    return min(drawn(net.A, u, image, neuron, t), net.zmax)


def drawn(
    A: list[list[int]], u: int, image: tuple[int, int], neuron: tuple[int, int], t: int
) -> int:
    """The total of all sub-draws of a neuron at step `t`, before `zmax`."""
    j, r, f = table_position(u)
    thresholds = [threshold(A, r, f, n) for n in range(N_COLUMNS)]
    total = 0
    for i in range(2**j):
        draw = uniform(image, neuron, t, i)
        total += sum(draw >= limit for limit in thresholds)
    return total


# ------------------------------------------------------- drive and steps (drive.md, neurons/)


def clip(v: int, lo: int, hi: int) -> int:
    """The nearest value in `lo .. hi`."""
    return min(max(v, lo), hi)


def drive(net: Network, x: list[int]) -> list[int]:
    """The drive of every neuron for one image."""
    require(len(x) == len(net.W[0]), "an image of another size")
    require(all(net.lo <= pixel <= net.hi for pixel in x), "a pixel is out of range")
    return [drive_of(row, x, net.ed, bias) for row, bias in zip(net.W, net.bias, strict=True)]


def drive_of(row: list[int], x: list[int], ed: int, bias: int) -> int:
    """The drive of one neuron."""
    p = sum(w * pixel for w, pixel in zip(row, x, strict=True))
    assert abs(p) < 2**53, p
    q = p << ed if ed >= 0 else p >> -ed
    return clip(q + bias, -L, L)


def receive(row: list[int], z: list[int]) -> int:
    """The input of one neuron from the counts of the step before."""
    total = 0
    for weight, n in zip(row, z, strict=True):
        total = i24(total + weight * n)
    return total


def recurrent(a_in: int, e: int) -> int:
    """The received input in units of the log-rate."""
    if e >= 0:
        return clip(a_in, -(L >> e), L >> e) << e
    return clip(a_in >> -e, -L, L)


def self_inhibition(s: int, z: int) -> int:
    """What the neuron's own last count takes off."""
    return i24(s * min(z, S // s)) if s else 0


def update(net: Network, k: int, u: int, z: int, b: int, a_in: int) -> int:
    """The new log-rate of neuron `k`."""
    own = self_inhibition(net.s[k], z)
    change = i24(i24(b - i24(recurrent(a_in, net.e))) - own)
    return clip(i24(u + clip(change, net.dmin, net.dmax)), net.umin, net.umax)


def frame(t: int, lag: int, n_frames: int, hold: int) -> int:
    """Frame of a stream that drives row `t`: streams.md."""
    return min(max(t - lag, 0) // hold, n_frames - 1)


def run_image(
    net: Network, stream: list[list[int]], n_steps: int, seed: int, index: int, hold: int = 2**19
) -> Sample:
    """One stream from reset to step `n_steps`; an image is a stream of one frame."""
    K = len(net.bias)
    drives = [drive(net, x) for x in stream]
    image = key(seed, index)
    neurons = [key(0x6E6575726F6E0000 + 1, k) for k in range(K)]
    a_in, u, z = [0] * K, list(net.u_init), [0] * K
    sample: Sample = {"a_in": [], "u": [], "z": []}
    for t in range(n_steps + 1):
        b = drives[frame(t, 1, len(stream), hold)]
        if t > 0:
            a_in = [receive(row, z) for row in net.G]
            u = [update(net, k, u[k], z[k], b[k], a_in[k]) for k in range(K)]
        z = [count(net, u[k], image, neurons[k], t) for k in range(K)]
        for name, values in (("a_in", a_in), ("u", u), ("z", z)):
            sample[name].append(values)
    return sample


def run(
    network: Any,
    images: list[Any],
    n_steps: int,
    seed: int,
    first_image: int = 0,
    hold: int | None = None,
) -> list[Any]:
    """Run images one after another.

    Parameters
    ----------
    network
        A network of `load`.
    images
        Rows of integer pixels; with `hold`, streams of such rows.
    n_steps
        `T`; a trace has `T + 1` rows.
    seed
        Seed of the run.
    first_image
        Index, in the random source, of the first image; the others follow it.
    hold
        Updates that each frame of a stream drives.

    Returns
    -------
    list of dict
        For each image `a_in`, `u` and `z`, each a row of `K` integers per step; of version 2
        such a dict for each layer, by its number.

    Raises
    ------
    ValueError
        If an argument is out of range or the network fails the bounds of ranges.md.
    """
    require(0 <= n_steps < 2**19, "steps out of range")
    require(0 <= seed < 2**48, "seed out of range")
    require(0 <= first_image <= 2**32 - len(images), "image index out of range")
    if not isinstance(network, Network):
        import oracle_layers

        one: Any = oracle_layers.run_image
        oracle_layers.check_bounds(network)
    else:
        one = run_image
        check_bounds(network)
    found = []
    for i, x in enumerate(images, first_image):
        stream = [x] if hold is None else x
        require(hold is None or len(stream) == -(-n_steps // hold), "frames do not fit the steps")
        found.append(one(network, stream, n_steps, seed, i, hold or n_steps + 1))
    return found


def main() -> None:
    """Print the traces of a file's own test images as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--samples", type=int, default=1, metavar="N")
    parser.add_argument("--steps", type=int, default=10, metavar="T")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    args = parser.parse_args()
    network = load(args.file)
    if not 0 <= args.samples <= len(network.images):
        parser.error(f"the file has {len(network.images)} test images")
    print(json.dumps(run(network, network.images[: args.samples], args.steps, args.seed)))


if __name__ == "__main__":
    main()
