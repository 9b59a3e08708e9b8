"""The step kind `artisan`: one artisan command in the release being deployed or the current one.

Owns where artisan is run and its `migrate-status` check. Must not know what any command does beyond its danger.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.dangers import artisan_danger, artisan_refusals
from console.domain.environment import Host
from console.domain.planning import PlanContext
from console.domain.runs import PlannedStep
from console.errors import RefusedError
from console.steps.scripts import as_user, assemble, words


class ArtisanParams(BaseModel):
    """`artisan: [migrate, --force]`, or `artisan: {run: […], in: release|current}`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    run: list[str] = Field(min_length=1)
    """The command and its arguments, one element each."""
    where: Literal["auto", "release", "current"] = Field("auto", alias="in")
    """`auto` is the release that a run builds until its link step, the current one otherwise."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"run": value} if isinstance(value, list) else value


class Artisan:
    """Runs `php artisan …` from the application's root, never waiting for an answer."""

    Params = ArtisanParams
    checks = ("migrate-status",)
    undos = ()
    whens = ("migrations-pending",)

    def plan(self, context: PlanContext) -> PlannedStep:
        """The command on each host, as the account `become` names or the login's own."""
        first = self._params(context, context.hosts[0])
        refused = artisan_refusals(first.run)
        if refused and context.environment.protected:
            raise RefusedError(refused[0], done="Nothing was planned.")
        return assemble(
            context,
            kind="artisan",
            write=lambda host: self._command(context, host),
            text=lambda host: f"php artisan {words(self._params(context, host).run)}",
            checks={"migrate-status": lambda host: self._pending(context, host, ran=0, pending=1)},
            whens={"migrations-pending": lambda host: self._pending(context, host, ran=1, pending=0)},
            danger=artisan_danger(first.run),
            params={"argv": list(first.run)},
        )

    def _params(self, context: PlanContext, host: Host) -> ArtisanParams:
        return ArtisanParams.model_validate(context.params(host))

    def _command(self, context: PlanContext, host: Host) -> str:
        params = self._params(context, host)
        php = context.environment.app.php
        # Right behind the command's name: nothing may ever ask, and colours are of no use in a file.
        argv = [php, "artisan", params.run[0], "--no-interaction", "--no-ansi", *params.run[1:]]
        directory = words([context.code(host, params.where)])
        command = words(as_user(argv, context.step.become))
        if params.run[0] == "migrate:rollback":
            return f"cd -- {directory}\n{_checked_rollback(command)}"
        return f"cd -- {directory}\nexec {command}"

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


def _checked_rollback(command: str) -> str:
    """Laravel ends 0 when it has undone nothing because the migration's file is not there: that is a failure."""
    return f"""rc=0
said=$({command} 2>&1) || rc=$?
printf '%s\\n' "$said"
case "$said" in *'Migration not found'*) echo 'a migration that should be undone was not found' >&2; exit 1 ;; esac
exit $rc"""
