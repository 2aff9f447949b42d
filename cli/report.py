"""`ipvae report`: what a run costs and what it buys, on one screen."""

import json as json_module
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.details import detail_tables, details
from ipvae.cli.energy_rows import (
    SanafeOption,
    add_energy,
    energy_tables,
    require_simulator,
    this_machine,
)
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    NetArgument,
    SamplesOption,
    SeedOption,
    StepsOption,
    network_images,
)
from ipvae.cli.measured import MeasuredOption, add_measured, measured_tables, read_measured
from ipvae.cli.output import (
    JsonOption,
    emit,
    json_data,
    require_json_target,
    table,
    working,
)
from ipvae.cli.plain import report_plain_net
from ipvae.cli.scale import SchedulerOption
from ipvae.cli.scale import totals as run_totals
from ipvae.emulator import run
from ipvae.energy.counts import count_totals
from ipvae.evaluation.metrics import quality
from ipvae.network.atomic import replacing, require_writable_folder
from ipvae.network.file import checksum, read_network
from ipvae.network.pixels import to_real
from ipvae.network.plain_file import is_plain

STATUS = "No Loihi 2 was measured: counts come from the emulator, energies are modelled."


def report(
    net: NetArgument,
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    samples: SamplesOption = 16,
    steps: StepsOption = 64,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    images: ImagesOption = None,
    measured: MeasuredOption = None,
    scheduler: SchedulerOption = None,
    sanafe: SanafeOption = False,
    json: JsonOption = None,
) -> None:
    """Count the operations of a run, model its energy, judge its reconstructions."""
    require_json_target(json)
    if is_plain(net):
        refused: dict[str, object] = {
            "--data-dir": data_dir,
            "--measured": measured,
            "--scheduler": scheduler,
            "--sanafe": sanafe or None,
        }
        report_plain_net(net, out, samples, steps, seed, images, json, refused)
        return
    require_simulator(sanafe)
    log = read_measured(measured)
    network = read_network(net)
    pixels = network_images(network, samples, data_dir, images).pixels
    require_writable_folder(out)
    with (
        this_machine(scheduler) as machine,
        working(f"running {samples} images for {steps} steps", samples) as progress,
    ):
        totals = run_totals(network, pixels, steps, seed, scheduler, progress=progress)
    counts = count_totals(network, totals)
    result = {
        "status": STATUS,
        "network": str(net),
        "checksum": checksum(network),
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "counts": counts.as_dict(),
        "quality": quality(
            to_real(pixels, network.input), totals.layers[network.code].z, network.decoder
        ),
    }
    add_energy(result, network, totals, pixels, machine, sanafe)
    with working("counting by layer, step, image and core", samples) as progress:
        result |= details(network, pixels, totals, seed, scheduler, progress)
    if log is not None:
        with working("counting what each core does"):
            trace = run(network, pixels, steps, seed)
        add_measured(result, log, network, trace)
    with replacing(out / "report.json") as temporary:
        temporary.write_text(json_module.dumps(json_data(result), indent=2) + "\n")
    emit(result, json, screen(result))


def screen(result: dict) -> list:
    """Tables of a report."""
    counts = [[name, f"{value:,.1f}"] for name, value in result["counts"].items()]
    half = (len(counts) + 1) // 2
    pairs = zip_longest(counts[:half], counts[half:], fillvalue=["", ""])
    figures = result["quality"]
    return [
        result["status"],
        f"R2 {figures['r2']:.4f}, MSE {figures['mse']:.3e}, zeros {figures['zeros']:.1%} "
        f"({result['samples']} images after {result['steps']} steps)",
        table("per image", ["counts (docs/energy.md)", "", "", ""], [[*a, *b] for a, b in pairs]),
        *detail_tables(result),
        *energy_tables(result),
        *measured_tables(result),
    ]
