"""How a number moves, as a value.

Owns the words for a trend and the estimate that follows from it. Must not call an estimate a fact: it comes from this
session's own history only, and callers label it so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trend:
    """Ready jobs gained a minute, over the last `seconds`."""

    per_minute: float
    seconds: float

    @property
    def words(self) -> str:
        """`+12`, `−40`, `±0`."""
        whole = round(self.per_minute)
        return f"{whole:+,}".replace("-", "−") if whole else "±0"

    def seconds_left(self, ready: int) -> float | None:
        """Until `ready` is gone at this rate; None when it does not shrink."""
        return ready / -self.per_minute * 60 if self.per_minute <= -0.5 else None
