"""Report on a run of a `Network`: operations, modelled energy and outputs, as an HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS
from ipvae.network.frames import load_frames
from ipvae.network.network import Network
from ipvae.outputs import require_outputs
from ipvae.report.html.earlier import report_output
from ipvae.report.html.network_verdicts import network_verdicts
from ipvae.report.numbers import band, count
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike
from ipvae.workflows.kinds.costs import network_costs
from ipvae.workflows.kinds.frames import UNNAMED, frames_of
from ipvae.workflows.kinds.report_data import SHOWN, run_data
from ipvae.workflows.kinds.result import layer_table
from ipvae.workflows.kinds.running import run
from ipvae.workflows.kinds.verifying import compare_backends
from ipvae.workflows.reporting.maps import map_data
from ipvae.workflows.reporting.result import Report, Views
from ipvae.workflows.reporting.saving import page_writer
from ipvae.workflows.results import Table, json_data
from ipvae.workflows.running.number import AtMost

STATUS = "No Loihi 2 was measured: counts come from a simulation, energies are modelled."
VERIFIED_IMAGES, VERIFIED_STEPS = 2, 16
PICTURE_CHANNELS = (1, 3)


def screen(data: Mapping[str, Any]) -> list[Table | str]:
    """Return verdicts, counts in total and for each layer, and energies, per image."""
    energy = [
        [
            f"{row['model']}, {row['chip']}",
            row["kind"],
            row["part"],
            band(row["low_j"], row["high_j"]),
        ]
        for row in data["energy"]
    ]
    figures = [[name, count(value)] for name, value in data["counts"].items()]
    return [
        data["status"],
        *(f"{found.title}: {found.text}" for found in network_verdicts(data)),
        Table("per image", ["counts (docs/energy.md)", ""], figures),
        layer_table(data["layers"]),
        Table("energy per image", ["model, chip", "kind", "part", "microjoules"], energy),
        *data["energy_notes"],
    ]


OUTPUTS = Views("network_page", network_verdicts, screen)
"""Views of a network without a decoder."""


def report(
    network: Network,
    images: ImagesLike,
    *,
    steps: int,
    labels: LabelsLike = None,
    seed: int = 0,
    samples: int | None = None,
    integers: str = "input",
    verify: Sequence[str] = (),
    folder: str | Path | None = None,
    commands: Mapping[str, str] | None = None,
    name: str = UNNAMED,
    scheduler: str | None = None,
) -> Report:
    """Run images on the emulator and report operations, modelled energy and outputs.

    Parameters
    ----------
    network, images, steps, labels, seed, samples, integers, name
        As for `ipvae.workflows.kinds.running.run`.
    verify, folder, commands, scheduler
        As for `ipvae.make_report`.
    """
    if folder is not None:
        page_writer("network_page")
        require_outputs([report_output(folder)], {"network": name, "images": images})
    ran = run(
        network,
        images,
        steps=steps,
        seed=seed,
        samples=samples,
        integers=integers,
        labels=labels,
        name=name,
        scheduler=scheduler,
    )
    steps = ran.steps
    verified = None
    if verify:
        verified = _verified(network, images, steps, integers, samples, verify, seed)
    shown = network.test_images if images is None else images
    decoded: dict[str, Any] = {}
    if ran.fit:
        given = frames_of(network, images, steps, seed, samples, integers, name).values
        decoded, inputs = map_data(network, ran, given)
    else:
        inputs = _pictures(network, shown, steps, integers, ran.images)
    costs = network_costs(network, ran.network_totals, ran.counted)
    described = {**_calls(name, images, steps, samples, integers, seed), **(commands or {})}
    data = {
        "status": STATUS,
        "network": name,
        **run_data(network, ran),
        **costs.keys(),
        **decoded,
        "verified": verified,
        "run": {**described, "images": _source(images), "frames": ran.frames, **_versions()},
    }
    out = None if folder is None else Path(folder)
    return Report(json_data(data), inputs, OUTPUTS, out)


def _verified(
    network: Network,
    images: ImagesLike,
    steps: int,
    integers: str,
    samples: int | None,
    others: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Result of `ipvae verify` for the first images and steps."""
    from ipvae.workflows.verify import VerifyResult

    found = compare_backends(
        network,
        images,
        steps=min(steps, VERIFIED_STEPS),
        seed=seed,
        backends=("emulator", *others),
        samples=AtMost(VERIFIED_IMAGES if samples is None else min(samples, VERIFIED_IMAGES)),
        integers=integers,
        timeout=TIMEOUT_SECONDS,
    )
    return VerifyResult(**found).to_json()


def _pictures(
    network: Network, images: ImagesLike, steps: int, integers: str, n: int
) -> np.ndarray | None:
    """Inputs of the first images, mean over steps, if they have the shape of pictures."""
    shape = network.input.shape
    if len(shape) != 3 or shape[0] not in PICTURE_CHANNELS:
        return None
    given = images.pixels if isinstance(images, LabelledImages) else images
    assert given is not None
    values = load_frames(given, network, steps, integers, min(n, SHOWN)).values
    return values.mean(axis=1).reshape(-1, *shape)


def _source(images: ImagesLike) -> str:
    """Source of the images, as text."""
    if images is None:
        return "the first of the network's own"
    return f"in {images}" if isinstance(images, (str, Path)) else "given as an array"


def _versions() -> dict[str, Any]:
    from ipvae.workflows.reporting.making import versions

    return versions()


def _calls(
    name: str, images: ImagesLike, steps: int, samples: int | None, integers: str, seed: int
) -> dict[str, str]:
    """Python calls that reproduce a report, and that verify the network on its images."""
    network = f'ipvae.load_network("{name}")' if name.endswith(".net") else "network"
    given = f'"{images}"' if isinstance(images, (str, Path)) else "images"
    parts = [network, *([] if images is None else [given]), f"steps={steps}"]
    parts += [] if samples is None else [f"samples={samples}"]
    parts += [] if integers == "input" else [f'integers="{integers}"']
    parts += [f"seed={seed}"] if seed else []
    run = ", ".join(parts)
    return {
        "command": f"ipvae.make_report({run}).save(folder)",
        "verify": f'ipvae.verify({run}, backends=("emulator", "lava"))',
    }
