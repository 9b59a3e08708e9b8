"""`opsconsole status`: everything about environments, read once, with every host that could not be reached named first.

Owns the command, its page and its exit codes. Must not know drivers nor where a number comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from console.cli.environment import OpenEnvironment, exit_code, load_config, opened, read
from console.cli.options import config_option, json_option, optional_environment_option
from console.cli.output import write_json, write_lines
from console.cli.read import fail_on_option, judged
from console.errors import OpsconsoleError
from console.present import payload
from console.present.hosts import host_documents
from console.services.polling.single import SingleRead
from console.services.threads.parallel import each_captured

_WARNING, _FAILED, _LOST = "warning", "failed", "lost"
_AT_ONCE = 16
_SINCE = re.compile(r" \(since [0-9:]+Z\)")


@dataclass(frozen=True, slots=True)
class _Whole:
    """One environment read from end to end. `lost` is why each host that cannot be reached cannot."""

    status: payload.EnvironmentStatus
    found: Mapping[str, SingleRead]
    lost: Mapping[str, OpsconsoleError]
    troubles: tuple[str, ...]

    @property
    def partial(self) -> bool:
        """Whether a host was left out of what a source read."""
        return bool(self.lost) or any(_left_out(one) for one in self.found.values())


@click.command()
@config_option
@optional_environment_option
@json_option
@fail_on_option
def status(config_path: Path | None, environment: str, as_json: bool, fail_on: str | None) -> int:
    """Everything about every environment (or one), read once.

    Ends with 3 when a part could not be read, with 4 or 6 when no host could be signed in to or reached.
    """
    config = load_config(config_path)
    chosen = [config.environment(environment)] if environment else list(config.environments)

    def one(index: int) -> _Whole:
        with opened(config, chosen[index]) as target:
            return _read_whole(target)

    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(chosen)))) as pool:
        wholes = list(pool.map(one, range(len(chosen))))
    if as_json:
        write_json(payload.status_document([whole.status for whole in wholes]))
    else:
        for whole in wholes:
            write_lines(_page(whole))
    states = {whole.status.status for whole in wholes}
    worst = _FAILED if states & {_FAILED, _LOST} else _WARNING if states - {"ok"} else ""
    return judged(_code(wholes), worst, fail_on)


def _code(wholes: Sequence[_Whole]) -> int:
    codes = {error.exit_code for whole in wholes for error in whole.lost.values()}
    if len(codes) == 1 and all(len(whole.lost) == len(whole.status.environment.hosts) for whole in wholes):
        return codes.pop()
    found = [one for whole in wholes for one in whole.found.values()]
    return exit_code(found, partial=any(whole.partial for whole in wholes))


def _read_whole(target: OpenEnvironment) -> _Whole:
    from console.present.readings import judge
    from console.services.polling.board import SnapshotBoard

    found = read(target, lambda _source: True, discover=True, names=True)
    name = target.environment.name
    lost = _lost(target)
    board = SnapshotBoard(lambda _key: None)
    for one in found.values():
        board.put(name, one.snapshot)
    verdict = judge(board, name, target.clock.monotonic())
    everything = len(lost) == len(target.environment.hosts)
    return _Whole(
        payload.EnvironmentStatus(
            environment=target.environment,
            status=_LOST if everything else _FAILED if lost and verdict.state != _LOST else verdict.state,
            snapshots={source: one.snapshot for source, one in found.items()},
            values={
                source: one.source.encode(one.snapshot.value) for source, one in found.items() if one.error is None
            },
            hosts=host_documents(target.environment, [one.snapshot for one in found.values()]),
        ),
        found,
        lost,
        verdict.troubles,
    )


def _lost(target: OpenEnvironment) -> dict[str, OpsconsoleError]:
    """Why each host without a link has none. A host that just refused says so again at once."""
    shells = {host.name: target.reach.shell(host.name) for host in target.environment.hosts}
    apart = [name for name, shell in shells.items() if not shell.connected()]
    lost: dict[str, OpsconsoleError] = {}
    for name, ended in each_captured(apart, lambda name: shells[name].connect()).items():
        try:
            ended.unwrap()
        except OpsconsoleError as error:
            lost[name] = error
    return lost


def _page(whole: _Whole) -> list[str]:
    """Lost hosts with what to do, one line for each source, then what is wrong that no line above says."""
    environment = whole.status.environment
    lines = [f"{environment.name}  {environment.tier.value}  {whole.status.status}"]
    for host, error in whole.lost.items():
        lines += _error_lines(f"✗ {host}: ", error, error.what.removeprefix(f"{host}: "))
    said = {_plain(error.what): f"not read: {host} is lost" for host, error in whole.lost.items()}
    width = max(len(name) for name in whole.found)
    for name, one in whole.found.items():
        head = f"{name.ljust(width)}  "
        if one.error is None:
            without = _left_out(one)
            lines.append(f"  {head}{one.snapshot.said}" + (f", without {', '.join(without)}" if without else ""))
            continue
        before = said.setdefault(_plain(one.error.what), "")
        if before:
            lines.append(f"  {head}{before}")
        else:
            lines += _error_lines(head, one.error, f"unreadable: {one.error.what}")
            said[_plain(one.error.what)] = f"unreadable, as {name}"
    known = {f"{name}: {one.snapshot.error}" for name, one in whole.found.items() if one.error is not None}
    for trouble in dict.fromkeys(whole.troubles):
        if trouble not in known and trouble.partition(": ")[0] not in whole.lost:
            lines.append(f"  ! {trouble}")
    return lines


def _error_lines(head: str, error: OpsconsoleError, what: str) -> list[str]:
    """An error after a head, its lines and what to do below it."""
    first, *more = what.split("\n")
    margin = " " * (len(head) + 2)
    return [
        f"  {head}{first}",
        *(margin + line for line in (*more, *(f"→ {fix}" for fix in error.fix.split("\n") if fix))),
    ]


def _left_out(one: SingleRead) -> list[str]:
    """The hosts that a source could not read; one that answered with something wrong was read."""
    errors: Sequence[str] = getattr(one.snapshot.value, "errors", ())
    answered = {each.host for each in getattr(one.snapshot.value, "hosts", ())}
    return [host for host in dict.fromkeys(error.partition(": ")[0] for error in errors) if host not in answered]


def _plain(what: str) -> str:
    return _SINCE.sub("", what)
