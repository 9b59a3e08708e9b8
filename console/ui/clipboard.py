"""Copying: to tmux's buffer, to the terminal's clipboard, or into a file, each told for what it is.

Owns where a text goes and the words about it. Nothing answers OSC 52, so a text that went that way is never called
copied. Must not know panes.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from console.own_directories import make_directory
from console.ui import safety

_TMUX_SECONDS = 3.0
_OFFER = "ctrl+y writes it to a file"


class Clipboard:
    """The text that was copied last, and where it goes. `write` writes to the terminal and `tell` shows a notice; both
    may be called in any thread."""

    def __init__(
        self,
        write: Callable[[str], None],
        tell: Callable[[str, str], object],
        environ: Mapping[str, str],
    ) -> None:
        self._write = write
        self._tell = tell
        self._environ = environ
        self.text = ""

    def copy(self, text: str) -> None:
        """Takes a harmless text; returns at once. Inside tmux its buffer is filled, elsewhere the terminal is asked."""
        self.text = text
        if self._environ.get("TMUX"):
            threading.Thread(target=self._to_tmux, args=(text,), name="copy", daemon=True).start()
        else:
            self._to_terminal(text)

    def _to_tmux(self, text: str) -> None:
        import subprocess

        try:
            ended = subprocess.run(
                ["tmux", "load-buffer", "-w", "-"],
                input=text.encode("utf-8", "replace"),
                capture_output=True,
                timeout=_TMUX_SECONDS,
                check=False,
                env=dict(self._environ),
            )
            done = ended.returncode == 0
        except (OSError, subprocess.SubprocessError):
            done = False

        if done:
            self._tell(f"copied {len(text):,} characters to tmux: prefix ] pastes them", "ok")
        else:
            self._to_terminal(text)

    def _to_terminal(self, text: str) -> None:
        if safety.write_clipboard(self._write, text):
            self._tell(f"sent {len(text):,} characters to the terminal, which may not take them; {_OFFER}", "ok")
        else:
            self._tell(f"too long for the terminal's clipboard: nothing was copied; {_OFFER}", "warning")

    def to_file(self) -> None:
        """Writes the text that was copied last into a new file that only this account can read."""
        if not self.text:
            self._tell("nothing has been copied yet: y copies the row", "warning")
            return
        path = copies(self._environ) / f"copied-{secrets.token_hex(4)}.txt"
        try:
            make_directory(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(self.text + "\n")
        except OSError as error:
            self._tell(f"not written to {path}: {error.strerror}", "error")
        else:
            self._tell(f"written to {path}", "ok")


def copies(environ: Mapping[str, str]) -> Path:
    """Where files of copied texts go."""
    return safety.crash_folder(environ) / "copies"
