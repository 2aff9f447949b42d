"""`ipvae train`: fit a model and save it."""

from pathlib import Path
from typing import Annotated

import typer

from ipvae.cli.inputs import DataDirOption, preset_images, training_errors
from ipvae.cli.output import JsonOption, emit, note, settings
from ipvae.network.atomic import require_writable_folder


def train(
    preset: Annotated[str, typer.Option(help="Data set and settings: digits or mnist.")],
    out: Annotated[Path, typer.Option(help="Folder for the trained model.")],
    model: Annotated[str | None, typer.Option(help="Kind of model: ipvae.")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates unrolled in training (T).")] = None,
    latents: Annotated[int | None, typer.Option(help="Neurons (K).")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of the KL term.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Annotated[str, typer.Option(help="A torch device.")] = "cpu",
    data_dir: DataDirOption = None,
    json: JsonOption = None,
) -> None:
    """Train a Poisson VAE and save it as OUT/model.safetensors and OUT/model.json."""
    from ipvae.train.checkpoint import save_checkpoint
    from ipvae.train.config import preset_config
    from ipvae.train.fit import fit, to_checkpoint
    from ipvae.train.progress import progress_bar

    with training_errors():
        config = preset_config(
            preset,
            model=model,
            steps=steps,
            latents=latents,
            beta=beta,
            epochs=epochs,
            seed=seed,
        )
        images = preset_images(preset, data_dir)
        require_writable_folder(out)
        note(
            f"training {config.model} on {preset}: {len(images.train_pixels)} images, "
            f"{config.latents} neurons, {config.steps} steps, {config.epochs} epochs"
        )
        with progress_bar(quiet=settings.quiet) as show:
            trained, history = fit(config, images, progress=show, device=device)
        saved = save_checkpoint(out, to_checkpoint(trained, config, images, history))
    last = history[-1]
    emit(
        {"model": str(saved), "config": config.to_json(), "history": history},
        json,
        f"saved {saved}: R2 {last['r2']:.3f}, zeros {last['zeros']:.1%} "
        f"after {config.steps} steps on held-out images",
    )
