"""The run drawer: steps by hosts, the newest output, and what a run asks, while the other panes stay in view.

Owns showing one run and passing on what the operator asks of it. Must not own the run: it only follows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from console.domain.policy import ABANDONED
from console.domain.releases import ReleaseReading
from console.domain.runs import Outcome, Question, RunState, RunView
from console.domain.snapshot import Key
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError
from console.present.readings import snapshots
from console.present.run_end import ending_lines
from console.present.run_rows import (
    gate_line,
    output_lines,
    progress_words,
    result_lines,
    run_columns,
    run_rows,
    run_state,
    run_title,
    shown_host,
    shown_step,
)
from console.present.text import Line
from console.services.container import Services
from console.ui.ahead import TOO_FRESH
from console.ui.commands import COMMANDS, bindings
from console.ui.messages import DetailOpened, NoticeGiven, TextAsked
from console.ui.pane import Attached, Pane
from console.ui.widgets.record_table import RecordTable
from console.ui.widgets.text_view import TextView

_TAIL = 4096
_TAIL_LINES = 40
_WHOLE = 1_048_576
"""Bytes of a host's output that are shown at most: the newest."""


class RunDrawer(Pane):
    """One run of the banner's environment: the one just started while it goes on, else the current one."""

    NUMBER = 0
    NAME = "drawer"
    TITLE = "Run"
    KINDS = frozenset({"run", "runs"})
    HINTS = ("run.output", "run.hold", "run.abort")
    EMPTY = "no run yet: D plans a deploy, and asks before anything happens"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("drawer")]

    def __init__(self) -> None:
        super().__init__()
        self.view: RunView | None = None
        self._run: int | None = None
        self._chosen = False
        self._wanted: int | None = None
        self._turned = float("-inf")
        self._wished: bool | None = None
        self._shape: tuple[object, ...] = ()
        self._step = ""

    def compose(self) -> ComposeResult:
        """Steps above, the tail of the output below."""
        yield RecordTable((), empty=self.EMPTY, sortable=False)
        tail = TextView(follow=True)
        tail.can_focus = False
        yield tail

    @property
    def table(self) -> RecordTable:
        """The steps."""
        return self.query_one(RecordTable)

    def hints(self) -> tuple[str, ...]:
        """Only the keys that this run still takes; the answer that it waits for comes first."""
        if self.view is None or self.view.state is RunState.FINISHED:
            return ("run.output",) if self.view else ()
        return ("run.answer", *self.HINTS) if self.view.question else self.HINTS

    def focus_target(self) -> Widget:
        """The steps."""
        return self.table

    def attach(self, attached: Attached) -> None:
        """Forgets the run of the environment that was left."""
        super().attach(attached)
        self._run, self._chosen, self._wanted = None, False, None
        self.view, self._shape, self._wished, self._step = None, (), None, ""

    def concerns(self, key: Key) -> bool:
        """News of any run, because another one may be current now."""
        if self.attached is None or key[0] not in self.KINDS:
            return False
        return key[1] == self.attached.environment.name if key[0] == "runs" else True

    def follow(self, run: int) -> None:
        """Shows this run as long as it goes on."""
        self._run, self._chosen, self._wanted = run, False, None
        if self.attached:
            self.refresh_from(self.attached.services)

    def refresh_from(self, services: Services) -> None:
        """Folds what is known and shows it."""
        if self.attached is None:
            return
        self._choose(services, services.runs.current(self.attached.environment.name))
        if self._run is None:
            self._show_none()
            return
        before, self.view = self.view, services.runs.view(self._run)
        if before is None or before.run != self.view.run or bool(self.view.held_by) == self._wished:
            self._wished = None
        self._draw(services)

    def _choose(self, services: Services, current: RunView | None) -> None:
        """Switches to the current run, unless the shown one is unfinished or the operator turned to it."""
        if current is None or current.run == self._run:
            return
        if self._run is not None:
            shown = services.runs.view(self._run)
            if shown.outcome is None or self._chosen:
                return
            if current.run < self._run and (current.outcome is not None or _abandoned(current)):
                return
            self._turned = services.clock.monotonic()
        self._run = current.run

    def tick(self, mono: float) -> None:  # noqa: ARG002
        """Draws again the durations of an unfinished run, or what is live now after a run that ended badly."""
        if self.attached is not None and self.view is not None and self.view.outcome is not Outcome.OK:
            self._draw(self.attached.services)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _show_none(self) -> None:
        self.table.styles.height = "1fr"
        self.table.show(())
        self.query_one(TextView).show(())
        self.show_border()
        self.show_summary(("no run yet", "dim"))

    def _draw(self, services: Services) -> None:
        view, now = self.view, services.clock.now()
        if view is None:
            return
        shape = (view.run, *run_columns(view))
        if shape != self._shape:
            self._shape = shape
            self.table.use(run_columns(view), empty=self.EMPTY)
        # Few steps leave their room to the output.
        self.table.styles.height = len(view.steps) + 1
        self.table.show(run_rows(view, now), mono=services.clock.monotonic())
        step = shown_step(view)
        if step is not None and step.name != self._step:
            # The cursor goes with the run; the operator may move it until the next step begins.
            self._step = step.name
            self.table.go_to(step.name)
        self.query_one(TextView).show(self._tail(services, view))
        self.show_border(
            extra=((str(view.run), "bold"), *run_title(view, now)),
            note=_note(view),
        )
        word, state = run_state(view)
        self.show_summary(
            (f"{view.run} {harmless(view.action)} ", ""), (word, state), (f"  {progress_words(view, now)}", "dim")
        )
        self.set_class(view.state is RunState.FINISHED and view.outcome is Outcome.OK, "-over")
        self.set_class(view.state is RunState.FINISHED and view.outcome is not Outcome.OK, "-bad")

    def _tail(self, services: Services, view: RunView) -> list[Line]:
        if view.question is not None:
            choices = ", ".join(map(harmless, view.question.choices))
            asked: list[Line] = [((harmless(part), "warning"),) for part in view.question.text.splitlines()]
            return [*asked, (("a answers: ", "dim"), (choices, "bold"))]
        lines_shown: list[Line] = []
        step = shown_step(view)
        if step is not None:
            raw = services.runs.output(view.run, step.name, shown_host(step), last=_TAIL)
            said: list[Line] = [((line, "dim"),) for line in raw.lines(limit=500) if line]
            lines_shown += [*result_lines(step)] or said[-_TAIL_LINES:]
        if gate := gate_line(view, services.clock.now()):
            lines_shown.append(gate)
        if view.state is RunState.FINISHED:
            keys = {each.production: each.label for each in COMMANDS if each.production}
            lines_shown += ending_lines(view, snapshots(services.board, view.environment, ReleaseReading), keys)
        return lines_shown

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_turn(self, step: int) -> None:
        """Turns to the run before (-1) or after (1) the shown one; after the newest, back to the current run."""
        if self.attached is None or self._run is None:
            return
        services = self.attached.services
        runs = sorted(services.runs.recent(self.attached.environment.name))
        # A second turn counts from the run that is being read, not from the one that is still shown.
        here = self._run if self._wanted is None else self._wanted
        place = runs.index(here) + step if here in runs else len(runs)
        if place < 0:
            self._say(f"no older run at hand: {self.attached.command('runs list')}", "warning")
            return
        self._chosen = place < len(runs)
        wanted = runs[place] if self._chosen else None
        if wanted is None:
            self._wanted = None
            self._choose(services, services.runs.current(self.attached.environment.name))
            self._turned = float("-inf")
            self.refresh_from(services)
            return

        def read(_: None) -> None:
            if self._wanted == wanted:
                self._run, self._wanted = wanted, None
                self.refresh_from(services)

        self._wanted = wanted

        # A run that ended long ago is read from the state database first.
        self.attached.ask(lambda: services.runs.follow(wanted), read, self._failed, "run", urgent=True)

    def action_answer(self) -> None:
        """Answers the run's question with one of its words."""
        view = self.view
        if view is None or view.question is None:
            self._say(self._nothing("the run asks nothing"), "warning")
            return
        run, question, choices = view.run, view.question, view.question.choices

        def answered(text: str) -> None:
            word = text.strip()
            full = [choice for choice in choices if choice == word] or [
                c for c in choices if word and c.startswith(word)
            ]
            if len(full) == 1 and not self._asks(run, question):
                self.post_message(NoticeGiven(f"run {run} does not ask that any more: nothing was answered", "warning"))
            elif len(full) == 1:
                self._ask(run, "answer", full[0], f"answered {harmless(full[0])}")
            else:
                self.post_message(NoticeGiven(f"one of: {', '.join(map(harmless, choices))}", "warning"))

        self.post_message(TextAsked(f"answer run {run} ({', '.join(map(harmless, choices))}):", "", answered))

    def _nothing(self, otherwise: str) -> str:
        """Why a key does nothing. On an ended run the operator may mean an unfinished one, which is then named."""
        if self.attached is not None and self.view is not None and self.view.state is RunState.FINISHED:
            current = self.attached.services.runs.current(self.attached.environment.name)
            if current is not None and current.outcome is None:
                return f"run {self.view.run} has ended; run {current.run} goes on: ] turns to it"
        return otherwise

    def action_abort(self) -> None:
        """Asks the run to stop, once the word is typed: a single key must not stop it."""
        view = self.view
        if view is None or view.state is RunState.FINISHED:
            self._say(self._nothing("no run is going on"), "warning")
            return

        run = view.run

        def answered(text: str) -> None:
            if text.strip() == "abort":
                self._ask(run, "abort", "", "asked the run to stop")
            else:
                self.post_message(NoticeGiven("not aborted", "ok"))

        self.post_message(TextAsked(f"type abort to stop run {run}:", "", answered))

    def action_hold(self) -> None:
        """Holds before the next step, or lets it go on."""
        if self.view is None or self.view.state is RunState.FINISHED:
            self._say(self._nothing("no run is going on"), "warning")
            return
        if self._new:
            self._say(f"Run {self.view.run} has just come up; look again, then press the key.", "warning")
            return
        # The run's events say whether it is held, but a request of a moment ago may not be among them yet.
        hold = not (bool(self.view.held_by) if self._wished is None else self._wished)
        self._wished = hold
        self._ask(self.view.run, "hold" if hold else "go", "", "holds before its next step" if hold else "goes on")

    def action_output(self) -> None:
        """Shows the output of the step under the cursor, and says so where only the end of it is in memory."""
        view, row = self.view, self.table.model.current
        if view is None or row is None or self.attached is None:
            return
        step, runs = next(each for each in view.steps if each.name == row.key), self.attached.services.runs
        outputs = {
            host: (runs.output(view.run, step.name, host, last=_WHOLE), runs.output_size(view.run, step.name, host))
            for host in step.hosts
        }
        lines = output_lines(step, outputs, self.attached.command(f"runs attach {view.run}"))
        self.post_message(DetailOpened(f"run {view.run} · {harmless(step.name)}", lines))

    def on_record_table_opened(self) -> None:
        """Enter on a step."""
        self.action_output()

    @property
    def _new(self) -> bool:
        """Whether the drawer has just switched to another run by itself, which the operator may not have seen yet."""
        return self.attached is not None and self.attached.services.clock.monotonic() - self._turned < TOO_FRESH

    def _asks(self, run: int, question: Question) -> bool:
        """Whether the run still asks this; somebody else may have answered while a word was typed."""
        now = self.attached.services.runs.view(run).question if self.attached is not None else None
        return now is not None and replace(now, asked_at=question.asked_at) == question

    def _ask(self, run: int, kind: str, body: str, said: str) -> None:
        """Hands a request to the run that the operator saw; the drawer may show another one by now."""
        if self.attached is None:
            return
        runs = self.attached.services.runs
        self.attached.ask(
            lambda: runs.ask(run, kind, body),
            lambda _: self._say(f"run {run}: {said}", "ok"),
            self._failed,
            f"run {kind}",
            urgent=True,
        )

    def _failed(self, error: OpsconsoleError) -> None:
        self._wished = None
        self._say(harmless(error.what), "error")

    def _say(self, text: str, state: str) -> None:
        self.post_message(NoticeGiven(text, state))

    def copy_command(self) -> str:
        """How to see this run on the command line."""
        return self.attached.command(f"runs show {self.view.run}") if self.attached and self.view else ""


def _abandoned(view: RunView) -> bool:
    """Whether it only waits to be resumed or aborted: it has no runner, and nothing happens."""
    return view.question is not None and view.question.choices == ABANDONED


def _note(view: RunView) -> str:
    """A hint for an unfinished run: how to end a hold, or that leaving does not stop it."""
    if view.state is RunState.FINISHED:
        return ""
    return f"held by {harmless(view.held_by)}: h goes on" if view.held_by else "q leaves it running"
