"""The step kind `shell`: commands as argv lists, or one POSIX sh script.

Owns how both become text, and how secrets reach a script as unexported variables. Must not interpret them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.actions import StepSpec
from console.domain.artisan import artisan_argvs, artisan_facts
from console.domain.dangers import refusals, script_refusals
from console.domain.environment import Host
from console.domain.plan_context import PlanContext
from console.domain.runs import Danger, PlannedStep
from console.domain.shell_commands import script_commands
from console.domain.shellwords import quote
from console.domain.step_facts import Need, NeedKind, StepFacts
from console.domain.templates import fill_script
from console.errors import RefusedError
from console.steps.kinds import BaseKind
from console.steps.scripts import accounts, as_user, assemble, tools, words

_BUILDERS = frozenset({"npm", "npx", "yarn", "pnpm", "bun", "vite", "mix"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TAKEN = re.compile(
    r"(PATH|HOME|IFS|ENV|BASH_ENV|SHELL|SHELLOPTS|BASHOPTS|USER|LOGNAME|PWD|OLDPWD|CDPATH|TERM|LANG|LANGUAGE|TZ|TMPDIR"
    r"|PS1|PS2|PS4|PPID|UID|EUID|OPTARG|OPTIND|HOSTNAME|MAIL)\Z|(LD|LC|DYLD|BASH|SSH|SUDO|OPSCONSOLE)_"
)


class ShellParams(BaseModel):
    """`shell: [uptime]`, `shell: [[cmd, arg], [cmd]]`, or `shell: {script: …, in: …, secrets: {NAME: REFERENCE}}`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    run: list[list[str]] = Field(default_factory=list)
    """Commands one after another; the first that fails ends the step."""
    script: str = ""
    """POSIX sh, in place of `run`. Templates in it may only hold plain characters."""
    where: Literal["auto", "release", "current", "base"] = Field("auto", alias="in")
    """The directory: the application's root as for `artisan`, or `base` for the application's own directory."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """Shell variables of a script and the references they come from; never exported, never in argv."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, str):
            return {"script": value}
        if isinstance(value, list):
            return {"run": value if value and isinstance(value[0], list) else [value]}
        return value

    @model_validator(mode="after")
    def _one_of(self) -> ShellParams:
        if bool(self.run) == bool(self.script.strip()):
            raise ValueError("either `run` with commands or `script`")
        if any(not command for command in self.run):
            raise ValueError("a command needs at least one word")
        if self.secrets and not self.script:
            raise ValueError("`secrets` need a `script`: an argument would show them to every account of the host")
        if any(not _VARIABLE.match(name) for name in self.secrets):
            raise ValueError("`secrets` are named like shell variables")
        if taken := [name for name in self.secrets if _TAKEN.match(name)]:
            raise ValueError(f"`secrets` must not be named {taken[0]}: that variable means something to other programs")
        return self


class ShellKind(BaseKind):
    """Runs commands or a script in the application's directory."""

    Params = ShellParams

    def facts(self, step: StepSpec) -> StepFacts:
        """What the artisan commands among its commands do."""
        params = ShellParams.model_validate(step.params)
        commands = [*params.run, *script_commands(params.script)]
        named = [{word.rsplit("/", 1)[-1] for word in command} for command in commands]
        return replace(
            artisan_facts(artisan_argvs(commands)),
            installs_packages=any({"composer", "install"} <= words for words in named),
            builds_assets=any(not _BUILDERS.isdisjoint(words) for words in named),
        )

    def plan(self, context: PlanContext) -> PlannedStep:
        """The commands on each host; on a protected environment refused where SAFETY says so."""
        raw = ShellParams.model_validate(context.step.params)
        if context.step.become and raw.secrets:
            raise RefusedError("A step with secrets cannot become another account: sudo would not hand them on.")
        filled = [self._filled(context, host) for host in context.hosts]
        if context.environment.protected:
            for params in filled:
                found = [why for argv in params.run for why in refusals(argv)] + list(script_refusals(params.script))
                if found:
                    raise RefusedError(found[0], done="Nothing was planned.")
        return assemble(
            context,
            kind="shell",
            write=lambda host: self._body(context, host),
            text=lambda host: self._text(self._filled(context, host)),
            danger=Danger.CAUTION,
            secrets=tuple(raw.secrets.values()),
            facts=self.facts(context.step),
            needs=lambda host: self._needs(context, host),
        )

    def _needs(self, context: PlanContext, host: Host) -> list[Need]:
        """The directory, the commands that are called by name, and what sudo must allow."""
        params, become = self._filled(context, host), context.step.become
        found: list[Need] = []
        if params.where == "base" or not context.builds(params.where):
            found.append(Need(host=host.name, what=NeedKind.PATH, name=self._directory(context, host, params)))
        if become:
            commands = [argv[0] for argv in params.run] or ["sh"]
            return found + [need for command in commands for need in accounts(host, become, command)]
        for argv in params.run:
            account, command = sudo_parts(argv)
            if account:
                found += accounts(host, account, *command)
            elif "/" not in argv[0]:
                found += tools(host, argv[0])
        return found

    def _directory(self, context: PlanContext, host: Host, params: ShellParams) -> str:
        base = context.environment.paths(host).base
        return base if params.where == "base" else context.code(host, params.where)

    def _filled(self, context: PlanContext, host: Host) -> ShellParams:
        raw = ShellParams.model_validate(context.step.params)
        if raw.script:
            return raw.model_copy(update={"script": fill_script(raw.script, context.scope_of(host))})
        return ShellParams.model_validate(context.params(host))

    def _text(self, params: ShellParams) -> str:
        if params.script:
            lines = [line for line in params.script.strip().splitlines() if line.strip()]
            return lines[0] + (f" … ({len(lines)} lines)" if len(lines) > 1 else "")
        return "; ".join(words(argv) for argv in params.run)

    def _body(self, context: PlanContext, host: Host) -> str:
        params = self._filled(context, host)
        lines = [f"cd -- {words([self._directory(context, host, params)])}"]
        if params.script:
            # Unset first: a variable that the login exports stays exported when it is only assigned.
            lines += [
                f'unset {name}\n{name}="${{OPSCONSOLE_SECRET_{number}}}"'
                for number, name in enumerate(params.secrets, start=1)
            ]
            become = context.step.become
            if become:
                lines.append(words(as_user(["sh", "-c"], become)) + " " + quote("set -eu\n" + params.script))
            else:
                lines.append(params.script)
        else:
            lines += [words(as_user(argv, context.step.become)) for argv in params.run]
        return "\n".join(lines)


def sudo_parts(argv: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The account and the command of `sudo [-n] [-u ACCOUNT] [--] COMMAND…`; no account for any other command, or one
    with options that would have to be understood."""
    words_left = list(argv)
    if not words_left or words_left.pop(0).rsplit("/", 1)[-1] != "sudo":
        return "", ()
    account = "root"
    while words_left and words_left[0].startswith("-"):
        option = words_left.pop(0)
        if option == "--":
            break
        if option == "-u" and words_left:
            account = words_left.pop(0)
        elif option != "-n":
            return "", ()
    return (account, tuple(words_left)) if words_left else ("", ())
