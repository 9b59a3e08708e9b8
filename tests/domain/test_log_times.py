"""Stamps as moments: what is known, what is not, and what order says of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from console.domain.log_records import Records
from console.domain.log_times import FARTHEST, UNTIMED, Times, micros
from tests.domain.log_samples import whole

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000


def logged(*stamps: str) -> Records:
    """A record for each stamp; lines without one for the empty ones."""
    return whole("".join(f"[{stamp}] local.INFO: x \n" if stamp else "stray\n" for stamp in stamps).encode())


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def times(zone: ZoneInfo | None = BERLIN) -> Times:
    return Times(lambda: zone)


def test_local_stamps_are_read_in_the_applications_zone_and_others_as_they_say() -> None:
    timed = times().read(logged("2026-01-05 10:00:00", "2026-07-05T10:00:00.25", "2026-07-05T10:00:00+00:00").heads)
    assert [timed.moment(n) for n in range(3)] == [
        at("2026-01-05T09:00:00Z"),
        at("2026-07-05T08:00:00.250Z"),
        at("2026-07-05T10:00:00Z"),
    ]


def test_keys_never_go_back_and_orders_do() -> None:
    timed = times().read(logged("2026-01-05 10:00:02", "2026-01-05 10:00:01", "2026-01-05 10:00:03").heads)
    assert list(timed.keys) == sorted(timed.keys) and timed.keys[1] == timed.keys[0]
    assert list(timed.since(at("2026-01-05T09:00:02Z"), range(3))) == [0, 2]
    later = times().read(logged("2026-01-05 10:00:02").heads, last=timed.keys[-1])
    assert later.keys[0] == timed.keys[-1]


def test_lines_without_a_stamp_stay_with_the_record_they_stand_by() -> None:
    timed = times().read(logged("", "", "2026-01-05 10:00:00").heads)
    assert (timed.keys[0], timed.moment(0)) == (UNTIMED, None)
    assert list(timed.since(at("2026-01-05T09:00:01Z"), range(3))) == [], "they are as old as what follows them"
    assert list(timed.since(at("2026-01-05T09:00:00Z"), range(3))) == [0, 1, 2]
    only = times().read(logged("", "").heads)
    assert list(only.since(at("2026-01-05T09:00:00Z"), range(2))) == [0, 1], "nobody knows how old they are"


def test_the_hour_that_comes_twice_is_told_by_what_stands_before() -> None:
    stamps = ["2026-10-25 01:59:00", "2026-10-25 02:30:00", "2026-10-25 02:59:59", "2026-10-25 02:00:01"]
    timed = times().read(logged(*stamps, "2026-10-25 02:40:00", "2026-10-25 03:00:00").heads)
    begin = at("2026-10-24T23:59:00Z")
    assert [(key - begin) // 60_000_000 for key in timed.keys] == [0, 31, 60, 61, 101, 121]
    assert [timed.moment(n) is None for n in range(6)] == [False, True, True, True, True, False]
    # What may be as young as that is never left out.
    assert list(timed.since(at("2026-10-25T01:35:00Z"), range(6))) == [2, 4, 5]


def test_without_a_zone_nothing_is_a_moment_and_nothing_young_enough_is_left_out() -> None:
    reader = times(None)
    timed = reader.read(logged("2026-01-05 10:00:00", "2026-01-05T10:00:01Z").heads)
    assert [timed.moment(n) for n in (0, 1)] == [None, at("2026-01-05T10:00:01Z")]
    assert list(timed.since(at("2026-01-05T10:00:00Z") + FARTHEST, range(2))) == [0]
    assert list(timed.since(at("2026-01-05T10:00:00Z") + FARTHEST + 1, range(2))) == []
    assert reader.latest(b"2026-01-05 10:00:00") == at("2026-01-05T10:00:00Z") + FARTHEST


def test_the_zone_is_asked_for_once_at_the_first_stamp_that_needs_it() -> None:
    asked: list[int] = []

    def zone() -> None:
        asked.append(1)

    reader = Times(zone)
    reader.read(logged("2026-01-05T10:00:01Z", "2026-01-05T10:00:02+0200").heads)
    assert asked == [], "these say their offset"
    reader.read(logged("2026-01-05 10:00:01", "2026-01-05 10:00:02").heads)
    assert asked == [1]


def test_a_stamp_that_is_no_time_has_none() -> None:
    timed = times().read(logged("2026-01-05 10:00:00", "2026-13-45 10:00:00", "2026-01-05 10:00:01").heads)
    assert timed.moment(1) is None and timed.keys[1] == timed.keys[0]
    assert times().latest(b"2026-13-45 10:00:00") is None
    assert list(times().read(logged("2026-13-45 10:00:00").heads).since(0, range(1))) == [0]


LOCAL = st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1))  # noqa: DTZ001 - what an application writes


@given(st.lists(LOCAL, min_size=1, max_size=20), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_a_moment_is_one_that_the_stamp_can_mean(written: list[datetime], name: str) -> None:
    zone = ZoneInfo(name)
    timed = times(zone).read(logged(*(each.strftime("%Y-%m-%d %H:%M:%S") for each in written)).heads)
    for place, each in enumerate(written):
        meant = {micros(each.replace(microsecond=0, tzinfo=zone, fold=fold)) for fold in (0, 1)}
        assert timed.orders[place] in meant
        assert timed.moment(place) in (meant if len(meant) == 1 else {None})
    assert list(timed.keys) == sorted(timed.keys)


@given(st.binary(min_size=19, max_size=39).filter(lambda b: b"]" not in b and b"\n" not in b))
def test_no_bytes_in_a_stamp_break_the_reading(stamp: bytes) -> None:
    times().latest(stamp)
    assert times().moment(stamp) is None or isinstance(times().moment(stamp), int)


def test_the_same_stamps_are_read_once() -> None:
    many = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=n // 3) for n in range(30)]
    reader = times()
    first = reader.read(logged(*(each.strftime("%Y-%m-%d %H:%M:%S") for each in many)).heads)
    assert first == reader.read(logged(*(each.strftime("%Y-%m-%d %H:%M:%S") for each in many)).heads)
    assert first.orders[0] == micros(many[0]) - HOUR
