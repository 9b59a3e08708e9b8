"""Numbers, ages and bars as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.present import text


@pytest.mark.parametrize(
    ("seconds", "span", "brief"),
    [
        (None, "–", "–"),
        (0, "0s", "0s"),
        (59.9, "59s", "59s"),
        (552, "9m 12s", "9m"),
        (3840, "1h 04m", "1h"),
        (266_400, "3d 2h", "3d"),
        (-5, "0s", "0s"),
    ],
)
def test_durations(seconds: float | None, span: str, brief: str) -> None:
    assert (text.span(seconds), text.brief(seconds)) == (span, brief)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "not read yet"),
        (1, "now"),
        (7, "5 s ago"),
        (59, "55 s ago"),
        (200, "3 m ago"),
        (8000, "2 h ago"),
        (9e4, "1 d ago"),
    ],
)
def test_ages_move_in_steps(seconds: float | None, words: str) -> None:
    assert text.age(seconds) == words


def test_counts_and_latencies() -> None:
    assert (text.count(4812), text.count(None)) == ("4,812", "–")
    assert (text.millis(41.6), text.millis(1840), text.millis(None)) == ("42 ms", "1.8 s", "–")
    assert (text.plural(1, "job"), text.plural(1204, "job")) == ("1 job", "1,204 jobs")


def test_times_are_utc_with_a_z_unless_local() -> None:
    at = datetime(2026, 11, 21, 20, 51, 3, tzinfo=UTC)
    assert text.moment(at) == "20:51:03Z"
    assert text.moment(at, seconds=False) == "20:51Z"
    assert text.day(at) == "2026-11-21 20:51:03Z"
    assert not text.moment(at, local=True).endswith("Z")
    assert text.moment(None) == text.day(None) == "–"


def test_stopwatch() -> None:
    assert [text.stopwatch(s) for s in (48, 725, 3723, None)] == ["0:48", "12:05", "1:02:03", "–"]


def test_sparks_and_bars() -> None:
    assert text.spark([0, 1, 2, 4], 8) == "▁▂▄█"
    assert text.spark([9, 0, 0], 2) == "▁▁"
    assert text.spark([], 5) == ""
    assert text.bar(3, 7, 7) == "▓▓▓░░░░"
    assert text.bar(0, 0, 3) == "░░░"


def test_every_glyph_has_an_ascii_form_of_one_column() -> None:
    for glyph in (
        text.OK,
        text.WARNING,
        text.FAILED,
        text.OPEN,
        text.DONE,
        text.CURRENT,
        text.PAUSED,
        text.DUE,
        text.NONE,
    ):
        form = glyph.translate(text.ASCII)
        assert form.isascii() and len(form) == 1
