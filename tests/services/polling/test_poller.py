"""When sources are read: never twice at once, slower while failing, and not at all once the environment was left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.documents import Json
from console.domain.snapshot import Key, Trouble
from console.errors import OpsconsoleError, UnreachableError
from console.ports import Source
from console.services.polling.board import SnapshotBoard
from console.services.polling.poller import Poller, SourceGroup, Watched
from tests.fakes import FakeClock
from tests.waiting import eventually


class CountingSource:
    """Counts its reads, notices overlap, and can be made to fail, block or take time."""

    kind = int
    needs_facts = True

    def __init__(self, name: str, *, every: float = 1.0, clock: FakeClock | None = None, took: float = 0.0) -> None:
        self.name = self.title = name
        self.every = every
        self.timeout = 5.0
        self.reads = 0
        self.at: list[float] = []
        self.inside = 0
        self.overlapped = False
        self.error: Exception | None = None
        self.gate: threading.Event | None = None
        self.clock = clock
        self.took = took

    def read(self) -> int:
        self.inside += 1
        self.overlapped |= self.inside > 1
        self.reads += 1
        if self.clock is not None:
            self.at.append(self.clock.monotonic())
            self.clock.advance(self.took)
        if self.gate is not None:
            self.gate.wait(10)
        self.inside -= 1
        if self.error is not None:
            raise self.error
        return self.reads

    def encode(self, value: int) -> Json:
        return value

    def decode(self, document: Json) -> int:
        assert isinstance(document, int)
        return document

    def summary(self, value: int) -> str:
        return str(value)

    def troubles(self, value: int) -> tuple[Trouble, ...]:
        return (Trouble(f"{value} is odd"),) if value % 2 else ()


def reached(source: CountingSource, count: int) -> bool:
    return source.reads == count


def group(name: str, *sources: Source[Any]) -> SourceGroup:
    return SourceGroup(name, lambda: sources)


class World:
    """A poller over given groups, with everything it said."""

    def __init__(self, watched: Mapping[str, Watched], clock: FakeClock) -> None:
        self.clock = clock
        self.keys: list[Key] = []
        self.crashes: list[Exception] = []
        self.board = SnapshotBoard(self.keys.append)
        self.poller = Poller(watched, self.board, clock=clock, crashed=self.crashes.append, chance=lambda: 0.5)


@pytest.fixture
def worlds() -> Any:
    made: list[World] = []

    def make(watched: Mapping[str, Watched], clock: FakeClock | None = None) -> World:
        made.append(World(watched, clock or FakeClock()))
        return made[-1]

    yield make
    for world in made:
        world.poller.close()


Make = Callable[..., World]


def alone(*sources: CountingSource) -> dict[str, Watched]:
    return {"lab": Watched(groups=(group("g", *sources),), light=CountingSource("light", every=30))}


def test_each_source_keeps_its_own_interval(worlds: Make) -> None:
    quick, slow = CountingSource("quick"), CountingSource("slow", every=5)
    world = worlds(alone(quick, slow))
    world.poller.select("lab")
    for _ in range(10):
        world.clock.until_waiting()
        before = quick.reads
        world.clock.advance(1)
        eventually(partial(reached, quick, before + 1))
    assert (quick.reads, slow.reads) == (11, 3)


def test_a_reading_comes_with_what_its_source_says_of_it(worlds: Make) -> None:
    world = worlds(alone(CountingSource("s")))
    world.poller.select("lab")
    eventually(lambda: world.board.get("lab", "s") is not None)
    snapshot = world.board.get("lab", "s")
    assert snapshot is not None
    assert snapshot.said == str(snapshot.value)
    assert (snapshot.kind, snapshot.title, snapshot.troubles) == (int, "s", (Trouble("1 is odd"),))


def test_a_source_that_never_answered_is_known_by_what_it_declares(worlds: Make) -> None:
    source = CountingSource("s")
    source.error = UnreachableError("gone")
    world = worlds(alone(source))
    world.poller.select("lab")
    eventually(lambda: world.board.get("lab", "s") is not None)
    snapshot = world.board.get("lab", "s")
    assert snapshot is not None
    assert (snapshot.kind, snapshot.error, snapshot.troubles) == (int, "gone", ())


def test_failing_slows_down_to_five_seconds_and_no_further(worlds: Make) -> None:
    clock = FakeClock()
    source = CountingSource("s", every=30, clock=clock)
    source.error = UnreachableError("gone")
    world = worlds(alone(source), clock)
    world.poller.select("lab")
    for pause in (1, 2, 4, 5, 5, 5):
        clock.until_waiting()
        before = source.reads
        clock.advance(pause)
        eventually(partial(reached, source, before + 1))
    gaps = [later - earlier for earlier, later in zip(source.at, source.at[1:], strict=False)]
    assert gaps == [1, 2, 4, 5, 5, 5]
    snapshot = world.board.get("lab", "s")
    assert snapshot is not None
    assert snapshot.error == "gone"
    source.error = None
    clock.until_waiting()
    clock.advance(5)
    eventually(lambda: (s := world.board.get("lab", "s")) is not None and s.error is None)
    clock.until_waiting()
    source.error = UnreachableError("again")
    clock.advance(30)
    eventually(lambda: source.reads == 9)
    clock.until_waiting()
    clock.advance(1)
    # A recovery forgets the failures before it.
    eventually(lambda: source.reads == 10)


def test_a_target_that_slows_down_is_asked_less(worlds: Make) -> None:
    clock = FakeClock()
    source = CountingSource("s", clock=clock, took=4.0)
    world = worlds(alone(source), clock)
    world.poller.select("lab")
    for count in (2, 3):
        clock.until_waiting()
        clock.advance(4)
        eventually(partial(reached, source, count))
    assert source.at == [1000, 1008, 1016]


def test_refresh_reads_everything_now(worlds: Make) -> None:
    one, two = CountingSource("one", every=60), CountingSource("two", every=60)
    world = worlds({"lab": Watched(groups=(group("a", one), group("b", two)), light=CountingSource("light"))})
    world.poller.select("lab")
    eventually(lambda: one.reads == two.reads == 1)
    world.poller.refresh()
    eventually(lambda: one.reads == two.reads == 2)


def test_what_an_environment_says_after_it_was_left_is_dropped(worlds: Make) -> None:
    late, other = CountingSource("late"), CountingSource("other")
    late.gate = threading.Event()
    world = worlds(
        {
            "a": Watched(groups=(group("g", late),), light=CountingSource("light", every=30)),
            "b": Watched(groups=(group("g", other),), light=CountingSource("light", every=30)),
        }
    )
    world.poller.select("a")
    eventually(lambda: late.reads == 1)
    world.poller.select("b")
    eventually(lambda: world.board.get("b", "other") is not None)
    late.gate.set()
    eventually(lambda: late.inside == 0)
    world.poller.select("b")
    assert world.board.get("a", "late") is None
    world.poller.select("a")
    eventually(lambda: world.board.get("a", "late") is not None)
    assert not late.overlapped


def test_environments_not_selected_get_one_light_question(worlds: Make) -> None:
    full = {name: CountingSource("s") for name in "abc"}
    light = {name: CountingSource("light", every=30) for name in "abc"}
    world = worlds({name: Watched(groups=(group("g", full[name]),), light=light[name]) for name in "abc"})
    world.poller.select("a")
    eventually(lambda: light["b"].reads == light["c"].reads == 1 and full["a"].reads == 1)
    world.clock.until_waiting(4)
    world.clock.advance(30)
    eventually(lambda: light["b"].reads == light["c"].reads == 2)
    assert (full["b"].reads, full["c"].reads, light["a"].reads) == (0, 0, 0)
    world.poller.select("b")
    eventually(lambda: full["b"].reads == 1 and light["a"].reads == 1)


def test_a_light_question_that_fails_is_not_asked_more_often(worlds: Make) -> None:
    light = CountingSource("light", every=30)
    light.error = UnreachableError("no link")
    world = worlds({"a": Watched(groups=(), light=CountingSource("light")), "b": Watched(groups=(), light=light)})
    world.poller.select("a")
    eventually(lambda: light.reads == 1)
    world.clock.until_waiting(2)
    world.clock.advance(29)
    world.clock.until_waiting(2)
    assert light.reads == 1
    world.clock.advance(1)
    eventually(lambda: light.reads == 2)


def test_a_bug_in_a_source_is_an_error_on_the_board_and_told(worlds: Make) -> None:
    broken, fine = CountingSource("broken"), CountingSource("fine")
    broken.error = ZeroDivisionError("x")
    world = worlds(alone(broken, fine))
    world.poller.select("lab")
    eventually(lambda: world.board.get("lab", "fine") is not None)
    snapshot = world.board.get("lab", "broken")
    assert snapshot is not None
    assert snapshot.error is not None
    assert "ZeroDivisionError" in snapshot.error
    assert len(world.crashes) == 1


def test_sources_found_later_are_read_without_a_key(worlds: Make) -> None:
    found: list[CountingSource] = []
    first = CountingSource("app", every=30)
    world = worlds(
        {"lab": Watched(groups=(group("app", first), SourceGroup("redis", lambda: tuple(found))), light=first)}
    )
    world.poller.select("lab")
    world.clock.until_waiting(2)
    found.append(CountingSource("queues:redis"))
    world.clock.advance(1)
    eventually(lambda: world.board.get("lab", "queues:redis") is not None)


def test_closing_is_bounded_though_a_read_hangs(worlds: Make) -> None:
    hung = CountingSource("hung")
    hung.gate = threading.Event()
    world = World(alone(hung), FakeClock())
    world.poller.select("lab")
    eventually(lambda: hung.reads == 1)
    closer = threading.Thread(target=world.poller.close)
    closer.start()
    closer.join(10)
    assert not closer.is_alive()
    hung.gate.set()
    eventually(lambda: hung.inside == 0)
    world.poller.select("lab")
    assert world.board.get("lab", "hung") is None


Move = st.one_of(
    st.tuples(st.just("select"), st.sampled_from("abc")),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 1.0, 7.0, 31.0])),
    st.tuples(st.just("refresh"), st.just(0)),
    st.tuples(st.just("open"), st.sampled_from("abc")),
    st.tuples(st.just("block"), st.sampled_from("abc")),
    st.tuples(st.just("fail"), st.sampled_from("abc")),
)


@given(st.lists(Move, max_size=25))
@settings(max_examples=40, deadline=None)
def test_no_interleaving_overlaps_reads_or_shows_an_environment_that_was_left(moves: list[tuple[str, Any]]) -> None:
    sources = {name: CountingSource("s") for name in "abc"}
    watched = {
        name: Watched(groups=(group("g", source),), light=CountingSource("light", every=30))
        for name, source in sources.items()
    }
    clock = FakeClock()
    world = World(watched, clock)
    selected, wrong = [""], list[Key]()

    def said(key: Key) -> None:
        # Published under the poller's lock: the selection cannot change between the put and this look.
        if key[2] == "s" and key[1] != world.poller.selection.environment:
            wrong.append(key)

    world.board._publish = said
    for move, argument in moves:
        if move == "select":
            world.poller.select(argument)
            selected[0] = argument
        elif move == "advance":
            clock.advance(argument)
        elif move == "refresh":
            world.poller.refresh()
        elif move == "block":
            sources[argument].gate = sources[argument].gate or threading.Event()
        elif move == "fail":
            sources[argument].error = None if sources[argument].error else OpsconsoleError("no")
        elif (gate := sources[argument].gate) is not None:
            sources[argument].gate = None
            gate.set()
    for source in sources.values():
        if source.gate is not None:
            source.gate.set()
            source.gate = None
    if selected[0]:
        before = sources[selected[0]].reads
        world.poller.refresh()
        eventually(lambda: sources[selected[0]].reads > before or sources[selected[0]].inside)
    world.poller.close()
    assert wrong == []
    assert not any(source.overlapped for source in sources.values())
    assert world.crashes == []
