"""`ipvae train`: fit a model and save it; stopped at any moment, it goes on with --resume."""

import os
import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ipvae.cli.inputs import DataDirOption
from ipvae.cli.output import JsonOption, emit, note, require_json_target, settings
from ipvae.cli.signals import signals_as_wish
from ipvae.network.atomic import require_writable_folder
from ipvae.network.errors import InputError
from ipvae.report.numbers import percent
from ipvae.workflows.images import preset_images
from ipvae.workflows.pictures import FOLDER, draw_run, require_matplotlib, require_pictures

if TYPE_CHECKING:
    from ipvae.float_models.config import TrainConfig
    from ipvae.train.data import Images
    from ipvae.train.resume import Unfinished
    from ipvae.train.team import Team


MODEL_HELP = (
    "Kind of model, ipvae if not given: ipvae, igvae, igrelu, iavae (iterative); "
    "pvae, gvae, grelu with -linear, -mlp or -conv (amortized)."
)


def train(
    out: Annotated[Path, typer.Option(help="Folder for the trained model.")],
    preset: Annotated[
        str | None, typer.Option(help="Data set and settings: digits, patches or mnist.")
    ] = None,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    steps: Annotated[
        int | None, typer.Option(help="Updates unrolled in training (T); amortized: 1.")
    ] = None,
    latents: Annotated[int | None, typer.Option(help="Neurons (K).")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of the KL term.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Largest one of Adamax.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    weight_bits: Annotated[
        int | None,
        typer.Option(help="Train for recurrent weights of so many bits (2-8); 0: do not round."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads that share a batch.")] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other setting, such as relaxation=eat-cubic."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; without it cpu.")] = None,
    data_dir: DataDirOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in OUT, to the same bits.")
    ] = False,
    init_from: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="Begin with the weights of a model or an unfinished training."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Give up an unfinished training in OUT.")
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
    given = with_settings(given, settings_given or [])
    options = {"device": device, "data_dir": data_dir and str(data_dir.resolve())}
    if resume and overwrite:
        raise InputError("--resume and --overwrite: give one of them")
    if resume and init_from is not None:
        raise InputError("--resume and --init-from: give one of them")
    from ipvae.train.files import sole_writer
    from ipvae.train.metrics_log import require_tensorboard
    from ipvae.train.team import joined

    if tensorboard:
        require_tensorboard()
    if pictures:
        require_matplotlib()
    with joined() as team:
        # Whether OUT holds an unfinished training is for the first process to ask: it writes.
        begun, images = (
            continued(out, given, options, team.size)
            if resume
            else fresh(
                out,
                given,
                options,
                init_from=init_from,
                overwrite=overwrite or not team.leads,
                processes=team.size,
            )
        )
        if not team.leads:
            return None if begun is None or images is None else helped(begun, images, team)
        if begun is None or images is None:
            return finished(out, given, json, pictures=pictures)
        begun.options["tensorboard"] = tensorboard or begun.options.get("tensorboard", False)
        begun.options["pictures"] = pictures or begun.options.get("pictures", False)
        require_writable_folder(out)
        if begun.options["pictures"]:
            require_pictures(out / FOLDER)
        require_json_target(json)  # it may be in OUT
        with sole_writer(out):
            return trained(out, begun, images, json, team)


def with_settings(given: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    """Add what --set gave to the settings that have an option of their own."""
    from ipvae.float_models.config import SETTABLE, setting_from_text

    given = dict(given)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set: found '{text}', allowed is NAME=VALUE, such as kl=exact")
        if given.get(name) is not None:
            raise InputError(f"--set: '{name}' was given twice; give it once")
        if name not in SETTABLE:
            raise InputError(
                f"--set: no setting '{name}', allowed are {', '.join(sorted(SETTABLE))}"
            )
        given[name] = setting_from_text(name, value)
    return given


def fresh(
    out: Path,
    given: dict[str, Any],
    options: dict[str, Any],
    *,
    init_from: Path | None,
    overwrite: bool,
    processes: int,
) -> "tuple[Unfinished, Images]":
    """Begin a training, unless that would destroy an unfinished one."""
    from ipvae.float_models.config import PRESETS, preset_config
    from ipvae.train.fit import new_model, require_device
    from ipvae.train.resume import NAME, Unfinished, fingerprint, is_unfinished
    from ipvae.train.start import digest, nature_of, state_from, weights_of
    from ipvae.train.state import TrainState

    if given["preset"] is None and init_from is not None:
        given = given | {k: v for k, v in nature_of(init_from).items() if given[k] is None}
    if given["preset"] is None:
        raise InputError(
            f"--preset: missing; allowed are {', '.join(PRESETS)}. Give one (or --resume, which "
            "takes it from the training in --out)."
        )
    config = preset_config(**given)
    if is_unfinished(out) and not overwrite:
        raise InputError(
            f"{out}: holds an unfinished training ({NAME}). Go on with it with --resume, give it "
            "up with --overwrite, or choose another --out."
        )
    options = {**options, "device": "cpu" if options["device"] is None else options["device"]}
    options["processes"] = processes
    require_device(options["device"])
    images = preset_images(config.preset, given_folder(options))
    model = new_model(config, images)
    state = TrainState.first(model)
    if init_from is not None:
        kind, weights = weights_of(init_from, config.weight_bits)
        if kind != config.model:
            raise InputError(
                f"--init-from: {init_from} is of kind {kind}, and the model to train "
                f"{config.model}; begin from one of its own kind, or train --model {kind}"
            )
        if given.get("step_size") is not None:
            raise InputError(
                "--set step_size and --init-from: the weights bring their own; give one of them"
            )
        state = state_from(model, weights, init_from)
        options["start"] = digest(weights)
    return Unfinished(config, fingerprint(images), state, [0.0], options), images


def continued(
    out: Path, given: dict[str, Any], options: dict[str, Any], processes: int
) -> "tuple[Unfinished | None, Images | None]":
    """Take up the training in a folder; none if it is complete."""
    from ipvae.train.fit import require_device
    from ipvae.train.resume import (
        NAME,
        read_unfinished,
        require_same_images,
        require_same_settings,
    )

    begun = read_unfinished(out)
    if begun is None:
        if os.path.exists(out / "model.json"):
            return None, None
        raise InputError(
            f"{out}: holds no unfinished training ({NAME} is not there); --resume needs one. "
            "Begin without --resume, or check --out."
        )
    require_same_settings(begun.config, given, out)
    if processes != begun.options.get("processes", 1):
        raise InputError(
            f"--resume: found {processes} processes, but the training in {out} has "
            f"{begun.options.get('processes', 1)}; only with as many it ends in the same weights. "
            "Start as many by torchrun, or start anew with --overwrite."
        )
    if options["device"] not in (None, begun.options["device"]):
        raise InputError(
            f"--device: found {options['device']}, but the training in {out} is on "
            f"{begun.options['device']}; only there it ends in the same weights. Leave the option "
            "out, or start anew with --overwrite."
        )
    require_device(
        begun.options["device"],
        f"The training in {out} is on it: go on where it is there, or start anew with --overwrite "
        "and --device cpu.",
    )
    if options["data_dir"] is not None:
        begun.options["data_dir"] = options["data_dir"]
    images = preset_images(begun.config.preset, given_folder(begun.options))
    require_same_images(begun, images, out)
    return begun, images


def given_folder(options: dict[str, Any]) -> Path | None:
    """Folder of the data set, if one was given."""
    return None if options["data_dir"] is None else Path(options["data_dir"])


def helped(begun: "Unfinished", images: "Images", team: "Team") -> None:
    """Take this process's part of each batch; the first process saves and shows."""
    from ipvae.export.fake_quantize import rounding_to
    from ipvae.train.errors import DivergenceError, TeamError
    from ipvae.train.fit import fit
    from ipvae.train.team import own_device

    device = own_device(begun.options["device"])
    with signals_as_wish() as wish:
        try:
            fit(
                begun.config,
                images,
                start=begun.state,
                device=device,
                team=team,
                rounding=rounding_to(begun.config.weight_bits),
            )
        except DivergenceError:
            raise typer.Exit(1) from None  # the first process says it
        except TeamError as error:
            if wish.number:  # all were asked to stop, and the first process has
                raise typer.Exit(128 + wish.number) from error
            raise


def trained(
    out: Path, begun: "Unfinished", images: "Images", json: str | None, team: "Team"
) -> None:
    """Train to the end, save the model, show the result."""
    from ipvae.export.fake_quantize import rounding_to
    from ipvae.float_models.checkpoint import save_checkpoint
    from ipvae.train.errors import DivergenceError, StoppedError
    from ipvae.train.fit import fit, to_checkpoint
    from ipvae.train.keeper import Keeper
    from ipvae.train.progress import progress_bar
    from ipvae.train.resume import NAME, discard_unfinished
    from ipvae.train.team import own_device

    config, state = begun.config, begun.state
    note(
        f"training {config.model} on {config.preset}: {len(images.train_pixels)} images, "
        f"{config.latents} neurons, {config.steps} steps, {config.epochs} epochs"
        + (f"; {state.done} optimiser steps are done" if state.done else "")
        + (f"; {team.size} processes" if team.size > 1 else "")
    )
    with signals_as_wish() as wish:
        try:
            with (
                closing(Keeper(out, begun, lambda: wish.number > 0)) as keep,
                progress_bar(quiet=settings.quiet) as show,
            ):
                model, history = fit(
                    config,
                    images,
                    progress=show,
                    keep=keep,
                    start=state,
                    device=own_device(begun.options["device"]),
                    team=team,
                    rounding=rounding_to(config.weight_bits),
                )
        except StoppedError as error:
            folder = shlex.quote(str(out))
            stopped = InputError(f"{error}; go on with: ipvae train --resume --out {folder}")
            stopped.exit_status = 128 + wish.number
            raise stopped from error
        except DivergenceError as error:
            raise DivergenceError(
                f"{error} Add --overwrite to that: the last saved state is kept in {out / NAME}, "
                "and from there --resume diverges again."
            ) from error
        start = begun.options.get("start")
        saved = save_checkpoint(out, to_checkpoint(model, config, images, history, start=start))
        discard_unfinished(out)
    last = history[-1]
    found = result(saved, config, history)
    text = (
        f"saved {saved}: R2 {last['r2']:.3f}, zeros {percent(last['zeros'])} "
        f"after {config.steps} steps on held-out images"
    )
    if begun.options["pictures"]:
        board = begun.options["tensorboard"]
        files = draw_run(out, images, config, last["epoch"], tensorboard=board)
        found["pictures"] = [str(file) for file in files]
        text += f"; pictures in {files[0].parent}"
    emit(found, json, text)


def finished(out: Path, given: dict[str, Any], json: str | None, *, pictures: bool) -> None:
    """Say that the training in a folder is complete, and leave it as it is."""
    from ipvae.float_models.checkpoint import load_checkpoint
    from ipvae.train.resume import require_same_settings

    model = load_checkpoint(out)
    if model.config is None:
        raise InputError(f"{out}: holds a model that was not trained here; choose another --out")
    require_same_settings(model.config, given, out)
    emit(
        result(out / "model.safetensors", model.config, [model.metrics]),
        json,
        f"{out}: this training is complete; it was left as it is"
        + (f"; for pictures: ipvae evaluate {shlex.quote(str(out))} --pictures DIR" * pictures),
    )


def result(saved: Path, config: "TrainConfig", history: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what --json gives; of a training that was complete, history is its last epoch."""
    return {"model": str(saved), "config": config.to_json(), "history": history}
