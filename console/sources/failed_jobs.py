"""The newest failed jobs and how many there are, polled cheaply.

Owns what is asked again each second and what only when something changed. Must not read a body twice: rows already
seen are kept, new ones come by `id >`.
"""

from __future__ import annotations

from typing import ClassVar

from console.domain.failures import FailedJob, FailedPage, FailedSummary
from console.domain.readings import FAILED
from console.services.failed_jobs.table import PAGE, FailedTable, last_hour, open_table
from console.sources.kinds import SourceContext, SourceParams, TypedSource

_EXACT = 10_000
_DUTY = 30.0
_HOUR_EVERY = 5.0

Params = SourceParams


class FailedJobsSource(TypedSource[FailedSummary]):
    """`FailedSummary`, each second. UnreachableError, QueryError, UsageError when they are kept elsewhere."""

    kind: ClassVar = FailedSummary
    name = FAILED

    def __init__(self, context: SourceContext, params: SourceParams) -> None:
        self._context = context
        self.every = params.every or 1.0
        self._jobs: dict[int, FailedJob] = {}
        self._ids: tuple[int, ...] = ()
        self._since_hour: int | None = 0
        self._since_due = 0.0
        self._counted = 0
        self._count_due = 0.0

    def read(self) -> FailedSummary:
        """Two small statements when nothing changed; bodies only of rows not seen before."""
        table = open_table(self._context.reach, deadline=self.timeout)
        now = self._context.clock.monotonic()
        ids = table.newest_ids(PAGE + 1)
        changed = ids != self._ids
        if changed:
            self._fetch(table, ids)
            self._ids = ids
        if changed or now >= self._since_due:
            self._since_hour = table.failed_since(last_hour(self._context.clock.now()))
            self._since_due = now + _HOUR_EVERY
        total, exact = self._count(table, now)
        jobs = tuple(self._jobs[row] for row in ids[:PAGE] if row in self._jobs)
        beyond = ids[PAGE - 1] if len(ids) > PAGE else None
        page = FailedPage(total=total, total_is_exact=exact, next=beyond, jobs=jobs)
        return FailedSummary(page=page, since_hour=self._since_hour)

    def summary(self, value: FailedSummary) -> str:
        """How many, and how many of them new."""
        total, recent = value.page.count, value.recent
        return f"{total.sign}{total.number} failed jobs, {recent.sign}{recent.number} in the last hour"

    def _fetch(self, table: FailedTable, ids: tuple[int, ...]) -> None:
        missing = [row for row in ids if row not in self._jobs]
        if missing:
            found = table.heads(above=min(missing) - 1, below=max(missing) + 1, limit=len(ids))
            self._jobs.update((job.id, job) for job in found)
        self._jobs = {row: self._jobs[row] for row in ids if row in self._jobs}

    def _count(self, table: FailedTable, now: float) -> tuple[int, bool]:
        """Exact while counting is cheap; past that counted now and then, at a thirtieth of the time it takes."""
        few, exact = table.count(bound=_EXACT)
        if exact:
            return few, True
        if now >= self._count_due:
            self._counted, _ = table.count()
            ended = self._context.clock.monotonic()
            self._count_due = ended + max(10.0, _DUTY * (ended - now))
        return max(few, self._counted), False


def build(context: SourceContext, params: SourceParams) -> tuple[FailedJobsSource, ...]:
    """The one source."""
    return (FailedJobsSource(context, params),)
