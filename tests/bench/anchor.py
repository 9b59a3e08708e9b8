"""The smallest Textual application with an input, as the measure for the console's figures. Run as a program."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input, Static


class Anchor(App[None]):
    """Says hello and takes text."""

    def compose(self) -> ComposeResult:
        """A line and an input."""
        yield Static("hello, terminal")
        yield Input()


if __name__ == "__main__":
    Anchor().run()
