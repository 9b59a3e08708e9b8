"""Links that fall silent, slow servers, and scripts that arrive in part."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time

import pytest

from console.clients import openssh_options, ssh_connect, ssh_transport
from console.clients.remote_process import COMMAND, MARK, wrapped
from console.errors import DeadlineError, UnreachableError
from tests.clients.conftest import Sshd
from tests.lab.proxy import Proxy
from tests.waiting import eventually, works

SHELLS = [["bash"], ["bash", "--posix"], ["dash"], ["busybox", "sh"]]


def asked(shell: list[str]) -> list[str]:
    """The remote command as a host runs it whose /bin/sh is this one."""
    return ["/bin/sh", "-c", COMMAND.replace("/bin/sh", " ".join(shell))]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heartbeat twenty times as fast, or four times where whole seconds are counted."""
    monkeypatch.setattr(ssh_transport, "BEAT", 0.2)
    monkeypatch.setattr(ssh_transport, "_TICK", 0.05)
    # ssh counts in whole seconds.
    monkeypatch.setattr(openssh_options, "BEAT", 1)


def _blackhole(sshd: Sshd, limit: float) -> float:
    """How long a waiting reader takes to hear that nothing passes any more; then whether it recovers."""
    with Proxy(("127.0.0.1", sshd.port)) as proxy:
        sshd.know(proxy.port)
        shell = sshd.shell(port=proxy.port)
        stream = shell.stream("echo up; sleep 600")
        assert stream.read(timeout=5) == b"up\n"
        tunnel_to = socket.create_server(("127.0.0.1", 0))
        tunnel = shell.tunnel("127.0.0.1", tunnel_to.getsockname()[1])
        proxy.blackhole()
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="no answer for"):
            while stream.read(timeout=1) == b"":
                assert time.monotonic() - begun < limit
        took = time.monotonic() - begun
        with pytest.raises(ConnectionResetError, match="no answer for"):
            tunnel.recv(1)
        tunnel.close()
        assert not shell.connected()
        proxy.forward()
        eventually(works(lambda: shell.run("echo back", deadline=10), UnreachableError), 15)
        shell.close()
        tunnel_to.close()
        return took


@pytest.mark.deadline
def test_a_silent_link_is_noticed_by_its_readers_and_made_again(sshd: Sshd, hurried: None) -> None:
    assert _blackhole(sshd, 10) < 5


@pytest.mark.bench
@pytest.mark.timeout(90)
def test_a_blackholed_host_is_noticed_within_twenty_seconds(sshd: Sshd) -> None:
    took = _blackhole(sshd, 25)
    print(f"blackhole noticed after {took:.1f} s")
    assert took <= 20


def test_an_idle_link_stays_up_because_the_server_answers_the_heartbeat(sshd: Sshd, hurried: None) -> None:
    shell = sshd.shell()
    shell.connect()
    link = shell._links.members[0]
    begun = time.monotonic()
    while time.monotonic() - begun < 2.0:
        assert link.alive()
        time.sleep(0.05)
    assert shell.run("echo on").stdout == b"on\n"
    assert shell._links.members == [link]
    shell.close()


@pytest.mark.deadline
def test_a_peer_that_takes_no_bytes_ends_the_writer(sshd: Sshd, hurried: None) -> None:
    with Proxy(("127.0.0.1", sshd.port)) as proxy:
        sshd.know(proxy.port)
        shell = sshd.shell(port=proxy.port)
        shell.connect()
        proxy.blackhole()
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            shell.put("/tmp/never-written", (b"x" * 65536 for _ in range(1000)), deadline=60)
        assert time.monotonic() - begun < 30, "long before its deadline"
        shell.close()


@pytest.mark.deadline
def test_a_server_that_says_nothing_meets_the_banner_deadline(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_connect, "BANNER_LIMIT", 0.5)
    monkeypatch.setattr(openssh_options, "CONNECT_LIMIT", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            sshd.shell(port=listener.getsockname()[1]).connect()
        assert time.monotonic() - begun < 5


@pytest.mark.deadline
def test_a_short_deadline_bounds_connecting_too(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            sshd.shell(port=listener.getsockname()[1]).run("true", deadline=0.5)
        assert time.monotonic() - begun < 4


def test_many_callers_of_a_host_that_is_down_make_few_attempts(sshd: Sshd) -> None:
    with Proxy(("127.0.0.1", sshd.port)) as proxy:
        proxy.refuse = True
        shell = sshd.shell(port=proxy.port)
        errors: list[UnreachableError] = []

        def call() -> None:
            for _ in range(10):
                try:
                    shell.run("true")
                except UnreachableError as error:
                    errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(errors) == 100
        assert proxy.connections <= 3


def test_a_slow_command_is_a_deadline_and_the_link_stays(sshd: Sshd) -> None:
    shell = sshd.shell()
    shell.connect()
    with pytest.raises(DeadlineError):
        shell.run("sleep 30", deadline=0.3)
    assert shell.connected()
    shell.close()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_half_a_script_does_nothing(shell: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"{shell[0]} is not installed")
    marker = tmp_path_factory.mktemp("half") / "ran"
    script = wrapped(f"echo one > {marker}\necho two >> {marker}")
    for cut in range(len(script) - 14):
        subprocess.run(asked(shell), input=script[:cut], capture_output=True, check=False, timeout=10)
        assert not marker.exists(), f"something ran after {cut} of {len(script)} bytes"
    subprocess.run(asked(shell), input=script, capture_output=True, check=True, timeout=10)
    assert marker.read_text() == "one\ntwo\n"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_wrapped_script_keeps_its_status_and_its_commands_have_no_stdin(shell: list[str]) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"{shell[0]} is not installed")
    for script, status, out in [
        ("cat; echo x; false", 1, b"x\n"),
        ("", 0, b""),
        ("# only a comment", 0, b""),
        ("cat <<'E'\n} </dev/null\nexit 9\nE", 0, b"} </dev/null\nexit 9\n"),
        ("f() { return 7; }; f", 7, b""),
        ("exec sh -c 'exit 5'", 5, b""),
    ]:
        done = subprocess.run(asked(shell), input=wrapped(script), capture_output=True, check=False, timeout=10)
        _, mark, printed = done.stdout.partition(MARK)
        assert (done.returncode, mark, printed) == (status, MARK, out), script
