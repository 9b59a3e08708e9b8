"""Waiting itself: what was found comes back, what does not come is told, and one look is taken after the deadline."""

from __future__ import annotations

import time

import pytest

from tests.waiting import NotInTimeError, eventually, works


def test_what_was_found_comes_back() -> None:
    answers = iter([None, "", "here"])
    assert eventually(lambda: next(answers)) == "here"


def test_what_did_not_come_is_told_as_it_is_by_then() -> None:
    seen: list[int] = []
    with pytest.raises(NotInTimeError, match=r"not within 0\.05 s: \[1, 1"):
        eventually(lambda: seen.append(1), 0.05, otherwise=lambda: seen)


def test_a_look_that_took_longer_than_the_deadline_is_not_the_last() -> None:
    looks = 0

    def slowly() -> bool:
        nonlocal looks
        looks += 1
        time.sleep(0.03)
        return looks == 2

    assert eventually(slowly, 0.01)


def test_a_call_works_once_it_ends_without_that_error() -> None:
    ends: list[type[Exception] | None] = [None, IndexError, IndexError]

    def call() -> None:
        if error := ends.pop():
            raise error

    eventually(works(call, IndexError))
    assert not ends
    with pytest.raises(ZeroDivisionError):
        eventually(works(lambda: 1 / 0, IndexError))


def test_a_look_that_costs_is_taken_less_often() -> None:
    """What is looked at needs the processor too: at most half of the time goes into looking."""
    spent, began = 0.0, time.monotonic()

    def costly() -> bool:
        nonlocal spent
        start = time.monotonic()
        while time.monotonic() - start < 0.03:
            pass
        spent += time.monotonic() - start
        return time.monotonic() - began > 0.3

    eventually(costly)
    assert spent < 0.6 * (time.monotonic() - began) + 0.03
