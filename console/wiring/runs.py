"""Building what acts: the control of runs for the screen and the command line, and the runner process itself.

Owns which store, audit, lock and kinds a run gets. Must not decide anything about a run.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.events import RunFinished
from console.domain.policy import Operator
from console.domain.runs import Outcome
from console.errors import OpsconsoleError
from console.own_directories import own_within
from console.ports import Clock, Reach
from console.services.planning.planner import Planner, binding_hash
from console.services.records.audit import Audit
from console.services.records.operators import current_operator
from console.services.records.windows import SessionWindows
from console.services.running.host_work import Pace
from console.services.running.journal import Journal
from console.services.running.runner import Runner
from console.services.running.runner_context import RunnerContext
from console.services.runs.control import ControlContext, OpenWindows, RunControl
from console.services.runs.leases import Heartbeat, acquire, new_holder
from console.services.runs.liveness import lease_name
from console.services.runs.runner_log import runner_end
from console.services.runs.spawn import start_runner
from console.services.threads.loop import SystemClock

if TYPE_CHECKING:
    from console.config.load import Config
    from console.store.database import Database
    from console.store.leases import Leases
    from console.store.runs import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state database and what stands on it, for one operator and one session."""

    database: Database
    runs: RunStore
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
    from console.store.runs import RunStore
    from console.store.windows import WindowRows

    clock = clock or SystemClock()
    database = open_database(config.state_path, group=config.state_group)
    operator = current_operator()
    audit = Audit(AuditRows(database), operator, clock)
    windows = SessionWindows(WindowRows(database), audit, operator, session or secrets.token_hex(8), clock)
    return State(
        database=database,
        runs=RunStore(database),
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


def build_control(
    config: Config,
    state: State,
    *,
    windows: OpenWindows,
    reach: Callable[[str], AbstractContextManager[Reach]],
) -> RunControl:
    """The control of runs. `config` must have its actions."""
    context = ControlContext(
        declared=config,
        store=state.runs,
        leases=state.leases,
        audit=state.audit,
        windows=windows,
        planner=partial(build_planner, state.clock),
        reach=reach,
        operator=state.operator,
        clock=state.clock,
        start=partial(start_runner, config=config.path, state_path=config.state_path),
        runner_end=partial(runner_end, config.state_path),
    )
    return RunControl(context)


@contextmanager
def reached(config: Config, clock: Clock, name: str) -> Iterator[Reach]:
    """One environment over clients of its own, closed when the block ends."""
    from console.wiring.reach import open_reach

    reach = open_reach(config.environment(name), clock=clock, state_dir=config.state_path)
    try:
        yield reach
    finally:
        reach.close()


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
    from console.steps import step_kinds
    from console.wiring.reach import open_reach

    row = state.runs.run(run)
    journal = Journal(state.runs, row, state.clock, heartbeat.lease)
    try:
        environment = config.environment(row.environment)
        bound = binding_hash(environment, config.action(row.action))
    except OpsconsoleError as error:
        return _refuse(journal, error)
    _import_everything()
    reach = open_reach(environment, clock=state.clock, state_dir=config.state_path)
    try:
        context = RunnerContext(
            row=row,
            reach=reach,
            kinds=step_kinds(),
            store=state.runs,
            journal=journal,
            audit=state.audit,
            clock=state.clock,
            operator=state.operator,
            config_hash=bound,
            archives=own_within(config.state_path, "archives"),
            lost=heartbeat.lost,
            pace=Pace(),
        )
        return Runner(context).run()
    finally:
        reach.close()


def _refuse(journal: Journal, error: OpsconsoleError) -> int:
    """The environment or the action is no longer in the configuration: before step 1 that ends the run."""
    if journal.begun or journal.view.outcome is not None:
        raise error
    # Before step 1 there is nothing to offer: the event has no key for it.
    lacking = frozenset({"offers"})
    journal.note(RunFinished(outcome=Outcome.FAILED, detail=str(error), exit_code=error.exit_code, lacking=lacking))
    return error.exit_code


def _import_everything() -> None:
    """Loads every module a run may need now: a console updated in mid-run must not mix two versions."""
    for package in ("console.domain", "console.services", "console.steps", "console.clients", "console.store"):
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            importlib.import_module(found.name)
