"""Records that come while they are followed: which are handed out when, and in one piece."""

from __future__ import annotations

import threading

import pytest

from console.domain.log_blocks import FileOrigin
from console.services.tailing import live
from console.services.tailing.live import BEHIND, QUIET, UNFINISHED, LiveRecords
from console.services.tailing.script import FRAME
from tests.fakes import FakeClock
from tests.services.tailing.world import entry
from tests.waiting import eventually

ORIGIN, OTHER = FileOrigin("web1", "laravel.log", "8:1"), FileOrigin("web1", "worker.log", "8:2")


def taken(records: LiveRecords) -> list[bytes]:
    return [each.data for each in records.take(0)]


def test_a_record_is_whole_after_a_silence() -> None:
    clock = FakeClock()
    records = LiveRecords((), clock)
    records.append(ORIGIN, 0, entry(1, 1))
    assert taken(records) == []
    clock.advance(2 * QUIET)
    assert taken(records) == [entry(1, 1)]
    records.append(ORIGIN, len(entry(1, 1)), b"half a line")
    clock.advance(2 * QUIET)
    assert taken(records) == []
    clock.advance(UNFINISHED)
    assert taken(records) == [b"half a line"]


def test_a_host_that_had_to_wait_was_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 10)
    clock = FakeClock()
    records = LiveRecords((), clock)
    second, other = entry(2, 2), entry(4, 4)
    records.append(OTHER, 0, other[:45])
    records.append(ORIGIN, 0, entry(1, 1) + second[:45])
    begun = len(entry(1, 1)) + 45
    writer = threading.Thread(target=records.append, args=(ORIGIN, begun, second[45:] + entry(3, 3)))
    writer.start()
    eventually(lambda: records._stalled["web1"] == 1)
    clock.advance(60)
    assert taken(records) == [entry(1, 1)]
    writer.join(10)
    assert taken(records) == [second]
    records.append(OTHER, 45, other[45:])
    clock.advance(2 * QUIET)
    assert sorted(taken(records)) == sorted([entry(3, 3), other])


def test_a_file_that_has_more_to_send_is_waited_for_longer() -> None:
    clock = FakeClock()
    records = LiveRecords((), clock)
    long = entry(1, 1) + b"x" * FRAME
    records.append(ORIGIN, 0, long[:FRAME])
    clock.advance(UNFINISHED)
    assert taken(records) == []
    records.append(ORIGIN, FRAME, long[FRAME:] + b"\n")
    clock.advance(2 * QUIET)
    assert taken(records) == [long + b"\n"]
    records.append(ORIGIN, len(long) + 1, long[:FRAME])
    clock.advance(BEHIND + 1)
    assert taken(records) == [long[:FRAME]]
