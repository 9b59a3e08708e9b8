"""The checklist of the banner's environment: its newest open session, live, and the marks of this operator.

Owns the fifth pane. Must not read a file nor the store on the screen's thread: views and marks go through `ask`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType

from console.domain.checklists import ChecklistView, MarkKind
from console.domain.snapshot import Snapshot
from console.domain.untrusted import elide, harmless
from console.errors import OpsconsoleError
from console.own_commands import own_command
from console.present.checklist import COLUMNS, ITEM, checklist_rows, item_lines, progress
from console.present.text import plural
from console.services.container import Services
from console.ui.commands import bindings
from console.ui.messages import DetailOpened, NoticeGiven, TextAsked
from console.ui.pane import Attached
from console.ui.table_pane import TablePane
from console.ui.widgets.draw import wrap
from console.ui.widgets.record_table import RecordTable
from console.ui.widgets.text_view import TextView

_PAST = {
    MarkKind.TICK: "ticked",
    MarkKind.SKIP: "skipped",
    MarkKind.FAIL: "marked as failed",
    MarkKind.REOPEN: "opened again",
    MarkKind.NOTE: "noted",
}


_WHOLE_LINES = 4
"""The most lines below the table that an item may take."""


class ChecklistsPane(TablePane):
    """Sections and items; `t - ! u a` mark the marked items, or the one under the cursor."""

    NUMBER = 5
    NAME = "checklist"
    TITLE = "Checklist"
    SLOT = "right"
    KINDS = frozenset({"checklist"})
    HINTS = ("checklist.tick", "checklist.skip", "checklist.note", "checklist.end")
    EMPTY = "no checklist: name one under `checklists:` of the environment"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("checklist")]

    def __init__(self) -> None:
        super().__init__()
        self.name_chosen = ""
        self.shown: ChecklistView | None = None
        self._fresh = True
        self._asking = False
        self._again = False

    def compose(self) -> ComposeResult:
        """One table without a header, and below it the whole words of an item that is cut."""
        yield RecordTable(COLUMNS, empty="reading …", header=False, sortable=False)
        whole = TextView()
        whole.can_focus = whole.display = False
        yield whole

    def attach(self, attached: Attached) -> None:
        """Shows another environment: its first checklist, with the cursor on the next open item."""
        before = self.attached.environment.name if self.attached else ""
        super().attach(attached)
        # Answers that are still on their way are dropped, so nothing is being asked any more.
        self._asking = self._again = False
        if attached.environment.name != before:
            self.name_chosen, self.shown, self._fresh = "", None, True
            self.table.use(COLUMNS, empty="reading …")

    def choose(self, word: str) -> None:
        """Shows the checklist named by `:checklist NAME`."""
        self.name_chosen, self._fresh = word, True
        self._read()

    # --- reading ---------------------------------------------------------------------------------------------------

    def refresh_from(self, services: Services) -> None:  # noqa: ARG002 - a view is a question, never at hand
        """Asks for the view; the answer shows it."""
        self._read()

    def _read(self) -> None:
        if self.attached is None:
            return
        if self._asking:
            # Only one question is asked at a time; a change meanwhile is asked for after its answer.
            self._again = True
            return
        self._asking = True
        checklists, name, chosen = self.attached.services.checklists, self.attached.environment.name, self.name_chosen
        self.attached.ask(lambda: checklists.view(name, chosen), self._show, self._not_read, "checklist")

    def _show(self, view: ChecklistView | None) -> None:
        self._asking = False
        self.shown = view
        if self._again:
            self._again = False
            self._read()
        if self.attached is None:
            return
        if view is None:
            self.table.say(self.EMPTY)
            self.table.show(())
            self.show_border()
            self.show_summary(("none", "dim"))
            return
        rows = checklist_rows(view, local=self.attached.local_time)
        self.table.say(f"{harmless(view.title)} has no items: write them as `- [ ] …`")
        self.table.show(rows, mono=self.attached.services.clock.monotonic())
        if self._fresh:
            self._fresh = False
            following = next((walked.item.id for walked in view.items if walked.state == "open"), "")
            self.table.go_to(following)
        self._say(view)
        self._show_whole()

    def _show_whole(self) -> None:
        """The item under the cursor in full, where its row has no room for it; without the focus the one to do next."""
        whole, model = self.query_one(TextView), self.table.model
        following = next((w.item.id for w in self.shown.items if w.state == "open"), "") if self.shown else ""
        current = model.current if self.table.has_focus else next((r for r in model.rows if r.key == following), None)
        whole.display = current is not None and cell_len(current.cells[ITEM].text) > self.table.room(ITEM)
        if current is not None and whole.display:
            glyph, item = current.cells[0], current.cells[ITEM]
            line = ((f"{glyph.text} ", glyph.state), (item.text, item.state))
            whole.styles.height = min(_WHOLE_LINES, len(wrap(line, max(1, self.table.size.width - 2))))
            whole.show([line])

    def on_record_table_moved(self) -> None:
        """Another item, the focus or the size."""
        self._show_whole()

    def _say(self, view: ChecklistView) -> None:
        failed = sum(walked.state == "failed" for walked in view.items)
        extra = [(progress(view), "ok" if view.items and view.done == len(view.items) else "bold")]
        if failed:
            extra.append((f"{failed} failed", "error"))
        extra += self.marks()
        note = "a first tick opens a session" if view.session is None else f"session {view.session}"
        if view.session is not None and view.items and view.done == len(view.items):
            note = "all done · w ends this session"
        self.show_border(extra=tuple(extra), note=note)
        following = next((walked.item for walked in view.items if walked.state == "open"), None)
        self.show_summary(
            (progress(view), "bold"),
            (f"  {failed} failed" if failed else "", "error"),
            (f"  next: {elide(harmless(following.text), 60)}" if following else "  all done", "dim"),
        )

    def _not_read(self, error: OpsconsoleError) -> None:
        self._asking = False
        words = " ".join(harmless(line) for line in error.what.splitlines())
        if self.shown is None:
            since = self.attached.services.clock.now() if self.attached else None
            missing: Snapshot[object] = Snapshot(source="checklist", error=str(error), failing_since=since)
            self.empty_words((missing,), waiting=False)
            words = f"not readable: {words}"
            self.table.say(words, "error")
        self.show_border(error=words, stale=True)

    def on_record_table_changed(self) -> None:
        """Draws the title again, which shows marks and filters."""
        if self.shown is not None:
            self._say(self.shown)

    # --- keys ------------------------------------------------------------------------------------------------------

    def action_tick(self) -> None:
        self._mark(MarkKind.TICK)

    def action_reopen(self) -> None:
        self._mark(MarkKind.REOPEN)

    def action_skip(self) -> None:
        self._mark_with("why skip it", MarkKind.SKIP)

    def action_fail(self) -> None:
        self._mark_with("what failed", MarkKind.FAIL)

    def action_note(self) -> None:
        self._mark_with("note", MarkKind.NOTE)

    def action_end(self) -> None:
        if self.shown is None or self.shown.session is None:
            self.post_message(NoticeGiven("no session is open: a first tick opens one", "warning"))
            return
        rest = len(self.shown.items) - self.shown.done
        what = f"{plural(rest, 'item')} still open" if rest else "all done"
        name = self.shown.name
        self.post_message(TextAsked(f"end this session ({what})? type yes", "", lambda words: self._end(words, name)))

    def _end(self, words: str, name: str) -> None:
        if self.attached is None or words.strip().lower() != "yes":
            self.post_message(NoticeGiven("the session goes on", "warning"))
            return
        checklists, environment = self.attached.services.checklists, self.attached.environment.name
        self._fresh = True
        self.attached.ask(
            lambda: checklists.close_session(environment, name), self._ended, self._not_marked, "end session"
        )

    def _ended(self, _: None) -> None:
        self.post_message(NoticeGiven("session ended; the next tick opens a new one"))
        self._read()

    def _mark_with(self, title: str, kind: MarkKind) -> None:
        chosen = self._chosen()
        if chosen:
            self.post_message(TextAsked(title, "", lambda words: self._mark(kind, words, chosen)))

    def _chosen(self) -> tuple[str, ...]:
        """The items a key acts on, frozen now: a colleague's mark may move the cursor's row meanwhile."""
        chosen = tuple(row.key for row in self.table.model.chosen)
        if not chosen:
            self.post_message(NoticeGiven("no item under the cursor", "warning"))
        return chosen

    def _mark(self, kind: MarkKind, words: str = "", chosen: tuple[str, ...] | None = None) -> None:
        items = self._chosen() if chosen is None else chosen
        if self.attached is None or self.shown is None or not items:
            return
        checklists, environment, name = (
            self.attached.services.checklists,
            self.attached.environment.name,
            self.shown.name,
        )
        note = words.strip()
        if kind in (MarkKind.SKIP, MarkKind.NOTE, MarkKind.FAIL) and not note:
            self.post_message(NoticeGiven("nothing was marked: it takes some words", "warning"))
            return

        def work() -> None:
            for item in items:
                checklists.mark(environment, name, item, kind, note)

        self.attached.ask(work, self._marked(kind, len(items)), self._not_marked, "mark")

    def _marked(self, kind: MarkKind, count: int) -> Callable[[None], None]:
        def then(_: None) -> None:
            self.table.clear_marks()
            if kind in (MarkKind.TICK, MarkKind.SKIP) and count == 1:
                self.table.action_cursor(1)
            elif count > 1:
                self.post_message(NoticeGiven(f"{plural(count, 'item')} {_PAST[kind]}"))
            self._read()

        return then

    def _not_marked(self, error: OpsconsoleError) -> None:
        self.post_message(NoticeGiven(harmless(" ".join(part for part in (error.what, error.done) if part)), "error"))
        self._read()

    def tick(self, mono: float) -> None:
        """Nothing here grows old by itself."""

    def open_row(self, key: str, attached: Attached) -> None:
        """The whole item, its commands, and the warnings about them."""
        if self.shown is not None:
            lines = item_lines(self.shown, key, local=attached.local_time)
            self.post_message(DetailOpened(f"checklist {harmless(self.shown.name)}", list(lines)))

    def copy_text(self) -> str:
        """The item's first command as people may paste it, else its words."""
        row = self.table.model.current
        walked = next((w for w in self.shown.items if row and w.item.id == row.key), None) if self.shown else None
        if walked is None:
            return ""
        return harmless(walked.item.commands[0] if walked.item.commands else walked.item.text)

    def copy_command(self) -> str:
        """The checklist on the command line."""
        return (
            ""
            if self.attached is None or not (path := self._path())
            else own_command(f"checklist show {path}", configured=False)
        )

    def _path(self) -> str:
        from shlex import quote

        paths = self.attached.environment.checklists if self.attached else ()
        name = self.shown.name if self.shown else ""
        return next((quote(path) for path in paths if path.rsplit("/", 1)[-1].rpartition(".")[0] == name), "")
