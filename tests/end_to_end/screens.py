"""What an operator does on the screen, by keys: waits until it lives, plans, confirms, runs. Asserts nothing."""

from __future__ import annotations

import re
import time

from tests.end_to_end.command import PROGRAM, Command
from tests.lab.processes import wait_until
from tests.terminal.session import Terminal

PAUSE = 2.1
"""Seconds after which a plan can be confirmed, and a little."""
TYPING = 0.06
"""Seconds between two keys of somebody who types."""


def open_screen(console: Command, *, width: int = 120, height: int = 36) -> Terminal:
    """Starts the screen; it may still be empty."""
    return Terminal([PROGRAM], width=width, height=height, env=console.environment, cwd=console.home)


def lives(text: str) -> bool:
    """Whether every pane shows what it has read, and nothing is wrong with reading."""
    wrong = ("reading …", "connecting …", "no link", " old: ", "not readable")
    return "● /up" in text and "laravel-worker" in text and not any(word in text for word in wrong)


def pause(seconds: float) -> None:
    """Lets time pass where time itself is the condition."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "the moment", seconds + 5)


def type_by_hand(terminal: Terminal, text: str) -> None:
    """Types as a person does: no two keys at once."""
    for letter in text:
        terminal.press(letter)
        pause(TYPING)


def plan(terminal: Terminal, key: str, *, shows: str, asks: bool = True, seconds: float = 40) -> None:
    """Presses an action's key, takes the parameters as they are, and waits until the plan shows a text."""
    terminal.press(key)
    if asks:
        terminal.wait_for(": parameters", seconds)
        terminal.press("enter")
    terminal.wait_for(lambda text: "Plan: " in text and shows in text, seconds)


def run(terminal: Terminal) -> None:
    """Says yes to the plan of a normal environment once it can be, and waits for the drawer."""
    pause(PAUSE)
    terminal.press("tab", "enter")
    terminal.wait_for(lambda text: "0 Run" in text and "Cancel" not in text, 20)


def ended(number: int, action: str, word: str) -> re.Pattern[str]:
    """How the drawer's title reads when that run has ended like that."""
    return re.compile(rf"0 Run +{number} +{action} [^\n]* {word} ")


def wait_for_end(terminal: Terminal, number: int, action: str, word: str = "ok", *, seconds: float = 90) -> None:
    """Waits until the drawer says how a run ended; at once when it ended otherwise."""
    any_end = ended(number, action, "(ok|failed|cancelled|unknown|needs operator)")
    terminal.wait_for(lambda text: bool(any_end.search(text)), seconds)
    if not ended(number, action, word).search(terminal.text):
        raise AssertionError(f"run {number} did not end {word}:\n{terminal.text}")


def key_seconds(terminal: Terminal) -> float:
    """Seconds from a key to its paint: the input line opens; it is closed again."""
    took = -terminal.press(":")
    terminal.wait_for(lambda text: any(line.startswith(" :") for line in text.splitlines()[-3:]), 10)
    took += time.monotonic()
    terminal.press("escape")
    terminal.wait_for(lambda text: not any(line.startswith(" :") for line in text.splitlines()[-3:]), 10)
    return took
