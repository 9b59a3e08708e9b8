"""The pytest fixtures `lab` and `lab_alone`. Each process that runs tests has a world of its own, held by a keeper
process that takes it down when its standard input ends: also when the tests were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.world import Lab

ROOT = Path(__file__).parent.parent.parent
FIXTURES = frozenset({"lab", "lab_alone"})


def reason_to_skip() -> str:
    """Why the world cannot be had here; empty when it can. In CI nothing is skipped: what lacks there must fail."""
    if os.environ.get("CI") == "true" or os.geteuid() == 0:
        return ""
    return "needs root, to start real servers on this machine (tests/lab)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses a world, so that `-m 'not lab'` leaves exactly that out."""
    reason = reason_to_skip()
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.lab)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab_of_this_process() -> Iterator[Lab]:
    """The world of this process. Tests ask for `lab` or `lab_alone` instead."""
    from tests.lab.values import World
    from tests.lab.world import Lab

    root = tempfile.mkdtemp(prefix="opslab", dir="/tmp")
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "hold", root],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert keeper.stdin and keeper.stdout
    try:
        if keeper.stdout.readline() != b"ready\n":
            keeper.wait(30)
            pytest.fail("the test world did not come up: its error stands above", pytrace=False)
        yield Lab(World.load(root))
    finally:
        keeper.stdin.close()
        keeper.stdout.close()
        keeper.wait(60)


@pytest.fixture
def lab(lab_of_this_process: Lab) -> Lab:
    """A running world, shared by the tests of this process: read, dispatch, deploy, but leave the servers alone."""
    return lab_of_this_process


@pytest.fixture
def lab_alone(lab_of_this_process: Lab) -> Iterator[Lab]:
    """The same world for a test that stops, freezes or misconfigures it; afterwards everything is normal again."""
    yield lab_of_this_process
    lab_of_this_process.heal()
