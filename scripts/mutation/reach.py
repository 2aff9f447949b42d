"""Pytest plugin: which lines of the project each test reaches, and its time of processor.

What a fixture of a wider scope reaches counts for every test that uses it. Children are not
followed, and numba's compiled functions have no lines (only their builders, when compiled).
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
"""Calls of one function in one test after which its lines are no longer followed."""

SLOW_S = 6.0
"""Of processor, followed: a test that takes longer is stopped at twice that, and not asked."""

Lines = set[tuple[str, int]]


class TooSlowError(Exception):
    """Raised inside a test that takes too long."""


def _stop(*_: object) -> None:
    raise TooSlowError


class Reach:
    """Follows the lines of the files below a tree's rooms."""

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
        """Keep apart what a fixture that outlives a test reaches."""
        if fixturedef.scope == "function":
            return None
        outer, self._lines = self._lines, set()
        try:
            return pytest_fixture_setup(fixturedef, request)
        finally:
            self._of_fixture[id(fixturedef)] = self._lines
            self._lines = outer

    def pytest_runtest_protocol(self, item, nextitem):
        """Run as usual, between two readings of the clock."""
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
    """The tree's folder as the names of its files have it."""
    return os.path.realpath(root)
