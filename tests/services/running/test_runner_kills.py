"""A runner killed at a write of its journal: another goes on, and no `once` step happens twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.domain.events import StepOutput
from console.domain.runs import Outcome, RunState
from tests.services.running.stage import HOSTS, Stage, twelve

ONCE = {"web1": ["one", "two", "three", "four", "migrate", "five", "six"], "web2": ["one", "two", "four", "five"]}
WRITES = 94
"""Events that a run of the twelve steps writes, at the least; a test below counts them."""


def runner_process(directory: Path, run: int, number: int, when: str) -> subprocess.Popen[bytes]:
    """A runner that dies at its n-th write (0: never)."""
    argv = [sys.executable, "-m", "tests.services.running.stage", str(directory), str(run), str(number), when]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def once_lines(stage: Stage) -> dict[str, list[str]]:
    return {host: (stage.directory / host / "done").read_text().split() for host in HOSTS}


def go_on(stage: Stage, run: int) -> None:
    """Resumes until the run has ended; an unknown step is looked at on its host by the file it leaves."""
    code = stage.runner(run).run()
    view = stage.view(run)
    if view.state is RunState.NEEDS_OPERATOR:
        # The contract allows it; it must never be a claim of success.
        assert code == 8
        return
    assert (code, view.outcome, view.detail) == (0, Outcome.OK, "the gate passed")
    assert once_lines(stage) == ONCE
    for host, names in ONCE.items():
        for name in names:
            here = [one.payload for one in stage.store.events(run) if (one.step, one.host) == (name, host)]
            assert sum(one.length for one in here if isinstance(one, StepOutput)) == len(f"out of {name}\n")
    assert [stage.current(host) for host in HOSTS] == ["3", "3"]


def kill_at(directory: Path, number: int, when: str) -> None:
    stage = Stage(directory)
    try:
        row = stage.confirm(stage.plan(twelve(directory)))
        process = runner_process(directory, row.id, number, when)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, errors.decode()
        go_on(stage, row.id)
        for host, lines in once_lines(stage).items():
            assert len(set(lines)) == len(lines), f"{host} did something twice: {lines}"
    finally:
        stage.close()


@pytest.mark.parametrize("number", [1, 4, 9, 27, 61, 94])
def test_killed_at_some_writes(tmp_path: Path, number: int) -> None:
    kill_at(tmp_path, number, random.Random(number).choice(["before", "after"]))


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_killed_at_every_write(tmp_path: Path, number: int, when: str) -> None:
    kill_at(tmp_path, number, when)


def kill_between(directory: Path, seed: int) -> None:
    """Kills runner after runner at random instants until one comes through."""
    chance = random.Random(seed)
    stage = Stage(directory)
    try:
        row = stage.confirm(stage.plan(twelve(directory)))
        for _ in range(6):
            process = runner_process(directory, row.id, 0, "never")
            try:
                _, errors = process.communicate(timeout=chance.uniform(0.4, 2.5))
                assert process.returncode == 0, errors.decode()
                break
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
        if stage.view(row.id).outcome is None:
            go_on(stage, row.id)
        assert once_lines(stage) == ONCE
    finally:
        stage.close()


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_instants(tmp_path: Path, seed: int) -> None:
    kill_between(tmp_path, seed)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 200))
def test_killed_at_many_random_instants(tmp_path: Path, seed: int) -> None:
    kill_between(tmp_path, seed)


def test_the_count_of_writes_is_covered(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    _, view = stage.run(stage.plan(twelve(tmp_path)))
    try:
        # Output may come in one piece or two: the parametrised tests must reach the last write of the shortest run.
        assert WRITES <= len(stage.kinds(view.run)) - 2 <= WRITES + 24
    finally:
        stage.close()
