"""Servers that sshd is not: paramiko's server mode, for refusals and silences that are hard to have otherwise."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from console.clients.link_shell import LinkShell
from console.clients.openssh_shell import OpensshShell
from console.clients.remote_process import MARK
from console.clients.ssh import SshShell
from console.domain.environment import Host, SshTarget
from console.errors import AuthenticationError, DeadlineError, UnreachableError
from console.services.threads.loop import SystemClock
from tests.clients.conftest import keygen
from tests.waiting import eventually


class Behaviour(paramiko.ServerInterface):
    """One server's answers. `open_after` delays channels, in seconds."""

    methods = "publickey"
    auth = paramiko.common.AUTH_SUCCESSFUL
    exec = True
    open_after = 0.0
    said = MARK + b"out\n"
    sessions = paramiko.common.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return self.methods

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self.auth

    def check_channel_request(self, kind: str, chanid: int) -> int:
        time.sleep(self.open_after)
        return self.sessions

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self.exec:
            threading.Thread(target=self.run, args=(channel,), daemon=True).start()
        return self.exec

    def run(self, channel: paramiko.Channel) -> None:
        channel.sendall(self.said)
        channel.send_exit_status(0)
        channel.close()


class Server:
    """Serves each connection with one behaviour, on a port of its own."""

    def __init__(self, root: Path, behaviour: Behaviour, transport: str) -> None:
        self.transport = transport
        self.behaviour = behaviour
        self.key = paramiko.Ed25519Key.from_private_key_file(str(keygen(root / "host")))
        self.root = root
        keygen(root / "id")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []
        (root / "known").write_text(f"[127.0.0.1]:{self.port} ssh-ed25519 {self.key.get_base64()}\n")
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.key)
            self.transports.append(transport)
            transport.start_server(event=threading.Event(), server=self.behaviour)

    def shell(self) -> LinkShell:
        target = SshTarget(
            host="127.0.0.1",
            port=self.port,
            user="ops",
            identity_file=str(self.root / "id"),
            known_hosts=str(self.root / "known"),
        )
        made = OpensshShell if self.transport == "openssh" else SshShell
        return made(Host(name="web1", ssh=target), clock=SystemClock())

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        for transport in self.transports:
            transport.close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str) -> Iterator[Server]:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    made = Server(tmp_path, Behaviour(), transport)
    yield made
    made.close()


def test_a_server_that_answers_without_running_anything_is_no_host_without_output(server: Server) -> None:
    shell = server.shell()
    assert shell.run("true").stdout == b"out\n"
    server.behaviour.said = b"\033[1mout\n"
    with pytest.raises(UnreachableError, match=r"does not run what it is asked; it said: .*out"):
        shell.run("true")
    server.behaviour.said = b""
    with pytest.raises(UnreachableError, match="it said nothing"):
        shell.run("true")
    shell.close()


def test_an_account_for_passwords_only_says_so(server: Server) -> None:
    server.behaviour.methods = "password"
    server.behaviour.auth = paramiko.common.AUTH_FAILED
    with pytest.raises(AuthenticationError, match=r"allows no public keys|took none") as caught:
        server.shell().run("true")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("transport", ["ssh"], indirect=True)
def test_a_second_factor_is_refused_with_its_name(server: Server) -> None:
    server.behaviour.methods = "keyboard-interactive"
    server.behaviour.auth = paramiko.common.AUTH_PARTIALLY_SUCCESSFUL
    with pytest.raises(AuthenticationError, match="second factor"):
        server.shell().run("true")


def test_an_account_that_may_run_nothing_says_so(server: Server) -> None:
    server.behaviour.exec = False
    shell = server.shell()
    with pytest.raises(UnreachableError, match="does not run"):
        shell.run("true")
    stream = shell.stream("true")
    with pytest.raises(UnreachableError, match="does not run"):
        while stream.read(timeout=1) is not None:
            pass
    shell.close()


def test_a_host_that_opens_no_sessions_says_so(server: Server) -> None:
    server.behaviour.sessions = paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
    with pytest.raises(UnreachableError, match="opens no sessions"):
        server.shell().run("true")


def test_a_channel_that_comes_too_late_is_closed_and_not_leaked(server: Server) -> None:
    shell = server.shell()
    shell.connect()
    server.behaviour.open_after = 0.6
    with pytest.raises(DeadlineError, match="no channel"):
        shell.run("true", deadline=0.2)
    server.behaviour.open_after = 0.0
    assert shell.run("true", deadline=5).stdout == b"out\n"
    (link,) = shell._links.members
    assert link.channels == 0
    (served,) = server.transports
    eventually(lambda: len(served._channels.values()) == 0)  # type: ignore[attr-defined]
    shell.close()


def test_an_unencrypted_key_that_is_none_is_passed_over_and_named(server: Server) -> None:
    (server.root / "id").write_text("this is not a key")
    with pytest.raises(AuthenticationError) as caught:
        server.shell().run("true")
    assert "Not usable" in caught.value.fix
    assert "ssh-agent" in caught.value.fix
