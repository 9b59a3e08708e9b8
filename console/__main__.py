"""The `opsconsole` command. Decides nothing: it cleans the environment it inherits and hands over to the command line,
importing as little as it can."""

from __future__ import annotations

import gc
import os

_HARMLESS = ("TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS", "TEXTUAL_FPS")


def scrub_environment() -> None:
    """Removes what would let a stranger's variable press keys, write screenshots or open a debug port here."""
    for name in [name for name in os.environ if name.startswith("TEXTUAL") and name not in _HARMLESS]:
        del os.environ[name]
    if os.environ.get("NO_COLOR") == "":
        # The convention asks for a non-empty value; the toolkit takes an empty one for consent.
        del os.environ["NO_COLOR"]


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    scrub_environment()
    # A key waits for the next frame of the toolkit: at 120 a second half as long as at its 60, and idle costs no more.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    # What starting makes is nearly all kept; looking through it every 700 objects is a sixth of a short command.
    gc.set_threshold(50_000)
    from console.cli.main import run

    raise SystemExit(run())


if __name__ == "__main__":
    main()
