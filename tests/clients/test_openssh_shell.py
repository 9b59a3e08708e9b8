"""The system's `ssh` as a transport: the way over a jump host, what it is never allowed to do, and that nothing of it
is left behind. What every transport does is in `test_ssh*.py`, which run over this one too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.clients.openssh import parse_options
from console.clients.openssh_link import MuxLink
from console.clients.openssh_options import prepare
from console.clients.openssh_shell import OpensshShell
from console.domain.environment import Host, SshTarget
from console.errors import AuthenticationError, HostKeyError, UnreachableError, UsageError
from console.services.threads.loop import SystemClock
from tests.clients.conftest import Jump, free_port, keygen, shell_by
from tests.source import ROOT
from tests.waiting import eventually


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(each) for each in found.split()]


def listening() -> set[int]:
    """The ports of this machine on which something listens."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(words[1].rpartition(":")[2], 16) for words in lines if words[3] == "0A"}


def link_of(shell: OpensshShell) -> MuxLink:
    link = shell._links.members[0]
    assert isinstance(link, MuxLink)
    return link


def test_a_host_behind_a_jump_host_is_reached(jump: Jump, tmp_path: Path) -> None:
    shell = shell_by(jump.config)
    try:
        done = shell.run("echo $SSH_CONNECTION; exit 3")
        assert done.status == 3 and done.stdout.split()[3] == str(jump.inner.port).encode()
        assert len(jump.bastion.sessions()) == 1
        printed = subprocess.run(
            ["ssh-keygen", "-lf", f"{jump.inner.root}/host_ed25519.pub"], capture_output=True, text=True, check=True
        )
        assert shell.fingerprint() in printed.stdout, "the host's own key, not that of the jump host"
        shell.put(str(tmp_path / "file"), [bytes(5_000_000)])
        assert (tmp_path / "file").stat().st_size == 5_000_000
    finally:
        shell.close()


def test_the_jump_host_is_held_to_the_same_rules(jump: Jump) -> None:
    jump.bastion.known_hosts.write_text("")
    jump.write(bastion=("StrictHostKeyChecking no",), inner=("StrictHostKeyChecking no",))
    with pytest.raises(HostKeyError, match=r"jump host on the way to web1 .* is not known") as caught:
        shell_by(jump.config).connect()
    assert caught.value.exit_code == 4
    assert jump.bastion.known_hosts.read_text() == "", "and nothing is learned"
    other = keygen(jump.bastion.root / "other").with_suffix(".pub").read_text().split()
    jump.bastion.known_hosts.write_text(f"[127.0.0.1]:{jump.bastion.port} {other[0]} {other[1]}\n")
    with pytest.raises(HostKeyError, match=rf"\[127\.0\.0\.1\]:{jump.bastion.port}.* has CHANGED") as changed:
        shell_by(jump.config).connect()
    assert f"{jump.bastion.known_hosts}:1" in changed.value.what
    jump.bastion.know()
    jump.write(bastion=(f"IdentityFile {jump.bastion.root}/stranger", "IdentitiesOnly yes"))
    jump.config.write_text(jump.config.read_text().replace(f"  IdentityFile {jump.bastion.key}\n", ""))
    with pytest.raises(AuthenticationError, match="jump host on the way"):
        shell_by(jump.config).connect()


def test_a_jump_host_that_goes_away_is_a_lost_link_and_the_way_is_found_again(jump: Jump) -> None:
    shell = shell_by(jump.config)
    stream = shell.stream("echo up; sleep 60")
    assert stream.read(timeout=5) == b"up\n"
    jump.bastion.kill_sessions()
    with pytest.raises(UnreachableError, match="connection was lost"):
        while stream.read(timeout=5) is not None:
            pass
    assert shell.run("echo again", deadline=15).stdout == b"again\n"
    shell.close()


def test_a_proxy_command_is_followed(jump: Jump) -> None:
    relay = f"{sys.executable} {ROOT}/tests/clients/relay.py 127.0.0.1 {jump.inner.port}"
    jump.config.write_text(jump.entry("inner", jump.inner, f"ProxyCommand {relay}"))
    shell = shell_by(jump.config)
    assert shell.run("echo through").stdout == b"through\n"
    shell.close()


def test_an_address_with_its_scheme_needs_no_entry(jump: Jump) -> None:
    jump.config.write_text(jump.entry("*", jump.inner).replace(f"  Port {jump.inner.port}\n", ""))
    shell = shell_by(jump.config, f"ssh://127.0.0.1:{jump.inner.port}")
    assert shell.run("echo in").stdout == b"in\n"
    shell.close()


# --- what is never allowed -------------------------------------------------------------------------------------------


def test_nothing_of_the_operator_s_configuration_lends_or_weakens(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  StrictHostKeyChecking no\n  BatchMode no\n"
        "  LocalForward 18080 127.0.0.1:80\n  RemoteForward 18081 127.0.0.1:80\n  DynamicForward 18082\n"
        "  RemoteCommand touch /tmp/remote\n  PermitLocalCommand yes\n  LocalCommand touch /tmp/local\n"
        "  ControlMaster auto\n  ControlPath /tmp/theirs\n  ControlPersist yes\n  RequestTTY force\n  Tunnel yes\n"
        "  UpdateHostKeys yes\n  AddKeysToAgent yes\n  NoHostAuthenticationForLocalhost yes\n  ConnectTimeout 99\n"
        "  ForkAfterAuthentication yes\n  User deploy\n"
    )
    host = Host(name="web1", ssh=SshTarget(alias="web"))
    words = prepare(tmp_path / "options", host, str(config)).words
    asked = subprocess.run(
        ["ssh", "-G", "-F", str(tmp_path / "options"), *words],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name: values[0] for name, values in parse_options(asked.stdout).items()}
    assert found["user"] == "deploy", "their configuration counts"
    wanted = {
        "forwardagent": "no", "forwardx11": "no", "stricthostkeychecking": "true", "batchmode": "yes",
        "permitlocalcommand": "no", "controlmaster": "false", "controlpersist": "no", "requesttty": "false",
        "tunnel": "false", "updatehostkeys": "false", "addkeystoagent": "false", "clearallforwardings": "yes",
        "nohostauthenticationforlocalhost": "no", "connecttimeout": "10", "forkafterauthentication": "no",
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    # `remotecommand none` and `controlpath none` are left out by some versions
    assert found.get("remotecommand", "none") == "none" and found.get("controlpath", "none") == "none"


def test_forwards_and_commands_of_the_configuration_are_not_set_up(jump: Jump, tmp_path: Path) -> None:
    port = free_port()
    jump.write(
        inner=(
            "RemoteCommand touch /nowhere", f"LocalForward 127.0.0.1:{port} 127.0.0.1:1", "PermitLocalCommand yes",
            f"LocalCommand touch {tmp_path}/local", "ControlMaster auto", f"ControlPath {tmp_path}/theirs",
            "ForkAfterAuthentication yes",
        )
    )  # fmt: skip
    shell = shell_by(jump.config)
    assert shell.run("echo fine").stdout == b"fine\n"
    assert jump.inner.port in listening(), "what listens is seen"
    assert port not in listening()
    assert not (tmp_path / "local").exists() and not (tmp_path / "theirs").exists()
    shell.close()


def test_nobody_is_asked_for_a_passphrase(jump: Jump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = tmp_path / "ask"
    asker.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho 'open sesame'\n")
    asker.chmod(0o700)
    for name, value in {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    jump.config.write_text(jump.entry("inner", jump.inner).replace("/id_ed25519", "/locked"))
    with pytest.raises(AuthenticationError, match="took none of our keys") as caught:
        shell_by(jump.config).connect()
    assert f"ssh-add {jump.inner.root}/locked" in caught.value.fix
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("value", ['with"quote', "with\nline"])
def test_a_name_that_ssh_cannot_be_told_is_refused(tmp_path: Path, value: str) -> None:
    host = Host(name="web1", ssh=SshTarget(host="h", identity_file=value))
    with pytest.raises(UsageError, match="cannot be said to ssh"):
        prepare(tmp_path / "options", host, "")


def test_a_stated_host_is_reached_as_it_is_stated(tmp_path: Path) -> None:
    target = SshTarget(host="h", port=2200, user="u", identity_file="/a key%h", known_hosts="/kh")
    host = Host(name="web1", ssh=target)
    found = prepare(tmp_path / "options", host, "")
    assert found.label == "u@h:2200"
    text = (tmp_path / "options").read_text()
    assert 'IdentityFile "/a key%%h"' in text and "Include" not in text


# --- its end ---------------------------------------------------------------------------------------------------------


def test_nothing_is_left_after_close(jump: Jump) -> None:
    shell = shell_by(jump.config)
    stream = shell.stream("echo up; sleep 60")
    assert stream.read(timeout=5) == b"up\n"
    link = link_of(shell)
    directory, pid = link._server.directory, link._server._running.pid
    assert directory.stat().st_mode & 0o777 == 0o700
    mine = {pid, *children(pid)}
    assert len(mine) > 1, "the way over the jump host is a process of its own"
    shell.close()
    eventually(lambda: not any(Path(f"/proc/{each}").exists() for each in mine))
    eventually(lambda: not directory.exists())


def test_a_master_that_is_killed_is_a_lost_link_and_another_one_is_started(jump: Jump) -> None:
    changes: list[bool] = []
    host = Host(name="web1", ssh=SshTarget(alias="inner"))
    shell = OpensshShell(
        host, clock=SystemClock(), ssh_config=str(jump.config), changed=lambda: changes.append(shell.connected())
    )
    stream = shell.stream("echo up; sleep 60")
    assert stream.read(timeout=5) == b"up\n"
    directory = link_of(shell)._server.directory
    os.kill(link_of(shell)._server._running.pid, signal.SIGKILL)
    with pytest.raises(UnreachableError, match="ssh was killed"):
        while stream.read(timeout=5) is not None:
            pass
    eventually(lambda: changes == [True, False])
    assert shell.run("echo again").stdout == b"again\n"
    eventually(lambda: not directory.exists())
    shell.close()


HOLDING = """
import sys, time
from console.clients.openssh_shell import OpensshShell
from console.domain.environment import Host, SshTarget
from console.services.threads.loop import SystemClock
shell = OpensshShell(Host(name="web1", ssh=SshTarget(alias="inner")), clock=SystemClock(), ssh_config=sys.argv[1])
print(shell.run("echo up").stdout, flush=True)
link = shell._links.members[0]
print(link._server._running.pid, link._server.directory, flush=True)
time.sleep(60)
"""


def test_nothing_is_left_of_a_console_that_is_killed(jump: Jump) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(jump.config)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as console:
        assert console.stdout and console.stdout.readline() == "b'up\\n'\n"
        pid, directory = console.stdout.readline().split()
        mine = {int(pid), *children(int(pid))}
        console.kill()
    eventually(lambda: not any(Path(f"/proc/{each}").exists() for each in mine))
    eventually(lambda: not Path(directory).exists())
    eventually(lambda: jump.bastion.sessions() == [])


@pytest.mark.deadline
def test_a_command_at_its_deadline_is_ended_on_the_host(jump: Jump, tmp_path: Path) -> None:
    shell = shell_by(jump.config)
    shell.connect()
    with pytest.raises(UnreachableError, match="did not end within"):
        shell.run(f"echo $$ > {tmp_path}/pid; sleep 60", deadline=0.5)
    pid = (tmp_path / "pid").read_text().strip()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    begun = time.monotonic()
    assert shell.run("echo on").stdout == b"on\n" and time.monotonic() - begun < 2
    shell.close()
