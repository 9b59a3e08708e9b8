"""The one table of what a user can invoke: stable ids, keys, titles, help and where each applies.

Owns every key of the screen, but for the digit of each pane, which the pane has (`command_index` joins both). Bindings,
footer, palette, `:` names, help and docs/keys.md are made from it; nothing else declares a key. Must not do anything:
each row names a Textual action that its owner implements. Must not know a pane: panes ask for their keys here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing to invoke.

    `keys` are Textual key names, comma-separated. `action` is resolved on the widget or screen that `where` names.
    `name` is what `:` takes (empty = not offered there), `footer` whether the footer shows it. `production` marks the
    keys of actions that change an environment; they are offered only where such an action exists.
    """

    id: str
    keys: str
    action: str
    title: str
    help: str
    where: str
    name: str = ""
    footer: bool = False
    production: str = ""

    @property
    def label(self) -> str:
        """The keys as people write them: `ctrl+p`, `?`, `space`."""
        return " ".join(_LABELS.get(key, key) for key in self.keys.split(","))


_LABELS = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "exclamation_mark": "!",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "shift+tab": "shift+Tab",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "space": "Space",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
}

PLACES = {"app": "Everywhere", "main": "Main screen", "table": "Tables"}
"""The places before the panes, with their headings."""
PLACES_BEHIND = {
    "drawer": "Run drawer",
    "input": "Input line",
    "text": "Texts",
    "detail": "Details",
    "confirm": "Confirm dialog",
    "help": "Help",
}
"""The places behind the panes."""


def _row(where: str, *parts: str, name: str = "", footer: bool = False) -> Command:
    id, keys, action, title, help = parts
    return Command(id=id, keys=keys, action=action, title=title, help=help, where=where, name=name, footer=footer)


def main_command(id: str, keys: str, title: str, help: str, *, name: str = "", footer: bool = False) -> Command:
    """A command of the main screen, which does it by its id."""
    return _row("main", id, keys, f"invoke('{id}')", title, help, name=name, footer=footer)


def _production(action: str, key: str, title: str) -> Command:
    return Command(
        id=f"action.{action}",
        keys=key,
        action=f"invoke('action.{action}')",
        title=title,
        help=f"{title.capitalize()}: shows the plan, then asks",
        where="main",
        name=action,
        footer=True,
        production=action,
    )


COMMANDS: tuple[Command, ...] = (
    _row("app", "app.interrupt", "ctrl+c", "interrupt", "close or quit", "Close a dialog; twice in 2 s: detach"),
    main_command("drawer.show", "0", "run", "Open or close the run drawer", name="drawer"),
    main_command("pane.next", "tab", "next pane", "Focus the next pane"),
    main_command("pane.previous", "shift+tab", "previous pane", "Focus the pane before"),
    main_command("pane.zoom", "z", "zoom", "Give the focused pane the whole screen", name="zoom"),
    main_command("screen.back", "escape", "back", "Leave filter, marks, zoom or drawer"),
    _production("deploy", "D", "deploy"),
    _production("rollback", "R", "rollback"),
    _production("cleanup", "C", "cleanup"),
    _production("backup", "B", "backup"),
    _production("workers", "W", "workers"),
    _production("maintenance", "M", "maintenance"),
    main_command("window.open", "U", "unlock", "Open a change window of 15 minutes", name="unlock"),
    main_command("window.close", "L", "lock", "Close the change window", name="lock"),
    main_command("command.line", "colon", "command", "Type a command; Tab completes", footer=True),
    main_command("palette.open", "ctrl+p", "palette", "Search every command", name="palette"),
    main_command("help.show", "question_mark", "help", "Show every key", name="help", footer=True),
    main_command("screen.refresh", "ctrl+r", "refresh", "Read everything now", name="refresh"),
    main_command("clock.toggle", "Z", "local time", "Switch between UTC and local time", name="time"),
    main_command("copy.row", "y", "copy", "Copy the current row", name="copy"),
    main_command("copy.command", "Y", "copy command", "Copy the equivalent command line"),
    main_command("copy.file", "ctrl+y", "copy to file", "Write what was copied last to a file", name="copyfile"),
    main_command("app.detach", "q", "detach", "Quit; runs go on without the screen", name="quit", footer=True),
    # Tables
    _row("table", "table.down", "j,down", "cursor(1)", "down", "Next row"),
    _row("table", "table.up", "k,up", "cursor(-1)", "up", "Row before"),
    _row("table", "table.page_down", "pagedown", "page(1)", "page down", "One page on"),
    _row("table", "table.page_up", "pageup", "page(-1)", "page up", "One page back"),
    _row("table", "table.first", "g,home", "edge(-1)", "first", "First row"),
    _row("table", "table.last", "G,end", "edge(1)", "last", "Last row"),
    _row("table", "table.open", "enter", "open", "open", "Open the current row"),
    _row("table", "table.mark", "space", "mark", "mark", "Mark the current row"),
    _row("table", "table.sort", "s", "sort", "sort", "Sort by the next column"),
    _row("table", "table.reverse", "S", "sort(1)", "reverse", "Turn the order round"),
    _row("table", "table.filter", "slash", "filter", "filter", "Show rows with a text; /!text: without"),
    _row("table", "table.next", "n", "hunt(1)", "next", "Next row that matches"),
    _row("table", "table.previous", "N", "hunt(-1)", "previous", "Row before that matches"),
    # Failed jobs
    _row("failed", "failed.grouped", "v", "grouped", "grouped", "Group by cause, or list each job"),
    _row("failed", "failed.retry", "r", "retry", "retry", "Retry the marked jobs, or this one"),
    _row("failed", "failed.forget", "x", "forget", "forget", "Archive, then forget marked jobs or this"),
    # Checklist
    _row("checklist", "checklist.tick", "t", "tick", "tick", "Tick the marked items, or this one"),
    _row("checklist", "checklist.skip", "minus", "skip", "skip", "Skip the item, with the reason"),
    _row("checklist", "checklist.fail", "exclamation_mark", "fail", "fail", "Mark the item as failed, with the reason"),
    _row("checklist", "checklist.reopen", "u", "reopen", "reopen", "Open the item again"),
    _row("checklist", "checklist.end", "w", "end", "end session", "End the session; the next tick opens one"),
    _row("checklist", "checklist.note", "a", "note", "note", "Note something beside the item"),
    # Logs
    _row("logs", "logs.down", "j,down", "scroll_lines(1)", "down", "One line on"),
    _row("logs", "logs.up", "k,up", "scroll_lines(-1)", "up", "One line back"),
    _row("logs", "logs.page_down", "pagedown,space", "scroll_pages(1)", "page down", "One page on"),
    _row("logs", "logs.page_up", "pageup", "scroll_pages(-1)", "page up", "One page back"),
    _row("logs", "logs.first", "g,home", "oldest", "oldest", "The oldest line kept"),
    _row("logs", "logs.last", "G,end", "newest", "newest", "The newest line, and follow"),
    _row("logs", "logs.follow", "f", "follow", "follow", "Follow the newest lines, or stand still"),
    _row("logs", "logs.error", "e", "error(1)", "next error", "Next error"),
    _row("logs", "logs.error_before", "E", "error(-1)", "error before", "The error before"),
    _row("logs", "logs.bookmark", "b", "bookmark", "bookmark", "Bookmark the line"),
    _row("logs", "logs.level", "v", "level", "level", "Raise the lowest level shown; last: all"),
    _row("logs", "logs.open", "enter", "open", "open", "Show the whole record"),
    _row("logs", "logs.filter", "slash", "filter", "filter", "Show lines with a text; /!text: without"),
    _row("logs", "logs.next", "n", "hunt(1)", "next", "Next line that matches"),
    _row("logs", "logs.previous", "N", "hunt(-1)", "previous", "Line before that matches"),
    # Run drawer
    _row("drawer", "run.answer", "a", "answer", "answer", "Answer what the run asks"),
    _row("drawer", "run.abort", "X", "abort", "abort", "Ask the run to stop, after a confirm"),
    _row("drawer", "run.hold", "h", "hold", "hold", "Hold before the next step; again: go on"),
    _row("drawer", "run.before", "left_square_bracket", "turn(-1)", "run before", "Show the run before this one"),
    _row(
        "drawer",
        "run.after",
        "right_square_bracket",
        "turn(1)",
        "run after",
        "The run after; at last the current one",
    ),
    _row("drawer", "run.output", "o", "output", "output", "Show the whole output of the step"),
    _row("input", "input.give_up", "escape", "give_up", "give up", "Leave the line without an answer"),
    _row("input", "input.complete", "tab", "complete(1)", "complete", "The next way to complete a command"),
    _row("input", "input.complete_back", "shift+tab", "complete(-1)", "complete", "The way to complete before"),
    # Texts, details, confirm, help
    _row("text", "text.down", "j,down", "lines(1)", "down", "One line on"),
    _row("text", "text.up", "k,up", "lines(-1)", "up", "One line back"),
    _row("text", "text.page_down", "pagedown,space", "pages(1)", "page down", "One page on"),
    _row("text", "text.page_up", "pageup", "pages(-1)", "page up", "One page back"),
    _row("text", "text.first", "g,home", "ends(-1)", "top", "To the top"),
    _row("text", "text.last", "G,end", "ends(1)", "end", "To the end"),
    _row("detail", "detail.back", "escape,q", "back", "back", "Close"),
    _row("detail", "detail.copy", "y", "copy", "copy", "Copy what is shown"),
    _row("confirm", "confirm.cancel", "escape", "cancel", "cancel", "Close; nothing runs"),
    _row("help", "help.close", "escape,q,question_mark", "close", "close", "Close help"),
)


def commands(where: str) -> tuple[Command, ...]:
    """The commands of one place, in table order; of the main screen without the digits of panes."""
    return tuple(command for command in COMMANDS if command.where == where)


def bindings(where: str) -> list[Binding]:
    """Textual bindings of one place."""
    return bound(commands(where))


def bound(found: Iterable[Command]) -> list[Binding]:
    """Textual bindings of commands; their ids are the commands', so that a keymap can move them."""
    # Priority reaches the application even while a dialog or an input has the keys.
    return [
        Binding(each.keys, each.action, each.title, show=False, id=each.id, priority=each.where == "app")
        for each in found
    ]


def command(id: str) -> Command:
    """The command of that id; KeyError when there is none."""
    for each in COMMANDS:
        if each.id == id:
            return each
    raise KeyError(id)


def production_of(id: str) -> str:
    """The action that the command of that id begins; empty for every other command, those of panes included."""
    return next((each.production for each in COMMANDS if each.id == id), "")


def hint(ids: Iterable[str], words: Mapping[str, str] | None = None) -> str:
    """`r retry  x forget`: the short text a pane shows in its border; `words` replace titles by id."""
    own = words or {}
    return "  ".join(f"{each.label.split(' ')[0]} {own.get(each.id, each.title)}" for each in map(command, ids))
