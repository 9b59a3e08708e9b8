"""The base of every pane: number, title, border states, empty text, and when it is read again.

Owns what all panes share. Must not know any pane, nor read a service on its own: `refresh_from` is called when a
published key concerns the pane and it is visible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from console.present.readings import kind_at
from console.present.unread import KEY, reason, unread_lines
from console.services.container import Services
from console.ui.bridge import Ask
from console.ui.commands import hint
from console.ui.messages import DetailOpened, SummaryChanged

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.snapshot import Key, Snapshot


@dataclass(frozen=True, slots=True)
class Attached:
    """What a pane works with once services exist: the banner's environment, and how to ask what may block."""

    services: Services
    environment: Environment
    ask: Ask
    local_time: bool = False
    shown: frozenset[type] = frozenset()
    """The kinds of sources that some place of the screen shows; others have a line among the environments."""
    command: Callable[[str], str] = "opsconsole {}".format
    """Words of ours as a command line that can be pasted: it names the configuration where one was given."""


SECOND = 0.9
"""A pane that a reading has drawn so many seconds ago shows true ages: the second hand may pass it over."""


class Pane(Widget):
    """One numbered pane.

    A subclass sets the class variables, composes its widgets and fills them in `refresh_from`. The digit, the `:` name,
    palette, help, zoom, Esc and the one-line summary at 80x24 come by themselves. Keys of its own are rows of
    `ui.commands` whose `where` is NAME: set `BINDINGS = bindings("…")` and implement the `action_…` methods.
    """

    NUMBER: ClassVar[int] = 0
    """The digit that gives it the focus, and its place among the panes of its slot."""
    NAME: ClassVar[str] = ""
    """What `:` takes for it, and the place that its own keys are declared for."""
    TITLE: ClassVar[str] = ""
    SLOT: ClassVar[str] = ""
    """Where it stands: left, centre, right or bottom."""
    CHAIN: ClassVar[tuple[str, ...]] = ("table",)
    """The places, beside its own, whose keys are live while something in it has the focus."""
    HINTS: ClassVar[tuple[str, ...]] = ()
    """Command ids named in the border while the pane has the focus."""
    KINDS: ClassVar[frozenset[str]] = frozenset()
    """First words of the published keys that concern this pane (`source`, `checklist`, …)."""
    READS: ClassVar[tuple[type, ...]] = ()
    """The kinds of readings that this pane shows. Others come several times a second and must not make it draw."""
    EMPTY: ClassVar[str] = ""
    """What an empty pane says: the next step."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id=f"pane-{self.NUMBER}")
        self.attached: Attached | None = None
        self.dirty = True
        self.refreshed_at = float("-inf")
        """When the screen last drew this pane for a reading, on the monotonic clock."""
        self.expecting = 0
        """How many texts that keys asked for are on their way."""
        self._extra: tuple[tuple[str, str], ...] = ()
        self._note = ""
        self._error = ""
        self._stale = False
        self._summary: tuple[tuple[str, str], ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._unread: tuple[Snapshot[object], ...] = ()

    # --- for subclasses to fill in ---------------------------------------------------------------------------------

    def attach(self, attached: Attached) -> None:
        """Called when services exist, and again when the environment changes: forget what was shown of another."""
        self.attached = attached
        self.dirty = True
        self._summary, self._unread = (), ()

    def concerns(self, key: Key) -> bool:
        """Whether a published key changes what this pane shows."""
        return (
            key[0] in self.KINDS
            and self.attached is not None
            and (len(key) < 2 or key[1] == self.attached.environment.name)
            and (key[0] != "source" or kind_at(self.attached.services.board, key[1], key[2]) in self.READS)
        )

    def refresh_from(self, services: Services) -> None:
        """Reads what is at hand at once, and shows it; anything slower goes through `self.attached.ask`."""
        raise NotImplementedError

    def tick(self, mono: float) -> None:
        """Called each second while visible, for ages and staleness; does nothing unless something shown changes."""

    def choose(self, word: str) -> None:
        """What `:NAME WORD` asks of this pane (`:checklist deploy`)."""

    def go_back(self) -> bool:
        """Esc: leaves one thing of its own (a filter, marks); False when there was nothing to leave."""
        return False

    def focus_target(self) -> Widget:
        """The widget that takes the focus; the pane itself unless a child can."""
        return next((child for child in self.query("*") if child.can_focus and child.display), self)

    def hints(self) -> tuple[str, ...]:
        """The command ids to name in the border now."""
        return self.HINTS

    def hint_words(self) -> Mapping[str, str]:
        """What a command would do now, by its id, where its title does not say it."""
        return {}

    def copy_text(self) -> str:
        """What `y` copies: harmless text of the current row."""
        return ""

    def copy_command(self) -> str:
        """What `Y` copies: the equivalent command line."""
        return ""

    # --- for subclasses to call ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Shows once more what is at hand; nothing before services exist."""
        if self.attached is not None:
            self.refresh_from(self.attached.services)

    def show_border(
        self,
        *,
        extra: tuple[tuple[str, str], ...] = (),
        note: str = "",
        error: str = "",
        stale: bool = False,
    ) -> None:
        """Sets the frame: `extra` = (text, state) pieces behind the title, `note` = the quiet word at the bottom
        right (a source, an age), `error` = one line in place of it, `stale` = dim contents and a warning frame."""
        self._extra, self._note, self._error, self._stale = extra, note, error, stale
        self._draw_border()

    def show_summary(self, *pieces: tuple[str, str]) -> None:
        """Sets the one-line summary from (text, state) pieces; tells the screen when it differs."""
        if pieces != self._summary:
            self._summary = pieces
            self.post_message(SummaryChanged())

    def empty_words(self, missing: tuple[Snapshot[object], ...], *, waiting: bool) -> tuple[str, str]:
        """The text in place of rows, and its state. `missing` are the readings that failed, which are kept for
        `open_unread`. A failed reading is never shown in the words for an empty one."""
        self._unread = missing
        if missing:
            return reason(missing[0]), "error"
        return ("reading …" if waiting else self.EMPTY), "dim"

    def open_unread(self, key: str) -> bool:
        """Shows the whole error after Enter on what stands for a failed reading. Whether `key` was such a place."""
        if key and not key.startswith(KEY):
            return False
        if self._unread and self.attached is not None:
            now, local = self.attached.services.clock.now(), self.attached.local_time
            lines = unread_lines(self._unread, now, local=local)
            self.post_message(DetailOpened(f"{self.TITLE} · not readable", lines))
        return True

    def summary_line(self) -> Content:
        """The line that stands for this pane while another one has the small screen."""
        head = [(f"{self.NUMBER} ", "accent"), (f"{self.TITLE}  ", "dim")]
        if self._error:
            return compose_line(*head, (self._error, "error"))
        return compose_line(*head, *(self._summary or (("reading …", "dim"),)))

    # --- the frame -------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Draws the frame before anything is known."""
        self._draw_border()

    def on_resize(self) -> None:
        """Draws as many keys as fit now, and the errors, which are wrapped by hand."""
        self._draw_border()
        if self._unread:
            self.redraw()

    def on_descendant_focus(self) -> None:
        """Swaps the border's note for the keys while focused."""
        self._draw_border()

    def on_descendant_blur(self) -> None:
        """Swaps the keys for the border's note again."""
        self._draw_border()

    def _draw_border(self) -> None:
        focused = self.has_focus_within or self.has_focus
        # Pieces are compared, not Content: two Contents of the same letters in other styles are equal.
        title = (
            (f"{self.NUMBER} {self.TITLE}", "accent-bold" if focused else "dim"),
            *((f"  {text}", state or "dim") for text, state in self._extra),
        )
        subtitle = ((self._error, "error") if self._error else (self._foot(focused), "dim"),)
        if (drawn := (title, subtitle)) != self._drawn:
            # Setting a border title repaints the whole widget; only the two border lines have changed.
            before, self._drawn = self._drawn, drawn
            self._border_title, self._border_subtitle = compose_line(*title), compose_line(*subtitle)
            if before:
                width, height = self.content_size
                self.refresh(Region(-4, -1, width + 8, 1), Region(-4, height, width + 8, 1))
            else:
                self.refresh()
        self.set_class(bool(self._error), "-failing")
        self.set_class(self._stale, "-stale")

    def _foot(self, focused: bool) -> str:
        """The note, and as many of the keys as fit beside it while the pane is focused."""
        hints = list(self.hints()) if focused else []
        words = self.hint_words()
        while hints and len(hint(hints, words)) + len(self._note) + 9 > self.size.width:
            hints.pop()
        return "  ·  ".join(part for part in (hint(hints, words), self._note) if part)


_STYLES = {
    "": "",
    "dim": "$dim",
    "text": "$foreground",
    "bold": "bold $foreground",
    "accent": "$accent",
    "accent-bold": "bold $accent",
    "ok": "$success",
    "warning": "$warning",
    "error": "$error",
}


def compose_line(*pieces: tuple[str, str]) -> Content:
    """One line of (text, state) pieces; the text is never read as markup."""
    return Content.assemble(*((text, _STYLES.get(state, "")) for text, state in pieces))
