"""Health probes as rows, and one answer in full.

Owns columns, texts and states of these rows, and the lines of the detail. Must not judge an answer: its source has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.runs import RunView
from console.domain.untrusted import harmless
from console.domain.verdicts import meaning
from console.present import text
from console.present.maintenance import UNSEEN
from console.present.run_rows import gate_time
from console.present.table import Cell, Column, Row
from console.present.text import Line

HEALTH_COLUMNS = (
    Column("state", "", width=1),
    Column("probe", "", grow=True, width=8),
    Column("value", "", right=True, width=6, most=12),
    Column("curve", "", right=True, width=5, most=8, priority=1),
    Column("detail", "", width=12, most=40, priority=2),
)

_PROBES = {
    Status.OK: (text.OK, "ok"),
    Status.WARNING: (text.WARNING, "warning"),
    Status.FAILED: (text.FAILED, "error"),
    Status.CRASHED: (text.FAILED, "error"),
    Status.SKIPPED: (text.OPEN, "dim"),
}


def health_rows(
    reading: ProbeReading | None,
    since: Mapping[str, datetime],
    now: datetime,
    curves: Mapping[str, Sequence[float]],
    *,
    down: bool = False,
) -> tuple[Row, ...]:
    """One row a probe: its latency while ok, else what it said and for how long. While a host is `down` for
    maintenance a probe that is ok does not see it, and says so."""
    if reading is None:
        return ()
    rows = tuple(_probe_row(probe, since.get(probe.name), now, curves.get(probe.name, ())) for probe in reading.probes)
    if not down:
        return rows
    return tuple(
        replace(row, cells=(*row.cells[:-1], Cell(UNSEEN, "warning"))) if probe.status is Status.OK else row
        for row, probe in zip(rows, reading.probes, strict=True)
    )


def gate_rows(view: RunView | None, now: datetime) -> tuple[Row, ...]:
    """What the newest samples of a run's gate say, while it looks; else none."""
    if view is None or not view.in_gate:
        return ()
    head = Row("gate", (Cell(f"gate of run {view.run}  {gate_time(view, now)}"),), heading=True)
    known = {str(status): look for status, look in _PROBES.items()}
    rows = []
    for probe, said in view.gate.items():
        glyph, state = known.get(said, (text.OPEN, "dim"))
        cells = (Cell(glyph, state), Cell(harmless(probe)), Cell(harmless(said), state))
        rows.append(Row(f"gate:{probe}", (*cells, Cell(""), Cell(""))))
    return (head, *rows)


def _probe_row(probe: ProbeResult, since: datetime | None, now: datetime, curve: Sequence[float]) -> Row:
    glyph, state = _PROBES[probe.status]
    well = probe.status is Status.OK
    said = harmless(probe.body_status or "")
    wrong_status = probe.http_status is not None and probe.http_status >= 400
    if well:
        value = text.millis(probe.latency_ms)
    elif wrong_status:
        value = str(probe.http_status)
    else:
        # The answer's own word may be a good one, and a part of it not. A word that nobody knows is a warning.
        value = said if said and (meaning(said) or Status.WARNING) is probe.status else str(probe.status)
    tail = text.spark(curve, 5, top=4 * min(curve, default=0.0)) if well else _lasting(since, now)
    return Row(
        f"probe:{probe.name}",
        (
            Cell(glyph, state),
            Cell(harmless(probe.name)),
            Cell(value, "" if well else state, sort=probe.latency_ms),
            Cell(tail, "dim"),
            Cell(harmless(probe.detail), "dim" if well else state),
        ),
    )


def _lasting(since: datetime | None, now: datetime) -> str:
    seconds = (now - since).total_seconds() if since else 0.0
    return text.brief(seconds) if seconds >= 60 else ""


def probe_key(probe: ProbeResult) -> str:
    """What a probe is known by."""
    return f"probe:{probe.name}"


def probe_lines(probe: ProbeResult, *, down: bool, local: bool = False) -> tuple[Line, ...]:
    """One answer in full; `down` when a host is in maintenance mode."""
    lines: tuple[Line, ...] = (
        (("status   ", "dim"), (str(probe.status), "ok" if probe.status is Status.OK else "error")),
        (("url      ", "dim"), (harmless(probe.url), "")),
        (("http     ", "dim"), (str(probe.http_status or text.NONE), "")),
        (("body     ", "dim"), (harmless(probe.body_status or text.NONE), "")),
        (("latency  ", "dim"), (text.millis(probe.latency_ms), "")),
        (("checked  ", "dim"), (text.day(probe.checked_at, local=local), "")),
        (("detail   ", "dim"), (harmless(probe.detail) or text.NONE, "")),
    )
    return (*lines, ((UNSEEN, "warning"),)) if down and probe.status is Status.OK else lines
