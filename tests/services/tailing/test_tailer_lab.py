"""Log following over real sshd: nothing lost, nothing twice, nothing left behind, whatever happens to file and link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from console.clients.ssh import SshShell
from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.logs import FollowState, LogRing
from console.services.tailing.tailer import Tailer
from console.services.threads.loop import SystemClock
from tests.domain.ring import raw
from tests.lab.values import BUSYBOX_USER
from tests.lab.world import Lab
from tests.waiting import eventually

WRITER = Path(__file__).parent.parent.parent / "lab" / "log_writer.py"


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every account can read and the writer can write."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@dataclass
class Follow:
    """A tailer over one real host."""

    tailer: Tailer
    shell: SshShell

    @property
    def ring(self) -> LogRing:
        return self.tailer.ring("lab")

    @property
    def state(self) -> FollowState:
        return self.tailer.statuses("lab")[0].state

    def numbers(self) -> list[int]:
        """The sequence numbers in the order they came."""
        data = b"".join(raw(self.ring, each) for each in self.ring.tail(10**9))
        return [int(n) for n in re.findall(rb'\{"seq":(\d+)', data)]


def large_ring() -> LogRing:
    """One that drops nothing of what a test writes."""
    return LogRing(max_bytes=1 << 30, max_lines=10**8)


@contextmanager
def following(lab: Lab, scratch: Path, user: str = "") -> Iterator[Follow]:
    alias = f"{user}@lab-node1" if user else "lab-node1"
    host = Host(name="web1", ssh=SshTarget(alias=alias))
    environment = Environment(
        name="lab",
        tier=Tier.NORMAL,
        url="",
        app=AppSpec(path=str(scratch), layout=Layout.IN_PLACE),
        hosts=(host,),
        logs=("laravel.log",),
    )
    shell = SshShell(host, clock=SystemClock(), ssh_config=str(lab.ssh_config))
    tailer = Tailer(
        [environment], lambda *_: shell, clock=SystemClock(), publish=lambda key: None, make_ring=large_ring
    )
    tailer.select("lab")
    try:
        yield Follow(tailer, shell)
    finally:
        tailer.close()
        shell.close()


@contextmanager
def writing(log: Path, rate: int, seconds: float, *flags: str) -> Iterator[Callable[[], int]]:
    """A writer at that pace; calling the result waits for its end and gives its last number."""
    argv = [sys.executable, str(WRITER), str(log), str(rate), str(seconds), *flags]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ended() -> int:
        assert process.stdout is not None
        return int(process.stdout.read())

    try:
        yield ended
    finally:
        process.communicate()


def whole(follow: Follow, last: int) -> None:
    """Everything up to `last` came, once, in order."""
    eventually(lambda: (numbers := follow.numbers()) and max(numbers) == last and len(numbers) >= last, 30)
    assert follow.numbers() == list(range(1, last + 1))


@pytest.mark.parametrize("user", ["", BUSYBOX_USER])
def test_ten_thousand_lines_a_second_come_whole(lab: Lab, scratch: Path, user: str) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"")
    log.chmod(0o666)
    with following(lab, scratch, user) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        with writing(log, 10_000, 2.0) as ended:
            whole(follow, ended())


@pytest.mark.parametrize("user", ["", BUSYBOX_USER])
def test_renames_under_a_writer_that_keeps_its_descriptor_lose_nothing(lab: Lab, scratch: Path, user: str) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"")
    log.chmod(0o666)
    with following(lab, scratch, user) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        with writing(log, 2000, 3.0, "--hold") as ended:
            eventually(lambda: follow.ring.lines > 500)
            log.rename(scratch / "laravel.log.1")
            log.write_bytes(b"[2026-01-05 10:00:00] production.INFO: the new file \n")
            last = ended()
            eventually(lambda: len(follow.numbers()) >= last)
            assert sorted(follow.numbers()) == list(range(1, last + 1))
        data = b"".join(raw(follow.ring, each) for each in follow.ring.tail(10**9))
        assert data.count(b"the new file") == 1


def test_logrotate_create_and_copytruncate(lab: Lab, scratch: Path) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"")
    log.chmod(0o666)
    with following(lab, scratch) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        # Long enough for a follower that a busy machine lets fall behind by seconds.
        with writing(log, 500, 8.0) as ended:
            for turn in range(3):
                seen = follow.ring.lines
                eventually(lambda: follow.ring.lines > seen + 200)  # noqa: B023
                log.rename(scratch / f"laravel.log.{turn}")
                log.write_bytes(b"")
                log.chmod(0o666)
            last = ended()
        whole(follow, last)
        before = follow.ring.lines
        os.truncate(log, 0)
        with log.open("ab") as writer:
            writer.write(b"[2026-01-05 10:00:00] production.INFO: anew \n")
        eventually(lambda: follow.ring.lines == before + 1)


def test_a_killed_session_resumes_without_loss_over_a_rename(lab: Lab, scratch: Path) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"")
    log.chmod(0o666)
    with following(lab, scratch) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        with writing(log, 1000, 4.0, "--hold") as ended:
            eventually(lambda: follow.ring.lines > 300)
            follow.shell.close()
            log.rename(scratch / "laravel.log.1")
            log.write_bytes(b"")
            last = ended()
            eventually(lambda: len(follow.numbers()) >= last)
        assert sorted(follow.numbers()) == list(range(1, last + 1))
        assert follow.state is FollowState.FOLLOWING


def followers() -> list[int]:
    """Processes on the host side that hold a log of ours open."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                links = [str(link.readlink()) for link in (process / "fd").iterdir()]
            except OSError:
                continue
            if any(link.endswith("/only-this-test.log") for link in links):
                found.append(int(process.name))
    return found


@pytest.mark.parametrize("user", ["", BUSYBOX_USER])
def test_no_process_stays_behind(lab: Lab, scratch: Path, user: str) -> None:
    log = scratch / "only-this-test.log"
    log.write_bytes(b"x\n")
    log.chmod(0o666)
    (scratch / "laravel.log").symlink_to(log)
    with following(lab, scratch, user) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        assert followers()
        follow.tailer.select("")
        follow.shell.close()
        eventually(lambda: not followers(), 15)


def test_a_file_that_may_not_be_read_says_so(lab: Lab, scratch: Path) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"secret\n")
    log.chmod(0o600)
    with following(lab, scratch) as follow:
        eventually(lambda: follow.state is FollowState.UNREADABLE)
        log.chmod(0o644)
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        eventually(lambda: follow.ring.lines == 1)


@pytest.mark.bench
@pytest.mark.parametrize("rate", [10_000, 50_000])
def test_figures_at_full_pace(lab: Lab, scratch: Path, rate: int) -> None:
    log = scratch / "laravel.log"
    log.write_bytes(b"")
    log.chmod(0o666)
    with following(lab, scratch) as follow:
        eventually(lambda: follow.state is FollowState.FOLLOWING)
        used, begun = time.process_time(), time.monotonic()
        with writing(log, rate, 8.0) as ended:
            last = ended()
        written = log.read_bytes().count(b"\n")
        eventually(lambda: follow.ring.lines + follow.ring.dropped >= written)
        took, used = time.monotonic() - begun, time.process_time() - used
        lines = follow.ring.lines / took
        print(f"\n{last / took:,.0f} records/s, {lines:,.0f} lines/s, {100 * used / took:.0f} % of a core here")
        assert follow.numbers() == list(range(1, last + 1))
