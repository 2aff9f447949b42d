"""Processor time of each test: in its report, and in the summary where it is above the limit.

Loaded by conftest.py. Time on the wall tells more about the other work of a machine than about
a test. With IPVAE_DURATIONS=1 the summary also has the sums of the files.
"""

import os
import resource
from collections import Counter
from pathlib import Path

import pytest

LIMIT_S = 5.0
"""Most seconds of processor for a test that is not marked `long`."""
PROPERTY = "cpu_s"
BEGIN = pytest.StashKey[float]()


def cpu_seconds() -> float:
    """Return the time of this process and of its children, user and system.

    Of children that still run, and of what they have waited for, Linux alone tells.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return ended + sum(map(_seconds_of, _children()))


def _children() -> list[str]:
    found: list[str] = []
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            found += path.read_text().split()
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def _seconds_of(pid: str) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class CpuTimes:
    """Plugin that times tests, with whatever fixtures are set up or torn down for them."""

    def __init__(self):
        self.offenders: list[tuple[float, str]] = []
        self.files: Counter[str] = Counter()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        item.stash[BEGIN] = cpu_seconds()
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        if call.when == "teardown":
            seconds = cpu_seconds() - item.stash[BEGIN]
            outcome.get_result().user_properties.append((PROPERTY, round(seconds, 2)))

    def pytest_runtest_logreport(self, report):
        seconds = dict(report.user_properties).get(PROPERTY)
        if report.when != "teardown" or seconds is None:
            return
        self.files[report.nodeid.split("::")[0]] += seconds
        if seconds > LIMIT_S and "long" not in report.keywords:
            self.offenders.append((seconds, report.nodeid))

    def pytest_terminal_summary(self, terminalreporter):
        if self.offenders:
            terminalreporter.section(f"tests above {LIMIT_S:g} s of processor, not marked long")
            for seconds, name in sorted(self.offenders, reverse=True):
                terminalreporter.line(f"{seconds:8.1f} s  {name}")
        if os.environ.get("IPVAE_DURATIONS") == "1":
            terminalreporter.section("seconds of processor by file")
            for name, seconds in self.files.most_common():
                terminalreporter.line(f"{seconds:8.1f} s  {name}")
            terminalreporter.line(f"{sum(self.files.values()):8.1f} s  in all")
