"""How a step's commands become exact POSIX sh text, and a kind's scripts become a planned step.

Owns the common head of every script, quoting, `become`, and the assembly over hosts. Must not know a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.planning import PlanContext
from console.domain.runs import Danger, HostScript, PlannedStep
from console.domain.shellwords import quote
from console.errors import RefusedError, UsageError

# Never stricter than 022: the web server's account must be able to read what a deploy writes, whatever the login says.
HEAD = 'set -eu\numask "$(printf %04o "$((0$(umask) & 022))")"\n'

Writer = Callable[[Host], str]
"""The body of a script for one host, without the head."""


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
    )


def performed(context: PlanContext, *, kind: str, text: str, params: Mapping[str, Json]) -> PlannedStep:
    """A step that the runner performs itself."""
    spec = context.step
    return PlannedStep(
        name=spec.name,
        kind=kind,
        hosts=tuple(host.name for host in context.hosts),
        text=text,
        effect=spec.effect,
        danger=Danger.SAFE,
        timeout=spec.timeout,
        params=params,
    )
