"""Cutting a file's bytes into whole records: the borders of what was read leave no trace."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain import log_records
from console.domain.log_blocks import Where
from console.domain.log_levels import Level
from console.domain.log_records import RecordCutter, Records
from tests.domain.log_samples import FILE, whole

HEADS = [
    b"[2026-01-05 10:00:00] local.INFO: fine \n",
    b'[2026-01-05 10:00:01] local.ERROR: bad {"a":1} \n',
    b"[2026-01-05T10:00:02.123456+01:00] my-channel.CRITICAL: worse\r\n",
]
TAILS = [b"[stacktrace]\n", b"#0 /a.php(1): x()\n", b"\n", b"[2026-01-05] no head\n", b"text without an end", b'"} \n']
OTHERS = [
    b"[2026-01-05 10:00:03] Shop API.ERROR: bad \n",
    b"[05.01.2026 10:00:03] local.ERROR: bad \n",
    b"[2026-01-05 10:00:03] local.LOUD: bad \n",
    b'{"message":"bad","level_name":"ERROR","datetime":"2026-01-05T10:00:03+00:00"}\n',
    b'{"message":"cut off\n',
    b"PHP Fatal error:  Uncaught Error in /a.php:3\n",
    b"[05-Jan-2026 10:00:03 UTC] PHP Warning:  odd in /a.php on line 3\n",
    b"Fatal error: Uncaught Error in /a.php:3\n",
    b"================\n",
    b"\xef\xbb\xbf",
]
LINES = st.lists(st.sampled_from(HEADS + TAILS) | st.binary(max_size=30), max_size=12).map(b"".join)


def cut(data: bytes, sizes: list[int], cutter: RecordCutter | None = None) -> list[Records]:
    """What a cutter gives of `data` fed in pieces of these sizes (repeated), settled at the end."""
    cutter = cutter or RecordCutter(FILE)
    found, at, number = [], 0, 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        found.append(cutter.feed(data[at : at + size]))
        at, number = at + size, number + 1
    return [each for each in (*found, cutter.settle()) if each is not None]


def records(found: list[Records]) -> list[tuple[int, bytes]]:
    return [(each.offset + each.starts[n], each.bytes_of(n)) for each in found for n in range(len(each))]


@given(
    LINES | st.lists(st.sampled_from(HEADS + TAILS + OTHERS), max_size=12).map(b"".join),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_pieces_of_any_size_give_the_records_of_the_whole(data: bytes, sizes: list[int]) -> None:
    found = records(cut(data, sizes))
    assert b"".join(each for _, each in found) == data
    assert found == records(cut(data, [len(data) + 1]))
    for at, each in found:
        assert data[at : at + len(each)] == each


@given(LINES, st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 200))
def test_begun_within_a_record_the_rest_of_it_is_left_out(data: bytes, sizes: list[int], begin: int) -> None:
    rest = data[begin:]
    found = records(cut(rest, sizes, RecordCutter(FILE, begin, inside=True)))
    whole = records(cut(data, [len(data) + 1]))
    heads = [m.start() + 1 for m in re.finditer(rb"\n(?=\[\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\]\n]{0,20}\] \S)", rest)]
    headed = [each for each in found if each[1].startswith(b"[2026") and b"no head" not in each[1]]
    if headed and heads:
        # From the first head on, everything is there as it is without the beginning.
        assert found == [each for each in whole if each[0] >= found[0][0]]


def test_a_record_that_may_grow_is_kept_until_the_next_begins() -> None:
    cutter = RecordCutter(FILE)
    assert cutter.feed(HEADS[0]) is None
    assert cutter.feed(b"[stacktrace]\n#0 {main}\n") is None
    whole = cutter.feed(HEADS[1][:20])
    assert whole is None, "half a head is none"
    whole = cutter.feed(HEADS[1][20:])
    assert whole is not None and records([whole]) == [(0, HEADS[0] + b"[stacktrace]\n#0 {main}\n")]
    assert (cutter.held, cutter.offset) == (len(HEADS[1]), len(HEADS[0]) + 23 + len(HEADS[1]))


def test_a_record_without_an_end_is_handed_over_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_records, "LONGEST_RECORD", 1000)
    data = HEADS[0] + b"more of it\n" * 500 + HEADS[1]
    found = cut(data, [100])
    assert b"".join(each for _, each in records(found)) == data
    assert max(len(each) for _, each in records(found)) <= 1200
    heads = [head[1] if head else None for each in found for head in each.heads]
    assert heads[0] == b"2026-01-05 10:00:00" and heads[-1] == b"2026-01-05 10:00:01"
    assert set(heads[1:-1]) == {None}


def test_a_record_that_is_too_long_is_taken_once_and_says_that_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_records, "LONGEST_RECORD", 1000)
    for more in (b"x" * 5000, b"more of it\n" * 500):
        data = HEADS[0] + HEADS[1].rstrip() + more + b" wanted \n" + HEADS[0]
        found = cut(data, [100])
        for where, count in ((Where(), 3), (Where.typed("", Level.ERROR), 1), (Where.typed("wanted"), 1)):
            assert sum(len(each.taken(where)) for each in found) == count
        (first,) = (each for each in found if each.taken(Where.typed("", Level.ERROR)))
        assert first.goes_on and first.heads[-1] is not None
        for where in (Where(), Where.typed("", Level.ERROR)):
            exact = b"".join(each.bytes_of(n) for each in found for n in each.taken(where, exact=True))
            assert exact == data if where.everything else exact == data[len(HEADS[0]) : -len(HEADS[0])]


def test_what_comes_late_has_the_level_of_its_record() -> None:
    cutter = RecordCutter(FILE)
    cutter.feed(HEADS[1])
    cutter.settle()
    late = cutter.feed(b"[stacktrace]\n" + HEADS[0])
    assert late is not None and list(late.taken(Where.typed("", Level.ERROR))) == [0]


def test_the_end_of_a_record_that_is_longer_than_all_that_was_read_is_shown() -> None:
    cutter = RecordCutter(FILE, 5000, inside=True)
    assert cutter.feed(b"x" * 300 + b" \n") is None
    torn = cutter.settle()
    assert torn is not None and torn.is_torn and list(torn.taken(Where.typed("", Level.ERROR))) == [0]


def test_the_long_end_of_a_record_is_shown_before_what_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_records, "LONG_RECORD", 200)
    for size, count in ((300, 2), (100, 1)):
        found = cut(b"x" * size + b"\n" + HEADS[1], [50], RecordCutter(FILE, 5000, inside=True))
        assert sum(len(each.taken(Where.typed("", Level.ERROR))) for each in found) == count


def test_filters_take_what_they_say() -> None:
    found = whole(b"stray\n" + b"".join(HEADS) + b"deep inside\n")
    assert list(found.taken(Where())) == [0, 1, 2, 3]
    assert list(found.taken(Where.typed("", Level.ERROR))) == [2, 3]
    assert list(found.taken(Where.typed("deep"))) == [3]
    assert list(found.taken(Where.typed("nowhere"))) == []
    assert list(found.taken(Where.typed("!fine", Level.INFO))) == [2, 3]


@pytest.mark.parametrize("line", OTHERS[:8])
def test_an_error_is_seen_whatever_stands_above_it(line: bytes) -> None:
    above = b"[2026-01-05 10:00:00] local.INFO: fine \n"
    found = whole(above + line + HEADS[0])
    taken = found.taken(Where.typed("", Level.ERROR))
    assert [found.bytes_of(place) for place in taken] == [line] or (b"Warning" in line and not taken)
    assert len(found) == 3


def test_plain_is_what_needs_no_second_look() -> None:
    thrown = b'[2026-01-05 10:00:01] local.ERROR: x {"exception":"[object] (A(code: 0): m at /a:1)"} \n'
    assert whole(b"".join(HEADS)).is_plain
    for data in (b"stray\n" + HEADS[0], HEADS[0] + b"second line\n", HEADS[0][:-1], thrown):
        assert not whole(data).is_plain


@given(
    st.lists(
        st.tuples(st.integers(0, 59), st.binary(max_size=20).filter(lambda b: b"[" not in b)), min_size=1, max_size=20
    ),
    st.integers(0, 60),
)
def test_a_block_is_cut_behind_the_last_record_of_a_time(made: list[tuple[int, bytes]], limit: int) -> None:
    lines = [b"[2026-01-05 10:00:%02d] a.INFO:%b\n" % (second, text) for second, text in sorted(made)]
    data = b"".join(lines)
    limit = max(limit, min(second for second, _ in made))
    wanted = sum(len(line) for line in lines if int(line[18:20]) <= limit)
    assert whole(data).last_within(0, lambda stamp: int(stamp[17:]) <= limit) == wanted
    again = whole(b"stray\n" + data).last_within(6, lambda stamp: int(stamp[17:]) <= limit)
    assert again == wanted + 6
