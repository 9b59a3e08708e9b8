"""Sessions of checklists: the file speaks first, a first mark opens a session, colleagues' marks are noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from console.domain.checklists import Mark, MarkKind, Session
from console.domain.environment import AppSpec, Environment, Host, SshTarget, Tier
from console.domain.policy import Operator
from console.domain.snapshot import Key
from console.errors import OpsconsoleError, UsageError
from console.services.records.checklists import ChecklistSessions
from console.services.threads.loop import SystemClock
from console.store.checklists import Marks
from console.store.database import Database, open_database
from tests.fakes.clock import FakeClock
from tests.waiting import eventually

TEXT = "# Deploy\n## A\n- [ ] one\n- [x] two\n- [ ] three\n"


class FakeMarkStore:
    """Sessions and marks in memory; counts commits and the questions that cost a query."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.held: dict[int, list[Mark]] = {}
        self.commits = 0
        self.queries = 0
        self.looks = 0

    def open_session(self, environment: str, checklist: str, *, who: str, at: datetime) -> Session:
        found = self.newest_open(environment, checklist)
        if found is None:
            found = Session(
                id=len(self.sessions) + 1, environment=environment, checklist=checklist, who=who, opened_at=at
            )
            self.sessions.append(found)
            self.held[found.id] = []
            self.commits += 1
        return found

    def newest_open(self, environment: str, checklist: str) -> Session | None:
        self.queries += 1
        asked = (environment, checklist, None)
        found = [s for s in self.sessions if (s.environment, s.checklist, s.closed_at) == asked]
        return found[-1] if found else None

    def add(self, session: int, mark: Mark) -> None:
        self.held[session].append(mark)
        self.commits += 1

    def marks(self, session: int) -> tuple[Mark, ...]:
        return tuple(self.held[session])

    def close_session(self, session: int, *, at: datetime) -> None:
        self.sessions[session - 1] = replace(self.sessions[session - 1], closed_at=at)
        self.commits += 1

    def changed(self) -> int:
        self.looks += 1
        return self.commits


def environment(name: str, *paths: Path) -> Environment:
    """An environment with these checklists."""
    return Environment(
        name=name,
        tier=Tier.NORMAL,
        url="",
        app=AppSpec(path="/srv/app"),
        hosts=(Host(name="web1", ssh=SshTarget(alias="web1")),),
        checklists=tuple(map(str, paths)),
    )


class World:
    def __init__(self, directory: Path) -> None:
        self.file = directory / "deploy.md"
        self.file.write_text(TEXT)
        self.second = directory / "after.md"
        self.second.write_text("- [ ] later\n")
        self.store = FakeMarkStore()
        self.published: list[Key] = []
        self.clock = FakeClock()
        self.sessions = self.console("ada")

    def console(self, login: str, clock: FakeClock | SystemClock | None = None) -> ChecklistSessions:
        """Another operator's service over the same store."""
        return ChecklistSessions(
            [environment("production", self.file, self.second), environment("bare")],
            self.store,
            clock=clock or self.clock,
            operator=Operator(uid=1, login=login, host="desk"),
            publish=self.published.append,
        )

    def states(self, sessions: ChecklistSessions | None = None) -> list[str]:
        view = (sessions or self.sessions).view("production")
        assert view is not None
        return [walked.state for walked in view.items]

    def id(self, number: int) -> str:
        view = self.sessions.view("production")
        assert view is not None
        return view.items[number].item.id


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_file_speaks_before_a_session(world: World) -> None:
    assert world.sessions.names("production") == ("deploy", "after")
    view = world.sessions.view("production")
    assert view is not None
    assert (view.name, view.title, view.session, view.done) == ("deploy", "Deploy", None, 1)
    assert world.states() == ["open", "done", "open"]
    assert world.store.sessions == []


def test_an_environment_without_checklists_has_no_view(world: World) -> None:
    assert world.sessions.names("bare") == ()
    assert world.sessions.view("bare") is None


def test_a_first_mark_opens_a_session_that_others_join(world: World) -> None:
    world.sessions.mark("production", "", world.id(0), MarkKind.TICK)
    bob = world.console("bob")
    bob.mark("production", "deploy", world.id(2), MarkKind.SKIP, " not today ")
    view = world.sessions.view("production")
    assert view is not None
    assert view.session == 1
    assert len(world.store.sessions) == 1
    assert [(w.state, w.who, w.note) for w in view.items] == [
        ("done", "ada@desk", ""),
        ("done", "", ""),
        ("skipped", "bob@desk", "not today"),
    ]
    assert world.published == [("checklist", "production")] * 2


def test_an_ended_walk_leaves_the_file_and_the_next_mark_begins_another(world: World) -> None:
    world.sessions.mark("production", "", world.id(0), MarkKind.TICK)
    world.sessions.close_session("production", "deploy")
    assert world.states() == ["open", "done", "open"]
    world.sessions.close_session("production", "deploy")
    world.sessions.mark("production", "", world.id(2), MarkKind.TICK)
    view = world.sessions.view("production")
    assert view is not None
    assert view.session == 2
    assert world.states() == ["open", "done", "done"]


@pytest.mark.parametrize("kind", [MarkKind.SKIP, MarkKind.FAIL, MarkKind.NOTE])
def test_some_marks_take_words(world: World, kind: MarkKind) -> None:
    with pytest.raises(UsageError, match="takes"):
        world.sessions.mark("production", "", world.id(0), kind, "  ")
    assert world.store.sessions == []


def test_an_item_or_checklist_that_is_not_there(world: World) -> None:
    with pytest.raises(UsageError, match="no longer has this item"):
        world.sessions.mark("production", "", "none", MarkKind.TICK)
    with pytest.raises(UsageError, match="it has: deploy, after"):
        world.sessions.view("production", "none")
    world.file.unlink()
    with pytest.raises(OpsconsoleError, match="cannot be read"):
        world.sessions.view("production")


def test_a_changed_file_is_read_again(world: World) -> None:
    assert len(world.states()) == 3
    world.file.write_text(TEXT + "- [ ] four\n")
    assert world.states() == ["open", "done", "open", "open"]


@pytest.fixture
def looking(world: World) -> Iterator[ChecklistSessions]:
    sessions = world.sessions.start()
    world.clock.until_waiting()
    yield sessions
    sessions.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "opsconsole-checklists"]


def look(world: World) -> None:
    """One turn of the watching thread, to its end."""
    before = world.store.looks
    world.clock.advance(0.5)
    eventually(lambda: world.store.looks > before)
    world.clock.until_waiting()


def test_a_colleagues_mark_is_published_once(world: World, looking: ChecklistSessions) -> None:
    first = world.id(0)
    look(world)
    world.published.clear()
    world.store.open_session("production", "deploy", who="bob@desk", at=world.clock.now())
    world.store.add(1, Mark(item=first, kind=MarkKind.TICK, who="bob@desk", at=world.clock.now()))
    world.clock.advance(0.5)
    eventually(lambda: world.published == [("checklist", "production")])
    assert world.states()[0] == "done"
    world.published.clear()
    for _ in range(3):
        world.store.commits += 1
        look(world)
    assert world.published == []


def test_a_changed_file_is_published(world: World, looking: ChecklistSessions) -> None:
    world.states()
    look(world)
    world.file.write_text(TEXT + "- [ ] four\n")
    world.clock.advance(0.5)
    eventually(lambda: ("checklist", "production") in world.published)


def test_nothing_is_asked_of_a_store_that_stands_still(world: World, looking: ChecklistSessions) -> None:
    world.states()
    look(world)
    look(world)
    before = world.store.queries
    for _ in range(5):
        look(world)
    assert world.store.queries == before


@pytest.mark.deadline
def test_within_a_second_on_the_real_clock(tmp_path: Path) -> None:
    world = World(tmp_path)
    bob = world.console("bob", SystemClock()).start()
    try:
        world.states(bob)
        started = time.monotonic()
        world.sessions.mark("production", "", world.id(0), MarkKind.TICK)
        world.published.clear()
        eventually(lambda: bool(world.published))
        assert time.monotonic() - started < 1.0
    finally:
        bob.close()


@pytest.mark.deadline
def test_two_consoles_on_one_state_database(tmp_path: Path) -> None:
    file = tmp_path / "deploy.md"
    file.write_text(TEXT)
    published: list[Key] = []
    mine, theirs = open_database(tmp_path / "state"), open_database(tmp_path / "state")

    def console(login: str, database: Database, publish: Callable[[Key], None]) -> ChecklistSessions:
        operator = Operator(uid=1, login=login, host="desk")
        environments = [environment("production", file)]
        return ChecklistSessions(environments, Marks(database), clock=SystemClock(), operator=operator, publish=publish)

    ada = console("ada", mine, published.append).start()
    bob = console("bob", theirs, lambda _key: None)
    try:
        view = ada.view("production")
        assert view is not None
        for number in range(3):
            published.clear()
            started = time.monotonic()
            bob.mark("production", "", view.items[0].item.id, MarkKind.NOTE, f"note {number}")
            eventually(lambda: bool(published))
            assert time.monotonic() - started < 1.5
            again = ada.view("production")
            assert again is not None
            assert (again.items[0].note, again.session) == (f"note {number}", 1)
    finally:
        ada.close()
        mine.close()
        theirs.close()
