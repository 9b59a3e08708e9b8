"""What a step kind is to everybody else: the one Protocol that a file in `steps/` implements, and what it is handed.

Owns the shapes. Must not know a kind by name, nor pydantic: a kind's `Params` is any model that validates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from typing import Self

    from console.domain.actions import StepSpec
    from console.domain.documents import Json
    from console.domain.environment import Environment
    from console.domain.performed import OperatorAnswer, Performed
    from console.domain.plan_context import PlanContext
    from console.domain.plans import PlannedStep
    from console.domain.step_facts import StepFacts
    from console.errors import OpsconsoleError
    from console.ports.clients import Completed, Reach
    from console.ports.sources import Clock


class ParamsModel(Protocol):
    """The value behind a kind's key in an action file (`artisan: [migrate, --force]`), as a model that validates it."""

    @classmethod
    def model_validate(cls, obj: Any, /) -> Self:
        """The model of a plain document. ValueError when it does not fit."""
        ...


class StepKind(Protocol):
    """One kind of step: all that is known about it.

    `checks`, `undos` and `whens` are the names that `check:`, `undo:`/`on_abort:` and `when:` may say; the kind turns
    them into scripts in `plan`. A check ends 0 when the step's work is already done, 1 when it is not, anything else
    when that cannot be told. A `when` ends 0 to run the step, 1 to skip it.
    """

    @property
    def Params(self) -> type[ParamsModel]: ...  # noqa: N802
    @property
    def checks(self) -> Collection[str]: ...
    @property
    def undos(self) -> Collection[str]: ...
    @property
    def whens(self) -> Collection[str]: ...

    def facts(self, step: StepSpec) -> StepFacts:
        """What a step declared like this does; pure, its templates are not filled yet. Needs and uploads may be left
        to `plan`, which knows hosts."""
        ...

    def plan(self, context: PlanContext) -> PlannedStep:
        """The step resolved exactly: scripts per host, text, danger, facts. Pure. UsageError, RefusedError or
        ValueError if it cannot. Without scripts, the kind must have `perform`."""
        ...


class StepContext(Protocol):
    """What a kind may use while one of its steps is at work. `run` is the run's name, `archives` a directory of this
    machine, 0700, for what must be kept before it goes."""

    @property
    def step(self) -> PlannedStep: ...
    @property
    def environment(self) -> Environment: ...
    @property
    def reach(self) -> Reach: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def run(self) -> str: ...
    @property
    def archives(self) -> Path: ...


class PerformContext(StepContext, Protocol):
    """What `perform` is handed. Everything may be called from the thread that performs, and from no other.

    All but the properties may raise what ends this runner's work (the run was taken over, the lock is not ours any
    more, nobody answered): let it pass.
    """

    @property
    def doing(self) -> str:
        """The name of the way back (`undo:` or `on_abort:`) that is to be performed, empty for the step itself."""
        ...

    @property
    def noted(self) -> Mapping[str, Json]:
        """What this step noted last, in this runner or in an earlier one of the run; empty at first."""
        ...

    def note(self, data: Mapping[str, Json]) -> None:
        """Makes progress durable: a runner that goes on after this one finds it in `noted`. Answers given before it
        count for no later question."""
        ...

    def say(self, text: str) -> None:
        """Adds a line to the step's output, which is journaled and shown at once."""
        ...

    def ask(
        self,
        question: str,
        choices: tuple[str, ...],
        *,
        seconds: float | None = None,
        unless: Callable[[], bool] | None = None,
    ) -> OperatorAnswer:
        """Asks an operator, by default for as long as the step may take. An abort answers `abort`; an answer that was
        given while no runner lived counts. When nobody answers, the run waits for an operator.

        `unless` is called every two seconds meanwhile; when it is true the question has become pointless and is
        withdrawn: the answer's word is empty then."""
        ...

    def aborted(self) -> str:
        """Who asked for an abort, empty when nobody has. A way back is not abortable."""
        ...

    def wait(self, seconds: float) -> bool:
        """Waits; ends at once, and is True, when an operator aborts."""
        ...

    def read(self, scripts: Mapping[str, str], *, deadline: float = 20.0) -> Mapping[str, Completed | OpsconsoleError]:
        """Runs a script on each host, all at the same time: what came of each. The scripts must change nothing or be
        idempotent: one whose link dies is run again. A host that cannot be had hides no other. Each host proves first,
        in the same remote command, that the lock is still this run's."""
        ...

    def start(
        self, name: str, scripts: Mapping[str, str], *, text: str = "", timeout: float | None = None
    ) -> Mapping[str, Performed]:
        """Starts a script on each host by the wrapper, at most once in the life of the run under this `name`, follows
        it to its end, and says how each ended. One whose end nobody knows is asked of an operator."""
        ...

    def output(self, name: str, host: str, *, last: int) -> bytes:
        """The last bytes, at most `last`, of what a script that was started under `name` has said on a host."""
        ...


@runtime_checkable
class PerformingKind(StepKind, Protocol):
    """A kind whose steps without scripts the runner performs itself, once for all hosts.

    `resumes` says that a new runner may call `perform` for a step that an earlier one began, whatever the step's
    effect: it only waits or asks, or finds its way by `noted`. Otherwise a step of effect `once` is asked about then.
    """

    @property
    def resumes(self) -> bool: ...

    def perform(self, context: PerformContext) -> Performed:
        """Does the step, or the way back `context.doing`. An error of ours is a failure, of a `once` step an unknown
        end."""
        ...


@runtime_checkable
class AdvisingKind(StepKind, Protocol):
    """A kind that reads the hosts before a plan is shown, to say what its step will meet there."""

    def advise(
        self, context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep]
    ) -> Sequence[str]:
        """Sentences about `step` for an operator to read before confirming; `later` are the plan's steps behind it.
        Changes nothing. RefusedError when what was read says that the step must not be run like this."""
        ...


@runtime_checkable
class BracketingKind(StepKind, Protocol):
    """A kind that reads or keeps something on this side before its script starts, and judges its end afterwards."""

    def before(self, context: StepContext, host: str) -> Mapping[str, Json]:
        """What is noted with the intent. An error of ours keeps the script from starting."""
        ...

    def after(self, context: StepContext, host: str, noted: Mapping[str, Json], ended: Performed) -> Performed:
        """The end, judged anew. Never called for an unknown one. `noted` is of the last attempt, with its number as
        `attempt`."""
        ...


StepKinds: TypeAlias = "Mapping[str, StepKind]"
"""Every kind by the key that names it in an action file."""
