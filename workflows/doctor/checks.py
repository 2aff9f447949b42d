"""Checks of this machine, one finding each.

Whatever may fail is tried in child processes (`child.py`), side by side, so that the answer comes
in seconds and no broken package can do harm.
"""

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ipvae.workflows.doctor.children import Step, tried
from ipvae.workflows.doctor.diagnosis import BROKEN, MISSING, OK, Finding

PACKAGE = "ipvae-loihi"
PYTHONS = ((3, 10), (3, 13))
LAVA_PYTHON = (3, 10)
NEEDED = {
    "numpy": "numpy",
    "h5py": "h5py",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "typer": "typer",
    "rich": "rich",
    "jinja2": "jinja2",
    "safetensors": "safetensors",
    "nir": "nir",
    "numba": "numba",
    "torch": "torch",
}
"""Packages of the core chain, with the modules to import."""

LAVA_EXTRA = f"pip install '{PACKAGE}[lava]'"

PATCHES = "preset=patches and images=faces, photographs or digits"
OPTIONAL = {
    "dask": ("dask.distributed", "many workers", f"pip install '{PACKAGE}[scale]'"),
    "sanafe": ("sanafe", "report sanafe=True", f"pip install '{PACKAGE}[sanafe]'"),
    "scikit-image": ("skimage", PATCHES, f"pip install '{PACKAGE}[patches]'"),
    "lava-nc": ("lava.magma.core.process.process", "backend=lava", LAVA_EXTRA),
    "lava-dl": ("lava.lib.dl.netx.hdf5", "training with its SLAYER block", LAVA_EXTRA),
}
"""Packages with the module to import, what they are for, and how to get them."""

EXTRAS = ("dask", "sanafe", "scikit-image")
"""Of these, what does not belong to Lava."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass(frozen=True)
class Answers:
    """What children said of each step; a step that was never tried is absent."""

    of: dict[Step, dict]

    def finding(self, step: Step, name: str, needed: bool, missing: str, broken: str) -> Finding:
        """Turn an answer into a line; `missing` and `broken` are advice."""
        answer = self.of[step]
        if "found" in answer:
            return Finding(name, OK, needed, answer["found"])
        gone = answer["missing"]
        whole = {"import": step[1], "loihi2": "lava"}.get(step[0], "")
        if gone and (step[0] == "loihi2" or whole == gone or whole.startswith(gone + ".")):
            return Finding(name, MISSING, needed, answer["error"], missing)
        return Finding(name, BROKEN, needed, answer["error"], broken)


def diagnose(thorough: bool = False) -> list[Finding]:
    """Look at everything; takes seconds, with `thorough` some more for a run of Lava."""
    streams: list[list[Step]] = [
        [("import", "torch"), ("torch", "")],
        [("import", NEEDED[name]) for name in NEEDED if name != "torch"] + [("numba", "")],
        [("import", OPTIONAL[name][0]) for name in EXTRAS],
    ]
    if sys.version_info[:2] == LAVA_PYTHON:
        lava = [("import", OPTIONAL[name][0]) for name in ("lava-nc", "lava-dl")]
        streams.append([*lava, ("loihi2", ""), *([("lava", "")] if thorough else [])])
    answers = Answers(tried(streams))
    found = [_python(), *_needed(answers), *_optional(answers), *_lava(answers, thorough)]
    return [*found, _browser(), _rapl(), _data(), _machine()]


def _python() -> Finding:
    low, high = PYTHONS
    found, here = f"{platform.python_version()}, {sys.executable}", sys.version_info[:2]
    if low <= here <= high:
        return Finding("Python", OK, True, found)
    allowed = f"allowed are {low[0]}.{low[1]} to {high[0]}.{high[1]}; install one of them"
    return Finding("Python", BROKEN, True, found, allowed)


def _needed(answers: Answers) -> list[Finding]:
    """Packages of the core chain, with what else of numba and torch must work."""
    rules, found = requirements(), []
    again = f"install the toolchain again (pip install '{PACKAGE}')"
    for name, module in NEEDED.items():
        finding = answers.finding(("import", module), name, True, again, again)
        found.append(_versioned(finding, name, rules.get(name, "")))
    for name in ("numba", "torch"):
        at = list(NEEDED).index(name)
        if found[at].state == OK:
            advice = "make its cache writable, or set NUMBA_CACHE_DIR" if name == "numba" else again
            tried = answers.finding((name, ""), name, True, again, advice)
            said = f"{found[at].found}; {tried.found}"
            found[at] = Finding(name, tried.state, True, said, tried.advice or found[at].advice)
    return found


def _versioned(finding: Finding, name: str, rule: str) -> Finding:
    """Add the version of an imported package, and refuse it if it is not allowed."""
    if finding.state != OK:
        return finding
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = finding.found or "no version"
    if allows(rule, version):
        return Finding(name, OK, finding.needed, version)
    advice = f"allowed is {rule}; pip install '{name}{rule}'"
    return Finding(name, BROKEN, finding.needed, version, advice)


def requirements() -> dict[str, str]:
    """Allowed versions by package, as the installed toolchain says; none where it is not one."""
    try:
        listed = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return {}
    parsed = (re.match(r"([\w.-]+)(?:\[[\w,]*\])?\s*([^;]*)", line) for line in listed)
    return {m[1].lower(): m[2].strip().strip("()") for m in parsed if m}


def allows(rule: str, version: str) -> bool:
    """Whether a version satisfies a rule such as '<3,>=1.26'; numbers count, suffixes do not."""
    for part in filter(None, rule.split(",")):
        match = re.match(r"(<=|>=|==|!=|<|>)([\d.]+)", part.strip())
        if match is None:
            continue
        a, b = _numbers(version), _numbers(match[2])
        size = max(len(a), len(b))
        a, b = (x + [0] * (size - len(x)) for x in (a, b))
        held = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}
        if not held[match[1]]:
            return False
    return True


def _numbers(version: str) -> list[int]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return [int(n) for n in match[0].split(".")] if match else []


def _optional(answers: Answers) -> list[Finding]:
    rules, found = requirements(), []
    for name in EXTRAS:
        module, purpose, how = OPTIONAL[name]
        advice = f"only for {purpose}: {how}"
        finding = answers.finding(("import", module), name, False, advice, f"{how} again")
        found.append(_versioned(finding, name, rules.get(name, "")))
    return found


def _lava(answers: Answers, thorough: bool) -> list[Finding]:
    """Lava and what needs it."""
    if sys.version_info[:2] != LAVA_PYTHON:
        where = "exists for Python 3.10 only; the emulator gives the same bits anywhere"
        return [Finding(name, MISSING, False, where) for name in ("lava-nc", "lava-dl", "Loihi 2")]
    rules, found = requirements(), []
    for name in ("lava-nc", "lava-dl"):
        module, purpose, how = OPTIONAL[name]
        advice = f"only for {purpose}: {how}"
        finding = answers.finding(("import", module), name, False, advice, f"{how} again")
        found.append(_versioned(finding, name, rules.get(name, "")))
    if thorough and all(f.state == OK for f in found):
        found.append(answers.finding(("lava", ""), "Lava run", False, "", f"{LAVA_EXTRA} again"))
    advice = "only for backend=loihi2: Intel's extension and a board, docs/loihi2.md"
    found.append(answers.finding(("loihi2", ""), "Loihi 2", False, advice, advice))
    return found


def _browser() -> Finding:
    for name in BROWSERS:
        place = shutil.which(name)
        if place:
            return Finding("browser", OK, False, place)
    advice = "only to look at reports here, and to test them: install chromium"
    return Finding("browser", MISSING, False, f"none of {', '.join(BROWSERS)}", advice)


def _rapl() -> Finding:
    """Energy counters of the processor, as the kernel shows them."""
    counters = sorted(Path("/sys/class/powercap").glob("intel-rapl:*/energy_uj"))
    readable = [c for c in counters if os.access(c, os.R_OK)]
    if readable:
        return Finding("RAPL", OK, False, f"{len(readable)} energy counters can be read")
    found = f"{len(counters)} energy counters, none can be read" if counters else "no counters here"
    advice = "energy is modelled, not measured"
    return Finding("RAPL", MISSING, False, found, advice + ("; run as root" if counters else ""))


def _data() -> Finding:
    """MNIST where tests and users keep it; the other presets bring their own data."""
    folder = os.environ.get("IPVAE_DATA")
    raw = Path(folder or "") / "MNIST" / "raw"
    if folder and any(raw.glob("*-ubyte*")):
        return Finding("data", OK, False, f"MNIST in {folder} (IPVAE_DATA)")
    found = f"no {raw}" if folder else "IPVAE_DATA is not set"
    advice = "only for tests on MNIST: a folder with MNIST/raw/*-ubyte; commands take data_dir="
    return Finding("data", MISSING, False, found, advice)


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if Path("/proc/meminfo").exists():
        match = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
        memory = f", {int(match[1]) / 2**20:.1f} GiB of memory free" if match else ""
    return Finding("machine", OK, False, f"{cores} cores{memory}, {platform.platform()}")
