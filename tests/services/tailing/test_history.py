"""History as one stream: every line of every host, once, in order, and a word on what is not among them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from console.domain.log_blocks import Where
from console.domain.log_history import LeftOut
from console.domain.log_levels import Level
from console.errors import UnreachableError
from console.services.tailing import host_history, remote_file, start_offset
from tests.services.tailing.world import LogWorld, changed, entry, read, records


def numbers(found: list[bytes]) -> list[int]:
    return [int(each.partition(b'"n":')[2].partition(b"}")[0]) for each in found]


def test_every_line_of_both_hosts_comes_once_in_the_order_of_time(every_world: LogWorld) -> None:
    many = [entry(number, number / 10) for number in range(4000)]
    few = [entry(number, number * 10, "refund") for number in range(40)]
    (every_world.logs[0] / "laravel.log").write_bytes(b"".join(many))
    (every_world.logs[1] / "laravel.log").write_bytes(b"".join(few))
    history = every_world.history()
    found = read(history)
    assert [each for each in found if b"refund" not in each] == many
    assert [each for each in found if b"refund" in each] == few
    stamps = [each[1:20] for each in found]
    assert stamps == sorted(stamps)
    assert (history.left_out, history.missing) == ([], [])


def test_bytes_alone_come_in_the_same_order(world: LogWorld) -> None:
    many = [entry(number, number / 10) for number in range(20_000)]
    few = [entry(number, number * 10, "refund") for number in range(200)]
    (world.logs[0] / "laravel.log").write_bytes(b"".join(many))
    (world.logs[1] / "laravel.log").write_bytes(b"".join(few))
    wanted = b"".join(read(world.history(-3600)))
    history = world.history(-3600, exact=True)
    history.open()
    found = [stretch.records.data[slice(*stretch.span)] for stretch in history.read() if stretch.span is not None]
    assert b"".join(found) == wanted
    every: list[bytes] = sorted([*many, *few], key=lambda each: each[1:20])
    assert b"".join(found) == b"".join(every)


def rotated(folder: Path) -> list[bytes]:
    """Files of seven generations with a hundred records each, the newest still written; all records, oldest first."""
    made: dict[str, Callable[[bytes], bytes]] = {
        "laravel.log.5.xz": lzma.compress,
        "laravel-2026-01-04.log.bz2": bz2.compress,
        "laravel.log.3.gz": gzip.compress,
        "laravel.log-20260105": bytes,
        "laravel.log.1": bytes,
        "laravel.log": bytes,
    }
    every = []
    for generation, (name, pack) in enumerate(made.items()):
        mine = [entry(generation * 100 + n, generation * 1000 + n * 10) for n in range(100)]
        (folder / name).write_bytes(pack(b"".join(mine)))
        changed(folder / name, generation * 1000 + 990)
        every += mine
    return every


def test_rotated_files_are_read_as_far_back_as_is_asked(every_world: LogWorld) -> None:
    every = rotated(every_world.logs[0])
    (every_world.logs[1] / "laravel.log").write_bytes(b"")
    assert read(every_world.history()) == every
    for since in (0, 995, 1500, 2005, 4990, 5990, 9000):
        assert read(every_world.history(since)) == [
            each for n, each in enumerate(every) if n // 100 * 1000 + n % 100 * 10 >= since
        ]


def test_files_that_end_before_are_not_even_opened(world: LogWorld) -> None:
    rotated(world.logs[0])
    (world.logs[1] / "laravel.log").write_bytes(b"")
    read(world.history(4500))
    scripts = "\n".join(each for each in world.shells["web1"].scripts if "opsconsole-file" in each)
    assert "laravel.log.1" in scripts and "laravel.log.3.gz" not in scripts


def test_a_renamed_file_that_is_still_written_is_merged_with_its_successor(world: LogWorld) -> None:
    every = [entry(number, number) for number in range(200)]
    (world.logs[0] / "laravel.log.1").write_bytes(b"".join(every[:100] + every[100::2]))
    (world.logs[0] / "laravel.log").write_bytes(b"".join(every[101::2]))
    (world.logs[1] / "laravel.log").write_bytes(b"")
    assert read(world.history()) == every


def test_what_cannot_be_unpacked_is_named_with_its_size(world: LogWorld) -> None:
    current = [entry(number, 1000 + number) for number in range(5)]
    (world.logs[0] / "laravel.log").write_bytes(b"".join(current))
    (world.logs[1] / "laravel.log").write_bytes(b"")
    (world.logs[0] / "laravel.log.1.zst").write_bytes(b"x" * 321)
    (world.logs[0] / "laravel.log.2.gz").write_bytes(gzip.compress(entry(1, 1) * 2)[:-9])
    (world.logs[0] / "laravel.log.3.gz").write_bytes(b"no gzip at all")
    history = world.history()
    found = read(history)
    assert found[-5:] == current and found[0] == entry(1, 1), "what could be unpacked is there"
    assert sorted((each.file, each.why) for each in history.left_out) == [
        ("laravel.log.1.zst", "what made .zst is not known here"),
        ("laravel.log.2.gz", "it ends in the middle of what was compressed"),
        ("laravel.log.3.gz", "what is in it is no gzip, bzip2 or xz"),
    ]
    assert history.left_out[0].size == 321


def test_only_the_last_bytes_without_a_time(world: LogWorld) -> None:
    (world.logs[0] / "laravel.log").write_bytes(b"".join(entry(number, number) for number in range(100)))
    (world.logs[0] / "laravel.log.1").write_bytes(entry(7, 7))
    (world.logs[1] / "laravel.log").write_bytes(entry(5, 5))
    found = numbers(read(world.history(None, tail=500)))
    assert found[-3:] == [97, 98, 99] and 5 in found and len(found) < 12 and 7 not in found


def test_filters_hold_for_all_that_is_read(world: LogWorld) -> None:
    (world.logs[0] / "laravel.log").write_bytes(b"".join(entry(number, number) for number in range(3000)))
    (world.logs[1] / "laravel.log").write_bytes(entry(5, 5).replace(b"INFO", b"ERROR"))
    assert numbers(read(world.history(where=Where.typed("order 29\\d\\d ")))) == list(range(2900, 3000))
    assert numbers(read(world.history(where=Where.typed("", Level.ERROR)))) == [5]


@pytest.mark.parametrize("since", [0, 1, 1999, 2000, 2001, 3600, 3999.9])
def test_the_beginning_in_a_large_file_is_found_without_reading_it(
    every_world: LogWorld, since: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_offset, "SMALL", 4096)
    monkeypatch.setattr(host_history, "SMALL", 4096)
    monkeypatch.setattr(start_offset, "SLACK", 10_000_000)
    every = [entry(number, number / 10) for number in range(40_000)]
    (every_world.logs[0] / "laravel.log").write_bytes(b"".join(every))
    (every_world.logs[1] / "laravel.log").write_bytes(b"")
    # Ten records share a second.
    first = int(since) * 10 if since == int(since) else 40_000
    assert read(every_world.history(since)) == every[first:]
    offsets = [script.partition("offset=")[2].partition("\n")[0] for script in every_world.shells["web1"].scripts]
    (begun,) = [int(offset) for offset in offsets if offset]
    wanted = len(b"".join(every[:first]))
    assert wanted - 20_000 < begun <= wanted


def test_lines_without_any_time_are_shown_whatever_is_asked(world: LogWorld) -> None:
    (world.logs[0] / "laravel.log").write_bytes(b"one\ntwo\nthree without an end")
    (world.logs[1] / "laravel.log").write_bytes(entry(5, 5))
    history = world.history(9)
    assert read(history) == [b"one\n", b"two\n", b"three without an end"]
    assert history.untimed == [("web1", "laravel.log", 3)] and not history.left_out


class TestWhatHappensMeanwhile:
    """Files and hosts change between the first question and the last byte."""

    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote_file, "PATIENCE", 0.05)
        monkeypatch.setattr(remote_file, "_WAIT", 0.01)

    def large(self, world: LogWorld) -> list[bytes]:
        """More than pipes hold, on the first host; one record on the other."""
        every = [entry(number, number / 100) for number in range(40_000)]
        (world.logs[0] / "laravel.log").write_bytes(b"".join(every))
        (world.logs[1] / "laravel.log").write_bytes(entry(5, 200, "refund"))
        return every

    def test_a_file_is_renamed(self, world: LogWorld) -> None:
        every = self.large(world)
        history = world.history()
        history.open()
        log = world.logs[0] / "laravel.log"
        log.rename(log.with_name("laravel.log.1"))
        log.write_bytes(entry(1, 500, "the new file"))
        found = [record for stretch in history.read() for record in records(stretch)]
        assert [each for each in found if b"refund" not in each] == every and not history.left_out

    def test_a_file_goes_away_or_becomes_shorter(self, world: LogWorld) -> None:
        self.large(world)
        log = world.logs[0] / "laravel.log"
        size = log.stat().st_size
        for change, why in (
            (lambda: log.write_bytes(b""), "it became shorter while it was read"),
            (log.unlink, "it is not there any more"),
        ):
            history = world.history()
            history.open()
            change()
            found = [record for stretch in history.read() for record in records(stretch)]
            assert found == [entry(5, 200, "refund")]
            assert history.left_out == [LeftOut("web1", "laravel.log", why, size)]
            self.large(world)

    def test_a_link_that_breaks_is_taken_up_at_the_same_byte(self, world: LogWorld) -> None:
        every = self.large(world)
        history = world.history()
        history.open()
        found = []
        for count, stretch in enumerate(history.read()):
            found += records(stretch)
            if count in (1, 3):
                world.shells["web1"].cut()
        assert [each for each in found if b"refund" not in each] == every and not history.left_out
        assert len(world.shells["web1"].started) == 3

    def test_sending_that_ends_early_is_taken_up_too(self, world: LogWorld) -> None:
        every = self.large(world)
        history = world.history()
        history.open()
        found = []
        for count, stretch in enumerate(history.read()):
            found += records(stretch)
            if count == 0:
                world.shells["web1"].started[0].process.kill()
        assert [each for each in found if b"refund" not in each] == every and not history.left_out

    def test_a_host_that_stays_away_is_named_and_the_other_one_comes(self, world: LogWorld) -> None:
        every = self.large(world)
        history = world.history()
        history.open()
        found = []
        for stretch in history.read():
            found += records(stretch)
            world.shells["web1"].down = True
            world.shells["web1"].cut()
        mine = [each for each in found if b"refund" not in each]
        assert mine == every[: len(mine)] and 0 < len(mine) < 30_000
        assert found[-1] == entry(5, 200, "refund")
        (left_out,) = history.left_out
        assert left_out.lost and left_out.size is not None and left_out.size > 100_000

    def test_no_host_at_all_is_an_error(self, world: LogWorld) -> None:
        for shell in world.shells.values():
            shell.down = True
        with pytest.raises(UnreachableError):
            world.history().open()

    def test_whoever_takes_slowly_makes_the_hosts_wait(self, world: LogWorld) -> None:
        every = [entry(number, number / 100) for number in range(200_000)]
        (world.logs[0] / "laravel.log").write_bytes(b"".join(every))
        (world.logs[1] / "laravel.log").write_bytes(b"")
        history = world.history()
        history.open()
        reading = history.read()
        next(reading)
        (stream,) = [each for each in world.shells["web1"].started if each.process.poll() is None]
        (told,) = [
            line for line in Path(f"/proc/{stream.process.pid}/io").read_text().splitlines() if line.startswith("wchar")
        ]
        assert int(told.split()[1]) < 2_000_000 < sum(map(len, every))
        reading.close()
        stream.process.wait(timeout=10)


def test_more_files_than_channels(tmp_path: Path) -> None:
    names = [f"worker{n}.log" for n in range(20)]
    world = LogWorld(tmp_path, files=names)
    order = list(range(4000))
    random.Random(5).shuffle(order)
    every = {name: sorted(order[n::20]) for n, name in enumerate(names)}
    for name, mine in every.items():
        (world.logs[0] / name).write_bytes(b"".join(entry(number, number) for number in mine))
    history = world.history()
    assert numbers(read(history)) == list(range(4000))
    assert len(history.missing) == 20 and not history.left_out
    world.end()


def test_a_file_that_two_names_mean_is_read_once(tmp_path: Path) -> None:
    world = LogWorld(tmp_path, files=["laravel.log", "laravel*.log", "laravel-2026-01-05.log"])
    (world.logs[0] / "laravel.log").write_bytes(entry(1, 1))
    (world.logs[0] / "laravel-2026-01-04.log").write_bytes(entry(2, 2))
    (world.logs[0] / "laravel-2026-01-05.log").write_bytes(entry(3, 3))
    assert numbers(read(world.history())) == [1, 2, 3]
    world.end()
