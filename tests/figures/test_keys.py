"""How soon a key is answered on the screen while its log pane takes ten thousand lines a second."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from tests.figures.conftest import HEIGHT, TITLES, WIDTH, Programs, alive
from tests.figures.paint import Awaited, paint_times, percentile, tell
from tests.lab.seeding import LogWriter
from tests.lab.world import Lab
from tests.terminal.session import Terminal

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
ENTRIES = 6_700
"""A second; one in eight is a record of five lines, so that makes a little more than 10,000 lines."""
KEYS = 240


def focused(title: str) -> Callable[[pyte.Screen], bool]:
    """Whether a pane's title is drawn as that of the pane which has the keys."""

    def shown(screen: pyte.Screen) -> bool:
        for row, line in enumerate(screen.display):
            if (column := line.find(title)) >= 0:
                return bool(screen.buffer[row][column].bold)
        return False

    return shown


def counted(number: int) -> Callable[[pyte.Screen], bool]:
    """Whether the smallest application has shown that many keys."""
    return lambda screen: screen.display[0].startswith(f"hello world {number} ")


def logged(number: int) -> Callable[[pyte.Screen], bool]:
    """Whether that entry of the log is shown."""
    return lambda screen: any(f"order {number} " in line for line in screen.display)


def lines_in(log: Path) -> int:
    """How many lines a file has."""
    with log.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def typed(screen: Terminal, small: Terminal) -> tuple[list[Awaited], list[Awaited]]:
    """Types keys into both in turn, at uneven pace; when, and what shows that they were obeyed."""
    dice = random.Random(3)
    ours, theirs = [], []
    for number in range(1, KEYS + 1):
        title = TITLES[number % len(TITLES)]
        ours.append(Awaited(screen.press(title[0]), focused(title)))
        time.sleep(dice.uniform(0.1, 0.2))
        theirs.append(Awaited(small.press("x"), counted(number)))
        time.sleep(dice.uniform(0.02, 0.1))
    return ours, theirs


def test_keys_are_answered_while_logs_pour_in(programs: Programs, seeded: Lab) -> None:
    log = seeded.node1.log
    with programs.screen() as screen, programs.small() as small:
        screen.wait_for(alive, 60)
        small.wait_for("hello world", 20)
        before, begun = lines_in(log), time.monotonic()
        with LogWriter(seeded.node1, ENTRIES, hold=True) as writer:
            screen.wait_for(lambda text: re.search(r"order \d{5} ", text) is not None, 30)
            ours, theirs = typed(screen, small)
            last, end = writer.stop(), time.monotonic()
        rate = (lines_in(log) - before) / (end - begun)
        time.sleep(5)
        *figures, late = paint_times(screen, [*ours, Awaited(end, logged(last))], width=WIDTH, height=HEIGHT)
        anchors = paint_times(small, theirs, width=WIDTH, height=HEIGHT)
    log.write_bytes(b"")
    p50, p95 = (percentile(figures, share) * 1000 for share in (0.5, 0.95))
    a50, a95 = (percentile(anchors, share) * 1000 for share in (0.5, 0.95))
    tell(
        "key to paint while logs pour in",
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms (at most 50), {rate:,.0f} lines/s; empty Textual app p50 {a50:.0f} ms, "
        f"p95 {a95:.0f} ms; {KEYS} keys each; the last line shown {late * 1000:.0f} ms after its writer had ended",
    )
    assert rate >= 10_000
    assert late <= 1
    assert p95 <= 50
