"""`ipvae run`: run images through a network on one backend."""

from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.options.inputs import (
    TIMEOUT_SECONDS,
    BackendOption,
    DataDirOption,
    ImagesOption,
    IntegersOption,
    LabelsOption,
    NetArgument,
    OverwriteOption,
    ReplayOption,
    SamplesOption,
    SeedOption,
    StepsOption,
    TimeoutOption,
)
from ipvae.cli.options.recording import (
    EveryOption,
    HoldOption,
    LayersOption,
    MotionOption,
    NeuronsOption,
    VariablesOption,
)
from ipvae.cli.output import JsonOption, show
from ipvae.errors import InputError


def run(
    net: NetArgument,
    backend: BackendOption = "emulator",
    samples: SamplesOption = 16,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE.h5", help="Write every variable of every step.")
    ] = None,
    record_draws: Annotated[
        Path | None, typer.Option(metavar="FILE.h5", help="Write the counts alone, as a trace.")
    ] = None,
    replay_draws: ReplayOption = None,
    variables: VariablesOption = None,
    every: EveryOption = 1,
    layers: LayersOption = None,
    neurons: NeuronsOption = None,
    hold: HoldOption = None,
    motion: MotionOption = None,
    timeout: TimeoutOption = TIMEOUT_SECONDS,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Measure time and energy on the board too, write them here."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    labels: LabelsOption = None,
    integers: IntegersOption = "input",
    step_time: Annotated[
        float | None, typer.Option(metavar="TIME", help="Step of event recordings in --images.")
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = None,
) -> None:
    """Run images on the emulator, on Lava's CPU simulator or on Loihi 2."""
    from ipvae.workflows.running.backends import require_known
    from ipvae.workflows.running.recording import record_of, require_trace_file

    require_known(backend)
    if profile is not None and backend != "loihi2":
        raise InputError(f"--profile: found --backend {backend}, allowed is loihi2: a board's own")
    network = ipvae.load_network(net)
    require_trace_file(variables, every, layers, neurons, trace, record_draws)
    record = record_of(network, variables, every, layers, neurons)
    result = ipvae.run(
        network,
        images,
        steps=steps,
        seed=seed,
        backend=backend,
        record="totals" if trace is None else record,
        samples=samples,
        data_dir=data_dir,
        frame_steps=hold,
        motion=motion,
        replay_draws=replay_draws,
        trace_file=trace,
        draws_file=record_draws,
        profile_file=profile,
        overwrite=overwrite,
        timeout=timeout,
        integers=integers,
        labels=labels,
        step_time=step_time,
    )
    show(result, json, network=str(net))
