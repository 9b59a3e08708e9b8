"""The step kind `maintenance`: puts the application into maintenance mode, or ends it, on each host.

Owns the commands for both, and that their effect is read back: artisan ends 0 also where it changed nothing. Must not
take a secret that lets people in: it would stand in the plan and in the host's process list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, model_validator

from console.domain.actions import StepSpec
from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.plans import Danger, PlannedStep
from console.domain.runs import Outcome
from console.domain.step_facts import Maintenance, StepFacts
from console.domain.templates import names
from console.errors import OpsconsoleError, UsageError
from console.ports.steps import StepContext
from console.services.target.maintenance import read_maintenance
from console.steps.kinds import BaseKind
from console.steps.scripts import artisan_needs, as_user, assemble, words

UP = "up"
"""The way back that a step has which begins maintenance mode."""
_WORDS = ("down", "up")


class MaintenanceParams(BaseModel):
    """`maintenance: down`, or `maintenance: {do: "{param.do}", retry: "{param.retry}", render: "{param.render}"}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    do: str
    """`down` or `up`; or one template that names either."""
    retry: int | str = ""
    """With `down`: the seconds after which visitors are told to try again."""
    render: str = ""
    """With `down`: the view that is rendered once and shown to visitors, such as `errors::503`."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"do": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> MaintenanceParams:
        if not names(self.do) and self.do not in _WORDS:
            raise ValueError("`do` is down or up")
        return self


class MaintenanceKind(BaseKind):
    """Runs `php artisan down` or `up` in the current release; afterwards the mode is read."""

    Params = MaintenanceParams
    undos = (UP,)

    def facts(self, step: StepSpec) -> StepFacts:
        """What it does about the mode; nothing is known while that is a template."""
        do = MaintenanceParams.model_validate(step.params).do
        return StepFacts(maintenance=Maintenance(do) if do in _WORDS else Maintenance.NONE)

    def plan(self, context: PlanContext) -> PlannedStep:
        """The command on each host."""
        params = MaintenanceParams.model_validate(context.params(context.hosts[0]))
        argv = [params.do, *_options(params)]
        down = params.do == "down"
        return assemble(
            with_way_up(context, down=down),
            kind="maintenance",
            write=(lambda host: _down(context, host, argv)) if down else (lambda host: up_script(context, host)),
            text=lambda _host: f"php artisan {words(argv)}" + (": visitors get 503, workers idle" if down else ""),
            undos={UP: lambda host: up_script(context, host)},
            danger=Danger.DESTRUCTIVE if down else Danger.CAUTION,
            params={"do": params.do},
            facts=StepFacts(maintenance=Maintenance(params.do)),
            needs=lambda host: artisan_needs(context, host, "current"),
        )

    def before(self, context: StepContext, host: str) -> Mapping[str, Json]:
        """Nothing is kept."""
        del context, host
        return {}

    def after(self, context: StepContext, host: str, noted: Mapping[str, Json], ended: Performed) -> Performed:
        """The end, judged by what the host says of the mode."""
        del noted
        return read_back(context, host, ended)


def read_back(context: StepContext, host: str, ended: Performed) -> Performed:
    """The end of a step that begins or ends maintenance mode: failed when artisan was content and the host says
    otherwise; artisan's word, and that it is nothing more, where the host does not tell."""
    mode = context.step.facts.maintenance
    if ended.outcome is not Outcome.OK or mode is Maintenance.NONE:
        return ended
    try:
        found = read_maintenance(context.reach, context.clock)
    except OpsconsoleError as error:
        return replace(ended, detail=f"not read back: {error.what}")
    mode_now = next((one for one in found.hosts if one.host == host), None)
    if mode_now is None:
        return replace(ended, detail=f"not read back: {'; '.join(found.errors) or 'the host did not tell'}")
    if mode_now.down is (mode is Maintenance.DOWN):
        return ended
    said = "it is still in maintenance mode" if mode_now.down else "it is not in maintenance mode"
    return replace(ended, outcome=Outcome.FAILED, detail=f"artisan ended 0, and {said} (by {mode_now.driver})")


def with_way_up(context: PlanContext, *, down: bool) -> PlanContext:
    """The context of a step that begins maintenance mode: `up` is its way back, also where nobody declared one."""
    if not down or context.step.undo:
        return context
    return replace(context, step=replace(context.step, undo=UP))


def up_script(context: PlanContext, host: Host) -> str:
    """Ends the mode with the artisan of the current release; of the one before, where the current one cannot."""
    php = context.environment.app.php
    command = words(as_user([php, "artisan", "up", "--no-interaction", "--no-ansi"], context.step.become))
    paths, root = context.environment.paths(host), context.environment.app.root
    before = context.before.get(host.name, "")
    places = [paths.root]
    if before and before != context.release:
        places.append(f"{context.release_path(host, before)}/{root}".rstrip("/"))
    # Artisan ends 0 also where it did nothing: the framework's file tells, for applications that keep the mode there.
    gone = f"[ ! -e {words([paths.root + '/storage/framework/down'])} ]"
    tries = "\n".join(
        f"if [ -f {words([place + '/artisan'])} ] && (cd -- {words([place])} && {command}) && {gone}; then exit 0; fi"
        for place in dict.fromkeys(places)
    )
    return f"{tries}\necho 'no artisan here could end the maintenance mode' >&2\nexit 1"


def _down(context: PlanContext, host: Host, argv: list[str]) -> str:
    php = context.environment.app.php
    command = [php, "artisan", argv[0], "--no-interaction", "--no-ansi", *argv[1:]]
    directory = words([context.environment.paths(host).root])
    return f"cd -- {directory}\nexec {words(as_user(command, context.step.become))}"


def _options(params: MaintenanceParams) -> list[str]:
    if params.do != "down":
        return []
    retry = str(params.retry).strip()
    if retry and (not retry.isdecimal() or not 0 < int(retry) < 10**6):
        raise UsageError("`retry` is a whole number of seconds.")
    return ([f"--retry={int(retry)}"] if retry else []) + ([f"--render={params.render}"] if params.render else [])
