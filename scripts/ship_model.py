"""Write a trained model into models/NAME in half precision, with its evaluation.

    python scripts/ship_model.py RUN NAME [--data-dir DIR] [--steps 16,100,500,1000] [FLAGS]

Writes model.safetensors, model.json and evaluation.json. The last has the result of
`ipvae.evaluate` for all test images with FLAGS (such as --probe), and for the first ones, which the
tests evaluate again (`check`). `check` also has the single-precision model, to show the effect of
rounding. `words` are the options of `ipvae evaluate` that give the same values.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import ipvae
from ipvae.float_models.checkpoint import save_checkpoint
from ipvae.float_models.config import dumps

ROOT = Path(__file__).resolve().parent.parent
CHECK_IMAGES, CHECK_STEPS = 200, 256
FLAGS = ("probe", "neighbours", "dimensionality", "sparsity")


def evaluation(
    model: Path, shipped: Path, steps: list[int], data_dir: str | None, flags: list[str]
) -> dict[str, Any]:
    """Return the contents of evaluation.json: JSON data.

    Parameters
    ----------
    model, shipped : folders of the model in single and in half precision
    steps : numbers of updates to evaluate
    data_dir : folder of the model's data set, if required
    flags : some of FLAGS
    """

    def checked(folder: Path) -> dict[str, Any]:
        found = ipvae.evaluate(folder, steps=CHECK_STEPS, samples=CHECK_IMAGES, data_dir=data_dir)
        return found.to_json()

    wanted: dict[str, Any] = dict.fromkeys(flags, True)
    result = ipvae.evaluate(shipped, steps=steps, data_dir=data_dir, **wanted)
    return {
        "words": ["--steps", ",".join(map(str, steps)), *(f"--{flag}" for flag in flags)],
        "result": result.to_json(),
        "check": {
            "words": ["--samples", str(CHECK_IMAGES), "--steps", str(CHECK_STEPS)],
            "half": checked(shipped),
            "single": checked(model),
        },
    }


def main() -> None:
    """Round the model, evaluate it, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data-dir")
    parser.add_argument("--steps", default="16,100,500,1000")
    for flag in FLAGS:
        parser.add_argument(f"--{flag}", action="store_true")
    given = parser.parse_args()
    flags = [flag for flag in FLAGS if getattr(given, flag)]
    steps = [int(step) for step in given.steps.split(",")]
    out = ROOT / "models" / given.name
    save_checkpoint(out, ipvae.load_model(given.run), half=True)
    if (given.run / "metrics.jsonl").is_file():
        shutil.copy(given.run / "metrics.jsonl", out / "metrics.jsonl")
    found = evaluation(given.run, out, steps, given.data_dir, flags)
    (out / "evaluation.json").write_text(dumps(found))


if __name__ == "__main__":
    main()
