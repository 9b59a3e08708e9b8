"""Health probes of the banner's environment, with the latency this session has seen.

Owns the third pane. Must not ask a URL.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from console.domain.health import ProbeReading, ProbeResult, Status
from console.domain.maintenance import MaintenanceReading
from console.domain.untrusted import harmless
from console.present import text
from console.present.health_rows import HEALTH_COLUMNS, gate_rows, health_rows, probe_key, probe_lines
from console.present.readings import freshness, snapshots
from console.present.unread import unread
from console.services.container import Services
from console.ui.messages import DetailOpened
from console.ui.pane import Attached
from console.ui.table_pane import TablePane
from console.ui.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from console.domain.snapshot import Key


class HealthPane(TablePane):
    """Each probe with its latency while it is well; else with what it says, and for how long."""

    NUMBER = 3
    NAME = "health"
    TITLE = "Health"
    SLOT = "right"
    KINDS = frozenset({"source", "run"})
    COMMAND = "health"
    READS = (ProbeReading, MaintenanceReading)
    EMPTY = "no probes: add health: [/up] to this environment"

    def __init__(self) -> None:
        super().__init__()
        self._curves: dict[str, deque[float]] = {}
        self._since: dict[str, tuple[Status, datetime]] = {}
        self._seen: float | None = None

    def compose(self) -> ComposeResult:
        """One table."""
        yield RecordTable(HEALTH_COLUMNS, empty="reading …", header=False)

    def attach(self, attached: Attached) -> None:
        """Another environment: its history starts anew."""
        super().attach(attached)
        self._curves.clear()
        self._since.clear()
        self._seen = None

    def concerns(self, key: Key) -> bool:
        """News of a run as well: its gate may be looking."""
        return key[0] == "run" or super().concerns(key)

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
        down = _down(services, self.attached.environment.name)
        rows = health_rows(reading, since, now, self._curves, down=down)
        gate = gate_rows(services.runs.current(self.attached.environment.name), now)
        self.table.show((*gate, *rows), mono=mono, stale=fresh.stale)
        self.show_border(
            note=text.age(fresh.age) if reading else "",
            error=fresh.error,
            stale=fresh.stale and not fresh.waiting,
        )
        if reading is not None:
            self._summarise(reading, down=down)

    def _remember(self, probe: ProbeResult) -> None:
        if probe.latency_ms is not None:
            self._curves.setdefault(probe.name, deque(maxlen=8)).append(probe.latency_ms)
        before = self._since.get(probe.name)
        if before is None or before[0] is not probe.status:
            self._since[probe.name] = (probe.status, probe.checked_at)

    def _summarise(self, reading: ProbeReading, *, down: bool) -> None:
        well = sum(probe.status is Status.OK for probe in reading.probes)
        bad = [f"{harmless(p.name)} {p.status}" for p in reading.probes if p.status not in (Status.OK, Status.SKIPPED)]
        self.show_summary(
            (f"{well} ok", "ok" if not bad and not down else "dim"),
            ("  in maintenance mode" if down else "", "warning"),
            (f"  {text.FAILED} " + ", ".join(bad) if bad else "", "error"),
        )

    def open_row(self, key: str, attached: Attached) -> None:
        """One answer in full."""
        board, name = attached.services.board, attached.environment.name
        for snapshot in snapshots(board, name, ProbeReading):
            for probe in snapshot.value.probes if snapshot.value else ():
                if probe_key(probe) == key:
                    lines = probe_lines(probe, down=_down(attached.services, name), local=attached.local_time)
                    self.post_message(DetailOpened(f"probe {harmless(probe.name)}", lines))


def _down(services: Services, name: str) -> bool:
    """Whether any host of the environment is in maintenance mode, by the newest reading."""
    found = snapshots(services.board, name, MaintenanceReading)
    return any(each.value is not None and bool(each.value.down) for each in found)
