"""Networks of docs/vectors/runs/: small and random, together covering every branch."""

from dataclasses import replace

import numpy as np

from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import AffineStart, PoissonLayer
from vectors import kinds

STEPS, SEED = 40, 20261121


def network(name: str, k: int, m: int, n_images: int = 3, **parts: object) -> IntNetwork:
    """Random network of a run; `parts` replace arguments of its layer."""
    made = f"scripts/make_vectors.py, vector {name}"
    return random_network(k, m, seed=sum(name.encode()), n_images=n_images, made=made, **parts)


def random_network(
    k: int, m: int, *, seed: int, n_images: int, made: str, **parts: object
) -> IntNetwork:
    """Random valid network of K neurons and M pixels; also a test fixture."""
    rng = np.random.default_rng(seed)
    layer = {
        "weight": rng.integers(-3000, 3000, (k, m)).astype(np.int16),
        "weight_rec": rng.integers(-128, 128, (k, k)).astype(np.int8),
        "bias": rng.integers(-3000, 3000, k).astype(np.int32),
        "self_weight": rng.integers(0, 4000, k).astype(np.int32),
        "u_init": rng.integers(-9000, 20000, k).astype(np.int32),
        "drive_exp": -9,
        "weight_exp": 4,
        "u_min": -47274,
        "u_max": 32768,
        "du_min": -47274,
        "du_max": 59093,
        "payload_bits": 8,
    }
    return IntNetwork(
        InputFormat(0, 255, 1 / 255, (1, m)),
        PoissonLayer(**{**layer, **parts}),  # type: ignore[arg-type]
        rng.normal(size=(m, k)),
        rng.integers(0, 256, (n_images, m)).astype(np.int16),
        np.full(n_images, -1, dtype=np.int16),
        {"made": made},
    )


def edges() -> IntNetwork:
    """Signed pixels, labels, an unshifted drive, and limits that do not mask other limits."""
    rng = np.random.default_rng(7)
    made = network(
        "edges",
        6,
        5,
        weight_rec=rng.integers(-128, 128, (6, 6)).astype(np.int8) | np.int8(1),
        weight=rng.integers(-40, 40, (6, 5)).astype(np.int16),
        weight_exp=-2,
        drive_exp=0,
        self_weight=np.array([0, 700, 2**22 - 1, 2**21, 3000, 900_000], np.int32),
        u_init=np.array([20000, 20000, -49152, 15000, 3000, 0], np.int32),
        u_min=-49152,
        u_max=20000,
        du_min=-(2**22 - 1),
        du_max=2**22 - 1,
        payload_bits=3,
    )
    return replace(
        made,
        input=InputFormat(-128, 127, 1 / 128, (5, 1)),
        test_images=rng.integers(-128, 128, (3, 5)).astype(np.int16),
        test_labels=np.array([0, 7, 32767], dtype=np.int16),
    )


def networks() -> dict[str, IntNetwork]:
    """The networks of all runs, by name: one layer (version 1), then several (version 2)."""
    return {**single(), **layered()}


def layered() -> dict[str, IntNetwork]:
    """Networks of version 2, one of each kind, with 0, 1 or 2 read-outs."""
    made = kinds.networks(2)
    return {
        "adaptive": made["forward1/0"],
        "amortized": made["forward/0"],
        "begun": begun(),
        "bent": made["forward_ceiling/0"],
        "chain": made["errors2/0"],
        "deep": made["forward2/0"],
        "errors": made["errors/2"],
        "fine": made["recurrent16/0"],
        "shown": made["recurrent12/1"],
        "sparse": made["sparse/1"],
    }


def begun() -> IntNetwork:
    """Network whose start depends on the image: below, at and above its threshold (version 2.1)."""
    rng = np.random.default_rng(21)
    weight = rng.integers(-3000, 3000, (6, 5)).astype(np.int16)
    weight[1] = 0
    bias = np.array([90, 2000, -300, 7, 0, 800], np.int32)
    start = AffineStart(weight=weight, bias=bias, exponent=-6, threshold=2000, margin=5000)
    made = network("begun", 6, 5)
    return replace(made, layer=replace(made.layer, start=start))


def single() -> dict[str, IntNetwork]:
    """Networks of one recurrent layer with 12 fraction bits."""
    odd = np.array([[1, -1, 3], [-127, 127, -3], [-128, 5, -5]], dtype=np.int8)
    return {
        "mixed": network("mixed", 16, 12),
        "odd": network("odd", 3, 4, weight_rec=odd, weight_exp=0),
        "one": network("one", 1, 1, weight_exp=1),
        "negative": network(
            "negative", 8, 6, weight_rec=np.full((8, 8), -128, np.int8), weight_exp=-3
        ),
        "positive": network(
            "positive", 8, 6, weight_rec=np.full((8, 8), 127, np.int8), payload_bits=10
        ),
        "zero": network("zero", 8, 6, weight_rec=np.zeros((8, 8), np.int8), drive_exp=-2),
        "clipped": network("clipped", 9, 4, drive_exp=14, weight_exp=14, payload_bits=10),
        "crowd": network(
            "crowd",
            240,
            1,
            n_images=1,
            weight_rec=np.repeat(np.array([127, -128], np.int8), 120)[:, None].repeat(240, axis=1),
            weight_exp=-1,
            u_init=np.full(240, 32768, np.int32),
            self_weight=np.zeros(240, np.int32),
        ),
        "edges": edges(),
        "self": network(
            "self", 4, 4, self_weight=np.array([0, 1, 90_000, 2**22 - 1], np.int32), drive_exp=-3
        ),
        "quiet": network(
            "quiet", 64, 16, bias=np.full(64, -2000, np.int32), drive_exp=-13, weight_exp=6
        ),
    }
