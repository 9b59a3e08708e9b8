"""Hosts that allow few sessions a connection, or none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.clients.link_shell import LinkShell
from console.errors import UnreachableError
from tests.clients.conftest import Sshd


@pytest.fixture
def one_session(tmp_path: Path, sshd: Sshd) -> Iterator[LinkShell]:
    """A shell on a host that allows one session a connection."""
    server = Sshd(tmp_path / "one", options=("MaxSessions 1",)).prepare()
    server.start()
    shell = server.shell()
    yield shell
    shell.close()
    server.stop()


@pytest.mark.deadline
def test_a_session_that_has_just_ended_and_is_still_counted_is_waited_for(one_session: LinkShell) -> None:
    assert [one_session.run(f"echo {n}").stdout for n in range(50)] == [b"%d\n" % n for n in range(50)]
    assert len(one_session._links.members) == 1, "one after the other needs one connection"


def test_many_at_once_take_turns_where_a_connection_has_one_session(one_session: LinkShell) -> None:
    stream = one_session.stream("while :; do echo tick; sleep 0.1; done")
    assert stream.read(timeout=5)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: one_session.run(f"echo {n}", deadline=30).stdout, range(50)))
    assert done == [b"%d\n" % n for n in range(50)]
    assert stream.read(timeout=5), "what is followed goes on meanwhile"
    stream.close()


def test_tunnels_take_no_session_s_place(one_session: LinkShell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tunnels = [one_session.tunnel("127.0.0.1", listener.getsockname()[1]) for _ in range(4)]
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda n: one_session.run(f"echo {n}", deadline=30).stdout, range(16)))
        assert done == [b"%d\n" % n for n in range(16)]
        for tunnel in tunnels:
            tunnel.close()


def test_a_host_that_never_opens_a_session_says_so_after_a_while(tmp_path: Path, sshd: Sshd) -> None:
    server = Sshd(tmp_path / "none", options=("MaxSessions 0",)).prepare()
    server.start()
    shell = server.shell()
    try:
        with pytest.raises(UnreachableError, match="opens no sessions"):
            shell.run("true")
    finally:
        shell.close()
        server.stop()
