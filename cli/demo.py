"""`ipvae demo`: the whole chain on images that scikit-learn ships."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.output import JsonOption, emit, note, settings
from ipvae.files import require_writable_folder

SAMPLES, STEPS = 16, 128


def demo(
    out: Annotated[Path, typer.Option(help="Folder for run/, net.h5 and report/.")],
    json: JsonOption = None,
) -> None:
    """Train on digits, turn into integers, run on Lava, compare bit for bit, count."""
    results = out / "results"
    require_writable_folder(results)
    failed: list[str] = []
    done: list[str] = []
    for words in stages(out):
        name = words[0]
        note(f"\n[{len(done) + 1}/{len(stages(out))}] ipvae {' '.join(words)}")
        status = run_stage([*words, "--json", str(results / f"{name}.json")], show=json != "-")
        done.append(name)
        if status != 0:
            failed.append(name)
            break
    result = {"ok": not failed, "failed": failed, "stages": done, "out": str(out)}
    text = (
        f"\nFAILED: ipvae {failed[0]}"
        if failed
        else f"\ndone: {out}/run/ (model), {out}/net.h5 (network), {out}/report/index.html (page), "
        f"{results}/ (every result as JSON)"
    )
    emit(result, json, text)
    raise typer.Exit(1 if failed else 0)


def stages(out: Path) -> list[list[str]]:
    """Commands of the chain, as a user types them after `ipvae`."""
    run, net = str(out / "run"), str(out / "net.h5")
    extent = ["--samples", str(SAMPLES), "--steps", str(STEPS)]
    return [
        ["train", "--preset", "digits", "--out", run, "--overwrite"],
        ["evaluate", run, "--steps", "16,64,256", "--probe"],
        ["export", run, "--out", net],
        ["check", net],
        ["verify", net, *extent],
        ["report", net, "--out", str(out / "report"), *extent, "--verify", "lava"],
    ]


def run_stage(words: list[str], show: bool) -> int:
    """Run a command in a process of its own; return its exit status."""
    flags = ["--quiet"] if settings.quiet else []
    command = [sys.executable, "-m", "ipvae.cli.main", *flags, *words]
    sys.stdout.flush()
    return subprocess.run(
        command, stdout=None if show else subprocess.DEVNULL, check=False
    ).returncode
