"""`opsconsole audit show|verify`: who did what, and whether the chain is sound.

Owns the commands and their documents. Must not write to the audit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from console.cli.environment import PARTIAL, load_config
from console.cli.groups import WholeGroup
from console.cli.options import config_option, json_option, optional_environment_option
from console.cli.output import write_json, write_line, write_note, write_table
from console.domain.audit import AuditEntry, ChainVerdict, Witness
from console.domain.documents import Json
from console.errors import OpsconsoleError, UsageError
from console.present.payload import completeness, stamp
from console.services.records.audit import Audit, read_witnesses
from console.services.records.operators import current_operator
from console.services.threads.loop import SystemClock

_FILE_LIMIT = 64 * 1024 * 1024


@click.group(cls=WholeGroup)
def audit() -> None:
    """Who did what: show, verify."""


@audit.command()
@config_option
@optional_environment_option
@json_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, the newest.")
def show(config_path: Path | None, environment: str, as_json: bool, limit: int) -> int:
    """The newest entries, the newest last."""
    with _opened(config_path, environment) as found:
        entries = found.entries(limit=limit, environment=environment)
    if as_json:
        write_json({"entries": [_document(entry) for entry in entries], **completeness(entries.bound)})
        return 0
    write_table(
        ["at", "who", "environment", "action", "result", "exit", "run", "what"],
        [
            [
                str(stamp(entry.at)),
                f"{entry.login}@{entry.origin or entry.machine}",
                entry.environment or "-",
                entry.action,
                entry.result,
                "-" if entry.exit_status is None else str(entry.exit_status),
                "-" if entry.run is None else str(entry.run),
                (entry.command or entry.detail or " ".join(entry.targets)).replace("\n", " ")[:100],
            ]
            for entry in entries
        ],
    )
    if entries.bound:
        write_note(entries.bound)
    return 0


@audit.command()
@config_option
@optional_environment_option
@json_option
@click.option(
    "--witness",
    "files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A text that holds heads: a syslog, a report.",
)
def verify(config_path: Path | None, environment: str, as_json: bool, files: tuple[Path, ...]) -> int:
    """Follows the chain; with -e compares it with the heads that environment's target keeps. Problems end it with 1."""
    witnesses: list[Witness] = []
    for file in files:
        witnesses += _from_file(file)
    errors: list[str] = []
    if environment:
        try:
            witnesses += _from_target(config_path, environment)
        except OpsconsoleError as error:
            errors.append(error.what)
    with _opened(config_path, environment) as found:
        verdict = found.verify(witnesses)
    if as_json:
        write_json(_verdict(verdict, len(witnesses), errors))
    else:
        _print(verdict, errors)
    if not verdict.sound:
        return 1
    return PARTIAL if errors else 0


def _print(verdict: ChainVerdict, errors: list[str]) -> None:
    for error in errors:
        write_note(f"a witness could not be asked: {error}")
    for problem in verdict.problems:
        write_line(problem)
    write_line(f"{verdict.entries} entries: {'sound' if verdict.sound else f'{len(verdict.problems)} problems'}")
    if verdict.witnessed:
        write_line(f"witnessed up to entry {verdict.witnessed}")
    if verdict.unwitnessed_since is not None:
        write_line(f"unwitnessed since {stamp(verdict.unwitnessed_since)}")
    if verdict.head:
        write_line(f"head {verdict.head}")


def _verdict(verdict: ChainVerdict, witnesses: int, errors: list[str]) -> dict[str, Json]:
    return {
        "sound": verdict.sound,
        "entries": verdict.entries,
        "head": verdict.head,
        "problems": list(verdict.problems),
        "witnesses": witnesses,
        "witnessed": verdict.witnessed,
        "unwitnessed_since": stamp(verdict.unwitnessed_since),
        "errors": list(errors),
    }


def _document(entry: AuditEntry) -> Json:
    return {
        "seq": entry.seq,
        "at": stamp(entry.at),
        "uid": entry.uid,
        "login": entry.login,
        "machine": entry.machine,
        "origin": entry.origin,
        "environment": entry.environment,
        "action": entry.action,
        "command": entry.command,
        "targets": list(entry.targets),
        "plan_hash": entry.plan_hash,
        "run": entry.run,
        "result": entry.result,
        "exit_status": entry.exit_status,
        "seconds": entry.seconds,
        "detail": entry.detail,
    }


def _from_file(file: Path) -> tuple[Witness, ...]:
    try:
        with file.open("rb") as opened:
            text = opened.read(_FILE_LIMIT).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return read_witnesses(text, str(file))


def _from_target(config_path: Path | None, name: str) -> tuple[Witness, ...]:
    from console.wiring.reach import open_reach

    config = load_config(config_path)
    environment = config.environment(name)
    primary = environment.primary()
    reach = open_reach(environment, clock=SystemClock(), state_dir=config.state_path)
    try:
        with _opened(config_path, name) as found:
            return found.witnesses(reach.shell(primary.name), environment.paths(primary).control)
    finally:
        reach.close()


@contextmanager
def _opened(config_path: Path | None, environment: str) -> Iterator[Audit]:
    from console.store.audit import AuditRows
    from console.store.database import open_database

    config = load_config(config_path)
    if environment:
        config.environment(environment)
    database = open_database(config.state_path, group=config.state_group)
    try:
        yield Audit(AuditRows(database), current_operator(), SystemClock())
    finally:
        database.close()
