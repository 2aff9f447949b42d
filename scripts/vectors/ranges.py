"""Rows of ranges.csv: values at the ends of docs/spec/versions.md's ranges, and one beyond."""

COLUMNS = ["dataset", "value", "accepted"]

L, S = 2**21 - 1, 2**22 - 1
RANGES = {
    "layer/1/bias": (-L, L),
    "layer/1/neuron/messageBits": (1, 23),
    "layer/1/neuron/fracBits": (12, 12),
    "layer/1/neuron/weight_exp": (-8, 14),
    "layer/1/neuron/uInit": (-47274, 32768),
    "layer/1/neuron/uMin": (-49152, 0),
    "layer/1/neuron/uMax": (0, 32768),
    "layer/1/neuron/duMin": (-S, 0),
    "layer/1/neuron/duMax": (0, S),
    "layer/1/neuron/selfWeight": (0, S),
    "ipvae/drive_exp": (-24, 14),
    "ipvae/latency": (1, 1),
    "ipvae/test/images": (0, 255),
}
ALONE = [
    ("ipvae/input/minimum", -32769, 0),
    ("ipvae/input/minimum", -32768, 1),
    ("ipvae/input/maximum", 32767, 1),
    ("ipvae/input/maximum", 32768, 0),
    ("ipvae/input/maximum", 0, 0),
    ("ipvae/input/scale", 0, 0),
    ("ipvae/input/scale", -1, 0),
    ("ipvae/input/scale", 1, 1),
    ("ipvae/test/labels", -32768, 1),
    ("ipvae/test/labels", 32767, 1),
    ("layer/0/shape", 5, 0),
    ("layer/1/shape", 4, 0),
    ("layer/1/inFeatures", 3, 0),
    ("layer/1/outFeatures", 4, 0),
    ("ipvae/sampler/thresholds", 4093, 0),
]


def rows() -> list[list[int | str]]:
    """Both ends of each range, and one beyond each."""
    found: list[list[int | str]] = []
    for dataset, (low, high) in RANGES.items():
        for value in sorted({low - 1, low, high, high + 1}):
            found.append([dataset, value, int(low <= value <= high)])
    return found + [list(row) for row in ALONE]
