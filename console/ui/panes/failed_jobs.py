"""Failed jobs: by cause or one by one, their details, and retry and forget of a frozen set.

Owns the fourth pane and the older pages it has loaded. Must not change anything: retry and forget are wishes to the
main screen, which plans and confirms them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
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
from console.present.unread import unread
from console.services.container import Services
from console.ui.commands import bindings
from console.ui.messages import ActionChosen, DetailOpened, NoticeGiven
from console.ui.pane import Attached, Pane
from console.ui.widgets.record_table import RecordTable

OLDER = 400
"""Older jobs listed below the newest hundred, at most: nobody walks further by keys, `failed list` does; and as
many are looked for again each second."""
OVERDUE = 10.0
"""Seconds after which older jobs that could not be looked for again count as stale."""


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
        self._looking = False
        self._seen_at = 0.0

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
        self._newest, self._older, self._next = None, {}, None
        self._loading = self._looking = False
        self.expecting = 0

    # --- reading ---------------------------------------------------------------------------------------------------

    def refresh_from(self, services: Services) -> None:
        """Shows the newest page and the older ones loaded below it."""
        if self.attached is None:
            return
        mono, now = services.clock.monotonic(), services.clock.now()
        found = snapshots(services.board, self.attached.environment.name, FailedSummary)
        summary = next((each.value for each in found if each.value is not None), None)
        fresh = freshness(found, mono)
        self.table.say(*self.empty_words(unread(found), waiting=fresh.waiting))
        if summary is not None:
            self._take(summary.page)
        jobs = self.jobs
        rows = group_rows(self.groups, now) if self.grouped else failed_rows(jobs, now)
        if self._older:
            since = mono - self._seen_at
            fresh = replace(fresh, age=max(fresh.age or 0.0, since), stale=fresh.stale or since > OVERDUE)
        self.table.show(rows, mono=mono, stale=fresh.stale)
        self._say(summary, fresh, len(jobs))

    def _take(self, page: FailedPage) -> None:
        before, self._newest = self._newest, page
        if page.next is None or not page.jobs:
            self._older = {}
            self._next = None
        elif not self._older:
            self._next = page.next
        elif before is not None and before is not page:
            # What newer failures have pushed off the newest page goes on being listed.
            lowest = page.jobs[-1].id
            self._keep({**{job.id: job for job in before.jobs if job.id < lowest}, **self._older})

    def _keep(self, jobs: dict[int, FailedJob]) -> None:
        """The newest of these, as many as are kept; the end of the list goes on below them."""
        kept = sorted(jobs, reverse=True)[:OLDER]
        self._older = {id: jobs[id] for id in kept}
        if len(kept) < len(jobs):
            self._next = kept[-1]

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
        if self.grouped:
            extra.append(("by cause", "dim"))
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

    def tick(self, mono: float) -> None:
        """Ages grow without news, and older jobs are looked for again: nothing else tells of one that went."""
        if self.attached is None:
            return
        self.refresh_from(self.attached.services)
        lowest = self._newest.jobs[-1].id if self._newest and self._newest.jobs else 0
        if not self._older or self._looking or self._loading:
            return
        self._looking = True
        failed, name, asked = self.attached.services.failed, self.attached.environment.name, frozenset(self._older)

        def seen(ids: tuple[int, ...]) -> None:
            self._looking = False
            gone = {id for id in asked - frozenset(ids) if id < lowest}
            # Full, the answer ends before the oldest: below its end nothing is known to have gone.
            end = ids[-1] if len(ids) == OLDER else 0
            self._older = {id: job for id, job in self._older.items() if id not in gone or id < end}
            self._seen_at = mono
            self.refresh_from(services)

        services = self.attached.services
        self.attached.ask(
            lambda: failed.ids(name, below=lowest, limit=OLDER), seen, lambda _: self._not_seen(), "failed ids"
        )

    def _not_seen(self) -> None:
        self._looking = False

    def on_record_table_changed(self) -> None:
        """Marks and filters stand in the title."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def load_older(self) -> None:
        """The next hundred, when there are more and they may be listed here."""
        if self.attached is None or self._loading or self._next is None:
            return
        if len(self._older) >= OLDER:
            told = f"the newest {count(len(self.jobs))} are listed here; opsconsole failed list goes on below them"
            self.post_message(NoticeGiven(told))
            return
        self._loading = True
        mono = self.attached.services.clock.monotonic()
        failed, name, below = self.attached.services.failed, self.attached.environment.name, self._next
        then = partial(self._loaded, mono)
        self.attached.ask(lambda: failed.page(name, below=below), then, self._not_loaded, "failed jobs")

    def _loaded(self, mono: float, page: FailedPage) -> None:
        self._loading = False
        self._seen_at = self._seen_at if self._older else mono
        self._next = page.next
        self._keep({**self._older, **{job.id: job for job in page.jobs}})
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def _not_loaded(self, error: OpsconsoleError) -> None:
        self._loading = False
        self.post_message(NoticeGiven(harmless(error.what), "error"))

    # --- keys ------------------------------------------------------------------------------------------------------

    def hint_words(self) -> Mapping[str, str]:
        """`v` by what pressing it would do."""
        return {"failed.grouped": "each job" if self.grouped else "by cause"}

    def action_grouped(self) -> None:
        """v."""
        self.grouped = not self.grouped
        self.table.use(GROUP_COLUMNS if self.grouped else FAILED_COLUMNS, empty=self.table.empty)
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
        if self.open_unread(message.key):
            return
        ids: tuple[str, ...] = (message.key,)
        if self.grouped:
            groups = {f"{each.job.show(200)}|{each.signature}": each for each in self.groups}
            ids = groups[message.key].uuids if message.key in groups else ()
        if self.attached is None or not ids:
            return
        failed, name = self.attached.services.failed, self.attached.environment.name
        self.expecting += 1
        self.attached.ask(
            lambda: failed.show(name, ids[0]),
            partial(self._show, len(ids)),
            self._not_shown,
            "failed job",
        )

    def _show(self, among: int, detail: FailedDetail) -> None:
        self.expecting -= 1
        local = self.attached.local_time if self.attached else False
        title = f"{short_class(detail.job.job.show(120))} · {harmless(detail.job.uuid)}"
        title += f" · the newest, 1 of {count(among)}: v lists each" if among > 1 else ""
        self.post_message(DetailOpened(title, failed_lines(detail, local=local)))

    def _not_shown(self, error: OpsconsoleError) -> None:
        self.expecting -= 1
        self.post_message(NoticeGiven(harmless(error.what), "error"))

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
