"""Failed jobs: by cause or one by one, their details, and retry and forget of a frozen set.

Owns the fourth pane and the older pages it has loaded. Must not change anything: retry and forget are passed to the
main screen, which plans and confirms them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.domain.counts import Count
from console.domain.documents import Json
from console.domain.failures import FailedDetail, FailedPage, FailedSummary
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError
from console.present.detail import failed_lines
from console.present.failed_rows import (
    CAUSE,
    FAILED_COLUMNS,
    GROUP_COLUMNS,
    failed_rows,
    group_key,
    group_rows,
    short_class,
)
from console.present.frozen_jobs import Frozen, frozen_lines
from console.present.readings import Freshness, freshness, snapshots
from console.present.text import age, count, counted
from console.present.unread import unread
from console.services.container import Services
from console.ui.commands import bindings
from console.ui.loaded_jobs import OLDER, LoadedJobs
from console.ui.messages import ActionChosen, DetailOpened, NoticeGiven
from console.ui.pane import Attached
from console.ui.table_pane import TablePane
from console.ui.widgets.record_table import RecordTable

OVERDUE = 10.0
"""Seconds after which older jobs that could not be looked for again count as stale."""


class FailedJobsPane(TablePane):
    """Newest first, a hundred at a time; the end of the list loads the next page."""

    NUMBER = 4
    NAME = "failed"
    TITLE = "Failed jobs"
    SLOT = "centre"
    KINDS = frozenset({"source"})
    READS = (FailedSummary,)
    HINTS = ("failed.retry", "failed.forget", "failed.grouped", "table.mark")
    EMPTY = "no failed jobs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("failed")]

    def __init__(self) -> None:
        super().__init__()
        self.grouped = True
        self._loaded = LoadedJobs()
        self._loading = False
        self._looking = False
        self._seen_at = 0.0
        self._total: Count | None = None

    def compose(self) -> ComposeResult:
        """One table."""
        yield RecordTable(GROUP_COLUMNS, empty="reading …")

    def attach(self, attached: Attached) -> None:
        """Another environment: nothing loaded of it yet."""
        super().attach(attached)
        self._loaded = LoadedJobs()
        self._loading = self._looking = False
        self._total = None
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
            self._loaded.take(summary.page)
            self._total = summary.page.count
        jobs = self._loaded.jobs
        rows = group_rows(self._loaded.groups, now) if self.grouped else failed_rows(jobs, now)
        if self._loaded.older:
            since = mono - self._seen_at
            fresh = replace(fresh, age=max(fresh.age or 0.0, since), stale=fresh.stale or since > OVERDUE)
        self.table.show(rows, mono=mono, stale=fresh.stale)
        self._say(summary, fresh, len(jobs))

    def _say(self, summary: FailedSummary | None, fresh: Freshness, loaded: int) -> None:
        if summary is None:
            self.show_border(error=fresh.error, stale=bool(fresh.error))
            return
        page, recent = summary.page, summary.recent
        total = counted(page.count)
        # Counts of a reading that is old are dimmed like its rows.
        extra = [(total, "bold" if page.total and not fresh.stale else "dim")]
        if recent.number:
            extra.append((f"+{counted(recent)}/h", "dim" if fresh.stale else "warning"))
        if self.grouped:
            extra.append((f"by cause, newest {count(loaded)}" if self._loaded.next is not None else "by cause", "dim"))
        extra += self.marks()
        self.show_border(
            extra=tuple(extra),
            note=f"newest {count(loaded)} · {age(fresh.age)}" if loaded < page.total else age(fresh.age),
            error=fresh.error,
            stale=fresh.stale and not fresh.waiting,
        )
        self.show_summary(
            (total, "bold"), (f"  +{counted(recent)} in the last hour" if recent.number else "", "warning")
        )

    def tick(self, mono: float) -> None:
        """Draws the ages again, and looks for the older jobs: no reading tells when one of them is gone."""
        super().tick(mono)
        loaded, attached = self._loaded, self.attached
        if attached is None or not loaded.older or self._looking or self._loading:
            return
        self._looking = True
        failed, name, asked, below = attached.services.failed, attached.environment.name, loaded.older, loaded.lowest

        def seen(ids: tuple[int, ...]) -> None:
            self._looking = False
            loaded.look_again(asked, ids, below)
            self._seen_at = mono
            self.redraw()

        attached.ask(lambda: failed.ids(name, below=below, limit=OLDER), seen, lambda _: self._not_seen(), "failed ids")

    def _not_seen(self) -> None:
        self._looking = False

    def on_record_table_changed(self) -> None:
        """Draws the title again, which shows marks and filters."""
        self.redraw()

    def on_record_table_reached_end(self) -> None:
        """The cursor stands on the last row: loads the next hundred, when there are more and they may be listed."""
        if self.attached is None or self._loading or self._loaded.next is None:
            return
        if self._loaded.is_full:
            listed = count(len(self._loaded.jobs))
            command = self.attached.command(f"failed list -e {self.attached.environment.name}")
            told = f"the newest {listed} are listed here; {command} goes on below them"
            self.post_message(NoticeGiven(told))
            return
        self._loading = True
        mono = self.attached.services.clock.monotonic()
        failed, name, below = self.attached.services.failed, self.attached.environment.name, self._loaded.next
        then = partial(self._take_older, mono)
        self.attached.ask(lambda: failed.page(name, below=below), then, self._not_loaded, "failed jobs")

    def _take_older(self, mono: float, page: FailedPage) -> None:
        self._loading = False
        self._seen_at = self._seen_at if self._loaded.older else mono
        self._loaded.add(page)
        self.redraw()

    def _not_loaded(self, error: OpsconsoleError) -> None:
        self._loading = False
        self.post_message(NoticeGiven(harmless(error.what), "error"))

    # --- keys ------------------------------------------------------------------------------------------------------

    def hint_words(self) -> Mapping[str, str]:
        """Names `v` by what pressing it would show."""
        return {"failed.grouped": "each job" if self.grouped else "by cause"}

    def action_grouped(self) -> None:
        self.grouped = not self.grouped
        self.table.use(GROUP_COLUMNS if self.grouped else FAILED_COLUMNS, empty=self.table.empty)
        self.redraw()

    def action_retry(self) -> None:
        self._choose("retry")

    def action_forget(self) -> None:
        self._choose("forget")

    def _choose(self, action: str) -> None:
        ids = self.frozen()
        if not ids:
            self.post_message(NoticeGiven("no failed job under the cursor", "warning"))
            return
        params: dict[str, Json] = {"ids": list(ids)}
        model, table = self.table.model, self.table
        changed_at = None if model.marked else model.moved_at
        # A question that is cancelled or refused must not cost the marks that led to it.
        marked = model.marked
        what = "\n".join(self._what(action, ids))
        started = partial(table.unmark, marked)
        self.post_message(ActionChosen(action, params, brief=True, what=what, changed_at=changed_at, started=started))

    def _what(self, action: str, ids: tuple[str, ...]) -> list[str]:
        """The frozen set in words: how many, which, what stays behind and, of a forget, where the rows are kept."""
        if self.attached is None:
            return []
        services = self.attached.services
        groups = {group_key(each): each for each in self._loaded.groups} if self.grouped else {}
        shown = {row.key: row.cells[CAUSE].text for row in self.table.model.chosen if row.key in groups}
        wanted = set(ids)
        frozen = Frozen(
            action=action,
            jobs=tuple(job for job in self._loaded.jobs if job.name in wanted),
            causes={name: words for key, words in shown.items() for name in groups[key].names},
            loaded=len(self._loaded.jobs) if self.grouped and self._loaded.next is not None else 0,
            others=self._others(len(ids)),
            archives=harmless(str(services.archives)),
        )
        return frozen_lines(frozen, services.clock.now())

    def _others(self, chosen: int) -> str:
        """How many other failed jobs there are; empty when nobody knows."""
        if self._total is None or self._total.number < chosen:
            return ""
        return counted(replace(self._total, number=self._total.number - chosen))

    def frozen(self) -> tuple[str, ...]:
        """The ids a command acts on now: of the marked rows, else of the current one; a group stands for its jobs."""
        keys = [row.key for row in self.table.model.chosen]
        if not self.grouped:
            return tuple(keys)
        groups = {group_key(each): each for each in self._loaded.groups}
        return tuple(name for key in keys if key in groups for name in groups[key].names)

    def open_row(self, key: str, attached: Attached) -> None:
        """A group's newest job, or the job."""
        ids: tuple[str, ...] = (key,)
        if self.grouped:
            groups = {group_key(each): each for each in self._loaded.groups}
            ids = groups[key].names if key in groups else ()
        if not ids:
            return
        failed, name = attached.services.failed, attached.environment.name
        self.expecting += 1
        then = partial(self._show, self._counted(key, len(ids)))
        attached.ask(lambda: failed.show(name, ids[0]), then, self._not_shown, "failed job")

    def _counted(self, key: str, number: int) -> Count:
        """How many jobs a row stands for."""
        group = next((each for each in self._loaded.groups if group_key(each) == key), None) if self.grouped else None
        return group.counted if group is not None else Count(number)

    def _show(self, among: Count, detail: FailedDetail) -> None:
        self.expecting -= 1
        local = self.attached.local_time if self.attached else False
        title = f"{short_class(detail.job.job.show(120))} · {harmless(detail.job.name)}"
        title += f" · the newest, 1 of {counted(among)}: v lists each" if among.number > 1 else ""
        self.post_message(DetailOpened(title, failed_lines(detail, local=local)))

    def _not_shown(self, error: OpsconsoleError) -> None:
        self.expecting -= 1
        self.post_message(NoticeGiven(harmless(error.what), "error"))

    def copy_text(self) -> str:
        """The ids the commands would act on."""
        return "\n".join(self.frozen())

    def copy_command(self) -> str:
        """Retry on the command line, of the same ids."""
        if self.attached is None:
            return ""
        ids = " ".join(self.frozen())
        return self.attached.command(f"failed retry -e {self.attached.environment.name} {ids}".rstrip())
