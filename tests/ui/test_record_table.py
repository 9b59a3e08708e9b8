"""The record table: rows change in place, and only what changed is painted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from console.present.table import Cell, Column, Row
from console.ui.themes import DARK, variables
from console.ui.widgets.record_table import RecordTable

COLUMNS = (
    Column("name", "name", grow=True, width=8),
    Column("ready", "ready", right=True, width=6),
    Column("extra", "extra", priority=1, width=10),
)


class Painted(RecordTable):
    """Remembers what it was asked to repaint."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, empty="nothing yet")
        self.painted: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self.painted.append(regions)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Holder(App[None]):
    CSS_PATH = "../../console/ui/console.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def compose(self) -> ComposeResult:
        yield Painted()

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        self.opened.append(message.key)


@asynccontextmanager
async def shown(rows: tuple[Row, ...], size: tuple[int, int] = (40, 8)) -> AsyncIterator[tuple[Pilot[None], Painted]]:
    app = Holder()
    async with app.run_test(size=size) as pilot:
        table = app.query_one(Painted)
        table.show(rows)
        table.focus()
        await pilot.pause()
        table.painted.clear()
        yield pilot, table


def row(key: str, ready: int, extra: str = "") -> Row:
    return Row(key, (Cell(key), Cell(str(ready), sort=float(ready)), Cell(extra)))


def lines(table: RecordTable) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


ROWS = tuple(row(f"queue{n}", n) for n in range(20))


async def test_the_same_rows_again_paint_nothing() -> None:
    async with shown(ROWS) as (_, table):
        table.show(tuple(row(f"queue{n}", n) for n in range(20)), mono=5.0)
        assert table.painted == []


async def test_one_changed_number_paints_one_cell() -> None:
    async with shown(ROWS) as (_, table):
        table.show((ROWS[0], row("queue1", 77), *ROWS[2:]), mono=5.0)
        assert len(table.painted) == 1
        (region,) = table.painted[0]
        assert (region.y, region.height, region.width) == (2, 1, 6)
        assert "77" in lines(table)[2]


async def test_changes_below_the_screen_paint_nothing() -> None:
    async with shown(ROWS) as (_, table):
        table.show((*ROWS[:-1], row("queue19", 1)), mono=5.0)
        assert table.painted == []


async def test_cursor_and_scroll_stay_on_their_key_when_rows_come_above() -> None:
    async with shown(ROWS) as (pilot, table):
        await pilot.press("G", "k")
        assert table.model.current is not None and table.model.current.key == "queue18"
        place = [line[1:].split()[0] for line in lines(table)[1:]].index("queue18")
        table.show((*(row(f"new{n}", 1) for n in range(5)), *ROWS), mono=5.0)
        assert table.model.current.key == "queue18"
        assert [line[1:].split()[0] for line in lines(table)[1:]].index("queue18") == place
        assert table.model.moved_at is None


async def test_a_row_that_goes_hands_the_cursor_on_and_says_when() -> None:
    async with shown(ROWS[:3]) as (pilot, table):
        await pilot.press("j")
        table.show((ROWS[0], ROWS[2]), mono=42.5)
        assert table.model.current is not None and table.model.current.key == "queue2"
        assert table.model.moved_at == 42.5


async def test_headings_take_no_cursor() -> None:
    rows = (Row("h", (Cell("hosts"),), heading=True), ROWS[0], Row("w", (Cell("workers"),), heading=True), ROWS[1])
    async with shown(rows) as (pilot, table):
        assert table.model.current is not None and table.model.current.key == "queue0"
        await pilot.press("j")
        assert table.model.current.key == "queue1"
        await pilot.press("j", "k", "k", "k")
        assert table.model.current.key == "queue0"
        await pilot.press("G")
        assert table.model.current.key == "queue1"


async def test_marks_follow_their_rows_and_go_with_them() -> None:
    async with shown(ROWS) as (pilot, table):
        await pilot.press("space", "space")
        assert [each.key for each in table.model.chosen] == ["queue0", "queue1"]
        assert [each[0] for each in lines(table)[1:3]] == ["◆", "◆"]
        await pilot.press("k")
        assert lines(table)[2][0] == "◈"
        table.show(ROWS[1:], mono=1.0)
        assert [each.key for each in table.model.chosen] == ["queue1"]
        assert table.leave() and table.model.chosen == (table.model.current,)


async def test_sorting_goes_through_the_columns_and_back() -> None:
    async with shown(tuple(reversed(ROWS))) as (pilot, table):
        await pilot.press("s", "s")
        assert [each.key for each in table.model.rows[:2]] == ["queue0", "queue1"]
        await pilot.press("S")
        assert table.model.rows[0].key == "queue19"
        await pilot.press("s", "s")
        assert table.model.order is None and table.model.rows[0].key == "queue19"


async def test_filtering_shows_what_holds_the_text_or_does_not() -> None:
    async with shown(ROWS) as (pilot, table):
        table.set_filter("queue1")
        assert len(table.model.rows) == 11
        table.set_filter("!queue1")
        assert len(table.model.rows) == 9
        table.set_filter("nowhere")
        await pilot.pause()
        assert "nothing holds nowhere" in lines(table)[1]
        table.set_filter("queue5")
        table.set_filter("")
        await pilot.press("g", "n")
        assert table.model.current is not None and table.model.current.key == "queue5"


async def test_narrow_screens_drop_columns_and_cut_texts_with_an_ellipsis() -> None:
    async with shown((row("a-very-long-queue-name-indeed", 5, "more"),), size=(20, 5)) as (_, table):
        header, first = lines(table)[:2]
        assert "extra" not in header and "ready" in header
        assert "…" in first and first.endswith("5")


async def test_nothing_yet_says_the_next_step() -> None:
    async with shown(()) as (pilot, table):
        assert "nothing yet" in lines(table)[1]
        await pilot.press("j", "enter", "space", "G")
        assert table.model.current is None


async def test_enter_and_a_double_click_open() -> None:
    async with shown(ROWS) as (pilot, table):
        await pilot.press("j", "enter")
        await pilot.click(table, offset=(3, 4))
        await pilot.click(table, offset=(3, 4), times=2)
        assert isinstance(pilot.app, Holder)
        assert pilot.app.opened == ["queue1", "queue3"]


async def test_wide_characters_keep_the_columns_straight() -> None:
    async with shown((row("請求書の送信", 12), row("plain", 7))) as (_, table):
        assert {table.render_line(y).cell_length for y in range(4)} == {40}
        first, second = table.render_line(1), table.render_line(2)
        assert first.crop(0, 32).text.rstrip().endswith("12") or "12" in first.text
        assert second.text.index("7") > 8
