"""Rules by which a file is invalid or a network is not run: docs/spec/refusals.md."""

from typing import NamedTuple

SEAL, STRUCTURE, CONTENT, RUN = "seal", "structure", "content", "run"
TAGS = (SEAL, STRUCTURE, CONTENT, RUN)
"""Tags in the order of checking; a file that breaks a rule of the first three is invalid."""


class Rule(NamedTuple):
    """One refusal.

    Attributes
    ----------
    tag : one of TAGS
    text : str
        Condition under which a file is refused.
    """

    tag: str
    text: str


RULES = {
    "R1": Rule(SEAL, "The file does not begin with the 20 bytes `ipvae-loihi network\\n`."),
    "R2": Rule(SEAL, "The first 512 bytes are not the seal of the bytes from offset 512 on."),
    "R3": Rule(STRUCTURE, "The bytes from offset 512 on are no HDF5 file, or parts are missing."),
    "R4": Rule(
        STRUCTURE,
        "The group `ipvae` or its `format_version` is missing, or `format_version` is text.",
    ),
    "R5": Rule(STRUCTURE, "`format_version` is not 1, 2 or 3."),
    "R6": Rule(
        STRUCTURE,
        "`format_minor` is not an integer of 0 .. the latest: 0 in version 1, 1 in versions 2 and "
        "3.",
    ),
    "R7": Rule(
        STRUCTURE, "One of the three attributes is no scalar, or neither an integer nor text."
    ),
    "R8": Rule(STRUCTURE, "A name of a group or dataset is a soft or external link."),
    "R9": Rule(
        STRUCTURE, "There are more than 2^16 groups and datasets, or a group contains itself."
    ),
    "R10": Rule(
        STRUCTURE,
        "A dataset is compact, chunked, filtered, virtual or stored externally, or its datatype "
        "has a name.",
    ),
    "R11": Rule(
        STRUCTURE,
        "A dataset has a null dataspace, or a type other than an integer, a float or a "
        "fixed-length ASCII string; enumerations and UTF-8 strings are other types.",
    ),
    "R12": Rule(STRUCTURE, "A dataset stores fewer or more bytes than it declares."),
    "R13": Rule(
        STRUCTURE,
        "A dataset is missing whose condition holds, or a file has no layer.",
    ),
    "R14": Rule(STRUCTURE, "An unknown dataset is present, or one whose condition does not hold."),
    "R15": Rule(STRUCTURE, "A dataset has another dtype or another number of dimensions."),
    "R16": Rule(STRUCTURE, "The provenance has more than 2^20 bytes."),
    "R17": Rule(CONTENT, "The checksum is missing, or differs from the checksum of the contents."),
    "R18": Rule(
        CONTENT,
        "Numbers of layers (version 2) or connections (version 3) have a gap or are too many, or "
        "connections are not in the order of their targets.",
    ),
    "R19": Rule(
        CONTENT,
        "A text is none of the allowed names, kinds of neurons and roles included.",
    ),
    "R20": Rule(CONTENT, "A number is outside its range, or is not finite."),
    "R21": Rule(
        CONTENT,
        "The size of an array differs from the sizes of its layers or arrays, or the product "
        "of `ipvae/input/shape` from M.",
    ),
    "R22": Rule(
        CONTENT,
        "Roles, sources or kinds of neurons of version 2 are not as its table and the text "
        "below it allow.",
    ),
    "R23": Rule(
        CONTENT,
        "A layer receives nothing, or in version 2 no layer receives the image or a read-out does.",
    ),
    "R24": Rule(
        CONTENT,
        "Memory is 1 outside a loop or 0 in one (version 2), a ceiling has memory or F below 16, "
        "or without memory there is a self-inhibition or a start.",
    ),
    "R25": Rule(CONTENT, "The weights of a connection are not all in one of the four ranges."),
    "R26": Rule(
        CONTENT, "A conv connection or drive does not fit its source, its groups or its layer."
    ),
    "R27": Rule(CONTENT, "The source or the target of a connection does not exist."),
    "R28": Rule(CONTENT, "Connections with a delay of 0 for some receiver form a loop."),
    "R29": Rule(CONTENT, "Two Poisson layers have the same `keyLayer`."),
    "R30": Rule(
        CONTENT,
        "A layer has what its kind lacks: a bias of sigma neurons, a drive of CUBA, LIF, "
        "sigma-delta or sigma neurons, delta neurons outside the input.",
    ),
    "R31": Rule(
        CONTENT,
        "A test image is outside the range of the input or has another number of values, a "
        "label is outside its range, or labels and images differ in number.",
    ),
    "R32": Rule(
        CONTENT,
        "The provenance is no UTF-8 JSON object, nested more than 64 deep, or has a number too "
        "large for a float.",
    ),
    "R33": Rule(
        CONTENT, "A table, or the name of the random source or sampler, is not the specified one."
    ),
    "R34": Rule(
        CONTENT,
        "A dataset that follows from others has another value: `layer/l/type` and shapes (C, "
        "H, W) without conv weights included.",
    ),
    "R35": Rule(CONTENT, "An older version, or an older minor version, could hold the network."),
    "R36": Rule(CONTENT, "An array of delays has one value only, or weights are not dense."),
    "R37": Rule(CONTENT, "The decoder of version 3.1 does not fit its layer or the input."),
    "R38": Rule(
        RUN,
        "A sum or partial sum of a connection of a driven layer, before the exponent, can leave 32 "
        "bits, or 24 bits for conv from a graded source.",
    ),
    "R39": Rule(
        RUN,
        "`a_in` of a driven layer, or one of its partial sums, can leave +-(2^23 - 1).",
    ),
    "R40": Rule(RUN, "The seed is outside 0 .. 2^48 - 1, and a layer draws."),
    "R41": Rule(RUN, "The index of an image is outside 0 .. 2^32 - 1, and a layer draws."),
    "R42": Rule(RUN, "T is outside 1 .. 2^19 - 1."),
    "R43": Rule(
        RUN,
        "A value of an image is outside the range of the input, or the images have another "
        "shape than (n, M) or (n, T, M).",
    ),
}
"""All rules by their numbers, in the order of checking."""


def named(number: str) -> str:
    """Return a rule as results show it: page, number, tag and condition."""
    rule = RULES[number]
    return f"refusals.md, {number} ({rule.tag}): {rule.text}"
