"""The failed jobs that the screen has loaded: pages, what newer failures push off, what is gone."""

from __future__ import annotations

from dataclasses import replace

from console.domain.failures import FailedJob, FailedPage
from console.ui.loaded_jobs import OLDER, LoadedJobs
from tests.fakes.world_values import START, make_jobs

ONE = make_jobs(START)[0]


def jobs(*ids: int) -> tuple[FailedJob, ...]:
    return tuple(replace(ONE, id=id, uuid=str(id)) for id in ids)


def page(*ids: int, next: int | None = None) -> FailedPage:
    return FailedPage(total=len(ids), total_is_exact=True, next=next, jobs=jobs(*ids))


def ids(loaded: LoadedJobs) -> list[int]:
    return [job.id for job in loaded.jobs]


def test_older_pages_stand_below_the_newest_one() -> None:
    loaded = LoadedJobs()
    loaded.take(page(9, 8, next=8))
    assert (loaded.next, loaded.lowest) == (8, 8)
    loaded.add(page(7, 6, next=6))
    assert ids(loaded) == [9, 8, 7, 6] and loaded.next == 6
    loaded.add(page(5))
    assert ids(loaded) == [9, 8, 7, 6, 5] and loaded.next is None


def test_what_newer_failures_push_off_the_newest_page_stays_listed() -> None:
    loaded = LoadedJobs()
    loaded.take(page(9, 8, next=8))
    loaded.add(page(7))
    loaded.take(page(11, 10, next=10))
    assert ids(loaded) == [11, 10, 9, 8, 7]


def test_older_jobs_that_are_gone_are_dropped_but_for_those_nobody_looked_for() -> None:
    loaded = LoadedJobs()
    loaded.take(page(9, next=9))
    loaded.add(page(8, 7, 6, next=6))
    asked = loaded.older
    loaded.add(page(5))
    loaded.look_again(asked, (8, 6), 9)
    assert ids(loaded) == [9, 8, 6, 5]


def test_no_more_than_so_many_older_ones_are_kept_and_the_next_page_begins_below_them() -> None:
    loaded = LoadedJobs()
    loaded.take(page(10_000, next=10_000))
    loaded.add(page(*range(9_999, 9_999 - OLDER - 50, -1)))
    assert loaded.is_full and len(loaded.jobs) == OLDER + 1
    assert loaded.next == min(loaded.older)


def test_without_a_further_page_nothing_older_is_listed() -> None:
    loaded = LoadedJobs()
    loaded.take(page(9, next=9))
    loaded.add(page(8))
    loaded.take(page(9))
    assert ids(loaded) == [9] and loaded.next is None
