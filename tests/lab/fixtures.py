"""The pytest fixtures `lab`, `lab_alone` and `still`. Each process that runs tests has a world of its own, held by a
keeper process that takes it down when its standard input ends: also when the tests were killed.

Owns that one test's failure is no other test's: servers are mended before anything else of a test is torn down, the
rest of the world after it, and a world that cannot be mended is replaced.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.world import Lab

ROOT = Path(__file__).parent.parent.parent
FIXTURES = frozenset({"lab", "lab_alone"})
_PASSED = pytest.StashKey[bool]()


def reason_to_skip() -> str:
    """Why the world cannot be had here; empty when it can. In CI nothing is skipped: what lacks there must fail."""
    if os.environ.get("CI") == "true" or os.geteuid() == 0:
        return ""
    return "needs root, to start real servers on this machine (tests/lab)"


def pytest_configure() -> None:
    """Sets the usual umask: the servers of a world run as other accounts, and have to be let in. A test of umasks sets
    its own."""
    os.umask(0o022)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses a world, so that `-m 'not lab'` leaves exactly that out."""
    reason = reason_to_skip()
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.lab)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes how the test itself ended, for what is torn down after it."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


def passed(item: pytest.Item) -> bool:
    """Whether a test that is being torn down has passed: a check after one that failed would be its second failure."""
    return item.stash.get(_PASSED, False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Starts and thaws the servers before any fixture of the test is torn down, because those need them too."""
    found: Lab | None = getattr(item, "funcargs", {}).get("lab_alone")
    if found is not None:
        # What cannot be started now is told when the whole world is mended.
        with suppress(Exception):
            found.servers.mend()


class Keeper:
    """The process that holds this process' world."""

    def __init__(self) -> None:
        self.lab = self._start()

    def _start(self) -> Lab:
        from tests.lab.values import World
        from tests.lab.world import Lab

        root = tempfile.mkdtemp(prefix="opslab", dir="/tmp")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab", "hold", root],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout
        if self._process.stdout.readline() != b"ready\n":
            self.end()
            pytest.fail("the test world did not come up: its error stands above", pytrace=False)
        return Lab(World.load(root))

    def replace(self) -> None:
        """Takes the world down and brings another one up."""
        self.end()
        self.lab = self._start()

    def end(self) -> None:
        """Takes the world down."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


@pytest.fixture(scope="session")
def lab_of_this_process() -> Iterator[Keeper]:
    """The world of this process. Tests ask for `lab` or `lab_alone` instead."""
    keeper = Keeper()
    yield keeper
    keeper.end()


@pytest.fixture
def lab(lab_of_this_process: Keeper) -> Lab:
    """A running world, shared by the tests of this process: read, dispatch, deploy, but leave the servers alone."""
    return lab_of_this_process.lab


@pytest.fixture
def lab_alone(lab_of_this_process: Keeper, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The same world for a test that stops, freezes or misconfigures it; afterwards everything is normal again."""
    found = lab_of_this_process.lab
    yield found
    try:
        found.heal()
    except Exception:
        lab_of_this_process.replace()
        if passed(request.node):
            raise


@pytest.fixture
def still(lab: Lab) -> Iterator[Lab]:
    """The world with its workers stopped and its queues empty, before and after: what a test counts is its own. A
    worker of the world may still fail a job that an earlier test left."""
    lab.workers("stop")
    lab.clear_queues()
    yield lab
    lab.clear_queues()
    lab.workers("start")
