"""Failed jobs as rows, one by one or by their cause.

Owns columns, texts and states of these rows. Must not group: the domain does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from console.domain.failures import FailedGroup, FailedJob
from console.domain.untrusted import harmless
from console.present import text
from console.present.table import Cell, Column, Row

FAILED_COLUMNS = (
    Column("job", "job", width=12, most=32),
    Column("cause", "cause", grow=True, width=12),
    Column("when", "when", right=True, width=4),
    Column("queue", "queue", most=16, priority=1),
    Column("connection", "connection", most=12, priority=3),
    Column("uuid", "uuid", most=9, priority=2),
)

GROUP_COLUMNS = (
    Column("job", "job", width=12, most=32),
    Column("cause", "cause", grow=True, width=12),
    Column("count", "count", right=True, width=5),
    Column("last", "last", right=True, width=4),
    Column("first", "since", right=True, width=5, priority=2),
)
CAUSE = 1
"""The place of the cause in both."""


def short_class(name: str) -> str:
    """A class without its namespace."""
    return name.rpartition("\\")[2] or name


def cause(job: FailedJob | FailedGroup) -> str:
    """`Exception: message` on one harmless line."""
    kind, message = short_class(job.exception_class.show(200)), job.message.show(300)
    return f"{kind}: {message}" if message and kind else kind or message or "no exception recorded"


def failed_rows(jobs: Sequence[FailedJob], now: datetime) -> tuple[Row, ...]:
    """One row a failed job, newest first."""
    return tuple(
        Row(
            job.name,
            (
                Cell(short_class(job.job.show(200))),
                Cell(cause(job)),
                _ago(job.failed_at, now),
                Cell(harmless(job.queue), "dim"),
                Cell(harmless(job.connection), "dim"),
                Cell(harmless(job.name)[:8], "dim"),
            ),
        )
        for job in jobs
    )


def group_key(group: FailedGroup) -> str:
    """Job and signature: what a group is known by."""
    return f"{group.job.show(200)}|{group.signature}"


def group_rows(groups: Sequence[FailedGroup], now: datetime) -> tuple[Row, ...]:
    """One row a cause, the most frequent first; a cause first seen within the hour stands out."""
    rows = []
    named = Counter((group.job, _without_namespace(group.signature)) for group in groups)
    for group in groups:
        shown = _without_namespace(group.signature)
        if named[group.job, shown] > 1:
            # Two exceptions of one name: only the namespace tells them apart.
            shown = group.signature
        fresh = group.first_seen is not None and (now - group.first_seen).total_seconds() < 3600
        first = _ago(group.first_seen, now)
        rows.append(
            Row(
                group_key(group),
                (
                    Cell(short_class(group.job.show(200))),
                    Cell(shown),
                    Cell(text.counted(group.counted), "error" if fresh else "", sort=float(group.count)),
                    _ago(group.last_seen, now),
                    Cell(first.text, "warning" if fresh else "dim", sort=first.sort),
                ),
            )
        )
    return tuple(rows)


def _without_namespace(signature: str) -> str:
    name, separator, message = signature.partition(": ")
    return short_class(name) + separator + message


def _ago(at: datetime | None, now: datetime) -> Cell:
    seconds = None if at is None else (now - at).total_seconds()
    # Whole minutes: a list of hundred ages must not repaint itself each second.
    shown = text.brief(seconds) if seconds is None or seconds >= 60 else "now"
    return Cell(shown, "dim", sort=seconds)
