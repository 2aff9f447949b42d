"""NIR on the command line: `ipvae export MODEL --out NET.nir` and `ipvae import NET.nir`."""

from pathlib import Path

import typer

from ipvae import __version__
from ipvae.cli.output import emit
from ipvae.export.options import ExportOptions
from ipvae.network.atomic import require_writable_file
from ipvae.network.errors import InputError

TAKEN = {
    "export": ("model", "out", "json", "inference", "threshold"),
    "import": ("source", "out", "json"),
}
"""Parameters of the two commands that go with NIR; the others quantize, or describe arrays."""


def require_no_others(context: typer.Context, command: str, path: Path) -> None:
    """Refuse options that were given and that mean nothing for NIR."""
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in TAKEN[command] and _given(context, name)
    ]
    if given:
        kept = {
            "export": "NIR holds real numbers, and nothing is quantized or calibrated",
            "import": "the file says it itself",
        }
        raise InputError(f"{', '.join(given)}: not with {path}: {kept[command]}; leave it away")


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def export_nir(
    model: Path, out: Path, inference: str, threshold: float | None, json: str | None
) -> None:
    """Write a model, or LCA on its dictionary, as NIR, and say what is lost."""
    from ipvae.export.nir_file import write_nir
    from ipvae.float_models.checkpoint import load_checkpoint

    require_writable_file(out)
    checkpoint = load_checkpoint(model)
    options = ExportOptions.of(checkpoint, str(model), inference=inference, threshold=threshold)
    lca = options.threshold if inference == "lca" else None
    graph = write_nir(out, checkpoint, lca, f"ipvae-loihi {__version__}")
    nodes = {name: type(node).__name__ for name, node in graph.nodes.items()}
    result = {
        "graph": str(out),
        "model": checkpoint.model,
        "inference": inference,
        "nodes": nodes,
        "edges": [list(edge) for edge in graph.edges],
        "lost": list(graph.lost),
    }
    drawn = ", ".join(f"{name} ({kind})" for name, kind in nodes.items())
    lines = [f"wrote {out}: NIR nodes {drawn}"]
    lines += ["what another tool does not get from them (ipvae import reads all of it back):"]
    emit(result, json, [*lines, *(f"  {line}" for line in graph.lost)])


def import_nir(source: Path, out: Path, json: str | None) -> None:
    """Read a model back from a file of NIR that ipvae wrote."""
    from ipvae.export.nir_file import read_nir
    from ipvae.float_models.checkpoint import save_checkpoint

    checkpoint, threshold = read_nir(source)
    saved = save_checkpoint(out, checkpoint)
    result = {
        "model": str(saved),
        "pixels": checkpoint.n_pixels,
        "neurons": checkpoint.n_latents,
        "data": checkpoint.data.preset,
        "inference": "model" if threshold is None else "lca",
    }
    text = f"saved {saved}: {checkpoint.n_pixels} pixels, {checkpoint.n_latents} neurons"
    if threshold is not None:
        result["threshold"] = threshold
        text += f"; it was exported with --inference lca --threshold {threshold:g}"
    emit(result, json, text)
