"""What stands where a reading is missing because it could not be read: never the words of an empty table.

Owns those words and rows, and which sources of a pane they are about. Must not read anything; it is given snapshots.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from console.domain.queues import QueueReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.present.table import Cell, Row
from console.present.text import FAILED, Line, brief, day, moment

KEY = "unread:"
"""The beginning of the keys of rows that stand for a source instead of for what it says."""


def unread(found: Iterable[Snapshot[object]], app: Snapshot[object] | None = None) -> tuple[Snapshot[object], ...]:
    """The snapshots whose every read has failed so far. Without any snapshot at all it is `app` that counts: sources
    that discovery finds do not exist before it worked."""
    every = tuple(found)
    if not every and app is not None:
        every = (app,)
    return tuple(each for each in every if each.value is None and each.error is not None)


def source_words(snapshot: Snapshot[object]) -> str:
    """A source as people know it: a queue connection by its own name."""
    return harmless(snapshot.title or snapshot.source)


def reason(snapshot: Snapshot[object]) -> str:
    """`not readable: REASON`, on one harmless line."""
    return f"not readable: {' '.join(harmless(line) for line in (snapshot.error or '').splitlines())}"


def unread_rows(
    missing: Sequence[Snapshot[object]], width: int, *, named: bool = False, glyph: bool = False
) -> tuple[Row, ...]:
    """Each missing source in as many rows of `width` columns as its reason takes; the first takes the cursor. `glyph`
    says that the table's first column holds nothing but one, `named` that sources are told apart by name."""
    rows: list[Row] = []
    for each in missing:
        words = f"{source_words(each)}: {reason(each)}" if named else reason(each)
        # A table that is not on the screen has no width; it is filled again when it gets one.
        first, *rest = textwrap.wrap(words, max(12, width - 2) if width > 0 else 60, max_lines=5, placeholder=" …")
        cells = (Cell(FAILED, "error"), Cell(first, "error")) if glyph else (Cell(f"{FAILED} {first}", "error"),)
        rows.append(Row(f"{KEY}{each.source}", cells))
        rows += [
            Row(f"{KEY}{each.source}:{at}", (Cell(f"  {line}", "error"),), heading=True)
            for at, line in enumerate(rest, 1)
        ]
    return tuple(rows)


def uncounted_words(found: Iterable[Snapshot[Any]]) -> list[str]:
    """Each queue connection of which no job was counted although nothing failed, and why."""
    values = (each.value for each in found)
    return [
        f"{harmless(value.connection)}: {value.uncounted}"
        for value in values
        if isinstance(value, QueueReading) and value.uncounted
    ]


def unread_lines(missing: Sequence[Snapshot[object]], now: datetime, *, local: bool = False) -> tuple[Line, ...]:
    """Each missing source in full: the whole error and since when."""
    lines: list[Line] = []
    for each in missing:
        since = each.failing_since
        lines.append(((source_words(each), "bold"), ("  not readable", "error")))
        lines += [((f"  {harmless(line)}", ""),) for line in (each.error or "").splitlines()]
        if since is not None:
            lasting = brief((now - since).total_seconds())
            lines.append((("  since ", "dim"), (day(since, local=local), ""), (f"  {lasting}", "dim")))
        lines.append(())
    return (*lines, ((f"now {moment(now, local=local)}; it is tried again by itself, ctrl+r tries at once", "dim"),))
