"""Mutation testing: change one line at a time in a copy of the tree, and list surviving mutants.

.venv/bin/python scripts/mutate.py --room energy --sample 30 --seed 1
.venv/bin/python scripts/mutate.py --files energy/counting/cores.py
.venv/bin/python scripts/mutate.py --only energy/counting/cores.py:56:arithmetic:1
"""

import argparse
import json
import sys
from pathlib import Path

from mutation import rooms, run, survivors
from mutation.mutants import Mutant

ROOT = Path(__file__).resolve().parent.parent
ACCEPTED = ROOT / "tests" / "mutation" / "survivors.md"
KEPT = ROOT / "build" / "mutation" / "reach.json"


def tried(found: list[Mutant], tests: list[str], jobs: int, kept: Path = KEPT) -> list[dict]:
    """Results of each mutant: `mutant`, `outcome`, `by`, number of `tests`, `reason`."""
    accepted = survivors.justified(ACCEPTED)
    results = []
    with run.workers(ROOT, jobs) as ask:
        reach = run.reached(ROOT, tests, kept, ask)
        asked = [run.tests_of(mutant, reach) for mutant in found]
        requests = [run.request(m, t, reach) for m, t in zip(found, asked, strict=True) if t]
        answers = ask(requests)
        for mutant, names in zip(found, asked, strict=True):
            answer = next(answers) if names else {"outcome": "survived", "by": ""}
            if answer["outcome"] == "survived" and survivors.key(mutant) in accepted:
                answer = {"outcome": "justified", "by": accepted[survivors.key(mutant)]}
            results.append({"mutant": mutant, "tests": len(names), **answer})
            print(shown(results[-1]), file=sys.stderr, flush=True)
    return results


def shown(result: dict) -> str:
    """Format a result on one line, with the change for a survivor."""
    mutant = result["mutant"]
    line = f"{result['outcome']:10}{mutant.id}  {result['by']}"
    if result["outcome"] not in ("survived", "no test"):
        return line
    change = f"{mutant.where}: `{mutant.before}` -> `{mutant.after}`"
    return f"{line}{change} ({result['tests']} tests)"


def killed_fraction(results: list[dict]) -> float:
    """Fraction of mutants without justification that are killed by a test, time-outs included."""
    counted = [r for r in results if r["outcome"] != "justified"]
    return sum(r["outcome"] in ("killed", "timed out") for r in counted) / max(len(counted), 1)


def main() -> int:
    """Run with the given options; return 1 if less than 90 % are killed."""
    options = argparse.ArgumentParser(description="Which one-line changes no test notices.")
    options.add_argument("--room", choices=rooms.FILES, action="append", help="default: all")
    options.add_argument("--files", nargs="+", default=[], help="instead of a room's files")
    options.add_argument("--only", nargs="+", default=[], help="mutants, by id")
    options.add_argument("--tests", nargs="+", default=[], help="instead of the rooms' tests")
    options.add_argument("--sample", type=int, default=10**6, help="mutants of each room")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--reach", type=Path, default=KEPT, help="where reach is kept")
    options.add_argument("--json", type=Path)
    options.add_argument("--list", action="store_true", help="list the mutants, try none")
    asked = options.parse_args()
    names = asked.files or sorted({one.split(":")[0] for one in asked.only})
    groups = [tuple(names)] if names else [rooms.FILES[r] for r in asked.room or rooms.FILES]
    found = [m for group in groups for m in run.chosen(ROOT, group, asked.sample, asked.seed)]
    found = [m for m in found if not asked.only or m.id in asked.only]
    if asked.list:
        print(*(f"{m.id} {m.where}: `{m.before}` -> `{m.after}`" for m in found), sep="\n")
        return 0
    in_rooms = [
        r for r, f in rooms.FILES.items() if {m.path for m in found} & set(rooms.files(ROOT, f))
    ]
    asks = tuple(asked.tests) or tuple(t for r in in_rooms for t in rooms.TESTS[r])
    results = tried(found, rooms.files(ROOT, asks, "test_*.py"), asked.jobs, asked.reach)
    for outcome in ("killed", "timed out", "survived", "no test", "justified"):
        print(f"{outcome}: {sum(r['outcome'] == outcome for r in results)}")
    print(f"killed fraction {killed_fraction(results):.3f}")
    if asked.json:
        rows = [{**r, "mutant": r["mutant"].id} for r in results]
        asked.json.write_text(json.dumps(rows, indent=1))
    return int(killed_fraction(results) < 0.9)


if __name__ == "__main__":
    sys.exit(main())
