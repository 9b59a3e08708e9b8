"""How the figures are taken: replaying a terminal's output to the moment something was painted, percentiles, and one
line per figure beside its anchor. Judges nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import pyte

from tests.terminal.session import STRANGE, Terminal, processor_seconds


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which that part (0–1) of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def times(action: Callable[[], object], count: int) -> list[float]:
    """The seconds of each of `count` calls, after two that are not counted."""
    found = []
    for number in range(count + 2):
        began = time.perf_counter()
        action()
        if number >= 2:
            found.append(time.perf_counter() - began)
    return found


def typed_to_painted(terminal: Terminal, text: str, prefix: str, gap: float) -> list[float]:
    """Types a text key by key; for each key the seconds until the screen first showed what was typed so far.

    The screen is followed by replaying its output afterwards, so looking costs the program nothing.
    """
    pressed: list[float] = []
    first = len(terminal.chunks)
    for letter in text:
        until = time.monotonic() + gap
        pressed.append(time.monotonic())
        terminal.press(letter)
        while time.monotonic() < until:
            time.sleep(0.005)
    time.sleep(1.0)
    screen = pyte.Screen(terminal.width, terminal.height)
    stream = pyte.ByteStream(screen)
    found: list[float] = []
    for number, (at, data) in enumerate(list(terminal.chunks)):
        stream.feed(STRANGE.sub(b"", data))
        while number >= first and len(found) < len(text):
            wanted = prefix + text[: len(found) + 1]
            if not any(wanted in line for line in screen.display):
                break
            found.append(max(0.0, at - pressed[len(found)]))
    if len(found) < len(text):
        raise TimeoutError(f"only {len(found)} of {len(text)} keys were painted; the screen:\n{terminal.text}")
    return found


def cost(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """The share of one core a program uses, and the bytes it writes a second, over a while."""
    began, used = time.monotonic(), processor_seconds(terminal.pid)
    time.sleep(seconds)
    passed = time.monotonic() - began
    return (processor_seconds(terminal.pid) - used) / passed, terminal.written_since(began) / passed


def report(name: str, value: str, limit: str, anchor: str) -> None:
    """Prints one figure."""
    print(f"\n{name:<44} {value:>16}   goal {limit:<14} anchor: {anchor}", flush=True)


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
