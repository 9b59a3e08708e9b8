"""What `--since` may say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.log_history import Span
from console.domain.log_times import UNTIMED, micros

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("2w", 1_209_600)]
)
def test_a_duration_is_counted_back_from_each_hosts_own_now(text: str, seconds: int) -> None:
    span = Span.typed(text, NOW)
    assert span == Span(ago=seconds) and span.by_time
    assert span.begin_at(1_000_000_000) == (1_000_000_000 - seconds) * 1_000_000


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05 09:00", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05", "2026-01-05T00:00:00+00:00"),
        ("2026-01-05T11:00+02:00", "2026-01-05T09:00:00+00:00"),
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00+00:00"),
    ],
)
def test_a_date_is_utc_unless_it_says_otherwise(text: str, means: str) -> None:
    assert Span.typed(text, NOW).begin_at(0) == micros(datetime.fromisoformat(means))


@pytest.mark.parametrize(
    "text", ["yesterday", "10", "m", "-10m", "1.5h", "10 m", "10y", "2026-13-01", "", "9" * 12 + "d"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration nor a date"):
        Span.typed(text, NOW)


@pytest.mark.parametrize("text", ["2026-01-05T10:00:01Z", "2999-01-01", "2026-01-05T12:00+01:00"])
def test_what_is_ahead_of_now_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ahead of now"):
        Span.typed(text, NOW)


def test_the_longest_duration_goes_back_before_everything() -> None:
    assert Span.typed("999999999w", NOW).begin_at(1_767_607_200) < micros(datetime(1, 1, 1, tzinfo=UTC))
    assert Span(tail=5).begin_at(7) == UNTIMED and not Span(tail=5).by_time


@given(st.text(max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    try:
        span = Span.typed(text, NOW)
    except ValueError:
        return
    assert span.by_time
