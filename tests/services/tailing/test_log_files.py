"""What is asked of a host before its log files are read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from console.errors import RemoteError
from console.services.tailing.log_files import Listing, list_logs
from tests.fakes.local_shell import LocalShell
from tests.fakes.shell import FakeShell, completed
from tests.services.tailing.world import LogWorld, changed, entry

SECONDS = 1_767_607_200


def ask(world: LogWorld, *names: str, begin: int | None = SECONDS) -> Listing:
    """The listing of some files of the first host."""
    return list_logs(world.shells["web1"], [(name, str(world.logs[0] / name)) for name in names], begin=begin)


def test_a_file_with_its_siblings_and_their_first_stamps(every_world: LogWorld) -> None:
    logs = every_world.logs[0]
    (logs / "laravel.log").write_bytes(b"PHP Warning: x\n" + entry(1, 50) + entry(2, 60))
    (logs / "laravel.log.1").write_bytes(b"#0 the end of a trace\n" * 20 + b"[stacktrace]\n" + entry(1, 5))
    (logs / "laravel.log.2.gz").write_bytes(gzip.compress(entry(1, 3)))
    (logs / "laravel.log.3").write_bytes(entry(1, -50))
    (logs / "other.log").write_bytes(b"")
    changed(logs / "laravel.log.3", -1)
    listing = ask(every_world, "laravel.log", "missing.log")
    found, missing = listing.logs
    assert found.current is not None and found.current.size == (logs / "laravel.log").stat().st_size
    assert sorted(each.name for each in found.rotated) == ["laravel.log.1", "laravel.log.2.gz", "laravel.log.3"]
    assert (missing.current, missing.rotated, missing.unlisted) == (None, (), False)
    stamps = {each.name: listing.stamps[each.inode] for each in (found.current, *found.rotated)}
    assert stamps == {
        "laravel.log": b"2026-01-05 10:00:50",
        "laravel.log.1": b"2026-01-05 10:00:05",
        "laravel.log.2.gz": b"2026-01-05 10:00:03",
        "laravel.log.3": None,
    }, "what was not written since is not looked into"
    assert abs(listing.now - (logs / "laravel.log").stat().st_mtime) < 3600


def test_a_last_line_without_its_end_hides_no_sibling(every_world: LogWorld) -> None:
    logs = every_world.logs[0]
    (logs / "laravel.log").write_bytes(entry(2, 2) + entry(3, 3).rstrip())
    (logs / "laravel.log.1").write_bytes(entry(1, 1).rstrip())
    (logs / "laravel.log.2.gz").write_bytes(gzip.compress(entry(0, 0).rstrip()))
    listing = ask(every_world, "laravel.log", "other.log")
    assert sorted(each.name for each in listing.logs[0].rotated) == ["laravel.log.1", "laravel.log.2.gz"]
    assert sorted(stamp[-2:] for stamp in listing.stamps.values() if stamp) == [b"00", b"01", b"02"]


def test_a_carriage_return_in_a_name_makes_no_line(every_world: LogWorld) -> None:
    (every_world.logs[0] / "laravel.log").write_bytes(entry(1, 1))
    (every_world.logs[0] / "laravel.log.\rfile 1:1 5 1767607300 passwd").write_bytes(b"")
    (found,) = ask(every_world, "laravel.log").logs
    assert found.current is not None and found.rotated == ()


def test_the_hosts_own_clock_says_when_an_age_begins(every_world: LogWorld) -> None:
    logs = every_world.logs[0]
    (logs / "laravel.log").write_bytes(entry(1, 1))
    (logs / "laravel.log.1").write_bytes(entry(2, 2))
    changed(logs / "laravel.log.1", 0)
    listing = list_logs(every_world.shells["web1"], [("laravel.log", str(logs / "laravel.log"))], ago=600)
    assert [stamp for stamp in listing.stamps.values() if stamp] == [b"2026-01-05 10:00:01"]


def test_without_a_time_only_the_file_itself_is_looked_for(world: LogWorld) -> None:
    (world.logs[0] / "laravel.log").write_bytes(entry(1, 1))
    (world.logs[0] / "laravel.log.1").write_bytes(entry(1, 1))
    (found,) = ask(world, "laravel.log", begin=None).logs
    assert found.current is not None and found.rotated == ()


def test_names_that_shells_stumble_over(every_world: LogWorld) -> None:
    name = 'it\'s a $(log) "x" é.log'
    (every_world.logs[0] / name).write_bytes(entry(1, 1))
    (every_world.logs[0] / f"{name}.1").write_bytes(entry(2, 2))
    (every_world.logs[0] / f"{name}.\nfile 1:1 5 5 passwd").write_bytes(b"")
    (found,) = ask(every_world, name).logs
    assert found.current is not None and [each.name for each in found.rotated] == [f"{name}.1"]


def test_a_pattern_means_the_last_of_its_names(every_world: LogWorld) -> None:
    for day in (27, 28, 29):
        (every_world.logs[0] / f"laravel-2026-11-{day}.log").write_bytes(entry(day, day))
    (found,) = ask(every_world, "laravel-*.log").logs
    assert found.current is not None and found.current.name == "laravel-2026-11-29.log"
    assert sorted(each.name for each in found.rotated) == ["laravel-2026-11-27.log", "laravel-2026-11-28.log"]


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A directory that another account may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can ask as somebody else")
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_may_not_be_read_or_listed_is_said_to_be(foreign: Path) -> None:
    shell = LocalShell("web1", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"])
    (foreign / "laravel.log").write_bytes(entry(1, 1))
    (foreign / "laravel.log.1").write_bytes(entry(1, 1))
    (foreign / "laravel.log.1").chmod(0o600)
    files = [("laravel.log", str(foreign / "laravel.log"))]
    (found,) = list_logs(shell, files, begin=SECONDS).logs
    assert found.current is not None and found.current.readable
    assert [(each.name, each.readable) for each in found.rotated] == [("laravel.log.1", False)]
    foreign.chmod(0o711)
    (found,) = list_logs(shell, files, begin=SECONDS).logs
    assert found.current is not None and found.unlisted and found.rotated == ()


@pytest.mark.parametrize("answer", [b"", b"now 5\n", b"now 5\ncurrent 0 /a\nlist", b"now 5\nlisted\n"])
def test_half_an_answer_is_none(answer: bytes) -> None:
    shell = FakeShell(answer=lambda script: completed(answer))
    with pytest.raises(RemoteError):
        list_logs(shell, [("laravel.log", "/a")])
