"""The `:` line: command names and the few that take a word, with completion.

Owns reading that line. Must not do anything itself: names lead to commands of the table, words to the screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.domain.untrusted import harmless
from console.ui.commands import COMMANDS
from console.ui.messages import ActionChosen

if TYPE_CHECKING:
    from console.ui.screens.main import MainScreen


def ways_on(screen: MainScreen, text: str) -> tuple[str, ...]:
    """Every line that begins with `text`, shortest first."""
    start = text.lstrip()
    offered = [*_names(screen), *_with_words(screen)]
    return tuple(sorted(line for line in offered if line.startswith(start)))


def _names(screen: MainScreen) -> list[str]:
    actions = screen.acting.names if screen.acting else ()
    return [each.name for each in COMMANDS if each.name and (not each.production or each.production in actions)]


def _with_words(screen: MainScreen) -> list[str]:
    lines = [f"theme {name}" for name in screen.themes]
    if screen.services is not None:
        lines += [f"env {environment.name}" for environment in screen.services.environments]
    if screen.acting is not None:
        lines += [f"run {action}" for action in screen.acting.runnable]
    return lines + [f"checklist {name}" for name in screen.checklist_names]


def run_line(screen: MainScreen, text: str) -> None:
    """Does what a line says; a word nobody knows is answered with the nearest."""
    name, _, word = text.strip().partition(" ")
    word = word.strip()
    if not name:
        return
    if word and name in _WORDS:
        _WORDS[name](screen, word)
        return
    aliases = {"q": "quit", "q!": "quit", "h": "help"}
    found = next((each for each in COMMANDS if each.name and each.name == aliases.get(name, name)), None)
    if found is None or word:
        from difflib import get_close_matches

        near = get_close_matches(name, [*_names(screen), *_WORDS], n=1)
        hint = f"; nearest is :{near[0]}" if near else "; Tab shows them all"
        screen.notice(f"no command :{harmless(text.strip())[:60]}{hint}", "warning")
    else:
        screen.action_invoke(found.id)


def _environment(screen: MainScreen, word: str) -> None:
    if screen.services and any(environment.name == word for environment in screen.services.environments):
        screen.select(word)
    else:
        screen.notice(f"no environment {harmless(word)[:60]}", "warning")


def _run(screen: MainScreen, word: str) -> None:
    if screen.acting and word in screen.acting.runnable:
        screen.acting.wanted(ActionChosen(word))
    else:
        screen.notice(f"no action {harmless(word)[:60]} in this environment", "warning")


def _checklist(screen: MainScreen, word: str) -> None:
    if word in screen.checklist_names:
        screen.focus_pane(5)
        screen.panes[5].choose(word)
    else:
        screen.notice(f"no checklist {harmless(word)[:60]} in this environment", "warning")


def _theme(screen: MainScreen, word: str) -> None:
    if word in screen.themes:
        screen.app.theme = word
    else:
        screen.notice(f"no theme {harmless(word)[:60]}", "warning")


_WORDS = {"env": _environment, "run": _run, "checklist": _checklist, "theme": _theme}
