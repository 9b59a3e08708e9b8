"""Servers, keys and an agent for comparing the console with the system's `ssh`: the same sshd answers both."""

from __future__ import annotations

import getpass
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from console.clients.ssh import SshShell
from console.domain.environment import Host, SshTarget
from console.errors import OpsconsoleError
from console.services.threads.loop import SystemClock
from tests.clients.conftest import Sshd, free_port, keygen
from tests.waiting import eventually

KINDS = ("ed25519", "ecdsa", "rsa")
_RSA_BITS = 2048
VARIABLES = {"MATRIX_AGENT": "agent.sock", "MATRIX_KEYS": "keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One comparison. `config` are lines of an ssh_config, with `{keys}`, `{hosts}`, `{root}` and the cell's own
    `{cell}` for directories; `files` are written into `{cell}` first. `named` is what a refusal may be named by."""

    name: str
    config: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)
    server: str = "plain"
    alias: str = "web"
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who got in, and what the console said when it did not. `ssh` is None when it ran out of time: not judged."""

    cell: Cell
    ssh: bool | None
    console: bool
    said: str
    fix: str

    @property
    def is_laxer(self) -> bool:
        return self.console and self.ssh is False

    @property
    def is_judged(self) -> bool:
        return self.ssh is not None

    @property
    def is_only_ssh(self) -> bool:
        return self.ssh is True and not self.console

    @property
    def is_named(self) -> bool:
        return bool(self.fix) and any(name in self.said for name in self.cell.named)


class World:
    """Everything cells share: keys of three kinds for hosts and operators, certificates, an agent, servers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys = root / "keys"
        self.hosts = root / "hosts"
        self.servers: dict[str, Sshd] = {}
        self.ports: dict[str, int] = {}
        self._agent: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def prepare(self) -> World:
        self.keys.mkdir(parents=True)
        self.hosts.mkdir()
        for kind in KINDS:
            for path in (self.hosts / kind, self.hosts / f"other_{kind}", self.keys / kind):
                keygen(path, kind=kind, bits=_RSA_BITS if kind == "rsa" else 0)
        for name in ("host_ca", "user_ca"):
            keygen(self.hosts / name)
        self._operators()
        self._certify_host()
        self._start_agent()
        return self

    def _operators(self) -> None:
        allowed = [*KINDS, "held", "open", "expired", "elsewhere", "garbage", "hostly", "twisted", "pem", "pkcs8"]
        for name in (*allowed[3:10], "certified", "stranger"):
            keygen(self.keys / name)
        for name, form in (("pem", "PEM"), ("pkcs8", "PKCS8")):
            ask = ["ssh-keygen", "-q", "-p", "-N", "", "-m", form, "-f", str(keygen(self.keys / name, kind="ecdsa"))]
            subprocess.run(ask, check=True, capture_output=True)
        keygen(self.keys / "locked", passphrase="open sesame")
        for name, words in {
            "certified": ["-n", getpass.getuser()],
            "expired": ["-n", getpass.getuser(), "-V", "20200101:20200102"],
            "elsewhere": ["-n", "nobody-here"],
            "hostly": ["-h", "-n", getpass.getuser()],
        }.items():
            self._sign("user_ca", self.keys / f"{name}.pub", words)
        (self.keys / "garbage-cert.pub").write_text("this is no certificate\n")
        lines = [(self.keys / f"{name}.pub").read_text() for name in (*allowed, "locked")]
        lines.append(f"cert-authority {(self.hosts / 'user_ca.pub').read_text()}")
        (self.root / "authorized_keys").write_text("".join(lines))
        (self.keys / "open").chmod(0o644)
        (self.keys / "twisted.pub").write_text((self.keys / "stranger.pub").read_text())
        for name in KINDS:
            # A private key in ssh's own form has its public half inside; nothing needs the file beside it.
            (self.keys / f"bare_{name}").write_bytes((self.keys / name).read_bytes())
            (self.keys / f"bare_{name}").chmod(0o600)

    def _sign(self, authority: str, public: Path, words: list[str]) -> None:
        ask = ["ssh-keygen", "-q", "-s", str(self.hosts / authority), "-I", "test", *words, str(public)]
        subprocess.run(ask, check=True, capture_output=True)

    def _certify_host(self) -> None:
        names = "127.0.0.1,localhost,web.example"
        self._sign("host_ca", self.hosts / "ed25519.pub", ["-h", "-n", names])

    def _start_agent(self) -> None:
        path = str(self.root / "agent.sock")
        self._agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
        eventually(lambda: Path(path).exists())
        add = ["ssh-add", "-q", str(self.keys / "held")]
        subprocess.run(add, env={**os.environ, "SSH_AUTH_SOCK": path}, check=True, capture_output=True)
        (self.keys / "held").unlink()

    def environment(self) -> dict[str, str]:
        """What both sides see: ssh's own variable leads to an agent with a key that every server takes."""
        return {name: str(self.root / path) for name, path in (*VARIABLES.items(), ("SSH_AUTH_SOCK", "agent.sock"))}

    def serve(self, name: str, *lines: str, kinds: tuple[str, ...] = KINDS, certified: bool = False) -> None:
        """Describes a server of this name; it is started for the first cell that needs it."""
        made = Sshd(self.root / name, port=free_port())
        made.root.mkdir()
        certificate = (f"HostCertificate {self.hosts}/ed25519-cert.pub",) if certified else ()
        keys = (*(f"HostKey {self.hosts}/{kind}" for kind in kinds), *certificate)
        made.options = (*lines, *keys, f"AuthorizedKeysFile {self.root}/authorized_keys", "MaxStartups 100")
        self.servers[name] = made
        self.ports[name] = made.port

    def _serve(self, name: str) -> None:
        with self._starting:
            if self.servers[name].process is None:
                self.servers[name].start()

    def host_key(self, kind: str) -> str:
        """`TYPE BASE64` of a host key, or of a certificate or an authority by its file's name."""
        return " ".join((self.hosts / f"{kind}.pub").read_text().split()[:2])

    def compare(self, cell: Cell) -> Verdict:
        """The console first, because ssh may write into known_hosts."""
        self._serve(cell.server)
        place = Path(tempfile.mkdtemp(prefix="cell", dir=self.root))
        known = {"root": self.root, "keys": self.keys, "hosts": self.hosts, "cell": place}
        for name, data in cell.files.items():
            (place / name).write_bytes(data)
        config = place / "config"
        base = [
            "HostName 127.0.0.1",
            f"Port {self.ports[cell.server]}",
            f"User {getpass.getuser()}",
            "IdentityFile {keys}/ed25519",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            "UserKnownHostsFile {cell}/known",
            "GlobalKnownHostsFile none",
            "UpdateHostKeys no",
            "StrictHostKeyChecking yes",
            # ssh's first choice, sntrup761, costs it a tenth of a second; some cells say `+` for its own list.
            "KexAlgorithms curve25519-sha256",
        ]
        stated = {line.split()[0].lower() for line in cell.config}
        lines = [f"Host {cell.alias}", *cell.config, *(line for line in base if line.split()[0].lower() not in stated)]
        text = "\n".join(lines)
        for name, path in known.items():
            text = text.replace(f"{{{name}}}", str(path))
        config.write_text(f"{text}\n")
        said, fix, entered = self._console(cell, config)
        return Verdict(cell, self._ssh(cell, config), entered, said, fix)

    def _ssh(self, cell: Cell, config: Path) -> bool | None:
        words = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", cell.alias, "true"]
        environment = {**os.environ, **self.environment()}
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=120, check=False
        )
        if done.returncode and b"timed out" in done.stderr:
            return None
        return done.returncode == 0

    def _console(self, cell: Cell, config: Path) -> tuple[str, str, bool]:
        target = SshTarget(alias=cell.alias)
        shell = SshShell(Host(name="web1", ssh=target), clock=SystemClock(), ssh_config=str(config))
        try:
            return "", "", shell.run("true", deadline=60).status == 0
        except OpsconsoleError as error:
            return error.what, error.fix, False
        finally:
            shell.close()

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait()


def described(verdicts: list[Verdict], begun: float) -> str:
    """The counts, as they are printed."""
    both = sum(each.ssh is True and each.console for each in verdicts)
    neither = sum(each.ssh is False and not each.console for each in verdicts)
    laxer = [each for each in verdicts if each.is_laxer]
    only = [each for each in verdicts if each.is_only_ssh]
    unjudged = sum(not each.is_judged for each in verdicts)
    unnamed = [each for each in only if not each.is_named]
    return (
        f"{len(verdicts)} cells in {time.monotonic() - begun:.0f} s: both {both}, neither {neither}, only the console "
        f"{len(laxer)}, only ssh {len(only)}, of which without a name {len(unnamed)}, not judged {unjudged}"
    )
