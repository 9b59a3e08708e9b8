"""Who is dead: gone on this machine, or unmoved while we watched; and nobody else."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import LockHeldError, StateError
from console.ports import Lease
from console.services.runs.leases import Heartbeat, Pulse, acquire, beats, new_holder, start_time, surely_gone
from console.store.database import Database, open_database
from console.store.leases import Leases
from tests.fakes.clock import FakeClock
from tests.fakes.stepping import SteppingClock
from tests.waiting import eventually


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state")
    yield database
    database.close()


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


def dead_holder() -> str:
    with subprocess.Popen(["sleep", "60"]) as process:
        holder = new_holder(process.pid)
        assert not surely_gone(holder)
        process.kill()
    return holder


def test_a_process_of_this_machine_is_judged_by_pid_and_start_time() -> None:
    own = new_holder()
    assert not surely_gone(own)
    assert own != new_holder()
    assert surely_gone(dead_holder())
    machine, boot, pid, born, tail = own.split(" ")
    assert surely_gone(f"{machine} {boot} {pid} {int(born) + 1} {tail}")
    assert surely_gone(f"{machine} an-earlier-boot {pid} {born} {tail}")


def test_a_colleagues_process_that_proc_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, boot, _, born, tail = new_holder().split(" ")
    holder = f"{machine} {boot} 4194305 {born} {tail}"  # no kernel gives so high a number
    assert surely_gone(holder)

    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not surely_gone(holder)


@pytest.mark.parametrize("holder", ["", "x", "elsewhere boot 1 1 x", "a b c d e"])
def test_nobody_elsewhere_is_ever_surely_gone(holder: str) -> None:
    assert not surely_gone(holder)


def test_a_zombie_is_gone() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None
    process.wait()


def test_a_free_lease_is_taken_at_once(leases: Leases) -> None:
    clock = SteppingClock()
    assert acquire(leases, "run-1", "me", clock).holder == "me"
    assert clock.passed == 0


def test_a_dead_process_of_this_machine_is_replaced_at_once(leases: Leases) -> None:
    leases.take("run-1", dead_holder())
    clock = SteppingClock()
    assert acquire(leases, "run-1", "me", clock).holder == "me"
    assert clock.passed == 0


def test_a_holder_elsewhere_is_replaced_after_ten_watched_seconds(leases: Leases) -> None:
    leases.take("run-1", "elsewhere boot 1 1 x")
    clock = SteppingClock()
    assert acquire(leases, "run-1", "me", clock).holder == "me"
    assert 10 <= clock.passed <= 10.5


@pytest.mark.parametrize("at", [0.5, 5.0, 9.5])
def test_a_holder_that_beats_while_we_watch_is_never_replaced(leases: Leases, at: float) -> None:
    theirs = leases.take("run-1", "elsewhere boot 1 1 x")

    def beat(passed: float) -> None:
        if passed == at:
            leases.beat(theirs)

    with pytest.raises(LockHeldError, match="is alive: process 1 on elsewhere"):
        acquire(leases, "run-1", "me", SteppingClock(beat))
    seen = leases.read("run-1")
    assert seen is not None
    assert seen.holder == theirs.holder


def test_a_holder_elsewhere_lives_only_when_its_counter_moves(leases: Leases) -> None:
    clock = SteppingClock()
    assert not beats(leases, "run-1", clock)
    assert clock.passed == 0
    theirs = leases.take("run-1", "elsewhere boot 1 1 x")
    assert not beats(leases, "run-1", clock)
    assert 10 <= clock.passed <= 10.5

    def beat(passed: float) -> None:
        if passed == 2.0:
            leases.beat(theirs)

    moving = SteppingClock(beat)
    assert beats(leases, "run-1", moving)
    assert moving.passed == 2.0
    assert not beats(leases, "run-1", SteppingClock(lambda _: leases.drop(theirs))), "given up is not alive"


def test_a_lease_given_up_while_we_watch_is_ours(leases: Leases) -> None:
    theirs = leases.take("run-1", "elsewhere boot 1 1 x")
    clock = SteppingClock(lambda _: leases.drop(theirs))
    assert acquire(leases, "run-1", "me", clock).holder == "me"
    assert clock.passed == 0.5


def test_watching_ends_when_told_to(leases: Leases) -> None:
    leases.take("run-1", "elsewhere boot 1 1 x")
    flag = threading.Event()
    flag.set()
    with pytest.raises(LockHeldError):
        acquire(leases, "run-1", "me", SteppingClock(), flag)


def test_the_heartbeat_raises_the_counter_each_two_seconds_and_gives_the_lease_up(leases: Leases) -> None:
    clock = FakeClock()
    lease = leases.take("run-1", new_holder())
    with Heartbeat(leases, lease, clock).start():
        for count in (2, 3, 4):
            clock.until_waiting()
            clock.advance(2.0)
            until_counter(leases, count)
    assert leases.read("run-1") is None


def test_a_heartbeat_notices_that_somebody_took_over(leases: Leases) -> None:
    clock = FakeClock()
    lease = leases.take("run-1", new_holder())
    with Heartbeat(leases, lease, clock).start() as heartbeat:
        clock.until_waiting()
        theirs = leases.take_over(lease, "you")
        clock.advance(2.0)
        assert heartbeat.lost.wait(10)
    assert leases.read("run-1") == theirs


def test_a_heartbeat_outlives_a_database_that_refuses_for_a_while(leases: Leases) -> None:
    class Failing:
        def __init__(self) -> None:
            self.refused = 0

        def beat(self, lease: Lease) -> Lease:
            if self.refused < 2:
                self.refused += 1
                raise StateError("disk full")
            return leases.beat(lease)

        def drop(self, lease: Lease) -> None:
            raise StateError("disk full")

    clock, failing = FakeClock(), Failing()
    lease = leases.take("run-1", new_holder())
    with Heartbeat(failing, lease, clock).start() as heartbeat:
        for _ in range(1000):
            clock.advance(2.0)
            if (counter(leases) or 0) >= 2:
                break
            threading.Event().wait(0.01)
        assert failing.refused == 2
        assert (counter(leases) or 0) >= 2
        assert not heartbeat.lost.is_set()
    # It could not be given up: then it dies by standing still.
    assert counter(leases) is not None


def counter(leases: Leases) -> int | None:
    seen = leases.read("run-1")
    return seen.counter if seen else None


def until_counter(leases: Leases, wanted: int, seconds: float = 10) -> None:
    eventually(lambda: counter(leases) == wanted, seconds, otherwise=lambda: counter(leases))


def test_a_pulse_that_stands_still_while_watched_is_nobodys(leases: Leases) -> None:
    clock = SteppingClock()
    pulse, flag = Pulse(leases, "run 1", clock), threading.Event()
    assert not pulse.living()
    lease = leases.take("run 1", "elsewhere boot 1 1 x")
    clock.wait(flag, 60)
    assert pulse.living(), "nobody has watched it yet"
    clock.wait(flag, 9)
    lease = leases.beat(lease)
    assert pulse.living()
    clock.wait(flag, 9)
    assert pulse.living()
    clock.wait(flag, 2)
    assert not pulse.living()
    leases.beat(lease)
    assert pulse.living(), "it was only slow"


def test_a_process_that_is_seen_here_may_be_too_busy_to_beat(leases: Leases) -> None:
    clock = SteppingClock()
    pulse = Pulse(leases, "run 1", clock)
    lease = leases.take("run 1", new_holder())
    assert pulse.living()
    clock.wait(threading.Event(), 60)
    assert pulse.living()
    leases.drop(lease)
    leases.take("run 1", dead_holder())
    assert not pulse.living()
