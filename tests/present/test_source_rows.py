"""What the environments pane says of sources that no other pane shows."""

from __future__ import annotations

from console.domain.health import Status
from console.domain.readings import LIGHT, LightReading
from console.domain.snapshot import Snapshot
from console.present.environment_rows import ENVIRONMENT_COLUMNS, source_row
from console.present.readings import others
from console.present.table import Cell, Row, place, spanned, widths
from console.present.text import FAILED, OK, OPEN
from tests.fakes.clock import FakeClock
from tests.fakes.screen import FakeBoard

ENTROPY: Snapshot[object] = Snapshot(
    source="entropy", value=256, taken_mono=100.0, every=5.0, said="entropy ≥ 256 bits"
)


def words(row: Row) -> list[str]:
    return [cell.text for cell in row.cells if cell.text]


def test_a_source_says_its_line_and_an_age_only_when_it_is_old() -> None:
    assert words(source_row(ENTROPY, 101.0)) == [OK, "entropy ≥ 256 bits"]
    old = source_row(ENTROPY, 160.0)
    assert words(old) == [OK, "1m entropy ≥ 256 bits"]
    assert {cell.state for cell in old.cells if cell.text} == {"dim"}


def test_a_source_that_never_answered_is_named_with_its_error() -> None:
    silent: Snapshot[object] = Snapshot(source="entropy", error="web1 is down")
    waiting: Snapshot[object] = Snapshot(source="entropy")
    assert words(source_row(silent, 5.0)) == [FAILED, "entropy: web1 is down"]
    assert words(source_row(waiting, 5.0)) == [OPEN, "entropy"]


def test_its_line_is_as_wide_as_the_pane() -> None:
    wanted = widths(ENVIRONMENT_COLUMNS, (host := Row("h", tuple(map(Cell, ("●", "web1", "0.41", "52%")))),))
    placed = place(ENVIRONMENT_COLUMNS, wanted, 30)
    assert spanned(placed, host) == placed
    glyph, said = spanned(placed, source_row(ENTROPY, 101.0))
    assert (glyph.x, glyph.width) == (0, 1) and (said.x, said.width) == (2, 28)


def test_the_light_question_of_before_is_not_shown_of_an_environment_read_fully() -> None:
    board = FakeBoard(FakeClock())
    board.put("lab", LIGHT, LightReading(status=Status.OK, detail=""))
    board.put("lab", "entropy", 256)
    assert [snapshot.source for snapshot in others(board, "lab", ())] == ["entropy"]
