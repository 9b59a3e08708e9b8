"""Every queue of the banner's environment, how it moves, and how long until it is empty.

Owns the second pane and its history of this session. Must not read queues itself.
"""

from __future__ import annotations

from textual.app import ComposeResult

from console.domain.queues import QueueReading
from console.domain.readings import APP
from console.domain.untrusted import harmless
from console.present import text
from console.present.readings import freshness, snapshots
from console.present.rows import QUEUE_COLUMNS, queue_key, queue_rows, queue_totals
from console.present.text import Line
from console.present.unread import unread, unread_rows
from console.services.container import Services
from console.ui.history import Trends
from console.ui.messages import DetailOpened
from console.ui.pane import Attached, Pane
from console.ui.widgets.record_table import RecordTable
from console.ui.widgets.sparkline import Sparkline


class QueuesPane(Pane):
    """Depths by state; the curve below is the ready jobs of the last 15 minutes as this screen saw them."""

    NUMBER = 2
    TITLE = "Queues"
    WHERE = "queues"
    KINDS = frozenset({"source"})
    EMPTY = "no queue found yet: names come from the config, the jobs table and Redis"

    def __init__(self) -> None:
        super().__init__()
        self._trends = Trends()
        self._seen: dict[str, float] = {}

    def compose(self) -> ComposeResult:
        """The table, the curve below."""
        yield RecordTable(QUEUE_COLUMNS, empty="reading …")
        yield Sparkline()

    @property
    def table(self) -> RecordTable:
        """The queues."""
        return self.query_one(RecordTable)

    def attach(self, attached: Attached) -> None:
        """Another environment: its history starts anew."""
        super().attach(attached)
        self._trends.forget()
        self._seen.clear()
        self.query_one(Sparkline).forget()

    def refresh_from(self, services: Services) -> None:
        """Shows the newest readings; each adds one sample to the history."""
        if self.attached is None:
            return
        mono = services.clock.monotonic()
        found = snapshots(services.board, self.attached.environment.name, QueueReading)
        readings = [each.value for each in found if each.value is not None]
        new = False
        for each in found:
            if (
                each.value is not None
                and each.taken_mono is not None
                and self._seen.get(each.source) != each.taken_mono
            ):
                self._seen[each.source] = each.taken_mono
                new = True
                for queue in each.value.queues:
                    self._trends.push(queue_key(queue), each.taken_mono, queue.ready)
        ready, delayed, reserved, stuck = queue_totals(readings)
        if new and readings:
            words = [("ready, 15 min", "dim")]
            self.query_one(Sparkline).push(mono, ready, *words)
        missing = unread(found, services.board.get(self.attached.environment.name, APP))
        fresh = freshness(found or missing, mono)
        self.table.say(*self.empty_words(missing, waiting=fresh.waiting))
        # Beside others that one which is missing has rows of its own: what is shown is not all there is.
        gaps = unread_rows(missing, self.table.size.width - 3, named=True) if len(found) > len(missing) else ()
        self.table.show((*gaps, *queue_rows(readings, self._trends.all())), mono=mono, stale=fresh.stale)
        drivers = " · ".join(dict.fromkeys(harmless(reading.driver) for reading in readings))
        note = " · ".join(part for part in (drivers, text.age(fresh.age)) if part) if readings else ""
        extra = ((f"{text.count(stuck)} stuck", "dim" if fresh.stale else "error"),) if stuck else ()
        self.show_border(extra=extra, note=note, error=fresh.error, stale=fresh.stale and not fresh.waiting)
        if readings:
            self.show_summary(
                (f"{text.count(ready)} ready", "bold"),
                (f"  {text.count(delayed)} delayed  {text.count(reserved)} reserved", "dim"),
                (f"  {text.count(stuck)} stuck" if stuck else "", "error"),
            )

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Readings grow old without news."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        """Enter: one queue in words."""
        if self.open_unread(message.key) or self.attached is None:
            return
        board, name = self.attached.services.board, self.attached.environment.name
        for snapshot in snapshots(board, name, QueueReading):
            for queue in snapshot.value.queues if snapshot.value else ():
                if queue_key(queue) == message.key:
                    paused = {None: "this framework cannot say", True: "yes", False: "no"}[queue.paused]
                    lines: list[Line] = [
                        (("connection  ", "dim"), (harmless(queue.connection), ""), (f"  {queue.driver}", "dim")),
                        (("ready       ", "dim"), (text.count(queue.ready), "bold")),
                        (("delayed     ", "dim"), (text.count(queue.delayed), "")),
                        (("reserved    ", "dim"), (text.count(queue.reserved), "")),
                        (
                            ("stuck       ", "dim"),
                            (text.count(queue.stuck), "error" if queue.stuck else "dim"),
                            ("  reserved longer than retry_after: the worker died or overran", "dim"),
                        ),
                        (("oldest      ", "dim"), (text.span(queue.oldest_ready_seconds), "")),
                        (("paused      ", "dim"), (paused, "")),
                        (("read        ", "dim"), (text.day(snapshot.taken_at, local=self.attached.local_time), "")),
                    ]
                    self.post_message(DetailOpened(f"queue {harmless(queue.queue)}", lines))

    def copy_text(self) -> str:
        """The row, its columns two spaces apart."""
        row = self.table.current
        return "  ".join(cell.text for cell in row.cells if cell.text) if row else ""

    def copy_command(self) -> str:
        """The same on the command line."""
        return f"opsconsole queues -e {self.attached.environment.name}" if self.attached else ""

    def go_back(self) -> bool:
        """Leaves filter or marks."""
        return self.table.leave()
