"""Where the shipped `themes/` and `sample_config/` are: inside the installed package, or at the repository's root.

Owns that one fall-back. Must not read a shipped file.
"""

from __future__ import annotations

from pathlib import Path

from console.errors import OpsconsoleError


def themes() -> Path:
    """The directory of the shipped TOML themes."""
    return _shipped("themes")


def sample_config() -> Path:
    """The directory of the commented sample, its checklists, and the shipped actions."""
    return _shipped("sample_config")


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parent
    # an editable install has no `_shipped`: hatchling's force-include acts on wheels only
    for found in (package / "_shipped" / name, package.parent / name):
        if found.is_dir():
            return found
    raise OpsconsoleError(f"The shipped directory {name} is missing.", fix="Install the package again.")
