"""Whether every host has what the steps of a plan need, asked before step 1: in the plan, and again in preflight.

Owns the meaning of the answers; step kinds declare what they need, and `need_scripts` has the questions. Must not start
anything. An answer that is missing or not understood is never taken for a yes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from console.domain.runs import PlannedStep
from console.domain.step_facts import Need, NeedKind
from console.domain.untrusted import Raw, harmless
from console.errors import RefusedError
from console.own_commands import own_command
from console.ports import Reach
from console.services.target.need_scripts import NO, PERHAPS, YES, needs_script
from console.services.threads.parallel import each

_DEADLINE = 60.0
_RULE = "THE_SSH_USER ALL=(root) NOPASSWD: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong on one host, in a sentence that does not name it, and the fix. `refuses` is False for a warning."""

    host: str
    sentence: str
    fix: str
    refuses: bool = True


def look_at_needs(reach: Reach, steps: Iterable[PlannedStep], more: Collection[Need] = ()) -> tuple[Finding, ...]:
    """Everything that is missing for these steps (and from `more`, needs that belong to no step), host by host."""
    wanted: dict[Need, list[str]] = {need: [] for need in more}
    for step in steps:
        for need in step.facts.needs:
            wanted.setdefault(need, []).append(step.name)
    hosts = [host.name for host in reach.environment.hosts if any(need.host == host.name for need in wanted)]

    def ask(host: str) -> list[Finding]:
        needs = [need for need in wanted if need.host == host]
        done = reach.shell(host).run(needs_script(needs), deadline=_DEADLINE)
        return read_answers(needs, done.stdout, done.stderr, {need: tuple(wanted[need]) for need in needs})

    return tuple(finding for found in each(hosts, ask).values() for finding in found)


def refuse(findings: Sequence[Finding], *, done: str, head: str = "") -> None:
    """Raises a RefusedError that begins with `head` and names everything that is missing, with hosts and fixes; does
    nothing when no finding refuses."""
    refusing = [finding for finding in findings if finding.refuses]
    if not refusing:
        return
    sentences: dict[str, list[str]] = {}
    for finding in refusing:
        sentences.setdefault(finding.sentence, []).append(finding.host)
    raise RefusedError(
        head + "; ".join(f"{', '.join(hosts)}: {sentence}" for sentence, hosts in sentences.items()) + ".",
        done=done,
        fix=" ".join(dict.fromkeys(finding.fix for finding in refusing if finding.fix)),
    )


def warnings(findings: Iterable[Finding]) -> list[str]:
    """The findings that do not refuse, as sentences."""
    return [f"{one.host}: {one.sentence}. {one.fix}".strip() for one in findings if not one.refuses]


def read_answers(
    needs: Sequence[Need], output: bytes, errors: bytes, steps: dict[Need, tuple[str, ...]]
) -> list[Finding]:
    """What the answers of one host mean; `steps` are the names of those that need it."""
    lines = output.decode("utf-8", "replace").splitlines()
    answers = {number: rest for number, _, rest in (line.partition(" ") for line in lines)}
    whole = "end" in answers
    found = []
    for number, need in enumerate(needs):
        word, _, detail = answers.get(str(number), "").partition(" ")
        if word == YES:
            continue
        detail = Raw.of(detail.strip()).show(300)
        if word not in (NO, PERHAPS) or not whole:
            said = Raw.of(errors).show(200) or "no answer"
            finding = Finding(host=need.host, sentence=f"{_named(need)} could not be asked for: {said}", fix="")
        elif word == PERHAPS:
            finding = _perhaps(need)
        else:
            finding = _missing(need, detail)
        found.append(_for_steps(need, finding, steps.get(need, ())))
    return found


def _for_steps(need: Need, finding: Finding, steps: tuple[str, ...]) -> Finding:
    behind = f" (needed by {', '.join(steps)})" if steps else ""
    sentence = finding.sentence + behind
    if need.doubt:
        return replace(finding, sentence=f"{sentence}; {need.doubt}", refuses=False)
    return replace(finding, sentence=sentence)


def _perhaps(need: Need) -> Finding:
    return Finding(
        host=need.host,
        sentence=f"whether sudo asks for a password for {_named(need)} cannot be told",
        fix=f"See on {need.host}: sudo -n -l",
        refuses=False,
    )


def _named(need: Need) -> str:
    name = harmless(need.name)
    command = harmless(" ".join(need.command))
    words = {
        NeedKind.TOOL: f"the command {name}",
        NeedKind.PHP: f"PHP ({name})",
        NeedKind.ACCOUNT: f"{command or 'a command'} as {name}",
        NeedKind.PROGRAM: f"supervisor's program {name}",
        NeedKind.UNIT: f"systemctl {command} {name}",
        NeedKind.ANSWER: f"the opposite of “{name}”",
    }
    return words.get(need.what, name)


def _missing(need: Need, detail: str) -> Finding:
    sentence, fix = _WORDS[need.what](need, detail)
    return Finding(host=need.host, sentence=sentence, fix=fix)


def _tool(need: Need, _detail: str) -> tuple[str, str]:
    name = harmless(need.name)
    return f"there is no command {name}", f"Install {name} on {need.host}, or put it on the PATH of the login's shell."


def _php(need: Need, detail: str) -> tuple[str, str]:
    who = f" as {need.account}" if need.account else ""
    said = f": {detail}" if detail else ""
    return (
        f"PHP does not run{who} by {harmless(need.name)}{said}",
        "Set `app.php` to the PHP command of the host, by its whole path where it is not on the login's PATH.",
    )


def _account(need: Need, detail: str) -> tuple[str, str]:
    command = harmless(" ".join(need.command)) or "ALL"
    name = harmless(need.name)
    return (
        f"sudo -n does not let this account run {command} as {name}" + (f": {detail}" if detail else ""),
        f"In sudoers of {need.host}: THE_SSH_USER ALL=({name}) NOPASSWD: {command}",
    )


def _program(need: Need, detail: str) -> tuple[str, str]:
    how, _, rest = detail.partition(" ")
    name = harmless(need.name)
    if how != "known":
        said = f": {rest}" if rest else ""
        fix = f"Let the login use supervisord's socket on {need.host}, or in its sudoers: {_RULE}supervisorctl"
        return f"supervisorctl does not answer, with sudo -n neither{said}", fix
    known = rest.split()
    groups = list(dict.fromkeys(one.partition(":")[0] for one in known))
    inside = sorted({one.partition(":")[0] for one in known if _inside(one, name)})
    if inside:
        return (
            f"supervisord has {name} only inside the group {', '.join(inside)}",
            f"Name the group under `workers: {{supervisor: […]}}`: {inside[0]}.",
        )
    return (
        f"supervisord does not know the program {name}; it knows {', '.join(groups)}",
        "Correct `workers: {supervisor: […]}`, or load the program: supervisorctl reread, then update.",
    )


def _inside(process: str, program: str) -> bool:
    """Whether `GROUP:PROCESS` is a process of that program in a group of another name."""
    _group, colon, name = process.partition(":")
    return bool(colon) and (name == program or name.startswith(f"{program}_"))


def _unit(need: Need, detail: str) -> tuple[str, str]:
    name, verb = harmless(need.name), (need.command or ("restart",))[0]
    how, _, rest = detail.partition(" ")
    if how == "silent":
        return (
            f"systemctl does not answer: {rest or 'no output'}",
            f"Take `service: {{{verb}: {name}}}` out of the action.",
        )
    if detail:
        return f"the unit {name}: {detail}", f"Correct the unit's name in the action, or install it on {need.host}."
    return (
        f"sudo -n does not let this account run systemctl {verb} -- {name}",
        f"In sudoers of {need.host}: {_RULE}systemctl {verb} -- {name}",
    )


def _link(need: Need, _detail: str) -> tuple[str, str]:
    name = harmless(need.name)
    return (
        f"{name} is not a link, so it cannot be switched",
        f"Move what it holds into a release directory on {need.host}, and link that: ln -s releases/NAME {name}",
    )


def _path(need: Need, _detail: str) -> tuple[str, str]:
    return f"{harmless(need.name)} is not there", need.fix or f"Put it there on {need.host}."


def _writable(need: Need, _detail: str) -> tuple[str, str]:
    return (
        f"this account cannot write {harmless(need.name)}",
        need.fix or f"Give the SSH user write permission on {need.host}.",
    )


def _space(need: Need, detail: str) -> tuple[str, str]:
    clean = own_command("run cleanup -e ENV")
    return f"{harmless(need.name)}: {detail}", f"Make room on {need.host}; {clean} removes old releases."


def _repository(need: Need, detail: str) -> tuple[str, str]:
    return (
        f"the repository cannot be read: {detail or 'git said nothing'}",
        f"On {need.host}, as the account of the deploy: git ls-remote {harmless(need.name)}",
    )


def _answer(need: Need, _detail: str) -> tuple[str, str]:
    return harmless(need.name), need.fix


_WORDS = {
    NeedKind.TOOL: _tool,
    NeedKind.PHP: _php,
    NeedKind.ACCOUNT: _account,
    NeedKind.PROGRAM: _program,
    NeedKind.UNIT: _unit,
    NeedKind.LINK: _link,
    NeedKind.PATH: _path,
    NeedKind.WRITABLE: _writable,
    NeedKind.SPACE: _space,
    NeedKind.REPOSITORY: _repository,
    NeedKind.ANSWER: _answer,
}
