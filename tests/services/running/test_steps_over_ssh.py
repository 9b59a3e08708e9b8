"""Remote steps and the lock through real sshd: what survives the death of a session, and who wins."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.clients.ssh import SshShell
from console.domain.environment import AppSpec, Environment, Host, SshTarget, Tier
from console.domain.redact import Secret
from console.errors import LockHeldError, OpsconsoleError, RefusedError
from console.services.target.control_directory import ensure_control
from console.services.target.fences import Fences
from console.services.target.living_steps import Living
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from console.services.target.remote_step import (
    Observation,
    RemoteStep,
    Start,
    StartProof,
    StepState,
    observe_text,
    parse_observation,
    parse_start,
    start_text,
)
from console.services.threads.loop import SystemClock
from tests.fakes.reach import FakeReach
from tests.lab.values import BUSYBOX_USER, USER
from tests.lab.world import Lab
from tests.services.target.locking import ANA, SINCE
from tests.waiting import eventually


@contextmanager
def shell_to(lab: Lab, user: str = USER) -> Iterator[SshShell]:
    node = lab.node1
    target = SshTarget(
        host=node.ip, port=node.ssh_port, user=user, identity_file=lab.ssh_key, known_hosts=lab.known_hosts
    )
    shell = SshShell(Host(name="node1", ssh=target), clock=SystemClock())
    try:
        yield shell
    finally:
        shell.close()


@contextmanager
def control_of(lab: Lab, user: str) -> Iterator[str]:
    """A control directory of that account on the host."""
    with shell_to(lab, user) as shell:
        made = shell.run("umask 007; d=$(mktemp -d) && chmod 2770 $d && echo $d")
        directory = made.stdout.decode().strip()
        assert directory, made
        yield directory
        shell.run(f"rm -rf {directory}")


@pytest.fixture(params=[USER, BUSYBOX_USER])
def account(request: pytest.FixtureRequest) -> str:
    user: str = request.param
    return user


def look(shell: SshShell, step: RemoteStep, offset: int = 0, limit: int = 65536) -> Observation:
    return parse_observation(shell.run(observe_text(step, offset=offset, limit=limit)).stdout)


def end(lab: Lab, user: str, step: RemoteStep, seconds: float = 30) -> Observation:
    with shell_to(lab, user) as shell:

        def ended() -> Observation | None:
            seen = look(shell, step)
            return seen if seen.state in (StepState.ENDED, StepState.GONE) else None

        return eventually(ended, seconds)


def kill_session(shell: SshShell, user: str) -> None:
    """Kills the sshd process that serves this shell's connection, and no other world's."""
    stream = shell.stream("echo $$; exec sleep 60")
    line = b""
    while not line.endswith(b"\n"):
        line += stream.read(timeout=5) or b""
    pid = int(line)
    while not (commands := Path(f"/proc/{pid}/cmdline").read_bytes()).startswith(f"sshd: {user}".encode()):
        assert pid > 1, commands
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(pid, signal.SIGKILL)


def test_a_step_survives_the_death_of_its_session(lab: Lab, account: str) -> None:
    with control_of(lab, account) as control:
        step = RemoteStep(control=control, run="1-0a1b2c3d", step="migrate")
        with shell_to(lab, account) as shell:
            script = 'echo begun; sleep 2; printf "%s\\n" "$OPSCONSOLE_SECRET_1"; exit 42'
            started = parse_start(shell.run(start_text(step, script, secrets=(Secret("s e"),), timeout=60)))
            assert (started.start, started.detached) == (Start.STARTED, True)
            kill_session(shell, account)
        seen = end(lab, account, step)
        assert (seen.state, seen.exit_status, seen.data) == (StepState.ENDED, 42, b"begun\ns e\n")


def test_output_goes_on_at_its_byte_over_new_connections(lab: Lab, account: str) -> None:
    choose = random.Random(11)
    with control_of(lab, account) as control:
        step = RemoteStep(control=control, run="1-0a1b2c3d", step="noisy")
        script = "n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); echo line $n; done; sleep 1; echo end"
        with shell_to(lab, account) as shell:
            assert parse_start(shell.run(start_text(step, script))).start is Start.STARTED
        expected = b"".join(b"line %d\n" % n for n in range(1, 3001)) + b"end\n"
        got = b""
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline
            with shell_to(lab, account) as shell:
                seen = look(shell, step, offset=len(got), limit=choose.choice([1000, 7777, 65536]))
            if seen.complete(len(got)):
                got += seen.data
                break
            got += seen.data[: choose.randint(0, len(seen.data))]
        assert got == expected


def test_fences_and_living_steps_over_real_connections(lab: Lab, account: str) -> None:
    with control_of(lab, account) as control, shell_to(lab, account) as shell:
        environment = Environment(
            name="lab",
            tier=Tier.NORMAL,
            url="",
            app=AppSpec(path=lab.node1.path, control=control),
            hosts=(Host(name="node1", ssh=SshTarget(alias="x")),),
        )
        fences = Fences(FakeReach(environment, shells={"node1": shell}))
        lock, old, new = EnvironmentLock(shell, environment, SystemClock()), new_token(), new_token()

        def fence(token: str) -> Living:
            holder = holder_of(ANA, token=token, why="fence", at=SINCE)
            return fences.set(token, lambda: lock.take(holder))["node1"]

        def start(token: str, name: str, script: str) -> Start:
            step = RemoteStep(control=control, run="1-0a1b2c3d", step=name)
            return parse_start(shell.run(start_text(step, script, proof=StartProof(token=token, locks=True)))).start

        assert fence(old).steps == ()
        assert start(old, "slow", f"while [ ! -e {control}/go ]; do sleep 0.1; done") is Start.STARTED
        lock.release(old)
        assert [found.remote.step for found in fence(new).steps] == ["slow"]
        assert start(old, "late", "true") is Start.FENCED
        assert start(new, "next", "true") is Start.STARTED
        shell.run(f"touch {control}/go")
        end(lab, account, RemoteStep(control=control, run="1-0a1b2c3d", step="slow"))


def test_sixteen_contenders_over_real_connections(lab: Lab) -> None:
    environment = Environment(
        name="lab",
        tier=Tier.NORMAL,
        url="",
        app=AppSpec(path=lab.node1.path),
        hosts=(Host(name="node1", ssh=SshTarget(alias="x")),),
    )
    held: list[str] = []

    def attempt(shell: SshShell) -> str | None:
        token = new_token()
        try:
            EnvironmentLock(shell, environment, SystemClock()).take(
                holder_of(ANA, token=token, why="contend", at=SINCE)
            )
        except LockHeldError as error:
            assert "held by ana" in str(error) or "being taken" in str(error)
            return None
        return token

    with ThreadPoolExecutor(16) as pool, shell_to(lab) as one, shell_to(lab) as two:
        for shell in (one, two):
            shell.connect()
        for _ in range(5):
            won = [token for token in pool.map(attempt, [one, two] * 8) if token]
            held += won
            assert len(won) == 1
            assert EnvironmentLock(one, environment, SystemClock()).release(won[0])
    assert len(held) == 5


def test_an_account_that_may_not_write_is_refused_with_the_fix(lab: Lab) -> None:
    environment = Environment(
        name="lab",
        tier=Tier.NORMAL,
        url="",
        app=AppSpec(path=lab.node1.path, control="/opsconsole-nobody-may"),
        hosts=(Host(name="node1", ssh=SshTarget(alias="x")),),
    )
    with shell_to(lab) as shell, pytest.raises(RefusedError) as caught:
        ensure_control(shell, environment.paths(environment.primary()))
    assert f"cannot be made in / by {USER}" in str(caught.value)
    assert isinstance(caught.value, OpsconsoleError)
    assert caught.value.exit_code == 7
