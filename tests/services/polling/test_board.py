"""The newest snapshot of every source."""

from __future__ import annotations

import threading

from console.domain.snapshot import Key, Snapshot
from console.services.polling.board import SnapshotBoard
from tests.fakes import FakeClock


def put(board: SnapshotBoard, clock: FakeClock, value: object, source: str = "queues:redis") -> None:
    read = Snapshot(source=source, value=value, taken_at=clock.now(), taken_mono=clock.monotonic(), kind=str)
    board.put("lab", read)


def fail(board: SnapshotBoard, clock: FakeClock, error: str, source: str = "queues:redis") -> None:
    board.put("lab", Snapshot(source=source, error=error, failing_since=clock.now(), kind=str))


def test_a_failure_keeps_the_last_good_value_and_its_age() -> None:
    clock, keys = FakeClock(), list[Key]()
    board = SnapshotBoard(keys.append)
    assert board.get("lab", "queues:redis") is None
    put(board, clock, "good")
    taken = clock.now()
    clock.advance(10)
    fail(board, clock, "gone")
    since = clock.now()
    clock.advance(1)
    fail(board, clock, "still gone")
    snapshot = board.get("lab", "queues:redis")
    assert snapshot is not None
    assert (snapshot.value, snapshot.error, snapshot.taken_at, snapshot.failing_since) == (
        "good",
        "still gone",
        taken,
        since,
    )
    assert snapshot.age(clock.monotonic()) == 11
    assert snapshot.stale(clock.monotonic())
    put(board, clock, "better")
    snapshot = board.get("lab", "queues:redis")
    assert snapshot is not None
    assert (snapshot.value, snapshot.error, snapshot.failing_since) == ("better", None, None)
    assert keys == [("source", "lab", "queues:redis")] * 4


def test_a_source_that_never_worked_says_why() -> None:
    board = SnapshotBoard(lambda key: None)
    fail(board, FakeClock(), "no table", "failed")
    snapshot = board.get("lab", "failed")
    assert snapshot is not None
    assert (snapshot.value, snapshot.error, snapshot.kind) == (None, "no table", str)
    assert board.sources("lab") == ("failed",)
    assert board.sources("other") == ()


def test_staleness_does_not_heed_the_wall_clock() -> None:
    clock = FakeClock()
    board = SnapshotBoard(lambda key: None)
    put(board, clock, 1)
    clock.jump_wall(3600)
    snapshot = board.get("lab", "queues:redis")
    assert snapshot is not None
    assert not snapshot.stale(clock.monotonic())
    clock.advance(4.1)
    assert snapshot.stale(clock.monotonic())


def test_readers_never_see_a_board_half_written() -> None:
    clock = FakeClock()
    board = SnapshotBoard(lambda key: None)
    done, problems = threading.Event(), list[str]()

    def read() -> None:
        while not done.is_set():
            problems.extend(name for name in board.sources("lab") if board.get("lab", name) is None)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()

    def write(writer: int) -> None:
        for i in range(100):
            put(board, clock, i, f"s{writer}-{i}")

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    done.set()
    for reader in readers:
        reader.join(10)
    assert problems == []
    assert len(board.sources("lab")) == 300, "no write was lost"
