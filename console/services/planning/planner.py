"""From an action and an environment to a plan: exact scripts, pinned commit and release, sentences to read first.

Owns the decisions; `survey` reads the hosts, and step kinds write the scripts. Must not change anything anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.domain.actions import Action, Param, ParamType, StepSpec
from console.domain.documents import Json, digest
from console.domain.environment import Environment, Host, Layout
from console.domain.left_down import ends_down
from console.domain.parameters import resolve
from console.domain.plan_context import PlanContext, Target
from console.domain.policy import Operator
from console.domain.releases import common_candidate, next_name
from console.domain.runs import Plan, PlannedHost, PlannedStep
from console.domain.step_facts import StepFacts
from console.domain.templates import fill
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError, RefusedError, UsageError
from console.ports import Clock, Reach
from console.ports.steps import PerformingKind, StepKind, StepKinds
from console.services.planning import survey as surveying
from console.services.planning.advice import (
    asset_advice,
    cache_advice,
    key_advice,
    kind_advice,
    migration_advice,
    prune_advice,
)
from console.services.planning.maintenance_advice import mode_advice, mode_of
from console.services.planning.planned_gate import plan_gate
from console.services.planning.survey import Survey
from console.services.planning.targets import TargetCode, going_back, new_release, refuse_parts
from console.services.target.detachment import detaching_advice
from console.services.target.identity import prove_all
from console.services.target.living_steps import living_advice
from console.services.target.lock import EnvironmentLock, LockState
from console.services.target.needs import look_at_needs, refuse, warnings
from console.services.target.preflight import base_needs

_UNPINNED = Target()


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans. `variables` are the process's environment variables, for advice about keys only."""

    kinds: StepKinds
    clock: Clock
    variables: Mapping[str, str] = field(default_factory=dict)

    def plan(
        self,
        action: Action,
        given: Mapping[str, Json],
        reach: Reach,
        operator: Operator,
        *,
        pinned: Target = _UNPINNED,
    ) -> Plan:
        """What `action` would do here and now. Refusals are RefusedError, wrong parameters UsageError. With `pinned`, a
        new release gets that name and commit, even if the ref names another commit by now."""
        environment = reach.environment
        check_needs(action, environment)
        scope = _scope(environment, action)
        params = resolve(action, given, scope)
        found = surveying.survey(reach)
        _prove(reach, found)
        # The params of a pinned plan were resolved before, so they hold a ref even where nobody gave one.
        aim = self._aim(action, params, {} if pinned.release else given, reach, found, pinned=pinned)
        refuse_parts(aim, environment.app.source)
        target = aim.target
        mode = mode_of(reach, self.clock) if action.lock else None
        down = mode.down if mode is not None else frozenset()
        leaves = ends_down((self._declared(step) for step in action.steps), down=bool(down))
        scoped = {**scope, "param": params}
        base = replace(_context(environment, scoped, aim, found, operator), down=down, ends_down=leaves)
        planned, notes = self._steps(action, base)
        steps = [step for _, step in planned]
        findings = look_at_needs(reach, steps, base_needs(environment))
        refuse(findings, done="Nothing was planned.")
        notes += [*aim.notes, *_odd_links(environment, found), *warnings(findings)]
        notes += kind_advice(self.kinds, planned, reach)
        notes += self._advice(reach, steps, params, aim, found)
        gate, probed = plan_gate(action, params, reach, refusing=target.creates, down=mode.words if mode else "")
        if mode is not None:
            goes_back = bool(target.release) and not target.creates
            probed = [*mode_advice(mode, steps, goes_back=goes_back, gated=gate is not None), *probed]
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
            notes=(*(self._beside(reach) if action.lock else ()), *notes, *probed),
            config_hash=binding_hash(environment, action),
            made_at=self.clock.now(),
        )

    def _advice(
        self, reach: Reach, steps: Sequence[PlannedStep], params: Mapping[str, Json], aim: TargetCode, found: Survey
    ) -> list[str]:
        return [
            *migration_advice(reach, steps, aim, found),
            *detaching_advice(reach, steps, params),
            *prune_advice(reach, steps),
            *asset_advice(reach.environment, steps, aim),
            *cache_advice(reach, steps),
            *key_advice(reach.environment, self.variables),
        ]

    def _beside(self, reach: Reach) -> tuple[str, ...]:
        """Sentences on the lock and on running steps that take none; LockHeldError when steps of other runs live."""
        environment, held = reach.environment, ""
        try:
            status = EnvironmentLock(reach.shell(environment.primary().name), environment, self.clock).status()
            if status.state in (LockState.HELD, LockState.DEPLOYER):
                held = f"The lock is {status.sentence}. A run started now would be refused."
        except OpsconsoleError as error:
            held = f"Whose the lock is could not be read: {error.what}."
        notes = living_advice(reach, held)
        return (held, *notes) if held else notes

    def _aim(
        self,
        action: Action,
        params: Mapping[str, Json],
        given: Mapping[str, Json],
        reach: Reach,
        found: Survey,
        *,
        pinned: Target,
    ) -> TargetCode:
        declared = [self._declared(step) for step in action.steps]
        if any(facts.creates_release for facts in declared):
            names = [release.name for host in found.hosts for release in host.releases]
            release = pinned.release or next_name(names, self.clock.now())
            return new_release(action, params, given, reach, replace(pinned, release=release))
        if not any(facts.switches_link for facts in declared):
            return TargetCode(target=Target())
        return going_back(action, params, found)

    def _steps(self, action: Action, base: PlanContext) -> tuple[list[tuple[PlanContext, PlannedStep]], list[str]]:
        """Every step with what it was planned from, and what is left out."""
        planned: list[tuple[PlanContext, PlannedStep]] = []
        notes: list[str] = []
        linked = installed = False
        for spec in action.steps:
            hosts = base.environment.on(spec.on)
            if not hosts:
                notes.append(f"No host has the role {spec.on}: the step {spec.name} is left out.")
                continue
            context = replace(base, step=spec, hosts=hosts, linked=linked, installed=installed)
            step = self._step(context)
            planned.append((context, step))
            linked = linked or step.facts.switches_link
            installed = installed or step.facts.installs_packages
        return planned, notes

    def _step(self, context: PlanContext) -> PlannedStep:
        spec = context.step
        kind = self._kind(spec)
        try:
            step = kind.plan(context)
        except ValueError as error:
            # Whether a param suits its kind may be known only once its templates are filled.
            raise UsageError(f"The step {spec.name} cannot be planned: {Raw.of(str(error)).show(300)}") from error
        if not step.scripts and not isinstance(kind, PerformingKind):
            raise UsageError(
                f"The step {spec.name} cannot be planned: its kind {spec.kind} gave no script and performs nothing.",
                done="Nothing was planned.",
            )
        return step

    def _kind(self, spec: StepSpec) -> StepKind:
        kind = self.kinds.get(spec.kind)
        if kind is None:
            raise UsageError(f"There is no step kind {spec.kind}.")
        return kind

    def _declared(self, spec: StepSpec) -> StepFacts:
        try:
            return self._kind(spec).facts(spec)
        except ValueError as error:
            raise UsageError(f"The step {spec.name} cannot be planned: {Raw.of(str(error)).show(300)}") from error


def binding_hash(environment: Environment, action: Action) -> str:
    """A hash of the configuration that a plan is bound to: the environment's resolved section and the action's file."""
    return digest({"environment": environment.config_hash, "action": action.digest})


def as_offered(action: Action, environment: Environment) -> Action:
    """The action as it is offered in this environment: defaults filled in, and no question for a git ref where an
    archive is deployed; at once."""
    source, scope = environment.app.source, _scope(environment, action)

    def fitted(param: Param) -> Param:
        default, ask = param.default, param.ask
        if param.type is ParamType.GIT_REF and source is not None and source.archive:
            ask = False
        with contextlib.suppress(OpsconsoleError):
            # A default that only a host or the plan can fill stays as it was declared.
            default = fill(default, scope) if isinstance(default, str) else default
        return replace(param, default=default, ask=ask)

    return replace(action, params=tuple(fitted(param) for param in action.params))


def check_needs(action: Action, environment: Environment) -> None:
    """RefusedError when the environment does not meet the action's `needs`; at once."""
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


def _prove(reach: Reach, found: Survey) -> None:
    """Lets every host prove its identity; a refusal also tells what is odd about `current`, which may be the reason."""
    try:
        prove_all(reach)
    except RefusedError as error:
        odd = _odd(reach.environment, found)
        if not odd:
            raise
        raise type(error)(f"{error.what} {' '.join(odd)}", done=error.done, fix=error.fix) from error


def _odd(environment: Environment, found: Survey) -> list[str]:
    """What is odd about `current` on hosts of an application in release directories."""
    if environment.app.layout is not Layout.RELEASES:
        return []
    paths = {host.name: environment.paths(host) for host in environment.hosts}
    return [f"{host.host}: {paths[host.host].current} {host.odd}." for host in found.hosts if host.odd]


def _odd_links(environment: Environment, found: Survey) -> list[str]:
    """The sentences of `_odd`, each with what follows from it."""
    behind = "Nothing is known to be live there, and this run could not be rolled back to it."
    return [f"{sentence} {behind}" for sentence in _odd(environment, found)]


def _context(
    environment: Environment, scope: Mapping[str, Json], aim: TargetCode, found: Survey, operator: Operator
) -> PlanContext:
    return PlanContext(
        environment=environment,
        scope=scope,
        target=aim.target,
        tree=aim.tree,
        operator=operator.label,
        before={host.host: host.current for host in found.hosts},
        releases={host.host: tuple(release.name for release in host.releases) for host in found.hosts},
        spared=frozenset({common_candidate(found.hosts)}),
    )


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
