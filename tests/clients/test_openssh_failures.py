"""Why the system's `ssh` made no connection, in words, and which host key it took when it made one."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from console.clients import openssh_errors
from console.clients.openssh_mux_server import _private_directory
from console.clients.openssh_options import Way
from console.clients.openssh_shell import OpensshShell
from console.domain.environment import Host
from console.errors import AuthenticationError, DeadlineError, HostKeyError, UnreachableError
from console.services.threads.loop import SystemClock
from tests.clients.conftest import Jump, Sshd, free_port, keygen, shell_by


def test_the_host_key_inside_a_certificate_is_read(tmp_path: Path, shared_sshd: Sshd) -> None:
    server = Sshd(tmp_path / "certified").prepare()
    authority = keygen(tmp_path / "authority")
    public = server.root / "host_ed25519.pub"
    words = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", "-h", "-n", "127.0.0.1", str(public)]
    subprocess.run(words, check=True, capture_output=True)
    server.options = (f"HostKey {server.root}/host_ed25519", f"HostCertificate {server.root}/host_ed25519-cert.pub")
    server.known_hosts.write_text(f"@cert-authority * {authority.with_suffix('.pub').read_text()}")
    server.start()
    shell = OpensshShell(Host(name="web1", ssh=server.target()), clock=SystemClock())
    try:
        printed = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True)
        assert shell.fingerprint() == printed.stdout.split()[1]
        shell.close()
        server.known_hosts.write_text(f"@cert-authority elsewhere {authority.with_suffix('.pub').read_text()}")
        with pytest.raises(HostKeyError) as caught:
            shell.connect()
        assert "jump host" not in caught.value.what, "there is none on the way"
    finally:
        shell.close()
        server.stop()


def test_a_connection_whose_host_key_was_not_read_is_refused(
    shared_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_sshd.know()
    monkeypatch.setattr(openssh_errors, "_SHOWN", re.compile(r"(never) (said)"))
    shell = OpensshShell(Host(name="web1", ssh=shared_sshd.target()), clock=SystemClock())
    with pytest.raises(HostKeyError, match="did not say which host key"):
        shell.connect()
    assert not shell.connected()


def test_a_host_that_is_down_behind_a_jump_host_is_unreachable(jump: Jump) -> None:
    entry = jump.entry("inner", jump.inner, "ProxyJump bastion")
    config = entry.replace(f"Port {jump.inner.port}", f"Port {free_port()}") + jump.entry("bastion", jump.bastion)
    jump.config.write_text(config)
    with pytest.raises(
        UnreachableError, match=r"no connection from the jump host to .*: connect failed: Connection ref"
    ):
        shell_by(jump.config).connect()


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("channel 0: open failed: connect failed: Permission denied\nstdio forwarding failed", UnreachableError,
         "no connection from the jump host .*: connect failed: Permission denied"),
        ("channel 0: open failed: connect failed: Connection timed out\nstdio forwarding failed", DeadlineError,
         "did not answer the jump host in time"),
        ("stdio forwarding failed", UnreachableError, "no connection from the jump host .*: stdio forwarding failed"),
        ("Connection timed out during banner exchange\nConnection to UNKNOWN port 65535 timed out", DeadlineError,
         "did not answer in time"),
        ("cat: /file: Permission denied", UnreachableError, "answered, but not as an SSH server"),
        ("u@h: Permission denied (publickey).", AuthenticationError, "jump host on the way .* took none of our keys"),
        ("Received disconnect from h port 22:2: Too many authentication failures", AuthenticationError, "jump host"),
        ("banner: timed out\nHost key verification failed.", HostKeyError, "a jump host on the way"),
    ],
)  # fmt: skip
def test_why_there_is_no_connection_over_a_jump_host(said: str, kind: type[Exception], words: str) -> None:
    heard = openssh_errors.Said()
    heard.hear(f"{said}\n".encode())
    error = openssh_errors.failure("web1", Way((), "u", "h", 22, is_proxied=True), heard)
    assert type(error) is kind
    assert re.search(words, error.what), error.what


def test_no_descriptor_left_is_unreachable_in_words(shared_sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    shared_sshd.know()
    shell = OpensshShell(Host(name="web1", ssh=shared_sshd.target()), clock=SystemClock())
    try:
        shell.connect()

        def refuse(*words: object, **more: object) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        with monkeypatch.context() as full:
            full.setattr(socket, "socketpair", refuse)
            with pytest.raises(UnreachableError, match="Too many open files"):
                shell.run("true")
            with pytest.raises(UnreachableError, match="Too many open files"):
                shell.tunnel("127.0.0.1", 1)
        assert shell.run("echo on").stdout == b"on\n", "and the link stays"
        with monkeypatch.context() as full:
            full.setattr(subprocess, "Popen", refuse)
            with pytest.raises(UnreachableError, match="Too many open files"):
                OpensshShell(Host(name="web1", ssh=shared_sshd.target()), clock=SystemClock()).connect()
    finally:
        shell.close()


def test_the_control_socket_outlives_a_logout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = _private_directory()
    assert made.parent == Path("/tmp") and made.stat().st_mode & 0o777 == 0o700
    made.rmdir()
