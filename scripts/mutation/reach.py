"""Pytest plugin that records the lines reached by each test, and its CPU time.

Lines reached by a fixture of a wider scope count for every test that uses it. Child processes are
not traced, and functions compiled by numba have no lines (only their builders, during compilation).
"""

import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from _pytest.fixtures import pytest_fixture_setup
from _pytest.runner import runtestprotocol

ENOUGH = 300
"""Calls of one function in one test after which its lines are no longer traced."""

SLOW_S = 6.0
"""CPU seconds under tracing: a slower test is excluded, and stopped at twice this time."""

Lines = set[tuple[str, int]]


class TooSlowError(Exception):
    """Raised inside a test that takes too long."""


def _stop(*_: object) -> None:
    raise TooSlowError


class Reach:
    """Tracer of the lines of all files in a tree's rooms."""

    def __init__(self, tree: str, rooms: tuple[str, ...]) -> None:
        self.tests: dict[str, dict] = {}
        self._tree, self._rooms = tree, rooms
        self._names: dict[str, str | None] = {}
        self._lines: Lines = set()
        self._calls: dict[object, int] = defaultdict(int)
        self._of_fixture: dict[int, Lines] = {}
        signal.signal(signal.SIGPROF, _stop)
        sys.settrace(self._called)
        threading.settrace(self._called)

    def _name(self, file: str) -> str | None:
        """Path below the tree, if the file belongs to a room."""
        if file not in self._names:
            path = os.path.relpath(os.path.realpath(file), self._tree)
            self._names[file] = path if path.split(os.sep)[0] in self._rooms else None
        return self._names[file]

    def _called(self, frame, *_):
        code = frame.f_code
        name = self._name(code.co_filename)
        if name is None:
            return None
        self._calls[code] += 1
        if self._calls[code] > ENOUGH:
            return None
        lines = self._lines

        def local(frame, event, _):
            if event == "line":
                lines.add((name, frame.f_lineno))
            return local

        lines.add((name, frame.f_lineno))
        return local

    def _fresh(self) -> Lines:
        self._lines = set()
        self._calls.clear()
        return self._lines

    def pytest_fixture_setup(self, fixturedef, request):
        """Record separately the lines reached by fixtures that outlive a test."""
        if fixturedef.scope == "function":
            return None
        outer, self._lines = self._lines, set()
        try:
            return pytest_fixture_setup(fixturedef, request)
        finally:
            self._of_fixture[id(fixturedef)] = self._lines
            self._lines = outer

    def pytest_runtest_protocol(self, item, nextitem):
        """Run the test as usual, and measure its CPU time."""
        own, start = self._fresh(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 2 * SLOW_S)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = set(own)
        definitions = item._fixtureinfo.name2fixturedefs.values()
        for found in (f for each in definitions for f in each):
            lines |= self._of_fixture.get(id(found), set())
        by_file: dict[str, list[int]] = defaultdict(list)
        for name, line in sorted(lines):
            by_file[name].append(line)
        self.tests[item.nodeid] = {
            "passed": all(r.passed for r in reports),
            "seconds": round(time.process_time() - start, 3),
            "lines": by_file,
        }
        return True


def tree_of(root: Path) -> str:
    """Path of the tree as in the file names of code objects."""
    return os.path.realpath(root)
