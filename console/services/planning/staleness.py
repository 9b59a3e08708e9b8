"""Whether hosts and configuration are still as the plan found them, compared under the lock just before step 1.

Owns both comparisons: with the plan's hash before anything was done, and with what the journal implies once a step has
begun. Must not read anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from console.domain.plan_codec import plan_hash
from console.domain.plans import undo_name
from console.domain.releases import HostReleases
from console.domain.runs import Outcome, Plan, RunView
from console.domain.untrusted import harmless
from console.errors import RefusedError


def compare_fresh(
    plan: Plan, hosts: Mapping[str, HostReleases], keys: Mapping[str, str], *, config_hash: str, confirmed: str
) -> None:
    """RefusedError unless a plan of the present state would have the confirmed hash. Nothing has been done yet."""
    fresh = replace(
        plan,
        config_hash=config_hash,
        hosts=tuple(
            replace(
                host,
                host_key=keys.get(host.name, ""),
                current=hosts[host.name].current,
                releases=tuple(release.name for release in hosts[host.name].releases),
            )
            for host in plan.hosts
        ),
    )
    # No plan goes to a release marked bad, so a mark on it is newer than the plan. A release that the run creates does
    # not exist yet.
    marked = [
        f"{plan.release} is marked bad on {host.name}" for host in plan.hosts if _bad(hosts[host.name], plan.release)
    ]
    if plan_hash(fresh) == confirmed and not marked:
        return
    differences = "; ".join([*differences_of(plan, fresh), *marked]) or "the plan was altered"
    raise RefusedError(
        f"What was planned is no longer what is there: {differences}.",
        done="Nothing was changed.",
        fix="Plan it again.",
    )


def compare_resumed(plan: Plan, view: RunView, hosts: Mapping[str, HostReleases], keys: Mapping[str, str]) -> list[str]:
    """What a resumed run finds that its journal does not explain, one sentence each; empty when all of it fits."""
    wrong = []
    for host in plan.hosts:
        if keys.get(host.name, "") != host.host_key:
            wrong.append(f"{host.name} has another host key")
        current = hosts[host.name].current
        implied = _implied(plan, view, host.name, host.current)
        if current not in implied:
            expected = " or ".join(sorted(implied)) or "none"
            wrong.append(f"{host.name} is on {harmless(current) or 'no release'}, the journal says {expected}")
    return wrong


def link_begun(plan: Plan, view: RunView) -> bool:
    """Whether the link has been, or may have been, switched on any host."""
    links = {step.name for step in plan.steps if step.facts.switches_link}
    return any(progress.attempt for step in view.steps if step.name in links for progress in step.hosts.values())


def _implied(plan: Plan, view: RunView, host: str, before: str) -> set[str]:
    implied = {before}
    for step in plan.steps:
        if not step.facts.switches_link:
            continue
        progress = next((one.hosts.get(host) for one in view.steps if one.name == step.name), None)
        undone = any(one.name == undo_name(step.name) for one in view.steps)
        if progress is None or not progress.attempt:
            continue
        implied = {plan.release} if progress.outcome is Outcome.OK and not undone else {before, plan.release}
    return implied


def _bad(found: HostReleases, name: str) -> bool:
    release = found.release(name)
    return release is not None and release.bad


def differences_of(plan: Plan, fresh: Plan) -> list[str]:
    """What has changed in the configuration and on the hosts, one sentence each."""
    found = []
    if plan.config_hash != fresh.config_hash:
        found.append("the configuration or the action's file has changed")
    for old, new in zip(plan.hosts, fresh.hosts, strict=True):
        if old.host_key != new.host_key:
            found.append(f"{old.name} has another host key")
        if old.current != new.current:
            found.append(f"{old.name} was on {old.current or 'no release'} and is on {new.current or 'none'}")
        elif old.releases != new.releases:
            found.append(f"{old.name} has other releases than before")
    return found
