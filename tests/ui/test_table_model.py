"""What a table shows and where it stands in it, without a widget."""

from __future__ import annotations

from console.present.table import Cell, Row
from console.ui.widgets.table_model import TableModel


def rows(*keys: str) -> tuple[Row, ...]:
    return tuple(Row(key, (Cell(key.strip("#")),), heading=key.startswith("#")) for key in keys)


def model(*keys: str, lines: int = 3) -> TableModel:
    made = TableModel(lambda: lines)
    made.take(rows(*keys))
    made.arrange(0.0)
    return made


def test_a_row_above_the_cursor_leaves_cursor_and_line_where_they_are() -> None:
    table = model("a", "b", "c", "d", "e")
    assert table.go(4) and table.top == 2
    table.take(rows("new", "a", "b", "c", "d", "e"))
    table.arrange(7.0)
    assert table.current is not None and table.current.key == "e"
    assert (table.at - table.top, table.moved_at) == (2, None)


def test_only_data_moves_the_cursor_unasked() -> None:
    table = model("a", "b", "c")
    table.filter("c")
    assert table.moved_at is None and table.current is not None and table.current.key == "c"
    table.filter("")
    table.take(rows("a", "b"))
    table.arrange(7.0)
    assert table.moved_at == 7.0


def test_marks_are_what_a_command_acts_on_until_their_rows_go() -> None:
    table = model("a", "b", "c")
    assert table.toggle_mark() and table.go(2) and table.toggle_mark()
    assert [row.key for row in table.chosen] == ["a", "c"]
    assert table.take(rows("b", "c")) and [row.key for row in table.chosen] == ["c"]
    assert not table.take(rows("c"))


def test_a_heading_takes_no_cursor_and_is_seen_with_the_row_below_it() -> None:
    table = model("#one", "a", "#two", "b", "c", lines=2)
    assert table.at == 1 and table.top == 0
    assert table.step(1) == 3 and not table.go(2)
    assert table.go(table.edge(1)) and table.go(3) and table.top == 2


def test_the_filter_typed_last_is_hunted_for_round_the_ends() -> None:
    table = model("a1", "b", "a2", "c")
    table.filter("a")
    table.filter("")
    assert table.go(table.hunt(1)) and table.current is not None and table.current.key == "a2"
    assert table.rows[table.hunt(1)].key == "a1"
    assert model().hunt(1) == -1


def test_orders_go_through_the_columns_and_back() -> None:
    table = model("b", "a")
    table.sort_next([0])
    assert [row.key for row in table.rows] == ["a", "b"]
    assert table.reverse() and [row.key for row in table.rows] == ["b", "a"]
    table.sort_next([0])
    assert table.order is None and not table.reverse()
