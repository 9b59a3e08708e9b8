"""The root of the command line."""

from __future__ import annotations


def run() -> int:
    """Runs the command line; the exit code."""
    return 0
