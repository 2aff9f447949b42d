"""Energy of this machine's processor packages, from the kernel's RAPL counters if available."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ipvae.energy.models.row import EnergyRow, summed

POWERCAP = Path("/sys/class/powercap")
CPUINFO = Path("/proc/cpuinfo")
MODEL = "this machine (RAPL)"
ASSUMPTIONS = (
    "whole packages: all cores and all that ran on the machine meanwhile, idle power not "
    "subtracted; compilation is in it where the emulator compiled, and so is the counting of a "
    "report",
    "left out: memory (unless it is in the package), fans, power supply",
    "a counter wrapped once at most",
)


@dataclass(frozen=True)
class Counter:
    """Energy counter of one package.

    Attributes
    ----------
    name : str
        Kernel name, such as package-0.
    microjoules : int
        Current value.
    wraps_at : int
        Maximum value, after which the counter restarts at 0.
    """

    name: str
    microjoules: int
    wraps_at: int

    def since(self, earlier: "Counter") -> float:
        """Energy in joules between two readings."""
        difference = self.microjoules - earlier.microjoules
        return (difference if difference >= 0 else difference + self.wraps_at) * 1e-6


class Meter:
    """Energy of the packages during a block of code.

    Attributes
    ----------
    root : Path
        Folder of the counters.
    joules : dict of package -> float
        Energy by package; empty without readable counters.
    missing : str
        Reason for missing counters; empty if there are counters.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.joules: dict[str, float] = {}
        self.missing = ""

    def row(self, images: int, chip: str) -> EnergyRow | None:
        """Energy per image, summed over packages, if measured."""
        source = f"{self.root}, counters of {', '.join(self.joules)}"
        rows = [
            EnergyRow(MODEL, "measured", "total", chip, each, each, source, ASSUMPTIONS)
            for each in (joules / images for joules in self.joules.values())
        ]
        return summed(rows) if rows else None


@contextmanager
def metered(root: Path = POWERCAP) -> Iterator[Meter]:
    """Read the counters before and after the body of a `with` statement.

    Parameters
    ----------
    root : Path
        Folder of the kernel's power capping framework.
    """
    meter = Meter(root)
    try:
        before = _read(root)
    except (OSError, ValueError) as error:
        before = {}
        meter.missing = f"no energy counter ({_why(error, root)})"
    yield meter
    if not before:
        meter.missing = meter.missing or f"no energy counter ({root} has no package's)"
        return
    try:
        after = _read(root)
    except (OSError, ValueError) as error:
        meter.missing = f"no energy counter ({_why(error, root)})"
        return
    for zone, counter in before.items():
        if zone in after:
            meter.joules[counter.name] = after[zone].since(counter)


def _read(root: Path) -> dict[str, Counter]:
    """Counters of all packages, by zone.

    Zones inside a package (cores, memory) and of the platform (psys) overlap with these.
    """
    found = {}
    for zone in sorted(root.iterdir()):
        if not zone.name.startswith("intel-rapl:") or zone.name.count(":") > 1:
            continue
        name = (zone / "name").read_text().strip()
        if name.startswith("package"):
            energy, most = (
                int((zone / file).read_text()) for file in ("energy_uj", "max_energy_range_uj")
            )
            found[zone.name] = Counter(name, energy, most)
    return found


def _why(error: OSError | ValueError, root: Path) -> str:
    if isinstance(error, ValueError):
        return f"{root}: a counter is not a number"
    path = error.filename or root
    if isinstance(error, PermissionError):
        return f"{path} may not be read; 'sudo chmod a+r {path}' allows it until the next start"
    return f"{path}: {error.strerror}"


def processor_name(cpuinfo: Path = CPUINFO) -> str:
    """Processor name from the kernel."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
