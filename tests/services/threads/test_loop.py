"""Threads that take turns: pokes, crashes, bounded ends."""

from __future__ import annotations

import threading
import time

import pytest

from console.services.threads.loop import Loop, SystemClock, capture
from tests.fakes import FakeClock
from tests.waiting import eventually


def fail(error: Exception) -> None:
    raise AssertionError("crashed") from error


def test_turns_come_when_they_say() -> None:
    clock, turns = FakeClock(), list[float]()

    def turn() -> float:
        turns.append(clock.monotonic())
        return 3.0

    loop = Loop("t", turn, clock=clock, crashed=fail).start()
    clock.until_waiting()
    assert turns == [1000.0]
    clock.advance(2.9)
    clock.until_waiting()
    assert len(turns) == 1
    clock.advance(0.1)
    eventually(lambda: len(turns) == 2)
    assert loop.close()


def test_a_poke_makes_it_now_even_during_a_turn() -> None:
    clock, turns, entered, leave = FakeClock(), list[int](), threading.Event(), threading.Event()

    def turn() -> float:
        turns.append(1)
        entered.set()
        leave.wait(5)
        return 100.0

    loop = Loop("t", turn, clock=clock, crashed=fail).start()
    assert entered.wait(5)
    loop.poke()
    leave.set()
    eventually(lambda: len(turns) == 2)
    assert loop.close()


def test_none_ends_it() -> None:
    loop = Loop("t", lambda: None, clock=FakeClock(), crashed=fail).start()
    eventually(lambda: loop.close(0.01))


def test_a_crash_is_told_and_the_loop_goes_on() -> None:
    clock, told, turns = FakeClock(), list[Exception](), list[int]()

    def turn() -> float:
        turns.append(1)
        raise ValueError("no")

    loop = Loop("t", turn, clock=clock, crashed=told.append).start()
    clock.until_waiting()
    assert [str(error) for error in told] == ["no"]
    clock.advance(5)
    eventually(lambda: len(turns) == 2)
    assert loop.close()


@pytest.mark.deadline
def test_closing_a_blocked_loop_is_bounded() -> None:
    release = threading.Event()
    loop = Loop("t", lambda: release.wait(10) and None, clock=SystemClock(), crashed=fail).start()
    begun = time.monotonic()
    assert not loop.close(0.05)
    assert time.monotonic() - begun < 2
    assert loop.stopped
    release.set()
    eventually(lambda: loop.close(0.01))


def test_threads_are_named_daemons() -> None:
    seen: list[threading.Thread] = []
    loop = Loop("sql", lambda: seen.append(threading.current_thread()), clock=FakeClock(), crashed=fail).start()
    eventually(lambda: seen)
    loop.close()
    assert (seen[0].name, seen[0].daemon) == ("opsconsole-sql", True)


def test_the_system_clock_is_aware_and_waits() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is not None
    flag = threading.Event()
    assert not clock.wait(flag, 0.001)
    flag.set()
    assert clock.wait(flag, 60)
    assert clock.monotonic() <= clock.monotonic()


def test_capture_keeps_what_was_raised() -> None:
    assert capture(lambda: 3).unwrap() == 3
    with pytest.raises(ZeroDivisionError):
        capture(lambda: 1 // 0).unwrap()
