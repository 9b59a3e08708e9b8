"""Two hosts in a temporary directory with their fences, the lock of the first, and starts that prove both."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.domain.environment import AppSpec, Environment, Host, SshTarget
from console.services.target.control_directory import ensure_control
from console.services.target.fences import Fences
from console.services.target.living_steps import Living
from console.services.target.lock import EnvironmentLock, holder_of, new_token
from console.services.target.remote_step import RemoteStep, Start, StartProof, parse_start, start_text
from tests.fakes.reach import FakeReach, make_environment
from tests.fakes.shell import FakeShell
from tests.services.target.locking import ANA, SINCE, WallClock, shell_named

HOSTS = ("web1", "web2")


def two_hosts(directory: Path) -> Environment:
    """An environment of two hosts below a directory; the lock stands on `web1`."""
    for name in HOSTS:
        (directory / name).mkdir(parents=True, exist_ok=True)
    hosts = tuple(
        Host(name=name, ssh=SshTarget(alias=name), roles=roles, path=str(directory / name))
        for name, roles in (("web1", ("web", "primary")), ("web2", ("web",)))
    )
    return make_environment(hosts=hosts, app=AppSpec(path=str(directory / "web1")))


class Site:
    """The hosts as one console sees them; another `Site` of the same directory is another console."""

    def __init__(self, directory: Path, shell: str = "sh") -> None:
        self.directory = directory
        self.environment = two_hosts(directory)
        self.shells: dict[str, FakeShell] = {name: shell_named(shell, directory, name) for name in HOSTS}
        self.reach = FakeReach(self.environment, shells=self.shells)
        self.lock = EnvironmentLock(self.shells["web1"], self.environment, WallClock())
        self.fences = Fences(self.reach)

    def control(self, host: str) -> Path:
        """The control directory of a host."""
        return Path(self.environment.paths(self.environment.host(host)).control)

    def take(self, token: str = "") -> str:
        """Takes the lock and fences both hosts; the token."""
        token = token or new_token()
        self.fence(token)
        return token

    def fence(self, token: str) -> dict[str, Living]:
        """Takes the lock, or proves it, and sets the fences; what lives on the hosts."""
        holder = holder_of(ANA, token=token, why="deploy", at=SINCE)
        return self.fences.set(token, lambda: self.lock.take(holder))

    def step(self, host: str, name: str = "migrate", run: str = "1-0a1b2c3d") -> RemoteStep:
        """A step of a run on a host."""
        return RemoteStep(control=str(self.control(host)), run=run, step=name)

    def start_of(self, host: str, token: str, script: str = "true", *, step: RemoteStep | None = None) -> str:
        """The text that starts a step under a token; an empty one stands for a run that takes no lock."""
        proof = StartProof(token=token, locks=host == "web1") if token else None
        return start_text(step or self.step(host), script, proof=proof)

    def start(self, host: str, token: str, script: str = "true", *, step: RemoteStep | None = None) -> Start:
        """What becomes of that text."""
        return parse_start(self.shells[host].run(self.start_of(host, token, script, step=step))).start

    def take_over(self, token: str = "") -> str:
        """Removes whoever holds the lock and takes it, as after a watch; without fences. The token."""
        token = token or new_token()
        seen = self.lock.status()
        assert seen.holder is not None
        self.lock.release(seen.holder.token)
        self.lock.take(holder_of(ANA, token=token, why="taken over", at=SINCE))
        return token

    def traces(self) -> list[str]:
        """The names of the steps' directories on both hosts."""
        return sorted(path.name for host in HOSTS for path in self.control(host).glob("runs/*/*"))

    def made(self) -> Site:
        """The site with its control directories."""
        for name in HOSTS:
            ensure_control(self.shells[name], self.environment.paths(self.environment.host(name)))
        return self


@contextmanager
def small_disk(place: Path, kilobytes: int = 48) -> Iterator[None]:
    """A filesystem of that size at `place`. Needs root."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=2770", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
        shutil.rmtree(place, ignore_errors=True)


def fill(place: Path) -> None:
    """Writes until nothing more fits."""
    with (place / "filler").open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 512):
                pass
        except OSError:
            return
