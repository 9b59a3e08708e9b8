"""Remote steps in every shell a host may have: exact endings and output, at most one start, no secret left behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.domain.redact import Secret
from console.errors import RemoteError
from console.ports import Completed
from console.services.leases import start_time
from console.services.wrapper import (
    Observation,
    RemoteStep,
    Start,
    StepState,
    abort_text,
    clean_text,
    observe_text,
    parse_observation,
    parse_start,
    start_text,
)

SHELLS = ("sh", "dash", "bash", "busybox")


class LocalHost:
    """Runs texts as a host would: by a `sh` that is the shell under test, with that PATH only."""

    def __init__(self, directory: Path, shell: str) -> None:
        self.control = directory / "control"
        self.control.mkdir()
        self.bin = directory / "bin"
        self.bin.mkdir()
        if shell == "busybox":
            # Nothing but busybox applets can be found.
            subprocess.run(["busybox", "--install", "-s", str(self.bin)], check=True)
            self.path = str(self.bin)
        else:
            (self.bin / "sh").symlink_to(shutil.which(shell) or shell)
            self.path = f"{self.bin}:/usr/bin:/bin"
        self.boot = directory / "boot_id"
        self.boot.write_text("first-boot\n")

    def only(self, *programs: str) -> None:
        """Leaves these programs and what every Unix has, to see how a poorer host detaches."""
        basic = ("cat", "mv", "mkdir", "rm", "rmdir", "date", "sleep", "tail", "head", "wc", "id", "ls", "env")
        poor = self.bin.parent / "poor"
        poor.mkdir()
        (poor / "sh").symlink_to("/bin/dash")
        for name in (*basic, *programs):
            (poor / name).symlink_to(shutil.which(name, path="/usr/bin:/bin") or name)
        self.path = str(poor)

    def run(self, text: str) -> Completed:
        done = subprocess.run(
            ["sh"], input=text.encode(), capture_output=True, timeout=60, check=False, env={"PATH": self.path}
        )
        return Completed(status=done.returncode, stdout=done.stdout, stderr=done.stderr, seconds=0)

    def step(self, step: str = "migrate", run: str = "1-0a1b2c3d", attempt: int = 1) -> RemoteStep:
        return RemoteStep(control=str(self.control), run=run, step=step, attempt=attempt, boot_file=str(self.boot))

    def start(
        self, script: str, step: RemoteStep | None = None, *, secrets: Sequence[Secret] = (), timeout: float = 0.0
    ) -> RemoteStep:
        step = step or self.step()
        started = parse_start(self.run(start_text(step, script, secrets=secrets, timeout=timeout)))
        assert started.start is Start.STARTED, started
        assert started.detached
        return step

    def look(self, step: RemoteStep, offset: int = 0, limit: int = 65536) -> Observation:
        return parse_observation(self.run(observe_text(step, offset=offset, limit=limit)).stdout)

    def until(self, step: RemoteStep, wanted: Callable[[Observation], bool], seconds: float = 30) -> Observation:
        deadline = time.monotonic() + seconds
        while not wanted(seen := self.look(step)):
            assert time.monotonic() < deadline, seen
            time.sleep(0.02)
        return seen

    def end(self, step: RemoteStep) -> Observation:
        return self.until(step, lambda seen: seen.state in (StepState.ENDED, StepState.GONE))


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalHost]:
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} here")
    yield from living(LocalHost(tmp_path, request.param))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[LocalHost]:
    yield from living(LocalHost(tmp_path, "sh"))


def living(host: LocalHost) -> Iterator[LocalHost]:
    yield host
    for file in [*host.control.glob("runs/*/*/pid"), *host.control.glob("runs/*/*/command")]:
        pid, born, _ = file.read_text().split()
        # A pid file may name anybody by now, or by a test's own doing.
        if start_time(int(pid)) == born:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)


def pid_of(step: RemoteStep, name: str, seconds: float = 10) -> int:
    file = Path(step.directory) / name
    deadline = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < deadline, f"no {name}"
        time.sleep(0.01)
    return int(file.read_text().split()[0])


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("true", 0),
        ("exit 37", 37),
        ("exit 255\n", 255),
        ("(exit 3)", 3),
        ("set -e\nfalse\necho never", 1),
        ("/nonexistent/program", 127),
        ("kill -9 $$", 137),
        ("kill $$", 143),
        ("exec sh -c 'exit 9'", 9),
    ],
)
def test_the_exit_status_is_exact(host: LocalHost, script: str, status: int) -> None:
    seen = host.end(host.start(script))
    assert (seen.state, seen.exit_status, seen.reason) == (StepState.ENDED, status, "exit")
    assert b"never" not in seen.data


def test_a_script_that_is_no_shell_fails_and_says_why(host: LocalHost) -> None:
    seen = host.end(host.start("if true; then echo 'unclosed"))
    assert seen.state is StepState.ENDED
    assert seen.exit_status not in (0, None)
    assert seen.data != b""


def test_any_text_of_a_script_survives(host: LocalHost) -> None:
    text = 'O\'Brien "$HOME" `x` \\n \\\\ ä \t% *'
    script = f"cat <<'END'\n{text}\nEND\nprintf '%s\\n' \"$0\" \"$#\""
    seen = host.end(host.start(script))
    lines = seen.data.decode().split("\n")
    assert lines[0] == text
    assert lines[2] == "0"


def test_the_command_has_empty_input_the_hosts_umask_and_a_session_of_its_own(plain: LocalHost) -> None:
    mask = subprocess.run(["sh", "-c", "umask"], capture_output=True, text=True, check=True).stdout.strip()
    seen = plain.end(plain.start("umask; cat | wc -c; ps -o sid= -p $$; echo $$; env | grep -c '^oc_'"))
    words = seen.data.decode().split()
    assert words[0] == mask
    assert words[1] == "0"
    assert words[2] == words[3]
    assert words[4] == "0"


def test_the_start_returns_before_the_command_ends(host: LocalHost) -> None:
    begun = time.monotonic()
    step = host.start("sleep 60")
    assert time.monotonic() - begun < 10
    assert host.look(step).state is StepState.RUNNING


def test_output_is_byte_identical_at_random_offsets(host: LocalHost, tmp_path: Path) -> None:
    choose = random.Random(20260102)
    data = choose.randbytes(150_000)
    (tmp_path / "data").write_bytes(data)
    pieces = "".join(
        f"dd if={tmp_path}/data bs=5000 skip={n} count=1 2>/dev/null; {'sleep 1;' if n % 15 == 7 else ''}\n"
        for n in range(30)
    )
    step = host.start(pieces)
    got, cuts = b"", 0
    while True:
        seen = host.look(step, offset=len(got), limit=choose.choice([1, 7, 4096, 9999, 65536]))
        assert data.startswith(got + seen.data)
        if seen.complete(len(got)):
            got += seen.data
            break
        # A link cut in the middle of an answer: a part of it arrived, and reading goes on from there.
        got += seen.data[: choose.randint(0, len(seen.data))]
        cuts += 1
    assert got == data
    assert cuts >= 5
    assert host.look(step, offset=len(data)).data == b""


def test_a_second_start_of_the_same_attempt_is_told_apart_and_does_nothing(host: LocalHost, tmp_path: Path) -> None:
    script = f"echo once >>{tmp_path}/count"
    step = host.start(script)
    host.end(step)
    for _ in range(3):
        assert parse_start(host.run(start_text(step, script))).start is Start.ALREADY
    assert (tmp_path / "count").read_text() == "once\n"
    host.end(host.start(script, host.step(attempt=2)))
    assert (tmp_path / "count").read_text() == "once\nonce\n"


def test_of_concurrent_starts_exactly_one_starts(host: LocalHost, tmp_path: Path) -> None:
    for number in range(5):
        step = host.step(step=f"s{number}")
        text = start_text(step, f"echo {number} >>{tmp_path}/count")
        with ThreadPoolExecutor(6) as contenders:
            answers = [parse_start(done).start for done in contenders.map(host.run, [text] * 6)]
        assert sorted(answers) == [Start.ALREADY] * 5 + [Start.STARTED]
        host.end(step)
    assert (tmp_path / "count").read_text().split() == ["0", "1", "2", "3", "4"]


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
    step = host.start("sleep 60 & wait")
    os.kill(pid_of(step, "command"), signal.SIGKILL)
    assert host.end(step).exit_status == 137


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
    step = host.start("trap 'echo cleaning; exit 5' TERM; sleep 300 & wait")
    pid_of(step, "command")
    time.sleep(0.1)  # the trap is set after the pid is written; an earlier TERM would end it with 143
    seen = parse_observation(host.run(abort_text(step, grace=10)).stdout)
    assert (seen.state, seen.reason) == (StepState.ENDED, "abort")
    assert seen.exit_status == 5
    assert host.look(step).data == b"cleaning\n"


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


def test_nothing_is_started_where_there_is_no_control_directory(plain: LocalHost, tmp_path: Path) -> None:
    plain.control.rmdir()
    answer = parse_start(plain.run(start_text(plain.step(), f"touch {tmp_path}/ran")))
    assert answer.start is Start.FAILED
    assert "no directory" in answer.detail
    assert not plain.control.exists()
    assert not (tmp_path / "ran").exists()


def test_a_start_cut_short_by_a_dying_link_starts_nothing(plain: LocalHost, tmp_path: Path) -> None:
    text = start_text(plain.step(), f"touch {tmp_path}/ran", secrets=(Secret("s"),))
    choose = random.Random(7)
    for cut in [len(text) - 2, len(text) - 3, *(choose.randint(1, len(text) - 4) for _ in range(40))]:
        plain.run(text[:cut])
        assert list(plain.control.iterdir()) == []
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["a/b", "../x", "with blank", "ä'\"$", ".hidden", "a.1"])
def test_any_step_name_stays_inside_the_run(plain: LocalHost, name: str) -> None:
    step = plain.start("true", plain.step(name))
    plain.end(step)
    assert [path.parent.name for path in plain.control.glob("runs/*/*")] == ["1-0a1b2c3d"]
    assert not step.name.startswith(".")


def test_names_of_different_steps_and_attempts_differ(plain: LocalHost) -> None:
    names = {plain.step(name, attempt=n).name for name in ("a", "a.1", "a%2E1", "A") for n in (1, 11)}
    assert len(names) == 8


def test_cleaning_keeps_the_newest_runs_and_those_still_running(host: LocalHost) -> None:
    running = host.start("sleep 60", host.step(run="0-aaaaaaaa"))
    for number in range(1, 6):
        host.end(host.start("true", host.step(run=f"{number}-aaaaaaaa")))
    for number in range(6):
        os.utime(host.control / "runs" / f"{number}-aaaaaaaa", (1000 + number, 1000 + number))
    host.run(clean_text(str(host.control), keep=2, boot_file=str(host.boot)))
    assert sorted(path.name for path in (host.control / "runs").iterdir()) == [
        "0-aaaaaaaa",
        "4-aaaaaaaa",
        "5-aaaaaaaa",
    ]
    assert host.look(running).state is StepState.RUNNING


def test_answers_that_are_none_are_unknown_and_never_success(plain: LocalHost) -> None:
    for data in (b"", b"opsconsole-step", b"opsconsole-step ended x 0 exit 1\n", b"bash: permission denied\x1b[2J\n"):
        with pytest.raises(RemoteError) as caught:
            parse_observation(data)
        assert "\x1b" not in str(caught.value)
    for data in (b"", b"opsconsole-start maybe\n", b"motd\x1b[2J\n"):
        with pytest.raises(RemoteError) as caught:
            parse_start(Completed(status=1, stdout=data, stderr=b"", seconds=0))
        assert "not known" in str(caught.value)
    greeting = Completed(status=0, stdout=b"Welcome!\nopsconsole-start started detached\n", stderr=b"", seconds=0)
    assert parse_start(greeting).start is Start.STARTED


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def command_lines() -> list[bytes]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:
            continue
    return found
