"""The configuration loaded with every step kind and source that this version has.

Owns which kinds the configuration is validated against. Must not validate anything itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.config.kinds import SourceKinds, StepKinds
    from console.config.load import Config
    from console.steps import StepKind

__all__ = ["load", "load_environments", "source_kinds", "step_kinds"]


def step_kinds() -> dict[str, StepKind]:
    """Every step kind by the key that names it in an action file."""
    # Reading commands need none of them, and each brings its model.
    from console.steps import step_kinds as index

    return index()


def source_kinds() -> SourceKinds:
    """Every source that `sources: {NAME: params}` can switch on."""
    from console.sources import source_kinds as index

    return index()


def load(path: Path | None, kinds: StepKinds | None = None) -> Config:
    """The configuration at `path` (None: the usual places); ConfigError with every problem, InsecureError."""
    from console.config.load import load_config

    return load_config(path, step_kinds() if kinds is None else kinds, source_kinds())


def load_environments(path: Path | None) -> Config:
    """The configuration without its actions, for commands that only read."""
    from console.config.load import load_config

    return load_config(path, None, source_kinds())
