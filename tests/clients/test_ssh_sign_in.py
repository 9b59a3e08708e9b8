"""Signing in: strangers, encrypted keys, other kinds of keys, and hosts that are not who they were."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from console.clients.link_shell import LinkShell
from console.clients.openssh_shell import OpensshShell
from console.clients.ssh import SshShell
from console.domain.environment import Host
from console.errors import (
    AuthenticationError,
    HostKeyError,
)
from console.services.threads.loop import SystemClock
from tests.clients.conftest import Sshd, keygen
from tests.waiting import eventually


@pytest.mark.deadline
def test_a_stranger_is_refused_and_remembered(sshd: Sshd) -> None:
    shell = sshd.shell(key=sshd.root / "stranger")
    with pytest.raises(AuthenticationError, match="took none of our keys") as caught:
        shell.run("true")
    assert caught.value.exit_code == 4
    assert str(sshd.root / "stranger") in caught.value.what
    begun = time.monotonic()
    with pytest.raises(AuthenticationError):
        shell.run("true")
    assert time.monotonic() - begun < 0.05, "a refused key must not be offered again at once"


def test_an_encrypted_key_needs_the_agent(sshd: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    locked = sshd.root / "locked"
    with pytest.raises(AuthenticationError) as caught:
        sshd.shell(key=locked).run("true")
    assert "ssh-add" in caught.value.fix
    assert str(locked) in caught.value.fix

    path = str(tmp_path / "agent.sock")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: Path(path).exists())
        askpass = tmp_path / "askpass"
        askpass.write_text("#!/bin/sh\necho 'open sesame'\n")
        askpass.chmod(0o700)
        settings = {"SSH_AUTH_SOCK": path, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(
            ["ssh-add", "-q", str(locked)], env={**os.environ, **settings}, check=True, stdin=subprocess.DEVNULL
        )
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        shell = sshd.shell(key=locked)
        assert shell.run("echo in").stdout == b"in\n"
        shell.close()
    finally:
        agent.kill()
        agent.wait()


def test_a_host_that_wants_more_than_a_key_says_so(tmp_path: Path, sshd: Sshd) -> None:
    server = Sshd(tmp_path / "two", options=("AuthenticationMethods publickey,publickey",)).prepare()
    server.start()
    try:
        with pytest.raises(AuthenticationError, match="second factor"):
            server.shell().run("true")
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_sign_in(sshd: Sshd, tmp_path: Path, kind: str) -> None:
    key = keygen(tmp_path / kind, kind=kind)
    with (sshd.root / "authorized_keys").open("a") as file:
        file.write(key.with_suffix(".pub").read_text())
    shell = sshd.shell(key=key)
    assert shell.run("echo in").stdout == b"in\n"
    shell.close()


def test_an_unknown_and_a_changed_host_are_refused_before_signing_in(sshd: Sshd, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    with pytest.raises(HostKeyError, match="is not known"):
        sshd.shell(known=empty).connect()
    other = keygen(tmp_path / "other")
    changed = tmp_path / "changed"
    words = other.with_suffix(".pub").read_text().split()[:2]
    changed.write_text(f"# a comment\n[127.0.0.1]:{sshd.port} {' '.join(words)}\n")
    with pytest.raises(HostKeyError, match="has CHANGED") as caught:
        sshd.shell(known=changed).connect()
    assert f"{changed}:2" in caught.value.what
    assert caught.value.what.count("SHA256:") == 2
    assert caught.value.exit_code == 4


def test_the_fingerprint_is_the_one_ssh_prints(sshd: Sshd, shell: LinkShell) -> None:
    said = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.root / "host_ed25519.pub")], capture_output=True, text=True, check=True
    )
    assert shell.fingerprint() in said.stdout


def test_a_revoked_host_key_is_refused_where_the_host_is_stated_in_full(sshd: Sshd, tmp_path: Path) -> None:
    sshd.know()
    revoked = tmp_path / "revoked 100% keys"
    revoked.write_text(f"{sshd.host_key}\n")
    config = tmp_path / "config"
    made = OpensshShell if sshd.transport == "openssh" else SshShell
    host = Host(name="web1", ssh=sshd.target())

    def connect() -> None:
        shell = made(host, clock=SystemClock(), ssh_config=str(config))
        try:
            shell.connect()
        finally:
            shell.close()

    config.write_text(f'Host 127.0.0.1\n  RevokedHostKeys "{revoked}"\n')
    with pytest.raises(HostKeyError, match="is revoked"):
        connect()
    revoked.write_text("")
    connect()
