"""What this session has seen of moving numbers: the last minutes of each, for trends and small curves.

Owns those samples. Must not poll, nor read a clock.
"""

from __future__ import annotations

from collections import deque

from console.present.trends import Trend

_KEPT = 300.0
_SHORTEST = 15.0


class Trends:
    """Remembers five minutes of one number per key."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def push(self, key: str, mono: float, value: int) -> None:
        """Adds a sample taken at `mono` seconds."""
        samples = self._samples.setdefault(key, deque())
        if not samples or mono > samples[-1][0]:
            samples.append((mono, value))
        while mono - samples[0][0] > _KEPT:
            samples.popleft()

    def get(self, key: str) -> Trend | None:
        """The trend over what is remembered; None before 15 s of history."""
        samples = self._samples.get(key)
        if not samples or (seconds := samples[-1][0] - samples[0][0]) < _SHORTEST:
            return None
        return Trend((samples[-1][1] - samples[0][1]) / seconds * 60, seconds)

    def all(self) -> dict[str, Trend]:
        """The trend of every key that has one."""
        return {key: trend for key in self._samples if (trend := self.get(key))}

    def forget(self) -> None:
        """Drops everything: another environment is shown."""
        self._samples.clear()
