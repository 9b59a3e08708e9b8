"""Which steps still live on a host, whoever began them: named, and never taken for dead because they cannot be seen."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from console.errors import LockHeldError, RemoteError
from console.ports import Completed
from console.services.target.fence_scripts import LIVING
from console.services.target.living_steps import Living, living_values, read_living, refuse_beside
from console.services.target.remote_step import RemoteStep, Start, StartProof, parse_start, start_text
from console.services.target.remote_step_scripts import PRELUDE
from tests.services.hosts import LocalHost, gone, group, pid_of
from tests.waiting import eventually

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another account")


def text(host: LocalHost, init: str = "/proc/1/stat") -> str:
    values = living_values(str(host.control), boot_file=str(host.boot), init=init)
    return "{\n" + values + PRELUDE + LIVING + "\n}\n"


def ask(host: LocalHost, init: str = "/proc/1/stat") -> Living:
    return read_living("web1", str(host.control), host.run(text(host, init)))


def locked(host: LocalHost, script: str, step: RemoteStep) -> RemoteStep:
    """A step of a run that holds the lock elsewhere: this host's fence is its token."""
    (host.control / "fence").write_text("aa 1\n")
    started = parse_start(host.run(start_text(step, script, proof=StartProof(token="aa", locks=False))))
    assert started.start is Start.STARTED
    return step


def test_a_running_step_is_named_with_its_run_and_age(host: LocalHost) -> None:
    assert ask(host) == Living(host="web1")
    step = locked(host, "sleep 30", host.step("copy files/über.all", "7-0a1b2c3d", 3))
    old = Path(step.directory) / "pid"
    pid_of(step, "pid")
    os.utime(old, (old.stat().st_mtime - 125, old.stat().st_mtime - 125))
    (found,) = ask(host).steps
    assert (found.remote.run, found.remote.step, found.remote.attempt) == ("7-0a1b2c3d", "copy files/über.all", 3)
    assert found.remote.directory == step.directory
    assert 125 <= found.seconds < 155
    assert (found.locked, found.sure) == (True, True)
    assert found.sentence.startswith("web1: step copy files/über.all of run 7-0a1b2c3d is running, for 2m ")


def test_what_has_ended_does_not_live_and_neither_does_what_was_put_aside(host: LocalHost) -> None:
    host.end(host.start("true"))
    aside = host.start("sleep 30", host.step("aside"))
    pid_of(aside, "command")
    Path(aside.directory).rename(f"{aside.directory}.fenced.12")
    assert ask(host) == Living(host="web1")


def test_a_command_without_its_wrapper_lives_and_both_killed_do_not(host: LocalHost) -> None:
    step = host.start("sleep 30")
    command = pid_of(step, "command")
    os.kill(pid_of(step, "pid"), signal.SIGKILL)
    assert [found.remote.step for found in ask(host).steps] == ["migrate"]
    os.killpg(command, signal.SIGKILL)
    eventually(lambda: gone(command))
    assert ask(host) == Living(host="web1")


def test_what_a_killed_shell_has_left_behind_lives(host: LocalHost) -> None:
    step = host.start("sleep 30 & wait")
    command = pid_of(step, "command")
    eventually(lambda: len(group(command)) > 1)
    for name in ("pid", "command"):
        os.kill(pid_of(step, name), signal.SIGKILL)
    eventually(lambda: gone(command))
    assert [found.remote.step for found in ask(host).steps] == ["migrate"]
    os.killpg(command, signal.SIGKILL)
    eventually(lambda: not group(command))
    assert ask(host) == Living(host="web1")


def test_a_pid_of_another_boot_or_of_another_process_is_not_the_step(host: LocalHost) -> None:
    step = host.start("sleep 30")
    command = pid_of(step, "command")
    host.boot.write_text("second-boot\n")
    assert ask(host, init="/nonexistent") == Living(host="web1")
    host.boot.write_text("first-boot\n")
    for name in ("pid", "command"):
        file = Path(step.directory) / name
        pid, born, boot = file.read_text().split()
        file.write_text(f"{pid} {int(born) - 1} {boot}\n")
    assert ask(host) == Living(host="web1")
    os.killpg(command, signal.SIGKILL)


def test_steps_without_a_lock_are_told_apart_and_are_no_reason(host: LocalHost) -> None:
    host.start("sleep 30", host.step("retry", "3-11111111"))
    found = ask(host)
    assert [step.locked for step in found.steps] == [False]
    assert found.beside() == ()


def test_a_runs_own_steps_are_no_reason_and_those_of_others_refuse(plain: LocalHost) -> None:
    step = locked(plain, "sleep 30", plain.step("migrate", "7-0a1b2c3d"))
    pid_of(step, "pid")
    found = {"web1": ask(plain)}
    refuse_beside(found, run="7-0a1b2c3d", done="Nothing.", environment="shop")
    with pytest.raises(LockHeldError, match="step migrate of run 7-0a1b2c3d is running") as caught:
        refuse_beside(found, run="8-0a1b2c3d", done="Nothing was planned.", environment="shop")
    assert caught.value.exit_code == 5
    assert caught.value.done == "Nothing was planned."
    assert "lock release -e shop --end-steps" in caught.value.fix


@needs_root
def test_where_the_host_hides_the_processes_of_others_a_step_of_another_may_live(host: LocalHost) -> None:
    step = locked(host, "sleep 30", host.step())
    command = pid_of(step, "command")
    os.killpg(command, signal.SIGKILL)
    host.end(step)
    eventually(lambda: gone(pid_of(step, "pid")))
    for name in ("rc", "done"):
        (Path(step.directory) / name).unlink(missing_ok=True)
    for name in ("pid", "command"):
        os.chown(Path(step.directory) / name, 65534, -1)
    assert ask(host).steps == ()
    (found,) = ask(host, init="/nonexistent").steps
    assert not found.sure
    assert "may be running: this host hides the processes of others" in found.sentence
    assert "may be running" in ask(host, init="/nonexistent").beside()[0]


@needs_root
@pytest.mark.parametrize("closed", [".", "runs", "runs/1-0a1b2c3d", "runs/1-0a1b2c3d/migrate.1"])
def test_what_may_not_be_looked_at_is_named_and_counts(plain: LocalHost, closed: str) -> None:
    pid_of(locked(plain, "sleep 30", plain.step()), "command")
    for path in (plain.control, *plain.control.parents):
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    for path in plain.control.rglob("*"):
        path.chmod(0o755)
    (plain.control / closed).chmod(0o700)
    done = subprocess.run(
        ["sh"], input=text(plain).encode(), capture_output=True, check=False, user=65534, group=65534, extra_groups=[]
    )
    found = read_living("web1", str(plain.control), Completed(status=0, stdout=done.stdout, stderr=b"", seconds=0))
    assert found.unread == (str(plain.control / closed).removesuffix("/."),)
    assert "cannot be read, so what runs there is not known" in found.beside()[0]


def test_a_name_that_is_none_of_ours_is_not_passed_over_when_something_lives_there(plain: LocalHost) -> None:
    strange = plain.control / "runs" / "my run\n" / "a step"
    strange.mkdir(parents=True)
    assert ask(plain) == Living(host="web1")
    me = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    (strange / "pid").write_text(f"{os.getpid()} {me} first-boot\n")
    assert len(ask(plain).unread) == 1


@pytest.mark.parametrize(
    "answer",
    [b"", b"Last login\n", b"step alive 1-aa migrate.1 5 locked\n", b"opsconsole-living 1\n", b"opsconsole-li"],
)
def test_an_answer_that_is_not_whole_is_none(answer: bytes) -> None:
    with pytest.raises(RemoteError, match="no whole answer"):
        read_living("web1", "/srv", Completed(status=0, stdout=answer, stderr=b"", seconds=0))


def test_a_line_that_is_not_understood_is_an_error() -> None:
    answer = b"step alive 1-aa migrate 5 locked\nopsconsole-living 1\n"
    with pytest.raises(RemoteError, match="answered about running steps with"):
        read_living("web1", "/srv", Completed(status=0, stdout=answer, stderr=b"", seconds=0))
