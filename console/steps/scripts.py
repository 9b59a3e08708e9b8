"""How a step's commands become exact POSIX sh text, and a kind's scripts become a planned step.

Owns the common head of every script, quoting, `become`, and the assembly over hosts. Must not know a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.plan_context import PlanContext
from console.domain.runs import Danger, HostScript, PlannedStep
from console.domain.shellwords import quote
from console.domain.step_facts import Need, NeedKind, StepFacts
from console.errors import RefusedError, UsageError

# Never stricter than 022: the web server's account must be able to read what a deploy writes, whatever the login says.
HEAD = 'set -eu\numask "$(printf %04o "$((0$(umask) & 022))")"\n'

Writer = Callable[[Host], str]
"""The body of a script for one host, without the head."""
Needs = Callable[[Host], Iterable[Need]]
"""What a step needs on one host."""


def words(argv: Sequence[str]) -> str:
    """An argv list as one shell command whose words are exactly these; line breaks and NUL are refused."""
    for word in argv:
        if "\n" in word or "\r" in word or "\0" in word:
            raise RefusedError("A command's word holds a line break or NUL.", fix="Use `shell: {script: …}`.")
    return " ".join(quote(word) for word in argv)


def as_user(argv: Sequence[str], become: str) -> list[str]:
    """The command run as another account through `sudo -n`, unchanged without one."""
    return ["sudo", "-n", "-u", become, "--", *argv] if become else list(argv)


def fail(sentence: str) -> str:
    """A shell command that says why and ends the script with 1. `sentence` may hold quoted shell variables."""
    return f'{{ echo "{sentence}" >&2; exit 1; }}'


def assemble(
    context: PlanContext,
    *,
    kind: str,
    write: Writer,
    text: Callable[[Host], str],
    checks: Mapping[str, Writer] | None = None,
    undos: Mapping[str, Writer] | None = None,
    whens: Mapping[str, Writer] | None = None,
    danger: Danger = Danger.CAUTION,
    params: Mapping[str, Json] | None = None,
    secrets: tuple[str, ...] = (),
    facts: StepFacts | None = None,
    needs: Needs | None = None,
) -> PlannedStep:
    """A step that runs scripts on its hosts; `check`, `when`, `undo` and `on_abort` are looked up by name."""
    spec = context.step

    def scripts(chosen: Writer | None, label: Callable[[Host], str]) -> tuple[HostScript, ...]:
        if chosen is None:
            return ()
        return tuple(
            HostScript(host=host.name, script=HEAD + chosen(host).strip("\n") + "\n", text=label(host))
            for host in context.hosts
        )

    def named(name: str, among: Mapping[str, Writer] | None) -> tuple[HostScript, ...]:
        if name and name not in (among or {}):
            raise UsageError(f"The step {spec.name} names {name}, which the kind {kind} does not have.")
        return scripts((among or {}).get(name), lambda _host: name)

    return PlannedStep(
        name=spec.name,
        kind=kind,
        hosts=tuple(host.name for host in context.hosts),
        text=text(context.hosts[0]) if context.hosts else "",
        effect=spec.effect,
        danger=danger,
        timeout=spec.timeout,
        params=params or {},
        scripts=scripts(write, text),
        check=named(spec.check, checks),
        when=named(spec.when, whens),
        undo=named(spec.undo, undos),
        on_abort=named(spec.on_abort, undos),
        secrets=secrets,
        facts=with_needs(context, facts or StepFacts(), needs),
    )


def performed(
    context: PlanContext,
    *,
    kind: str,
    text: str,
    params: Mapping[str, Json],
    danger: Danger = Danger.SAFE,
    undos: Collection[str] = (),
    facts: StepFacts | None = None,
    needs: Needs | None = None,
) -> PlannedStep:
    """A step that the runner performs itself, by the kind's `perform`; `undos` are the ways back it performs too."""
    spec = context.step
    for name in (spec.check, spec.when, *(name for name in (spec.undo, spec.on_abort) if name not in undos)):
        if name:
            raise UsageError(f"The step {spec.name} names {name}, which the kind {kind} does not have.")
    facts = replace(facts or StepFacts(), undo=spec.undo, on_abort=spec.on_abort)
    return PlannedStep(
        name=spec.name,
        kind=kind,
        hosts=tuple(host.name for host in context.hosts),
        text=text,
        effect=spec.effect,
        danger=danger,
        timeout=spec.timeout,
        params=params,
        facts=with_needs(context, facts, needs),
    )


def with_needs(context: PlanContext, facts: StepFacts, needs: Needs | None) -> StepFacts:
    """The facts with what the step needs on each of its hosts."""
    if needs is None:
        return facts
    return replace(facts, needs=tuple(dict.fromkeys(need for host in context.hosts for need in needs(host))))


def accounts(host: Host, become: str, *command: str) -> tuple[Need, ...]:
    """To run that command as the account that `become` names; nothing without one."""
    return (Need(host=host.name, what=NeedKind.ACCOUNT, name=become, command=command),) if become else ()


def tools(host: Host, *names: str) -> tuple[Need, ...]:
    """Commands that are found by their names."""
    return tuple(Need(host=host.name, what=NeedKind.TOOL, name=name) for name in names)


def artisan_needs(context: PlanContext, host: Host, where: str) -> tuple[Need, ...]:
    """A PHP that runs, as the account the step becomes, and an `artisan` where the step will look for it."""
    become, php = context.step.become, context.environment.app.php
    found = [
        *accounts(host, become, php, "artisan"),
        Need(host=host.name, what=NeedKind.PHP, name=php, account=become),
    ]
    if not context.builds(where):
        artisan = f"{context.code(host, where)}/artisan"
        found.append(Need(host=host.name, what=NeedKind.PATH, name=artisan, fix="Check `app.path` and `app.root`."))
    return tuple(found)
