"""The ring of log blocks: nothing lost, records whole whatever the borders, filters and positions right."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.logs import FileOrigin, Level, LogRing, Where
from tests.domain.ring import raw

TEN_O_CLOCK = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) // 60
A = FileOrigin("web1", "laravel.log", "8:1")
B = FileOrigin("web2", "laravel.log", "8:2")
TRACE = (
    b'[2026-01-05 10:00:02] production.ERROR: Payment declined {"exception":"[object] (App\\\\Declined(code: 0): no at'
    b' /app/x.php:3)\n[stacktrace]\n#0 /app/vendor/a.php(1): f()\n#1 {main}\n"} \n'
)


def line(number: int, level: str = "INFO", text: str = "order") -> bytes:
    stamp = f"2026-01-05 10:{number // 60 % 60:02}:{number % 60:02}"
    return f'[{stamp}] production.{level}: {text} {number} {{"n":{number}}} \n'.encode()


def messages(ring: LogRing, positions: list[int]) -> list[str]:
    return [record.message.show() for record in map(ring.record, positions) if record is not None]


def everything(ring: LogRing) -> list[int]:
    return ring.tail(10**9)


def raws(ring: LogRing, origin: FileOrigin) -> bytes:
    found = []
    for position in everything(ring):
        record = ring.record(position)
        assert record is not None
        if record.host == origin.host:
            found.append(raw(ring, position))
    return b"".join(found)


def generated(dice: random.Random, lines: int) -> Iterator[bytes]:
    """Log text of which a fifth is garbage: traces, binary, fake heads, empty and very long lines."""
    for number in range(lines):
        match dice.randrange(25):
            case 0:
                yield TRACE
            case 1:
                yield bytes(dice.randrange(256) for _ in range(dice.randrange(80))) + b"\n"
            case 2:
                yield b"[2026-13-99] production.ERROR: no stamp\n"
            case 3:
                yield b"\n"
            case 4:
                yield b"#0 " + b"x" * dice.randrange(3000) + b"\n"
            case _:
                yield line(number, dice.choice(["DEBUG", "INFO", "WARNING", "ERROR", "EMERGENCY"]))


def pour(ring: LogRing, dice: random.Random, streams: dict[FileOrigin, bytes], largest: int) -> None:
    """The streams in random pieces, taking turns."""
    at = dict.fromkeys(streams, 0)
    while at:
        origin = dice.choice(list(at))
        size = dice.randrange(1, largest)
        piece = streams[origin][at[origin] : at[origin] + size]
        ring.append(origin, at[origin], piece)
        at[origin] += len(piece)
        if at[origin] >= len(streams[origin]):
            del at[origin]
        if dice.random() < 0.1:
            ring.tail(3, Where(Level.ERROR))
    ring.settle()


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_whatever_the_borders(seed: int) -> None:
    dice = random.Random(seed)
    streams = {A: b"".join(generated(dice, 300)), B: b"".join(generated(dice, 300))}
    ring = LogRing()
    pour(ring, dice, streams, largest=dice.choice([7, 90, 700, 9000]))
    for origin, data in streams.items():
        assert raws(ring, origin) == data
    assert ring.lines == sum(data.count(b"\n") for data in streams.values())
    assert ring.dropped == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_filter_sees_what_reading_every_record_sees(seed: int) -> None:
    dice = random.Random(100 + seed)
    ring = LogRing()
    pour(ring, dice, {A: b"".join(generated(dice, 300)), B: b"".join(generated(dice, 200))}, largest=600)
    positions = everything(ring)
    for where in (
        Where.typed("declined"),
        Where.typed("!declined"),
        Where.typed("main}", Level.ERROR),
        Where(Level.WARNING),
        Where.typed(r"order \d*7 "),
    ):
        wanted = []
        for position in positions:
            record, data = ring.record(position), raw(ring, position)
            assert record is not None
            hit = where.pattern is None or (where.pattern.search(data) is not None) != where.inverse
            if hit and record.level >= where.level:
                wanted.append(position)
        assert ring.tail(10**9, where) == wanted
        assert ring.tail(10**9, where) == wanted, "the cached answer differs"
        middle = positions[len(positions) // 2]
        assert ring.after(middle, 5, where) == [p for p in wanted if p > middle][:5]
        assert ring.before(middle, 5, where) == [p for p in wanted if p < middle][-5:]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=12))
def test_any_bytes_are_kept_and_parsed_without_complaint(pieces: list[bytes]) -> None:
    ring = LogRing()
    offset = 0
    for piece in pieces:
        ring.append(A, offset, piece)
        offset += len(piece)
    ring.settle()
    assert raws(ring, A) == b"".join(pieces)


def test_a_record_split_over_blocks_is_joined_and_grows_until_the_next_begins() -> None:
    ring = LogRing()
    head, rest = TRACE.split(b"\n", 1)
    ring.append(A, 0, head + b"\n")
    ring.append(B, 0, line(1))
    (first, second) = everything(ring)
    record = ring.record(first)
    assert record is not None and not record.rest
    ring.append(A, len(head) + 1, rest)
    ring.append(B, len(line(1)), line(2))
    assert raw(ring, first) == TRACE
    record = ring.record(first)
    assert record is not None
    assert record.exception.lines()[-1] == "#1 {main}"
    assert ring.tail(9, Where.typed("{main}")) == [first]
    assert [p for p in everything(ring) if p <= second] == [first, second]


def test_a_head_split_in_the_middle_of_its_line_waits_for_its_end() -> None:
    ring = LogRing()
    data = line(1) + line(2, "ERROR")
    ring.append(A, 0, data[:70])
    assert len(everything(ring)) == 1
    ring.append(A, 70, data[70:])
    assert [r.level for r in map(ring.record, everything(ring)) if r] == [Level.INFO, Level.ERROR]


def test_positions_only_grow_and_stay_valid_until_dropped() -> None:
    ring = LogRing(max_lines=1000)
    seen: list[int] = []
    offset = 0
    for number in range(5000):
        ring.append(A, offset, line(number))
        ring.append(B, offset, line(number))
        offset += len(line(number))
        if number % 500 == 0:
            newest = ring.tail(1)
            assert not seen or newest[0] > seen[-1]
            seen += newest
    assert ring.lines <= 1000
    assert ring.lines + ring.dropped == 10_000
    assert ring.record(seen[0]) is None
    assert raw(ring, seen[0]) == b""
    assert ring.after(seen[0], 1) == everything(ring)[:1]


def test_unreadable_stamps_and_old_minutes_do_not_disturb_the_rate() -> None:
    ring = LogRing()
    ring.append(A, 0, b"[2026-99-05 10:00:00] a.ERROR: x\n[2026-01-05 10:00:00+01:00] a.ERROR: y\n", minute=TEN_O_CLOCK)
    assert sum(ring.errors_per_minute(TEN_O_CLOCK, 90)) == 1
    days = b"".join(
        b"[2026-%02d-%02d %02d:%02d:00] a.ERROR: x\n" % (m, d, h, h)
        for m in range(1, 12)
        for d in range(1, 28)
        for h in range(24)
    )
    ring.append(B, 0, days, live=False)
    newest = int(datetime(2026, 11, 27, 23, 23, tzinfo=UTC).timestamp()) // 60
    assert ring.errors_per_minute(newest, 1) == (1,)


def test_a_capacity_in_bytes_holds_too() -> None:
    ring = LogRing(max_bytes=300_000)
    data = b"".join(line(n) for n in range(20_000))
    ring.append(A, 0, data)
    assert sum(len(raw(ring, position)) for position in everything(ring)) <= 300_000 + (1 << 19)
    assert ring.lines + ring.dropped == 20_000
    assert messages(ring, ring.tail(1)) == ["order 19999"]


def test_what_continues_a_dropped_record_is_shown_as_it_is() -> None:
    ring = LogRing(max_lines=6)
    parts = [TRACE[:140], TRACE[140:], line(1), line(2), line(3)]
    offset = 0
    for part in parts:
        ring.append(A, offset, part)
        ring.append(B, 0, b"")
        ring.append(FileOrigin("x", "y", str(offset)), 0, b"other\n")
        everything(ring)
        offset += len(part)
    assert b"".join(raw(ring, p) for p in everything(ring)).endswith(line(3) + b"other\n")


def test_a_file_without_heads_has_a_record_a_line() -> None:
    ring = LogRing()
    ring.append(A, 0, b"one\ntwo\n")
    ring.append(B, 0, line(1) + b"belongs to it\n")
    ring.append(A, 8, b"three\n")
    assert [raw(ring, p).split(b"\n")[0] for p in everything(ring)] == [b"one", b"two", line(1)[:-1], b"three"]


def test_a_backlog_that_begins_inside_a_trace_shows_it_before_the_first_head() -> None:
    ring = LogRing()
    ring.append(A, 900, b"#7 tail of a trace\n#8 {main}\n" + line(1))
    assert messages(ring, everything(ring)) == ["#7 tail of a trace", "order 1"]


def test_a_gap_in_the_offsets_ends_the_record_before_it() -> None:
    ring = LogRing()
    ring.append(A, 0, line(1))
    ring.append(B, 0, line(1))
    ring.append(A, 5000, b"#0 of something else\n")
    assert len(everything(ring)) == 3


def test_a_line_longer_than_any_block_passes() -> None:
    ring = LogRing()
    data = b"x" * 1_500_000 + b"\n" + line(1)
    ring.append(A, 0, data)
    assert raws(ring, A) == data


def test_typed_filters() -> None:
    assert Where.typed("").everything
    assert Where.typed("!").everything
    broken = Where.typed("f(")
    assert broken.pattern is not None and broken.pattern.search(b"call F(x)")
    exact = Where.typed("Deadlock")
    assert exact.pattern is not None and not exact.pattern.search(b"deadlock")


def test_errors_per_minute_by_the_applications_own_stamps() -> None:
    ring = LogRing()
    data = b"".join(line(n * 20, "ERROR") for n in range(12))
    ring.append(A, 0, data, live=False)
    minute = TEN_O_CLOCK + 3
    assert ring.errors_per_minute(minute, 5) == (0, 3, 3, 3, 3)
    ring.append(A, len(data), line(240, "CRITICAL"), minute=minute + 121)
    assert ring.errors_per_minute(minute + 121, 5) == (3, 3, 3, 3, 1), "an application two hours behind UTC"
    assert ring.errors_per_minute(minute + 122, 5) == (3, 3, 3, 1, 0)


def test_minutes_that_were_not_read_whole_are_told_from_quiet_ones() -> None:
    ring = LogRing()
    ring.append(A, 0, line(0), minute=TEN_O_CLOCK)
    before = ring.is_whole, ring.minutes_covered(TEN_O_CLOCK)
    # Of another file only the end was read: its first minute is a part, and what lies before is not known.
    ring.append(FileOrigin("web2", "laravel.log", "1:9"), 5000, line(120), minute=TEN_O_CLOCK + 5)
    ring.errors_per_minute(TEN_O_CLOCK + 5)
    after = ring.is_whole, ring.minutes_covered(TEN_O_CLOCK + 5)
    assert (before, after) == ((True, 15), (False, 3))
    assert ring.minutes_covered(TEN_O_CLOCK + 60) == 15, "it grows into the past"


def test_what_was_let_go_makes_a_ring_a_part() -> None:
    ring = LogRing(max_lines=10)
    for number in range(30):
        ring.append(FileOrigin("web1", f"{number}.log", f"1:{number}"), 0, line(number))
    assert ring.dropped and not ring.is_whole


def test_iso_stamps_count_by_their_offset() -> None:
    ring = LogRing()
    ring.append(A, 0, b"[2026-01-05T12:00:02.123456+02:00] app.ERROR: x\n", minute=TEN_O_CLOCK)
    assert ring.errors_per_minute(TEN_O_CLOCK, 2) == (0, 1)


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
def test_a_million_lines_with_a_fifth_garbage() -> None:
    dice = random.Random(9)
    data = b"".join(generated(dice, 1_000_000))
    ring = LogRing(max_bytes=1 << 30, max_lines=10**8)
    pour(ring, dice, {A: data}, largest=200_000)
    assert raws(ring, A) == data


@pytest.mark.bench
def test_figures_per_line() -> None:
    chunk = b"".join(line(n) for n in range(600))
    count = 300_000 // 600
    ring = LogRing(max_lines=10**7, max_bytes=1 << 30)
    started = time.perf_counter()
    for n in range(count):
        ring.append(A, n * len(chunk), chunk)
    raw = (time.perf_counter() - started) / 300_000
    started = time.perf_counter()
    ring.errors_per_minute(0)
    rate = (time.perf_counter() - started) / 300_000
    started = time.perf_counter()
    ring.tail(10**9)
    index = (time.perf_counter() - started) / 300_000
    started = time.perf_counter()
    ring.tail(10**9, Where.typed("order 7"))
    search = (time.perf_counter() - started) / 300_000
    figures = {"raw": raw, "rate": rate, "index": index, "filter": search}
    print("\nmicroseconds a line:", {name: round(value * 1e6, 2) for name, value in figures.items()})
    assert raw < 1e-6
    assert rate + index < 3e-6
