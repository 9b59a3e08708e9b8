"""Traces of unexpected errors: an id for the person, the details in a file only they can read.

Owns where such a file lies and what is left out of it. Must not print, nor keep values of local variables.
"""

from __future__ import annotations

import os
import secrets
import traceback
from pathlib import Path

from console.domain.redact import Redactor
from console.own_directories import make_directory, own_within


def default_state_dir() -> Path:
    """The state directory when no configuration could be asked: XDG_STATE_HOME, else ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return root / "opsconsole"


def write_trace(error: BaseException, state_dir: Path, redactor: Redactor | None = None) -> tuple[str, Path | None]:
    """Writes the redacted trace to `STATE/traces-UID/ID.txt` (0600); its id, and the file or None if it cannot be
    written."""
    name = secrets.token_hex(4)
    text = (redactor or Redactor()).text("".join(traceback.format_exception(error)))
    target = own_within(state_dir, "traces") / f"{name}.txt"
    try:
        make_directory(target.parent)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError:
        return name, None
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    return name, target
