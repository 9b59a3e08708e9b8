"""Step kinds of the tests' own, for what none of the shipped ones does."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from console.domain.actions import Effect, StepSpec
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.runs import Outcome, PlannedStep
from console.errors import OpsconsoleError, UsageError
from console.ports.steps import PerformContext, StepKind
from console.steps.kinds import BaseKind
from console.steps.scripts import performed


class AnyParams:
    """Takes whatever stands behind the key."""

    @classmethod
    def model_validate(cls, obj: Any, /) -> AnyParams:
        """No validation."""
        del obj
        return cls()


class Hook(BaseKind):
    """Leaves a line in a file, as a webhook would be sent. Where `FILE.kill` is, its process dies right after; where
    `FILE.fail` is, it says that something went wrong on the way."""

    Params = AnyParams
    undos = ("unhook",)
    resumes = False

    def plan(self, context: PlanContext) -> PlannedStep:
        """One line."""
        params = context.step.params
        assert isinstance(params, dict)
        return performed(context, kind="hook", text="call the hook", params=params, undos=self.undos)

    def perform(self, context: PerformContext) -> Performed:
        """Writes, and dies if asked to."""
        file = Path(str(context.step.params["file"]))
        with file.open("a") as stream:
            stream.write((context.doing or context.step.name) + "\n")
        if (kill := file.with_suffix(".kill")).exists():
            kill.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if file.with_suffix(".fail").exists():
            raise UsageError("the other side said no")
        return Performed(outcome=Outcome.OK, detail="called", data={"answered": 200})


class Talk(BaseKind):
    """Goes through everything that a performed step may use: says, reads, starts, notes, asks and waits."""

    Params = AnyParams
    resumes = True

    def plan(self, context: PlanContext) -> PlannedStep:
        """One line."""
        return performed(context, kind="talk", text="talk", params={"waits": context.step.params})

    def perform(self, context: PerformContext) -> Performed:
        """Asks twice the same; what was answered first is noted, so a later runner asks once only."""
        context.say(f"{context.run} begins with {dict(context.noted)}")
        hosts = context.step.hosts
        read = context.read(dict.fromkeys(hosts, "echo $((6 * 7)); exit 3"))
        for host, answer in read.items():
            said = "away" if isinstance(answer, OpsconsoleError) else f"{answer.status} {answer.stdout!r}"
            context.say(f"{host}: {said}")
        if not context.noted:
            first = context.ask("Go on?", ("yes", "no"))
            context.note({"first": first.word})
        ended = context.start("leave a line", dict.fromkeys(hosts, self._script(context)))
        second = context.ask("Go on?", ("yes", "no"))
        if second.word == "abort" or context.wait(float(str(context.step.params["waits"]))):
            return Performed(outcome=Outcome.CANCELLED, detail=f"aborted by {context.aborted()}")
        words = [*(one.outcome.value for one in ended.values()), str(context.noted["first"]), second.word]
        return Performed(outcome=Outcome.OK, detail=" ".join(words), data={"hosts": list(hosts)})

    def _script(self, context: PerformContext) -> str:
        paths = {context.environment.paths(context.environment.host(host)).base for host in context.step.hosts}
        return "\n".join(f"echo line >> {path}/lines" for path in sorted(paths)[:1])


class Tick(BaseKind):
    """Leaves a line on each host again and again, as a step that waits for workers sends signals."""

    Params = AnyParams
    resumes = True

    def plan(self, context: PlanContext) -> PlannedStep:
        """One line."""
        return performed(context, kind="tick", text="tick", params={})

    def perform(self, context: PerformContext) -> Performed:
        """Goes on until somebody stops it."""
        environment, hosts = context.environment, context.step.hosts
        bases = {host: environment.paths(environment.host(host)).base for host in hosts}
        while not context.wait(0.02):
            context.read({host: f"echo tick >> {base}/ticks" for host, base in bases.items()})
        return Performed(outcome=Outcome.CANCELLED, detail="aborted")


class Idle(BaseKind):
    """A kind whose author forgot both: it gives no script and performs nothing."""

    Params = AnyParams

    def plan(self, context: PlanContext) -> PlannedStep:
        """Nothing to do."""
        return performed(context, kind="idle", text="idle", params={})


def toy_kinds() -> dict[str, StepKind]:
    """Every toy by the key that names it."""
    return {"hook": Hook(), "talk": Talk(), "tick": Tick(), "idle": Idle()}


def toy(name: str, kind: str, params: Any, *, effect: Effect = Effect.ONCE, on: str = "all", **more: Any) -> StepSpec:
    """A step of a toy kind."""
    return StepSpec(name=name, kind=kind, params=params, effect=effect, on=on, **more)
