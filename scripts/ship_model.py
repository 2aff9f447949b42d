"""Put a trained model into models/NAME in half precision, with its figures.

    python scripts/ship_model.py RUN NAME [--data-dir DIR] [--steps 16,100,500,1000] [FLAGS]

Writes model.safetensors, model.json and evaluation.json: what `ipvae evaluate` says of all test
images with FLAGS (such as --probe), and of the first ones, which the tests evaluate again
(`check`); the latter for the model in single precision too, to show what rounding costs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ipvae.float_models.checkpoint import load_checkpoint, save_checkpoint
from ipvae.float_models.config import dumps

ROOT = Path(__file__).resolve().parent.parent
CHECK = ("--samples", "200", "--steps", "256")


def evaluate(model: Path, *words: str) -> dict[str, Any]:
    """Return what `ipvae evaluate MODEL ... --json` gives."""
    script = Path(sys.executable).parent / "ipvae"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "result.json"
        subprocess.run(
            [str(script), "evaluate", str(model), *words, "--json", str(target)], check=True
        )
        return json.loads(target.read_text())


def main() -> None:
    """Round, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data-dir")
    parser.add_argument("--steps", default="16,100,500,1000")
    given, flags = parser.parse_known_args()
    out = ROOT / "models" / given.name
    data = ("--data-dir", given.data_dir) if given.data_dir else ()
    save_checkpoint(out, load_checkpoint(given.run), half=True)
    if (given.run / "metrics.jsonl").is_file():
        shutil.copy(given.run / "metrics.jsonl", out / "metrics.jsonl")
    words = ("--steps", given.steps, *flags)
    found = {
        "words": list(words),
        "result": evaluate(out, *words, *data),
        "check": {
            "words": list(CHECK),
            "half": evaluate(out, *CHECK, *data),
            "single": evaluate(given.run, *CHECK, *data),
        },
    }
    (out / "evaluation.json").write_text(dumps(found))


if __name__ == "__main__":
    main()
