"""Which sources an environment has, when they exist, and how a command reads all of them once."""

from __future__ import annotations

from typing import Any

import pytest

from console.domain.documents import Json
from console.domain.environment import QueueConnection
from console.domain.readings import AppReading
from console.domain.snapshot import Trouble
from console.errors import UnreachableError
from console.services.polling.board import SnapshotBoard
from console.services.polling.poller import Poller
from console.services.polling.single import read_all, read_once
from console.sources import source_kinds
from console.sources.kinds import SourceKind
from console.wiring.sources import build_sources
from tests.fakes import FakeClock, FakeReach, FakeShell, FakeSql, make_environment, make_facts
from tests.sources.support import database, sqlite_facts, sqlite_reach
from tests.waiting import eventually

STEADY = {"failed", "workers", "releases", "probes", "hosts", "maintenance"}


def test_queue_sources_exist_once_the_application_was_read() -> None:
    reach = FakeReach()
    built = build_sources(reach, clock=FakeClock())
    assert {source.name for source in built.steady} == STEADY
    assert built.found() == ()
    built.app.read()
    assert [source.name for source in built.found()] == ["queues:database", "queues:redis"]
    assert built.found()[0] is built.found()[0], "sources keep their memory between reads"


def test_a_queue_connection_that_appears_later_gets_a_source() -> None:
    reach = FakeReach()
    built = build_sources(reach, clock=FakeClock())
    built.app.read()
    more = QueueConnection(name="bulk", driver="redis", target="default")
    reach._facts = make_facts(queues=(*make_facts().queues, more))
    built.app.read()
    assert [source.name for source in built.found()] == ["queues:database", "queues:redis", "queues:bulk"]


def test_params_of_the_configuration_reach_the_source() -> None:
    environment = make_environment(sources={"hosts": {"every": 90}})
    built = build_sources(FakeReach(environment), clock=FakeClock())
    assert {source.name: source.every for source in built.steady}["hosts"] == 90


class Toy:
    """A source in one file, for the test below."""

    name = title = "toy"
    kind = str
    needs_facts = True
    every = 1.0
    timeout = 1.0

    def read(self) -> str:
        return "wound up"

    def encode(self, value: str) -> Json:
        return value

    def decode(self, document: Json) -> str:
        return str(document)

    def summary(self, value: str) -> str:
        return value

    def troubles(self, value: str) -> tuple[Trouble, ...]:
        return ()


class _ToyKind(SourceKind):
    def build(self, context: Any, params: Json) -> tuple[Any, ...]:
        return (Toy(),)


def test_one_index_line_is_a_source_and_the_configuration_switches_it_on() -> None:
    kinds = {**source_kinds(), "toy": _ToyKind("tests.wiring.test_reading", group="toy")}
    off = build_sources(FakeReach(), clock=FakeClock(), kinds=kinds)
    assert "toy" not in {source.name for source in off.steady}
    on = build_sources(FakeReach(make_environment(sources={"toy": None})), clock=FakeClock(), kinds=kinds)
    assert "toy" in {source.name for source in on.steady}
    assert "toy" in {group.name for group in on.watched.groups}


def test_the_poller_fills_the_board_without_waiting_for_discovery() -> None:
    clock = FakeClock()
    reach = FakeReach()
    reach.facts_error = UnreachableError("no host")
    board = SnapshotBoard(lambda key: None)
    built = build_sources(reach, clock=clock)
    poller = Poller({"lab": built.watched}, board, clock=clock, crashed=lambda error: None)
    poller.select("lab")
    eventually(lambda: {"app", "failed", "probes"} <= set(board.sources("lab")))
    assert not any(name.startswith("queues:") for name in board.sources("lab"))
    app = board.get("lab", "app")
    assert app is not None
    assert app.error == "no host"
    reach.facts_error = None

    def found() -> bool:
        clock.advance(1)
        return "queues:redis" in board.sources("lab")

    eventually(found)
    poller.close()


def test_reading_once_keeps_each_failure_beside_its_source() -> None:
    clock = FakeClock()
    gone = FakeShell("web1"), FakeShell("web2")
    for shell in gone:
        shell.down = True
    with database() as connection:
        redis = QueueConnection(name="redis", driver="redis", target="default")
        reach = FakeReach(
            facts=sqlite_facts(queues=(redis,)),
            sql={"sqlite": FakeSql.on(connection)},
            shells={shell.host: shell for shell in gone},
        )
        built = build_sources(reach, clock=clock)
        everything = read_all(
            [[source] for source in [built.app, *built.steady]],
            lambda: [[source] for source in built.found()],
            clock=clock,
            before=("app",),
        )
    assert isinstance(everything["app"].snapshot.value, AppReading)
    assert {name for name, one in everything.items() if one.error is not None} == {
        "workers",
        "releases",
        "hosts",
        "maintenance",
    }
    assert everything["hosts"].snapshot.error == "web1 cannot be reached"
    assert everything["queues:redis"].error is None


def test_a_bug_while_reading_once_is_raised() -> None:
    class Broken(Toy):
        def read(self) -> str:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_once(Broken(), FakeClock())


def test_an_application_on_sqlite_is_read_whole() -> None:
    clock = FakeClock()
    with database() as connection:
        facts = {"queues": (QueueConnection(name="database", driver="database", target="sqlite"),)}
        built = build_sources(sqlite_reach(connection, **facts), clock=clock)
        built.app.read()
        for source in (*built.found(), *(s for s in built.steady if s.name == "failed")):
            assert read_once(source, clock).error is None
