"""Everything a screen can use, in memory: a world that tests shape and move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from console.domain.checklists import ChecklistView, MarkKind
from console.domain.environment import Environment
from console.domain.failures import FailedDetail, FailedFilter, FailedJob, FailedPage
from console.domain.log_history import LeftOut
from console.domain.logs import FollowState, FollowStatus, LogRing
from console.domain.plan_codec import plan_hash
from console.domain.policy import ChangeWindow, Confirmation
from console.domain.runs import (
    EventKind,
)
from console.domain.snapshot import Key, Snapshot
from console.errors import UnreachableError, UsageError
from console.ports import Publish
from console.services.container import Services
from tests.fakes.clock import FakeClock
from tests.fakes.declared import Declared
from tests.fakes.runs import FakeRuns
from tests.fakes.world_values import (
    OPERATOR,
    START,
    make_checklist,
    make_detail,
    make_failed,
    make_hosts,
    make_jobs,
    make_probes,
    make_production,
    make_queues,
    make_releases,
    make_sql_queues,
    make_staging,
    make_workers,
)

__all__ = [
    "OPERATOR",
    "START",
    "FakeWorld",
    "fill",
    "living_world",
    "make_production",
    "make_staging",
    "make_world",
    "start_deploy",
]


def quiet(key: Key) -> None:
    """A publish that nobody hears."""


class FakeBoard:
    """Snapshots that a test puts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.publish: Publish = quiet
        self.snapshots: dict[str, dict[str, Snapshot[object]]] = {}
        self.declared = Declared(clock)

    def get(self, environment: str, source: str) -> Snapshot[object] | None:
        return self.snapshots.get(environment, {}).get(source)

    def sources(self, environment: str) -> tuple[str, ...]:
        return tuple(self.snapshots.get(environment, {}))

    def put(self, environment: str, source: str, value: object, every: float = 1.0) -> None:
        self.snapshots.setdefault(environment, {})[source] = replace(
            self.declared.of(source, value),
            taken_at=self.clock.now(),
            taken_mono=self.clock.monotonic(),
            every=every,
        )
        self.publish(("source", environment, source))

    def fail(self, environment: str, source: str, error: str) -> None:
        before = self.get(environment, source) or self.declared.of(source)
        self.snapshots.setdefault(environment, {})[source] = replace(
            before, error=error, failing_since=before.failing_since or self.clock.now()
        )
        self.publish(("source", environment, source))


class FakePolling:
    """Remembers what was selected."""

    def __init__(self) -> None:
        self.selected: list[str] = []
        self.refreshed = 0

    def select(self, environment: str) -> None:
        self.selected.append(environment)

    def refresh(self) -> None:
        self.refreshed += 1


class FakeBackground:
    """Answers at once, in the asking thread; with `held` it waits for `release`."""

    def __init__(self) -> None:
        self.publish: Publish = quiet
        self.held = False
        self.asked: list[str] = []
        self.urgent: list[str] = []
        self._work: dict[str, Callable[[], object]] = {}

    def submit(self, name: str, work: Callable[[], object], *, urgent: bool = False) -> str:
        ticket = f"{name}-{len(self.asked)}"
        self.asked.append(name)
        if urgent:
            self.urgent.append(name)
        self._work[ticket] = work
        if not self.held:
            self.publish(("answer", ticket))
        return ticket

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(self._work)

    def release(self) -> None:
        self.held = False
        for ticket in list(self._work):
            self.publish(("answer", ticket))

    def collect(self, ticket: str) -> object:
        return self._work.pop(ticket)()


class FakeFailedJobs:
    """Pages of a list that a test gives."""

    def __init__(self) -> None:
        self.jobs: list[FailedJob] = []
        self.details: dict[str, FailedDetail] = {}
        self.pages: list[int | None] = []
        self.broken = False

    def page(self, environment: str, *, below: int | None = None, where: FailedFilter | None = None) -> FailedPage:
        self.pages.append(below)
        found = [job for job in self.jobs if below is None or job.id < below]
        shown = tuple(found[:100])
        more = shown[-1].id if len(found) > 100 else None
        return FailedPage(total=len(self.jobs), total_is_exact=True, next=more, jobs=shown)

    def ids(self, environment: str, *, below: int, limit: int) -> tuple[int, ...]:
        if self.broken:
            raise UnreachableError("no link")
        return tuple(job.id for job in self.jobs if job.id < below)[:limit]

    def show(self, environment: str, uuid: str) -> FailedDetail:
        if uuid in self.details:
            return self.details[uuid]
        for job in self.jobs:
            if job.uuid == uuid:
                return make_detail(job)
        raise UsageError(f"There is no failed job {uuid}.", fix="It may have been retried.")


class FakeChecklists:
    """One checklist an environment."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.publish: Publish = quiet
        self.views: dict[tuple[str, str], ChecklistView] = {}
        self.marks: list[tuple[str, str, str, MarkKind, str]] = []

    def names(self, environment: str) -> tuple[str, ...]:
        return tuple(name for env, name in self.views if env == environment)

    def view(self, environment: str, name: str = "") -> ChecklistView | None:
        names = self.names(environment)
        return self.views.get((environment, name or (names[0] if names else "")))

    def mark(self, environment: str, name: str, item: str, kind: MarkKind, note: str = "") -> None:
        self.marks.append((environment, name, item, kind, note))
        view = self.views[environment, name]
        state = {"tick": "done", "skip": "skipped", "fail": "failed", "reopen": "open"}.get(kind.value)
        walked = tuple(
            replace(each, state=state or each.state, who="ops1", at=self.clock.now(), note=note or each.note)
            if each.item.id == item
            else each
            for each in view.items
        )
        self.views[environment, name] = replace(view, session=1, items=walked)
        self.publish(("checklist", environment))

    def close_session(self, environment: str, name: str) -> None:
        view = self.views[environment, name]
        walked = tuple(replace(each, state="open", who="", at=None, note="") for each in view.items)
        self.views[environment, name] = replace(view, session=None, items=walked)
        self.publish(("checklist", environment))


class FakeWindows:
    """Change windows on the fake clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.publish: Publish = quiet
        self.windows: dict[str, ChangeWindow] = {}

    def open(self, environment: str, minutes: int = 15) -> ChangeWindow:
        window = ChangeWindow(
            environment=environment,
            operator=OPERATOR.label,
            session="s1",
            until=self.clock.now() + timedelta(minutes=minutes),
        )
        self.windows[environment] = window
        self.publish(("window", environment))
        return window

    def close(self, environment: str) -> None:
        self.windows.pop(environment, None)
        self.publish(("window", environment))

    def current(self, environment: str) -> ChangeWindow | None:
        return self.windows.get(environment)


class FakeTails:
    """Rings that a test fills."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.publish: Publish = quiet
        self.selected: list[str] = []
        self.rings: dict[str, LogRing] = {}
        self.followed: dict[str, tuple[FollowStatus, ...]] = {}
        self.lost: dict[str, tuple[LeftOut, ...]] = {}

    def select(self, environment: str) -> None:
        self.selected.append(environment)

    def ring(self, environment: str) -> LogRing:
        return self.rings.setdefault(environment, LogRing())

    def statuses(self, environment: str) -> tuple[FollowStatus, ...]:
        return self.followed.get(environment, ())

    def left_out(self, environment: str) -> tuple[LeftOut, ...]:
        return self.lost.get(environment, ())

    def close(self) -> None:
        pass


@dataclass
class FakeWorld:
    """All fakes of one screen. `factory` is what the app is given."""

    environments: tuple[Environment, ...]
    clock: FakeClock
    board: FakeBoard
    polling: FakePolling
    background: FakeBackground
    failed: FakeFailedJobs
    runs: FakeRuns
    checklists: FakeChecklists
    windows: FakeWindows
    tails: FakeTails
    closed: list[bool] = field(default_factory=list)

    def factory(self, publish: Publish) -> Services:
        for part in (self.board, self.background, self.runs, self.checklists, self.windows, self.tails):
            part.publish = publish
        return Services(
            environments=self.environments,
            operator=OPERATOR,
            clock=self.clock,
            board=self.board,
            polling=self.polling,
            background=self.background,
            failed=self.failed,
            runs=self.runs,
            checklists=self.checklists,
            windows=self.windows,
            tails=self.tails,
            archives=Path("/home/ops/.local/state/opsconsole/archives-1000"),
            close=lambda: self.closed.append(True),
        )


def make_world(*environments: Environment) -> FakeWorld:
    """An empty world: environments, and nothing read yet."""
    clock = FakeClock(START)
    found = environments or (make_production(), make_staging())
    return FakeWorld(
        environments=found,
        clock=clock,
        board=FakeBoard(clock),
        polling=FakePolling(),
        background=FakeBackground(),
        failed=FakeFailedJobs(),
        runs=FakeRuns(clock, {environment.name: environment for environment in found}),
        checklists=FakeChecklists(clock),
        windows=FakeWindows(clock),
        tails=FakeTails(clock),
    )


def living_world(*environments: Environment) -> FakeWorld:
    """The world of the pictures: something of everything, some of it wrong."""
    world = make_world(*environments)
    for environment in world.environments:
        fill(world, environment.name, calm=environment.name == "staging")
    return world


def fill(world: FakeWorld, name: str, *, calm: bool = False) -> None:
    """Puts a reading of every source."""
    board = world.board
    board.put(name, "redis_queues", make_queues(calm=calm))
    board.put(name, "sql_queues", make_sql_queues())
    world.failed.jobs = make_jobs(world.clock.now())
    board.put(name, "failed_jobs", make_failed(world.failed.jobs, calm=calm))
    board.put(name, "probes", make_probes(world.clock.now(), calm=calm), every=15.0)
    board.put(name, "workers", make_workers(calm=calm), every=5.0)
    board.put(name, "hosts", make_hosts(), every=30.0)
    board.put(name, "releases", make_releases(), every=5.0)
    world.checklists.views[name, "deploy"] = make_checklist(world.clock.now())
    world.tails.followed[name] = tuple(
        FollowStatus(host=host, file="storage/logs/laravel.log", state=FollowState.FOLLOWING, since=START)
        for host in ("web1", "web2")
    )


def start_deploy(world: FakeWorld, environment: str) -> int:
    """A deploy in its third step."""
    plan = world.runs.plan(environment, "deploy", {})
    confirmation = Confirmation(plan_hash=plan_hash(plan), operator=OPERATOR, typed=environment, yes=True)
    run = world.runs.start(plan, confirmation)
    world.runs.step(run, "backup", "web1", 31)
    world.runs.step(run, "code", "web1", 12)
    world.runs.step(run, "code", "web2", 2)
    world.runs.add(run, EventKind.STEP_INTENDED, "migrate", "web1", attempt=1)
    world.clock.advance(9)
    world.runs.outputs[run, "migrate", "web1"] = (
        b"Migrating: 2026_11_20_104512_add_index_to_bulk_actions\n"
        b"Migrated:  2026_11_20_104512_add_index_to_bulk_actions (812.40ms)\n"
        b"Migrating: 2026_11_20_110001_add_state_to_reviews\n"
    )
    return run
