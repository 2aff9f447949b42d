"""Select mutants by seed, run them on two workers, and report survivors."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from mutation import reach, rooms
from mutation.mutants import Mutant, mutants

HERE = Path(__file__).resolve().parent
MOST_CPU_S = 20.0
"""Maximum CPU seconds of tests for one mutant; later tests in the order are omitted."""

Reached = dict[str, dict[str, Any]]
"""By test: `passed`, `seconds`, and `lines` by file (`mutation.reach`)."""


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Compiled copy of the files that git tracks or does not ignore."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tree = Path(folder).resolve()
        for name in found.stdout.splitlines():
            if (root / name).exists():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, tree / name, follow_symlinks=False)
        # By hash, because file and mutant can have the same time stamp.
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        subprocess.run([sys.executable, *compiling], cwd=tree, check=True)
        for cache in root.glob("*/__pycache__/*.nb[ci]"):  # numba's caches, from the same sources
            if (tree / cache.parent.relative_to(root)).exists():
                shutil.copy2(cache, tree / cache.relative_to(root))
        yield tree


class Worker:
    """Process that runs mutants in a tree."""

    def __init__(self, tree: Path) -> None:
        paths = os.pathsep.join([str(tree), str(HERE.parent)])
        env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "mutation.worker"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=tree, env=env, stdin=pipe, stdout=pipe, text=True
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def workers(root: Path, jobs: int) -> Iterator[Callable[[list[dict]], Iterator[dict]]]:
    """Function that distributes requests to `jobs` workers and returns the answers in order."""
    queue: Queue[Worker] = Queue()

    def one(request: dict) -> dict:
        worker = queue.get()
        try:
            return worker.ask(**request)
        finally:
            queue.put(worker)

    with copied(root) as tree:
        trees = [tree, *(tree.with_name(f"{tree.name}-{i}") for i in range(1, jobs))]
        try:
            for other in trees[1:]:
                shutil.copytree(tree, other, symlinks=True)
            for each in trees:
                queue.put(Worker(each))
            with ThreadPoolExecutor(jobs) as pool:
                yield lambda requests: pool.map(one, requests)
            while not queue.empty():
                queue.get().close()
        finally:
            for other in trees[1:]:
                shutil.rmtree(other, ignore_errors=True)


def reached(root: Path, tests: list[str], keep: Path, ask) -> Reached:
    """Lines reached by each test, cached in a file by digests of sources and of the test file."""
    sources = [(root / f).read_bytes() for f in rooms.files(root, rooms.ALL)]
    digest = hashlib.sha256(b"".join(sources)).hexdigest()
    kept = json.loads(keep.read_text()) if keep.exists() else {}

    def name(file: str) -> str:
        return hashlib.sha256(digest.encode() + (root / file).read_bytes()).hexdigest() + file

    new = [file for file in tests if name(file) not in kept]
    requests = [{"what": "reach", "tests": [f], "rooms": rooms.ALL, "cpu_s": 600} for f in new]
    for file, found in zip(new, ask(requests), strict=True):
        kept[name(file)] = found
        print(f"reach of {file}: {len(found)} tests", file=sys.stderr)
        keep.parent.mkdir(parents=True, exist_ok=True)
        keep.write_text(json.dumps(kept))
    return {test: what for file in tests for test, what in kept[name(file)].items()}


def chosen(root: Path, names: tuple[str, ...], sample: int, seed: int) -> list[Mutant]:
    """Sample of the mutants of some files, in the order of their ids."""
    found = [m for f in rooms.files(root, names) for m in mutants(f, (root / f).read_text())]
    kept = random.Random(seed).sample(range(len(found)), min(sample, len(found)))
    return [found[i] for i in sorted(kept)]


def tests_of(mutant: Mutant, found: Reached) -> list[str]:
    """Tests that reach a mutant's lines: tests of the file's module first, then the fastest."""
    own = "/test_" + Path(mutant.path).name
    wanted = set(mutant.lines)

    def asked(test: str, what: dict) -> bool:
        if not what["passed"] or what["seconds"] > reach.SLOW_S:
            return False
        if mutant.path in rooms.UNSEEN:
            return test.split("::", 1)[0] in rooms.UNSEEN[mutant.path]
        lines = what["lines"].get(mutant.path, ())
        return not wanted.isdisjoint(lines) if wanted else bool(lines)

    order = [(own not in t, what["seconds"], t) for t, what in found.items() if asked(t, what)]
    total, names = 0.0, []
    for _, seconds, test in sorted(order):
        total += seconds
        if total > MOST_CPU_S:
            break
        names.append(test)
    return names


def request(mutant: Mutant, tests: list[str], found: Reached) -> dict[str, Any]:
    """Request to a worker for a mutant."""
    fresh = mutant.path in rooms.COMPILED
    cpu_s = (120 if fresh else 15) + 3 * sum(found[test]["seconds"] for test in tests)
    return {
        "what": "trial",
        "path": mutant.path,
        "text": mutant.text,
        "tests": tests,
        "fresh_cache": fresh,
        "cpu_s": cpu_s,
    }
