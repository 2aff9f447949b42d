"""A readable run of an integer network from the functions of `ipvae.network`, image by image.

It takes the same steps as the emulator with none of its means: no tiles, lists or lanes. Tests
compare the two where the oracle is too slow, and change its functions to see what is noticed.
"""

from collections.abc import Iterator

import numpy as np

from ipvae.network.description import DRAWN, IntNetwork
from ipvae.network.layers import GradedLayer
from ipvae.network.rules import neuron_step, random_source
from ipvae.network.rules.poisson import draw
from ipvae.network.rules.start import start_log_rates
from ipvae.network.rules.stream import frame, stream_drives
from ipvae.network.schedule import ScheduledLayer
from ipvae.network.traces.trace import VARIABLES, Trace

Row = dict[str, dict[str, np.ndarray]]


def rows(
    network: IntNetwork,
    image: np.ndarray,
    n_steps: int,
    seed: int,
    index: int,
    hold: int | None = None,
) -> Iterator[Row]:
    """Steps 0..n_steps of all layers for one image or stream: variables (K,) int64."""
    key = random_source.image_key(seed, index)
    drives = stream_drives(network, image[None], n_steps, hold)
    starts = start_log_rates(network, image[None], hold)
    start = None if starts is None else starts[0]
    last: Row = {}
    for t in range(n_steps + 1):
        row: Row = {}
        for stage in network.schedule.stages:
            inputs = (last if stage.input_delay else row).get(str(stage.layer.source))
            b = drives[stage.name][0, frame(t, stage.input_delay, n_steps, hold)].astype(np.int64)
            row[stage.name] = _acted(stage, inputs, last.get(stage.name), b, key, t, start)
        yield row
        last = row


def _acted(
    stage: ScheduledLayer,
    inputs: dict[str, np.ndarray] | None,
    before: dict[str, np.ndarray] | None,
    b: np.ndarray,
    key: random_source.Key,
    t: int,
    start: np.ndarray | None,
) -> dict[str, np.ndarray]:
    layer = stage.layer
    a_in = np.zeros_like(b)
    if inputs is not None and layer.weight_rec is not None:
        a_in = layer.weight_rec.astype(np.int64) @ inputs["z"]
    still = layer.memory and before is None
    if isinstance(layer, GradedLayer):
        old = np.zeros_like(b) if before is None else before["u"]
        u = old if still else neuron_step.next_potential(layer, old, b, a_in)
        return {"a_in": a_in, "u": u, "z": neuron_step.graded_output(layer, u)}
    first = layer.u_init if start is None else start
    old = first.astype(np.int64) if before is None else before["u"]
    z = np.zeros_like(b) if before is None else before["z"]
    u = old if still else neuron_step.next_log_rate(layer, old, z, b, a_in)
    words = random_source.neuron_keys(DRAWN, layer.n_neurons)
    image = np.array([key.a], np.uint32), np.array([key.b], np.uint32)

    def uniform(index: np.ndarray, sub_draw: np.ndarray) -> np.ndarray:
        return random_source.uniforms(image, (words[0][index], words[1][index]), t, sub_draw)

    counts = draw(u >> layer.finer_bits, uniform)
    return {"a_in": a_in, "u": u, "z": np.minimum(counts, layer.count_max)}


def run(
    network: IntNetwork, images: np.ndarray, n_steps: int, seed: int, hold: int | None = None
) -> Trace:
    """Trace of all images."""
    samples = []
    for i, image in enumerate(images):
        steps = list(rows(network, image, n_steps, seed, i, hold))
        samples.append(
            {
                name: {v: np.array([s[name][v] for s in steps], np.int32) for v in VARIABLES}
                for name in network.layers
            }
        )
    return Trace("stepwise", seed, "", samples)
