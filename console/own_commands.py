"""The console's own commands as they are printed and copied: each finds the configuration that this process was given.

Owns the option that stands behind them. Must not know a command: whoever prints one says its words.
"""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

_given = [""]
"""The option behind each command; one for the whole process."""


def name_configuration(stated: Path | None) -> None:
    """Says, at its start, which configuration this process was given by `--config`; None where it found its own."""
    _given[0] = options_for(stated)


def options_for(stated: Path | None) -> str:
    """What a printed command needs to find the same configuration; nothing where it would find it by itself."""
    if stated is None:
        return ""
    # Whoever pastes it may stand in another directory; `..` stays, for behind a link it leads elsewhere.
    path = str(Path(os.path.expanduser(str(stated))).absolute())  # noqa: PTH111 - Path.expanduser raises without a home
    return "" if os.environ.get("OPSCONSOLE_CONFIG") == path else f" --config {quote(path)}"


def own_command(words: str, *, configured: bool = True) -> str:
    """`opsconsole WORDS`, so that it can be pasted as it stands. Not `configured`: a command that reads no
    configuration."""
    return f"opsconsole {words}{_given[0] if configured else ''}"
