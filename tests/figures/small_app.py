"""Textual's smallest application, to compare with: it says hello, and how many keys it has seen. Run as a program by
the interpreter of the environment that the console is installed in; imports nothing of the console."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class Small(App[None]):
    """One line of text."""

    count = 0

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static("hello world")

    def on_key(self, _event: events.Key) -> None:
        """Each key changes it."""
        self.count += 1
        self.query_one(Static).update(f"hello world {self.count}")


if __name__ == "__main__":
    Small().run()
