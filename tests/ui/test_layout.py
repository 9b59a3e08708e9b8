"""Where the focus, the zoom and the drawer stand, and what has a place on a screen."""

from __future__ import annotations

from console.ui.layout import DRAWER, Arrangement, sizes


def test_the_focus_goes_round_and_takes_the_open_drawer_in() -> None:
    places = Arrangement((1, 2, 3))
    assert (places.beside(1), places.beside(-1)) == (2, 3)
    places.focus(places.open_drawer(True))
    assert places.focused == DRAWER
    assert (places.beside(1), places.beside(-1)) == (1, 3)


def test_a_closed_drawer_gives_the_focus_back_to_the_pane_before_it() -> None:
    places = Arrangement((1, 2, 3))
    places.focus(2)
    places.focus(places.open_drawer(True))
    assert places.open_drawer(False) == 2


def test_closing_a_drawer_without_the_focus_leaves_the_focus() -> None:
    places = Arrangement((1, 2, 3))
    places.focus(places.open_drawer(True))
    places.focus(3)
    assert places.open_drawer(False) == 3


def test_everything_has_a_place_on_a_large_screen_and_the_focused_pane_alone_on_a_small_or_zoomed_one() -> None:
    places = Arrangement((1, 2, 3))
    large, small = sizes(120, 36), sizes(80, 24)
    assert all(places.shows(number, large) for number in (1, 2, 3)) and not places.shows(DRAWER, large)
    assert [number for number in (DRAWER, 1, 2, 3) if places.shows(number, small)] == [1]
    places.focus(places.open_drawer(True))
    assert places.shows(DRAWER, large) and places.shows(2, large)
    assert [number for number in (DRAWER, 1, 2, 3) if places.shows(number, sizes(120, 36, zoomed=True))] == [DRAWER]
