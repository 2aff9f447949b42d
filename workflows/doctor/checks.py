"""Checks of this machine, with one finding each.

Steps that may fail run in parallel child processes (`child.py`). The answer takes seconds, and a
broken package does no harm.
"""

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ipvae.extras import PACKAGE, install, install_lava
from ipvae.workflows.doctor.children import Step, tried
from ipvae.workflows.doctor.diagnosis import BROKEN, MISSING, OK, Finding

PYTHONS = ((3, 10), (3, 13))
NEEDED = {name: name for name in ("numpy", "h5py", "numba", "safetensors", "typer", "rich")}
"""Packages of the core chain, with the modules to import."""

PATCHES = "preset=patches and images=faces, photographs or digits"
OPTIONAL = {
    "torch": ("torch", "training", install("train")),
    "scipy": ("scipy", "Lava, noise and rotation", install("evaluate")),
    "scikit-learn": ("sklearn", "probes and preset=digits", install("evaluate")),
    "matplotlib": ("matplotlib", "reports and pictures", install("report")),
    "jinja2": ("jinja2", "reports", install("report")),
    "nir": ("nir", "NIR files", install("nir")),
    "dask": ("dask.distributed", "many workers", install("scale")),
    "sanafe": ("sanafe", "report sanafe=True", install("sanafe")),
    "scikit-image": ("skimage", PATCHES, install("patches")),
    "lava-nc": ("lava.magma.core.process.process", "backend=lava", install_lava("lava")),
    "lava-dl": (
        "lava.lib.dl.netx.hdf5",
        "netx, and training with its SLAYER block",
        install_lava("lava-dl"),
    ),
}
"""Packages with the module to import, their purpose and how to install them."""

LAVA = ("lava-nc", "lava-dl")
EXTRAS = tuple(name for name in OPTIONAL if name not in ("torch", *LAVA))
"""Optional packages other than PyTorch and Lava."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass(frozen=True)
class Answers:
    """Answers of child processes for each step that was tried."""

    of: dict[Step, dict]

    def finding(self, step: Step, name: str, needed: bool, missing: str, broken: str) -> Finding:
        """Turn an answer into a finding; `missing` and `broken` are advice."""
        answer = self.of[step]
        if "found" in answer:
            return Finding(name, OK, needed, answer["found"])
        gone = answer["missing"]
        whole = {"import": step[1], "loihi2": "lava"}.get(step[0], "")
        if gone and (step[0] == "loihi2" or whole == gone or whole.startswith(gone + ".")):
            return Finding(name, MISSING, needed, answer["error"], missing)
        return Finding(name, BROKEN, needed, answer["error"], broken)


def diagnose(thorough: bool = False) -> list[Finding]:
    """Run all checks in some seconds; `thorough` adds a run of Lava."""
    streams: list[list[Step]] = [
        [("import", "torch"), ("torch", "")],
        [("import", NEEDED[name]) for name in NEEDED] + [("numba", "")],
        [("import", OPTIONAL[name][0]) for name in EXTRAS],
        [
            *(("import", OPTIONAL[name][0]) for name in LAVA),
            *[("loihi2", ""), *([("lava", "")] if thorough else [])],
        ],
    ]
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
    """Packages of the core chain, including compilation by numba."""
    rules, found = requirements(), []
    again = f"install the toolchain again (pip install '{PACKAGE}')"
    for name, module in NEEDED.items():
        finding = answers.finding(("import", module), name, True, again, again)
        finding = _versioned(finding, name, rules.get(name, ""))
        if name == "numba":
            advice = "make its cache writable, or set NUMBA_CACHE_DIR"
            finding = _tried(answers, finding, advice, again)
        found.append(finding)
    return found


def _tried(answers: Answers, imported: Finding, missing: str, broken: str) -> Finding:
    """Add to the finding of an imported package the result of a computation with it."""
    if imported.state != OK:
        return imported
    tried = answers.finding((imported.name, ""), imported.name, imported.needed, missing, broken)
    both = f"{imported.found}; {tried.found}"
    return Finding(
        imported.name, tried.state, imported.needed, both, tried.advice or imported.advice
    )


def _versioned(finding: Finding, name: str, rule: str) -> Finding:
    """Add the version of an imported package, and report it as broken if it is not allowed."""
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
    """Allowed versions by package, from the metadata of the installed toolchain, if any."""
    try:
        listed = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return {}
    parsed = (re.match(r"([\w.-]+)(?:\[[\w,]*\])?\s*([^;]*)", line) for line in listed)
    return {m[1].lower(): m[2].strip().strip("()") for m in parsed if m}


def allows(rule: str, version: str) -> bool:
    """Return whether a version satisfies a rule such as '<3,>=1.26'; suffixes are ignored."""
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
    """Optional packages other than Lava."""
    torch = _tried(answers, _extra(answers, "torch"), *[f"{OPTIONAL['torch'][2]} again"] * 2)
    return [torch, *(_extra(answers, name) for name in EXTRAS)]


def _extra(answers: Answers, name: str) -> Finding:
    module, purpose, how = OPTIONAL[name]
    advice = f"only for {purpose}: {how}"
    finding = answers.finding(("import", module), name, False, advice, f"{how} again")
    return _versioned(finding, name, requirements().get(name, ""))


def _lava(answers: Answers, thorough: bool) -> list[Finding]:
    """Lava, and packages and backends that need it."""
    found = [_extra(answers, name) for name in LAVA]
    if thorough and found[0].state == OK:
        again = f"{OPTIONAL['lava-nc'][2]} again"
        found.append(answers.finding(("lava", ""), "Lava run", False, "", again))
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
    """Energy counters of the processor, as provided by the kernel."""
    counters = sorted(Path("/sys/class/powercap").glob("intel-rapl:*/energy_uj"))
    readable = [c for c in counters if os.access(c, os.R_OK)]
    if readable:
        return Finding("RAPL", OK, False, f"{len(readable)} energy counters can be read")
    found = f"{len(counters)} energy counters, none can be read" if counters else "no counters here"
    advice = "energy is modelled, not measured"
    return Finding("RAPL", MISSING, False, found, advice + ("; run as root" if counters else ""))


def _data() -> Finding:
    """MNIST in the folder of IPVAE_DATA; the other presets include their data."""
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
