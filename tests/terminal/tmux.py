"""Runs a program inside a tmux of its own, as most operators do. Drives and captures; asserts nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.waiting import eventually


class Tmux:
    """One tmux server with one window that runs `argv`. Use it in a `with`: leaving kills the server."""

    def __init__(
        self,
        directory: Path,
        argv: Sequence[str],
        *,
        width: int = 120,
        height: int = 36,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "/",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._socket = directory / "tmux.sock"
        self._env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(directory), "TERM": "xterm-256color"}
        words = [f"{name}={value}" for name, value in (env or {}).items()]
        command = shlex.join(["env", "COLORTERM=truecolor", *words, *argv])
        self._run(
            "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(cwd), command,
            ";", "set", "-g", "remain-on-exit", "on", ";", "set", "-g", "default-terminal", "tmux-256color",
            ";", "set", "-g", "status", "off", ";", "set", "-sg", "escape-time", "10",
        )  # fmt: skip

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words], env=self._env, capture_output=True, text=True, check=True
        )
        return done.stdout

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)

    @property
    def dead(self) -> bool:
        """Whether the program in the window has ended."""
        return self._run("display-message", "-p", "#{pane_dead}").strip() == "1"

    @property
    def modes(self) -> dict[str, bool]:
        """Which of the terminal's modes the program has on: alternate screen, mouse, hidden cursor."""
        asked = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
        alternate, mouse, cursor = self._run("display-message", "-p", asked).split()
        return {"alternate": alternate == "1", "mouse": mouse == "1", "hidden cursor": cursor == "0"}

    def press(self, *names: str) -> None:
        """Types keys by tmux's names (`Enter`, `Escape`, `C-p`, `Down`) or literal characters."""
        self._run("send-keys", *names)

    def paste(self, text: str) -> None:
        """Pastes a text, bracketed when the program asked for that."""
        self._run("set-buffer", text, ";", "paste-buffer", "-p", "-d")

    def resize(self, width: int, height: int) -> None:
        """Changes the window's size."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def kill(self, what: str) -> None:
        """Ends the session or the pane under the program: `kill-session`, `kill-pane`."""
        self._run(what)

    @property
    def text(self) -> str:
        """The window's text."""
        return self._run("capture-pane", "-p")

    def wait_for(self, what: str, seconds: float = 15.0) -> None:
        """Waits until the window shows a text."""
        eventually(lambda: what in self.text, seconds, otherwise=lambda: f"{what!r}; the window:\n{self.text}")
