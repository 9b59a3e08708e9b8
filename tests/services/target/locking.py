"""Locks on a directory of this machine, and shells that run, hurry or die, for the tests of the lock."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.domain.environment import AppSpec, Environment, Host, Layout, SshTarget, Tier
from console.domain.policy import Operator
from console.ports import Clock, Completed
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from tests.fakes.shell import FakeShell

ANA = Operator(uid=1000, login="ana", host="bastion", origin="10.0.0.7")
BOB = Operator(uid=1001, login="bob", host="laptop")
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class WallClock:
    """Real time, `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    def wait(self, flag: threading.Event, seconds: float) -> bool:
        return flag.wait(seconds / self.speed)


class ShellOf(FakeShell):
    """Runs texts with a chosen shell and, for busybox, its applets only; may kill them half-way."""

    def __init__(self, path: str, deadly: random.Random | None = None, host: str = "web1") -> None:
        super().__init__(host)
        self.path = path
        self.deadly = deadly

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        self._up()
        process = subprocess.Popen(
            ["sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": self.path},
            start_new_session=True,
        )
        if self.deadly is not None and self.deadly.random() < 0.3:
            timer = threading.Timer(self.deadly.random() * 0.03, _kill, (process.pid,))
            timer.start()
            out, err = process.communicate(script.encode())
            timer.cancel()
        else:
            out, err = process.communicate(script.encode(), timeout=60)
        return Completed(status=process.returncode, stdout=out, stderr=err, seconds=0)


def shell_named(name: str, directory: Path, host: str = "web1") -> ShellOf:
    """A host whose `sh` is the named shell; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    binaries = directory / f"bin-{name}"
    if not binaries.exists():
        binaries.mkdir()
        if name == "busybox":
            subprocess.run(["busybox", "--install", "-s", str(binaries)], check=True)
        else:
            (binaries / "sh").symlink_to(found)
    # Nothing but busybox applets can be found there.
    return ShellOf(str(binaries) if name == "busybox" else f"{binaries}:/usr/bin:/bin", host=host)


def environment(app: Path, layout: Layout = Layout.RELEASES) -> Environment:
    host = Host(name="web1", ssh=SshTarget(alias="web1"))
    return Environment(
        name="production",
        tier=Tier.PROTECTED,
        url="https://shop.example",
        app=AppSpec(path=str(app), layout=layout),
        hosts=(host,),
    )


def lock_at(app: Path, shell: FakeShell | None = None, clock: Clock | None = None) -> EnvironmentLock:
    return EnvironmentLock(shell or FakeShell(), environment(app), clock or WallClock())


def take(lock: EnvironmentLock, operator: Operator = ANA, token: str = "", why: str = "deploy") -> str:
    token = token or new_token()
    lock.take(holder_of(operator, token=token, why=why, at=SINCE, run=5))
    return token


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
