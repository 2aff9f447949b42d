"""Report on the cost and quality of a run, as an HTML page and as JSON data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ipvae.energy.measurement.profiler_log import read_log
from ipvae.energy.sanafe import require_sanafe
from ipvae.errors import InputError
from ipvae.network.description import IntNetwork
from ipvae.network.network import Network
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import report_output
from ipvae.report.html.verdicts import verdicts
from ipvae.workflows.boundary import public, require_positive
from ipvae.workflows.image_input.images import ImagesLike, network_images
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.networks import load_network
from ipvae.workflows.output.certificate import read_certificate
from ipvae.workflows.progress import Listener, listening
from ipvae.workflows.reporting.request import (
    ReportRequest,
    chosen_seeds,
    other_backends,
    source_text,
)
from ipvae.workflows.reporting.result import Report, Views
from ipvae.workflows.reporting.saving import page_writer
from ipvae.workflows.reporting.text import screen
from ipvae.workflows.results import json_data
from ipvae.workflows.running.estimates import announce, run_seconds
from ipvae.workflows.running.number import DEFAULT_STEPS

IN_MEMORY = "network in memory"
"""Name of a network that was given as an object."""

RECONSTRUCTIONS = Views("page", verdicts, screen)
"""Views of a network with a decoder."""


@public
def make_report(
    network: IntNetwork | Network | str | Path,
    images: ImagesLike = None,
    labels: LabelsLike = None,
    *,
    steps: int = DEFAULT_STEPS,
    samples: int | None = None,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    data_dir: str | Path | None = None,
    measured: str | Path | None = None,
    verify: str | Sequence[str] = (),
    certificate: str | Path | None = None,
    scheduler: str | None = None,
    sanafe: bool = False,
    integers: str = "input",
    folder: str | Path | None = None,
    commands: Mapping[str, str] | None = None,
    progress: Listener | None = None,
) -> Report:
    """Run images once; report operations, modelled energy and quality of reconstruction.

    Parameters
    ----------
    network : IntNetwork, lava-dl network, or path
    images : array, path or name of a set, optional
        As for `ipvae.run`; by default the test images in the network. A lava-dl network has none.
    labels : (N,) int, or path of an .npy file with them; optional
        Labels of an array of images, -1 if unknown, for the accuracy of a classifying network, or
        of the last layer of a lava-dl network.
    steps : int
        Updates of each image (T).
    samples : int, optional
        Number of images to run, from the first; all by default.
    seed : int in [0, 2**48)
        Seed of all random draws.
    seeds : several different ints, optional
        Replaces `seed`. The report covers the first seed; the key `seeds` has counts, quality,
        energies and times over all seeds, with standard deviations.
    data_dir : path, optional
        Folder of the network's data set, whose test images are run.
    measured : path, optional
        Log of Lava's profiler for Loihi 2 (CSV), to compare with the counts.
    verify : names of backends, optional
        Backends to compare bit for bit with the emulator, on the first 2 images and up to 16 steps.
    certificate : path, optional
        Certificate of this network (`ipvae certify --json`), shown with the verdicts.
    scheduler : str, optional
        Address of a Dask scheduler, 'local' or 'none'.
    sanafe : bool
        Whether to simulate the same spikes of the first 4 images in SANA-FE.
    integers : 'input' or 'real'
        As for `ipvae.run`, for a lava-dl network.
    folder : path, optional
        Folder of a later `save`, checked for writing before the run.
    commands : dict, optional
        Texts `command` and `verify` on the page, which reproduce the report and verify the
        network; by default Python calls.
    progress : callable, optional
        As for `ipvae.run`.

    Returns
    -------
    Report
        Of a lava-dl network there is no quality of reconstruction, and `data_dir`, `seeds`,
        `measured` and `sanafe` do not apply.

    Raises
    ------
    InputError
        If an argument cannot be used.
    FormatError
        If a file cannot be read.
    BackendError, HungBackendError
        If a backend is not available on this machine, or it stopped responding.

    Examples
    --------
    >>> import ipvae
    >>> report = ipvae.make_report("net.h5", steps=64)  # doctest: +SKIP
    >>> report.save("out/")  # doctest: +SKIP
    """
    require_positive("steps", steps)
    path = network if isinstance(network, (str, Path)) else None
    if path is not None:
        network = load_network(path)
    if isinstance(network, Network):
        from ipvae.workflows.kinds.frames import require_unset
        from ipvae.workflows.kinds.reporting import report

        name = IN_MEMORY if path is None else str(path)
        own: dict[str, object] = {"data_dir": data_dir, "measured": measured}
        own["certificate"] = certificate
        own["seeds"] = None if seeds is None else ", ".join(map(str, seeds))
        require_unset({**own, "sanafe": sanafe or None}, name)
        with listening(progress):
            return report(
                network,
                images,
                labels=labels,
                steps=steps,
                seed=seed,
                samples=samples,
                integers=integers,
                verify=other_backends(verify),
                folder=folder,
                commands=commands,
                name=name,
                scheduler=scheduler,
            )
    if integers != "input":
        raise InputError(
            f"integers: found {integers}, allowed with a lava-dl network only; omit it. Integers "
            "are pixel levels, floating-point numbers real values."
        )
    if sanafe:
        require_sanafe()
    if folder is not None:
        page_writer()
    profile = None if measured is None else read_log(measured)
    others = other_backends(verify)
    if folder is not None:
        inputs = {"network": path, "images": images, "measured": measured}
        require_outputs([report_output(folder)], inputs)
    assert isinstance(network, IntNetwork)  # paths are read above
    cited = None if certificate is None else read_certificate(certificate, network)
    request = ReportRequest(
        name=IN_MEMORY if path is None else str(path),
        network=network,
        images=network_images(network, samples, data_dir, images, labels=labels),
        source=source_text(path, images, data_dir),
        steps=steps,
        seeds=chosen_seeds(seed, seeds),
        scheduler=scheduler,
        verify=others,
        sanafe=sanafe,
    )
    runs = run_seconds(network, request.samples, steps) * len(request.seeds)
    announce(f"{request.samples:,} images for {steps:,} steps", runs)
    texts = {**calls(request, path, images, data_dir), **(commands or {})}
    with listening(progress):
        from ipvae.workflows.reporting.making import made

        found, pictures = made(request, profile, texts)
    if cited is not None:
        found["certificate"] = cited
    out = None if folder is None else Path(folder)
    return Report(json_data(found), pictures, RECONSTRUCTIONS, out)


def calls(
    request: ReportRequest, path: str | Path | None, images: ImagesLike, data_dir: str | Path | None
) -> dict[str, str]:
    """Python calls that reproduce a report, and that verify the network on its images."""
    network = "network" if path is None else f'ipvae.load_network("{path}")'
    given = f'"{images}"' if isinstance(images, (str, Path)) else "images"
    parts = [network, *([] if images is None else [given])]
    parts += [f"steps={request.steps}", f"seed={request.seed}", f"samples={request.samples}"]
    parts += [] if data_dir is None else [f'data_dir="{data_dir}"']
    run = ", ".join(parts)
    return {
        "command": f"ipvae.make_report({run}).save(folder)",
        "verify": f'ipvae.verify({run}, backends=("emulator", "lava"))',
    }
