"""When a terminal showed what: the recorded output replayed after the fact, so that looking costs the measured program
nothing. Knows terminals only."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyte

from tests.terminal.session import STRANGE, Terminal

Shown = Callable[[pyte.Screen], bool]


@dataclass(frozen=True, slots=True)
class Awaited:
    """A key that was typed at a moment of the monotonic clock, and what shows that it was obeyed."""

    pressed: float
    shown: Shown


def paint_times(terminal: Terminal, awaited: Sequence[Awaited], *, width: int, height: int) -> list[float]:
    """For each key the seconds until the screen first showed its effect; infinity for a key that never did.

    Keys are in the order they were typed, each typed when the one before could long have been painted.
    """
    screen = pyte.Screen(width, height)
    stream = pyte.ByteStream(screen)
    found = [math.inf] * len(awaited)
    current = -1
    for at, data in list(terminal.chunks):
        while current + 1 < len(awaited) and awaited[current + 1].pressed <= at:
            current += 1
        stream.feed(STRANGE.sub(b"", data))
        if current >= 0 and found[current] == math.inf and awaited[current].shown(screen):
            found[current] = at - awaited[current].pressed
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are at or below."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def tell(name: str, text: str) -> None:
    """One figure on one line, with how busy the machine is meanwhile."""
    print(f"\nFIGURE {name}: {text} [load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores]", flush=True)
