"""What must hold whatever the rest of the screen does: no control bytes out, no secrets in a crash.

Owns the line filters, the one write of OSC 52, the terminal's title and the crash report. Must not know panes nor
services.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.segment import Segment
from textual import events
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Size

from console.domain.redact import Redactor
from console.domain.untrusted import harmless
from console.own_directories import make_directory
from console.present.text import ASCII

CLIPBOARD_CAP = 74_994
"""Encoded bytes one OSC 52 carries at most; terminals cut or ignore longer ones."""


class HarmlessFilter(LineFilter):
    """Looks at every line before it is written: a control, bidi or invisible code point becomes a visible character."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The same segments unless one holds something that could act on the terminal."""
        text = "".join([segment.text for segment in segments if not segment.control])
        if harmless(text) == text:
            return segments
        return [
            segment if segment.control else Segment("".join(map(_picture, segment.text)), segment.style)
            for segment in segments
        ]


class AsciiFilter(LineFilter):
    """Glyphs and borders in their ASCII forms, for terminals without UTF-8."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The same segments, one column for one column."""
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(segment.text.translate(ASCII).encode("ascii", "replace").decode("ascii"), segment.style)
            for segment in segments
        ]


def _picture(character: str) -> str:
    # One column for one column: the layout was computed before.
    shown = harmless(character)
    return shown if len(shown) == 1 else "\ufffd"


def wants_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the locale has no UTF-8."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    return "utf-8" not in locale.lower() and "utf8" not in locale.lower()


def write_clipboard(write: Callable[[str], None], text: str) -> bool:
    """Offers `text` to the terminal's clipboard; False when it is too long for one OSC 52. The only place that does."""
    encoded = base64.b64encode(text.encode("utf-8", "replace"))
    if len(encoded) > CLIPBOARD_CAP:
        return False
    write(f"\x1b]52;c;{encoded.decode('ascii')}\a")
    return True


def title_sequence(title: str) -> str:
    """Sets the terminal's title to harmless text."""
    return f"\x1b]2;{harmless(title)[:120]}\a"


def newest_size() -> events.Resize:
    """The terminal's present size, to be used in place of the one in a resize event.

    Textual measures and posts the size in a signal handler, which another signal may interrupt: of two quick resizes
    the newer is then posted first, and the older size would stay on the screen.
    """
    size = Size(*shutil.get_terminal_size())
    return events.Resize(size, size)


SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"


def restore_title() -> None:
    """Gives the terminal its title back, if there is still a terminal."""
    terminal = sys.__stdout__
    with contextlib.suppress(OSError, ValueError):
        if terminal is not None and terminal.isatty():
            terminal.write(RESTORE_TITLE)
            terminal.flush()


def crash_report(error: BaseException, folder: Path, redactor: Redactor) -> tuple[str, Path | None]:
    """Writes a redacted trace (no local variables) into a 0600 file; its id and path. The path is None when the folder
    cannot be written."""
    id = secrets.token_hex(4)
    trace = redactor.text("".join(traceback.format_exception(error)))
    path = folder / f"crash-{id}.txt"
    try:
        make_directory(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        return id, None
    return id, path


def crash_folder(environ: Mapping[str, str]) -> Path:
    """Where crash reports go: the user's state directory. A relative XDG_STATE_HOME counts as unset, as its
    specification says: it would mean another place with each working directory."""
    state = environ.get("XDG_STATE_HOME", "")
    return (
        Path(state) if state.startswith("/") else Path(environ.get("HOME", "/nonexistent"), ".local", "state")
    ) / "opsconsole"
