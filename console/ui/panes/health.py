"""Health probes of the banner's environment, with the latency this session has seen.

Owns the third pane. Must not ask a URL.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

from textual.app import ComposeResult

from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.untrusted import harmless
from console.present import text
from console.present.readings import freshness, snapshots
from console.present.rows import HEALTH_COLUMNS, health_rows
from console.present.text import Line
from console.present.unread import unread
from console.services.container import Services
from console.ui.messages import DetailOpened
from console.ui.pane import Attached, Pane
from console.ui.widgets.record_table import RecordTable


class HealthPane(Pane):
    """Latency while a probe is well; else what it says, and for how long."""

    NUMBER = 3
    TITLE = "Health"
    WHERE = "health"
    KINDS = frozenset({"source"})
    EMPTY = "no probes: add health: [/up] to this environment"

    def __init__(self) -> None:
        super().__init__()
        self._curves: dict[str, deque[float]] = {}
        self._since: dict[str, tuple[Status, datetime]] = {}
        self._seen: float | None = None

    def compose(self) -> ComposeResult:
        """One table."""
        yield RecordTable(HEALTH_COLUMNS, empty="reading …", header=False)

    @property
    def table(self) -> RecordTable:
        """The probes."""
        return self.query_one(RecordTable)

    def attach(self, attached: Attached) -> None:
        """Another environment: its history starts anew."""
        super().attach(attached)
        self._curves.clear()
        self._since.clear()
        self._seen = None

    def refresh_from(self, services: Services) -> None:
        """Shows the newest answers."""
        if self.attached is None:
            return
        mono, now = services.clock.monotonic(), services.clock.now()
        found = snapshots(services.board, self.attached.environment.name, ProbeReading)
        reading = next((each.value for each in found if each.value is not None), None)
        taken = next((each.taken_mono for each in found if each.value is not None), None)
        if reading is not None and taken != self._seen:
            self._seen = taken
            for probe in reading.probes:
                self._remember(probe)
        since = {name: at for name, (_, at) in self._since.items()}
        fresh = freshness(found, mono)
        waiting = fresh.waiting and bool(self.attached.environment.health)
        self.table.say(*self.empty_words(unread(found), waiting=waiting))
        self.table.show(health_rows(reading, since, now, self._curves), mono=mono, stale=fresh.stale)
        self.show_border(
            note=text.age(fresh.age) if reading else "",
            error=fresh.error,
            stale=fresh.stale and not fresh.waiting,
        )
        if reading is not None:
            self._summarise(reading)

    def _remember(self, probe: ProbeResult) -> None:
        if probe.latency_ms is not None:
            self._curves.setdefault(probe.name, deque(maxlen=8)).append(probe.latency_ms)
        before = self._since.get(probe.name)
        if before is None or before[0] is not probe.status:
            self._since[probe.name] = (probe.status, probe.checked_at)

    def _summarise(self, reading: ProbeReading) -> None:
        well = sum(probe.status is Status.OK for probe in reading.probes)
        bad = [f"{harmless(p.name)} {p.status}" for p in reading.probes if p.status not in (Status.OK, Status.SKIPPED)]
        self.show_summary(
            (f"{well} ok", "ok" if not bad else "dim"), (f"  {text.FAILED} " + ", ".join(bad) if bad else "", "error")
        )

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Readings grow old without news."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        """Enter: one answer in full."""
        if self.open_unread(message.key) or self.attached is None:
            return
        local = self.attached.local_time
        for snapshot in snapshots(self.attached.services.board, self.attached.environment.name, ProbeReading):
            for probe in snapshot.value.probes if snapshot.value else ():
                if f"probe:{probe.name}" == message.key:
                    lines: list[Line] = [
                        (("status   ", "dim"), (str(probe.status), "ok" if probe.status is Status.OK else "error")),
                        (("url      ", "dim"), (harmless(probe.url), "")),
                        (("http     ", "dim"), (str(probe.http_status or text.NONE), "")),
                        (("body     ", "dim"), (harmless(probe.body_status or text.NONE), "")),
                        (("latency  ", "dim"), (text.millis(probe.latency_ms), "")),
                        (("checked  ", "dim"), (text.day(probe.checked_at, local=local), "")),
                        (("detail   ", "dim"), (harmless(probe.detail) or text.NONE, "")),
                    ]
                    self.post_message(DetailOpened(f"probe {harmless(probe.name)}", lines))

    def copy_text(self) -> str:
        """The row, its columns two spaces apart."""
        row = self.table.current
        return "  ".join(cell.text for cell in row.cells if cell.text) if row else ""

    def copy_command(self) -> str:
        """The same on the command line."""
        return f"opsconsole health -e {self.attached.environment.name}" if self.attached else ""

    def go_back(self) -> bool:
        """Leaves filter or marks."""
        return self.table.leave()
