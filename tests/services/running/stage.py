"""Two hosts in a temporary directory whose shells run the local sh: plans, runs and kills without a server.

`python -m tests.services.running.stage DIR` is a runner process for the tests that kill it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

from console.domain.actions import Action, Effect, GateSpec, StepSpec
from console.domain.documents import Json
from console.domain.environment import AppSpec, CodeSource, Environment, Host, Identity, SshTarget, Tier
from console.domain.events import RunConfirmed, RunPlanned
from console.domain.health import ProbeResult, ProbeSpec, Status
from console.domain.policy import Operator
from console.domain.runs import Event, Plan, RunRow, RunView, fold, start_view
from console.ports import Lease
from console.services.planning.planner import Planner
from console.services.records.audit import Audit
from console.services.running.host_work import Pace
from console.services.running.journal import Journal
from console.services.running.runner import Runner
from console.services.running.runner_context import RunnerContext
from console.services.target.lock import EnvironmentLock, LockState, new_token
from console.services.threads.loop import SystemClock
from console.steps import step_kinds
from console.store.audit import AuditRows
from console.store.database import open_database
from console.store.runs import RunStore
from tests.fakes.http import FakeHttp, answered
from tests.fakes.reach import FakeReach, make_environment
from tests.fakes.shell import FakeShell
from tests.fakes.sql import FakeSql
from tests.services.running.toys import toy_kinds

OPERATOR = Operator(uid=1000, login="op", host="bastion", origin="10.0.0.9")
QUICK = Pace(look=0.03, first_look=0.01, starting=5.0, patience=5.0, question=10.0)
HOSTS = ("web1", "web2")
DOTENV = "APP_ENV=production\nAPP_KEY=base64:xyz\nDB_CONNECTION=mysql\nDB_HOST=db\nDB_DATABASE=app\n"
PINNED = Identity(app_env="production", app_key=hashlib.sha256(b"base64:xyz").hexdigest()[:12], database="app@db:3306")


class Stage:
    """The directory, its state database and its clients."""

    def __init__(self, directory: Path, *, probe: Callable[[ProbeSpec], ProbeResult] = answered) -> None:
        self.directory = directory
        for host in HOSTS:
            base = directory / host
            for name in ("1", "2"):
                (base / "releases" / name / "bootstrap/cache").mkdir(parents=True, exist_ok=True)
                (base / "releases" / name / "artisan").touch()
            (base / "shared/storage").mkdir(parents=True, exist_ok=True)
            (base / "shared/.env").touch()
            if not (base / "current").is_symlink():
                (base / "current").symlink_to("releases/2")
        self.environment = self._environment()
        (directory / "state").mkdir(mode=0o700, exist_ok=True)
        self.database = open_database(directory / "state")
        self.store = RunStore(self.database)
        self.clock = SystemClock()
        self.shells = {host: FakeShell(host) for host in HOSTS}
        self.http = FakeHttp(probe)
        self.reach = FakeReach(
            self.environment, shells=self.shells, http=self.http, sql={"mysql": FakeSql(lambda *_: [(0,)])}
        )
        self.audit = Audit(AuditRows(self.database), OPERATOR, self.clock, syslog=directory / "nosyslog")
        self.lost = Flag()
        self.step_kinds = {**step_kinds(), **toy_kinds()}

    def _environment(self) -> Environment:
        archive = self.directory / "code.tar"
        if not archive.exists():
            with tarfile.open(archive, "w") as tar:
                info = tarfile.TarInfo("artisan")
                tar.addfile(info)
        hosts = tuple(
            Host(name=name, ssh=SshTarget(alias=name), roles=roles, path=str(self.directory / name))
            for name, roles in (("web1", ("web", "primary")), ("web2", ("web",)))
        )
        php = self.directory / "php"
        if not php.exists():
            php.write_text('#!/bin/sh\n[ "$1" = -v ] && echo PHP 8.2.0\n')
            php.chmod(0o755)
        app = AppSpec(path=str(self.directory / "web1"), source=CodeSource(archive=str(archive)), php=str(php))
        return make_environment(hosts=hosts, app=app, supervisor=(), config_hash="c" * 64)

    def plan(self, action: Action, **given: Json) -> Plan:
        """A plan of the action here and now."""
        return Planner(kinds=self.step_kinds, clock=self.clock).plan(action, given, self.reach, OPERATOR)

    def confirm(self, plan: Plan) -> RunRow:
        """Stores a confirmed plan."""
        row = self.store.create(plan, name_suffix="0badf00d", token=new_token(), at=self.clock.now())
        self.store.append(row.id, RunPlanned(), at=self.clock.now())
        self.store.append(row.id, RunConfirmed(), at=self.clock.now())
        return row

    def runner(
        self, run: int, *, store: RunStore | None = None, pace: Pace = QUICK, lease: Lease | None = None
    ) -> Runner:
        """A runner of the run, as a process would build it."""
        row = (store or self.store).run(run)
        chosen = store or self.store
        return Runner(
            RunnerContext(
                row=row,
                reach=self.reach,
                kinds=self.step_kinds,
                store=chosen,
                journal=Journal(chosen, row, self.clock, lease),
                audit=self.audit,
                clock=self.clock,
                operator=OPERATOR,
                config_hash=row.plan.config_hash,
                archives=self.directory / "archives",
                lost=self.lost,
                pace=pace,
            )
        )

    def run(self, plan: Plan) -> tuple[int, RunView]:
        """Confirms and runs it to its end."""
        row = self.confirm(plan)
        code = self.runner(row.id).run()
        return code, self.view(row.id)

    def view(self, run: int) -> RunView:
        """The run as everybody sees it."""
        return fold(start_view(self.store.run(run)), self.store.events(run))

    def kinds(self, run: int) -> list[str]:
        """The kinds of its events."""
        return [str(event.kind) for event in self.store.events(run)]

    def output(self, run: int, step: str, host: str) -> str:
        """What a step printed."""
        return self.store.output(run, step, host).decode()

    def current(self, host: str) -> str:
        """The linked release."""
        return (self.directory / host / "current").readlink().name

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


def protected(stage: Stage) -> Environment:
    """The stage's environment as a protected one that pins what its hosts' `.env` say."""
    for host in HOSTS:
        (stage.directory / host / "current/.env").write_text(DOTENV)
    return replace(stage.environment, tier=Tier.PROTECTED, identity=PINNED)


def step(name: str, script: str, *, on: str = "all", effect: Effect = Effect.ONCE, **more: Any) -> StepSpec:
    """A shell step in the application's directory."""
    params: Json = {"script": script, "in": "base"}
    return StepSpec(name=name, kind="shell", params=params, on=on, effect=effect, **more)


def action(*steps: StepSpec, gate: GateSpec | None = None, lock: bool = True) -> Action:
    """An action of these steps."""
    return Action(name="try", title="Try", steps=steps, gate=gate, lock=lock, digest="d" * 64)


def release(name: str, do: str, **more: Any) -> StepSpec:
    """A release step on all hosts."""
    return StepSpec(name=name, kind="release", params={"do": do}, on="all", **more)


def twelve(directory: Path) -> Action:
    """A deploy of twelve steps; each `once` step leaves one line per performance in `DIR/HOST/done`."""
    del directory

    def once(name: str, on: str = "all") -> StepSpec:
        return step(name, f"echo {name} >> done; echo out of {name}", on=on)

    return action(
        release("code", "create", effect=Effect.ONCE, check="release-exists"),
        release("shared", "shared", effect=Effect.IDEMPOTENT),
        once("one"),
        once("two"),
        once("three", on="primary"),
        step("calm", "echo calm", effect=Effect.IDEMPOTENT),
        once("four"),
        once("migrate", on="primary"),
        release("link", "link", effect=Effect.IDEMPOTENT, check="link-is", undo="release-link"),
        once("five"),
        step("look", "echo look", effect=Effect.READ),
        once("six", on="primary"),
        gate=GateSpec(duration=0.05, every=0.02),
    )


class KilledRuns(RunStore):
    """A run store whose process dies at the n-th write: before it is committed, or right after."""

    def __init__(self, *args: Any, at: int, after: bool) -> None:
        super().__init__(*args)
        self._left = at
        self._after = after

    def append(self, *args: Any, **named: Any) -> Event:
        self._left -= 1
        if self._left == 0 and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        event = super().append(*args, **named)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return event


def lock_state(stage: Stage) -> LockState:
    """Whose the environment's lock is."""
    return EnvironmentLock(stage.shells["web1"], stage.environment, stage.clock).status().state


def failing(name: str) -> Callable[[ProbeSpec], ProbeResult]:
    """Probes of which one fails."""
    return lambda spec: answered(spec, Status.FAILED if spec.name == name else Status.OK)


def breaking(stage: Stage, name: str) -> Callable[[ProbeSpec], ProbeResult]:
    """Probes of which one fails as soon as another release than the present one is linked."""
    before = stage.current("web1")
    return lambda spec: failing(name)(spec) if stage.current("web1") != before else answered(spec)


def main() -> None:
    """`DIR RUN N before|after`: runs a run and dies at its n-th write."""
    directory, run, number, when = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    stage = Stage(directory)
    store = KilledRuns(stage.database, at=number, after=when == "after") if number else stage.store
    raise SystemExit(stage.runner(run, store=store).run())


if __name__ == "__main__":
    main()
