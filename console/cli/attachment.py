"""Following a run on a command line: its events as they come, and what signals do meanwhile.

Owns that printing, and that INT, TERM and HUP leave a run alone. Must not decide how a run ended: its events say so.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from console.cli.confirm import RunAccess
from console.cli.output import flush, write_json_line, write_line, write_note, write_text
from console.domain.events import OUTPUT_KEPT, LinkLost, LinkRestored, OperatorNeeded, StepOutput
from console.domain.policy import ABANDONED
from console.domain.runs import Event, RunView
from console.domain.untrusted import Raw
from console.errors import StateError, UsageError
from console.own_commands import own_command
from console.present.aftermath import aftermath
from console.present.run_documents import EventLines, event_document, event_line, run_state_document
from console.services.runs.attachment import Attachment
from console.services.runs.runner_log import runner_log

UNKNOWN = 8
_URGENT = (OperatorNeeded, LinkLost, LinkRestored)
"""What whoever waits for a run has to know also when its events are not printed."""


class Detached(Exception):  # noqa: N818 - not an error: somebody left, the run goes on
    """Whoever followed the run was told to leave."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def follow(
    access: RunAccess,
    run: int,
    caught: list[int],
    *,
    as_json: bool,
    aborting: bool = False,
    quiet: bool = False,
    started: bool = False,
) -> int:
    """Prints a run's events and output until it ends; its exit code, or 8 when it needs an operator nobody brings.

    `caught` fills with signals (`signals`): they leave the run alone and name how to come back; with `aborting` the
    first one aborts it. `quiet` leaves stdout to whoever calls: what an operator has to know still goes to stderr.
    `started` says that a runner was just started: it has no lease yet.
    """
    interrupts = _Interrupts(access, run, caught, aborting)
    try:
        attached = access.control.attach(run, started=started)
        printer = _Printer(access, attached, as_json=as_json, quiet=quiet)
        for events in attached.turns():
            printer.show(events)
            if attached.exit_code is None:
                interrupts.obey()
    except StateError as error:
        write_note(f"Run {run} cannot be followed any more, and how it goes on is not known: {error}")
        write_note(f"Come back with: {own_command(f'runs attach {run}')}")
        return UNKNOWN
    except Detached as left:
        printer.state("run_detached")
        write_note(f"Run {run} goes on. Come back with: {own_command(f'runs attach {run}')}")
        return 128 + left.number
    if attached.exit_code is None:
        printer.state("run_left")
        _tell_left(access, attached)
        return UNKNOWN
    if attached.exit_code and (quiet or not sys.stdout.isatty()):
        # Whoever waits may read only this: the events go to a file, to a program, or nowhere any more.
        write_note(f"Run {run} ended {attached.view.outcome}: {attached.view.detail or 'it does not say why'}")
    if not quiet:
        _tell_aftermath(access, run)
    return attached.exit_code


def _tell_aftermath(access: RunAccess, run: int) -> None:
    """Says what is true after a bad end. What cannot be read for that changes nothing about how the run ended."""
    with suppress(StateError):
        found = access.control.history(run)
        for line in aftermath(found.row, found.view, found.events):
            write_note(line)


def _tell_left(access: RunAccess, attached: Attachment) -> None:
    """Says that the run has no runner, and what can be done about it."""
    run, view = attached.row.id, attached.view
    if view.question is not None:
        write_note(f"Run {run} needs an operator: {view.question.text}")
        if view.question.choices != ABANDONED:
            write_note("Its runner is gone: an answer starts another.")
        write_note(f"Go on with it: {own_command(f'runs resume {run}')}")
        write_note(answer_hint(view))
    if view.started_at is None:
        write_note(f"Its runner never began; its log is {runner_log(access.config.state_path, run)}")


def answer_hint(view: RunView) -> str:
    """How to answer what the run asks."""
    words = ", ".join(view.question.choices) if view.question else ""
    hint = f"Answer with: {own_command(f'runs answer {view.run} WORD')}"
    return hint + (f" (WORD is one of: {words})" if words else "")


class _Interrupts:
    """What INT, TERM and HUP mean to whoever follows a run."""

    def __init__(self, access: RunAccess, run: int, caught: list[int], aborting: bool) -> None:
        self._access = access
        self._run = run
        self._caught = caught
        self._aborting = aborting

    def obey(self) -> None:
        """Leaves the run by raising Detached; with `aborting` the first one aborts it."""
        if not self._caught:
            return
        number = self._caught.pop(0)
        if not self._aborting:
            raise Detached(number)
        self._aborting = False
        try:
            self._access.control.ask(self._run, "abort")
        except UsageError:
            # It has just ended: its last events come with the next turn.
            return
        write_note("Aborting. Once more leaves it alone.")


class _Printer:
    """Events as they come: JSON lines, or lines for a person with the output of steps between them."""

    def __init__(self, access: RunAccess, attached: Attachment, *, as_json: bool, quiet: bool) -> None:
        self._access = access
        self._store = access.control.context.store
        self._attached = attached
        self._json = as_json
        self._quiet = quiet
        self._lines = EventLines()

    def show(self, events: Sequence[Event]) -> None:
        """Prints events that came together, and how to answer if one of them asks something that is still open."""
        for event in events:
            if self._quiet:
                if isinstance(event.payload, _URGENT):
                    write_note(event_line(event))
            elif self._json:
                write_json_line(event_document(event))
            else:
                self._show(event)
        question = self._attached.view.question
        if question and question.choices and any(isinstance(event.payload, OperatorNeeded) for event in events):
            write_note(answer_hint(self._attached.view))

    def state(self, kind: str) -> None:
        """In JSON a last line for a run that has not ended: why no more lines come, and what the run waits for."""
        if self._json and not self._quiet:
            write_json_line({"kind": kind, **run_state_document(self._attached.view)})

    def _show(self, event: Event) -> None:
        line = self._lines.line(event)
        if line:
            write_text(line)
        if isinstance(event.payload, StepOutput):
            self._show_output(event, event.payload)
        flush()

    def _show_output(self, event: Event, output: StepOutput) -> None:
        data = self._store.output(event.run, event.step, event.host, offset=output.offset, limit=output.length)
        for line in Raw(data.removesuffix(b"\n")).lines():
            write_line(f"  {event.host or event.step} | {line}")
        if output.offset + output.length >= OUTPUT_KEPT:
            write_note(
                f"{event.step}: no more than its first {OUTPUT_KEPT:,} bytes are kept; {event.host} has the rest"
            )


@contextmanager
def signals() -> Iterator[list[int]]:
    """Collects INT, TERM and HUP instead of dying of them: from before a run is started, so that whoever interrupts
    that moment still learns the run's number."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # Whoever was started by nohup is meant to outlive the terminal.
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
