"""`ipvae run` and `report` of a lava-dl network."""

from pathlib import Path

from ipvae.cli.output import show
from ipvae.workflows import lava_dl
from ipvae.workflows.networks import load_lava_dl


def run_plain_net(
    net: Path,
    backend: str,
    samples: int,
    steps: int,
    seed: int,
    timeout: float,
    images: Path | None,
    json: str | None,
    refused: dict[str, object],
    integers: str = "input",
    labels: Path | None = None,
) -> None:
    """Run images on Lava and count the operations of each layer; `refused`: see `_network`."""
    lava_dl.require_backend(backend)
    network = _network(net, refused)
    result = lava_dl.run(
        network,
        images,
        steps=steps,
        seed=seed,
        samples=samples,
        timeout=timeout,
        integers=integers,
        labels=labels,
        name=str(net),
    )
    show(result, json, network=str(net))


def report_plain_net(
    net: Path,
    out: Path,
    samples: int,
    steps: int,
    seed: int,
    images: Path | None,
    json: str | None,
    refused: dict[str, object],
    integers: str = "input",
) -> None:
    """Count the operations of a run and model its energy. For `refused` see `_network`."""
    network = _network(net, refused)
    made = lava_dl.report(
        network,
        images,
        steps=steps,
        seed=seed,
        samples=samples,
        out=out,
        integers=integers,
        name=str(net),
    )
    show(made, json)


def _network(net: Path, refused: dict[str, object]) -> lava_dl.PlainNetwork:
    """Read a network; raise InputError for an option that applies only to ipvae networks."""
    network = load_lava_dl(net)
    lava_dl.require_unset(refused, str(net))
    return network
