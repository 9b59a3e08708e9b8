"""Everything a screen can use, in memory: a world that tests shape and move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from console.domain.actions import Action, Effect, GateSpec, Param, ParamType, StepSpec
from console.domain.checklists import ChecklistView, Item, MarkKind, Walked
from console.domain.documents import Json
from console.domain.environment import Environment, Tier
from console.domain.failures import FailedDetail, FailedFilter, FailedJob, FailedPage, FailedSummary, Frame, Thrown
from console.domain.health import ProbeReading, ProbeResult, ProbeSpec, Status
from console.domain.logs import FollowState, FollowStatus, LogRing
from console.domain.plan_codec import plan_hash
from console.domain.policy import ChangeWindow, Confirmation, Operator
from console.domain.queues import QueueDepth, QueueReading
from console.domain.releases import HostReleases, Release, ReleaseReading
from console.domain.runs import (
    Danger,
    Event,
    EventKind,
    HostScript,
    Plan,
    PlannedHost,
    PlannedStep,
    RunRow,
    RunView,
    fold,
    start_view,
)
from console.domain.snapshot import Key, Snapshot
from console.domain.untrusted import Raw
from console.domain.workers import HostFacts, HostReading, Worker, WorkerReading
from console.errors import RefusedError, UsageError
from console.ports import Publish
from console.services.container import Services
from tests.fakes.clock import FakeClock
from tests.fakes.reach import make_environment

START = datetime(2026, 11, 21, 20, 51, 3, tzinfo=UTC)
OPERATOR = Operator(uid=1000, login="ops1", host="bastion")


def quiet(key: Key) -> None:
    """A publish that nobody hears."""


class FakeBoard:
    """Snapshots that a test puts."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.publish: Publish = quiet
        self.snapshots: dict[str, dict[str, Snapshot[object]]] = {}

    def get(self, environment: str, source: str) -> Snapshot[object] | None:
        return self.snapshots.get(environment, {}).get(source)

    def sources(self, environment: str) -> tuple[str, ...]:
        return tuple(self.snapshots.get(environment, {}))

    def put(self, environment: str, source: str, value: object, every: float = 1.0) -> None:
        self.snapshots.setdefault(environment, {})[source] = Snapshot(
            source=source,
            value=value,
            taken_at=self.clock.now(),
            taken_mono=self.clock.monotonic(),
            every=every,
        )
        self.publish(("source", environment, source))

    def fail(self, environment: str, source: str, error: str) -> None:
        before = self.get(environment, source) or Snapshot(source=source)
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
        self._work: dict[str, Callable[[], object]] = {}

    def submit(self, name: str, work: Callable[[], object]) -> str:
        ticket = f"{name}-{len(self.asked)}"
        self.asked.append(name)
        self._work[ticket] = work
        if not self.held:
            self.publish(("answer", ticket))
        return ticket

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

    def page(self, environment: str, *, below: int | None = None, where: FailedFilter | None = None) -> FailedPage:
        self.pages.append(below)
        found = [job for job in self.jobs if below is None or job.id < below]
        shown = tuple(found[:100])
        more = shown[-1].id if len(found) > 100 else None
        return FailedPage(total=len(self.jobs), total_is_exact=True, next=more, jobs=shown)

    def show(self, environment: str, uuid: str) -> FailedDetail:
        if uuid in self.details:
            return self.details[uuid]
        for job in self.jobs:
            if job.uuid == uuid:
                return make_detail(job)
        raise UsageError(f"There is no failed job {uuid}.", fix="It may have been retried.")


class FakeRuns:
    """Plans and runs in memory; what was started and asked is kept."""

    def __init__(self, clock: FakeClock, environments: Mapping[str, Environment]) -> None:
        self.clock = clock
        self.environments = environments
        self.publish: Publish = quiet
        self.refusals: dict[tuple[str, str], str] = {}
        self.planned: list[tuple[str, str, Mapping[str, Json]]] = []
        self.started: list[tuple[Plan, Confirmation]] = []
        self.asks: list[tuple[int, str, str]] = []
        self.followed: list[int] = []
        self.events: dict[int, list[Event]] = {}
        self.rows: dict[int, RunRow] = {}
        self.outputs: dict[tuple[int, str, str], bytes] = {}
        self.notes: tuple[str, ...] = ()
        self.declared: tuple[Action, ...] = make_actions()

    def actions(self, environment: str) -> tuple[Action, ...]:
        return self.declared

    def refusal(self, environment: str, action: str) -> str:
        return self.refusals.get((environment, action), "")

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        self.planned.append((environment, action, dict(params)))
        return make_plan(self.environments[environment], action, params, self.clock.now(), self.notes)

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        if confirmation.plan_hash != plan_hash(plan):
            raise RefusedError("the plan has changed")
        if plan.protected and confirmation.typed != plan.environment:
            raise RefusedError("the name was not typed")
        self.started.append((plan, confirmation))
        run = 41 + len(self.started)
        self.rows[run] = RunRow(
            id=run,
            name=f"{run}-0badcafe",
            environment=plan.environment,
            action=plan.action,
            plan=plan,
            operator=plan.operator,
            created_at=self.clock.now(),
        )
        self.events[run] = []
        self.add(run, EventKind.RUN_CONFIRMED)
        self.add(run, EventKind.RUN_STARTED)
        self.add(run, EventKind.LOCK_TAKEN)
        return run

    def add(self, run: int, kind: EventKind, step: str = "", host: str = "", **data: Json) -> None:
        """One more fact of a run."""
        events = self.events[run]
        events.append(
            Event(run=run, seq=len(events) + 1, at=self.clock.now(), kind=kind, step=step, host=host, data=data)
        )
        self.publish(("run", str(run)))

    def step(self, run: int, step: str, host: str, seconds: float, outcome: str = "ok", status: int = 0) -> None:
        """One step on one host from begin to end; moves the clock."""
        self.add(run, EventKind.STEP_INTENDED, step, host, attempt=1)
        self.clock.advance(seconds)
        self.add(run, EventKind.STEP_FINISHED, step, host, outcome=outcome, exit_status=status)

    def view(self, run: int) -> RunView:
        return fold(start_view(self.rows[run]), self.events[run])

    def follow(self, run: int) -> None:
        self.followed.append(run)

    def output(self, run: int, step: str, host: str, *, last: int = 65536) -> Raw:
        return Raw(self.outputs.get((run, step, host), b"")[-last:])

    def ask(self, run: int, kind: str, body: str = "") -> None:
        self.asks.append((run, kind, body))

    def newest(self, environment: str) -> RunView | None:
        found = [run for run, row in self.rows.items() if row.environment == environment]
        return self.view(max(found)) if found else None


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

    def select(self, environment: str) -> None:
        self.selected.append(environment)

    def ring(self, environment: str) -> LogRing:
        return self.rings.setdefault(environment, LogRing())

    def statuses(self, environment: str) -> tuple[FollowStatus, ...]:
        return self.followed.get(environment, ())

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


def make_production() -> Environment:
    return make_environment(
        "production", tier=Tier.PROTECTED, url="https://app.example.com", health=_probes("https://app.example.com")
    )


def make_staging() -> Environment:
    return make_environment("staging", url="https://staging.example.com", health=_probes("https://staging.example.com"))


_HEALTH = ("/health", "database", "cache", "queue", "mail", "storage", "reverb", "/up")


def _probes(url: str) -> tuple[ProbeSpec, ...]:
    return tuple(ProbeSpec(name=name, url=f"{url}/{name.strip('/')}") for name in _HEALTH)


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
    board.put(name, "failed_jobs", make_failed(world, calm=calm))
    board.put(name, "probes", make_probes(world.clock.now(), calm=calm), every=15.0)
    board.put(name, "workers", make_workers(calm=calm), every=5.0)
    board.put(name, "hosts", make_hosts(), every=30.0)
    board.put(name, "releases", make_releases(), every=5.0)
    world.checklists.views[name, "deploy"] = make_checklist(world.clock.now())
    world.tails.followed[name] = tuple(
        FollowStatus(host=host, file="storage/logs/laravel.log", state=FollowState.FOLLOWING, since=START)
        for host in ("web1", "web2")
    )


def queue(name: str, ready: int, delayed: int, reserved: int, stuck: int = 0, oldest: int | None = None) -> QueueDepth:
    return QueueDepth(
        connection="redis",
        queue=name,
        driver="redis",
        ready=ready,
        delayed=delayed,
        reserved=reserved,
        stuck=stuck,
        oldest_ready_seconds=oldest,
        paused=False,
    )


def make_queues(*, calm: bool = False) -> QueueReading:
    queues = (
        queue("default", 12, 3, 2, oldest=8),
        queue("bulk-actions", 140 if calm else 4812, 0, 8, 0 if calm else 1, 12 if calm else 552),
        queue("notifications", 0, 140, 0),
        queue("high", 1, 0, 1, oldest=0),
    )
    return QueueReading(connection="redis", driver="redis", queues=queues, server_time=START.timestamp())


def make_sql_queues() -> QueueReading:
    paused = replace(queue("reports", 37, 0, 0, oldest=720), connection="database", driver="database", paused=True)
    return QueueReading(connection="database", driver="database", queues=(paused,), server_time=START.timestamp())


_FAILURES = (
    ("App\\Jobs\\ProcessCvReview", "App\\Exceptions\\RateLimited", "429 from api.reviews for account {n}", 61, 2),
    ("App\\Jobs\\SendInvoice", "Symfony\\Mailer\\TransportException", "SMTP timeout after {n}s", 24, 11),
    ("App\\Jobs\\SyncLedger", "Illuminate\\Database\\QueryException", "Deadlock found (1213) in batch {n}", 11, 60),
    ("App\\Jobs\\GenerateReport", "ErrorException", "Allowed memory size of {n} bytes exhausted", 4, 120),
)


def make_jobs(now: datetime = START) -> list[FailedJob]:
    """A hundred failed jobs of four causes, newest first."""
    jobs = []
    number = 1216
    for job, kind, message, times, minutes in _FAILURES:
        for at in range(times):
            jobs.append(
                FailedJob(
                    uuid=f"{number:08x}-4c1d-4e3a-9f00-00000000{at:04x}",
                    id=number,
                    connection="redis",
                    queue="bulk-actions" if "Cv" in job else "default",
                    job=Raw.of(job),
                    exception_class=Raw.of(kind),
                    message=Raw.of(message.replace("{n}", str(1000 + at))),
                    failed_at=now - timedelta(minutes=minutes + at * 3),
                )
            )
            number -= 1
    return jobs


def make_failed(world: FakeWorld, *, calm: bool = False) -> FailedSummary:
    jobs = make_jobs(world.clock.now())
    world.failed.jobs = jobs
    total = 3 if calm else 1216
    shown = tuple(jobs[:3] if calm else jobs)
    page = FailedPage(total=total, total_is_exact=True, next=None if calm else shown[-1].id, jobs=shown)
    return FailedSummary(page=page, since_hour=0 if calm else 12)


def make_detail(job: FailedJob) -> FailedDetail:
    frames = (
        Frame(
            number=0,
            location=Raw.of("/srv/app/app/Jobs/ProcessCvReview.php(41)"),
            call=Raw.of("App\\Services\\CvReviewService->analyze()"),
            vendor=False,
        ),
        *(
            Frame(
                number=n, location=Raw.of(f"/srv/app/vendor/laravel/f{n}.php({n})"), call=Raw.of("call()"), vendor=True
            )
            for n in range(1, 15)
        ),
        Frame(number=15, location=Raw.of("/srv/app/app/Console/Kernel.php(12)"), call=Raw.of("handle()"), vendor=False),
    )
    chain = (
        Thrown(
            exception_class=job.exception_class,
            message=job.message,
            location=Raw.of("/srv/app/app/Services/CvReviewService.php:88"),
            frames=frames,
        ),
        Thrown(
            exception_class=Raw.of("GuzzleHttp\\Exception\\ClientException"),
            message=Raw.of("Client error: `POST https://api.reviews/v2/analyze` resulted in a `429` response"),
            location=Raw.of("/srv/app/vendor/guzzlehttp/guzzle/src/Exception/RequestException.php:113"),
            frames=(),
        ),
    )
    payload: Json = {
        "uuid": job.uuid,
        "displayName": job.job.exact(),
        "maxTries": 3,
        "backoff": [10, 60],
        "data": {"commandName": job.job.exact()},
    }
    return FailedDetail(
        job=job,
        payload=payload,
        payload_text=Raw.of("{}"),
        payload_bytes=1843,
        command={"candidate": 8812, "options": {"language": "en", "deep": True}, "tags": ["cv", "batch-41"]},
        chain=chain,
        exception_text=Raw.of("…"),
        exception_bytes=9120,
    )


def make_probes(now: datetime, *, calm: bool = False) -> ProbeReading:
    values: dict[str, tuple[Status, float, int, str | None, str]] = {
        "/health": (Status.OK, 42.0, 200, "ok", ""),
        "database": (Status.OK, 12.0, 200, "ok", ""),
        "cache": (Status.OK, 3.0, 200, "ok", ""),
        "queue": (Status.OK, 8.0, 200, "ok", "") if calm else (Status.WARNING, 11.0, 200, "backlog", "4,812 jobs wait"),
        "mail": (Status.OK, 30.0, 200, "ok", "")
        if calm
        else (Status.FAILED, 61.0, 503, "fail", "HTTP 503: relay down"),
        "storage": (Status.OK, 9.0, 200, "ok", ""),
        "reverb": (Status.OK, 8.0, 200, "ok", ""),
        "/up": (Status.OK, 31.0, 200, None, ""),
    }
    return ProbeReading(
        probes=tuple(
            ProbeResult(
                name=name,
                url=f"https://app.example.com/{name.strip('/')}",
                status=status,
                latency_ms=latency,
                http_status=http,
                body_status=body,
                detail=detail,
                checked_at=now,
            )
            for name, (status, latency, http, body, detail) in values.items()
        )
    )


def make_workers(*, calm: bool = False) -> WorkerReading:
    def worker(host: str, name: str, running: int, expected: int, status: str = "running") -> Worker:
        return Worker(host=host, name=name, manager="supervisor", status=status, running=running, expected=expected)

    return WorkerReading(
        workers=(
            worker("web1", "laravel-worker", 4, 4),
            worker("web2", "laravel-worker", 4, 4),
            worker("web1", "bulk-worker", 2 if calm else 1, 2, "running" if calm else "stopped"),
            worker("web1", "scheduler", 1, 1),
        )
    )


def make_hosts() -> HostReading:
    def host(name: str, load: float, disk: int) -> HostFacts:
        return HostFacts(
            host=name, load=load, cores=4, memory_percent=61, disk_percent=disk, uptime=864_000, clock_skew=0.1
        )

    return HostReading(hosts=(host("web1", 0.42, 71), host("web2", 0.39, 68)))


def make_releases() -> ReleaseReading:
    releases = (
        Release(name="20261120-1", commit="77aa01f", lived=True),
        Release(name="20261121-3", commit="a1b2c3d4e5", lived=True),
    )
    return ReleaseReading(
        hosts=tuple(HostReleases(host=host, current="20261121-3", releases=releases) for host in ("web1", "web2"))
    )


_ITEMS = (
    ("Before", "Announce the deploy", "done"),
    ("Before", "Full database backup", "done"),
    ("During deployment", "Maintenance mode on", "skipped"),
    ("During deployment", "Deploy code changes", "open"),
    ("During deployment", "Run migrations", "open"),
    ("During deployment", "Clear caches", "open"),
    ("During deployment", "Restart queue workers", "open"),
    ("After", "Verify health endpoint", "open"),
    ("After", "Watch the error rate for an hour", "open"),
)


def make_checklist(now: datetime) -> ChecklistView:
    items = tuple(
        Walked(
            item=Item(id=f"i{n}", text=text, section=section, line=n * 2 + 3, done=False),
            state=state,
            who="ops1" if state != "open" else "",
            at=now - timedelta(minutes=20) if state != "open" else None,
            note="no traffic at night" if state == "skipped" else "",
        )
        for n, (section, text, state) in enumerate(_ITEMS)
    )
    return ChecklistView(name="deploy", title="Deploy", session=1, items=items)


_STEPS = (
    ("backup", Effect.READ, "primary", "mysqldump --single-transaction app | gzip > backups/20261121-4.sql.gz"),
    ("code", Effect.ONCE, "all", "release create 20261121-4 from main (9f8e7d6)"),
    ("migrate", Effect.ONCE, "primary", "php artisan migrate --force"),
    ("caches", Effect.IDEMPOTENT, "all", "php artisan config:cache && php artisan route:cache"),
    ("link", Effect.IDEMPOTENT, "all", "release link 20261121-4"),
    ("workers", Effect.IDEMPOTENT, "all", "supervisorctl restart laravel-worker:* bulk-worker:*"),
    ("health", Effect.READ, "runner", "wait for /up on both hosts"),
)


def make_actions() -> tuple[Action, ...]:
    def action(name: str, title: str, *params: Param, lock: bool = True) -> Action:
        step = StepSpec(name="one", kind="shell", params={})
        return Action(name=name, title=title, steps=(step,), params=params, lock=lock)

    ids = Param(name="ids", type=ParamType.UUIDS, required=True)
    return (
        action("deploy", "Deploy"),
        action("rollback", "Rollback"),
        action("cleanup", "Clean up"),
        action("retry", "Retry failed jobs", ids, lock=False),
        action("forget", "Forget failed jobs", ids, lock=False),
    )


def make_plan(
    environment: Environment, action: str, params: Mapping[str, Json], now: datetime, notes: tuple[str, ...] = ()
) -> Plan:
    small = action in ("retry", "forget")
    steps = (_job_step(action, params),) if small else tuple(_planned(environment, *each) for each in _STEPS)
    hosts = tuple(
        PlannedHost(name=host.name, address=f"deploy@{host.name}.internal", host_key="SHA256:abc", current="20261121-3")
        for host in environment.hosts
    )
    return Plan(
        action=action,
        title={"deploy": "Deploy 20261121-4", "retry": "Retry failed jobs", "forget": "Forget failed jobs"}.get(
            action, action.title()
        ),
        environment=environment.name,
        protected=environment.protected,
        params=dict(params),
        steps=steps,
        hosts=hosts,
        operator=OPERATOR,
        lock=not small,
        gate=None if small else GateSpec(),
        release="" if small else "20261121-4",
        commit="" if small else "9f8e7d6c5b4a",
        rollback_target="" if small else "20261121-3",
        notes=notes,
        made_at=now,
    )


def _planned(environment: Environment, name: str, effect: Effect, on: str, text: str) -> PlannedStep:
    hosts = () if on == "runner" else tuple(host.name for host in environment.on(on))
    return PlannedStep(
        name=name,
        kind="shell",
        hosts=hosts,
        text=text,
        effect=effect,
        danger=Danger.DESTRUCTIVE if name == "migrate" else Danger.CAUTION,
        scripts=tuple(HostScript(host=host, script=text, text=text) for host in hosts),
    )


def _job_step(action: str, params: Mapping[str, Json]) -> PlannedStep:
    ids = params.get("ids")
    named = [str(id) for id in ids] if isinstance(ids, list) else []
    text = f"php artisan queue:{action} " + " ".join(named[:2]) + (" …" if len(named) > 2 else "")
    return PlannedStep(
        name=action,
        kind="failed_jobs",
        hosts=("web1",),
        text=text,
        effect=Effect.ONCE,
        scripts=(HostScript(host="web1", script=text, text=text),),
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
