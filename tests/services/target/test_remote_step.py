"""Remote steps in every shell a host may have: exact endings and output, at most one start, no secret left behind."""

from __future__ import annotations

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.domain.redact import Secret
from console.errors import RemoteError
from console.ports import Completed
from console.services.target.remote_step import (
    Start,
    StepState,
    clean_text,
    parse_observation,
    parse_start,
    start_text,
)
from tests.services.hosts import LocalHost


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


@pytest.mark.deadline
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
        host.run(clean_text(str(host.control), run=f"{number}-aaaaaaaa", boot_file=str(host.boot)))
    (host.control / "runs/0-aaaaaaaa/ended").touch()
    for number in range(6):
        os.utime(host.control / "runs" / f"{number}-aaaaaaaa", (1000 + number, 1000 + number))
    host.run(clean_text(str(host.control), keep=2, boot_file=str(host.boot)))
    assert sorted(path.name for path in (host.control / "runs").iterdir()) == [
        "0-aaaaaaaa",
        "4-aaaaaaaa",
        "5-aaaaaaaa",
    ]
    assert host.look(running).state is StepState.RUNNING


def test_cleaning_keeps_what_a_run_that_waits_has_done(host: LocalHost) -> None:
    waiting = host.start("echo once", host.step(run="1-aaaaaaaa"))
    host.end(waiting)
    (host.control / "runs/0-aaaaaaaa").mkdir()
    for number in range(2, 5):
        host.end(host.start("true", host.step(run=f"{number}-aaaaaaaa")))
        host.run(clean_text(str(host.control), run=f"{number}-aaaaaaaa", boot_file=str(host.boot)))
    lately = time.time() - 3600
    for number in range(5):
        at = 1000 if number == 0 else lately + number
        os.utime(host.control / "runs" / f"{number}-aaaaaaaa", (at, at))
    host.run(clean_text(str(host.control), keep=1, boot_file=str(host.boot)))
    assert sorted(path.name for path in (host.control / "runs").iterdir()) == ["1-aaaaaaaa", "4-aaaaaaaa"]
    assert host.look(waiting).data == b"once\n"
    assert parse_start(host.run(start_text(waiting, "echo twice"))).start is Start.ALREADY


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
