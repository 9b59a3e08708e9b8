"""Queue connections that only the framework configures: no error when they cannot be read, unless they are used."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.domain.environment import AppFacts, QueueConnection
from console.errors import AuthenticationError, DeadlineError, OpsconsoleError, QueryError, UnreachableError
from console.services.discovery.used import UsedConnections, memory_of
from console.sources import default_queue, redis_queues, sql_queues, workers
from console.sources.kinds import SourceContext, SourceParams
from console.wiring.sources import build_sources
from tests.fakes import FakeClock, FakeKeyValue, FakeReach, FakeSql, make_environment
from tests.fakes.shell import FakeShell
from tests.services.discovery.test_laravel_config import by_php
from tests.sources.support import round_trips, sqlite_facts
from tests.sources.test_redis_queues import fill

REDIS = QueueConnection(name="redis", driver="redis", target="default")
DATABASE = QueueConnection(name="database", driver="database", target="sqlite")
REFUSED = UnreachableError("web1: 127.0.0.1:6379: Connection refused")


def context_for(facts: AppFacts, *, used: UsedConnections | None = None, sql: Any = None) -> SourceContext:
    """A context whose Redis refuses, over a host that answers."""
    store = FakeKeyValue()
    store.error = REFUSED
    reach = FakeReach(make_environment(supervisor=()), facts=facts, redis={"default": store}, sql={"sqlite": sql})
    for shell in reach.shells.values():
        shell.connect()
    context = SourceContext(
        environment=reach.environment, reach=reach, clock=FakeClock(), used=used or UsedConnections(workers_known=True)
    )
    context.discovered.put(facts)
    return context


def redis_of(context: SourceContext) -> redis_queues.RedisQueuesSource:
    [source] = redis_queues.build(context, SourceParams())
    return source


def facts(**changes: Any) -> AppFacts:
    return sqlite_facts(**{"queues": (DATABASE, REDIS), "default_queue": "database", **changes})


def test_a_skeleton_on_the_database_needs_no_redis() -> None:
    plain = by_php("skeleton")
    source = redis_of(context_for(plain))
    reading = source.read()
    assert (reading.used, reading.uncounted, reading.bound) == (False, "not used here, refused", "")
    assert source.summary(reading) == "not used here, refused" and source.troubles(reading) == ()
    round_trips(source, reading)


def test_a_skeleton_on_redis_needs_no_jobs_table() -> None:
    sql = FakeSql()
    sql.error = QueryError("mysql: the database says: Table 'shop.jobs' doesn't exist (1146)")
    context = context_for(facts(default_queue="redis"), sql=sql)
    [source] = sql_queues.build(context, SourceParams())
    assert source.read().uncounted == "not used here, no table jobs"
    with pytest.raises(UnreachableError):
        redis_of(context).read()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DeadlineError("slow"), "no answer"),
        (AuthenticationError("default: Redis refused to let us in"), "not let in"),
        (UnreachableError("the connection to Redis broke"), "unreachable"),
        (QueryError("default: Redis says: MISCONF\nmore"), "default: Redis says: MISCONF"),
    ],
)
def test_why_it_cannot_be_read_is_a_word_or_two(error: OpsconsoleError, words: str) -> None:
    context = context_for(facts())
    store = context.reach.redis("default")
    assert isinstance(store, FakeKeyValue)
    store.error = error
    assert redis_of(context).read().uncounted == f"not used here, {words}"


@pytest.mark.parametrize(
    "changed",
    [
        {"default_queue": "redis"},
        {"queues": (DATABASE, replace(REDIS, stated=True))},
        {
            "queues": (DATABASE, REDIS, QueueConnection(name="fail", driver="failover", target="", members=("redis",))),
            "default_queue": "fail",
        },
    ],
)
def test_one_that_is_used_is_an_error(changed: dict[str, Any]) -> None:
    with pytest.raises(UnreachableError):
        redis_of(context_for(facts(**changed))).read()


def test_without_the_workers_nobody_can_tell() -> None:
    used = UsedConnections()
    context = context_for(facts(), used=used)
    with pytest.raises(UnreachableError):
        redis_of(context).read()
    used.note_workers()
    assert not redis_of(context).read().used


def test_without_the_host_it_is_an_error() -> None:
    context = context_for(facts())
    for host in ("web1", "web2"):
        context.reach.shell(host).close()
        shell = context.reach.shell(host)
        assert isinstance(shell, FakeShell)
        shell.down = True
    with pytest.raises(UnreachableError):
        redis_of(context).read()


def test_one_that_was_used_once_stays_an_error_for_later_consoles(tmp_path: Path) -> None:
    def used() -> UsedConnections:
        return UsedConnections(memory_of(make_environment(), tmp_path), workers_known=True)

    context = context_for(facts(), used=used())
    store = context.reach.redis("default")
    assert isinstance(store, FakeKeyValue)
    store.error = None
    assert not redis_of(context).read().used, "empty, and nothing says that it is used"
    fill(store, "default", ready=1)
    assert redis_of(context).read().used
    with pytest.raises(UnreachableError):
        redis_of(context_for(facts(), used=used())).read()
    [file] = (tmp_path / next(tmp_path.iterdir()).name).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    elsewhere = UsedConnections(memory_of(make_environment(name="other"), tmp_path), workers_known=True)
    assert "redis" not in elsewhere
    file.write_text("spoilt")
    assert "redis" not in used()


DEAD = (
    "status dead FATAL gave up",
    "file /etc/supervisord.conf",
    "setting [program:dead]",
    "setting command=/srv/app/current/artisan queue:work --tries=3 redis",
)
NO_SUPERVISOR = "refused there is no command supervisorctl"


def process(*words: str, cwd: str = "") -> tuple[str, ...]:
    """One process; what a program prints, which is not marked, is indented."""
    links = [f" lrwxrwxrwx 1 app app 0 Jan  1 00:00 /proc/9/cwd -> {cwd}"] if cwd else []
    return ("process 9 1 5 33", "arguments", *(f" {word}" for word in ("php", *words)), " ", "links", *links)


class FakeHosts:
    """Two hosts of the same processes; a script that does not ask for them is not told supervisord's files."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.down: set[str] = set()
        self.looks = 0
        self.shells = {name: FakeShell(name, self.answer(name)) for name in ("web1", "web2")}
        for shell in self.shells.values():
            shell.connect()

    def answer(self, name: str) -> Any:
        def said(script: str) -> bytes:
            self.looks += 1
            if name in self.down:
                raise DeadlineError(f"{name}: no answer")
            mark = re.findall(r"nonce='?(\w+)", script)[0]
            asked = "/etc/supervisord.conf" in script
            lines = [each for each in self.lines if asked or not each.startswith(("file", "setting"))]
            told = [line[1:] if line.startswith(" ") else f"{mark} {line}" for line in [*lines, "end"]]
            return "".join(f"{line}\n" for line in told).encode()

        return said


def test_workers_say_what_is_used() -> None:
    hosts = FakeHosts(*process("/srv/app/current/artisan", "queue:work", "beside"), "answered", *DEAD)
    reach = FakeReach(shells=hosts.shells)
    context = SourceContext(environment=reach.environment, reach=reach, clock=FakeClock())
    [source] = workers.build(context, SourceParams())
    source.read()
    assert "beside" in context.used and "redis" in context.used
    assert context.used.workers_known


def test_a_failed_look_leaves_what_supervisord_starts_to_the_next() -> None:
    hosts = FakeHosts("answered", *DEAD)
    hosts.down = {"web1", "web2"}
    reach = FakeReach(shells=hosts.shells)
    context = SourceContext(environment=reach.environment, reach=reach, clock=FakeClock())
    [source] = workers.build(context, SourceParams())
    with pytest.raises(DeadlineError):
        source.read()
    known_before = context.used.workers_known
    hosts.down = set()
    source.read()
    assert (known_before, context.used.workers_known, "redis" in context.used) == (False, True, True)


def skeleton_on(hosts: FakeHosts) -> tuple[redis_queues.RedisQueuesSource, FakeClock]:
    """The Redis connection, which refuses, of an application that states no `workers:`, built as the console does."""
    store = FakeKeyValue()
    store.error = REFUSED
    environment = make_environment(supervisor=())
    reach = FakeReach(environment, shells=hosts.shells, facts=facts(), redis={"default": store})
    clock = FakeClock()
    context = build_sources(reach, clock=clock).context
    context.discovered.put(facts())
    return redis_of(context), clock


@pytest.mark.parametrize(
    "lines",
    [
        process("/srv/app/current/artisan", "queue:work", "redis"),
        process("artisan", "queue:work", "redis", cwd="/srv/app/current"),
        process("artisan", "queue:work", "redis"),
        ("refused unix:///var/run/supervisor.sock Permission denied",),
        ("answered", *DEAD),
    ],
)
def test_a_worker_that_nobody_stated_is_use(lines: tuple[str, ...]) -> None:
    supervised = () if lines[0].startswith(("refused", "answered")) else (NO_SUPERVISOR,)
    source, _ = skeleton_on(FakeHosts(*lines, *supervised))
    with pytest.raises(UnreachableError):
        source.read()


def test_without_stated_workers_the_processes_are_looked_at_each_minute() -> None:
    hosts = FakeHosts(*process("artisan", "queue:work", "redis", cwd="/srv/other"), NO_SUPERVISOR)
    source, clock = skeleton_on(hosts)
    assert source.read().uncounted == source.read().uncounted == "not used here, refused"
    assert hosts.looks == 2
    hosts.lines = (*process("/srv/app/current/artisan", "queue:work", "redis"), NO_SUPERVISOR)
    clock.advance(61)
    with pytest.raises(UnreachableError):
        source.read()


def test_a_host_that_does_not_answer_leaves_the_use_unknown() -> None:
    hosts = FakeHosts(NO_SUPERVISOR)
    hosts.down = {"web2"}
    source, clock = skeleton_on(hosts)
    with pytest.raises(UnreachableError):
        source.read()
    hosts.down = set()
    clock.advance(11)
    assert not source.read().used


@pytest.mark.parametrize(
    ("name", "words", "counts"),
    [
        ("sqs", "the default, driver sqs: its jobs cannot be read by this console, and are not counted", True),
        ("sync", "the default, driver sync: jobs run at once where they are dispatched, and none wait", False),
        ("failover", "the default, driver failover: hands jobs to database, deferred", False),
    ],
)
def test_a_default_that_is_not_counted_says_so(name: str, words: str, counts: bool) -> None:
    context = context_for(by_php(name))
    [source] = default_queue.build(context, SourceParams())
    reading = source.read()
    assert (source.name, reading.used, reading.uncounted) == (f"queues:{name}", True, words)
    assert source.summary(reading) == words and bool(reading.bound) == counts
    round_trips(source, reading)


def test_a_default_that_the_application_does_not_configure_is_named() -> None:
    context = context_for(facts(default_queue="background"))
    [source] = default_queue.build(context, SourceParams())
    assert source.read().uncounted == "the default connection, which the application does not configure"
    assert default_queue.build(context_for(facts()), SourceParams()) == ()
    assert default_queue.build(context_for(facts(default_queue="x", queues_off=("x",))), SourceParams()) == ()


def test_members_of_a_failover_are_known() -> None:
    found = next(queue for queue in by_php("failover").queues if queue.name == "failover")
    assert found.members == ("database", "deferred")
