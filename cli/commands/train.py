"""`ipvae train`: train and save a model; --resume continues an interrupted training."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from ipvae.cli.arguments import OPTIONS, naming
from ipvae.cli.options.inputs import DataDirOption, chosen_from
from ipvae.cli.output import JsonOption, settings, show
from ipvae.errors import DivergenceError, InputError, IpvaeError, StoppedError, TeamError
from ipvae.signals import StopRequest
from ipvae.workflows.output.outputs import UNFINISHED

MODEL_HELP = (
    "Kind of model: ipvae, igvae, igrelu, iavae, conv-ipvae (iterative); pvae, gvae, grelu with "
    "-linear, -mlp or -conv (amortized)."
)
FILES = "FILE.npy|FILE.npz|DIR"
FILMS = ("mnist-rotate", "mnist-jitter", "photographs-jitter")
PRESETS_OWN = "the preset's"
"""Text shown as the default of a setting that depends on the preset."""
PRESETS = ("digits", "patches", "mnist", "photographs", "mnist-conv", *FILMS)
SET = (
    *("activity_price", "average_fraction", "batch_size", "clamp_end", "clamp_start"),
    *("dictionary_rate", "draws", "final_rate", "first_steps", "frames", "grad_clip"),
    *("growth_fraction", "kernel_size", "kl", "largest_load", "motion", "precision"),
    *("ramp_fraction", "ramp_hold", "relaxation", "rounding_rate", "step_size", "stride"),
    *("temperature_end", "temperature_fraction", "temperature_start", "warmup_fraction"),
    "weight_decay",
)
"""Settings that have no separate option."""
NAMES = {**OPTIONS, **{name: f"--set {name}=" for name in SET}, "model": "--model"}
NAMES["settings"] = "--set"


def setting(metavar: str, help: str, default: str = PRESETS_OWN) -> Any:
    """Option of a setting; its default is shown as the preset's unless `default` is given."""
    return typer.Option(metavar=metavar, help=help, show_default=default)


def train(
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder for the trained model.")],
    preset: Annotated[
        str | None,
        typer.Option(
            help="Data set and settings.",
            show_default="none, with --images",
            **chosen_from(*PRESETS),
        ),
    ] = None,
    model: Annotated[str | None, setting("KIND", MODEL_HELP, "ipvae")] = None,
    steps: Annotated[
        int | None,
        setting("T", "Updates unrolled in training; amortized: 1."),
    ] = None,
    latents: Annotated[int | None, setting("K", "Neurons.")] = None,
    beta: Annotated[float | None, setting("B", "Weight of the KL term.")] = None,
    epochs: Annotated[int | None, setting("N", "Passes over the training images.")] = None,
    learning_rate: Annotated[float | None, setting("X", "Largest one of Adamax.")] = None,
    seed: Annotated[int | None, setting("N", "Seed of everything random.", "0")] = None,
    weight_bits: Annotated[
        int | None,
        setting("N", "Train for recurrent weights of this many bits (2-8); 0: do not round.", "0"),
    ] = None,
    threads: Annotated[int | None, setting("N", "CPU threads that share a batch.")] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting, such as relaxation=eat-cubic.",
            show_default=PRESETS_OWN,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Where it is trained.", show_default="cpu", **chosen_from("cpu", "cuda", "mps")
        ),
    ] = None,
    data_dir: DataDirOption = None,
    images: Annotated[
        Path | None,
        setting(FILES, "Images of your own, not a preset's: an array, or a folder of pictures."),
    ] = None,
    test_images: Annotated[
        Path | None,
        setting(
            FILES,
            "Held-out images of your own.",
            "one of ten of --images, at most 500, by the seed",
        ),
    ] = None,
    image_shape: Annotated[
        str | None,
        setting(
            "HxW", "Height and width of flat images, or to bring pictures to.", "as the images are"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the training in OUT, to the same bits.")
    ] = False,
    init_from: Annotated[
        Path | None,
        setting(
            "MODEL", "Begin with the weights of a model or an unfinished training.", "new weights"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model, or give up a training, in OUT.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write OUT/tensorboard/ too.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw OUT/pictures/ at the end.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Train a model and save it as OUT/model.safetensors and OUT/model.json.

    OUT/metrics.jsonl gets a line for each epoch. OUT/resume.safetensors is the state of the
    training, kept until the model is saved.
    """
    from ipvae.workflows.train import train as run_training
    from ipvae.workflows.training.request import TrainingRequest, settings_from_text

    given = {
        "preset": preset,
        "model": model,
        "latents": latents,
        "steps": steps,
        "beta": beta,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
        "threads": threads,
        "weight_bits": weight_bits,
    }
    stop, texts = StopRequest(), pairs(settings_given or [])
    settings.advice = {out / UNFINISHED: f"continue with: {resuming(out)}"}
    with naming(NAMES):
        request = TrainingRequest(
            settings_from_text(given, texts),
            images=images,
            test_images=test_images,
            image_shape=image_shape,
            data_dir=data_dir,
            out=out,
            resume=resume,
            overwrite=overwrite,
            init_from=init_from,
            device=device,
            tensorboard=tensorboard,
            pictures=pictures,
        )
        try:
            trained = run_training(request, stop=stop.listening())
        except IpvaeError as error:
            shown = as_shown(error, out, stop)
            if shown is error:
                raise
            raise shown from error
    if trained.first:
        show(trained, json)


def pairs(texts: list[str]) -> dict[str, str]:
    """Parse the values of --set to names and values."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set: found '{text}', allowed is NAME=VALUE, such as kl=exact")
        if name in found:
            raise InputError(f"--set: '{name}' was given twice; give it once")
        found[name] = value
    return found


def resuming(out: Path) -> str:
    """Return the command that continues a training."""
    return f"ipvae train --resume --out {shlex.quote(str(out))}"


def as_shown(error: IpvaeError, out: Path, stop: StopRequest) -> Exception:
    """Return the error of a training as the command reports it."""
    from ipvae.workflows.train import is_first_process

    if isinstance(error, StoppedError):
        stopped = InputError(f"{error}; continue with: {resuming(out)}")
        stopped.exit_status = 128 + stop.number
        return stopped
    if not is_first_process():
        if isinstance(error, DivergenceError):
            return typer.Exit(1)  # the first process reports it
        if isinstance(error, TeamError) and stop.number:
            return typer.Exit(128 + stop.number)  # all got the signal; the first reports it
    return error
