"""Print the largest network of each target, as the table of docs/hardware.md.

`--pixels` sets M of the error-unit layout.
"""

import argparse
from collections.abc import Callable

from ipvae.chip.core_memory import (
    READINGS,
    LayerShape,
    MemoryModel,
    error_unit_shapes,
    recurrent_shape,
)
from ipvae.chip.limits import TARGETS, LimitCheck, Target
from ipvae.chip.placement import Placement, place

PIXELS = 784
MOST = 2**16
"""Maximum size of a layer in a network file."""

Shapes = Callable[[int], tuple[LayerShape, ...]]


def placed(shapes: Shapes, k: int, target: Target, reading: MemoryModel) -> Placement | LimitCheck:
    """Place a network of K latents on the fewest cores that hold it."""
    built = shapes(k)
    return place(built, target, reading, {shape.name: shape.fan_in for shape in built})


def largest(
    shapes: Shapes, target: Target, reading: MemoryModel
) -> tuple[Placement, LimitCheck | None]:
    """Largest K that fits, and the limit that K + 1 exceeds; None if the file's limit is lower."""
    low, high = 1, MOST
    while low < high:
        k = (low + high + 1) // 2
        if isinstance(placed(shapes, k, target, reading), Placement):
            low = k
        else:
            high = k - 1
    best = placed(shapes, low, target, reading)
    assert isinstance(best, Placement)  # one neuron fits on any target
    broken = None if low == MOST else placed(shapes, low + 1, target, reading)
    assert not isinstance(broken, Placement)
    return best, broken


def table(pixels: int = PIXELS) -> list[str]:
    """Lines of the Markdown table."""
    layouts: dict[str, Shapes] = {
        "recurrent, K x K": recurrent_shape,
        f"error units, 2 x {pixels} x K": lambda k: error_unit_shapes(k, pixels),
    }
    lines = [
        "| layout | target | largest K | on cores | limit of the next one |",
        "|---|---|---|---|---|",
    ]
    for name, shapes in layouts.items():
        for target in TARGETS.values():
            found = [largest(shapes, target, reading) for reading in reversed(READINGS)]
            ks = _range(best.shapes[-1].neurons for best, _ in found)
            cores = _range(best.total_cores for best, _ in found)
            rules = dict.fromkeys("the file's" if b is None else f"`{b.rule}`" for _, b in found)
            lines.append(f"| {name} | {target.title} | {ks} | {cores} | {', '.join(rules)} |")
    return lines


def _range(values) -> str:
    """Range from conservative to optimistic."""
    return " .. ".join(f"{value:,}" for value in values)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=PIXELS)
    print("\n".join(table(parser.parse_args().pixels)))
