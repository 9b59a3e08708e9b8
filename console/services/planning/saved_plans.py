"""Plans that were saved to a file: whether one may still be run.

Owns reading the file and every check of a saved plan against the operator, the configuration and the hosts of now:
nobody else accepts one. Must not decide what a plan holds, nor know the form of one in JSON.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import fields, replace
from itertools import zip_longest
from pathlib import Path

from console.domain.actions import Action
from console.domain.environment import Environment
from console.domain.plan_codec import decode_plan, plan_hash
from console.domain.plan_context import Target
from console.domain.plans import Plan, PlannedStep
from console.domain.policy import Operator
from console.domain.shellwords import Kind, refused
from console.domain.untrusted import Raw, harmless
from console.errors import InsecureError, RefusedError, UsageError
from console.own_commands import own_command
from console.ports import Reach
from console.services.planning.planner import Planner, binding_hash
from console.services.planning.staleness import differences_of

_NOTHING = "Nothing was changed."
_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?")
_LISTS = ("scripts", "check", "when", "undo", "on_abort")


def accepted_plan(file: Path, environment: Environment, action: Action, operator: Operator) -> Plan:
    """The plan in a file that `plan -o` wrote, once all of it was checked that can be without asking a host.

    UsageError or RefusedError unless it is for this environment, action, operator and configuration; InsecureError when
    somebody else could have written it.
    """
    plan = read_plan(file)
    if (plan.environment, plan.action) != (environment.name, action.name):
        raise UsageError(f"{harmless(str(file))} plans {harmless(plan.action)} on {harmless(plan.environment)}.")
    bound = (plan.config_hash, plan.protected, plan.lock)
    if bound != (binding_hash(environment, action), environment.protected, action.lock):
        raise RefusedError("The configuration has changed since that plan was made.", fix="Plan it again.")
    if plan.operator.uid != operator.uid:
        raise RefusedError(f"That plan was made by {harmless(plan.operator.label)}.", fix="Plan it yourself.")
    return plan


def derived_again(plan: Plan, action: Action, reach: Reach, planner: Planner) -> Plan:
    """The same plan, made anew from the configuration and its own params with the release and commit it pins: what runs
    is what was derived, never the text of a file. RefusedError names what differs."""
    if (plan.release and refused(Kind.RELEASE, plan.release)) or not _COMMIT.fullmatch(plan.commit):
        raise RefusedError("That plan names no release or commit that there could be.", fix="Plan it again.")
    pinned = Target(release=plan.release, commit=plan.commit)
    fresh = planner.plan(action, plan.params, reach, plan.operator, pinned=pinned)
    if plan_hash(fresh) == plan_hash(plan):
        return replace(fresh, made_at=plan.made_at)
    # Other hosts or releases also change the scripts, so these differences are named first, and alone.
    differences = _hosts_differ(plan, fresh) or _steps_differ(plan, fresh) or _rest_differs(plan, fresh)
    raise RefusedError(
        f"That plan is not what would be planned now: {'; '.join(differences)}.", done=_NOTHING, fix="Plan it again."
    )


def _hosts_differ(plan: Plan, fresh: Plan) -> list[str]:
    if [host.name for host in plan.hosts] != [host.name for host in fresh.hosts]:
        return ["it is for other hosts"]
    return differences_of(plan, fresh)


def _steps_differ(plan: Plan, fresh: Plan) -> list[str]:
    if [step.name for step in plan.steps] != [step.name for step in fresh.steps]:
        return ["its steps are others"]
    pairs = [(old, new) for old, new in zip(plan.steps, fresh.steps, strict=True) if old != new]
    return [f"the step {harmless(new.name)} is another ({_parts_differ(old, new)})" for old, new in pairs]


def _rest_differs(plan: Plan, fresh: Plan) -> list[str]:
    said = replace(plan, title=fresh.title, notes=fresh.notes, made_at=fresh.made_at)
    names = [each.name for each in fields(Plan) if getattr(said, each.name) != getattr(fresh, each.name)]
    return [f"its {name.replace('_', ' ')} is another" for name in names]


def _parts_differ(old: PlannedStep, new: PlannedStep) -> str:
    names = [each.name for each in fields(PlannedStep) if getattr(old, each.name) != getattr(new, each.name)]
    hosts = {
        ours.host
        for name in names
        if name in _LISTS
        for ours, theirs in zip_longest(getattr(new, name), getattr(old, name))
        if ours is not None and ours != theirs
    }
    return ", ".join(name.replace("_", " ") for name in names) + (f" on {', '.join(sorted(hosts))}" if hosts else "")


def read_plan(file: Path) -> Plan:
    """The plan as it stands in the file, checked against no environment or operator. UsageError, InsecureError."""
    shown = harmless(str(file))
    try:
        with file.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
                raise InsecureError(
                    f"{shown} could have been changed by others (mode {found.st_mode & 0o7777:04o}, "
                    f"uid {found.st_uid}).",
                    done=_NOTHING,
                    fix="Plan it again into a file of your own.",
                )
            return decode_plan(json.loads(stream.read().decode("ascii")))
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}.", done=_NOTHING) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{shown} is not a plan: {Raw.of(str(error)).show(200)}",
            done=_NOTHING,
            fix=f"Write one with: {own_command('plan ACTION -e ENV -o FILE')}",
        ) from error
