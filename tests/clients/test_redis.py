"""Redis through a host's SSH connection, as the application and as a user who may do little."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from console.clients.redis import RedisClient
from console.clients.ssh import SshShell
from console.domain.environment import Host, RedisTarget, SshTarget, Via
from console.domain.redact import Secret
from console.errors import AuthenticationError, DeadlineError, QueryError, UnreachableError
from console.services.threads.loop import SystemClock
from tests.lab.world import Lab


def shell_of(lab: Lab) -> SshShell:
    host = Host(name="web1", ssh=SshTarget(alias="lab-node1"))
    return SshShell(host, clock=SystemClock(), ssh_config=lab.ssh_config)


def target_of(lab: Lab, **changes: object) -> RedisTarget:
    target = RedisTarget(host=lab.redis.host, port=lab.redis.port, password=Secret(lab.redis.password))
    return replace(target, **changes)  # type: ignore[arg-type]


def client(lab: Lab, shell: SshShell, **changes: object) -> RedisClient:
    return RedisClient(
        "shop: default",
        target=lambda: target_of(lab, **changes),
        tunnel=lambda host, port, limit: shell.tunnel(host, port, deadline=limit),
        clock=SystemClock(),
    )


@pytest.fixture
def shell(lab: Lab) -> Iterator[SshShell]:
    made = shell_of(lab)
    yield made
    made.close()


def restricted(lab: Lab) -> dict[str, object]:
    return {"user": lab.redis.acl_user, "password": Secret(lab.redis.acl_password)}


@pytest.mark.parametrize("acl", [False, True])
def test_a_pipeline_answers_in_order_with_raw_bytes(lab: Lab, shell: SshShell, acl: bool) -> None:
    prefix = lab.redis.prefix
    with lab.redis_client() as direct:
        direct.delete(f"{prefix}queues:tried")
        direct.rpush(f"{prefix}queues:tried", "one", "zwei ü")
    redis = client(lab, shell, **(restricted(lab) if acl else {}))
    found = redis.pipeline(
        [
            ("LLEN", f"{prefix}queues:tried"),
            ("LRANGE", f"{prefix}queues:tried", 0, -1),
            ("ZCARD", f"{prefix}queues:tried"),
            ("TIME",),
            ("GET", b"\xff\x00"),
        ]
    )
    assert found[0] == 2
    assert found[1] == [b"one", "zwei ü".encode()]
    assert isinstance(found[2], QueryError) and "WRONGTYPE" in str(found[2])
    assert isinstance(found[3], list)
    assert found[4] is None
    assert redis.pipeline([]) == []
    redis.close()
    with lab.redis_client() as direct:
        direct.delete(f"{prefix}queues:tried")


def test_what_an_acl_user_may_not_do_is_an_error_in_its_place(lab: Lab, shell: SshShell) -> None:
    redis = client(lab, shell, **restricted(lab))
    keys, length = redis.pipeline([("KEYS", "*"), ("LLEN", f"{lab.redis.prefix}queues:x")])
    assert isinstance(keys, QueryError)
    assert length == 0
    redis.close()


@pytest.mark.parametrize("acl", [False, True])
def test_scan_finds_what_matches_and_stops_at_its_budget(lab: Lab, shell: SshShell, acl: bool) -> None:
    prefix = f"{lab.redis.prefix}scan:"
    names = {f"{prefix}{n}" for n in range(9000)}
    with lab.redis_client() as direct:
        direct.mset(dict.fromkeys(names, "1"))
    redis = client(lab, shell, **(restricted(lab) if acl else {}))
    assert {key.decode() for key in redis.scan(f"{prefix}*").keys} == names
    assert len(redis.scan(f"{prefix}*", budget=2000).keys) < 9000
    redis.close()
    with lab.redis_client() as direct:
        direct.delete(*names)


@pytest.mark.parametrize(
    "changes", [{"password": Secret("wrong-pass-x")}, {"password": Secret("")}, {"user": "nobody-here"}]
)
def test_a_refused_user_is_an_error_without_the_password(lab: Lab, shell: SshShell, changes: dict[str, object]) -> None:
    redis = client(lab, shell, **changes)
    with pytest.raises((AuthenticationError, QueryError)) as caught:
        for reply in redis.pipeline([("PING",)]):
            assert isinstance(reply, QueryError)
            raise reply
    if changes != {"password": Secret("")}:
        assert caught.value.exit_code == 4
    assert "wrong-pass-x" not in str(caught.value)


def test_another_database_and_a_direct_connection(lab: Lab, shell: SshShell) -> None:
    redis = client(lab, shell, database=1)
    assert redis.pipeline([("PING",)]) == [b"PONG"]
    redis.close()
    direct = client(lab, shell, via=Via.DIRECT)
    assert direct.pipeline([("PING",)]) == [b"PONG"]
    direct.close()


def test_tls_is_refused_by_its_name(lab: Lab, shell: SshShell) -> None:
    with pytest.raises(QueryError, match="TLS"):
        client(lab, shell, host="tls://127.0.0.1").pipeline([("PING",)])


def test_nobody_there_is_unreachable(lab: Lab, shell: SshShell) -> None:
    with pytest.raises(UnreachableError):
        client(lab, shell, port=1).pipeline([("PING",)])


@pytest.mark.deadline
def test_a_frozen_redis_is_noticed_and_recovers(lab_alone: Lab) -> None:
    shell = shell_of(lab_alone)
    redis = client(lab_alone, shell)
    assert redis.pipeline([("PING",)]) == [b"PONG"]
    lab_alone.pause("redis")
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        redis.pipeline([("PING",)], deadline=1.0)
    with pytest.raises(DeadlineError):
        redis.pipeline([("PING",)], deadline=1.0)
    assert time.monotonic() - begun < 6
    lab_alone.resume("redis")
    assert redis.pipeline([("PING",)]) == [b"PONG"]
    lab_alone.stop("redis")
    with pytest.raises(UnreachableError):
        redis.pipeline([("PING",)])
    lab_alone.start("redis")
    assert redis.pipeline([("PING",)]) == [b"PONG"]
    redis.close()
    shell.close()
