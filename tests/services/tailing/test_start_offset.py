"""Looking for a time in a large file, over a host that is a list of stamps."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.log_siblings import FoundFile
from console.domain.log_times import Times, micros
from console.errors import RemoteError
from console.services.tailing.start_offset import SLACK, SMALL, find_beginning
from tests.fakes.shell import FakeShell, completed
from tests.services.tailing.world import BEGIN, entry

EVERY = SMALL // 4
"""Bytes between two heads."""
SECOND = 1_000_000


def search(times: Sequence[int | None], begin: int) -> tuple[int, int]:
    """Where reading begins in a file with a head at each `EVERY` bytes, and how often its host was asked."""

    def answer(script: str) -> bytes:
        lines = []
        for place in map(int, re.findall(r"^at (\d+)$", script, re.MULTILINE)):
            number = -(-place // EVERY)
            lines.append(b"at %d\n" % place)
            if number < len(times) and times[number] is not None:
                lines.append(entry(1, times[number] or 0))
        return b"".join(lines)

    shell = FakeShell(answer=answer)
    file = FoundFile(path="/logs/laravel.log", inode="1:2", size=EVERY * len(times), changed=0)
    latest = Times(lambda: BEGIN.tzinfo).latest
    found = find_beginning(shell, file, micros(BEGIN) + begin * SECOND, latest=latest)
    return found, len(shell.scripts)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=400), st.integers(-10, 200_000))
def test_nothing_since_then_stands_before_it(steps: list[int], begin: int) -> None:
    times = [sum(steps[: n + 1]) for n in range(len(steps))]
    found, asked = search(times, begin)
    first = next((n for n, at in enumerate(times) if at >= begin), len(times))
    assert found <= first * EVERY
    assert asked <= 4, "few questions, whatever its size"
    # Near to it: what the slack covers, and what is rather read than searched.
    reached = next((n for n, at in enumerate(times) if at >= begin - SLACK // SECOND), len(times))
    assert found >= reached * EVERY - SMALL - EVERY


@given(st.lists(st.none() | st.integers(0, 100_000), min_size=1, max_size=300), st.integers(0, 100_000))
def test_times_that_say_nothing_never_lead_behind_the_first_that_is_known(times: list[int | None], begin: int) -> None:
    found, _ = search(times, begin)
    assert 0 <= found <= EVERY * len(times)


def test_a_clock_that_was_set_back_leads_to_the_first_place_of_the_time() -> None:
    times = [*range(0, 6000, 10), *range(3000, 9000, 10)]
    found, _ = search(times, 5000)
    assert found <= 500 * EVERY


def test_a_file_that_was_rotated_meanwhile_is_said_to_be() -> None:
    shell = FakeShell(answer=lambda script: completed(status=3))
    file = FoundFile(path="/logs/laravel.log", inode="1:2", size=SMALL * 2, changed=0)
    with pytest.raises(RemoteError):
        find_beginning(shell, file, 0, latest=lambda stamp: None)
