"""What widgets tell the main screen: facts in the past tense, frozen.

Owns the message types. Must not hold widgets nor services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual.message import Message

from console.domain.documents import Json
from console.present.text import Line


class EnvironmentChosen(Message):
    """The operator pressed Enter on an environment: the banner shall show it."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__()


class ActionChosen(Message):
    """The operator wants an action on the banner's environment. `brief` asks for the one-line confirm; `what` names
    the frozen set for it; `changed_at` is when the row under the cursor last changed (monotonic s), None if never.
    `started` is called when its run has been started, and only then."""

    def __init__(
        self,
        action: str,
        params: Mapping[str, Json] | None = None,
        *,
        brief: bool = False,
        what: str = "",
        changed_at: float | None = None,
        started: Callable[[], None] | None = None,
    ) -> None:
        self.action = action
        self.params = dict(params or {})
        self.brief = brief
        self.what = what
        self.changed_at = changed_at
        self.started = started
        super().__init__()


class TextAsked(Message):
    """A pane needs one line from the operator (a filter, a reason). The screen's input line answers through `then`;
    Esc calls `cancelled`. `each` is called on every keystroke when given."""

    def __init__(
        self,
        title: str,
        initial: str,
        then: Callable[[str], None],
        *,
        each: Callable[[str], None] | None = None,
        cancelled: Callable[[], None] | None = None,
    ) -> None:
        self.title = title
        self.initial = initial
        self.then = then
        self.each = each
        self.cancelled = cancelled
        super().__init__()


class NoticeGiven(Message):
    """One harmless line for the operator. `state` is ok, warning or error."""

    def __init__(self, text: str, state: str = "ok") -> None:
        self.text = text
        self.state = state
        super().__init__()


class DetailOpened(Message):
    """A pane has something to read in full: a title and harmless lines of (text, state) pieces."""

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        self.title = title
        self.lines = lines
        super().__init__()


class SummaryChanged(Message):
    """A pane's one-line summary differs from before."""
