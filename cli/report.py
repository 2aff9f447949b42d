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
from ipvae.cli.evaluation_options import SchedulerOption
from ipvae.cli.inputs import (
    DataDirOption,
    ImagesOption,
    NetArgument,
    SamplesOption,
    SeedOption,
    StepsOption,
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
from ipvae.cli.report_data import (
    Asked,
    described,
    ink,
    looked_at,
    page_writer,
    require_verify,
    run_all,
    verified,
)
from ipvae.emulator.recording import run
from ipvae.energy.counts import count_totals
from ipvae.evaluation.metrics import quality
from ipvae.network.atomic import require_writable_folder, write_together
from ipvae.network.file_io import checksum, read_network
from ipvae.network.plain_file import is_plain
from ipvae.report.earlier import leftovers, remove
from ipvae.report.numbers import count
from ipvae.report.verdicts import verdicts
from ipvae.workflows.images import network_images

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
    verify: Annotated[
        str | None,
        typer.Option(
            metavar="BACKENDS",
            help="Compare the first images bit for bit with these too, such as lava.",
        ),
    ] = None,
    scheduler: SchedulerOption = None,
    sanafe: SanafeOption = False,
    json: JsonOption = None,
) -> None:
    """Count the operations of a run, model its energy, judge its reconstructions; as a page.

    Exit 1, the page written, if --verify finds a difference.
    """
    require_json_target(json)
    if is_plain(net):
        refused: dict[str, object] = {
            "--data-dir": data_dir,
            "--measured": measured,
            "--verify": verify,
            "--scheduler": scheduler,
            "--sanafe": sanafe or None,
        }
        report_plain_net(net, out, samples, steps, seed, images, json, refused)
        return
    require_simulator(sanafe)
    page = page_writer()
    log = read_measured(measured)
    backends = require_verify(verify)
    network = read_network(net)
    asked = Asked(
        net, network, network_images(network, samples, data_dir, images), steps, seed, scheduler
    )
    require_writable_folder(out)
    exact = verified(asked, backends)
    with this_machine(scheduler) as machine:
        totals = run_all(asked)
    ran = looked_at(asked, totals)
    counts = count_totals(network, totals)
    run_options = {
        "--samples": samples,
        "--steps": steps,
        "--seed": seed,
        "--data-dir": data_dir,
        "--images": images,
    }
    own_options = {"--measured": measured, "--verify": verify, "--sanafe": sanafe or None}
    result = {
        "status": STATUS,
        "network": str(net),
        "checksum": checksum(network),
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "counts": counts.as_dict(),
        "quality": quality(asked.real(), totals.layers[network.code].z, network.decoder),
        "verified": exact,
        **described(asked, ran, source(data_dir, images), run_options, own_options),
    }
    add_energy(result, network, totals, asked.images.pixels, machine, sanafe)
    with working("counting by layer, step, image and core", samples) as progress:
        result |= details(network, asked.images.pixels, totals, seed, scheduler, progress)
    if log is not None:
        with working("counting what each core does"):
            trace = run(network, asked.images.pixels, steps, seed)
        add_measured(result, log, network, trace)
    result = json_data(result)
    text = json_module.dumps(result, indent=2) + "\n"
    files = {**page(result, ink(asked, ran)), "report.json": text.encode()}
    earlier = leftovers(out, files)
    write_together(out, files)
    remove(earlier)
    emit(result, json, [*screen(result), f"page: {out / 'index.html'}"])
    if exact is not None and not exact["bit_exact"]:
        raise typer.Exit(1)


def source(data_dir: Path | None, images: Path | None) -> str:
    """Where the images come from."""
    if images is not None:
        return f"the images in {images}"
    return "the test images in the network file" if data_dir is None else f"test set in {data_dir}"


def screen(result: dict) -> list:
    """Tables of a report."""
    counts = [[name, count(value)] for name, value in result["counts"].items()]
    half = (len(counts) + 1) // 2
    pairs = zip_longest(counts[:half], counts[half:], fillvalue=["", ""])
    return [
        result["status"],
        *(f"{found.title}: {found.text}" for found in verdicts(result)),
        table("per image", ["counts (docs/energy.md)", "", "", ""], [[*a, *b] for a, b in pairs]),
        *detail_tables(result),
        *energy_tables(result),
        *measured_tables(result),
    ]
