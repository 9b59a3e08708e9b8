"""The failed jobs that the screen has loaded: the newest page, and older ones below it.

Owns which of them are listed and where the next page begins. Pure: must not ask for a page.
"""

from __future__ import annotations

from collections.abc import Collection

from console.domain.failures import FailedGroup, FailedJob, FailedPage, group

OLDER = 400
"""The most older jobs that are listed below the newest hundred: each is looked for again every second, and nobody
walks further by keys (`failed list` shows all)."""


class LoadedJobs:
    """Newest first. `next` is where the next page begins, None when everything is loaded."""

    def __init__(self) -> None:
        self.next: int | None = None
        self._newest: FailedPage | None = None
        self._older: dict[int, FailedJob] = {}

    @property
    def older(self) -> frozenset[int]:
        """The ids of the jobs below the newest page."""
        return frozenset(self._older)

    @property
    def is_full(self) -> bool:
        """Whether no more older jobs are listed here."""
        return len(self._older) >= OLDER

    @property
    def lowest(self) -> int:
        """The id of the last job of the newest page, 0 while there is none."""
        return self._newest.jobs[-1].id if self._newest and self._newest.jobs else 0

    @property
    def jobs(self) -> tuple[FailedJob, ...]:
        """All that is loaded, newest first."""
        newest = self._newest.jobs if self._newest else ()
        lowest = self.lowest
        return (*newest, *(job for id, job in sorted(self._older.items(), reverse=True) if id < lowest))

    @property
    def groups(self) -> tuple[FailedGroup, ...]:
        """The loaded jobs by cause."""
        return group(self.jobs, older=self.next is not None)

    def take(self, page: FailedPage) -> None:
        """Takes the newest page as it was just read."""
        before, self._newest = self._newest, page
        if page.next is None or not page.jobs:
            self._older = {}
            self.next = None
        elif not self._older:
            self.next = page.next
        elif before is not None and before is not page:
            # Jobs that newer failures have pushed off the newest page stay listed.
            lowest = page.jobs[-1].id
            self._keep({**{job.id: job for job in before.jobs if job.id < lowest}, **self._older})

    def add(self, page: FailedPage) -> None:
        """Adds the page that began at `next`."""
        self.next = page.next
        self._keep({**self._older, **{job.id: job for job in page.jobs}})

    def look_again(self, asked: Collection[int], found: tuple[int, ...], below: int) -> None:
        """Drops the older jobs that are gone: `found` are the newest ids below one, at most `OLDER`, when the jobs
        `asked` were listed."""
        gone = {id for id in set(asked) - set(found) if id < below}
        # A full answer may end before the oldest job: of those below its end none is known to be gone.
        end = found[-1] if len(found) == OLDER else 0
        self._older = {id: job for id, job in self._older.items() if id not in gone or id < end}

    def _keep(self, jobs: dict[int, FailedJob]) -> None:
        """Keeps the newest `OLDER` of these; the next page to load begins below them."""
        kept = sorted(jobs, reverse=True)[:OLDER]
        self._older = {id: jobs[id] for id in kept}
        if len(kept) < len(jobs):
            self.next = kept[-1]
