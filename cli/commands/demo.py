"""`ipvae demo`: the whole toolchain on the digits of scikit-learn."""

import contextlib
import io
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import ipvae
from ipvae.cli.arguments import with_options
from ipvae.cli.output import JsonOption, emit, note, show, write_json
from ipvae.errors import IpvaeError
from ipvae.signals import came
from ipvae.streams import write_error
from ipvae.workflows.output.outputs import DEMO_MARK
from ipvae.workflows.output.printing import printable
from ipvae.workflows.results import Result

SAMPLES, STEPS = 16, 128
MOMENTS = (16, 64, 256)
"""Steps of the evaluation."""


@dataclass(frozen=True)
class Stage:
    """One stage of the demo.

    Attributes
    ----------
    words : list of str
        Equivalent command, as a user types it after `ipvae`.
    run : callable
        Runs the stage, prints its result and writes JSON to the given file; returns True if all
        checks pass.
    """

    words: list[str]
    run: Callable[[str], bool]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for run/, net.h5 and report/.")],
    json: JsonOption = None,
) -> None:
    """Train on digits, turn into integers, run on Lava, compare bit for bit, count."""
    from ipvae.workflows.output.files import require_writable_folder

    results = out / "results"
    require_writable_folder(results)
    mark = str(results / DEMO_MARK)
    write_json({"ok": False, "failed": [], "stages": [], "out": str(out)}, mark)
    failed: list[str] = []
    done: list[str] = []
    chain = stages(out)
    for stage in chain:
        name = stage.words[0]
        note(f"\n[{len(done) + 1}/{len(chain)}] ipvae {' '.join(stage.words)}")
        done.append(name)
        if not succeeds(stage, results / f"{name}.json", text=json != "-"):
            failed.append(name)
            break
    result = {"ok": not failed, "failed": failed, "stages": done, "out": str(out)}
    text = (
        f"\nFAILED: ipvae {failed[0]}"
        if failed
        else f"\ndone: {out}/run/ (model), {out}/net.h5 (network), {out}/report/index.html (page), "
        f"{results}/ (every result as JSON)"
    )
    write_json(result, mark)
    emit(result, json, text)
    raise typer.Exit(1 if failed else 0)


def succeeds(stage: Stage, target: Path, *, text: bool) -> bool:
    """Run a stage, with its text on stdout if requested and its errors on stderr."""
    with contextlib.nullcontext() if text else contextlib.redirect_stdout(io.StringIO()):
        try:
            return stage.run(str(target))
        except IpvaeError as error:
            write_error(f"ipvae: {printable(with_options(str(error)))}")
            return False


def stages(out: Path) -> list[Stage]:
    """Stages of the demo, in order."""
    run, net, page = out / "run", out / "net.h5", out / "report"
    extent = ["--samples", str(SAMPLES), "--steps", str(STEPS)]
    moments = ",".join(map(str, MOMENTS))

    def train(target: str) -> bool:
        from ipvae.workflows.train import train as run_training
        from ipvae.workflows.training.request import TrainingRequest

        request = TrainingRequest({"preset": "digits"}, out=run, overwrite=True)
        stopping = contextlib.nullcontext(lambda: came() is not None)  # the demo reports it itself
        return shown(run_training(request, stop=stopping), target)

    def verify(target: str) -> bool:
        found = ipvae.verify(ipvae.load_network(net), samples=SAMPLES, steps=STEPS)
        return shown(found, target, holds=found.holds)

    def check(target: str) -> bool:
        found = ipvae.check(ipvae.load_network(net))
        return shown(found, target, holds=found.ok, listed_by="--json -")

    def make_report(target: str) -> bool:
        verified = ["verify", str(net), "--backends", "emulator,lava", *extent, "--seed", "0"]
        seeded = ["report", str(net), "--out", "DIR", *extent, "--seed", "0", "--verify", "lava"]
        found = ipvae.make_report(
            net,
            steps=STEPS,
            samples=SAMPLES,
            verify="lava",
            folder=page,
            commands={"command": typed(seeded), "verify": typed(verified)},
        )
        found.save()
        return shown(found, target, holds=found.bit_exact is not False)

    return [
        Stage(["train", "--preset", "digits", "--out", str(run), "--overwrite"], train),
        Stage(
            ["evaluate", str(run), "--steps", moments, "--probe"],
            lambda target: shown(ipvae.evaluate(run, steps=MOMENTS, probe=True), target),
        ),
        Stage(
            ["export", str(run), "--out", str(net)],
            lambda target: shown(ipvae.quantize(run).save(net, overwrite=True), target),
        ),
        Stage(["check", str(net)], check),
        Stage(["verify", str(net), *extent], verify),
        Stage(["report", str(net), "--out", str(page), *extent, "--verify", "lava"], make_report),
    ]


def shown(result: Result, target: str, *, holds: bool = True, **names: str) -> bool:
    """Show the result of a stage, and return whether the stage succeeded."""
    show(result, target, **names)
    return holds


def typed(words: list[str]) -> str:
    """Return a command as a user types it."""
    return shlex.join(["ipvae", *words])
