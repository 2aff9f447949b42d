"""Memory layout of a network for the kernels: arrays in blocks, and the memory of a tile."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ipvae.emulator.simd import amx, blocks, drawing, messages
from ipvae.emulator.simd.blocks import BLOCK, COUNTED
from ipvae.network.description import DRAWN, IntNetwork
from ipvae.network.layers import NOTHING, GradedLayer, PoissonLayer
from ipvae.network.rules import random_source
from ipvae.network.rules.activations import SWISH, ceiling_table, swish_table
from ipvae.network.rules.arithmetic import SELF_MAX, TERM_MAX, input_limit
from ipvae.network.rules.poisson import thresholds
from ipvae.network.schedule import AnyLayer, ScheduledLayer

CACHED_QUADS = 128
"""Quads of senders whose weights to one block take two thirds of a level-1 cache of 48 KB."""


class Synapses(NamedTuple):
    """Weights (blocks, quads, 256) int8: from 4 senders to each block's 64 receivers."""

    weights: np.ndarray


class Fixed(NamedTuple):
    """Constants of a layer's neurons, (K,) padded to whole blocks, and tables.

    Poisson neurons without a ceiling have no `bend`.
    """

    real: np.ndarray
    u_init: np.ndarray
    self_weight: np.ndarray
    own_most: np.ndarray
    na: np.ndarray
    nb: np.ndarray
    table: np.ndarray
    bend: np.ndarray | None
    mix: np.ndarray


class PoissonRules(NamedTuple):
    """Constants of a Poisson layer, with arrays in the form for `ipvae.emulator.simd.blocks`."""

    limits: np.ndarray
    still: np.ndarray
    unlimited: np.ndarray
    draw: np.ndarray
    finer: int
    count_max: int
    memory: bool
    ceiling: bool


class GradedRules(NamedTuple):
    """Constants of a graded layer."""

    potential: np.ndarray
    output: np.ndarray
    memory: bool
    swish: bool


class State(NamedTuple):
    """State of a layer for a tile's images, (N, K) int32; `keys` (N, 2) uint32.

    `a_in` is padded to whole products of `ipvae.emulator.simd.amx`.
    """

    a_in: np.ndarray
    u: np.ndarray
    drive: np.ndarray
    own: np.ndarray
    keys: np.ndarray


class Messages(NamedTuple):
    """Messages of a layer at its last row: lists by image, in parts that fit a cache, and numbers.

    Attributes
    ----------
    kind : int
        BYTES, SHORTS or WIDE of `ipvae.emulator.simd.messages`.
    vectors : int
        Vectors of 16 quads in a part.
    offsets : (N, n) int32
        Offset of a quad's weights in a block.
    values : (N, n) or (N, 2 n) int32
    ends : (N, parts + 1) int64
        For counts, the last part contains the excess over 255.
    width, length, parts : int
        Neurons, padded to whole blocks; n of `offsets`; parts of a list.
    matrix : bool
        True if target layers may use matrix registers.
    low, high : (N, K) uint8
        Low and high bytes of the messages for matrix registers, padded; counts have no `high`.
    z : (N, K) int32
        Messages of graded neurons; None for counts.
    """

    kind: int
    vectors: int
    offsets: np.ndarray
    values: np.ndarray
    ends: np.ndarray
    width: int
    length: int
    parts: int
    matrix: bool
    low: np.ndarray
    high: np.ndarray | None
    z: np.ndarray | None


Kept = TypeVar("Kept", State, Messages)
Arrays = TypeVar("Arrays", bound=tuple)


class Sums(NamedTuple):
    """Totals over images and rows: (K,) int64 each; saturated `a_in`, `u`, `z`.

    `words` (1,) int64: uniforms used by draws. `peaks` (2,) int64: largest number of messages of
    one image at a row, over the rows before the last one, and of the last one.
    """

    sizes: np.ndarray
    messages: np.ndarray
    saturated: np.ndarray
    words: np.ndarray
    peaks: np.ndarray


class TileMemory(NamedTuple):
    """Scratch of one image's draws."""

    uniforms: np.ndarray
    active: np.ndarray
    split: np.ndarray
    last: np.ndarray
    words: np.ndarray
    further: np.ndarray
    positions: np.ndarray
    sums: np.ndarray
    extra: np.ndarray
    large: np.ndarray
    large_left: np.ndarray
    n_large: np.ndarray


@dataclass(frozen=True)
class Part:
    """A layer with its schedule, in the kernels' layout."""

    stage: ScheduledLayer
    fixed: Fixed
    rules: PoissonRules | GradedRules
    synapses: Synapses

    @property
    def layer(self) -> AnyLayer:
        """The layer."""
        return self.stage.layer

    @property
    def width(self) -> int:
        """Neurons, padded to whole blocks."""
        return len(self.fixed.real)

    @property
    def first_received(self) -> int:
        """First row with synaptic input."""
        return 2**31 if self.layer.source == NOTHING else self.stage.input_delay


def parts(network: IntNetwork) -> tuple[Part, ...]:
    """All layers, in the order in which they update."""
    return tuple(
        Part(stage, _fixed(stage.layer), _rules(stage.layer), Synapses(_weights(stage.layer)))
        for stage in network.schedule.stages
    )


def filled(n: int) -> int:
    """Number of neurons, padded to whole blocks."""
    return -(-n // BLOCK) * BLOCK


def aligned(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Zeros that start at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _filled(values: np.ndarray, dtype: type = np.int32) -> np.ndarray:
    whole = aligned((filled(len(values)),), dtype)
    whole[: len(values)] = values
    return whole


def _weights(layer: AnyLayer) -> np.ndarray:
    if layer.weight_rec is None:
        return np.zeros((0, 0, blocks.QUAD), np.int8)
    k, j = layer.weight_rec.shape
    whole = np.zeros((filled(k), filled(j)), np.int8)
    whole[:k, :j] = layer.weight_rec
    by_block = whole.reshape(filled(k) // BLOCK, BLOCK, filled(j) // 4, 4).transpose(0, 2, 1, 3)
    made = aligned((filled(k) // BLOCK, filled(j) // 4, blocks.QUAD), np.int8)
    made[...] = by_block.reshape(made.shape)
    return made


def _fixed(layer: AnyLayer) -> Fixed:
    k = layer.n_neurons
    nothing = np.zeros(k, np.int32)
    na, nb = random_source.neuron_keys(DRAWN, k)
    poisson = isinstance(layer, PoissonLayer)
    own = layer.self_weight if poisson else nothing
    bend = np.array(ceiling_table() if poisson else swish_table())
    return Fixed(
        real=_filled(np.ones(k)),
        u_init=_filled(layer.u_init if poisson else nothing),
        self_weight=_filled(own),
        own_most=_filled(SELF_MAX // np.maximum(own.astype(np.int64), 1)),
        na=_filled(na, np.uint32),
        nb=_filled(nb, np.uint32),
        table=_table(),
        bend=None if poisson and not layer.ceiling else bend,
        mix=np.array(blocks.MIX, np.int32),
    )


def _table() -> np.ndarray:
    """Thresholds by row: values 0..15, their differences to the next row, then the same for 16.."""
    found = thresholds()
    values = np.full((len(found) + 1, 2 * COUNTED), 2**24, np.int32)
    values[:-1, : found.shape[1]] = found
    values[-1] = values[-2]  # never read with a fraction
    pairs = np.stack((values[:-1], np.diff(values, axis=0)))
    made = aligned((len(found), 2, 2, COUNTED), np.int32)
    made[...] = pairs.reshape(2, len(found), 2, COUNTED).transpose(1, 2, 0, 3)
    return made


def _input_rule(layer: AnyLayer) -> list[int]:
    """Right shift, limit and factor of the synaptic input."""
    e = layer.weight_exp
    limit = input_limit(e) if e >= 0 else TERM_MAX
    return [max(-e, 0), limit, layer.sign << max(e, 0)]


def _rules(layer: AnyLayer) -> PoissonRules | GradedRules:
    received = _input_rule(layer)
    if isinstance(layer, GradedLayer):
        potential = [*received, layer.leak, -1 if layer.memory else 0]
        half = (1 << layer.shift) >> 1
        counted = layer.z_min if layer.z_min < 0 else -(2**31)
        output = [layer.threshold, half, layer.shift, layer.z_min, layer.z_max, counted]
        swish = layer.activation == SWISH
        return GradedRules(_numbers(potential), _numbers(output), layer.memory, swish)
    ends = [layer.u_min, layer.u_max]
    changes = [layer.du_min, layer.du_max]
    return PoissonRules(
        limits=_numbers([*received, *changes, *ends]),
        still=_numbers([*received, 0, 0, *ends]),
        unlimited=_numbers([*received, *changes, -(2**30), 2**30]),
        draw=_numbers([11 - layer.finer_bits, (drawing.SPLIT + 1 << layer.finer_bits) - 1, 0, 0]),
        finer=layer.finer_bits,
        count_max=layer.count_max,
        memory=layer.memory,
        ceiling=layer.ceiling,
    )


def _numbers(values: list[int]) -> np.ndarray:
    return np.array(values, np.int32)


def new_state(
    part: Part, drive: np.ndarray, keys: np.ndarray, start: np.ndarray | None = None
) -> State:
    """State of a tile after a reset: drive (N, K) int32, keys (N, 2) uint32, start (N, K) int32."""
    n, width = len(drive), part.width
    poisson = isinstance(part.rules, PoissonRules)
    state = State(
        a_in=aligned((_products(n), width), np.int32),
        u=aligned((n, width), np.int32),
        drive=aligned((n, width), np.int32),
        own=aligned((n if poisson else 0, width), np.int32),
        keys=keys,
    )
    state.u[:] = part.fixed.u_init
    if start is not None:
        state.u[:, : start.shape[1]] = start
    state.drive[:, : drive.shape[1]] = drive
    return state


def _products(n: int) -> int:
    """Number of images, padded to whole products of matrix registers."""
    return -(-n // amx.IMAGES) * amx.IMAGES


def new_messages(part: Part, n: int) -> Messages:
    """Empty messages of a layer for a tile's `n` images."""
    poisson = isinstance(part.rules, PoissonRules)
    low, high = part.layer.sent
    quads = part.width // 4
    n_parts = -(-quads // CACHED_QUADS) + poisson
    length = quads + 2 * n_parts + blocks.LANES
    kind = messages.BYTES
    if poisson:
        length += part.layer.n_neurons * (high // 255)
    else:
        kind = messages.SHORTS if max(-low, high) < 2**15 else messages.WIDE
    if kind == messages.WIDE:
        length = 0
    return Messages(
        kind=kind,
        vectors=CACHED_QUADS // 16,
        offsets=np.zeros((n, length), np.int32),
        values=np.zeros((n, length if poisson else 2 * length), np.int32),
        ends=np.zeros((n, n_parts + 1), np.int64),
        width=part.width,
        length=length,
        parts=n_parts,
        matrix=amx.available() and kind != messages.WIDE,
        low=aligned((_products(n), part.width), np.uint8),
        high=None if poisson else aligned((_products(n), part.width), np.uint8),
        z=None if poisson else np.zeros((n, part.width), np.int32),
    )


def addresses(arrays: Arrays) -> Arrays:
    """Replace a named tuple's arrays by their addresses, for the kernels.

    numba would check each of some fifty arrays at every call, with code that it must compile first.
    The caller must keep the arrays as long as it uses their addresses.
    """
    found = (a.ctypes.data if isinstance(a, np.ndarray) else a for a in arrays)
    return arrays._make(found)  # type: ignore[attr-defined]


def own_rules(rules: PoissonRules | GradedRules) -> PoissonRules | GradedRules:
    """Return rules for one tile: a kernel writes an image's words into `draw`."""
    return rules._replace(draw=rules.draw.copy()) if isinstance(rules, PoissonRules) else rules


def shape_of(state: State) -> tuple[int, int, int]:
    """Images of a tile, images padded to whole products, and padded neurons."""
    return len(state.u), *state.a_in.shape  # type: ignore[return-value]


def kept(tile: Kept, images: np.ndarray) -> Kept:
    """State or messages of some images of a tile, by indices in increasing order."""
    n = len(images)

    def rows(name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray) or not len(value):
            return value
        filled_up = _products(n) if name in ("a_in", "low", "high") else n
        made = aligned((filled_up, *value.shape[1:]), value.dtype.type)
        made[:n] = value[images]
        return made

    return tile._replace(**{name: rows(name, value) for name, value in tile._asdict().items()})


def new_sums(part: Part) -> Sums:
    """Sums of a layer, all zero."""
    return Sums(
        np.zeros(part.width, np.int64),
        np.zeros(part.width, np.int64),
        np.zeros(3, np.int64),
        np.zeros(1, np.int64),
        np.zeros(2, np.int64),
    )


def new_work(width: int) -> TileMemory:
    """Scratch memory for layers up to a width."""
    further = 31 * width + 2 * blocks.LANES
    return TileMemory(
        uniforms=aligned((width,), np.int32),
        active=np.zeros(width + blocks.LANES, np.int32),
        split=np.zeros(width + blocks.LANES, np.int32),
        last=np.zeros(width, np.int64),
        words=aligned((2, 3 * blocks.LANES), np.int32),
        further=np.zeros(further, np.int32),
        positions=np.zeros(further, np.int32),
        sums=np.zeros(further + 1, np.int64),
        extra=np.zeros(width, np.int64),
        large=np.zeros(width, np.int64),
        large_left=np.zeros(width, np.int64),
        n_large=np.zeros(1, np.int64),
    )
