"""Verify a trace recorded elsewhere, by hardware whose random source may be another one."""

from pathlib import Path

import typer

from ipvae.cli.backends import run_backend
from ipvae.cli.inputs import network_images
from ipvae.cli.output import working
from ipvae.cli.recording import as_samples, images_needed
from ipvae.cli.verdict import describe, verdict
from ipvae.network.description import IntNetwork
from ipvae.network.draws import draws_of, integers_of
from ipvae.network.errors import FormatError, InputError
from ipvae.network.hdf5_child import shown
from ipvae.network.layers import PoissonLayer
from ipvae.network.trace import VARIABLES, Trace, read_trace

GIVEN_BY_THE_TRACE = ("backends", "samples", "steps", "seed", "replay_draws", "hold")


def refuse_beside_trace(context: typer.Context) -> None:
    """Raise InputError if an option was given whose value the trace itself gives."""
    for name in GIVEN_BY_THE_TRACE:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise InputError(
                f"--trace and --{name.replace('_', '-')}: give one of them; a trace is compared "
                "with the emulator, and holds its own images, steps and draws"
            )


def verify_trace(
    network: IntNetwork, path: Path, data_dir: Path | None, images: Path | None
) -> dict:
    """Replay a trace's counts, compare the rest, and test the counts' law; JSON data.

    Counts are replayed, so they are not called compared: `variables` and `compared_values`
    are of `a_in` and `u`, as far as the trace holds them; `not_recorded` names the missing.
    """
    from ipvae.evaluation.draws import judge

    recorded = read_trace(path)
    draws = draws_of(recorded, network, str(path))
    samples, steps = len(draws), draws.shape[1] - 1
    held = _held(network, recorded, path)
    needed = images_needed(samples, steps, recorded.hold)
    pixels = network_images(network, needed, data_dir, images, asked_by=f"images of {path}").pixels
    pixels = as_samples(pixels, samples, recorded.hold)
    with working(f"replaying {samples} images for {steps} steps on the emulator"):
        reference = run_backend(
            "emulator", network, pixels, steps, recorded.seed, draws, hold=recorded.hold
        )
    pair = [_only(trace, held) for trace in (reference, recorded)]
    result = verdict(network, pair, samples, steps, recorded.seed, held)
    with working(f"testing {draws.size} draws"):
        code = network.layer
        assert isinstance(code, PoissonLayer)  # `draws_of` refuses others
        log_rates = reference.stacked(network.code, "u") >> code.finer_bits
        law = judge(log_rates, draws, code.count_reach)
    missing = [
        f"{layer}/{name}"
        for layer in network.layers
        for name in VARIABLES
        if name not in held.get(layer, ()) and (layer, name) != (network.code, "z")
    ]
    return result | {
        "max_count": int(draws.max()),
        "replayed": f"{network.code}/z",
        "not_recorded": missing,
        "draws": law.as_dict(),
    }


def _held(network: IntNetwork, recorded: Trace, path: Path) -> dict[str, list[str]]:
    """Variables to compare, by layer: those besides the code's z that the trace holds."""
    held = {}
    for layer in network.layers:
        names = set().union(*(sample.get(layer, {}) for sample in recorded.samples))
        if layer == network.code:
            names -= {"z"}
        if found := [name for name in VARIABLES if name in names]:
            held[layer] = found
    if not held:
        raise FormatError(
            f"{path}: holds z alone, needed is a_in or u as well: there is nothing to compare; "
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


def describe_trace(result: dict) -> str:
    """Two lines, one for each verdict."""
    missing = result["not_recorded"]
    note = f"; {result['replayed']} replayed"
    if missing:
        note += f"; not recorded: {', '.join(missing)}"
    return f"{describe(result, note)}\n{_describe_draws(result['draws'])}"


def _describe_draws(law: dict) -> str:
    worst = min(law["tests"], key=lambda test: test["p_value"])
    says = "follow" if law["follows_poisson"] else "do NOT follow"
    left_out = f", {len(law['left_out'])} left out for want of draws" if law["left_out"] else ""
    return (
        f"draws {says} the sampler's law: {law['draws']} draws, {len(law['tests'])} tests"
        f"{left_out}; smallest p {worst['p_value']:.2g} ({worst['name']}), bound {law['bound']:.2g}"
    )
