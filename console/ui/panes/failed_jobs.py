"""Failed jobs: by cause or one by one, their details, and retry and forget of a frozen set.

Owns the fourth pane and the older pages it has loaded. Must not change anything: retry and forget are wishes to the
main screen, which plans and confirms them.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.domain.documents import Json
from console.domain.failures import FailedDetail, FailedGroup, FailedJob, FailedPage, FailedSummary, group
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError
from console.present.detail import failed_lines
from console.present.readings import Freshness, freshness, snapshots
from console.present.rows import FAILED_COLUMNS, GROUP_COLUMNS, failed_rows, group_rows, short_class
from console.present.text import age, count, plural
from console.services.container import Services
from console.ui.commands import bindings
from console.ui.messages import ActionChosen, DetailOpened, NoticeGiven
from console.ui.pane import Attached, Pane
from console.ui.widgets.record_table import RecordTable


class FailedJobsPane(Pane):
    """Newest first, a hundred at a time; the end of the list loads the next page."""

    NUMBER = 4
    TITLE = "Failed jobs"
    WHERE = "failed"
    KINDS = frozenset({"source"})
    HINTS = ("failed.retry", "failed.forget", "failed.grouped", "table.mark")
    EMPTY = "no failed jobs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("failed")]

    def __init__(self) -> None:
        super().__init__()
        self.grouped = True
        self._newest: FailedPage | None = None
        self._older: dict[int, FailedJob] = {}
        self._next: int | None = None
        self._loading = False

    def compose(self) -> ComposeResult:
        """One table."""
        yield RecordTable(GROUP_COLUMNS, empty="reading …")

    @property
    def table(self) -> RecordTable:
        """Groups or jobs."""
        return self.query_one(RecordTable)

    def attach(self, attached: Attached) -> None:
        """Another environment: nothing loaded of it yet."""
        super().attach(attached)
        self._newest, self._older, self._next, self._loading = None, {}, None, False

    # --- reading ---------------------------------------------------------------------------------------------------

    def refresh_from(self, services: Services) -> None:
        """Shows the newest page and the older ones loaded below it."""
        if self.attached is None:
            return
        mono, now = services.clock.monotonic(), services.clock.now()
        found = snapshots(services.board, self.attached.environment.name, FailedSummary)
        summary = next((each.value for each in found if each.value is not None), None)
        fresh = freshness(found, mono)
        self.table.empty = "reading …" if fresh.waiting else self.EMPTY
        if summary is not None:
            self._take(summary.page)
        jobs = self.jobs
        rows = group_rows(self.groups, now) if self.grouped else failed_rows(jobs, now)
        self.table.show(rows, mono=mono, stale=fresh.stale)
        self._say(summary, fresh, len(jobs))

    def _take(self, page: FailedPage) -> None:
        self._newest = page
        if page.next is None or not page.jobs:
            self._older = {}
            self._next = None
        elif not self._older:
            self._next = page.next

    @property
    def jobs(self) -> tuple[FailedJob, ...]:
        """All that is loaded, newest first."""
        newest = self._newest.jobs if self._newest else ()
        lowest = newest[-1].id if newest else 0
        return (*newest, *(job for id, job in sorted(self._older.items(), reverse=True) if id < lowest))

    @property
    def groups(self) -> tuple[FailedGroup, ...]:
        """The loaded jobs by cause."""
        return group(self.jobs)

    def _say(self, summary: FailedSummary | None, fresh: Freshness, loaded: int) -> None:
        if summary is None:
            self.show_border(error=fresh.error, stale=bool(fresh.error))
            return
        page = summary.page
        total = ("" if page.total_is_exact else "~") + count(page.total)
        # Counts of a reading that is old are dimmed like its rows.
        extra = [(total, "bold" if page.total and not fresh.stale else "dim")]
        if summary.since_hour:
            extra.append((f"+{summary.since_hour}/h", "dim" if fresh.stale else "warning"))
        extra.append(("by cause" if self.grouped else "", "dim"))
        if self.table.marked:
            extra.append((f"{len(self.table.marked)} marked", "accent"))
        if self.table.pattern:
            extra.append((f"/{self.table.pattern}", "accent"))
        self.show_border(
            extra=tuple(extra),
            note=f"newest {count(loaded)} · {age(fresh.age)}" if loaded < page.total else age(fresh.age),
            error=fresh.error,
            stale=fresh.stale and not fresh.waiting,
        )
        self.show_summary(
            (total, "bold"), (f"  +{summary.since_hour} in the last hour" if summary.since_hour else "", "warning")
        )

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Ages grow without news."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def on_record_table_changed(self) -> None:
        """Marks and filters stand in the title."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def load_older(self) -> None:
        """The next hundred, when there are more."""
        if self.attached is None or self._loading or self._next is None:
            return
        self._loading = True
        failed, name, below = self.attached.services.failed, self.attached.environment.name, self._next
        self.attached.ask(lambda: failed.page(name, below=below), self._loaded, self._not_loaded, "failed jobs")

    def _loaded(self, page: FailedPage) -> None:
        self._loading = False
        self._older.update({job.id: job for job in page.jobs})
        self._next = page.next
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def _not_loaded(self, error: OpsconsoleError) -> None:
        self._loading = False
        self.post_message(NoticeGiven(harmless(error.what), "error"))

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_grouped(self) -> None:
        """v."""
        self.grouped = not self.grouped
        self.table.use(GROUP_COLUMNS if self.grouped else FAILED_COLUMNS, empty=self.EMPTY)
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def action_retry(self) -> None:
        """r."""
        self._wish("retry")

    def action_forget(self) -> None:
        """x."""
        self._wish("forget")

    def _wish(self, action: str) -> None:
        ids = self.frozen()
        if not ids:
            self.post_message(NoticeGiven("no failed job under the cursor", "warning"))
            return
        what = f"{action} {plural(len(ids), 'failed job')}: {', '.join(harmless(id)[:8] for id in ids[:6])}"
        what += f" and {len(ids) - 6} more" if len(ids) > 6 else ""
        params: dict[str, Json] = {"ids": list(ids)}
        self.post_message(
            ActionChosen(
                action, params, brief=True, what=what, changed_at=None if self.table.marked else self.table.moved_at
            )
        )
        self.table.clear_marks()

    def frozen(self) -> tuple[str, ...]:
        """The ids a command acts on now: of the marked rows, else of the current one; a group stands for its jobs."""
        keys = [row.key for row in self.table.chosen]
        if not self.grouped:
            return tuple(keys)
        groups = {f"{each.job.show(200)}|{each.signature}": each for each in self.groups}
        return tuple(uuid for key in keys if key in groups for uuid in groups[key].uuids)

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        """Enter: a group's newest job, or the job."""
        ids = [message.key]
        if self.grouped:
            groups = {f"{each.job.show(200)}|{each.signature}": each for each in self.groups}
            ids = list(groups[message.key].uuids[:1]) if message.key in groups else []
        if self.attached is None or not ids:
            return
        failed, name = self.attached.services.failed, self.attached.environment.name
        self.attached.ask(
            lambda: failed.show(name, ids[0]),
            self._show,
            self._not_loaded,
            "failed job",
        )

    def _show(self, detail: FailedDetail) -> None:
        local = self.attached.local_time if self.attached else False
        title = f"{short_class(detail.job.job.show(120))} · {harmless(detail.job.uuid)}"
        self.post_message(DetailOpened(title, failed_lines(detail, local=local)))

    def on_record_table_reached_end(self) -> None:
        """The cursor stands on the last row."""
        self.load_older()

    def copy_text(self) -> str:
        """The ids the commands would act on."""
        return "\n".join(self.frozen())

    def copy_command(self) -> str:
        """Retry on the command line, of the same ids."""
        if self.attached is None:
            return ""
        ids = " ".join(self.frozen())
        return f"opsconsole failed retry -e {self.attached.environment.name} {ids}".rstrip()

    def go_back(self) -> bool:
        """Leaves filter or marks."""
        return self.table.leave()
