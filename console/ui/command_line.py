"""The `:` line: command names and the few that take a word, with completion.

Owns reading that line. Must not do anything itself: names lead to commands of the table, words to the screen.
"""

from __future__ import annotations

from console.domain.untrusted import harmless
from console.ui.command_index import all_commands
from console.ui.console_view import ConsoleView
from console.ui.messages import ActionChosen


def ways_on(view: ConsoleView, text: str) -> tuple[str, ...]:
    """Every line that begins with `text`, in alphabetical order."""
    start = text.lstrip()
    offered = [*_names(view), *_with_words(view)]
    return tuple(sorted(line for line in offered if line.startswith(start)))


def _names(view: ConsoleView) -> list[str]:
    actions = view.acting.names if view.acting else ()
    return [each.name for each in all_commands() if each.name and (not each.production or each.production in actions)]


def _with_words(view: ConsoleView) -> list[str]:
    lines = [f"theme {name}" for name in view.themes]
    if view.services is not None:
        lines += [f"env {environment.name}" for environment in view.services.environments]
    if view.acting is not None:
        lines += [f"run {action}" for action in view.acting.runnable]
    return lines + [f"checklist {name}" for name in _checklists(view)]


def _checklists(view: ConsoleView) -> tuple[str, ...]:
    return view.switch.checklist_names if view.switch else ()


def run_line(view: ConsoleView, text: str) -> None:
    """Does what a line says; an unknown command is answered with the nearest one."""
    name, _, word = text.strip().partition(" ")
    word = word.strip()
    if not name:
        return
    if word and name in _WORDS:
        _WORDS[name](view, word)
        return
    aliases = {"q": "quit", "q!": "quit", "h": "help"}
    wanted = aliases.get(name, name)
    found = next((each for each in all_commands() if each.name == wanted), None)
    if found is None or word or (found.production and view.acting and view.acting.lacks(found.production)):
        from difflib import get_close_matches

        near = get_close_matches(name, [*_names(view), *_WORDS], n=1)
        hint = f"; nearest is :{near[0]}" if near else "; Tab shows them all"
        view.notice(f"no command :{harmless(text.strip())[:60]}{hint}", "warning")
    else:
        view.action_invoke(found.id)


def _environment(view: ConsoleView, word: str) -> None:
    if view.services and any(environment.name == word for environment in view.services.environments):
        view.select(word)
    else:
        view.notice(f"no environment {harmless(word)[:60]}", "warning")


def _run(view: ConsoleView, word: str) -> None:
    if view.acting and word in view.acting.runnable:
        view.acting.wanted(ActionChosen(word))
    else:
        view.notice(f"no action {harmless(word)[:60]} in this environment", "warning")


def _checklist(view: ConsoleView, word: str) -> None:
    if word in _checklists(view):
        pane = view.panes.named("checklist")
        view.focus_pane(pane.NUMBER)
        pane.choose(word)
    else:
        view.notice(f"no checklist {harmless(word)[:60]} in this environment", "warning")


def _theme(view: ConsoleView, word: str) -> None:
    if word in view.themes:
        view.app.theme = word
    else:
        view.notice(f"no theme {harmless(word)[:60]}", "warning")


_WORDS = {"env": _environment, "run": _run, "checklist": _checklist, "theme": _theme}
