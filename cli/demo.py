"""`ipvae demo`: the whole chain on images that scikit-learn ships."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.check import check
from ipvae.cli.evaluate import evaluate
from ipvae.cli.export import export
from ipvae.cli.output import JsonOption, emit, note
from ipvae.cli.report import report
from ipvae.cli.train import train
from ipvae.cli.verify import verify
from ipvae.network.atomic import require_writable_folder

SAMPLES, STEPS = 16, 128


def demo(
    out: Annotated[Path, typer.Option(help="Folder for run/, net.h5 and report/.")],
    json: JsonOption = None,
) -> None:
    """Train on digits, turn into integers, run on Lava, compare bit for bit, count."""
    require_writable_folder(out)
    run, net, results = out / "run", out / "net.h5", out / "results"
    require_writable_folder(results)
    stages = {
        "train": lambda to: train("digits", run, json=to),
        "evaluate": lambda to: evaluate(run, steps="16,64,256", probe=True, json=to),
        "export": lambda to: export(run, net, json=to),
        "check": lambda to: check(net, json=to),
        "verify": lambda to: verify(net, samples=SAMPLES, steps=STEPS, json=to),
        "report": lambda to: report(net, out / "report", samples=SAMPLES, steps=STEPS, json=to),
    }
    failed = []
    for number, (name, stage) in enumerate(stages.items(), start=1):
        note(f"\n[{number}/{len(stages)}] {name}")
        try:
            stage(str(results / f"{name}.json"))
        except typer.Exit as done:
            if done.exit_code:
                failed.append(name)
    result = {"ok": not failed, "failed": failed, "out": str(out), "stages": list(stages)}
    files = f"{run}/ (model), {net} (network), {out / 'report'}/ (counts), {results}/ (JSON)"
    text = f"FAILED: {', '.join(failed)}" if failed else f"\ndone: {files}"
    emit(result, json, text)
    raise typer.Exit(1 if failed else 0)
