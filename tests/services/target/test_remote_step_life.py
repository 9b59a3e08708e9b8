"""How a remote step ends when somebody ends it, or it is killed, and what stays of its secrets."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import threading
from pathlib import Path

import pytest

from console.domain.redact import Secret
from console.services.target.remote_step import (
    UNWRITTEN,
    Start,
    StepState,
    abort_text,
    parse_observation,
    parse_start,
    start_text,
)
from tests.services.hosts import LocalHost, command_lines, gone, group, pid_of
from tests.waiting import eventually


def test_a_killed_wrapper_leaves_the_command_running_and_then_an_unknown_end(host: LocalHost, tmp_path: Path) -> None:
    step = host.start(f"until [ -e {tmp_path}/go ]; do sleep 1; done; echo finished")
    pid_of(step, "command")
    os.kill(pid_of(step, "pid"), signal.SIGKILL)
    assert host.look(step).state is StepState.RUNNING
    (tmp_path / "go").touch()
    seen = host.end(step)
    assert seen.state is StepState.GONE
    assert seen.exit_status is None
    assert seen.data == b"finished\n"


def test_a_killed_command_has_its_signal_as_status(host: LocalHost) -> None:
    step = host.start("sleep 60")
    os.killpg(pid_of(step, "command"), signal.SIGKILL)
    assert host.end(step).exit_status == 137


@pytest.mark.parametrize("killed", [("command",), ("pid", "command")])
def test_a_killed_shell_is_not_the_end_of_what_it_began(
    host: LocalHost, tmp_path: Path, killed: tuple[str, ...]
) -> None:
    """A migration, say, whose shell somebody ended by the wrong pid."""
    step = host.start(f"sh -c 'until [ -e {tmp_path}/go ]; do sleep 1; done; echo migrated' & wait")
    command = pid_of(step, "command")
    eventually(lambda: len(group(command)) > 1)
    for name in killed:
        os.kill(pid_of(step, name), signal.SIGKILL)
    eventually(lambda: gone(command))
    assert host.look(step).state is StepState.RUNNING
    (tmp_path / "go").touch()
    seen = host.end(step)
    assert seen.data == b"migrated\n"
    assert (seen.state, seen.exit_status) == ((StepState.GONE, None) if "pid" in killed else (StepState.ENDED, 137))


def test_an_exit_status_that_is_no_signal_is_an_end_whatever_still_runs(host: LocalHost) -> None:
    """PHP ends with 255 after a fatal error; what a script has put into the background is its own affair."""
    step = host.start("sleep 600 & exit 255")
    assert host.end(step).exit_status == 255
    for pid in group(pid_of(step, "command")):
        os.kill(pid, signal.SIGKILL)


def test_an_abort_ends_what_a_killed_shell_has_left(host: LocalHost) -> None:
    step = host.start("sleep 600 & wait")
    command = pid_of(step, "command")
    eventually(lambda: len(group(command)) > 1)
    for name in ("pid", "command"):
        os.kill(pid_of(step, name), signal.SIGKILL)
    eventually(lambda: gone(command))
    host.run(abort_text(step, grace=5))
    assert not group(command)


def test_everything_killed_at_once_is_gone_without_a_status(host: LocalHost) -> None:
    step = host.start("sleep 60")
    command = pid_of(step, "command")
    os.kill(pid_of(step, "pid"), signal.SIGKILL)
    os.killpg(command, signal.SIGKILL)
    assert host.end(step).state is StepState.GONE


def test_after_a_reboot_a_living_pid_is_not_taken_for_the_step(host: LocalHost) -> None:
    step = host.start("sleep 60")
    pid_of(step, "command")
    assert host.look(step).state is StepState.RUNNING
    host.boot.write_text("second-boot\n")
    assert host.look(step).state is StepState.GONE
    # And an abort must not kill whoever has that pid now.
    parse_observation(host.run(abort_text(step, grace=1)).stdout)
    os.kill(pid_of(step, "command"), 0)


def test_an_exit_status_that_could_not_be_written_is_told_from_a_killed_step(host: LocalHost) -> None:
    step = host.start("true")
    host.end(step)
    directory = Path(step.directory)
    (directory / "rc").unlink()
    assert host.look(step).reason == "", "it may have been killed"
    assert not (directory / "room").exists()
    (directory / "rc.new").touch()
    seen = host.look(step)
    assert (seen.state, seen.exit_status, seen.reason) == (StepState.GONE, None, UNWRITTEN)


def test_a_reused_pid_is_not_taken_for_the_step(plain: LocalHost) -> None:
    step = plain.start("true")
    plain.end(step)
    directory = Path(step.directory)
    (directory / "rc").unlink()
    for name in ("pid", "command"):
        (directory / name).write_text(f"{os.getppid()} 1 first-boot\n")
    assert plain.look(step).state is StepState.GONE
    parse_observation(plain.run(abort_text(step, grace=1)).stdout)


def test_a_timeout_ends_the_group_and_says_so(host: LocalHost) -> None:
    step = host.start("sleep 300 & echo $!; wait", timeout=1)
    seen = host.end(step)
    assert (seen.exit_status, seen.reason) == (143, "timeout")
    assert gone(int(seen.data))


def test_a_command_that_ends_in_time_leaves_no_timer(plain: LocalHost) -> None:
    step = plain.start("true", timeout=4321)
    assert plain.end(step).reason == "exit"
    assert not any(b"sleep\x004321" in line for line in command_lines())


def test_an_abort_ends_the_group_kindly_first(host: LocalHost) -> None:
    step = host.start("trap 'echo cleaning; exit 5' TERM; echo ready; sleep 300 & wait")
    # The trap is set after the pid is written; an earlier TERM would end it with 143.
    host.until(step, lambda seen: seen.data == b"ready\n")
    seen = parse_observation(host.run(abort_text(step, grace=10)).stdout)
    assert (seen.state, seen.reason) == (StepState.ENDED, "abort")
    assert seen.exit_status == 5
    assert host.look(step).data == b"ready\ncleaning\n"


def test_an_abort_kills_what_ignores_it(host: LocalHost) -> None:
    step = host.start("trap '' TERM; echo ready; sleep 300")
    host.until(step, lambda seen: seen.size > 0)
    seen = parse_observation(host.run(abort_text(step, grace=1)).stdout)
    assert (seen.state, seen.exit_status, seen.reason) == (StepState.ENDED, 137, "abort")


def test_an_abort_right_after_the_start_still_finds_the_command(plain: LocalHost) -> None:
    step = plain.start("sleep 300")
    seen = parse_observation(plain.run(abort_text(step, grace=2)).stdout)
    assert (seen.state, seen.reason) == (StepState.ENDED, "abort")


def test_an_abort_after_the_end_changes_nothing(plain: LocalHost) -> None:
    step = plain.start("exit 4")
    plain.end(step)
    seen = parse_observation(plain.run(abort_text(step)).stdout)
    assert (seen.exit_status, seen.reason) == (4, "exit")
    assert parse_observation(plain.run(abort_text(plain.step("never"))).stdout).state is StepState.ABSENT


def test_secrets_reach_the_command_and_nothing_else(host: LocalHost, tmp_path: Path) -> None:
    canary = f"canary-{random.Random().randbytes(8).hex()}'\n$(x) \"end"
    probe = canary[:20].encode()
    seen_in_proc: list[str] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.is_set():
            for kind in ("cmdline", "environ"):
                for file in Path("/proc").glob(f"[0-9]*/{kind}"):
                    try:
                        if probe in file.read_bytes():
                            seen_in_proc.append(f"{file} {file.with_name('cmdline').read_bytes()!r}")
                    except OSError:
                        continue

    watcher = threading.Thread(target=sample)
    watcher.start()
    try:
        script = 'sleep 1; printf %s "$OPSCONSOLE_SECRET_2" | sha256sum; echo "[$OPSCONSOLE_SECRET_3]"'
        step = host.start(script, secrets=(Secret("one"), Secret(canary)), timeout=20)
        seen = host.end(step)
    finally:
        stop.set()
        watcher.join()
    assert seen.data.split()[0].decode() == hashlib.sha256(canary.encode()).hexdigest()
    assert b"[]" in seen.data
    assert seen_in_proc == []
    kept = [path for path in host.control.rglob("*") if path.is_file() and probe in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize("program", ["setsid", "perl", "python3", "php"])
def test_each_way_to_detach_gives_a_session_of_its_own(plain: LocalHost, program: str) -> None:
    if shutil.which(program, path="/usr/bin:/bin") is None:
        pytest.skip(f"there is no {program} here")
    plain.only(program)
    step = plain.start("echo ok; exit 12", secrets=(Secret("x y"),), timeout=50)
    wrapper = pid_of(step, "pid")
    seen = plain.end(step)
    assert (seen.exit_status, seen.data) == (12, b"ok\n")
    step = plain.start("sleep 60", plain.step("other"))
    wrapper, command = pid_of(step, "pid"), pid_of(step, "command")
    assert os.getsid(wrapper) == wrapper
    assert os.getsid(command) == command
    assert parse_observation(plain.run(abort_text(step, grace=5)).stdout).exit_status == 143


def test_a_host_that_cannot_detach_is_refused_unless_allowed(plain: LocalHost) -> None:
    plain.only()
    step = plain.step()
    refused = parse_start(plain.run(start_text(step, "echo ran")))
    assert refused.start is Start.UNDETACHABLE
    assert "setsid" in refused.detail
    assert plain.look(step).state is StepState.ABSENT
    allowed = parse_start(plain.run(start_text(step, "echo ran; exit 3", attached=True)))
    assert (allowed.start, allowed.detached) == (Start.STARTED, False)
    seen = plain.end(step)
    assert (seen.exit_status, seen.data) == (3, b"ran\n")
    other = plain.step("other")
    plain.run(start_text(other, "sleep 60", attached=True))
    assert parse_observation(plain.run(abort_text(other, grace=5)).stdout).exit_status == 143
