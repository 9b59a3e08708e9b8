"""Signals reach exactly the process that was meant, and what artisan and supervisorctl say is judged by their words."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.worker_arguments import Invocation, Role
from console.domain.worker_processes import Process, ProcessIdentity, ReleaseProof
from console.domain.worker_verdicts import Standing, WorkerVerdict
from console.ports import Completed
from console.services.workers.signals import (
    read_sent,
    restart_programs_text,
    restart_text,
    restarted,
    signal_text,
    start_programs_text,
    terminated,
)
from tests.lab.processes import track
from tests.services.hosts import LocalHost, gone

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
TERMINATED = """
   INFO  Sending TERM signal to processes.

  Process: 4423 .................................................. 0.06ms DONE
"""
FAILED = """
   INFO  Sending TERM signal to processes.

  Process: 4423 .................................................. 0.06ms DONE
  Process: 4424 .................................................. 0.06ms FAIL

   ERROR  Failed to kill process: 4424 (Operation not permitted).
"""


@pytest.fixture(params=["dash", "busybox"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> LocalHost:
    return LocalHost(tmp_path, request.param)


@pytest.fixture
def sleeper() -> Iterator[int]:
    child = subprocess.Popen(["/bin/sleep", "60"])
    yield child.pid
    child.kill()
    child.wait()


def verdict(pid: int, *, start: int | None = None, program: str = "") -> WorkerVerdict:
    found = track(pid)
    began = start if start is not None else (found.began if found else 0)
    process = Process(
        pid=pid, ppid=1, uid=0, start=began, argv=("php",), invocation=Invocation(script="artisan", role=Role.WORK)
    )
    return WorkerVerdict(
        host="web1",
        process=process,
        identity=ProcessIdentity(boot=BOOT, pid=pid, start=began),
        standing=Standing.OLD,
        proof=ReleaseProof(),
        program=program,
        direct=bool(program),
    )


def tool(host: LocalHost, name: str, text: str) -> None:
    target = host.bin / name
    target.unlink(missing_ok=True)
    target.write_text(f"#!/bin/sh\n{text}\n")
    target.chmod(0o755)


def said(text: str) -> Completed:
    return Completed(status=0, stdout=text.encode(), stderr=b"", seconds=0)


def test_the_process_that_was_meant_is_ended(host: LocalHost, sleeper: int) -> None:
    sent = read_sent(host.run(signal_text([verdict(sleeper)], "TERM", "", programs=True)))
    assert (sent.sent, sent.gone, sent.refused) == ((sleeper,), (), ())
    assert os.waitid(os.P_PID, sleeper, os.WEXITED | os.WNOWAIT) is not None and gone(sleeper)


def test_a_pid_that_somebody_else_has_by_now_is_left(host: LocalHost, sleeper: int) -> None:
    other = verdict(sleeper, start=1)
    reboot = replace(verdict(sleeper), identity=ProcessIdentity(boot="another", pid=sleeper, start=1))
    for each in (other, reboot):
        assert read_sent(host.run(signal_text([each], "KILL", "", programs=False))).gone == (sleeper,)
    assert not gone(sleeper)
    assert read_sent(host.run(signal_text([verdict(2**22 + 1, start=5)], "TERM", "", programs=False))).gone


def test_where_the_login_may_not_supervisord_is_asked(host: LocalHost, sleeper: int, tmp_path: Path) -> None:
    tool(host, "kill", "exit 1")
    tool(host, "supervisorctl", f'echo "$@" >> {tmp_path}/calls; case $1 in status) echo "a RUNNING pid 1, up";; '
         'signal) echo "a:a_00: signalled";; esac')  # fmt: skip
    # A shell's own kill would succeed: this account is root.
    text = signal_text([verdict(sleeper, program="a:a_00")], "TERM", "", programs=True).replace("kill -TERM", "false")
    assert read_sent(host.run(text)).sent == (sleeper,)
    assert "signal TERM a:a_00" in (tmp_path / "calls").read_text()
    alone = signal_text([verdict(sleeper)], "TERM", "", programs=True).replace("kill -TERM", "false")
    assert read_sent(host.run(alone)).refused == (sleeper,)


def test_artisans_words_are_counted_and_not_its_status(host: LocalHost, tmp_path: Path) -> None:
    places = [tmp_path / "1", tmp_path / "2"]
    for place in places:
        place.mkdir()
    directories = [str(place) for place in places]
    tool(host, "php", 'echo "Broadcasting queue restart signal."')
    done = host.run(restart_text(directories, "php", ""))
    assert restarted(done, directories) == ""
    shutil.rmtree(places[1])
    assert "did not say" in restarted(host.run(restart_text(directories, "php", "")), directories)
    tool(host, "php", "echo 'SQLSTATE[HY000] no server'; exit 0")
    assert "SQLSTATE" in restarted(host.run(restart_text(directories[:1], "php", "")), directories[:1])


@pytest.mark.parametrize(
    ("text", "pids", "missed"),
    [
        (TERMINATED, (4423,), ()),
        (FAILED, (4423, 4424), (4424,)),
        (TERMINATED, (4423, 442), (442,)),
        ("\n   INFO  No processes to terminate.\n", (4423,), (4423,)),
        ("", (4423,), (4423,)),
        ("Sending TERM Signal To Process: 4423\n", (4423,), ()),
    ],
)
def test_which_masters_horizon_did_not_end(text: str, pids: tuple[int, ...], missed: tuple[int, ...]) -> None:
    assert terminated(said(text), pids) == missed


def test_programs_are_started_and_only_those_that_still_are_what_they_were_are_restarted(
    host: LocalHost, tmp_path: Path
) -> None:
    status = "a:a_00   RUNNING   pid 7, uptime 0:00:09"
    tool(host, "supervisorctl", f'echo "$@" >> {tmp_path}/calls; [ "$1" != status ] || echo "{status}"')
    host.run(start_programs_text(["a:a_00", "b"], ""))
    host.run(restart_programs_text([("a:a_00", 7)], ""))
    host.run(restart_programs_text([("a:a_00", 8)], ""))
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if not call.startswith("status")] == ["start a:a_00 b", "restart a:a_00"]
