"""From an action and an environment to a plan: exact scripts, pinned commit and release, sentences to read first.

Owns the decisions. Reading is `survey`'s, scripts are the step kinds'. Must not change anything anywhere.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.domain import git
from console.domain.actions import Action, GateSpec, Param, ParamType, StepSpec
from console.domain.documents import Json, digest
from console.domain.environment import Environment, Host
from console.domain.health import ProbeSpec, Status
from console.domain.parameters import ALLOW_FAILING, resolve
from console.domain.planning import PlanContext, Target
from console.domain.policy import Operator
from console.domain.releases import common_candidate, next_name
from console.domain.runs import Plan, PlannedHost, PlannedStep
from console.domain.templates import fill
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, RefusedError, RemoteError, UsageError
from console.ports import Clock, Reach
from console.services import survey as surveying
from console.services.advice import cache_advice, key_advice, migration_advice, prune_advice
from console.services.detaching import detaching_advice
from console.services.identity import prove_all
from console.services.lock import EnvironmentLock, LockState
from console.services.parallel import each
from console.services.step_kinds import StepKinds
from console.services.survey import Survey


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. `variables` are the process's environment variables, for advice about keys only."""

    kinds: StepKinds
    clock: Clock
    variables: Mapping[str, str] = field(default_factory=dict)

    def plan(self, action: Action, given: Mapping[str, Json], reach: Reach, operator: Operator) -> Plan:
        """What `action` would do here and now. Refusals are RefusedError, wrong parameters UsageError."""
        environment = reach.environment
        check_needs(action, environment)
        scope = _scope(environment, action)
        params = resolve(action, given, scope)
        prove_all(reach)
        found = surveying.survey(reach)
        target = self._target(action, params, given, reach, found)
        base = PlanContext(
            environment=environment,
            scope={**scope, "param": params},
            target=target,
            operator=operator.label,
            before={host.host: host.current for host in found.hosts},
            releases={host.host: tuple(release.name for release in host.releases) for host in found.hosts},
            spared=frozenset({common_candidate(found.hosts)}),
        )
        steps, notes = self._steps(action, base)
        notes += migration_advice(reach, action, target, found)
        notes += (
            detaching_advice(reach, steps, params)
            + prune_advice(reach, steps)
            + cache_advice(reach, steps)
            + key_advice(environment, self.variables)
        )
        gate, probed = self._gate(action, params, reach, refusing=target.creates)
        currents = {host.current for host in found.hosts}
        return Plan(
            action=action.name,
            title=action.title,
            environment=environment.name,
            protected=environment.protected,
            params=params,
            steps=tuple(steps),
            hosts=tuple(_planned_host(host, found) for host in environment.hosts),
            operator=operator,
            lock=action.lock,
            gate=gate,
            release=target.release,
            commit=target.commit,
            rollback_target=currents.pop() if target.creates and len(currents) == 1 else "",
            notes=(*(self._held(reach) if action.lock else ()), *notes, *probed),
            config_hash=binding_hash(environment, action),
            made_at=self.clock.now(),
        )

    def _held(self, reach: Reach) -> tuple[str, ...]:
        """Who holds the lock now: the run would end before its first step."""
        environment = reach.environment
        with contextlib.suppress(OpsconsoleError):
            status = EnvironmentLock(reach.shell(environment.primary().name), environment, self.clock).status()
            if status.state in (LockState.HELD, LockState.DEPLOYER):
                return (f"The lock is {status.sentence}. A run started now would be refused.",)
        return ()

    def _target(
        self, action: Action, params: Mapping[str, Json], given: Mapping[str, Json], reach: Reach, found: Survey
    ) -> Target:
        verbs = [_verb(step) for step in action.steps]
        if "create" in verbs:
            names = [release.name for host in found.hosts for release in host.releases]
            return self._new(params, given, reach, next_name(names, self.clock.now()), action)
        if "link" not in verbs:
            return Target()
        return Target(release=_going_back(action, params, found))

    def _new(
        self, params: Mapping[str, Json], given: Mapping[str, Json], reach: Reach, release: str, action: Action
    ) -> Target:
        source = reach.environment.app.source
        if source is None:
            raise UsageError("There is no code to deploy from.", fix="Set `app.source` of the environment.")
        if source.archive:
            _refuse_ref(action, given)
            archive = surveying.read_archive(_chosen_archive(action, params) or source.archive)
            ref = posixpath.basename(archive.path)
            return Target(release=release, creates=True, commit=archive.sha256, ref=ref, archive=archive)
        asked = [params.get(param.name) for param in action.params if param.type is ParamType.GIT_REF]
        ref = next((value for value in asked if isinstance(value, str) and value), source.ref or "HEAD")
        shell = reach.shell(reach.environment.primary().name)
        done = shell.run(git.ls_remote_script(source.git), deadline=30.0)
        if done.status != 0:
            raise RemoteError(
                f"{shell.host} cannot read the repository: {Raw.of(done.stderr).show(300)}",
                status=done.status,
                done="Nothing was changed.",
                fix=f"On {shell.host}, as the account of the deploy: git ls-remote {Raw.of(source.git).show(200)}",
            )
        return Target(release=release, creates=True, commit=git.resolve_ref(done.stdout, ref), ref=ref)

    def _steps(self, action: Action, base: PlanContext) -> tuple[list[PlannedStep], list[str]]:
        steps: list[PlannedStep] = []
        notes: list[str] = []
        linked = False
        for spec in action.steps:
            hosts = base.environment.on(spec.on)
            if not hosts:
                notes.append(f"No host has the role {spec.on}: the step {spec.name} is left out.")
                continue
            kind = self.kinds.get(spec.kind)
            if kind is None:
                raise UsageError(f"There is no step kind {spec.kind}.")
            try:
                steps.append(kind.plan(replace(base, step=spec, hosts=hosts, linked=linked)))
            except ValueError as error:
                # Only with its templates filled does a param say something its kind cannot take.
                raise UsageError(f"The step {spec.name} cannot be planned: {Raw.of(str(error)).show(300)}") from error
            linked = linked or _verb(spec) == "link"
        return steps, notes

    def _gate(
        self, action: Action, params: Mapping[str, Json], reach: Reach, *, refusing: bool
    ) -> tuple[GateSpec | None, list[str]]:
        """The gate with its probes' names, and what to say of those failing now.

        An action that builds a new release is refused while a probe fails; one that goes back is meant for that.
        """
        if action.gate is None:
            return None, []
        health = reach.environment.health
        wanted = action.gate.probes or tuple(probe.name for probe in health)
        unknown = [name for name in wanted if name not in {probe.name for probe in health}]
        if unknown:
            raise UsageError(f"The gate of {action.name} names probes that are not configured: {', '.join(unknown)}.")
        if not wanted:
            return None, ["No health probes are configured: the gate has nothing to judge by and is left out."]
        allowed = params.get(ALLOW_FAILING)
        allowing = [str(name) for name in allowed] if isinstance(allowed, list) else []
        failing = _failing(reach, [probe for probe in health if probe.name in wanted])
        refused = [name for name in failing if name not in allowing]
        if refused and refusing:
            raise RefusedError(
                f"Failing before the start: {'; '.join(f'{name} ({failing[name]})' for name in refused)}.",
                done="Nothing was planned: a gate could not tell this failure from one of the deploy.",
                fix=f"Mend it, or go on knowingly: --param {ALLOW_FAILING}={','.join(failing)}",
            )
        notes = [f"Failing now: {name} ({why})." for name, why in failing.items()]
        judged = tuple(name for name in wanted if name not in allowing)
        if allowing:
            notes.append(f"The gate does not judge by: {', '.join(allowing)}.")
        if not judged:
            return None, [*notes, "No probe is left for the gate: it is left out."]
        spec = action.gate
        return GateSpec(probes=judged, duration=spec.duration, every=spec.every, on_failure=spec.on_failure), notes


def _refuse_ref(action: Action, given: Mapping[str, Json]) -> None:
    """UsageError when a git ref was asked for where an archive is deployed: it would be passed over in silence."""
    refs = [param.name for param in action.params if param.type is ParamType.GIT_REF and given.get(param.name)]
    if refs:
        raise UsageError(
            f"--param {refs[0]} names a git ref, and this environment deploys an archive.",
            done="Nothing was planned.",
            fix="Leave it out, or set `app.source: {git: …}` of the environment.",
        )


def _chosen_archive(action: Action, params: Mapping[str, Json]) -> str:
    """The archive that an action names itself, by a parameter `archive` of type path; empty for the environment's."""
    for param in action.params:
        value = params.get(param.name)
        if param.type is ParamType.PATH and param.name == "archive" and isinstance(value, str) and value:
            if not posixpath.isabs(value):
                raise UsageError("--param archive: an absolute path on this machine.")
            return value
    return ""


def binding_hash(environment: Environment, action: Action) -> str:
    """What of the configuration a plan is bound to: the environment's resolved section and the action's file."""
    return digest({"environment": environment.config_hash, "action": action.digest})


def as_offered(action: Action, environment: Environment) -> Action:
    """The action as this environment is asked for it: defaults filled in, and no git ref where an archive is deployed;
    at once."""
    source, scope = environment.app.source, _scope(environment, action)

    def fitted(param: Param) -> Param:
        default, ask = param.default, param.ask
        if param.type is ParamType.GIT_REF and source is not None and source.archive:
            ask = False
        with contextlib.suppress(OpsconsoleError):
            # What only a host or the plan can say stays as it was declared.
            default = fill(default, scope) if isinstance(default, str) else default
        return replace(param, default=default, ask=ask)

    return replace(action, params=tuple(fitted(param) for param in action.params))


def check_needs(action: Action, environment: Environment) -> None:
    """RefusedError when the environment is not what the action's `needs` say; at once."""
    source = environment.app.source
    have: dict[str, Json] = {
        "layout": environment.app.layout.value,
        "source": "none" if source is None else "git" if source.git else "archive",
        "workers": bool(environment.supervisor),
        "health": bool(environment.health),
    }
    for name, wanted in action.needs.items():
        if name not in have:
            raise UsageError(f"The action {action.name} needs {name}, which this console does not know.")
        met = have[name] != "none" if name == "source" and wanted == "any" else have[name] == wanted
        if not met:
            raise RefusedError(
                f"{action.title} needs {name}: {wanted}; {environment.name} has {have[name]}.",
                done="Nothing was planned.",
            )


def _going_back(action: Action, params: Mapping[str, Json], found: Survey) -> str:
    asked = [params.get(param.name) for param in action.params if param.type is ParamType.RELEASE]
    name = next((value for value in asked if isinstance(value, str) and value), "")
    if not name:
        name = common_candidate(found.hosts)
        if not name:
            raise RefusedError(
                "There is no release to go back to: none before the current one was live, is not bad and lies on "
                "every host.",
                done="Nothing was planned.",
            )
        return name
    for host in found.hosts:
        release = host.release(name)
        if release is None:
            raise UsageError(f"{host.host} has no release {name}.")
        if release.bad:
            raise RefusedError(f"The release {name} is marked bad on {host.host}.", done="Nothing was planned.")
    if all(host.current == name for host in found.hosts):
        raise RefusedError(f"The release {name} is the current one on every host.", done="Nothing was planned.")
    return name


def _failing(reach: Reach, probes: Sequence[ProbeSpec]) -> dict[str, str]:
    http = reach.http()
    by_name = {probe.name: probe for probe in probes}
    results = each(by_name, lambda name: http.probe(by_name[name]))
    bad = (Status.FAILED, Status.CRASHED)
    return {
        name: Raw.of(one.detail or one.status.value).show(120) for name, one in results.items() if one.status in bad
    }


def _scope(environment: Environment, action: Action) -> dict[str, Json]:
    source = environment.app.source
    return {
        "app": {
            "php": environment.app.php,
            "keep": environment.app.keep,
            "source": {
                "ref": source.ref if source else "",
                "git": source.git if source else "",
                "archive": source.archive if source else "",
            },
        },
        "env": {"name": environment.name, "tier": environment.tier.value, "url": environment.url},
        "run": {"action": action.name},
    }


def _planned_host(host: Host, found: Survey) -> PlannedHost:
    state = found.host(host.name)
    user = f"{host.ssh.user}@" if host.ssh.user else ""
    return PlannedHost(
        name=host.name,
        address=host.ssh.alias or f"{user}{host.ssh.host}:{host.ssh.port}",
        host_key=found.keys[host.name],
        current=state.current,
        releases=tuple(release.name for release in state.releases),
    )


def _verb(step: StepSpec) -> str:
    if step.kind != "release":
        return ""
    do = step.params.get("do") if isinstance(step.params, dict) else step.params
    return do if isinstance(do, str) else ""
