"""Bit-exact comparison of backends, and of recorded traces with the emulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import FormatError, InputError
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.description import IntNetwork
from ipvae.network.io.hdf5_child import shown
from ipvae.network.layers import PoissonLayer
from ipvae.network.network import Network
from ipvae.network.rules.stream import frames
from ipvae.network.traces.replay import draws_of, integers_of
from ipvae.network.traces.trace import VARIABLES, Trace, compare, read_trace
from ipvae.workflows.boundary import public
from ipvae.workflows.image_input.images import ImagesLike, network_images
from ipvae.workflows.output.certificate import read_certificate
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.results import Result, Table
from ipvae.workflows.run import replayed, run_pixels
from ipvae.workflows.running.backends import require_known, run_backend
from ipvae.workflows.running.estimates import announce, run_seconds, trace_bytes
from ipvae.workflows.running.number import DEFAULT_STEPS

MISSING = "not_recorded"


@dataclass(frozen=True, eq=False, repr=False)
class VerifyResult(Result):
    """Result of a comparison of backends.

    Attributes
    ----------
    bit_exact : bool
        Whether every value of every backend equals the value of the first.
    backends : tuple of str
        The first is the reference.
    variables : tuple of str
        Compared variables as 'layer/variable'.
    images, steps, seed : int
    compared_values : int
        Number of values of one backend that were compared with each other backend.
    max_count : int
        Largest count of the code.
    first_divergence : dict or None
        `backend`, `sample`, `step`, `layer`, `variable`, `index`, `expected`, `found`.
    replayed : str or None
        For a recorded trace: the variable whose values were replayed.
    not_recorded : tuple of str
        For a recorded trace: variables that it lacks.
    draws : dict or None
        For a recorded trace: tests of its counts against the sampler (docs/hardware.md).
    last_step : int or None
        Last compared step, where it is not `steps`: a pipeline of layers has steps 0..T-1.
    certificate : dict or None
        What the given certificate says of the network: `file`, `passed`, `checksum`, `model`,
        `compared_values`, `checks`, `failed`.
    """

    bit_exact: bool
    backends: tuple[str, ...]
    variables: tuple[str, ...]
    images: int
    steps: int
    seed: int
    compared_values: int
    max_count: int
    first_divergence: dict[str, Any] | None
    replayed: str | None = None
    not_recorded: tuple[str, ...] = ()
    draws: dict[str, Any] | None = None
    last_step: int | None = None
    certificate: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        """True if all compared values are equal and recorded counts follow the sampler."""
        return self.bit_exact and (self.draws is None or bool(self.draws["follows_poisson"]))

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("bit_exact", str(self.bit_exact)),
            ("backends", " = ".join(self.backends)),
            ("images x steps", f"{self.images} x {self.steps}"),
            ("compared values", f"{self.compared_values:,}"),
            ("first divergence", str(self.first_divergence)),
        ]

    def shown(self) -> list[Table | str]:
        """Return one line with the verdict; a recorded trace adds a line on its draws."""
        cited = [] if self.certificate is None else [_cited(self.certificate)]
        if self.draws is None:
            return [self._verdict(), *cited]
        missing = ", ".join(self.not_recorded)
        note = f"; {self.replayed} replayed" + (f"; not recorded: {missing}" if missing else "")
        return [self._verdict(note), _draws_verdict(self.draws)]

    def _verdict(self, note: str = "") -> str:
        where = self.first_divergence
        last = self.steps if self.last_step is None else self.last_step
        if where is None:
            return (
                f"bit-exact: {' = '.join(self.backends)} in {self.compared_values} values "
                f"({self.images} images, steps 0..{last}, "
                f"{', '.join(self.variables)}{note}; counts up to {self.max_count})"
            )
        return (
            f"NOT bit-exact: {where['backend']} first differs from {self.backends[0]} at sample "
            f"{where['sample']}, step {where['step']}, layer {where['layer']}, variable "
            f"{where['variable']}, index {where['index']}: expected {where['expected']}, "
            f"found {where['found']}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae verify --json`."""
        found: dict[str, Any] = {
            "bit_exact": self.bit_exact,
            "backends": list(self.backends),
            "variables": list(self.variables),
            "samples": self.images,
            "steps": self.steps,
            "seed": self.seed,
            "compared_values": self.compared_values,
            "first_divergence": self.first_divergence,
            "max_count": self.max_count,
        }
        if self.draws is not None:
            found |= {
                "replayed": self.replayed,
                MISSING: list(self.not_recorded),
                "draws": self.draws,
            }
        return found if self.certificate is None else {**found, "certificate": self.certificate}


def _cited(certificate: dict[str, Any]) -> str:
    """Line on a certificate of the network."""
    verdict = "certified" if certificate["passed"] else "NOT certified"
    return (
        f"{verdict}: {certificate['checks']} checks, {certificate['compared_values']:,} values "
        f"of {certificate['model']}, says {certificate['file']}"
    )


def _draws_verdict(law: dict[str, Any]) -> str:
    worst = min(law["tests"], key=lambda test: test["p_value"])
    says = "follow" if law["follows_poisson"] else "do NOT follow"
    left_out = f", {len(law['left_out'])} left out for want of draws" if law["left_out"] else ""
    return (
        f"draws {says} the sampler's distribution: {law['draws']} draws, {len(law['tests'])} tests"
        f"{left_out}; smallest p {worst['p_value']:.2g} ({worst['name']}), bound {law['bound']:.2g}"
    )


@public
def verify(
    network: IntNetwork | Network,
    images: ImagesLike = None,
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    backends: Sequence[str] = ("emulator", "lava"),
    samples: int | None = None,
    data_dir: str | Path | None = None,
    frame_steps: int | None = None,
    motion: str | None = None,
    replay_draws: str | Path | None = None,
    integers: str = "input",
    certificate: str | Path | None = None,
    timeout: float = TIMEOUT_SECONDS,
    progress: Listener | None = None,
) -> VerifyResult:
    """Compare backends in every variable, neuron, step and image.

    Parameters
    ----------
    network : IntNetwork
    images, steps, seed, samples, data_dir, frame_steps, motion, replay_draws, integers, progress
        As for `ipvae.run`, and `timeout`.
    backends : names
        Two or more; the first is the reference.
    certificate : path, optional
        Certificate of this network (`ipvae certify --json`) to name in the result.

    Raises
    ------
    InputError
        If an argument cannot be used.
    BackendError, HungBackendError
        If a backend is not available on this machine, or it stopped responding.
    """
    names = list(backends)
    cited = None if certificate is None else read_certificate(certificate, network)
    if isinstance(network, Network):
        from ipvae.workflows.kinds.frames import require_unset
        from ipvae.workflows.kinds.verifying import compare_backends
        from ipvae.workflows.streams.held import stream_rows

        require_unset({"data_dir": data_dir, "replay_draws": replay_draws})
        images = stream_rows(network, images, steps, frame_steps, samples, motion, seed)
        with listening(progress):
            found = compare_backends(
                network,
                images,
                steps=steps,
                seed=seed,
                backends=names,
                samples=samples,
                integers=integers,
                timeout=timeout,
            )
        return VerifyResult(**found, certificate=cited)
    for name in names:
        require_known(name)
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"backends: found '{','.join(names)}', allowed two or more different ones")
    pixels = run_pixels(network, images, samples, data_dir, steps, frame_steps, motion, seed)
    n = len(pixels)
    draws, seed = replayed(replay_draws, network, n, steps, seed)
    announce(
        f"{n:,} images for {steps:,} steps on {' and '.join(names)}",
        sum(run_seconds(network, n, steps, name) for name in names),
        len(names) * trace_bytes(network, n, steps),
    )
    traces = []
    with listening(progress):
        for name in names:
            with stage(f"running {n} images for {steps} steps on {name}"):
                traces.append(
                    run_backend(
                        name,
                        network,
                        pixels,
                        steps,
                        seed,
                        draws,
                        hold=frame_steps,
                        timeout=timeout,
                    )
                )
    return compared(network, traces, n, steps, seed, certificate=cited)


def compared(
    network: IntNetwork,
    traces: list[Trace],
    images: int,
    steps: int,
    seed: int,
    variables: Mapping[str, Sequence[str]] | None = None,
    **more: Any,
) -> VerifyResult:
    """Compare all traces with the first one.

    `compared_values` is the number of values of one trace that were compared with every other
    backend: images x (steps + 1) x variables x neurons, summed over layers. `variables` are the
    compared variables of each layer, all by default.
    """
    if variables is None:
        variables = dict.fromkeys(network.layers, VARIABLES)
    comparisons = [compare(traces[0], other) for other in traces[1:]]
    differing = [c.first_divergence for c in comparisons if c.first_divergence]
    values = min(c.compared_values for c in comparisons)
    width = sum(len(names) * network.layers[n].n_neurons for n, names in variables.items())
    complete = images * (steps + 1) * width
    if "max_count" not in more:
        more["max_count"] = max(int(t.stacked(network.code, "z").max()) for t in traces)
    return VerifyResult(
        bit_exact=not differing and values == complete,
        backends=tuple(trace.backend for trace in traces),
        variables=tuple(f"{layer}/{name}" for layer, names in variables.items() for name in names),
        images=images,
        steps=steps,
        seed=seed,
        compared_values=values,
        first_divergence=differing[0] if differing else None,
        **more,
    )


@public
def verify_trace(
    network: IntNetwork | Network,
    path: str | Path,
    images: ImagesLike = None,
    *,
    data_dir: str | Path | None = None,
    integers: str = "input",
    progress: Listener | None = None,
) -> VerifyResult:
    """Replay the counts of a recorded trace, compare all else, and test the counts' law.

    Replayed counts are not part of the comparison: `variables` and `compared_values` cover only
    `a_in` and `u`, as far as the trace contains them. A lava-dl network draws nothing: all that its
    trace contains is compared with the emulator.

    Parameters
    ----------
    network : IntNetwork
    path : trace file, from hardware whose random number generator may differ
    images, data_dir, integers, progress
        As for `ipvae.run`; the images of the recorded run.

    Raises
    ------
    FormatError, InputError
        If the trace cannot be read, or is of another network or other images.
    """
    from ipvae.evaluation.sampler.draw_tests import judge

    path = Path(path)
    recorded = read_trace(path, check_digest=False)  # the comparison finds changed values
    if isinstance(network, Network):
        from ipvae.workflows.kinds.verifying import compare_trace

        with listening(progress):
            return VerifyResult(**compare_trace(network, recorded, images, integers, str(path)))
    draws = draws_of(recorded, network, str(path))
    samples, steps = len(draws), draws.shape[1] - 1
    held = _held(network, recorded, path)
    pixels = trace_pixels(network, recorded, path, images, data_dir, samples, steps)
    with listening(progress):
        with stage(f"replaying {samples} images for {steps} steps on the emulator"):
            reference = run_backend(
                "emulator", network, pixels, steps, recorded.seed, draws, hold=recorded.hold
            )
        with stage(f"testing {draws.size} draws"):
            code = network.layer
            assert isinstance(code, PoissonLayer)  # `draws_of` raises for others
            log_rates = reference.stacked(network.code, "u") >> code.finer_bits
            law = judge(log_rates, draws, code.count_reach)
    missing = [
        f"{layer}/{name}"
        for layer in network.layers
        for name in VARIABLES
        if name not in held.get(layer, ()) and (layer, name) != (network.code, "z")
    ]
    return compared(
        network,
        [_only(trace, held) for trace in (reference, recorded)],
        samples,
        steps,
        recorded.seed,
        held,
        max_count=int(draws.max()),
        replayed=f"{network.code}/z",
        not_recorded=tuple(missing),
        draws=law.as_dict(),
    )


def trace_pixels(
    network: IntNetwork,
    recorded: Trace,
    path: Path,
    images: ImagesLike,
    data_dir: str | Path | None,
    samples: int,
    steps: int,
) -> np.ndarray:
    """Return the pixels of a recorded trace, as far as they were given."""
    needed = samples * frames(steps, recorded.hold)
    found = network_images(network, needed, data_dir, images, asked_by=f"images of {path}").pixels
    return found if recorded.hold is None else found.reshape(samples, -1, found.shape[1])


def _held(network: IntNetwork, recorded: Trace, path: Path) -> dict[str, list[str]]:
    """Return the variables to compare by layer: all in the trace except the code's z."""
    held = {}
    for layer in network.layers:
        names = set().union(*(sample.get(layer, {}) for sample in recorded.samples))
        if layer == network.code:
            names -= {"z"}
        if found := [name for name in VARIABLES if name in names]:
            held[layer] = found
    if not held:
        raise FormatError(
            f"{path}: found z alone, allowed a_in or u as well: there is nothing to compare; "
            "record what the board can read out"
        )
    for layer, names in held.items():
        for name in names:
            integers_of(recorded, layer, name, str(path))
    return held


def _only(trace: Trace, variables: dict[str, list[str]]) -> Trace:
    samples = [
        {layer: {name: s[layer][name] for name in names} for layer, names in variables.items()}
        for s in trace.samples
    ]
    return Trace(shown(trace.backend), trace.seed, trace.checksum, samples, hold=trace.hold)
