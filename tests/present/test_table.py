"""Placing, sorting, filtering and comparing rows."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from console.present.table import Cell, Column, Row, arrange, changed_cells, keep_cursor, matches, place, widths

QUEUES = (
    Column("queue", "queue", grow=True, width=8),
    Column("ready", "ready", right=True),
    Column("oldest", "oldest", right=True, priority=1),
    Column("driver", "driver", priority=3),
)


def row(key: str, *texts: str) -> Row:
    return Row(key, tuple(Cell(text) for text in texts))


ROWS = (row("a", "default", "12", "8s", "redis"), row("b", "bulk-actions", "4,812", "9m 12s", "redis"))


def test_wide_shows_everything_and_the_growing_column_takes_the_rest() -> None:
    placed = place(QUEUES, widths(QUEUES, ROWS), 60)
    assert [each.index for each in placed] == [0, 1, 2, 3]
    last = placed[-1]
    assert last.x + last.width == 60
    assert placed[0].width > len("bulk-actions")


def test_narrow_drops_the_highest_priority_first_and_never_priority_zero() -> None:
    wanted = widths(QUEUES, ROWS)
    assert [each.index for each in place(QUEUES, wanted, 24)] == [0, 1, 2]
    assert [each.index for each in place(QUEUES, wanted, 16)] == [0, 1]
    assert [each.index for each in place(QUEUES, wanted, 3)] == [0, 1]


def test_a_wide_text_gives_way_to_the_numbers_behind_it() -> None:
    columns = (
        Column("job", "job", width=8, most=32),
        Column("cause", "", grow=True, width=8),
        Column("n", "n", width=5),
    )
    placed = place(columns, (32, 60, 5), 40)
    assert placed[-1].x + placed[-1].width <= 40
    assert placed[0].width == 25 and placed[2].width == 5


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.lists(st.integers(1, 30), min_size=4, max_size=4))
def test_placed_columns_never_overlap_and_fit_when_only_optional_ones_were_in_the_way(
    width: int, wanted: list[int]
) -> None:
    placed = place(QUEUES, wanted, width)
    for one, other in itertools.pairwise(placed):
        assert one.x + one.width < other.x
    if any(QUEUES[each.index].priority for each in placed):
        assert placed[-1].x + placed[-1].width <= width


def test_a_filter_holds_or_with_an_exclamation_mark_does_not_hold() -> None:
    assert matches(ROWS[1], "BULK")
    assert not matches(ROWS[0], "bulk")
    assert matches(ROWS[0], "!bulk")
    assert matches(ROWS[0], "!")
    assert matches(ROWS[0], "")


def test_sorting_goes_by_number_where_there_is_one_and_stays_within_headings() -> None:
    rows = (
        Row("h1", (Cell("hosts"),), heading=True),
        Row("x", (Cell("10", sort=10),)),
        Row("y", (Cell("9", sort=9),)),
        Row("h2", (Cell("workers"),), heading=True),
        Row("z", (Cell("1", sort=1),)),
    )
    assert [each.key for each in arrange(rows, column=0)] == ["h1", "y", "x", "h2", "z"]
    assert [each.key for each in arrange(rows, column=0, reverse=True)] == ["h1", "x", "y", "h2", "z"]
    assert [each.key for each in arrange(rows, pattern="9")] == ["h1", "y"]


def test_only_differing_cells_are_named() -> None:
    assert changed_cells(ROWS[0], row("a", "default", "13", "8s", "redis")) == (1,)
    assert changed_cells(ROWS[0], row("a", "default")) == (1, 2, 3)
    assert changed_cells(ROWS[0], ROWS[0]) == ()


def test_the_cursor_stays_on_its_key_or_goes_to_the_next_that_is_left() -> None:
    before = tuple(row(key, key) for key in "abcde")
    assert keep_cursor(before, 2, tuple(row(key, key) for key in "ecba")) == 1
    assert keep_cursor(before, 2, tuple(row(key, key) for key in "abde")) == 2
    assert keep_cursor(before, 4, tuple(row(key, key) for key in "abc")) == 2
    assert keep_cursor(before, 0, ()) == -1
    assert keep_cursor((), -1, (Row("h", (), heading=True), row("a", "a"))) == 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True), st.lists(st.sampled_from("abcdefgh"), unique=True), st.data()
)
def test_the_cursor_never_leaves_a_key_that_is_still_there(old: list[str], new: list[str], data: st.DataObject) -> None:
    before, after = tuple(row(key, key) for key in old), tuple(row(key, key) for key in new)
    at = data.draw(st.integers(-1, max(-1, len(old) - 1)))
    to = keep_cursor(before, at, after)
    assert (to == -1) == (not new)
    if at >= 0 and old[at] in new:
        assert new[to] == old[at]
