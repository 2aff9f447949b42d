"""Runs of valid files that are refused, or nearly."""

import numpy as np

from ipvae.workflows.implementations.content import (
    FIRST,
    LIMITS,
    MAPS,
    ONE,
    SECOND,
    SOFT,
    SPIKES,
    Change,
)

RUNS = (
    Change("sums that leave 32 bits", "R39", SOFT, {"layer/1/neuron/zMax": 2**23 - 1}),
    Change(
        "the first channel of conv leaves 24 bits",
        "R38",
        MAPS,
        {
            f"{FIRST}/source": b"0",
            f"{FIRST}/inShape": np.array([1, 4, 5]),
            f"{FIRST}/exponent": -8,
            f"{FIRST}/weight": np.array([127] * 9 + [0] * 9, np.int16).reshape(2, 1, 3, 3),
            "ipvae/input/maximum": 32767,
        },
    ),
    Change(
        "sums of conv in 24 bits",
        "R38",
        MAPS,
        {
            f"{FIRST}/source": b"0",
            f"{FIRST}/inShape": np.array([1, 4, 5]),
            f"{FIRST}/exponent": -8,
            f"{FIRST}/weight": np.full((2, 1, 3, 3), 127, np.int16),
            "ipvae/input/maximum": 7339,
        },
        accepted=True,
    ),
    Change(
        "wide sums that do not leave 24 bits",
        "R39",
        ONE,
        {"layer/1/neuron/messageBits": 23},
        accepted=True,
    ),
    Change(
        "an input that leaves 24 bits",
        "R39",
        MAPS,
        {f"{SECOND}/exponent": 14, "layer/2/neuron/weight_exp": -8},
    ),
    Change(
        "the second row of dense weights leaves 24 bits",
        "R39",
        LIMITS,
        {
            f"{FIRST}/weight": np.array([[0, 0], [1, 2], [0, 0]], np.int16),
            f"{FIRST}/exponent": 14,
        },
    ),
    Change(
        "the second row of negative weights leaves 24 bits",
        "R39",
        LIMITS,
        {
            f"{FIRST}/weight": np.array([[0, 0], [-1, -2], [0, 0]], np.int16),
            f"{FIRST}/exponent": 14,
        },
    ),
    Change(
        "rows in 24 bits, not what is between them",
        "R39",
        LIMITS,
        {
            f"{FIRST}/weight": np.array([[0, 0], [0, 2], [1, 0]], np.int16),
            f"{FIRST}/exponent": 14,
        },
        accepted=True,
    ),
    Change(
        "the last channel of conv leaves 24 bits",
        "R38",
        MAPS,
        {
            f"{FIRST}/source": b"0",
            f"{FIRST}/inShape": np.array([1, 4, 5]),
            f"{FIRST}/exponent": -8,
            f"{FIRST}/padding": np.array([1, 0]),
            f"{FIRST}/weight": np.array([0] * 3 + [127] * 3, np.int16).reshape(2, 1, 3, 1),
            "ipvae/input/maximum": 32767,
        },
    ),
    Change("seed 2^48", "R40", ONE, {}, run={"seed": 2**48}),
    Change("seed -1", "R40", ONE, {}, run={"seed": -1}),
    Change("seed 2^48 - 1", "R40", ONE, {}, accepted=True, run={"seed": 2**48 - 1}),
    Change("image 2^32", "R41", ONE, {}, run={"first_image": 2**32}),
    Change("image -1", "R41", ONE, {}, run={"first_image": -1}),
    Change("image 2^32 - 1", "R41", ONE, {}, accepted=True, run={"first_image": 2**32 - 1}),
    Change("T = 2^19", "R42", ONE, {}, run={"steps": 2**19}),
    Change("T = 0", "R42", ONE, {}, run={"steps": 0}),
    Change("a pixel above its range", "R43", ONE, {}, run={"pixel": 256}),
    Change("a pixel below its range", "R43", ONE, {}, run={"pixel": -1}),
    Change("a spike of 2", "R43", SPIKES, {}, run={"pixel": 2}),
)
"""Files that are valid, and runs of them that are refused or not."""
