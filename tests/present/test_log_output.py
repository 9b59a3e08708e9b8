"""What `logs` prints of many records at once is what it prints of each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.domain.log_format import Record, parse
from console.domain.log_records import Records
from console.domain.log_times import Timed, Times
from console.domain.untrusted import harmless
from console.present import payload
from console.present.log_lines import record_document, record_lines
from console.present.log_output import JsonRecords, TextRecords
from tests.domain.log_samples import FILE, whole

HEADS = [
    "[2026-01-05 10:00:00] local.INFO:",
    "[2026-10-25 02:30:00] a-b.ERROR:",
    "[2026-01-06T10:00:00.5+00:00] x.ALERT:",
]
BODIES = [
    " paid ",
    ' paid {"a":1} ',
    " caf\u00e9 {}",
    " \x1b[2J ",
    "",
    ' {"a":"\u00e9"}',
    ' {"a":"\x1b"}',
    ' long {"a":"' + "x" * 400 + '"}',
    " " + "y" * 1100,
    "\ttab",
    ' thrown {"exception":"[object] (App\\\\X(code: 0): no at /a.php:3)\n[stacktrace]\n#0 {main}\n"} ',
    " two\nlines",
    " a\rb",
    ' {"n":12345678901234567890} {"x":1}',
]
RECORDS = st.lists(
    st.tuples(st.sampled_from(HEADS), st.sampled_from(BODIES) | st.text(max_size=20)).map(
        lambda pair: pair[0] + pair[1] + "\n"
    )
    | st.sampled_from(["stray\n", "\n"]),
    min_size=1,
    max_size=6,
).map(lambda lines: "".join(lines).encode("utf-8", "surrogatepass"))


def read(data: bytes) -> tuple[Records, Timed]:
    records = whole(data)
    return records, Times(lambda: ZoneInfo("Europe/Berlin")).read(records.heads)


def one(records: Records, place: int) -> Record:
    """A record by itself, parsed whole."""
    origin, at = records.origin, records.offset + records.starts[place]
    return parse(records.bytes_of(place), host=origin.host, file=origin.file, offset=at)


@given(RECORDS)
@example((HEADS[0] + BODIES[1] + "\n" + HEADS[0] + BODIES[0] + "\n").encode())
def test_json_says_of_many_what_it_says_of_one(data: bytes) -> None:
    records, timed = read(data)
    out = JsonRecords().text(records, timed, range(len(records)))
    assert out.isascii() and out.count("\n") == len(records) and "\x1b" not in out
    for place, line in enumerate(out.splitlines()):
        wanted = record_document(one(records, place))
        found = json.loads(line)
        if timed.moment(place) is not None and wanted["at"] is not None:
            assert found["at"].endswith("Z")
            wanted["at"] = found["at"]
        assert found == wanted and list(found) == list(wanted)


@given(RECORDS, st.integers(1, 2))
@example((HEADS[0] + BODIES[1] + "\n" + HEADS[0] + BODIES[7] + "\n").encode(), 2)
def test_text_says_of_many_what_it_says_of_one(data: bytes, hosts: int) -> None:
    records, timed = read(data)
    out = TextRecords(hosts=hosts, today="2026-01-05").text(records, timed, range(len(records)))
    wanted: list[str] = []
    day = "2026-01-05"
    for place in range(len(records)):
        record = one(records, place)
        if record.at and record.at.show(40)[:10] != day:
            day = record.at.show(40)[:10]
            wanted.append(f"--- {day}")
        lines = record_lines(record, host_width=len(record.host) if hosts > 1 else 0)
        wanted += [harmless("".join(part for part, _ in line).rstrip()) for line in lines]
    assert out == "".join(f"{line}\n" for line in wanted)


def test_a_moment_is_in_utc_and_what_is_none_stays_as_written() -> None:
    records, timed = read("".join(f"{head} x \n" for head in HEADS).encode())
    found = [json.loads(line)["at"] for line in JsonRecords().text(records, timed, range(3)).splitlines()]
    assert found == ["2026-01-05T09:00:00.000Z", "2026-10-25 02:30:00", "2026-01-06T10:00:00.500Z"]


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_moment_is_written_as_everywhere(at: datetime) -> None:
    records, timed = read(f"[{at.isoformat()}] local.INFO: x \n".encode())
    assert json.loads(JsonRecords().text(records, timed, [0]))["at"] == payload.stamp(at)


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_beyond_the_calendar_stays_as_written(stamp: str) -> None:
    records, timed = read(f"[{stamp}] local.INFO: x \n".encode())
    assert json.loads(JsonRecords().text(records, timed, [0]))["at"] == stamp


def test_a_cut_record_says_so_in_both_forms() -> None:
    records = Records(FILE, 0, f"{HEADS[0]} {'y' * 1100}\nz\n".encode(), goes_on=True)
    timed = Times(lambda: ZoneInfo("Europe/Berlin")).read(records.heads)
    wanted = "it is longer than 4,194,304 bytes, the rest is not shown]"
    assert json.loads(JsonRecords().text(records, timed, [0]))["message"].endswith(wanted)
    assert wanted in TextRecords(hosts=1, today="2026-01-05").text(records, timed, [0])


def test_only_the_chosen_are_printed() -> None:
    records, timed = read("".join(f"{HEADS[0]} n{n} \n" for n in range(4)).encode())
    assert [json.loads(line)["message"] for line in JsonRecords().text(records, timed, [1, 3]).splitlines()] == [
        "n1",
        "n3",
    ]
