"""Environments, their hosts and their workers as rows of one table with sections.

Owns columns, texts and states of these rows. Must not judge: it is handed the verdicts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.domain.workers import HostReading, Worker, WorkerReading
from console.present import text
from console.present.host_troubles import DISK_BAD, DISK_DOUBTFUL, host_troubles, skewed, strained
from console.present.readings import EnvironmentVerdict
from console.present.table import Cell, Column, Row

if TYPE_CHECKING:
    from console.domain.environment import Environment

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
    environments: Sequence[Environment], selected: str, verdicts: Mapping[str, EnvironmentVerdict]
) -> tuple[Row, ...]:
    """One row an environment; the selected one is bold."""
    rows = []
    for environment in environments:
        verdict = verdicts.get(environment.name, EnvironmentVerdict("unknown"))
        glyph, state = _VERDICTS[verdict.state]
        # Of an environment that nobody looks at one health URL is asked, and without one whether SSH answers.
        fine = "ok" if environment.name == selected else "probe ok" if environment.health else "ssh ok"
        words = {"ok": fine, "lost": "unread", "unknown": "…"}.get(verdict.state)
        marks = "▲" if verdict.state == "warning" else text.FAILED
        name = Cell(harmless(environment.name), "bold" if environment.name == selected else "")
        shown = words or f"{marks}{len(verdict.troubles)}"
        if verdict.ago is not None:
            # Whole minutes: the list must not repaint itself each second for an environment that nobody reads.
            shown = f"{shown} {text.brief(verdict.ago)} ago"
        value = Cell(shown, "dim" if verdict.state == "ok" or verdict.ago is not None else state)
        rows.append(Row(f"environment:{environment.name}", (Cell(glyph, state), name, value, Cell(""))))
    return tuple(rows)


def host_rows(reading: HostReading | None, down: Collection[str] = ()) -> tuple[Row, ...]:
    """One row a host: load of a minute and disk use; a host that could not be read says why, one that is `down` for
    maintenance that."""
    if reading is None:
        return ()
    rows = []
    for host in reading.hosts:
        full = host.disk_percent
        disk = "error" if (full or 0) >= DISK_BAD else "warning" if full is None or full >= DISK_DOUBTFUL else "dim"
        load = "warning" if strained(host) else "dim"
        found = host_troubles(host)
        worst = "error" if any(trouble.bad for trouble in found) else "warning" if found or host.host in down else "ok"
        glyph = {"ok": text.OK, "warning": text.WARNING, "error": text.FAILED}[worst]
        value = Cell(f"clock {host.clock_skew:+.0f}s", "warning") if skewed(host) else Cell(f"{host.load:.2f}", load)
        if host.host in down:
            value = Cell("maint.", "warning")
        rows.append(
            Row(
                f"host:{host.host}",
                (Cell(glyph, worst), Cell(host.host), value, Cell("?" if full is None else f"{full}%", disk)),
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
