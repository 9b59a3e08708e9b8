"""The step kind `service`: restart this application's workers, or restart or reload one system service.

Owns its params, and how systemd is asked. What `restart: workers` does is `steps.workers`'. Must not touch other
programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from console.config.fields import Duration
from console.domain.actions import StepSpec
from console.domain.environment import Host
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.runs import PlannedStep
from console.domain.shellwords import Kind, refused
from console.domain.step_facts import Need, NeedKind, StepFacts
from console.errors import UsageError
from console.ports import Reach
from console.ports.steps import PerformContext
from console.services.workers.restart import WorkerRestart
from console.steps import workers
from console.steps.kinds import BaseKind
from console.steps.scripts import assemble, performed, words


class ServiceParams(BaseModel):
    """`service: {restart: workers}`, `service: {restart: UNIT}` or `service: {reload: UNIT}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    restart: str = ""
    """`workers` for the programs under `workers:`, else a systemd unit."""
    reload: str = ""
    """A systemd unit, such as php8.2-fpm."""
    drain: Duration | None = None
    """Workers: how long jobs in flight are waited for before an operator is asked; by default half a minute longer than
    the longest of them may take, and 10m where they have no limit."""
    via: Literal["signal", "term"] = "signal"
    """Workers: `signal` tells them by the application's cache, `term` by TERM to each process, where no cache reaches
    them; a sleep inside a job returns early then."""
    hard: bool = False
    """Workers: stop and start them whatever they do. The plan says which jobs that may cut."""

    @model_validator(mode="after")
    def _one_of(self) -> ServiceParams:
        if bool(self.restart) == bool(self.reload):
            raise ValueError("either `restart` or `reload`")
        name = self.restart or self.reload
        if not name.startswith("{") and refused(Kind.NAME, name):
            raise ValueError("a plain service name")
        if self.restart != "workers" and (self.drain is not None or self.via != "signal" or self.hard):
            raise ValueError("`drain`, `via` and `hard` are for `restart: workers`")
        if self.hard and (self.drain is not None or self.via != "signal"):
            raise ValueError("`hard` waits for nothing: leave `drain` and `via` out")
        return self


class ServiceKind(BaseKind):
    """Restarts or reloads services."""

    Params = ServiceParams
    undos = (workers.UNDO,)
    resumes = True

    def facts(self, step: StepSpec) -> StepFacts:
        """Services come up on what lies there when they start, so their way back is the last of all."""
        stops = ServiceParams.model_validate(step.params).restart == "workers"
        return StepFacts(undone_last=True, stops_workers=stops)

    def plan(self, context: PlanContext) -> PlannedStep:
        """Workers are restarted by the runner, units by a script; the way back is the same restart, for code that has
        been put back."""
        params = ServiceParams.model_validate(context.params(context.hosts[0]))
        if params.restart == "workers":
            return self._workers(context, params)
        return assemble(
            context,
            kind="service",
            write=lambda host: self._body(context, host),
            text=lambda host: self._text(context, host),
            facts=self.facts(context.step),
            needs=lambda host: self._needs(context, host),
            undos={workers.UNDO: lambda host: self._body(context, host)},
        )

    def advise(
        self, context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep]
    ) -> Sequence[str]:
        """What the hosts' workers mean for the step; nothing about units."""
        return () if step.scripts else workers.advise(context, step, reach, later)

    def perform(self, context: PerformContext) -> Performed:
        """Restarts the workers, or goes on with it."""
        return WorkerRestart(context, workers.request_of(context.step, context.doing)).perform()

    def _workers(self, context: PlanContext, params: ServiceParams) -> PlannedStep:
        document = workers.restart_params(context, hard=params.hard, term=params.via == "term", drain=params.drain)
        return performed(
            context,
            kind="service",
            text=workers.restart_text(document),
            params=document,
            danger=workers.restart_danger(hard=params.hard),
            undos=self.undos,
            facts=self.facts(context.step),
            needs=lambda host: workers.restart_needs(context, host),
        )

    def _params(self, context: PlanContext, host: Host) -> ServiceParams:
        return ServiceParams.model_validate(context.params(host))

    def _needs(self, context: PlanContext, host: Host) -> list[Need]:
        params = self._params(context, host)
        verb, unit = ("restart", params.restart) if params.restart else ("reload", params.reload)
        return [Need(host=host.name, what=NeedKind.UNIT, name=unit, command=(verb,))]

    def _text(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        return f"systemctl {'restart' if params.restart else 'reload'} {params.restart or params.reload}"

    def _body(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        verb, unit = ("restart", params.restart) if params.restart else ("reload", params.reload)
        if refused(Kind.NAME, unit):
            raise UsageError(f"The step {context.step.name} names no plain service.")
        return f"exec {words(['sudo', '-n', '--', 'systemctl', verb, '--', unit])}"
