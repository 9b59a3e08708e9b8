"""Dates of log lines: what they say, and which of them say nothing for certain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.log_stamps import day_and_clock, read_stamp

TEN = datetime(2026, 11, 29, 10)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("stamp", "meant"),
    [
        ("2026-11-29 10:00:00", TEN),
        ("2026-11-29T10:00:00.5+01:00", TEN.replace(microsecond=500_000, tzinfo=timezone(timedelta(hours=1)))),
        ("2026-11-29 10:00:00 Europe/Berlin", TEN.replace(tzinfo=ZoneInfo("Europe/Berlin"))),
        ("2026-11-29 10:00:00 +0100", TEN.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("2026-11-29 10:00:00,250", TEN.replace(microsecond=250_000)),
        ("2026/11/29 10:00:00", TEN),
        ("2026-11-29 10:00", TEN),
        ("29.11.2026 10:00:00", TEN),
        ("01.02.2026 10:00:00", TEN.replace(month=2, day=1)),
        ("29.11.2026, 10:00:00", TEN),
        ("29-Nov-2026 10:00:00", TEN),
        ("29-Nov-2026 10:00:00 UTC", TEN.replace(tzinfo=UTC)),
        ("29/Nov/2026:10:00:00 +0000", TEN.replace(tzinfo=UTC)),
        ("Sun, 29 Nov 2026 10:00:00 +0000", TEN.replace(tzinfo=UTC)),
        ("Nov 29, 2026 10:00:00 pm", TEN.replace(hour=22)),
        ("29/11/2026 10:00:00", TEN),
        ("11/29/2026 12:00:00 AM", TEN.replace(hour=0)),
        ("1795946400", datetime.fromtimestamp(1795946400, UTC)),
        ("1712011512030", datetime.fromtimestamp(1712011512, UTC).replace(microsecond=30_000)),
    ],
)
def test_dates_that_are_certain(stamp: str, meant: datetime) -> None:
    found = read_stamp(stamp.encode())
    assert found == meant
    assert (found.tzinfo is None) == (meant.tzinfo is None)


@pytest.mark.parametrize(
    "stamp",
    [
        "01/02/2026 10:00:00",
        "01-02-2026 10:00:00",
        "2026-11-29 10:00:00 CST",
        "2026-13-29 10:00:00",
        "10:00:00",
        "x",
        "",
    ],
)
def test_dates_that_are_not(stamp: str) -> None:
    assert read_stamp(stamp.encode()) is None


@pytest.mark.parametrize(
    ("stamp", "day", "clock"),
    [
        ("2026-11-29T10:00:00Z", "2026-11-29", "10:00:00"),
        ("29.11.2026 10:00:00", "2026-11-29", "10:00:00"),
        ("01/02/2026 10:00:00", "01/02/2026", "10:00:00"),
        ("", "", ""),
    ],
)
def test_what_is_shown_of_a_stamp(stamp: str, day: str, clock: str) -> None:
    assert day_and_clock(stamp.encode()) == (day.encode(), clock.encode())


@given(st.binary(max_size=70) | st.from_regex(r"[\d/.:, +-]{8,30}(?:am|PM| UTC| A/B)?", fullmatch=True).map(str.encode))
def test_any_bytes_are_a_date_or_none(stamp: bytes) -> None:
    read_stamp(stamp)
    day_and_clock(stamp)
