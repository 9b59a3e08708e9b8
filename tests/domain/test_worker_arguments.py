"""What workers were started for, from exact argument lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.worker_arguments import Role, read_arguments

ARTISAN = "/srv/app/current/artisan"


def test_a_worker_with_everything() -> None:
    found = read_arguments(
        ["php", "-d", "memory_limit=-1", ARTISAN, "queue:work", "redis", "--queue=high, low", "--sleep=0.5",
         "--timeout", "90", "--tries=3", "--stop-when-empty"]
    )  # fmt: skip
    assert found is not None and found.script == ARTISAN and found.role is Role.WORK
    assert (found.connection, found.queues) == ("redis", ("high", " low"))
    assert (found.sleep, found.timeout, found.once, found.fleeting) == (0.5, 90, False, True)


def test_defaults_are_those_of_the_framework() -> None:
    found = read_arguments(["php8.2", "artisan", "queue:work"])
    assert found is not None
    assert (found.connection, found.queues, found.sleep, found.timeout) == ("", (), 3.0, 60)
    assert not found.once and not found.fleeting


@pytest.mark.parametrize(
    ("words", "connection", "queues"),
    [
        (["--queue", "late", "redis"], "redis", ("late",)),
        (["--queue=Ready For Import,plain"], "", ("Ready For Import", "plain")),
        (["redis", "--queue=high,,low"], "redis", ("high", "", "low")),
        (["redis", "--queue=", "--tries=3"], "redis", ()),
        (["--once", "redis"], "redis", ()),
        (["-v", "redis", "-n"], "redis", ()),
        (["--env=production", "--no-interaction", "database"], "database", ()),
    ],
)
def test_connections_and_queues(words: list[str], connection: str, queues: tuple[str, ...]) -> None:
    found = read_arguments(["php", "artisan", "queue:work", *words])
    assert found is not None and (found.connection, found.queues) == (connection, queues)


@pytest.mark.parametrize(
    ("words", "role"),
    [
        (["horizon"], Role.HORIZON),
        (["horizon:supervisor", "web1-AbCd:supervisor-1", "redis", "--timeout=5", "--queue=a,b"], Role.SUPERVISOR),
        (["horizon:work", "redis", "--name=default", "--supervisor=web1-AbCd:supervisor-1", "--timeout=5",
          "--queue=a,b"], Role.HORIZON_WORK),
        (["queue:listen", "redis", "--timeout=5", "--queue=a,b"], Role.LISTEN),
        (["schedule:work"], Role.OTHER),
        ([], Role.OTHER),
    ],
)  # fmt: skip
def test_roles(words: list[str], role: Role) -> None:
    found = read_arguments(["php", "artisan", *words])
    assert found is not None and found.role is role and found.role.works is (role is not Role.OTHER)
    if role not in (Role.HORIZON, Role.OTHER):
        assert (found.connection, found.queues, found.timeout) == ("redis", ("a", "b"), 5)


@pytest.mark.parametrize(
    "argv", [["php", "-r", "sleep(9);"], ["php", "-S", "0.0.0.0:80", "router.php"], ["php"], [], ["php", "-"]]
)
def test_without_a_script_it_is_nobodys(argv: list[str]) -> None:
    assert read_arguments(argv) is None


def test_another_script_is_no_worker() -> None:
    found = read_arguments(["php", "/srv/app/current/bin/queue:work", "queue:work"])
    assert found is not None and not found.role.works


@given(st.lists(st.text(max_size=12), max_size=8))
def test_no_arguments_break_it(argv: list[str]) -> None:
    found = read_arguments(["php", "artisan", "queue:work", *argv])
    assert found is not None and found.sleep >= 0 and found.timeout >= 0 and all(found.queues)
    read_arguments(argv)
