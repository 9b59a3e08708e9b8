"""Domain values turned into table rows: what each pane shows of what it was given.

Owns columns, texts and states of every pane's rows. Must not read anything, nor know a toolkit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.failures import FailedGroup, FailedJob
from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.queues import QueueDepth, QueueReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.domain.workers import HostReading, Worker, WorkerReading
from console.present import text
from console.present.readings import DISK_BAD, DISK_DOUBTFUL, Verdict, host_troubles, skewed, strained
from console.present.table import Cell, Column, Row
from console.present.trends import Trend

if TYPE_CHECKING:
    from console.domain.environment import Environment
# --- environments, hosts, workers ------------------------------------------------------------------------------------

ENVIRONMENT_COLUMNS = (
    Column("state", "", width=1),
    Column("name", "", grow=True, width=14),
    Column("value", "", right=True, most=14),
    Column("tail", "", right=True, most=6, priority=1),
)

_VERDICTS = {
    "ok": (text.OK, "ok"),
    "warning": (text.WARNING, "warning"),
    "failed": (text.FAILED, "error"),
    "lost": (text.OPEN, "error"),
    "unknown": (text.OPEN, "dim"),
}


def environment_rows(
    environments: Sequence[Environment], selected: str, verdicts: Mapping[str, Verdict]
) -> tuple[Row, ...]:
    """One row an environment; the selected one is bold."""
    rows = []
    for environment in environments:
        verdict = verdicts.get(environment.name, Verdict("unknown"))
        glyph, state = _VERDICTS[verdict.state]
        words = {"ok": "ok", "lost": "unread", "unknown": "…"}.get(verdict.state)
        marks = "▲" if verdict.state == "warning" else text.FAILED
        name = Cell(harmless(environment.name), "bold" if environment.name == selected else "")
        value = Cell(words or f"{marks}{len(verdict.troubles)}", "dim" if verdict.state == "ok" else state)
        rows.append(Row(f"environment:{environment.name}", (Cell(glyph, state), name, value, Cell(""))))
    return tuple(rows)


def host_rows(reading: HostReading | None) -> tuple[Row, ...]:
    """One row a host: load of a minute and disk use; a host that could not be read says why."""
    if reading is None:
        return ()
    rows = []
    for host in reading.hosts:
        full = host.disk_percent
        disk = "error" if full >= DISK_BAD else "warning" if full >= DISK_DOUBTFUL else "dim"
        load = "warning" if strained(host) else "dim"
        found = host_troubles(host)
        worst = "error" if any(bad for _, bad in found) else "warning" if found else "ok"
        glyph = {"ok": text.OK, "warning": text.WARNING, "error": text.FAILED}[worst]
        value = Cell(f"clock {host.clock_skew:+.0f}s", "warning") if skewed(host) else Cell(f"{host.load:.2f}", load)
        rows.append(
            Row(
                f"host:{host.host}",
                (Cell(glyph, worst), Cell(host.host), value, Cell(f"{host.disk_percent}%", disk)),
            )
        )
    return (*rows, *_error_rows("host", reading.errors))


def worker_rows(reading: WorkerReading | None) -> tuple[Row, ...]:
    """One row a program, over all hosts: running of expected processes."""
    if reading is None:
        return ()
    programs: dict[str, list[Worker]] = {}
    for worker in reading.workers:
        programs.setdefault(worker.name, []).append(worker)
    rows = []
    for name, workers in programs.items():
        running, expected = sum(w.running for w in workers), sum(w.expected for w in workers)
        state = "ok" if running == expected and expected else "warning" if running else "error"
        glyph = {"ok": text.OK, "warning": text.WARNING, "error": text.FAILED}[state]
        word = "" if running else next((w.status for w in workers if w.status != "running"), "")
        value = Cell(word or f"{running}/{expected}", state)
        rows.append(Row(f"worker:{name}", (Cell(glyph, state), Cell(harmless(name)), value, Cell("", "dim"))))
    return (*rows, *_error_rows("worker", reading.errors))


def source_row(snapshot: Snapshot[object], mono: float) -> Row:
    """One line for a source without a pane: what it says, or why it does not; of an old word also its age."""
    age, old = snapshot.age(mono), snapshot.stale(mono)
    said = snapshot.said or harmless(snapshot.source)
    if snapshot.error is not None:
        cells = Cell(text.FAILED, "error"), Cell(f"{harmless(snapshot.source)}: {snapshot.error}", "error")
    elif age is None:
        cells = Cell(text.OPEN, "dim"), Cell(said, "dim")
    else:
        cells = (
            Cell(text.OK, "dim" if old else "ok"),
            Cell(f"{text.brief(age)} {said}" if old else said, "dim" if old else ""),
        )
    return Row(f"source:{snapshot.source}", cells)


def _error_rows(kind: str, errors: Sequence[str]) -> tuple[Row, ...]:
    rows = []
    for error in errors:
        name, _, why = error.partition(": ")
        cells = (Cell(text.OPEN, "error"), Cell(name), Cell(why or "not readable", "error"), Cell(""))
        rows.append(Row(f"{kind}-error:{name}", cells))
    return tuple(rows)


def heading(title: str, columns: str = "") -> Row:
    """A line between sections; `columns` says what the numbers below it are."""
    return Row(f"heading:{title}", (Cell(title + (f" · {columns}" if columns else ""), "dim"),), heading=True)


def blank(name: str) -> Row:
    """An empty line between sections."""
    return Row(f"blank:{name}", (Cell(""),), heading=True)


# --- queues ----------------------------------------------------------------------------------------------------------

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
    names = [queue.queue for reading in readings for queue in reading.queues]
    return tuple(
        _queue_row(queue, trends.get(queue_key(queue)), twice=names.count(queue.queue) > 1)
        for reading in readings
        for queue in reading.queues
    )


def queue_key(queue: QueueDepth) -> str:
    """Connection and name: what a queue is known by."""
    return f"{queue.connection}:{queue.queue}"


def _queue_row(queue: QueueDepth, trend: Trend | None, *, twice: bool) -> Row:
    oldest = queue.oldest_ready_seconds
    late = "error" if oldest is not None and oldest >= 600 else "warning" if oldest and oldest >= 120 else ""
    troubled = "warning" if queue.paused or late or queue.stuck else ""
    name = harmless(queue.queue) + (f"·{harmless(queue.connection)}" if twice else "")
    if queue.paused:
        name = f"{text.PAUSED} {name}"
    return Row(
        queue_key(queue),
        (
            Cell(name, "warning" if queue.paused else ""),
            _count(queue.ready, troubled),
            _count(queue.delayed),
            _count(queue.reserved),
            _count(queue.stuck, "error", zero=text.NONE),
            Cell(text.span(oldest), late or ("dim" if not oldest else ""), sort=float(oldest or -1)),
            Cell(trend.words if trend else "", "dim", sort=trend.per_minute if trend else 0.0),
            _drain(queue, trend),
            Cell(harmless(queue.connection), "dim"),
            Cell(harmless(queue.driver), "dim"),
        ),
    )


def _count(number: int, state: str = "", *, zero: str = "0") -> Cell:
    return Cell(text.count(number) if number else zero, state if number else "dim", sort=float(number))


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


def queue_totals(readings: Sequence[QueueReading]) -> tuple[int, int, int, int]:
    """Ready, delayed, reserved and stuck over all queues."""
    queues = [queue for reading in readings for queue in reading.queues]
    return (
        sum(queue.ready for queue in queues),
        sum(queue.delayed for queue in queues),
        sum(queue.reserved for queue in queues),
        sum(queue.stuck for queue in queues),
    )


# --- health ----------------------------------------------------------------------------------------------------------

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
    reading: ProbeReading | None, since: Mapping[str, datetime], now: datetime, curves: Mapping[str, Sequence[float]]
) -> tuple[Row, ...]:
    """One row a probe: its latency while ok, else what it said and for how long."""
    if reading is None:
        return ()
    return tuple(_probe_row(probe, since.get(probe.name), now, curves.get(probe.name, ())) for probe in reading.probes)


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
        value = said or str(probe.status)
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


# --- failed jobs -----------------------------------------------------------------------------------------------------

FAILED_COLUMNS = (
    Column("when", "when", right=True, width=4),
    Column("job", "job", width=12, most=32),
    Column("cause", "cause", grow=True, width=12),
    Column("queue", "queue", most=16, priority=1),
    Column("connection", "connection", most=12, priority=3),
    Column("uuid", "uuid", most=9, priority=2),
)

GROUP_COLUMNS = (
    Column("count", "count", right=True, width=5),
    Column("job", "job", width=12, most=32),
    Column("cause", "cause", grow=True, width=12),
    Column("last", "last", right=True, width=4),
    Column("first", "since", right=True, width=5, priority=1),
)


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
            job.uuid,
            (
                _ago(job.failed_at, now),
                Cell(short_class(job.job.show(200))),
                Cell(cause(job)),
                Cell(harmless(job.queue), "dim"),
                Cell(harmless(job.connection), "dim"),
                Cell(harmless(job.uuid)[:8], "dim"),
            ),
        )
        for job in jobs
    )


def group_rows(groups: Sequence[FailedGroup], now: datetime) -> tuple[Row, ...]:
    """One row a cause, the most frequent first; a cause first seen within the hour stands out."""
    rows = []
    for group in groups:
        fresh = group.first_seen is not None and (now - group.first_seen).total_seconds() < 3600
        first = _ago(group.first_seen, now)
        rows.append(
            Row(
                f"{group.job.show(200)}|{group.signature}",
                (
                    Cell(text.count(group.count), "error" if fresh else "", sort=float(group.count)),
                    Cell(short_class(group.job.show(200))),
                    Cell(group.signature),
                    _ago(group.last_seen, now),
                    Cell(first.text, "warning" if fresh else "dim", sort=first.sort),
                ),
            )
        )
    return tuple(rows)


def _ago(at: datetime | None, now: datetime) -> Cell:
    seconds = None if at is None else (now - at).total_seconds()
    # Whole minutes: a list of hundred ages must not repaint itself each second.
    shown = text.brief(seconds) if seconds is None or seconds >= 60 else "now"
    return Cell(shown, "dim", sort=seconds)
