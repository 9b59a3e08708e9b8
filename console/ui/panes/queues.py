"""Every queue of the banner's environment, how it moves, and how long until it is empty.

Owns the second pane and its history of this session. Must not read queues itself.
"""

from __future__ import annotations

from textual.app import ComposeResult

from console.domain.queues import QueueReading, queue_totals
from console.domain.readings import APP
from console.domain.snapshot import Key
from console.domain.untrusted import harmless
from console.present import text
from console.present.payload import queue_bounds
from console.present.queue_rows import QUEUE_COLUMNS, queue_key, queue_lines, queue_rows, uncounted_rows
from console.present.readings import freshness, snapshots
from console.present.unread import unread, unread_rows
from console.services.container import Services
from console.ui.history import Trends
from console.ui.messages import DetailOpened
from console.ui.pane import Attached
from console.ui.table_pane import TablePane
from console.ui.widgets.record_table import RecordTable
from console.ui.widgets.sparkline import Sparkline


class QueuesPane(TablePane):
    """Depths by state; the curve below is the ready jobs of the last 15 minutes as this screen saw them."""

    NUMBER = 2
    NAME = "queues"
    TITLE = "Queues"
    SLOT = "centre"
    KINDS = frozenset({"source"})
    COMMAND = "queues"
    READS = (QueueReading,)
    EMPTY = "no queue found yet: names come from the config, the jobs table and Redis"

    def __init__(self) -> None:
        super().__init__()
        self._trends = Trends()
        self._seen: dict[str, float] = {}

    def compose(self) -> ComposeResult:
        """The table, the curve below."""
        yield RecordTable(QUEUE_COLUMNS, empty="reading …")
        yield Sparkline()

    def attach(self, attached: Attached) -> None:
        """Another environment: its history starts anew."""
        super().attach(attached)
        self._trends.forget()
        self._seen.clear()
        self.query_one(Sparkline).forget()

    def concerns(self, key: Key) -> bool:
        """Also the application, which tells what queues there are."""
        own = self.attached is not None and key == ("source", self.attached.environment.name, APP)
        return own or super().concerns(key)

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
        unread_now = [f"{each.source} could not be read" for each in found if each.value is None and each.error]
        totals = queue_totals(readings, missing=unread_now)
        if new and readings:
            words = [("ready, 15 min", "dim")]
            self.query_one(Sparkline).push(mono, totals.ready.number, *words)
        missing = unread(found, services.board.get(self.attached.environment.name, APP))
        fresh = freshness(found or missing, mono)
        self.table.say(*self.empty_words(missing, waiting=fresh.waiting))
        # A source that cannot be read gets rows of its own beside the others, because what is shown is not everything.
        gaps = unread_rows(missing, self.table.size.width - 3, named=True) if len(found) > len(missing) else ()
        rows = (*gaps, *uncounted_rows(readings), *queue_rows(readings, self._trends.all()))
        self.table.show(rows, mono=mono, stale=fresh.stale)
        drivers = " · ".join(dict.fromkeys(harmless(reading.driver) for reading in readings))
        note = " · ".join(part for part in (drivers, text.age(fresh.age)) if part) if readings else ""
        stuck, ready = totals.stuck, totals.ready
        extra = [(f"{text.counted(stuck)} stuck", "dim" if fresh.stale else "error")] if stuck.number else []
        if bound := queue_bounds(found):
            extra.append((harmless(f"not all queues: {bound[0]}"), "warning"))
        if any(reading.guesses for reading in readings):
            extra.append(("on defaults", "warning"))
        self.show_border(extra=tuple(extra), note=note, error=fresh.error, stale=fresh.stale and not fresh.waiting)
        if readings:
            left = [harmless(each.connection) for each in readings if each.used and each.uncounted]
            numbers: list[tuple[str, str]] = [
                (f"{text.counted(ready)} ready", "bold"),
                (f"  {text.counted(totals.delayed)} delayed  {text.counted(totals.reserved)} reserved", "dim"),
                (f"  {text.counted(stuck)} stuck" if stuck.number else "", "error"),
            ]
            self.show_summary(
                *((f"{name} (default) not counted  ", "warning") for name in left),
                *(numbers if any(not each.uncounted for each in readings) else ()),
            )

    def open_row(self, key: str, attached: Attached) -> None:
        """One queue in words."""
        for snapshot in snapshots(attached.services.board, attached.environment.name, QueueReading):
            for queue in snapshot.value.queues if snapshot.value else ():
                if queue_key(queue) == key:
                    lines = queue_lines(queue, snapshot, local=attached.local_time)
                    self.post_message(DetailOpened(f"queue {queue.label}", lines))
