"""Environments with their verdicts; below them the hosts and workers of the banner's one.

Owns the first pane. Must not select anything itself: Enter tells the main screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult

from console.domain.failures import FailedSummary
from console.domain.maintenance import MaintenanceReading
from console.domain.queues import QueueReading
from console.domain.snapshot import Snapshot
from console.domain.untrusted import harmless
from console.domain.workers import HostReading, WorkerReading
from console.ports import Board
from console.present.environment import environment_lines
from console.present.environment_rows import (
    ENVIRONMENT_COLUMNS,
    blank,
    environment_rows,
    heading,
    host_rows,
    source_row,
    worker_rows,
)
from console.present.readings import application, freshness, judge, kind_at, others, snapshots
from console.present.table import Cell, Row
from console.present.text import FAILED, OK, OPEN, age, plural
from console.present.unread import unread, unread_rows
from console.services.container import Services
from console.ui.messages import DetailOpened, EnvironmentChosen
from console.ui.pane import Attached
from console.ui.table_pane import TablePane
from console.ui.widgets.record_table import RecordTable


class EnvironmentsPane(TablePane):
    """Enter selects another environment; on any other row it shows the troubles of the selected one."""

    NUMBER = 1
    NAME = "environments"
    TITLE = "Environments"
    SLOT = "left"
    KINDS = frozenset({"source"})
    COMMAND = "status"
    READS = (HostReading, WorkerReading, MaintenanceReading)
    EMPTY = "no environment configured"

    def compose(self) -> ComposeResult:
        """One table with sections."""
        yield RecordTable(ENVIRONMENT_COLUMNS, empty="reading …", header=False)

    def concerns(self, key: tuple[str, ...]) -> bool:
        """Every environment's readings: this pane shows all of them.

        Queue depths and failed jobs are read each second and change only the verdict, which `tick` draws anyway.
        """
        if key[0] != "source" or self.attached is None:
            return False
        board = self.attached.services.board
        found = board.get(key[1], key[2])
        failing = found is not None and found.error is not None
        return failing or kind_at(board, key[1], key[2]) not in (QueueReading, FailedSummary)

    def refresh_from(self, services: Services) -> None:
        """Judges every environment, and lists the selected one's hosts and workers."""
        if self.attached is None:
            return
        name, board, mono = self.attached.environment.name, services.board, services.clock.monotonic()
        verdicts = {
            each.name: judge(board, each.name, mono, polled=each.name == name) for each in services.environments
        }
        hosts, workers = snapshots(board, name, HostReading), snapshots(board, name, WorkerReading)
        rows = [*environment_rows(services.environments, name, verdicts)]
        self._unread = unread((*hosts, *workers))
        room = self.table.size.width - 3
        down = {host.host for each in _maintenance(board, name) if each.value for host in each.value.down}
        waiting = Cell("…", "dim") if not unread(hosts) else Cell("unread", "error")
        shown_hosts = [row for each in hosts for row in _dimmed(host_rows(each.value, down), each.stale(mono))] or [
            Row(f"host:{host.name}", (Cell(OPEN, "dim"), Cell(harmless(host.name)), waiting, Cell("")))
            for host in self.attached.environment.hosts
        ]
        shown_hosts += unread_rows(unread(hosts), room, glyph=True)
        rows += [blank("hosts"), heading("hosts", "load, disk used"), *shown_hosts]
        shown_workers = [row for each in workers for row in _dimmed(worker_rows(each.value), each.stale(mono))]
        if shown_workers or workers:
            gaps = unread_rows(unread(workers), room, glyph=True)
            rows += [blank("workers"), heading("workers"), *(shown_workers or gaps or _NO_WORKERS)]
        if rest := others(board, name, self.attached.shown):
            rows.append(blank("others"))
            rows += [source_row(each, mono) for each in rest]
        fresh = freshness((*hosts, *workers), mono)
        # The table is not marked stale: other environments' verdicts must stay readable while these hosts are old.
        self.table.show(rows, mono=mono)
        note = f"hosts and workers {age(fresh.age)}" if fresh.stale and not fresh.waiting else ""
        self.show_border(note=note, error=fresh.error, stale=fresh.stale and not fresh.waiting)
        verdict = verdicts[name]
        state = {"ok": "ok", "warning": "warning", "failed": "error", "lost": "error"}.get(verdict.state, "dim")
        troubles = f"  {verdict.troubles[0]}" if verdict.troubles else ""
        self.show_summary(
            (f"{OK if verdict.state == 'ok' else FAILED if state == 'error' else '▲'} ", state),
            (harmless(name), "bold"),
            (f"  {plural(len(self.attached.environment.hosts), 'host')}", "dim"),
            (troubles, state),
        )

    def open_unread(self, key: str) -> bool:  # noqa: ARG002 - an environment in full has every error among its troubles
        """Failed readings have no detail of their own here."""
        return False

    def open_row(self, key: str, attached: Attached) -> None:
        """Selects the environment under the cursor, or shows the troubles of the selected one."""
        kind, _, name = key.partition(":")
        own, services = attached.environment.name, attached.services
        if kind == "environment" and name != own:
            self.post_message(EnvironmentChosen(name))
            return
        board, mono = services.board, services.clock.monotonic()
        lines = environment_lines(
            judge(board, own, mono),
            snapshots(board, own, HostReading),
            snapshots(board, own, WorkerReading),
            application(board, own),
            mono,
            maintenance=_maintenance(board, own),
        )
        self.post_message(DetailOpened(f"{harmless(own)} · troubles, hosts, workers, application", lines))

    def copy_text(self) -> str:
        """The name under the cursor."""
        row = self.table.model.current
        return row.key.partition(":")[2] if row else ""


def _maintenance(board: Board, name: str) -> tuple[Snapshot[MaintenanceReading], ...]:
    return snapshots(board, name, MaintenanceReading)


def _dimmed(rows: Sequence[Row], stale: bool) -> list[Row]:
    if not stale:
        return list(rows)
    return [replace(row, cells=tuple(replace(cell, state="dim") for cell in row.cells)) for row in rows]


_NO_WORKERS = (Row("worker:none", (Cell(OPEN, "dim"), Cell("none configured", "dim"), Cell(""), Cell(""))),)
