"""Questions of the screen and their answers."""

from __future__ import annotations

import queue
import threading

import pytest

from console.domain.snapshot import Key
from console.errors import UnreachableError, UsageError
from console.services.threads.background import BackgroundThreads
from tests.fakes import FakeClock


def fail(error: Exception) -> None:
    raise AssertionError("crashed") from error


@pytest.fixture
def published() -> queue.SimpleQueue[Key]:
    return queue.SimpleQueue()


def test_an_answer_is_published_and_collected_once(published: queue.SimpleQueue[Key]) -> None:
    background = BackgroundThreads(published.put, clock=FakeClock(), crashed=fail)
    ticket = background.submit("plan", lambda: 42)
    assert published.get(timeout=5) == ("answer", ticket)
    assert background.collect(ticket) == 42
    with pytest.raises(UsageError):
        background.collect(ticket)
    background.close()


def test_what_the_work_raised_is_the_answer(published: queue.SimpleQueue[Key]) -> None:
    def work() -> object:
        raise UnreachableError("gone")

    background = BackgroundThreads(published.put, clock=FakeClock(), crashed=fail)
    ticket = background.submit("plan", work)
    published.get(timeout=5)
    with pytest.raises(UnreachableError, match="gone"):
        background.collect(ticket)
    assert background.submit("next", lambda: 1), "the thread lives on"
    published.get(timeout=5)
    background.close()


def test_a_slow_question_does_not_hold_up_the_next(published: queue.SimpleQueue[Key]) -> None:
    release = threading.Event()
    background = BackgroundThreads(published.put, clock=FakeClock(), crashed=fail)
    slow = background.submit("slow", lambda: release.wait(10))
    quick = background.submit("quick", lambda: "done")
    assert published.get(timeout=5) == ("answer", quick)
    release.set()
    assert published.get(timeout=5) == ("answer", slow)
    background.close()


def test_what_is_urgent_never_waits_behind_slow_questions(published: queue.SimpleQueue[Key]) -> None:
    release = threading.Event()
    background = BackgroundThreads(published.put, clock=FakeClock(), crashed=fail)
    for number in range(4):
        background.submit(f"plan {number}", lambda: release.wait(10))
    abort = background.submit("abort", lambda: "asked", urgent=True)
    assert published.get(timeout=5) == ("answer", abort)
    assert background.collect(abort) == "asked"
    release.set()
    for _ in range(4):
        published.get(timeout=5)
    background.close()


def test_answers_nobody_collects_are_bounded(published: queue.SimpleQueue[Key]) -> None:
    background = BackgroundThreads(published.put, clock=FakeClock(), crashed=fail, threads=1)
    tickets = [background.submit("x", lambda: 1) for _ in range(300)]
    for _ in tickets:
        published.get(timeout=5)
    with pytest.raises(UsageError):
        background.collect(tickets[0])
    assert background.collect(tickets[-1]) == 1
    background.close()
