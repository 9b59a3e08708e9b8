"""The console beside the system's `ssh`: never laxer, and it refuses nothing that `ssh` allows without saying why."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients import known_hosts_cells, ssh_config_cells
from tests.clients.conftest import _needed
from tests.clients.ssh_world import Cell, Verdict, World, described

_SEED = 20260101
_SOME = 30
_MOST_UNJUDGED = 0.2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Keys, agent and servers for all cells."""
    _needed()
    made = World(tmp_path_factory.mktemp("matrix") / "world").prepare()
    ssh_config_cells.serve(made)
    before = {name: os.environ.get(name) for name in made.environment()}
    os.environ.update(made.environment())
    yield made
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    made.stop()


def judged(world: World, cells: list[Cell], capsys: pytest.CaptureFixture[str]) -> None:
    """Fails where the console is laxer, or stricter without a name and a way out; prints the counts."""
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(world.compare, cells))
    with capsys.disabled():
        print(f"\n{described(verdicts, begun)}")
    unjudged = [each.cell.name for each in verdicts if not each.is_judged]
    assert len(unjudged) <= _MOST_UNJUDGED * len(cells), f"ssh had no time for {unjudged}"
    assert [each.cell.name for each in verdicts if each.is_laxer] == []
    assert [_told(each) for each in verdicts if each.is_only_ssh and not each.is_named] == []


def _told(verdict: Verdict) -> str:
    return f"{verdict.cell.name}: {verdict.said}"


def some(cells: list[Cell]) -> list[Cell]:
    return random.Random(_SEED).sample(cells, _SOME)


@pytest.mark.deadline
@pytest.mark.timeout(300)
def test_some_known_hosts_are_judged_as_ssh_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    judged(world, some(list(known_hosts_cells.cells(world))), capsys)


@pytest.mark.deadline
@pytest.mark.timeout(300)
def test_some_configurations_are_followed_as_ssh_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    judged(world, some(list(ssh_config_cells.cells(world))), capsys)


@pytest.mark.fuzz
def test_known_hosts_are_judged_as_ssh_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    judged(world, list(known_hosts_cells.cells(world)), capsys)


@pytest.mark.fuzz
def test_configurations_are_followed_as_ssh_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    judged(world, list(ssh_config_cells.cells(world)), capsys)
