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

from console.cli.groups import WholeGroup
from console.cli.options import config_option, environment_option, json_option
from console.cli.output import write_json, write_line, write_note
from console.cli.reading import load_config
from console.domain.documents import Json
from console.domain.environment import Environment
from console.errors import LockHeldError, RefusedError, UsageError
from console.ports import Shell
from console.present.payload import stamp
from console.services.audit import Audit
from console.services.lock import STALE_SECONDS, EnvironmentLock, LockState, LockStatus, holder_of, new_token
from console.services.loop import SystemClock
from console.services.operators import current_operator


@dataclass(frozen=True, slots=True)
class Opened:
    """One environment's lock and the shell it is reached through."""

    environment: Environment
    shell: Shell
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
        write_json({"environment": environment, "host": target.shell.host, **_document(found), "stale": stale})
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
def release(*, config_path: Path | None, environment: str, as_json: bool, reason: str, yes: bool, confirm: str) -> int:
    """Releases a lock whose holder is dead: its counter must stand still while we watch it."""
    with _opened(config_path, environment) as target:
        seen = target.lock.status()
        if seen.state is LockState.FREE:
            return _released(environment, seen, as_json, changed=False)
        if seen.state is LockState.DEPLOYER:
            raise LockHeldError(
                f"the lock of {environment} is {seen.sentence}",
                done="nothing was changed: it is not ours",
                fix="run `dep deploy:unlock` where Deployer is used",
            )
        if not reason.strip():
            raise UsageError("taking a lock away needs --reason TEXT", done=f"it is {seen.sentence}")
        _confirmed(target.environment, yes=yes, typed=confirm)
        write_note(f"{environment}: {seen.sentence}; watching it for up to {STALE_SECONDS:g} s")
        seen, stale = target.lock.watch()
        if seen.state is not LockState.HELD:
            return _released(environment, seen, as_json, changed=False)
        if not stale:
            raise LockHeldError(
                f"the lock of {environment} is {seen.sentence}, and its holder is alive",
                done="nothing was changed",
                fix=_abort(seen),
            )
        _take_away(target, seen, reason)
    return _released(environment, seen, as_json, changed=True)


def _abort(seen: LockStatus) -> str:
    if seen.holder is None or seen.holder.run is None:
        return "wait for it, or ask them"
    return f"wait for it, or on {seen.holder.machine}: opsconsole runs abort {seen.holder.run}"


def _take_away(target: Opened, seen: LockStatus, reason: str) -> None:
    from console.store.audit import AuditRows
    from console.store.database import open_database

    clock, operator = SystemClock(), current_operator()
    database = open_database(target.state_path, group=target.state_group)
    try:
        audit = Audit(AuditRows(database), operator, clock)
        mine = holder_of(operator, token=new_token(), why=reason.strip(), at=clock.now())
        target.lock.steal(seen, mine, reason=reason, audit=audit)
        target.lock.release(mine.token)
        audit.witness(target.shell, target.environment.paths(target.environment.primary()).control)
    finally:
        database.close()


def _confirmed(environment: Environment, *, yes: bool, typed: str) -> None:
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
    elif not yes and not (asks and click.confirm("Take the lock away?", err=True)):
        raise RefusedError("this was not confirmed", done="nothing was changed", fix="add --yes")


def _released(environment: str, seen: LockStatus, as_json: bool, *, changed: bool) -> int:
    if as_json:
        write_json({"environment": environment, "released": changed, "was": _document(seen)})
    else:
        write_line(f"{environment}: released; it was {seen.sentence}" if changed else f"{environment}: {seen.sentence}")
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
def _opened(config_path: Path | None, name: str) -> Iterator[Opened]:
    from console.wiring.reach import open_reach

    config = load_config(config_path)
    environment = config.environment(name)
    clock = SystemClock()
    reach = open_reach(environment, clock=clock, state_dir=config.state_path)
    try:
        shell = reach.shell(environment.primary().name)
        yield Opened(
            environment, shell, EnvironmentLock(shell, environment, clock), config.state_path, config.state_group
        )
    finally:
        reach.close()
