"""Many contenders for one lock, some of whom die half-way: never two holders."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from console.errors import LockHeldError, RemoteError
from console.ports import Completed
from console.services.target.lock import LockState, new_token
from tests.fakes.shell import FakeShell
from tests.services.target.locking import ShellOf, WallClock, lock_at, take


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    path.chmod(0o755)
    return path


class WaitingShell(FakeShell):
    """Its `sh` runs already and only waits for the text: many of them begin at the same instant."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[subprocess.Popen[bytes]] = []

    def prepare(self) -> None:
        self.processes.append(subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        if not self.processes:
            self.prepare()
        process = self.processes.pop()
        out, _ = process.communicate(script.encode(), timeout=60)
        return Completed(status=process.returncode, stdout=out, stderr=b"", seconds=0)


def winners_of_each_round(app: Path, contenders: int, rounds: int) -> list[int]:
    """How many of the contenders took the lock, for each round of all of them at once."""
    shells = [WaitingShell() for _ in range(contenders)]
    gate = threading.Barrier(contenders)
    counts = []

    def attempt(shell: WaitingShell) -> str | None:
        shell.prepare()
        gate.wait()
        try:
            return take(lock_at(app, shell))
        except LockHeldError:
            return None

    with ThreadPoolExecutor(contenders) as pool:
        for _ in range(rounds):
            won = [token for token in pool.map(attempt, shells) if token]
            counts.append(len(won))
            for token in won:
                lock_at(app).release(token)
    return counts


def win_repeatedly(app: Path, contenders: int, rounds: int, seed: int) -> int:
    """Takes and releases from many threads whose commands die half-way; the wins. Asserts that nobody ever holds it
    beside another."""
    guard = app / "guard"

    def work(number: int) -> int:
        choose = random.Random(seed * 1000 + number)
        lock = lock_at(app, ShellOf("/usr/bin:/bin", choose), WallClock(speed=20))
        for _ in range(rounds):
            token = new_token()
            until_answered(partial(take, lock, token=token), choose)
            os.close(os.open(guard, os.O_CREAT | os.O_EXCL))
            guard.unlink()
            until_answered(partial(lock.release, token), choose)
        return rounds

    with ThreadPoolExecutor(contenders) as pool:
        return sum(pool.map(work, range(contenders)))


def until_answered(ask: Callable[[], object], choose: random.Random) -> None:
    while True:
        try:
            ask()
            return
        except LockHeldError:
            time.sleep(choose.random() * 0.02)
        except RemoteError:
            # Killed half-way: whether it was done is not known, and asking again with the same token tells.
            continue


def test_of_sixteen_contenders_exactly_one_wins_each_round(app: Path) -> None:
    assert winners_of_each_round(app, contenders=16, rounds=12) == [1] * 12


def test_contenders_whose_commands_die_half_way_are_never_two_holders(app: Path) -> None:
    assert win_repeatedly(app, contenders=6, rounds=4, seed=1) == 24


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_sixteen_contenders_a_thousand_rounds(app: Path) -> None:
    assert winners_of_each_round(app, contenders=16, rounds=1000) == [1] * 1000


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_dying_contenders_long(app: Path) -> None:
    assert win_repeatedly(app, contenders=8, rounds=200, seed=7) == 1600


def test_beats_of_one_holder_at_the_same_time_do_not_hinder_each_other(app: Path) -> None:
    """A run proves its lock from the thread of each host, and beats beside them."""
    token = take(lock_at(app))

    def beat(_number: int) -> None:
        for _ in range(15):
            lock_at(app).beat(token)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(beat, range(8)))
    assert lock_at(app).release(token)
    assert lock_at(app).status().state is LockState.FREE
