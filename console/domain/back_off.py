"""How long to leave something alone that has just failed, the more often it failed in a row the longer.

Owns that one row of pauses, for sources, log files and connections alike: how fast a recovery is seen depends on it.
"""

from __future__ import annotations

PAUSES = (1.0, 2.0, 4.0, 5.0)
"""Seconds after the first, second, third and every later failure in a row."""


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row, at least one."""
    return PAUSES[min(failures, len(PAUSES)) - 1]
