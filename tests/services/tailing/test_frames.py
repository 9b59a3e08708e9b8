"""The follower script in real shells: whatever is done to a file, its bytes arrive once and in order."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.services.tailing.frames import Beat, Data, Decoder, FileOpened, FileTrouble, FollowerError, Frame
from console.services.tailing.script import FilePosition, script
from tests.fakes.local_shell import LocalStream


def busybox_only(tmp_path: Path) -> list[str]:
    """A shell whose PATH holds busybox applets and nothing else."""
    bin = tmp_path / "bin"
    bin.mkdir()
    busybox = shutil.which("busybox")
    assert busybox is not None
    for applet in ("sh", "stat", "dd", "head", "sleep"):
        (bin / applet).symlink_to(busybox)
    return ["env", "-i", f"PATH={bin}", str(bin / "sh")]


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    return busybox_only(tmp_path) if request.param == "busybox" else [request.param]


class Following:
    """One running script, and what has come from it."""

    def __init__(self, shell: list[str], text: str) -> None:
        self.stream = LocalStream(shell, text)
        self.decoder = Decoder()
        self.frames: list[Frame] = []

    def until(self, done: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, (self.frames[-5:], len(self.frames))
            data = self.stream.read(timeout=0.1)
            assert data is not None, self.stream.process.stderr and self.stream.process.stderr.read()
            self.frames.extend(self.decoder.feed(data))

    def data(self, file: int = 0, inode: str = "") -> bytes:
        pieces = [f for f in self.frames if isinstance(f, Data) and f.file == file and inode in ("", f.inode)]
        return b"".join(piece.data for piece in pieces)

    def opened(self, file: int = 0) -> list[FileOpened]:
        return [f for f in self.frames if isinstance(f, FileOpened) and f.file == file]

    def troubles(self) -> list[str]:
        return [f.kind for f in self.frames if isinstance(f, FileTrouble)]

    def end(self) -> None:
        self.stream.process.terminate()
        self.stream.close()
        self.stream.process.wait(timeout=15)


@pytest.fixture
def follow(shell: list[str]) -> Iterator[Callable[..., Following]]:
    started: list[Following] = []

    def start(*paths: Path, **options: Any) -> Following:
        following = Following(shell, script([str(path) for path in paths], **options))
        started.append(following)
        return following

    yield start
    for following in started:
        following.end()


def inode(path: Path) -> str:
    found = path.stat()
    return f"{found.st_dev}:{found.st_ino}"


def lines(first: int, count: int) -> bytes:
    return b"".join(b"%08d a line of a log\n" % n for n in range(first, first + count))


def test_backlog_then_appended_bytes(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "a b'c.log"
    log.write_bytes(lines(0, 1000))
    following = follow(log, backlog=3000)
    following.until(lambda: len(following.data()) == 3000)
    (opened,) = following.opened()
    assert (opened.why, opened.offset, opened.size, opened.inode) == (
        "start",
        log.stat().st_size - 3000,
        log.stat().st_size,
        inode(log),
    )
    assert opened.path == str(log).encode()
    with log.open("ab", buffering=0) as writer:
        for n in range(5):
            writer.write(b"\x00\xff\xfe no newline %d" % n)
            expected = log.read_bytes()[-3000 - writer.tell() + opened.size :]
            following.until(lambda: following.data() == expected)  # noqa: B023
    assert following.data() == log.read_bytes()[opened.offset :]


def test_a_renamed_file_is_followed_beside_its_successor(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(b"")
    following = follow(log)
    following.until(lambda: following.opened())
    with log.open("ab", buffering=0) as old:
        first = inode(log)
        old.write(lines(0, 50))
        log.rename(tmp_path / "laravel.log.1")
        old.write(lines(50, 50))
        with log.open("ab", buffering=0) as new:
            second = inode(log)
            for n in range(100, 150):
                old.write(lines(n, 1))
                new.write(lines(n + 1000, 1))
            following.until(lambda: len(following.data()) == len(lines(0, 200)))
    assert following.data(0, first) == lines(0, 150)
    assert following.data(0, second) == lines(1100, 50)
    assert [opened.why for opened in following.opened()] == ["start", "renamed"]


def test_a_second_rename_drains_and_lets_the_first_file_go(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    following = follow(log)
    following.until(lambda: "missing" in following.troubles())
    for turn in range(4):
        log.write_bytes(lines(turn * 10, 10))
        following.until(lambda: len(following.opened()) == turn + 1)  # noqa: B023
        if turn < 3:
            log.rename(tmp_path / f"laravel.log.{9 - turn}")
    following.until(lambda: following.data() == lines(0, 40))
    assert following.troubles().count("closed") == 2


def test_a_quiet_renamed_file_is_let_go(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(b"x\n")
    following = follow(log, patience=0.5)
    following.until(lambda: following.data() == b"x\n")
    log.rename(tmp_path / "old")
    log.write_bytes(b"y\n")
    following.until(lambda: "closed" in following.troubles())
    assert following.data() == b"x\ny\n"


def test_copytruncate_begins_anew(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 20))
    following = follow(log)
    following.until(lambda: following.data() == lines(0, 20))
    with log.open("ab", buffering=0) as writer:
        os.truncate(log, 0)
        following.until(lambda: following.opened()[-1].why == "truncated")
        writer.write(lines(20, 20))
        following.until(lambda: following.data() == lines(0, 40))
    assert [f.offset for f in following.frames if isinstance(f, Data)][-1] == 0


def test_a_removed_file_is_waited_for(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    following = follow(log)
    following.until(lambda: following.troubles() == ["missing"])
    log.write_bytes(lines(0, 3))
    following.until(lambda: following.data() == lines(0, 3))
    assert following.opened()[0].why == "appeared"
    log.unlink()
    log.write_bytes(lines(3, 3))
    following.until(lambda: following.data() == lines(0, 6))


def test_three_files_over_one_script_and_the_newest_of_a_pattern(
    follow: Callable[..., Following], tmp_path: Path
) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    daily = [tmp_path / f"laravel-2026-01-0{n}.log" for n in (1, 2, 3)]
    one.write_bytes(b"one\n")
    two.write_bytes(b"two\n")
    daily[0].write_bytes(b"yesterday\n")
    daily[1].write_bytes(b"today\n")
    following = follow(one, two, tmp_path / "laravel-*.log")
    following.until(lambda: following.data(2) == b"today\n" and following.data(0) and following.data(1))
    daily[2].write_bytes(b"midnight\n")
    following.until(lambda: following.data(2) == b"today\nmidnight\n")
    assert (following.data(0), following.data(1)) == (b"one\n", b"two\n")
    assert following.opened(2)[-1].path == str(daily[2]).encode()


def test_resume_goes_on_at_the_byte_in_the_same_file(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 40))
    following = follow(log, marks={0: [FilePosition(inode(log), 480)]}, backlog=0)
    following.until(lambda: following.data() == log.read_bytes()[480:])
    assert following.opened()[0].why == "resumed"


def test_resume_finds_a_renamed_file_among_its_siblings(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 40))
    mark = FilePosition(inode(log), len(lines(0, 30)))
    log.rename(tmp_path / "laravel.log-20260101")
    log.write_bytes(lines(40, 5))
    following = follow(log, marks={0: [mark]}, backlog=0)
    following.until(lambda: len(following.data()) == len(lines(0, 15)))
    assert following.data(0, mark.inode) == lines(30, 10)
    assert following.data(0, inode(log)) == lines(40, 5)


def test_resume_says_what_is_gone(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 2))
    following = follow(log, marks={0: [FilePosition("1:1", 77)]})
    following.until(lambda: following.data() == lines(0, 2))
    (gap,) = [f for f in following.frames if isinstance(f, FileTrouble)]
    assert (gap.kind, gap.inode, gap.offset) == ("gap", "1:1", 77)


def test_resume_skips_what_is_too_much_to_make_up_for(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 200))
    following = follow(log, marks={0: [FilePosition(inode(log), 10)]}, most=1000)
    following.until(lambda: len(following.data()) == 1000)
    assert following.troubles() == ["gap"]


def test_resume_of_a_truncated_file_begins_anew(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(lines(0, 2))
    following = follow(log, marks={0: [FilePosition(inode(log), 5000)]})
    following.until(lambda: following.data() == lines(0, 2))
    assert following.opened()[0].why == "truncated"


def test_it_beats_when_idle_and_ends_by_itself_when_nobody_listens(
    follow: Callable[..., Following], tmp_path: Path
) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(b"")
    following = follow(log)
    following.until(lambda: any(isinstance(f, Beat) for f in following.frames))
    following.stream.close()
    following.stream.process.wait(timeout=10)


def test_many_lines_keep_their_order_and_none_is_lost(follow: Callable[..., Following], tmp_path: Path) -> None:
    log = tmp_path / "laravel.log"
    log.write_bytes(b"")
    following = follow(log)
    following.until(lambda: following.opened())
    with log.open("ab", buffering=0) as writer:
        for burst in range(40):
            writer.write(lines(burst * 1000, 1000))
            following.frames.extend(following.decoder.feed(following.stream.read(timeout=0.0) or b""))
    wanted = lines(0, 40_000)
    following.until(lambda: len(following.data()) == len(wanted))
    assert following.data() == wanted


def test_an_unreadable_file_is_said_once() -> None:
    if os.geteuid() == 0:
        decoder = Decoder()
        assert list(decoder.feed(b"opsconsole-follower 1\nunreadable 0\n")) == [FileTrouble(0, "unreadable")]


def test_frames_decode_whatever_the_chunks() -> None:
    sent = (
        b"Welcome to Debian\nlast login\nopsconsole-follower 1\nopened 0 8:1 5 9 start /var/log/a b.log\n"
        b"data 0 8:1 5 4\nab\n\0end 4\nbeat\ndata 1 8:2 0 5\nxy\0\0\0end 2\nclosed 0 8:1\n"
    )
    expected: list[Frame] = [
        FileOpened(0, "8:1", 5, 9, "start", b"/var/log/a b.log"),
        Data(0, "8:1", 5, b"ab\n\0"),
        Beat(),
        Data(1, "8:2", 0, b"xy"),
        FileTrouble(0, "closed", "8:1"),
    ]
    for size in range(1, len(sent)):
        decoder = Decoder()
        got = [frame for at in range(0, len(sent), size) for frame in decoder.feed(sent[at : at + size])]
        assert got == expected


@pytest.mark.parametrize(
    "sent",
    [
        b"what\n",
        b"data 0 8:1 0 3\nabcnope\n",
        b"data 0 8:1 0 99999999\n",
        b"data x 8:1 0 3\n",
        b"needs /proc\n",
        b"opened 0\n",
        b"data 0 8:1 0 3\nabcend 4\n",
        b"x" * 20_000,
    ],
)
def test_a_broken_format_is_refused(sent: bytes) -> None:
    with pytest.raises(FollowerError):
        list(Decoder().feed(b"opsconsole-follower 1\n" + sent))


def test_what_cannot_be_followed_is_refused() -> None:
    for paths in ([], ["/a"] * 4, ["relative.log"], ["/a\nb"]):
        with pytest.raises(ValueError):
            script(paths)
