"""A real sshd of our own for the tests of clients: started on a free port, one account (the one running the tests)."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from console.clients.link_shell import LinkShell
from console.clients.openssh_shell import OpensshShell
from console.clients.ssh import SshShell
from console.domain.environment import Host, SshTarget
from console.services.threads.loop import SystemClock
from tests.waiting import eventually


def free_port() -> int:
    """A loopback port nobody listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "", bits: int = 0) -> Path:
    """A new key pair at `path`; `bits` for a size that is not the usual one."""
    size = ["-b", str(bits)] if bits else []
    words = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


@dataclass
class Sshd:
    """One sshd with its keys. `options` are lines put in front of its configuration, so that they win."""

    root: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    transport: ClassVar[str] = "ssh"

    @property
    def key(self) -> Path:
        return self.root / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def host_key(self) -> str:
        """The public host key, `kind base64`."""
        return " ".join((self.root / "host_ed25519.pub").read_text().split()[:2])

    def prepare(self) -> Sshd:
        self.root.mkdir(parents=True, exist_ok=True)
        keygen(self.root / "host_ed25519")
        keygen(self.key)
        keygen(self.root / "locked", passphrase="open sesame")
        keygen(self.root / "stranger")
        keys = [(self.root / f"{name}.pub").read_text() for name in ("id_ed25519", "locked")]
        (self.root / "authorized_keys").write_text("".join(keys))
        self.know()
        return self

    def know(self, port: int | None = None) -> None:
        """Writes known_hosts with this host, at another port too when one is given (a proxy's)."""
        ports = [self.port] if port is None else [self.port, port]
        self.known_hosts.write_text("".join(f"[127.0.0.1]:{each} {self.host_key}\n" for each in ports))

    def start(self) -> None:
        config = self.root / "sshd_config"
        lines = [
            *self.options,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *self._host_keys(),
            f"AuthorizedKeysFile {self.root}/authorized_keys",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "LogLevel ERROR",
            # bash would read the account's own .bashrc otherwise, whose cost is not ours.
            "SetEnv SHLVL=2",
        ]
        config.write_text("\n".join(lines) + "\n")
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._answers)

    def _host_keys(self) -> list[str]:
        stated = any(line.startswith("HostKey ") for line in self.options)
        return [] if stated else [f"HostKey {self.root}/host_ed25519"]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False

    def sessions(self) -> list[int]:
        """The processes that serve connections now."""
        assert self.process is not None
        done = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in done.stdout.split()]

    def kill_sessions(self) -> None:
        """Ends every connection, the server stays."""
        for pid in self.sessions():
            subprocess.run(["pkill", "-KILL", "-P", str(pid)], check=False)
            # It may be gone by now: its client closed the connection.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None:
            self.kill_sessions()
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def target(self, *, port: int | None = None, key: Path | None = None, known: Path | None = None) -> SshTarget:
        return SshTarget(
            host="127.0.0.1",
            port=port or self.port,
            user=getpass.getuser(),
            identity_file=str(key or self.key),
            known_hosts=str(known or self.known_hosts),
        )

    def shell(self, *, port: int | None = None, key: Path | None = None, known: Path | None = None) -> LinkShell:
        """A shell over the transport that the test is run for."""
        made = OpensshShell if self.transport == "openssh" else SshShell
        return made(Host(name="web1", ssh=self.target(port=port, key=key, known=known)), clock=SystemClock())


@dataclass
class Jump:
    """A host that is reached over another one, and the ssh configuration that says so."""

    inner: Sshd
    bastion: Sshd
    config: Path

    def entry(self, name: str, server: Sshd, *more: str) -> str:
        lines = [
            "HostName 127.0.0.1", f"Port {server.port}", f"IdentityFile {server.key}",
            f"UserKnownHostsFile {server.known_hosts}", *more,
        ]  # fmt: skip
        return f"Host {name}\n" + "".join(f"  {line}\n" for line in lines)

    def write(self, *, inner: tuple[str, ...] = (), bastion: tuple[str, ...] = ()) -> None:
        """Writes the configuration, with more lines for each host."""
        text = self.entry("inner", self.inner, *inner, "ProxyJump bastion")
        self.config.write_text(text + self.entry("bastion", self.bastion, *bastion))


def shell_by(config: Path, alias: str = "inner") -> OpensshShell:
    """A shell by this ssh configuration."""
    return OpensshShell(Host(name="web1", ssh=SshTarget(alias=alias)), clock=SystemClock(), ssh_config=str(config))


def _needed() -> None:
    if os.environ.get("CI") != "true" and (os.geteuid() != 0 or not shutil.which("/usr/sbin/sshd")):
        pytest.skip("needs root and sshd")


@pytest.fixture(params=["ssh", "openssh"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which transport all shells of a test have: what a server is needed for holds over each."""
    monkeypatch.setattr(Sshd, "transport", request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def shared_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server shared by tests that leave it alone."""
    _needed()
    server = Sshd(tmp_path_factory.mktemp("sshd") / "shared").prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sshd(shared_sshd: Sshd, transport: str) -> Sshd:
    """The shared server."""
    return shared_sshd


@pytest.fixture
def sshd_alone(tmp_path: Path, transport: str) -> Iterator[Sshd]:
    """A server for a test that stops it or kills its sessions."""
    _needed()
    server = Sshd(tmp_path / "alone").prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shell(sshd: Sshd) -> Iterator[LinkShell]:
    """A shell on the shared server."""
    made = sshd.shell()
    yield made
    made.close()


@pytest.fixture
def jump(tmp_path: Path, shared_sshd: Sshd) -> Iterator[Jump]:
    """The shared server behind a jump host of its own."""
    bastion = Sshd(tmp_path / "bastion").prepare()
    bastion.start()
    shared_sshd.know()
    made = Jump(shared_sshd, bastion, tmp_path / "ssh_config")
    made.write()
    yield made
    bastion.stop()
