"""Queues as rows: how many jobs wait in each, how that moves, and one queue in full.

Owns columns, texts and states of these rows, and the lines of the detail. Must not read anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from console.domain.counts import Count
from console.domain.queues import QueueDepth, QueueReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.present import text
from console.present.payload import guesses, queue_bounds
from console.present.table import Cell, Column, Row
from console.present.text import Line
from console.present.trends import Trend

QUEUE_COLUMNS = (
    Column("queue", "queue", grow=True, width=10),
    Column("ready", "ready", right=True, width=6),
    Column("delayed", "delayed", right=True),
    Column("reserved", "reserved", right=True, priority=1),
    Column("stuck", "stuck", right=True),
    Column("oldest", "oldest", right=True, width=7),
    Column("trend", "per min", right=True, width=7, priority=3),
    Column("drain", "drain", width=9, priority=2),
    Column("connection", "connection", priority=4, most=14),
    Column("driver", "driver", priority=5),
)


def queue_rows(readings: Sequence[QueueReading], trends: Mapping[str, Trend]) -> tuple[Row, ...]:
    """One row a queue, in the order of the connections."""
    names = Counter(queue.queue for reading in readings for queue in reading.queues)
    return tuple(
        _queue_row(queue, trends.get(queue_key(queue)), twice=names[queue.queue] > 1)
        for reading in readings
        for queue in reading.queues
    )


def uncounted_rows(readings: Sequence[QueueReading]) -> tuple[Row, ...]:
    """A line for each connection of which no job was counted: dim where the application does not use it."""
    return tuple(
        Row(
            f"uncounted:{each.connection}",
            (Cell(f"{harmless(each.connection)}: {each.uncounted}", "warning" if each.used else "dim"),),
            heading=True,
        )
        for each in readings
        if each.uncounted
    )


def queue_key(queue: QueueDepth) -> str:
    """Connection and name: what a queue is known by."""
    return f"{queue.connection}:{queue.queue}"


def _queue_row(queue: QueueDepth, trend: Trend | None, *, twice: bool) -> Row:
    oldest = queue.oldest_ready_seconds
    late = "error" if oldest is not None and oldest >= 600 else "warning" if oldest and oldest >= 120 else ""
    troubled = "warning" if queue.paused or late or queue.stuck else ""
    name = queue.label + (f"·{harmless(queue.connection)}" if twice else "")
    if queue.paused:
        name = f"{text.PAUSED} {name}"
    counts = queue.counts
    return Row(
        queue_key(queue),
        (
            Cell(name, "warning" if queue.paused else ""),
            _count(counts.ready, troubled),
            _count(counts.delayed),
            _count(counts.reserved),
            _count(counts.stuck, "error", zero=text.NONE),
            Cell(text.span(oldest), late or ("dim" if not oldest else ""), sort=float(oldest or -1)),
            Cell(trend.words if trend else "", "dim", sort=trend.per_minute if trend else 0.0),
            _drain(queue, trend),
            Cell(harmless(queue.connection), "dim"),
            Cell(harmless(queue.driver), "dim"),
        ),
    )


def _count(found: Count, state: str = "", *, zero: str = "0") -> Cell:
    shown = text.counted(found) if found.number or not found.is_complete else zero
    return Cell(shown, state if found.number else "dim", sort=float(found.number))


def _drain(queue: QueueDepth, trend: Trend | None) -> Cell:
    if queue.paused:
        return Cell(f"{text.PAUSED} paused", "warning")
    if not queue.ready:
        return Cell("empty", "dim", sort=0.0)
    left = trend.seconds_left(queue.ready) if trend else None
    if left is None:
        growing = trend is not None and trend.per_minute > 0
        return Cell("growing" if growing else "steady" if trend else "", "warning" if growing else "dim", sort=1e12)
    return Cell("now" if left < 10 else f"≈ {text.brief(left)}", "ok" if left < 600 else "warning", sort=left)


def queue_lines(queue: QueueDepth, snapshot: Snapshot[QueueReading], *, local: bool = False) -> tuple[Line, ...]:
    """One queue in words, and how far its numbers can be trusted."""
    told = (queue.bound, *guesses([snapshot]), *queue_bounds([snapshot]))
    counts = queue.counts
    paused = {None: "not read yet", True: "yes", False: "no"}[queue.paused]
    return (
        (("connection  ", "dim"), (harmless(queue.connection), ""), (f"  {queue.driver}", "dim")),
        (("ready       ", "dim"), (text.counted(counts.ready), "bold")),
        (("delayed     ", "dim"), (text.counted(counts.delayed), "")),
        (("reserved    ", "dim"), (text.counted(counts.reserved), "")),
        (
            ("stuck       ", "dim"),
            (text.counted(counts.stuck), "error" if queue.stuck else "dim"),
            ("  reserved longer than retry_after: the worker died or overran", "dim"),
        ),
        (("oldest      ", "dim"), (text.span(queue.oldest_ready_seconds), "")),
        (("paused      ", "dim"), (paused, "")),
        (("read        ", "dim"), (text.day(snapshot.taken_at, local=local), "")),
        *(((words, "warning"),) for words in told if words),
    )
