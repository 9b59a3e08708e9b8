"""`opsconsole runs`: what ran, what runs, and what operators say to it.

Owns the group and what its commands print. Must not judge a request: the control of runs does.
"""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.attachment import answer_hint, follow, signals
from console.cli.confirm import RunAccess, opened_state
from console.cli.groups import WholeGroup
from console.cli.options import config_option, json_option, optional_environment_option
from console.cli.output import write_json, write_line, write_note, write_table, write_text
from console.cli.streams import outliving_stdout
from console.own_commands import own_command
from console.present.aftermath import aftermath
from console.present.payload import completeness
from console.present.run_documents import EventLines, run_document, run_summary
from console.services.runs.control import RequestResult, RunHistory
from console.services.runs.leases import DEAD_SECONDS

_CELL = 80


@click.group(cls=WholeGroup)
def runs() -> None:
    """Runs: list, show, attach, answer, resume, abort."""


@runs.command("list")
@config_option
@optional_environment_option
@json_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, help="How many, newest first.")
def list_runs(config_path: Path | None, environment: str, as_json: bool, limit: int) -> int:
    """The newest runs."""
    with opened_state(config_path) as access:
        found = access.control.newest(environment, limit=limit)
    if as_json:
        write_json({"runs": [run_summary(one.row, one.view) for one in found.runs], **completeness(found.bound)})
        return 0
    write_table(["run", "at", "environment", "action", "who", "state", "detail"], [_cells(one) for one in found.runs])
    if found.bound:
        write_note(found.bound)
    return 0


def _cells(one: RunHistory) -> list[str]:
    row, view = one.row, one.view
    return [
        str(row.id),
        f"{row.created_at:%Y-%m-%d %H:%M:%S}",
        row.environment,
        row.action,
        row.operator.label,
        view.outcome.value if view.outcome else view.state.value,
        _one_line(view.detail or (view.question.text if view.question else "")),
    ]


@runs.command()
@config_option
@json_option
@click.argument("run", type=int)
def show(config_path: Path | None, as_json: bool, run: int) -> int:
    """One run: its steps and events."""
    with opened_state(config_path) as access:
        found = access.control.history(run)
    row, view = found.row, found.view
    if as_json:
        write_json(run_document(row, view))
        return 0
    ended = view.outcome.value if view.outcome else view.state.value
    write_line(f"run {row.id}: {view.title} on {row.environment} by {row.operator.label}: {ended}")
    lines = EventLines()
    for event in found.events:
        line = lines.line(event)
        if line:
            write_text(line)
    for line in aftermath(row, view, found.events):
        write_line(line)
    _tell_question(found)
    return 0


@runs.command()
@config_option
@json_option
@click.argument("run", type=int)
@click.option("--on-interrupt", type=click.Choice(["detach", "abort"]), default="detach", help="What INT does.")
def attach(config_path: Path | None, as_json: bool, run: int, on_interrupt: str) -> int:
    """Follows a run from its beginning to its end."""
    with opened_state(config_path) as access, signals() as caught, outliving_stdout():
        return follow(access, run, caught, as_json=as_json, aborting=on_interrupt == "abort")


_confirm_option = click.option(
    "--confirm",
    "name",
    default="",
    metavar="NAME",
    help="The environment's name: lets a protected run begin whose runner never began.",
)


@runs.command()
@config_option
@_confirm_option
@click.argument("run", type=int)
@click.argument("word")
def answer(config_path: Path | None, name: str, run: int, word: str) -> int:
    """Answers what a run asks."""
    with opened_state(config_path) as access:
        access.window.give(name)
        _tell_asked(run, _asked(access, run, "answer", word), word)
    return 0


@runs.command()
@config_option
@json_option
@_confirm_option
@click.argument("run", type=int)
@click.option("--detach", is_flag=True, help="Start it and leave.")
def resume(*, config_path: Path | None, as_json: bool, name: str, run: int, detach: bool) -> int:
    """Goes on with a run whose runner is gone; no step is done twice."""
    with opened_state(config_path) as access:
        access.window.give(name)
        if access.control.history(run).view.outcome is None and access.control.runners.living(run):
            _tell_watching(run)
        access.control.resume(run)
        if detach:
            return 0
        with signals() as caught, outliving_stdout():
            return follow(access, run, caught, as_json=as_json, started=True)


@runs.command()
@config_option
@click.argument("run", type=int)
def abort(config_path: Path | None, run: int) -> int:
    """Ends what runs (TERM, then KILL after 10 s) and cancels the run."""
    with opened_state(config_path) as access:
        _tell_asked(run, _asked(access, run, "abort", ""), "")
    return 0


def _asked(access: RunAccess, run: int, kind: str, body: str) -> RequestResult:
    """Asks the run once it is known for sure whether it has a runner."""
    if access.control.history(run).view.outcome is None and access.control.runners.doubtful(run):
        _tell_watching(run)
        access.control.runners.settle(run)
    return access.control.ask(run, kind, body)


def _tell_watching(run: int) -> None:
    write_note(f"Run {run} seems to have a runner; watching for up to {DEAD_SECONDS:.0f} s whether it lives.")


def _tell_asked(run: int, asked: RequestResult, word: str) -> None:
    if asked.kind == "abort":
        write_note(f"Run {run} was asked to abort: what runs is ended (TERM, then KILL after 10 s), then the run.")
    elif asked.kind:
        write_note(f"Run {run} was answered: {word}.")
    if asked.started:
        write_note("Its runner is gone: another was started.")
    write_note(f"Follow it with: {own_command(f'runs attach {run}')}")


def _one_line(text: str) -> str:
    whole = " · ".join(text.split("\n"))
    return whole if len(whole) <= _CELL else whole[: _CELL - 1] + "…"


def _tell_question(found: RunHistory) -> None:
    if found.view.question is not None:
        write_note(f"It asks: {found.view.question.text}")
        write_note(answer_hint(found.view))
