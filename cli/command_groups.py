"""Commands in groups by task. The module of a command is imported only when it runs."""

import inspect
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ipvae.cli.output import settings
from ipvae.cli.outputs import require_outputs_of
from ipvae.workflows.output.outputs import Written
from ipvae.workflows.output.printing import note_names


@dataclass(frozen=True)
class Entry:
    """One command.

    Attributes
    ----------
    home : str
        Module of `ipvae.cli.commands` and its function, separated by a colon.
    summary : str
        First sentence of the function's docstring, for `ipvae --help`.
    examples : tuple of str
        Arguments after `ipvae`.
    """

    home: str
    summary: str
    examples: tuple[str, ...]


GROUPS: dict[str, dict[str, Entry]] = {
    "Make a model": {
        "train": Entry(
            "train:train",
            "Train a model and save it as OUT/model.safetensors and OUT/model.json.",
            ("train --preset digits --out run", "train --preset patches --latents 64 --out run"),
        ),
        "import": Entry(
            "import_arrays:import_model",
            "Import a .pt of IterativeVAE, or phi, sigma, step_size, bias and u0 from an .npz "
            "file.",
            ("import checkpoint.pt --out run", "import net.nir --out run"),
        ),
    },
    "Make a network": {
        "export": Entry(
            "export:export",
            "Quantize a trained model, calibrate it on training images and write the network file.",
            ("export models/patches --out net.h5 --images photographs", "export run --out net.nir"),
        ),
        "resize": Entry(
            "resize:resize",
            "Fit a network of convolutions to images of another size, without training.",
            ("resize net.h5 --size 512x512 --out large.h5",),
        ),
        "check": Entry(
            "check:check",
            "Check weight grid, ranges, payload, neurons and memory; exit 1 if a limit is "
            "exceeded.",
            ("check net.h5", "check net.h5 --target kapoho-point --plan plan.json"),
        ),
    },
    "Run and prove": {
        "run": Entry(
            "run:run",
            "Run images on the emulator, on Lava's CPU simulator or on Loihi 2.",
            ("run net.h5 --steps 64", "run net.h5 --backend lava --samples 2 --trace trace.h5"),
        ),
        "verify": Entry(
            "verify:verify",
            "Compare backends in every variable, neuron, step and image; exit 1 if they differ.",
            ("verify net.h5 --samples 2", "verify net.h5 --trace board.h5"),
        ),
        "certify": Entry(
            "certify:certify",
            "Derive a network's numbers again from its model, by other code; exit 1 if one "
            "differs.",
            ("certify net.h5 --model models/patches", "certify net.h5 --model run --json c.json"),
        ),
        "conformance": Entry(
            "conformance:conformance",
            "Test an implementation of the specification, in any language; exit 1 if it differs.",
            ('conformance --impl "./runner {network} {images} {steps} {seed} {out}"',),
        ),
        "diff": Entry(
            "diff:diff",
            "List the differences between two networks; exit 1 if there are any.",
            ("diff before.h5 after.h5",),
        ),
    },
    "Measure and report": {
        "evaluate": Entry(
            "evaluate:evaluate",
            "Evaluate a trained model (float) or a network file (integers) on test images.",
            ("evaluate net.h5 --steps 16,64,256", "evaluate run --probe"),
        ),
        "compare": Entry(
            "compare:compare",
            "Curves of R2, zeros and accuracy against steps, operations and modelled energy.",
            ("compare net.h5 run --out comparison",),
        ),
        "count": Entry(
            "count:count",
            "Count the operations of a recorded run of any backend and model its energy.",
            ("count net.h5 trace.h5",),
        ),
        "report": Entry(
            "report:report",
            "Count the operations of a run, model its energy, judge its outputs; as a page.",
            ("report net.h5 --out report --verify lava",),
        ),
    },
    "Look and try": {
        "info": Entry(
            "info:info",
            "Describe a network file or a trained model.",
            ("info net.h5", "info run --json -"),
        ),
        "doctor": Entry(
            "doctor:doctor",
            "Report which parts of the toolchain work on this machine, and how to get the others.",
            ("doctor",),
        ),
        "demo": Entry(
            "demo:demo",
            "Train on digits, turn into integers, run on Lava, compare bit for bit, count.",
            ("demo --out demo",),
        ),
    },
}
ENTRIES = {name: entry for group in GROUPS.values() for name, entry in group.items()}


class Command(TyperCommand):
    """Command with examples in its help and a check of its outputs before it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command if its outputs can be written without overwriting other files."""
        settings.command = ctx.info_name
        note_names(ctx.params.values())
        settings.written = Written(require_outputs_of(ctx))
        return super().invoke(ctx)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, one per line."""
        with formatter.section("Examples"):
            for words in ENTRIES[ctx.info_name].examples:
                formatter.write(f"{'':{formatter.current_indent}}ipvae {words}\n")


class Group(TyperGroup):
    """Command groups with full summaries, listed without importing any command."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order in which they are shown."""
        del ctx
        return list(ENTRIES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each group's names and summaries."""
        del ctx
        widest = max(map(len, ENTRIES))
        for title, entries in GROUPS.items():
            with formatter.section(title):
                rows = [(f"{name:{widest}}", entry.summary) for name, entry in entries.items()]
                formatter.write_dl(rows)


class Commands(MutableMapping[str, Any]):
    """Commands by name, each imported on first use."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


def _command(name: str) -> Any:
    module, function = ENTRIES[name].home.split(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command)(getattr(import_module(f"ipvae.cli.commands.{module}"), function))
    return typer.main.get_command(app)


def first_sentence(function: Any) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
