"""Readings, jobs, plans and checklists as the pictures show them: something of everything, some of it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.domain.actions import Action, Effect, GateSpec, Param, ParamType, StepSpec
from console.domain.checklists import ChecklistView, Item, Walked
from console.domain.documents import Json
from console.domain.environment import Environment, Tier
from console.domain.exception_text import Frame, Thrown
from console.domain.failures import FailedDetail, FailedJob, FailedPage, FailedSummary
from console.domain.health import ProbeReading, ProbeResult, ProbeSpec, Status
from console.domain.policy import Operator
from console.domain.queues import QueueDepth, QueueReading
from console.domain.releases import HostReleases, Release, ReleaseReading
from console.domain.runs import Danger, HostScript, Plan, PlannedHost, PlannedStep
from console.domain.step_facts import StepFacts
from console.domain.untrusted import Raw
from console.domain.workers import HostFacts, HostReading, Worker, WorkerReading
from tests.fakes.reach import make_environment

START = datetime(2026, 11, 21, 20, 51, 3, tzinfo=UTC)
OPERATOR = Operator(uid=1000, login="ops1", host="bastion")


def make_production() -> Environment:
    return make_environment(
        "production", tier=Tier.PROTECTED, url="https://app.example.com", health=_probes("https://app.example.com")
    )


def make_staging() -> Environment:
    return make_environment("staging", url="https://staging.example.com", health=_probes("https://staging.example.com"))


_HEALTH = ("/health", "database", "cache", "queue", "mail", "storage", "reverb", "/up")


def _probes(url: str) -> tuple[ProbeSpec, ...]:
    return tuple(ProbeSpec(name=name, url=f"{url}/{name.strip('/')}") for name in _HEALTH)


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


def make_failed(jobs: list[FailedJob], *, calm: bool = False) -> FailedSummary:
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
        facts=StepFacts(migrates=name == "migrate"),
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
