"""Queues as an operator counts them: ready, delayed, reserved, and the stuck ones among the reserved.

Owns the values every queue source returns. Must not know which driver they came from beyond its name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """One queue of one connection. Counts are jobs; `depth` is their sum.

    `stuck` is the part of `reserved` past its retry_after: its worker died or overran. `oldest_ready_seconds` is None
    when no job is ready or its age is not recorded. `paused` is None where the framework cannot say. `approximate`:
    the sum is exact, its split is not, because the queue is too long to look at every job (shown with "~").
    """

    connection: str
    queue: str
    driver: str
    ready: int
    delayed: int
    reserved: int
    stuck: int
    oldest_ready_seconds: int | None = None
    paused: bool | None = None
    approximate: bool = False

    @property
    def depth(self) -> int:
        """What Laravel calls the queue's size."""
        return self.ready + self.delayed + self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReading:
    """All queues of one Laravel queue connection, read in one round trip. `server_time` is its clock, unix seconds."""

    connection: str
    driver: str
    queues: tuple[QueueDepth, ...]
    server_time: float
