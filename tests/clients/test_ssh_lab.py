"""What an ordinary account on a lab host sees: commands are ended, and login shells of every kind work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from console.clients.link_shell import LinkShell
from console.clients.openssh_shell import OpensshShell
from console.clients.ssh import SshShell
from console.domain.environment import Host, SshTarget
from console.errors import DeadlineError
from console.services.threads.loop import SystemClock
from tests.lab.values import BUSYBOX_USER
from tests.lab.world import Lab
from tests.waiting import eventually


def shell_to(lab: Lab, alias: str, transport: str) -> LinkShell:
    host = Host(name="web1", ssh=SshTarget(alias=alias))
    made = OpensshShell if transport == "openssh" else SshShell
    return made(host, clock=SystemClock(), ssh_config=str(lab.ssh_config))


@pytest.fixture
def ordinary(lab: Lab, transport: str) -> Iterator[LinkShell]:
    """A shell by alias, as the application's own user."""
    made = shell_to(lab, "lab-node1", transport)
    yield made
    made.close()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that every account can write to."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.deadline
def test_a_deadline_ends_the_wait_and_the_command(ordinary: LinkShell, scratch: Path) -> None:
    ordinary.connect()
    begun = time.monotonic()
    with pytest.raises(DeadlineError, match="web1"):
        ordinary.run(f"echo $$ > {scratch}/pid; sleep 60", deadline=0.5)
    assert time.monotonic() - begun < 3
    pid = (scratch / "pid").read_text().strip()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    assert ordinary.run("echo still here").stdout == b"still here\n"


def test_closing_a_stream_ends_its_command_on_the_host(ordinary: LinkShell, scratch: Path) -> None:
    stream = ordinary.stream(f"echo $$ > {scratch}/pid; echo up; exec sleep 600")
    assert stream.read(timeout=5) == b"up\n"
    stream.close()
    pid = (scratch / "pid").read_text().strip()
    eventually(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("user", ["", BUSYBOX_USER])
def test_scripts_work_whatever_the_login_shell_is(lab: Lab, user: str, transport: str) -> None:
    alias = f"{user}@lab-node1" if user else "lab-node1"
    shell = shell_to(lab, alias, transport)
    try:
        done = shell.run("cat; x='a b'; printf '%s|' \"$x\" \"$(id -un)\"; exit 4")
        assert (done.status, done.stdout) == (4, f"a b|{user or lab.node1.user}|".encode())
        shell.put(f"/tmp/opsconsole-{user or 'x'}", [b"bytes"])
        assert shell.run(f"cat /tmp/opsconsole-{user or 'x'}; rm /tmp/opsconsole-{user or 'x'}").stdout == b"bytes"
    finally:
        shell.close()
