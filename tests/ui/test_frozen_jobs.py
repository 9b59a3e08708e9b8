"""Retry and forget from a key to a run: the frozen set, what its confirm says, and what becomes of the marks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from console.domain.failures import FailedSummary
from console.ui.screens.confirm import BriefConfirm
from console.ui.widgets.name_field import NameField
from tests.fakes.screen import FakeWorld, living_world
from tests.ui.driving import driven
from tests.ui.test_action_flow import asked


@pytest.fixture(autouse=True)
def typed_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys a tenth of a second apart, whatever the test's own speed."""
    at = iter(range(10_000))

    def stamp(self: NameField, event: events.Key) -> float:
        return next(at) * 0.1

    monkeypatch.setattr(NameField, "stamp", stamp)


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


async def test_retry_names_the_frozen_set_in_one_line_and_runs_those_ids(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "v", "space", "space")
        ids = [job.uuid for job in world.failed.jobs[:2]]
        await screen.press("r")
        await asked(screen, BriefConfirm)
        assert "retry 2 failed jobs" in screen.text and f"{ids[0][:8]}" in screen.text
        assert "1 × ProcessCvReview · RateLimited: 429 from api.reviews for account 1000" in screen.text
        assert "on bulk-actions · failed 2m" in screen.text and "on bulk-actions · failed 5m" in screen.text
        assert "What stays: 1,214 other failed jobs." in screen.text
        assert "A job that fails again comes back as a new failed job." in screen.text
        # What fails meanwhile is not part of it.
        newer = replace(world.failed.jobs[0], id=5000, uuid="newer")
        summary = world.board.get("production", "failed_jobs")
        assert summary is not None and isinstance(summary.value, FailedSummary)
        page = replace(summary.value.page, jobs=(newer, *summary.value.page.jobs))
        world.board.put("production", "failed_jobs", replace(summary.value, page=page))
        world.clock.advance(3)
        await screen.press(*"production", "enter")
        await screen.until(lambda: world.runs.started)
        assert world.runs.started[0][0].params["ids"] == ids


@pytest.mark.parametrize("ending", ["cancelled", "refused", "started"])
async def test_marks_go_only_when_their_run_was_started(world: FakeWorld, ending: str) -> None:
    if ending == "refused":
        world.runs.refusals["production", "retry"] = "production is read-only"
    async with driven(world) as screen:
        await screen.press("4", "v", "space", "space")
        marked = screen.table(4).model.marked
        await screen.press("r")
        if ending == "refused":
            await screen.until(lambda: any("read-only" in notice for notice in screen.notices))
        else:
            await asked(screen, BriefConfirm)
        if ending == "cancelled":
            await screen.press("escape")
            await screen.settle()
        if ending == "started":
            world.clock.advance(3)
            await screen.press(*"production", "enter")
            await screen.until(lambda: world.runs.started)
            await screen.settle()
        assert screen.table(4).model.marked == (frozenset() if ending == "started" else marked)


async def test_a_group_stands_for_its_jobs(world: FakeWorld) -> None:
    async with driven(world) as screen:
        await screen.press("4", "j", "x")
        await asked(screen, BriefConfirm)
        assert "forget 24 failed jobs of the newest 100" in screen.text
        assert "24 × SendInvoice · TransportException: SMTP timeout after" in screen.text
        assert "and 19 more" in screen.text
        assert "What stays: 1,192 other failed jobs, older ones of these causes among them." in screen.text
        assert "First each whole row is written to /home/ops/.local/state/opsconsole/archives" in screen.text
        assert "The way back: insert a row from there" in screen.text
        _, action, params = world.runs.planned[0]
        assert action == "forget" and isinstance(params["ids"], list) and len(params["ids"]) == 24
