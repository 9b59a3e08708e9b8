"""The checklist pane as an operator meets it: sections, keys, words, colleagues, other checklists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from console.domain.checklists import ChecklistView, MarkKind
from console.ui.app import ConsoleApp
from console.ui.panes.checklists import ChecklistsPane
from console.ui.widgets.text_view import TextView
from tests.fakes.screen import FakeWorld, living_world, make_world
from tests.waiting import eventually_on


@asynccontextmanager
async def shown(world: FakeWorld) -> AsyncIterator[tuple[Pilot[None], ChecklistsPane]]:
    """The screen with the checklist pane focused."""
    app = ConsoleApp(world.factory)
    async with app.run_test(size=(140, 40)) as pilot:
        pane = app.main.query_one(ChecklistsPane)
        await eventually_on(pilot, lambda: app.services is not None and pane.table.empty != "reading …")
        await pilot.press("5")
        await eventually_on(pilot, lambda: pane.table.has_focus)
        yield pilot, pane


def rows(pane: ChecklistsPane) -> list[str]:
    """What stands in the table, glyph and words."""
    return [" ".join(cell.text for cell in row.cells[:2]) for row in pane.table.model.rows]


async def type_words(pilot: Pilot[None], words: str) -> None:
    """Types into the input line and sends it."""
    for letter in words:
        await pilot.press("space" if letter == " " else letter)
    await pilot.press("enter")
    await pilot.pause()


@pytest.fixture
def world() -> FakeWorld:
    return living_world()


def view(world: FakeWorld) -> ChecklistView:
    """The checklist of the banner's environment."""
    return world.checklists.views["production", "deploy"]


async def test_sections_items_and_progress_are_shown(world: FakeWorld) -> None:
    async with shown(world) as (_pilot, pane):
        assert rows(pane)[:6] == [
            "Before",
            "✓ Announce the deploy",
            "✓ Full database backup",
            "During deployment",
            "– Maintenance mode on · skipped: no traffic at night",
            "▶ Deploy code changes",
        ]
        assert "5 Checklist" in str(pane.border_title)
        assert "3/9" in str(pane.border_title)
        assert pane.table.model.current is not None
        assert pane.table.model.current.key == "i3"


async def test_t_ticks_and_goes_on(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        await pilot.press("t")
        await eventually_on(pilot, lambda: len(world.checklists.marks) == 1 and "4/9" in str(pane.border_title))
        await pilot.press("t")
        await eventually_on(pilot, lambda: "5/9" in str(pane.border_title))
        assert [(item, kind) for _, _, item, kind, _ in world.checklists.marks] == [
            ("i3", MarkKind.TICK),
            ("i4", MarkKind.TICK),
        ]


async def test_skip_takes_a_reason(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        await pilot.press("minus")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert world.checklists.marks == []
        await pilot.press("minus")
        await pilot.pause()
        await type_words(pilot, "not now")
        await eventually_on(pilot, lambda: bool(world.checklists.marks))
        assert world.checklists.marks == [("production", "deploy", "i3", MarkKind.SKIP, "not now")]
        await eventually_on(pilot, lambda: "– Deploy code changes · skipped: not now" in rows(pane))


async def test_fail_note_and_reopen(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        await pilot.press("exclamation_mark")
        await pilot.pause()
        await type_words(pilot, "disk full")
        await eventually_on(pilot, lambda: len(world.checklists.marks) == 1 and pane.table.has_focus)
        await pilot.press("a")
        await pilot.pause()
        await type_words(pilot, "ticket 7")
        await eventually_on(pilot, lambda: len(world.checklists.marks) == 2 and pane.table.has_focus)
        await pilot.press("u")
        await eventually_on(pilot, lambda: len(world.checklists.marks) == 3)
        assert [(kind, note) for _, _, _, kind, note in world.checklists.marks] == [
            (MarkKind.FAIL, "disk full"),
            (MarkKind.NOTE, "ticket 7"),
            (MarkKind.REOPEN, ""),
        ]
        assert {item for _, _, item, _, _ in world.checklists.marks} == {"i3"}
        await eventually_on(pilot, lambda: "▶ Deploy code changes · ticket 7" in rows(pane))


async def test_marked_items_are_ticked_together(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        await pilot.press("space", "space", "t")
        await eventually_on(pilot, lambda: len(world.checklists.marks) == 2 and not pane.table.model.marked)
        assert [item for _, _, item, _, _ in world.checklists.marks] == ["i3", "i4"]


async def test_a_colleagues_tick_appears_without_a_key(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        before = view(world)
        items = tuple(
            replace(each, state="done", who="ops2") if each.item.id == "i5" else each for each in before.items
        )
        world.checklists.views["production", "deploy"] = replace(before, items=items)
        world.checklists.publish(("checklist", "production"))
        await eventually_on(pilot, lambda: "✓ Clear caches" in rows(pane))
        assert pane.table.model.current is not None
        assert pane.table.model.current.key == "i3"


async def test_enter_shows_the_whole_item(world: FakeWorld) -> None:
    before = view(world)
    item = replace(before.items[3].item, commands=("php artisan migrate",))
    items = (*before.items[:3], replace(before.items[3], item=item), *before.items[4:])
    world.checklists.views["production", "deploy"] = replace(before, items=items)
    async with shown(world) as (pilot, pane):
        assert pane.copy_text() == "php artisan migrate"
        await pilot.press("enter")
        await eventually_on(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def test_another_checklist_by_name(world: FakeWorld) -> None:
    world.checklists.views["production", "after"] = replace(view(world), name="after", title="After", items=())
    async with shown(world) as (pilot, pane):
        pane.choose("after")
        await eventually_on(pilot, lambda: pane.shown is not None and pane.shown.name == "after")
        assert rows(pane) == []
        assert "has no items" in pane.table.empty


async def test_without_a_checklist_the_pane_says_the_next_step() -> None:
    async with shown(make_world()) as (_pilot, pane):
        assert "no checklist: name one under" in pane.table.empty


async def test_w_ends_the_session_after_a_yes(world: FakeWorld) -> None:
    async with shown(world) as (pilot, pane):
        await pilot.press("w")
        await pilot.pause()
        await type_words(pilot, "no")
        assert pane.shown is not None
        assert pane.shown.session == 1
        await eventually_on(pilot, lambda: pane.table.has_focus)
        await pilot.press("w")
        await pilot.pause()
        await type_words(pilot, "yes")
        await eventually_on(pilot, lambda: pane.shown is not None and pane.shown.session is None)
        await eventually_on(pilot, lambda: "0/9" in str(pane.border_title))


async def test_an_item_that_is_cut_stands_in_full_below_the_list(world: FakeWorld) -> None:
    long = "Everybody who must know has been told, with the hour and the way back"
    found = view(world)
    items = tuple(
        replace(walked, item=replace(walked.item, text=long)) if walked.state == "open" else walked
        for walked in found.items
    )
    world.checklists.views["production", "deploy"] = replace(found, items=items)
    async with shown(world) as (pilot, pane):
        whole = pane.query_one(TextView)
        await eventually_on(pilot, lambda: whole.display and whole.text == f"▶ {long}")
        assert whole.size.height == 3
        await pilot.press("g")
        await eventually_on(pilot, lambda: not whole.display)
        await pilot.press("1")
        await eventually_on(pilot, lambda: whole.display and whole.text == f"▶ {long}")
