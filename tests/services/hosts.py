"""A host that is this machine: texts run by a chosen shell with a chosen PATH."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from console.domain.redact import Secret
from console.ports import Completed
from console.services.runs.leases import start_time
from console.services.target.remote_step import (
    Observation,
    RemoteStep,
    Start,
    StepState,
    observe_text,
    parse_observation,
    parse_start,
    start_text,
)
from tests.fakes.shell import STAND_INS
from tests.waiting import eventually


def _distinct(*names: str) -> tuple[str, ...]:
    """These shells without those that are one of the others under another name, as `sh` mostly is."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(os.path.realpath(shutil.which(name) or name), name)
    return tuple(found.values())


SHELLS = _distinct("dash", "bash", "busybox", "sh")


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
            self.path = f"{self.bin}:{STAND_INS}:/usr/bin:/bin"
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
        seen: list[Observation] = []

        def came() -> Observation | None:
            seen[:] = [self.look(step)]
            return seen[0] if wanted(seen[0]) else None

        return eventually(came, seconds, otherwise=lambda: seen)

    def end(self, step: RemoteStep) -> Observation:
        return self.until(step, lambda seen: seen.state in (StepState.ENDED, StepState.GONE))


def living(host: LocalHost) -> Iterator[LocalHost]:
    yield host
    for file in [*host.control.glob("runs/*/*/pid"), *host.control.glob("runs/*/*/command")]:
        pid, born, _ = file.read_text().split()
        # A pid file may name anybody by now, or by a test's own doing; a group goes on without its leader.
        if start_time(int(pid)) == born or (not Path("/proc", pid).exists() and group(int(pid))):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)


def pid_of(step: RemoteStep, name: str, seconds: float = 10) -> int:
    file = Path(step.directory) / name
    eventually(file.exists, seconds, otherwise=f"no {name}")
    return int(file.read_text().split()[0])


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def group(leader: int) -> list[int]:
    """The processes of a group that are no zombies."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = file.read_text().partition(" ")
            state, _, in_group = rest.rpartition(")")[2].split()[:3]
            if int(in_group) == leader and state not in "ZX":
                found.append(int(pid))
    return found


def command_lines() -> list[bytes]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:
            continue
    return found
