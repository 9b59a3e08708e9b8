"""`opsconsole lock status|release`: the environment's deploy lock on its target.

Owns the commands, what they ask before a lock is taken away and what they print. Must not know how a lock is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from console.cli.environment import load_config
from console.cli.groups import WholeGroup
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_line, write_note
from console.cli.streams import outliving_stdout
from console.domain.documents import Json
from console.domain.environment import Environment
from console.errors import LockHeldError, RefusedError, UnreachableError, UsageError
from console.own_commands import own_command
from console.ports import Reach
from console.present.payload import stamp
from console.services.records.audit import Audit
from console.services.records.operators import current_operator
from console.services.target.living_steps import refuse_beside
from console.services.target.lock import STALE_SECONDS, EnvironmentLock, LockState, LockStatus
from console.services.target.take_over import TakenOver, TakeOver
from console.services.threads.loop import SystemClock


@dataclass(frozen=True, slots=True)
class LockTarget:
    """One environment's hosts and its lock."""

    environment: Environment
    reach: Reach
    lock: EnvironmentLock
    state_path: Path
    state_group: str


@click.group(cls=WholeGroup)
def lock() -> None:
    """The environment's deploy lock: status, release."""


@lock.command()
@config_option
@environment_option
@json_option
@click.option("--watch", is_flag=True, help=f"Watch it for up to {STALE_SECONDS:g} s to tell whether its holder lives.")
def status(config_path: Path | None, environment: str, as_json: bool, watch: bool) -> int:
    """Who holds the lock, from where, since when and why."""
    with _opened(config_path, environment) as target:
        found, stale = target.lock.watch() if watch else (target.lock.status(), None)
    if as_json:
        host = target.environment.primary().name
        write_json({"environment": environment, "host": host, **_document(found), "stale": stale})
        return 0
    write_line(f"{environment}: {found.sentence}")
    if watch and found.state is LockState.HELD:
        write_line("its holder did not move while we watched" if stale else "its holder is alive")
    return 0


@lock.command()
@config_option
@environment_option
@json_option
@click.option("--reason", default="", metavar="TEXT", help="Why the lock is taken away; it is kept in the audit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--confirm", default="", metavar="NAME", help="The name of a protected environment, to confirm.")
@click.option("--end-steps", is_flag=True, help="End steps that still run (TERM, then KILL after 10 s), then release.")
@click.option(
    "--without",
    multiple=True,
    metavar="HOST",
    help="Go on though this host cannot be asked what runs there, because its machine is known to be gone.",
)
def release(
    *,
    config_path: Path | None,
    environment: str,
    as_json: bool,
    reason: str,
    yes: bool,
    confirm: str,
    end_steps: bool,
    without: tuple[str, ...],
) -> int:
    """Releases a lock whose holder is dead: its counter must stand still while we watch it, and no step may run."""
    with (
        _opened(config_path, environment) as target,
        _audited(target) as audit,
        audit.refusals("lock.release", environment=environment, also=(UnreachableError,)),
    ):
        taking = TakeOver(
            reach=target.reach,
            lock=target.lock,
            audit=audit,
            operator=current_operator(),
            clock=SystemClock(),
            without=frozenset(without),
        )
        seen = target.lock.status()
        if seen.state is LockState.DEPLOYER:
            raise LockHeldError(
                f"the lock of {environment} is {seen.sentence}",
                done="nothing was changed: it is not ours",
                fix="run `dep deploy:unlock` where Deployer is used",
            )
        if seen.state is LockState.FREE and not (end_steps and taking.look().steps):
            return _report_free(taking, seen, as_json)
        if not reason.strip():
            raise UsageError("taking a lock away needs --reason TEXT", done=f"it is {seen.sentence}")
        question = "End what runs?" if seen.state is LockState.FREE else "Take the lock away?"
        _confirmed(target.environment, question, yes=yes, typed=confirm)
        if seen.state is not LockState.FREE:
            seen = _watched(target, seen)
            if seen.state is not LockState.HELD:
                return _report_free(taking, seen, as_json)
        taken = taking.release(seen, reason, end_steps=end_steps)
        primary = target.environment.primary()
        audit.witness(target.reach.shell(primary.name), target.environment.paths(primary).control)
    with outliving_stdout():
        return _released(environment, seen, as_json, taken)


def _watched(target: LockTarget, seen: LockStatus) -> LockStatus:
    """The lock as it is after a watch. LockHeldError when its holder is alive."""
    name = target.environment.name
    write_note(f"{name}: {seen.sentence}; watching it for up to {STALE_SECONDS:g} s")
    seen, stale = target.lock.watch()
    if seen.state is LockState.HELD and not stale:
        raise LockHeldError(
            f"the lock of {name} is {seen.sentence}, and its holder is alive",
            done="nothing was changed",
            fix=_abort(seen),
        )
    return seen


def _report_free(taking: TakeOver, seen: LockStatus, as_json: bool) -> int:
    """There is nothing to release. What runs all the same is an error; hosts that did not answer are named."""
    name = taking.reach.environment.name
    look = taking.look()
    refuse_beside(look.living, done=f"Nothing was changed: the lock is {seen.sentence}.", environment=name)
    for host, why in look.unasked.items():
        write_note(f"What runs on {host} is not known: {why}")
    if as_json:
        unasked: list[Json] = list(look.unasked)
        write_json(
            {
                "environment": name,
                "released": False,
                "was": _document(seen),
                "ended_steps": [],
                "unasked_hosts": unasked,
            }
        )
    else:
        write_line(f"{name}: {seen.sentence}")
    return 0


def _abort(seen: LockStatus) -> str:
    if seen.holder is None or seen.holder.run is None:
        return "wait for it, or ask them"
    return f"wait for it, or on {seen.holder.machine}: {own_command(f'runs abort {seen.holder.run}')}"


@contextmanager
def _audited(target: LockTarget) -> Iterator[Audit]:
    from console.store.audit import AuditRows
    from console.store.database import open_database

    database = open_database(target.state_path, group=target.state_group)
    try:
        yield Audit(AuditRows(database), current_operator(), SystemClock())
    finally:
        database.close()


def _confirmed(environment: Environment, question: str, *, yes: bool, typed: str) -> None:
    """Passes when the operator has agreed; RefusedError. Asks only at a terminal."""
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if environment.protected:
        if not typed and asks:
            typed = click.prompt(f"{environment.name} is protected; type its name", err=True, default="")
        if typed != environment.name:
            raise RefusedError(
                f"{environment.name} is protected and was not confirmed",
                done="nothing was changed",
                fix=f"add --confirm {environment.name}",
            )
    elif not yes and not (asks and click.confirm(question, err=True)):
        raise RefusedError("this was not confirmed", done="nothing was changed", fix="add --yes")


def _released(environment: str, seen: LockStatus, as_json: bool, taken: TakenOver) -> int:
    if as_json:
        steps: list[Json] = [
            {"host": one.step.host, "run": one.step.run, "step": one.step.remote.step, "detail": one.detail}
            for one in taken.ended
        ]
        unasked: list[Json] = list(taken.unasked)
        write_json(
            {
                "environment": environment,
                "released": True,
                "was": _document(seen),
                "ended_steps": steps,
                "unasked_hosts": unasked,
            }
        )
        return 0
    for one in taken.ended:
        write_line(f"{one.step.sentence}: it {one.detail}")
    for host, why in taken.unasked.items():
        write_note(f"{host} was left out, what runs there is not known: {why}")
    write_line(f"{environment}: released; it was {seen.sentence}")
    return 0


def _document(found: LockStatus) -> dict[str, Json]:
    holder: Json = None
    if found.holder is not None:
        holder = {
            "who": found.holder.who,
            "origin": found.holder.origin,
            "machine": found.holder.machine,
            "why": found.holder.why,
            "run": found.holder.run,
            "since": stamp(found.holder.since),
        }
    return {"state": found.state.value, "holder": holder, "detail": found.detail}


@contextmanager
def _opened(config_path: Path | None, name: str) -> Iterator[LockTarget]:
    from console.wiring.reach import open_reach

    config = load_config(config_path)
    environment = config.environment(name)
    clock = SystemClock()
    reach = open_reach(environment, clock=clock, state_dir=config.state_path)
    try:
        lock = EnvironmentLock(reach.shell(environment.primary().name), environment, clock)
        yield LockTarget(environment, reach, lock, config.state_path, config.state_group)
    finally:
        reach.close()
