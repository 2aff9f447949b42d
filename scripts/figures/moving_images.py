"""Results of docs/moving_images.md: networks on films, with the state kept or reset at every frame.

    python scripts/figures/moving_images.py models/mnist --data-dir DIR
    python scripts/figures/moving_images.py models/patches
    python scripts/figures/moving_images.py RUN --data-dir DIR

RUN is a model trained on films (presets mnist-rotate, mnist-jitter, photographs-jitter), or an
amortized P-VAE trained on MNIST, whose frames do not depend on each other.

Results that exist in OUT are not computed again. One picture shows R2 after each update of a frame,
an animated one a film of the network with a start, which is reset at every frame.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from kept import kept

import ipvae
from ipvae.network.description import IntNetwork
from ipvae.report.numbers import fit, thousands
from ipvae.workflows.image_input.images import preset_images

FILMS, FRAMES, SEED = 64, 20, 2026
UPDATES = (1, 2, 4, 8, 16)
SHOWN = 3
"""Film of the animated picture."""
KEEP_ANYTHING = 1e9
WINDOW = 56
"""Sides of the parts of photographs in which a crop moves."""
START = {
    "start": "affine",
    "start_threshold": 0.5,
    "start_margin": 2.0,
    "step_scale": 3.0,
    "inhibition_scale": 0.25,
}
WITHOUT_CHANGES: dict[str, dict[str, Any]] = {"as trained": {}}
ON_FILMS = ("mnist-rotate", "mnist-jitter", "photographs-jitter")
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": {
        "as trained": {},
        "start, step x 3": START,
        "LCA 0.05": {"inference": "lca", "threshold": 0.05},
        "LCA 0.1": {"inference": "lca", "threshold": 0.1},
    },
    "patches": {
        "as trained": {},
        "start, step x 2": {"start": "affine", "step_scale": 2.0},
        "LCA 0.05": {"inference": "lca", "threshold": 0.05},
        "LCA 0.2": {"inference": "lca", "threshold": 0.2},
    },
}


def films_of(preset: str, data_dir: str | None) -> dict[str, np.ndarray]:
    """Films by name, (films, frames, ...) pixel levels."""
    if preset in ("patches", "photographs-jitter"):
        return {"jitter": moving_patches()}
    pixels = preset_images(preset, data_dir).test_pixels[:FILMS].astype(np.int16)
    options: dict[str, Any] = {"frames": FRAMES, "seed": SEED}
    side = round(pixels.shape[1] ** 0.5)
    stills = pixels.reshape(-1, side, side)
    return {
        "rotation, 8 degrees": ipvae.film(stills, motion="rotate", **options),
        "rotation, 2 degrees": ipvae.film(stills, motion="rotate", degrees=2.0, **options),
        "jitter": ipvae.film(stills, motion="jitter", **options),
    }


def moving_patches() -> np.ndarray:
    """Crops that move in whitened photographs, from the strips of the test patches."""
    from ipvae.train.datasets import patches

    found, rng = [], np.random.default_rng(SEED)
    strips = [
        np.array_split(patches.whiten(p), patches.STRIPS, axis=1) for p in patches.photographs()
    ]
    held_out = [strip[i] for strip in strips for i in patches.HELD_OUT]
    wide = [strip for strip in held_out if min(strip.shape) >= WINDOW]
    for f in range(FILMS):
        strip = wide[f % len(wide)]
        top, left = (int(rng.integers(0, n - WINDOW + 1)) for n in strip.shape)
        found.append(strip[top : top + WINDOW, left : left + WINDOW])
    moved = ipvae.film(
        np.stack(found),
        motion="jitter",
        frames=FRAMES,
        seed=SEED,
        size=(patches.SIZE, patches.SIZE),
    )
    flat = moved.reshape(FILMS * FRAMES, -1)
    return patches.to_pixels(flat).reshape(FILMS, FRAMES, -1)


def name_of(model: Any) -> str:
    """Name of files: the preset, and the kind of other models."""
    return model.data.preset if model.model == "ipvae" else f"{model.data.preset}-{model.model}"


def evaluated(
    path: Path, network: IntNetwork, film: np.ndarray, steps: int, *, reset: bool
) -> dict[str, Any]:
    """One evaluation, from a file where it exists."""
    return kept(
        path,
        lambda: ipvae.evaluate_film(network, film, steps=steps, seed=SEED, reset=reset),
    )


def results(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Evaluations of every variant, film, number of updates, and state kept or reset."""
    model = ipvae.load_model(chosen.model)
    preset, name = model.data.preset, name_of(model)
    films, found = films_of(preset, chosen.data_dir), []
    plain = preset in ON_FILMS or model.model != "ipvae"
    variants = WITHOUT_CHANGES if plain else VARIANTS.get(preset, VARIANTS["mnist"])
    chosen.out.mkdir(parents=True, exist_ok=True)
    for number, (variant, options) in enumerate(variants.items()):
        file = chosen.out / f"{name}-{number}.h5"
        if not file.exists():
            ipvae.quantize(
                chosen.model, data_dir=chosen.data_dir, most_loss=KEEP_ANYTHING, **options
            ).network.save(file)
        network = ipvae.load_network(file)
        assert isinstance(network, IntNetwork)
        for f, (motion, film) in enumerate(films.items()):
            for steps in UPDATES:
                for reset in (False, True):
                    path = chosen.out / f"{name}-{number}-{f}-{steps}-{int(reset)}.json"
                    one = evaluated(path, network, film, steps, reset=reset)
                    found.append({"network": variant, "film": motion, **one})
    return found


def curve_of(of: dict[str, Any]) -> str:
    """Key of R2 by update: of averaged counts, or of the last output of LCA, without draws."""
    return "r2_by_update" if of["network"].startswith("LCA") else "averaged_by_update"


def band(ends: list[float] | None, scale: float) -> str:
    """A band as text."""
    return "-" if ends is None else " to ".join(f"{end * scale:.3g}" for end in ends)


def table(found: list[dict[str, Any]]) -> str:
    """Rows of a Markdown table."""
    head = ["film", "network", "updates", "state", "R2, drawn", "R2, averaged", "updates to R2 .9"]
    head += ["synaptic ops a frame", "products: drive, start", "Loihi 2, us", "dynamic energy, uJ"]
    head += ["static energy, uJ", "Jetson, int8, us", "its energy, uJ"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for of in found:
        first = 0 if of["reset"] else 1
        curve = np.array(of[curve_of(of)])
        below = np.flatnonzero(curve < 0.9)
        reached = int(below[-1]) + 2 if len(below) else 1
        chip = of["headline"]
        jetson = [
            next(row for row in of[key] if "Jetson" in row["chip"] and row["model"] == "dense int8")
            for key in ("time", "energy")
        ]
        cells = [
            of["film"],
            of["network"],
            str(of["steps"]),
            "reset" if of["reset"] else "kept",
            fit(float(np.mean(of["r2"][first:]))),
            fit(float(np.mean(of["r2_averaged"][first:]))),
            str(reached) if reached <= of["steps"] else "-",
            thousands(of["counts"]["synaptic_ops"]),
            thousands(of["counts"]["drive_macs"]),
            band(chip["latency_s"], 1e6),
            band(chip["energy_j"].get("dynamic"), 1e6),
            band(chip["energy_j"].get("static"), 1e6),
            band([jetson[0]["low_s"], jetson[0]["high_s"]], 1e6),
            band([jetson[1]["low_j"], jetson[1]["high_j"]], 1e6),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw R2 after each update of a frame, for each film."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    longest = [of for of in found if of["steps"] == UPDATES[-1]]
    films = list(dict.fromkeys(of["film"] for of in found))
    names = list(dict.fromkeys(of["network"] for of in found))
    figure, axes = pyplot.subplots(
        1, len(films), figsize=(1.5 + 3.5 * len(films), 3.8), sharey=True, squeeze=False
    )
    for axis, film in zip(axes[0], films, strict=True):
        for of in (of for of in longest if of["film"] == film):
            colour = f"C{names.index(of['network'])}"
            label = f"{of['network']}, {'reset' if of['reset'] else 'kept'}"
            axis.plot(
                range(1, of["steps"] + 1),
                of[curve_of(of)],
                color=colour,
                linestyle=":" if of["reset"] else "-",
                label=label,
            )
        axis.set(title=film, xlabel="updates since the frame", ylim=(0.4, 1.0))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("R2")
    axes[0][-1].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Compute what is missing; print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("build/moving_images"), metavar="DIR")
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures"), metavar="DIR")
    chosen = parser.parse_args()
    found = results(chosen)
    print(table(found))
    model = ipvae.load_model(chosen.model)
    name = name_of(model)
    draw(found, chosen.pictures / f"moving_{name}.png")
    if len({of["network"] for of in found}) == 1:
        return
    film = next(iter(films_of(model.data.preset, chosen.data_dir).values()))[SHOWN]
    network = chosen.out / f"{name}-1.h5"
    picture = chosen.pictures / f"film_{name}.png"
    ipvae.draw_film(ipvae.load_network(network), film, picture, steps=8, seed=SEED, reset=True)


if __name__ == "__main__":
    main()
