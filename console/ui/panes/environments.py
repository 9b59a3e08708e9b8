"""Environments with their verdicts; below them the hosts and workers of the banner's one.

Owns the first pane. Must not select anything itself: Enter tells the main screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult

from console.domain.untrusted import harmless
from console.domain.workers import HostReading, WorkerReading
from console.present.environment import environment_lines
from console.present.readings import freshness, judge, others, snapshots
from console.present.rows import (
    ENVIRONMENT_COLUMNS,
    blank,
    environment_rows,
    heading,
    host_rows,
    source_row,
    worker_rows,
)
from console.present.table import Cell, Row
from console.present.text import FAILED, OK, OPEN, age, plural
from console.present.unread import unread, unread_rows
from console.services.container import Services
from console.ui.messages import DetailOpened, EnvironmentChosen
from console.ui.pane import Pane
from console.ui.widgets.record_table import RecordTable


class EnvironmentsPane(Pane):
    """Enter on an environment makes it the banner's; on the banner's own and elsewhere it shows its troubles."""

    NUMBER = 1
    TITLE = "Environments"
    WHERE = "environments"
    KINDS = frozenset({"source"})
    EMPTY = "no environment configured"

    def compose(self) -> ComposeResult:
        """One table with sections."""
        yield RecordTable(ENVIRONMENT_COLUMNS, empty="reading …", header=False)

    @property
    def table(self) -> RecordTable:
        """The only child."""
        return self.query_one(RecordTable)

    def concerns(self, key: tuple[str, ...]) -> bool:
        """Every environment's readings: this pane shows all of them."""
        return key[0] == "source"

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
        waiting = Cell("…", "dim") if not unread(hosts) else Cell("unread", "error")
        shown_hosts = [row for each in hosts for row in _dimmed(host_rows(each.value), each.stale(mono))] or [
            Row(f"host:{host.name}", (Cell(OPEN, "dim"), Cell(harmless(host.name)), waiting, Cell("")))
            for host in self.attached.environment.hosts
        ]
        shown_hosts += unread_rows(unread(hosts), room, glyph=True)
        rows += [blank("hosts"), heading("hosts", "load, disk used"), *shown_hosts]
        shown_workers = [row for each in workers for row in _dimmed(worker_rows(each.value), each.stale(mono))]
        if shown_workers or workers:
            gaps = unread_rows(unread(workers), room, glyph=True)
            rows += [blank("workers"), heading("workers"), *(shown_workers or gaps or _NO_WORKERS)]
        if rest := others(board, name):
            rows.append(blank("others"))
            rows += [source_row(each, mono) for each in rest]
        fresh = freshness((*hosts, *workers), mono)
        # The verdicts of other environments stay readable while this one's hosts are old.
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

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Readings grow old without news."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        """Enter."""
        kind, _, name = message.key.partition(":")
        if self.attached is None:
            return
        own = self.attached.environment.name
        if kind == "environment" and name != own:
            self.post_message(EnvironmentChosen(name))
            return
        board, mono = self.attached.services.board, self.attached.services.clock.monotonic()
        lines = environment_lines(
            judge(board, own, mono), snapshots(board, own, HostReading), snapshots(board, own, WorkerReading), mono
        )
        self.post_message(DetailOpened(f"{harmless(own)} · troubles, hosts and workers", lines))

    def copy_text(self) -> str:
        """The name under the cursor."""
        row = self.table.current
        return row.key.partition(":")[2] if row else ""

    def copy_command(self) -> str:
        """Its status on the command line."""
        return f"opsconsole status -e {self.attached.environment.name}" if self.attached else ""

    def go_back(self) -> bool:
        """Leaves filter or marks."""
        return self.table.leave()


def _dimmed(rows: Sequence[Row], stale: bool) -> list[Row]:
    if not stale:
        return list(rows)
    return [replace(row, cells=tuple(replace(cell, state="dim") for cell in row.cells)) for row in rows]


_NO_WORKERS = (Row("worker:none", (Cell(OPEN, "dim"), Cell("none configured", "dim"), Cell(""), Cell(""))),)
