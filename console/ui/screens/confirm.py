"""The last question before a run: the whole plan, or one line that names the frozen set.

Owns when Run may be pressed: never in the first two seconds, never by paste, on protected environments only with the
exact name. Must not start anything; it only answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button

from console.domain.runs import Plan
from console.domain.untrusted import harmless
from console.present.run_rows import plan_lines
from console.ui.commands import bindings
from console.ui.screens.small import fit
from console.ui.widgets.draw import wrap
from console.ui.widgets.name_field import NameField
from console.ui.widgets.status_bar import Piece, StatusBar
from console.ui.widgets.text_view import TextView

_REFUSED = "Type it key by key: what is pasted, or comes too fast, is not taken here."
_BESIDE = 14
"""Columns of the screen that the brief form leaves beside its text."""
_LINES = 12
"""The most lines of the brief form's text; more of them scroll."""
PAUSE = 2.0
"""Seconds between the plan standing on the screen and the first moment it can be confirmed."""


class PlanQuestion(ModalScreen[str | None]):
    """What both forms share. Answers the typed name (empty on the normal tier), or None for no."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("confirm"), *bindings("text")]
    AUTO_FOCUS = None

    def __init__(self, plan: Plan, mono: Callable[[], float]) -> None:
        super().__init__()
        self.plan = plan
        self._mono = mono
        self._drawn_at: float | None = None
        self._refused = False

    def on_mount(self) -> None:
        """Puts the focus where typing goes, and begins to look whether Run may be pressed."""
        if self.plan.protected:
            self.query_one(NameField).focus()
        else:
            self.query_one("#cancel", Button).focus()
        self.set_interval(0.1, self._open)

    def on_screen_resume(self) -> None:
        """The two seconds begin when the plan has been painted, and again after something lay over it."""
        self._drawn_at = None
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        fit(self.app)
        if self.app.screen is self:
            self._drawn_at = self._mono()
        self._open()

    @property
    def ready(self) -> bool:
        """Whether the plan has stood there long enough to have been read."""
        return self._drawn_at is not None and self._mono() - self._drawn_at >= PAUSE

    def _open(self) -> None:
        # Run only looks disabled: a really disabled button cannot get the focus, so Enter would stay on Cancel.
        for button in self.query("#run").results(Button):
            button.set_class(not self.ready, "-asleep")

    def say(self, text: str, state: str = "warning") -> None:
        """One line below the plan."""
        self.query_one("#said", StatusBar).show([Piece(text, state)])

    # --- answers ---------------------------------------------------------------------------------------------------

    def action_cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _cancelled(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#run")
    def _pressed(self) -> None:
        if self.plan.protected:
            return
        if self.ready:
            self.dismiss("")
        else:
            self.say("Read the plan first: Run works two seconds after it was drawn.")

    @on(NameField.Submitted)
    def _submitted(self, event: NameField.Submitted) -> None:
        event.stop()
        name = self.plan.environment
        if event.value != name and self._refused:
            self.say(f"Nothing has been started. {_REFUSED}", "error")
        elif event.value != name:
            self.say(f"That is not {harmless(name)}. Nothing has been started.", "error")
        elif not self.ready:
            self.say("Read the plan first: Enter works two seconds after it was drawn.")
        else:
            self.dismiss(event.value)

    @on(NameField.Pasted)
    def _pasted(self) -> None:
        # A paste may end with Enter: the reason for the refusal must still be shown after it.
        self._refused = True
        self.say(_REFUSED, "error")

    # --- scrolling the plan while the field or a button has the focus ----------------------------------------------

    def action_lines(self, by: int) -> None:
        self.query_one(TextView).action_lines(by)

    def action_pages(self, by: int) -> None:
        self.query_one(TextView).action_pages(by)

    def action_ends(self, end: int) -> None:
        self.query_one(TextView).action_ends(end)


class ConfirmScreen(PlanQuestion):
    """The whole plan."""

    def compose(self) -> ComposeResult:
        """Heading, plan, what was said, and the way to say yes."""
        plan = self.plan
        with Vertical(classes="dialog -full -protected" if plan.protected else "dialog -full") as box:
            box.border_title = Content(f"Plan: {harmless(plan.title)}")
            keys = "↑ ↓ scroll  Enter run  Esc cancel" if plan.protected else "↑ ↓ scroll  Tab choose  Esc cancel"
            box.border_subtitle = Content(keys)
            heading = StatusBar(id="heading")
            heading.show(*_heading(plan))
            yield heading
            view = TextView(plan_lines(plan))
            view.can_focus = False
            yield view
            yield StatusBar(id="said")
            if plan.protected:
                yield NameField(placeholder=f"type {harmless(plan.environment)} to run this plan")
            else:
                with Horizontal(classes="buttons"):
                    yield Button("Cancel", id="cancel")
                    yield Button("Run", id="run", classes="-asleep")


class BriefConfirm(PlanQuestion):
    """A few lines for work on single jobs: `what` names the frozen set by count, and below that by its first ids."""

    def __init__(self, plan: Plan, what: str, mono: Callable[[], float]) -> None:
        super().__init__(plan, mono)
        self.what = what

    def compose(self) -> ComposeResult:
        """The sentence, and the way to say yes."""
        plan = self.plan
        with Vertical(classes="dialog -brief -protected" if plan.protected else "dialog -brief") as box:
            box.border_title = Content(harmless(plan.title))
            box.border_subtitle = Content("Enter run  Esc cancel" if plan.protected else "Tab choose  Esc cancel")
            heading = StatusBar(id="heading")
            heading.show(*_heading(plan))
            yield heading
            first, *more = self.what.split("\n")
            lines = [((harmless(first), "bold"),), *(((harmless(each), ""),) for each in more), *_commands(plan)]
            view = TextView(lines)
            width = max(20, self.app.size.width - _BESIDE)
            view.styles.height = min(sum(len(wrap(line, width)) for line in lines), _LINES)
            view.can_focus = False
            yield view
            yield StatusBar(id="said")
            if plan.protected:
                yield NameField(placeholder=f"type {harmless(plan.environment)}")
            else:
                with Horizontal(classes="buttons"):
                    yield Button("Cancel", id="cancel")
                    yield Button("Run", id="run", classes="-asleep")


def _commands(plan: Plan) -> list[tuple[tuple[str, str], ...]]:
    notes = [((harmless(note), "warning"),) for note in plan.notes]
    texts = dict.fromkeys(script.text for step in plan.steps for script in step.scripts)
    return [*notes, *((("$ ", "dim"), (harmless(text), "dim")) for text in texts)]


def _heading(plan: Plan) -> tuple[list[Piece], list[Piece], str]:
    tier = Piece(" PROTECTED ", "inverse") if plan.protected else Piece(" NORMAL ", "accent-bold")
    left = [tier, Piece(f"  {harmless(plan.environment)}", "bold")]
    right = [Piece(f"{harmless(plan.action)} · {harmless(plan.operator.label)} ", "", 1)]
    return left, right, "band" if plan.protected else ""
