"""A resolver that never answers: every client gives up in time, and only so many threads wait for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from console.clients.http import HttpClient
from console.clients.names import MOST, Resolver
from console.clients.redis import RedisClient
from console.clients.sql import SqlClient
from console.clients.ssh import SshShell
from console.domain.environment import Host, RedisTarget, SqlTarget, SshTarget, Via
from console.domain.health import ProbeSpec, Status
from console.errors import DeadlineError, UnreachableError
from console.ports import TunnelSocket
from console.services.threads.loop import SystemClock
from tests.waiting import eventually

CLOCK = SystemClock()


class Stuck:
    """`socket.getaddrinfo` of a machine whose name server is away: names wait for `answer`, numbers do not."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0) -> Any:
        if not flags & socket.AI_NUMERICHOST and not str(host)[:1].isdigit():
            self.asked.append(str(host))
            self.answer.wait(60)
            return self._real("127.0.0.1", port, family, kind, proto, socket.AI_NUMERICHOST)
        return self._real(host, port, family, kind, proto, flags)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    away = Stuck()
    monkeypatch.setattr(socket, "getaddrinfo", away)
    yield away
    away.answer.set()
    eventually(lambda: not looking_up(), 10)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def looking_up() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("name ")]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def no_tunnel(_host: str, _port: int, _limit: float) -> TunnelSocket:
    raise AssertionError("nothing goes through a tunnel here")


def ask_ssh(names: Resolver) -> None:
    target = SshTarget(
        host="web1.example.com", port=22, user="deploy", known_hosts="/dev/null", identity_file="/dev/null"
    )
    SshShell(Host(name="web1", ssh=target), clock=CLOCK, names=names).run("true", deadline=0.4)


def ask_sql(names: Resolver) -> None:
    target = SqlTarget(driver="mysql", host="db.example.com", port=3306, via=Via.DIRECT)
    SqlClient("shop", target=lambda: target, tunnel=no_tunnel, clock=CLOCK, names=names).query("SELECT 1", deadline=0.4)


def ask_redis(names: Resolver) -> None:
    target = RedisTarget(host="redis.example.com", port=6379, via=Via.DIRECT)
    made = RedisClient("shop", target=lambda: target, tunnel=no_tunnel, clock=CLOCK, names=names)
    made.pipeline([("PING",)], deadline=0.4)


@pytest.mark.deadline
@pytest.mark.parametrize("ask", [ask_ssh, ask_sql, ask_redis])
def test_a_client_gives_up_a_name_in_its_own_time(stuck: Stuck, ask: Callable[[Resolver], None]) -> None:
    with within(3), pytest.raises(DeadlineError, match="was not looked up within") as caught:
        ask(Resolver())
    assert caught.value.exit_code == 6
    assert "resolv.conf" in caught.value.fix
    assert len(stuck.asked) == 1


@pytest.mark.deadline
def test_a_probe_gives_up_a_name_in_its_own_time(stuck: Stuck) -> None:
    with within(3):
        result = HttpClient(CLOCK).probe(ProbeSpec(name="up", url="http://app.example.com/up", timeout=0.4))
    assert result.status is Status.FAILED
    assert "app.example.com was not looked up" in result.detail
    assert stuck.asked == ["app.example.com"]


def test_whoever_asks_again_waits_for_the_same_answer(stuck: Stuck, port: int) -> None:
    names = Resolver()
    for _ in range(3):
        with pytest.raises(DeadlineError):
            names.addresses("db", port, limit=0.05, label="x")
    assert looking_up() == ["name db"]
    stuck.answer.set()
    names.dial("db", port, limit=5, label="x").close()
    assert set(stuck.asked) == {"db"}


@pytest.mark.deadline
def test_only_so_many_names_are_waited_for(stuck: Stuck, port: int) -> None:
    names = Resolver()
    for number in range(MOST):
        with pytest.raises(DeadlineError, match="within"):
            names.addresses(f"host{number}", port, limit=0.02, label="x")
    with within(1), pytest.raises(DeadlineError, match=f"{MOST} others are stuck"):
        names.addresses("one-more", port, limit=5, label="x")
    assert len(looking_up()) == MOST
    # A number needs nobody's answer.
    names.dial("127.0.0.1", port, limit=1, label="x").close()
    stuck.answer.set()
    eventually(lambda: not looking_up(), 10)
    names.dial("one-more", port, limit=5, label="x").close()


def test_a_number_is_no_thread(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a thread was made")

    monkeypatch.setattr("console.clients.names.Thread", refuse)
    Resolver().dial("127.0.0.1", port, limit=1, label="x").close()
    found = Resolver().addresses("::1", port, limit=1, label="x")
    assert [address[3][0] for address in found] == ["::1"]


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a..b", "x" * 70, "a\0b"])
def test_a_name_nobody_knows(name: str) -> None:
    with pytest.raises(UnreachableError, match=r"is not known|not looked up") as caught:
        Resolver().addresses(name, 80, limit=20, label="x")
    assert "Errno" not in caught.value.what and "Check the name" in caught.value.fix


@contextmanager
def swallowing() -> Iterator[int]:
    """A port where a connection is neither taken nor refused."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        # A full backlog of 0: that is so from the third connection on.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port: int = full.getsockname()[1]
        for _ in range(3):
            held = stack.enter_context(socket.socket())
            held.setblocking(False)
            held.connect_ex(("127.0.0.1", port))
        yield port


def known_as(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Every name has these addresses from now on."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.deadline
def test_all_addresses_of_a_name_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with swallowing() as swallowed:
        known_as(monkeypatch, swallowed, swallowed, swallowed)
        with within(1.5), pytest.raises(TimeoutError):
            Resolver().dial("many", swallowed, limit=0.5, label="x")


def test_an_address_that_swallows_all_leaves_the_next_its_time(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    with swallowing() as swallowed:
        known_as(monkeypatch, swallowed, port)
        sock = Resolver().dial("both", port, limit=2, label="x")
        assert sock.getpeername()[1] == port
        sock.close()


@pytest.mark.deadline
def test_a_look_up_that_could_not_begin_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    names = Resolver()

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("console.clients.names.Thread", refuse)
        with within(1), pytest.raises(UnreachableError, match="can't start new thread"):
            names.addresses("localhost", port, limit=5, label="x")
    names.dial("localhost", port, limit=5, label="x", family=socket.AF_INET).close()
