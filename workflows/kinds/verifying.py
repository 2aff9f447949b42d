"""Bit-exact comparison of backends on a `Network`, image by image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.network.traces.selection import Record
from ipvae.network.traces.trace import Trace, compare
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.kinds.frames import run_frames, run_steps
from ipvae.workflows.kinds.recorded import (
    Sample,
    all_variables,
    require_backend,
    rows_of,
    samples_of,
    selected,
)
from ipvae.workflows.progress import stage
from ipvae.workflows.running.estimates import announce, run_seconds


def compare_backends(
    network: Network,
    images: ImagesLike,
    *,
    steps: int,
    seed: int,
    backends: Sequence[str],
    samples: int | None,
    integers: str,
    timeout: float,
) -> dict[str, Any]:
    """Return the fields of a `VerifyResult`.

    Every variable of every layer is compared, in lead-in rows too. One image of each backend is in
    memory.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If Lava is not installed, or it stopped responding.
    """
    for name in backends:
        require_backend(name)
    if len(backends) < 2 or len(set(backends)) < len(backends):
        raise InputError(
            f"backends: found '{','.join(backends)}', allowed two or more different ones"
        )
    frames = run_frames(network, images, steps, seed, samples, integers)
    steps = run_steps(steps, frames)
    announce(
        f"{len(frames):,} images for {steps:,} steps on {' and '.join(backends)}",
        sum(run_seconds(network, len(frames), steps, name) for name in backends),
    )
    names, digest = all_variables(network), checksum(network)
    layers = {layer.id: layer.neuron.variables for layer in network.layers}
    values, largest, first = 0, 0, None
    runs = [samples_of(network, frames, steps, name, names, timeout, seed) for name in backends]
    with stage(f"comparing {' and '.join(backends)}", len(frames)) as advance:
        for image in range(len(frames)):
            found = [_whole(next(run), layers) for run in runs]
            traces = [
                Trace(name, 0, digest, [sample])
                for name, sample in zip(backends, found, strict=True)
            ]
            results = [compare(traces[0], other) for other in traces[1:]]
            values += min(result.compared_values for result in results)
            largest = max(largest, *(_largest(sample) for sample in found))
            divergence = [r.first_divergence for r in results if r.first_divergence]
            advance(1)
            if divergence:
                lead_in = network.schedule.lead_in(divergence[0]["layer"])
                first = {
                    **divergence[0],
                    "sample": image,
                    "step": divergence[0]["step"] - lead_in,
                }
                break
    return {
        "bit_exact": first is None,
        "backends": tuple(backends),
        "variables": tuple(f"{n}/{variable}" for n, held in layers.items() for variable in held),
        "images": len(frames),
        "steps": steps,
        "seed": seed,
        "compared_values": values,
        "max_count": largest,
        "first_divergence": first,
        "last_step": network.rows(steps) - 1,
    }


def compare_trace(
    network: Network, recorded: Trace, images: ImagesLike, integers: str, where: str
) -> dict[str, Any]:
    """Run the images of a recorded trace on the emulator and compare every value that it holds.

    Returns
    -------
    Fields of a `VerifyResult`

    Raises
    ------
    InputError
        If the trace is of another network, or images are missing.
    """
    own = checksum(network)
    if recorded.checksum != own:
        raise InputError(
            f"{where}: is of the network {recorded.checksum[:12]}..., this one is {own[:12]}..."
        )
    steps, samples = recorded.steps + 1 - int(network.driven), recorded.samples
    seed = recorded.seed
    frames = run_frames(network, images, steps, seed, len(samples), integers)
    held = {name: tuple(of) for name, of in samples[0].items()}
    selection = Record(
        every=recorded.every, neurons={n: of.tolist() for n, of in recorded.neurons.items()}
    )
    values, first = 0, None
    found = samples_of(network, frames, steps, "emulator", all_variables(network), seed=seed)
    for image, (sample, wanted) in enumerate(zip(found, samples, strict=True)):
        ours = selected(selection, rows_of(network, sample))
        ours = {n: {v: ours[n][v] for v in names if v in ours[n]} for n, names in held.items()}
        traces = [
            Trace(name, 0, own, [of], recorded.every, recorded.neurons)
            for name, of in (("emulator", ours), (recorded.backend, wanted))
        ]
        result = compare(*traces)
        values += result.compared_values
        if result.first_divergence:
            first = {**result.first_divergence, "sample": image}
            break
    return {
        "bit_exact": first is None,
        "backends": ("emulator", recorded.backend),
        "variables": tuple(f"{n}/{variable}" for n, names in held.items() for variable in names),
        "images": len(samples),
        "steps": steps,
        "seed": seed,
        "compared_values": values,
        "max_count": max(_largest(sample) for sample in samples),
        "first_divergence": first,
        "last_step": network.rows(steps) - 1,
    }


def _whole(sample: Sample, layers: dict[str, tuple[str, ...]]) -> Sample:
    """Layers after the input with all their variables; a missing one is a difference."""
    return {
        name: {v: sample[name][v] for v in variables if v in sample.get(name, {})}
        for name, variables in layers.items()
    }


def _largest(sample: Sample) -> int:
    return max(
        (int(np.abs(of["z"]).max(initial=0)) for of in sample.values() if "z" in of), default=0
    )
