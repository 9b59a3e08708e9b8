"""The step kind `artisan`: one artisan command in the release being deployed or the current one.

Owns where artisan is run and its `migrate-status` check. Must not know what any command does beyond its danger.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.actions import StepSpec
from console.domain.artisan import artisan_facts
from console.domain.console_words import runs
from console.domain.dangers import artisan_danger, artisan_refusals
from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.runs import PlannedStep
from console.domain.step_facts import Maintenance, Need, NeedKind, StepFacts
from console.domain.untrusted import harmless, listed
from console.errors import RefusedError
from console.ports import Reach
from console.ports.steps import StepContext
from console.steps.kinds import BaseKind
from console.steps.maintenance import UP, read_back, up_script, with_way_up
from console.steps.migrations import COUNTS, counted, migrations_after, migrations_before
from console.steps.scripts import artisan_needs, as_user, assemble, words
from console.steps.workers import advise_broadcast

_CACHES = frozenset({"config:cache", "route:cache", "event:cache", "optimize", "package:discover"})
"""Commands that write into `bootstrap/cache`."""
_FRAMEWORK = frozenset({
    "about", "auth", "cache", "channel", "clear-compiled", "config", "db", "down", "env", "event", "help", "horizon",
    "inspire", "invoke-serialized-closure", "key", "lang", "list", "make", "migrate", "model", "notifications",
    "octane", "optimize", "package", "permission", "queue", "reverb", "route", "sail", "sanctum", "schedule", "schema",
    "session", "storage", "stub", "telescope", "test", "tinker", "up", "vendor", "view",
})  # fmt: skip
"""The first words of commands that Laravel and its own packages bring, as far as nobody need ask for them."""


class ArtisanParams(BaseModel):
    """`artisan: [migrate, --force]`, or `artisan: {run: […], in: release|current}`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    run: list[str] = Field(min_length=1)
    """The command and its arguments, one element each."""
    where: Literal["auto", "release", "current"] = Field("auto", alias="in")
    """`auto` is the release that a run builds until its link step, the current one otherwise; for `down` and `up`
    always the current one."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"run": value} if isinstance(value, list) else value


class ArtisanKind(BaseKind):
    """Runs `php artisan …` from the application's root, never waiting for an answer."""

    Params = ArtisanParams
    checks = ("migrate-status",)
    undos = (UP,)
    whens = ("migrations-pending",)

    def facts(self, step: StepSpec) -> StepFacts:
        """What the command does."""
        return artisan_facts([ArtisanParams.model_validate(step.params).run])

    def plan(self, context: PlanContext) -> PlannedStep:
        """The command on each host, as the account `become` names or the login's own."""
        first = self._params(context, context.hosts[0])
        lacking = _lacking(context, first)
        if lacking is not None:
            raise lacking
        refused = [why for host in context.hosts for why in artisan_refusals(self._params(context, host).run)]
        if refused and context.environment.protected:
            raise RefusedError(refused[0], done="Nothing was planned.")
        facts = artisan_facts([first.run])
        return assemble(
            with_way_up(context, down=facts.maintenance is Maintenance.DOWN),
            kind="artisan",
            write=lambda host: self._command(context, host),
            text=lambda host: f"php artisan {words(self._params(context, host).run)}",
            checks={"migrate-status": lambda host: self._pending(context, host, ran=0, pending=1)},
            whens={"migrations-pending": lambda host: self._pending(context, host, ran=1, pending=0)},
            danger=artisan_danger(first.run),
            params={"argv": list(first.run), **self._counts(context, first)},
            undos={UP: lambda host: up_script(context, host)} if facts.maintenance is Maintenance.DOWN else {},
            facts=facts,
            needs=lambda host: self._needs(context, host),
        )

    def advise(
        self, context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep]
    ) -> Sequence[str]:
        """Of a command that tells workers to leave: who will not hear it, and who stays away after it."""
        if not step.facts.stops_workers:
            return ()
        argv = step.params.get("argv")
        horizon = isinstance(argv, list) and "horizon:terminate" in argv
        return advise_broadcast(context, step, reach, later, horizon=horizon)

    def before(self, context: StepContext, host: str) -> Mapping[str, Json]:
        """Of a step that migrates: how many migrations the database has, where that can be read."""
        return migrations_before(context, host)

    def after(self, context: StepContext, host: str, noted: Mapping[str, Json], ended: Performed) -> Performed:
        """What artisan said, but of maintenance mode what the host says, and of migrations how many there are now."""
        return migrations_after(context, host, noted, read_back(context, host, ended))

    def _needs(self, context: PlanContext, host: Host) -> list[Need]:
        params = self._params(context, host)
        found = list(artisan_needs(context, host, params.where))
        if params.run[0] in _CACHES and not context.step.become and not context.builds(params.where):
            cache = f"{context.code(host, params.where)}/bootstrap/cache"
            found.append(Need(host=host.name, what=NeedKind.WRITABLE, name=cache))
        return [*found, *_command_needs(context, host, params)]

    def _params(self, context: PlanContext, host: Host) -> ArtisanParams:
        return ArtisanParams.model_validate(context.params(host))

    def _command(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        php = context.environment.app.php
        # Right behind the command's name: nothing may ever ask, and colours are of no use in a file.
        argv = [php, "artisan", params.run[0], "--no-interaction", "--no-ansi", *params.run[1:]]
        # The release that a run builds may not be there yet, and it is not what visitors get.
        mode = artisan_facts([params.run]).maintenance is not Maintenance.NONE
        directory = words([context.code(host, "current" if mode and params.where == "auto" else params.where)])
        command = words(as_user(argv, context.step.become))
        if runs(params.run, "migrate:rollback"):
            return f"cd -- {directory}\n{_checked_rollback(command)}"
        return f"cd -- {directory}\nexec {command}"

    def _counts(self, context: PlanContext, params: ArtisanParams) -> dict[str, Json]:
        """The script that counts migrations on each host, for a command of which their number tells what it did."""
        options = counted(params.run)
        if options is None:
            return {}
        status = [context.environment.app.php, "artisan", "migrate:status", "--no-interaction", "--no-ansi", *options]
        command = words(as_user(status, context.step.become))
        return {
            COUNTS: {
                host.name: f"cd -- {words([context.code(host, params.where)])} && {command}" for host in context.hosts
            }
        }

    def _pending(self, context: PlanContext, host: Host, *, ran: int, pending: int) -> str:
        where = self._params(context, host).where
        argv = as_user(
            [context.environment.app.php, "artisan", "migrate:status", "--no-interaction", "--no-ansi"],
            context.step.become,
        )
        # Laravel 8 draws a table with Yes and No, later versions end a line with Ran or Pending.
        return f"""
cd -- {words([context.code(host, where)])} || exit 2
status=$({words(argv)}) || exit 2
printf '%s\\n' "$status"
if printf '%s\\n' "$status" | grep -Eq '(^\\| No +\\|)|(Pending *$)'; then exit {pending}; fi
if printf '%s\\n' "$status" | grep -Eq '(^\\| Yes +\\|)|(Ran *$)'; then exit {ran}; fi
exit 2"""


def _command_needs(context: PlanContext, host: Host, params: ArtisanParams) -> list[Need]:
    """That artisan knows a command which the framework does not bring. Only a doubt: its packages may bring it by then,
    and where artisan lists nothing, nothing is known."""
    command = params.run[0]
    if command.partition(":")[0] in _FRAMEWORK or (context.builds(params.where) and not context.before.get(host.name)):
        return []
    where = context.environment.paths(host).root if context.builds(params.where) else context.code(host, params.where)
    argv = as_user([context.environment.app.php, "artisan", "list", "--raw", "--no-ansi"], context.step.become)
    asked = f"""cd -- {words([where])} || exit 0
listed=$({words(argv)} 2>/dev/null) || exit 0
printf '%s\\n' "$listed" | awk -v want={words([command])} '$1 == want {{ found = 1 }} END {{ exit !found }}'"""
    doubt = "the code may bring it" if context.builds(params.where) else "it may only be an abbreviation"
    sentence = f"artisan in {where} knows no command {command}"
    return [Need(host=host.name, what=NeedKind.ANSWER, name=sentence, script=asked, doubt=doubt)]


def _lacking(context: PlanContext, params: ArtisanParams) -> RefusedError | None:
    """Why artisan cannot run in the code that this run brings, as far as that was looked at."""
    tree, app = context.tree, context.environment.app
    if tree is None or not context.builds(params.where):
        return None
    name, ref = context.step.name, harmless(context.target.ref)
    if not tree.has(posixpath.join(app.root, "artisan")):
        there = listed(sorted({path.partition("/")[0] for path in tree.paths})) or "nothing"
        return RefusedError(
            f"The step {name} runs artisan, and {ref} has none in {app.root or 'its top'}; there is: {there}.",
            done="Nothing was planned.",
            fix="Set `app.root` to the directory of artisan below the tree.",
        )
    brought = tree.has(posixpath.join(app.root, "vendor/autoload.php")) or "vendor" in app.shared
    if not brought and not context.installed and tree.has(posixpath.join(app.root, "composer.lock")):
        return RefusedError(
            f"The step {name} runs artisan, and {ref} brings composer.lock and no vendor; no step before it installs "
            "the packages.",
            done="Nothing was planned.",
            fix="Put a step before it: {name: composer, release: composer, on: all, effect: idempotent}.",
        )
    return None


def _checked_rollback(command: str) -> str:
    """Laravel ends 0 when it has undone nothing because the migration's file is not there: that is a failure."""
    return f"""rc=0
said=$({command} 2>&1) || rc=$?
printf '%s\\n' "$said"
case "$said" in *'Migration not found'*) echo 'a migration that should be undone was not found' >&2; exit 1 ;; esac
exit $rc"""
