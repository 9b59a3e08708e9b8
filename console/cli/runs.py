"""`opsconsole runs`: what ran, what runs, and what operators say to it.

Owns the group. Must not perform anything; answering a run whose runner is gone starts another.
"""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.acting import Desk, follow, opened_state
from console.cli.groups import WholeGroup
from console.cli.options import config_option, json_option, optional_environment_option
from console.cli.output import write_json, write_line, write_note, write_table, write_text
from console.domain.policy import ABANDONED
from console.domain.runs import RunRow, RunState, RunView, fold, start_view
from console.domain.untrusted import harmless
from console.errors import RefusedError, UsageError
from console.present.acting import event_line, run_document, run_summary
from console.present.aftermath import aftermath
from console.services.confirming import check_beginning
from console.services.leases import DEAD_SECONDS, alive, beats, surely_gone, surely_there
from console.services.runs import abandoned, lease_name

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
    with opened_state(config_path) as desk:
        if environment:
            desk.config.environment(environment)
        rows = desk.state.runs.runs(environment=environment, limit=limit)
        views = [_view(desk, row) for row in rows]
    if as_json:
        write_json({"runs": [run_summary(row, view) for row, view in zip(rows, views, strict=True)]})
        return 0
    write_table(
        ["run", "at", "environment", "action", "who", "state", "detail"],
        [
            [
                str(row.id),
                f"{row.created_at:%Y-%m-%d %H:%M:%S}",
                row.environment,
                row.action,
                row.operator.label,
                view.outcome.value if view.outcome else view.state.value,
                _one_line(view.detail or (view.question.text if view.question else "")),
            ]
            for row, view in zip(rows, views, strict=True)
        ],
    )
    return 0


@runs.command()
@config_option
@json_option
@click.argument("run", type=int)
def show(config_path: Path | None, as_json: bool, run: int) -> int:
    """One run: its steps and events."""
    with opened_state(config_path) as desk:
        row = desk.state.runs.run(run)
        view = _view(desk, row)
        events = desk.state.runs.events(run)
    if as_json:
        write_json(run_document(row, view))
        return 0
    ended = view.outcome.value if view.outcome else view.state.value
    write_line(f"run {row.id}: {view.title} on {row.environment} by {row.operator.label}: {ended}")
    for event in events:
        line = event_line(event)
        if line:
            write_text(line)
    for line in aftermath(row, view, events, options=desk.options):
        write_line(line)
    _tell_question(desk, row, view)
    return 0


@runs.command()
@config_option
@json_option
@click.argument("run", type=int)
@click.option("--on-interrupt", type=click.Choice(["detach", "abort"]), default="detach", help="What INT does.")
def attach(config_path: Path | None, as_json: bool, run: int, on_interrupt: str) -> int:
    """Follows a run from its beginning to its end."""
    with opened_state(config_path) as desk:
        desk.state.runs.run(run)
        return follow(desk, run, as_json=as_json, aborting=on_interrupt == "abort")


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
    with opened_state(config_path) as desk:
        _open(desk, run)
        living = _watched(desk, run)
        view = _open(desk, run, living=living)
        choices = view.question.choices if view.question else ()
        if word not in choices:
            raise UsageError(f"Run {run} takes: {', '.join(choices) or 'no answer now'}.")
        if not living and word in ABANDONED and not _asked(desk, run):
            _say(desk, run, "abort" if word == "abort" else "", "", living=living, name=name)
        else:
            _say(desk, run, "answer", word, living=living, name=name)
    return 0


@runs.command()
@config_option
@json_option
@_confirm_option
@click.argument("run", type=int)
@click.option("--detach", is_flag=True, help="Start it and leave.")
def resume(*, config_path: Path | None, as_json: bool, name: str, run: int, detach: bool) -> int:
    """Goes on with a run whose runner is gone; no step is done twice."""
    with opened_state(config_path) as desk:
        _open(desk, run)
        if _living(desk, run):
            if _beating(desk, run):
                raise UsageError(
                    f"Run {run} has a runner.", fix=f"Follow it with: {desk.command(f'runs attach {run}')}"
                )
            _open(desk, run)
        _check_beginning(desk, run, "run.resume", name)
        desk.state.audit.write("run.resume", environment=desk.state.runs.run(run).environment, run=run, result="ok")
        desk.start(run)
        return 0 if detach else follow(desk, run, as_json=as_json, started=True)


@runs.command()
@config_option
@click.argument("run", type=int)
def abort(config_path: Path | None, run: int) -> int:
    """Ends what runs (TERM, then KILL after 10 s) and cancels the run."""
    with opened_state(config_path) as desk:
        _open(desk, run)
        living = _watched(desk, run)
        _open(desk, run, living=living)
        _say(desk, run, "abort", "", living=living)
    return 0


def _watched(desk: Desk, run: int) -> bool:
    """Whether the run has a runner that can take a request; one that cannot be seen from here is watched for 10 s."""
    lease = desk.state.leases.read(lease_name(run))
    if lease is None or surely_gone(lease.holder):
        return False
    return surely_there(lease.holder) or _beating(desk, run)


def _beating(desk: Desk, run: int) -> bool:
    write_note(f"Run {run} seems to have a runner; watching for up to {DEAD_SECONDS:.0f} s whether it lives.")
    return beats(desk.state.leases, lease_name(run), desk.state.clock)


def _say(desk: Desk, run: int, kind: str, body: str, *, living: bool, name: str = "") -> None:
    """Hands the run a request; without a living runner another is started to take it."""
    state = desk.state
    if kind != "abort" and not living:
        _check_beginning(desk, run, "run.request", name)
    environment = state.runs.run(run).environment
    state.audit.write(
        "run.request", environment=environment, run=run, result="ok", detail=f"{kind or 'resume'} {body}".strip()
    )
    if kind:
        state.runs.ask(run, who=state.operator.label, kind=kind, body=body, at=state.clock.now())
    if kind == "abort":
        write_note(f"Run {run} was asked to abort: what runs is ended (TERM, then KILL after 10 s), then the run.")
    elif kind:
        write_note(f"Run {run} was answered: {body}.")
    if not living or not _living(desk, run):
        # The second look: it may have ended between the first and our request.
        write_note("Its runner is gone: another was started." if not living else "Another runner was started.")
        desk.start(run)
    write_note(f"Follow it with: {desk.command(f'runs attach {run}')}")


def _check_beginning(desk: Desk, run: int, what: str, name: str) -> None:
    """RefusedError, audited, when a runner started now would begin a protected run that nobody confirms here."""
    row = desk.state.runs.run(run)
    view = fold(start_view(row), desk.state.runs.events(run))
    try:
        if name and name != row.environment:
            raise RefusedError(
                f"--confirm says {harmless(name)}, run {run} is for {row.environment}.", done="Nothing was changed."
            )
        check_beginning(row.plan, view, desk.state.windows.current(row.environment), typed=name)
    except RefusedError as error:
        desk.state.audit.write(what, environment=row.environment, run=run, result="refused", detail=error.what)
        raise


def _living(desk: Desk, run: int) -> bool:
    return alive(desk.state.leases, lease_name(run))


def _view(desk: Desk, row: RunRow) -> RunView:
    view = fold(start_view(row), desk.state.runs.events(row.id))
    if view.outcome is None and view.state is not RunState.CONFIRMED and not _living(desk, row.id):
        # A runner that has ended meanwhile has written so before it gave up its lease.
        view = fold(view, desk.state.runs.events(row.id, view.last_seq))
    if view.outcome is None and view.state is not RunState.CONFIRMED and not _living(desk, row.id):
        return abandoned(view, at=desk.state.clock.now())
    return view


def _asked(desk: Desk, run: int) -> bool:
    """Whether the run itself has an open question with choices."""
    question = fold(start_view(desk.state.runs.run(run)), desk.state.runs.events(run)).question
    return question is not None and bool(question.choices)


def _open(desk: Desk, run: int, *, living: bool = True) -> RunView:
    view = _view(desk, desk.state.runs.run(run))
    if not living and view.outcome is None and view.state is not RunState.CONFIRMED:
        view = abandoned(view, at=desk.state.clock.now())
    if view.outcome is not None:
        raise UsageError(f"Run {run} has ended: {view.outcome}.")
    return view


def _one_line(text: str) -> str:
    whole = " · ".join(text.split("\n"))
    return whole if len(whole) <= _CELL else whole[: _CELL - 1] + "…"


def _tell_question(desk: Desk, row: RunRow, view: RunView) -> None:
    if view.question is not None:
        write_note(f"It asks: {view.question.text}")
        words = ", ".join(view.question.choices)
        write_note(
            f"Answer with: {desk.command(f'runs answer {row.id} WORD')}"
            + (f" (WORD is one of: {words})" if words else "")
        )
