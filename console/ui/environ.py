"""The environment variables that Textual obeys, taken away before it looks.

Owns their list. Must not import the toolkit: it reads some of them while it is imported.
"""

from __future__ import annotations

from collections.abc import MutableMapping

OBEYED = ("TEXTUAL", "TEXTUAL_PRESS", "TEXTUAL_DRIVER", "TEXTUAL_LOG", "TEXTUAL_DEBUG", "TEXTUAL_ALLOW_SIGNALS")


def scrub_environment(environ: MutableMapping[str, str]) -> None:
    """Drops the variables by which Textual could be made to press keys, log or switch drivers, and an empty NO_COLOR,
    which would count as set."""
    for name in list(environ):
        if name in OBEYED or name.startswith("TEXTUAL_SCREENSHOT"):
            del environ[name]
    if not environ.get("NO_COLOR", "set"):
        del environ["NO_COLOR"]
