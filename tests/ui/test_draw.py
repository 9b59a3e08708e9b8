"""Wrapping and fitting of drawn text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from console.ui.widgets.draw import fit, wrap

PIECES = st.lists(st.tuples(st.text(alphabet="ab 請求書é-", max_size=60), st.sampled_from(["", "dim"])), max_size=5)


def plain(lines: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_later_lines_are_indented_behind_the_first() -> None:
    lines = wrap((("  ", ""), ("php artisan migrate --force", "error")), 16)
    assert plain(lines) == ["  php artisan ", "    migrate ", "    --force"]
    assert all(state == "error" for line in lines for text, state in line if text.strip())


@settings(max_examples=300, deadline=None)
@given(PIECES, st.integers(8, 60))
def test_wrapping_loses_nothing_and_fits(pieces: list[tuple[str, str]], width: int) -> None:
    lines = wrap(tuple(pieces), width)
    assert all(cell_len(text) <= width for text in plain(lines))
    whole = "".join(text for text, _ in pieces)
    assert "".join(plain(lines)).replace(" ", "") == whole.replace(" ", "")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab 請求書é", max_size=40), st.integers(1, 30), st.booleans())
def test_fitting_gives_exactly_the_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right)) == width
