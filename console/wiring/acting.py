"""Building what acts: runs for the screen and the command line, and the runner process itself.

Owns which store, audit, lock and kinds a run gets. Must not decide anything about a run.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.documents import Json
from console.domain.policy import Operator
from console.domain.runs import EventKind, Outcome
from console.errors import OpsconsoleError
from console.ports import Clock, Publish, Reach
from console.services.audit import Audit
from console.services.leases import Heartbeat, acquire, new_holder
from console.services.ledger import Ledger
from console.services.loop import SystemClock
from console.services.means import Means
from console.services.operators import current_operator
from console.services.performing import Pace
from console.services.planner import Planner, binding_hash
from console.services.runner import Runner
from console.services.runs import LiveRuns, RunDesk, lease_name
from console.services.spawn import start_runner
from console.services.windows import SessionWindows

if TYPE_CHECKING:
    from console.config.load import Config
    from console.store.database import Database
    from console.store.leases import Leases
    from console.store.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state database and what stands on it, for one operator and one session."""

    database: Database
    runs: Runs
    leases: Leases
    audit: Audit
    windows: SessionWindows
    operator: Operator
    clock: Clock

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


def open_state(config: Config, *, clock: Clock | None = None, session: str = "") -> State:
    """Opens the configuration's state. StateError, InsecureError."""
    from console.store.audit import AuditRows
    from console.store.database import open_database
    from console.store.leases import Leases
    from console.store.runs import Runs
    from console.store.windows import WindowRows

    clock = clock or SystemClock()
    database = open_database(config.state_path, group=config.state_group)
    operator = current_operator()
    audit = Audit(AuditRows(database), operator, clock)
    windows = SessionWindows(WindowRows(database), audit, operator, session or secrets.token_hex(8), clock)
    return State(
        database=database,
        runs=Runs(database),
        leases=Leases(database),
        audit=audit,
        windows=windows,
        operator=operator,
        clock=clock,
    )


def build_planner(clock: Clock) -> Planner:
    """A planner with every step kind of this version."""
    from console.steps import step_kinds

    return Planner(kinds=step_kinds(), clock=clock, variables=dict(os.environ))


def build_runs(config: Config, state: State, reach: Callable[[str], Reach], publish: Publish) -> LiveRuns:
    """`ports.Runs`; call `start_following` on it, and `close` in the end. `config` must have its actions."""
    desk = RunDesk(
        environments=config.environments,
        actions=config.actions,
        store=state.runs,
        leases=state.leases,
        audit=state.audit,
        windows=state.windows,
        planner=build_planner(state.clock),
        reach=reach,
        operator=state.operator,
        clock=state.clock,
        start=partial(start_runner, config=config.path, state_path=config.state_path),
    )
    return LiveRuns(desk, publish)


def run_runner(run: int, config_path: Path | None) -> int:
    """The runner process of one run: takes the run's lease and goes through it; the exit code.

    LockHeldError when another runner of this run is alive.
    """
    from console.wiring.configuration import load

    config = load(config_path)
    state = open_state(config)
    try:
        lease = acquire(state.leases, lease_name(run), new_holder(), state.clock)
        with Heartbeat(state.leases, lease, state.clock).start() as heartbeat:
            return _run(run, config, state, heartbeat)
    finally:
        state.close()


def _run(run: int, config: Config, state: State, heartbeat: Heartbeat) -> int:
    from console.wiring.reach import open_reach

    row = state.runs.run(run)
    ledger = Ledger(state.runs, row, state.clock, heartbeat.lease)
    try:
        environment = config.environment(row.environment)
        bound = binding_hash(environment, config.action(row.action))
    except OpsconsoleError as error:
        return _refuse(ledger, error)
    _import_everything()
    reach = open_reach(environment, clock=state.clock, state_dir=config.state_path)
    try:
        means = Means(
            row=row,
            reach=reach,
            store=state.runs,
            ledger=ledger,
            audit=state.audit,
            clock=state.clock,
            operator=state.operator,
            config_hash=bound,
            archives=config.state_path / f"archives-{os.geteuid()}",
            lost=heartbeat.lost,
            pace=Pace(),
        )
        return Runner(means).run()
    finally:
        reach.close()


def _refuse(ledger: Ledger, error: OpsconsoleError) -> int:
    """The environment or the action is no longer in the configuration: before step 1 that ends the run."""
    if ledger.begun or ledger.view.outcome is not None:
        raise error
    data: dict[str, Json] = {"outcome": Outcome.FAILED.value, "detail": str(error), "exit_code": error.exit_code}
    ledger.note(EventKind.RUN_FINISHED, data=data)
    return error.exit_code


def _import_everything() -> None:
    """Loads every module a run may need now: a console updated in mid-run must not mix two versions."""
    for package in ("console.domain", "console.services", "console.steps", "console.clients", "console.store"):
        module = importlib.import_module(package)
        for found in pkgutil.iter_modules(module.__path__):
            importlib.import_module(f"{package}.{found.name}")
