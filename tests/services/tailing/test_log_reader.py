"""History and what comes after it: one stream without a gap and without anything twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.domain.log_blocks import Where
from console.domain.log_history import Span
from console.domain.origins import Origin, Origins
from console.errors import UnreachableError
from console.present.log_output import JsonRecords
from console.services.tailing import live, remote_file
from console.services.tailing.log_reader import LogReading
from console.services.threads.loop import SystemClock
from tests.fakes.reach import FakeReach, make_facts
from tests.services.tailing.world import LogWorld, entry, records
from tests.waiting import eventually


class Followed:
    """A reading that goes on in a thread of its own, as a command does, and what it has shown."""

    def __init__(self, world: LogWorld, span: Span) -> None:
        reach = FakeReach(world.environment, facts=make_facts(timezone="UTC"), shells=world.shells)
        self.reading = LogReading(world.environment, reach, SystemClock(), span, Where(), follow=True, recent=100)
        self.seen: list[bytes] = []
        self.notices: list[str] = []
        self.held = threading.Event()
        self.held.set()
        self.quiet = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def _go_on(self) -> None:
        for stretch in self.reading.history():
            self.seen += records(stretch)
        for new in self.reading.live():
            self.held.wait()
            self.notices += self.reading.notices()
            if self._ended.is_set():
                return
            if new is not None:
                self.seen += records(new)
            else:
                self.quiet += 1

    def numbers(self, text: bytes = b"order") -> list[int]:
        return [int(each.partition(b'"n":')[2].partition(b"}")[0]) for each in self.seen if text in each]

    def end(self) -> None:
        self.held.set()
        self._ended.set()
        self._thread.join(10)
        self.reading.close()
        assert not self._thread.is_alive()


@pytest.fixture
def followed(world: LogWorld) -> Iterator[list[Followed]]:
    """Readings that are ended after the test."""
    made: list[Followed] = []
    yield made
    for each in made:
        each.end()


ALL = Span(begin=0)


def test_lines_written_all_the_time_come_once_and_in_order(world: LogWorld, followed: list[Followed]) -> None:
    log = world.logs[0] / "laravel.log"
    log.write_bytes(b"".join(entry(number, number / 100) for number in range(5000)))
    (world.logs[1] / "laravel.log").write_bytes(b"")
    stop = threading.Event()
    last = [5000]

    def write() -> None:
        with log.open("ab", buffering=0) as file:
            while not stop.wait(0.001):
                # Half a record, then the rest with half of the next one.
                data = entry(last[0], 60)
                file.write(data[:20])
                file.write(data[20:])
                last[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    followed.append(Followed(world, ALL))
    eventually(lambda: followed[0].quiet > 3 or len(followed[0].seen) > 6000, 30)
    eventually(lambda: len(followed[0].seen) > 5500, 30)
    stop.set()
    writer.join()
    eventually(lambda: len(followed[0].seen) >= last[0], 30)
    assert followed[0].numbers() == list(range(last[0]))


def test_a_rotation_between_history_and_following_loses_nothing(
    world: LogWorld, followed: list[Followed], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = world.logs[0] / "laravel.log"
    log.write_bytes(b"".join(entry(number, number / 100) for number in range(100)))
    (world.logs[1] / "laravel.log").write_bytes(entry(1, 5, "refund"))
    held = log.open("ab", buffering=0)
    begun = live.Live.__init__

    def rotated(self: live.Live, *words: Any, **named: Any) -> None:
        held.write(entry(100, 61))
        log.rename(log.with_name("laravel.log.1"))
        log.write_bytes(entry(101, 62))
        held.write(entry(102, 63))
        begun(self, *words, **named)

    monkeypatch.setattr(live.Live, "__init__", rotated)
    followed.append(Followed(world, ALL))
    eventually(lambda: len(followed[0].numbers()) == 103)
    held.write(entry(103, 64))
    held.close()
    eventually(lambda: len(followed[0].numbers()) == 104)
    assert sorted(followed[0].numbers()) == list(range(104)) and followed[0].numbers()[:101] == list(range(101))
    assert followed[0].numbers(b"refund") == [1] and followed[0].notices == []


def test_a_rotated_file_whose_writer_keeps_it_is_followed_too(world: LogWorld, followed: list[Followed]) -> None:
    log = world.logs[0] / "laravel.log"
    (world.logs[1] / "laravel.log").write_bytes(b"")
    log.with_name("laravel.log.1").write_bytes(entry(1, 1))
    log.write_bytes(entry(2, 2))
    followed.append(Followed(world, ALL))
    eventually(lambda: followed[0].numbers() == [1, 2])
    with log.with_name("laravel.log.1").open("ab") as old:
        old.write(entry(3, 3))
    eventually(lambda: followed[0].numbers() == [1, 2, 3])


def test_a_record_that_grows_is_shown_once_it_is_whole(world: LogWorld, followed: list[Followed]) -> None:
    log = world.logs[0] / "laravel.log"
    (world.logs[1] / "laravel.log").write_bytes(b"")
    log.write_bytes(entry(1, 1) + b"[2026-01-05 10:00:02] local.ERROR: boom \n[stack")
    followed.append(Followed(world, ALL))
    eventually(lambda: followed[0].seen)
    # Everything there is was read once it has asked again and found nothing more.
    asked = followed[0].quiet
    eventually(lambda: followed[0].quiet > asked + 1)
    assert len(followed[0].seen) == 1
    with log.open("ab", buffering=0) as file:
        file.write(b"trace]\n#0 {main}\n")
        file.write(entry(3, 3))
    eventually(lambda: len(followed[0].seen) == 3)
    assert followed[0].seen[1] == b"[2026-01-05 10:00:02] local.ERROR: boom \n[stacktrace]\n#0 {main}\n"


def test_whoever_reads_slowly_loses_nothing_and_keeps_nothing_in_memory(
    world: LogWorld, followed: list[Followed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST", 100_000)
    log = world.logs[0] / "laravel.log"
    log.write_bytes(b"")
    (world.logs[1] / "laravel.log").write_bytes(b"")
    followed.append(Followed(world, ALL))
    eventually(lambda: followed[0].quiet > 3)
    followed[0].held.clear()
    with log.open("ab") as file:
        for number in range(60_000):
            file.write(entry(number, number / 100))
    waiting = followed[0].reading._live
    assert waiting is not None
    eventually(lambda: waiting.records.waiting >= 100_000)
    assert waiting.records.waiting < 2_000_000 < log.stat().st_size
    followed[0].held.set()
    eventually(lambda: len(followed[0].seen) == 60_000, 60)
    assert followed[0].numbers() == list(range(60_000))


def test_a_host_that_comes_back_goes_on_where_it_was(
    world: LogWorld, followed: list[Followed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_file, "PATIENCE", -1.0)
    log = world.logs[0] / "laravel.log"
    log.write_bytes(b"".join(entry(number, number / 100) for number in range(40_000)))
    (world.logs[1] / "laravel.log").write_bytes(b"")
    begun = remote_file.RemoteFile.read
    cuts: list[int] = []

    def cut(self: remote_file.RemoteFile) -> bytes | None:
        if self.file.size and len(cuts) < 3:
            cuts.append(1)
            if len(cuts) == 3:
                world.shells["web1"].cut()
        return begun(self)

    monkeypatch.setattr(remote_file.RemoteFile, "read", cut)
    followed.append(Followed(world, ALL))
    eventually(lambda: len(followed[0].seen) == 40_000, 40)
    assert followed[0].numbers() == list(range(40_000)) and not followed[0].reading.partial


def test_what_is_told_beside_the_records(tmp_path: Path, world: LogWorld) -> None:
    (world.logs[0] / "laravel.log").write_bytes(b"[2026-01-05 10:00:00] local.INFO: x \n")
    (world.logs[0] / "laravel.log.1.zst").write_bytes(b"1234")
    facts = make_facts(timezone="UTC")
    reach = FakeReach(world.environment, facts=facts, shells=world.shells)
    reading = LogReading(world.environment, reach, SystemClock(), ALL, Where(), zoned=True)
    assert len(list(reading.history())) == 1 and reading.partial
    assert reading.notices() == [
        "web1 laravel.log.1.zst: not read, what made .zst is not known here (4 bytes)",
        "web2 laravel.log: not read: there is no such file",
    ]
    assert reading.notices() == [], "each once"


@pytest.mark.parametrize("problem", ["error", "name", "empty", "default"])
def test_a_time_zone_that_is_not_known_is_never_guessed(world: LogWorld, problem: str) -> None:
    (world.logs[0] / "laravel.log").write_bytes(
        b"[2026-01-05 10:00:00] local.INFO: local \n[2026-01-05T10:00:00Z] local.INFO: with zone \n"
    )
    (world.logs[1] / "laravel.log").write_bytes(b"")
    zone = {"name": "Nowhere/Land", "empty": ""}.get(problem, "UTC")
    origin = Origin.DEFAULT if problem == "default" else Origin.PHP
    facts = make_facts(timezone=zone, origins=Origins(Origin.PHP, {"timezone": origin}))
    reach = FakeReach(world.environment, facts=facts, shells=world.shells)
    reach.facts_error = UnreachableError("nobody answers") if problem == "error" else None
    span = Span.typed("2026-01-05T12:00:00Z", SystemClock().now())
    reading = LogReading(world.environment, reach, SystemClock(), span, Where(), zoned=True)
    form = JsonRecords()
    shown = "".join(form.text(each.records, each.timed, each.places) for each in reading.history())
    (found,) = [json.loads(line) for line in shown.splitlines()]
    assert (found["message"], found["at"]) == ("local", "2026-01-05 10:00:00")
    (told,) = reading.notices()
    assert "time zone is not known" in told and "12 hours" in told and reading.partial
