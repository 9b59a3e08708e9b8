"""The configuration loaded with every step kind and source that this version has.

Owns which kinds the configuration is validated against. Must not validate anything itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.config.kinds import ConfigurableSources
    from console.config.load import Config
    from console.ports import Shell
    from console.ports.steps import StepKind, StepKinds

__all__ = ["load", "load_environments", "notes", "source_kinds", "step_kinds"]


def step_kinds() -> dict[str, StepKind]:
    """Every step kind by the key that names it in an action file."""
    # Reading commands need none of them, and each brings its model.
    from console.steps import step_kinds as index

    return index()


def source_kinds() -> ConfigurableSources:
    """Every source that `sources: {NAME: params}` can switch on."""
    from console.sources import source_kinds as index

    return index()


def load(path: Path | None, kinds: StepKinds | None = None, *, complete: bool = False) -> Config:
    """The configuration at `path` (None: the usual places); ConfigError with every problem, InsecureError. `complete`
    also looks for what it names and what is not there."""
    from console.config.load import load_config

    return load_config(path, step_kinds() if kinds is None else kinds, source_kinds(), complete=complete)


def notes(config: Config) -> list[str]:
    """What of a right configuration may not mean what it looks like, as far as an earlier console learned of the
    applications; asks nobody."""
    from console.domain.redact import Secret
    from console.errors import UnreachableError
    from console.services.discovery.discovery import Discovery
    from console.services.discovery.overrides import short_form_words
    from console.services.threads.loop import SystemClock

    def refuse() -> Shell:
        raise UnreachableError("nothing is asked here")

    found = []
    for environment in config.environments:
        discovery = Discovery(
            environment, refuse, clock=SystemClock(), state_dir=config.state_path, resolve=lambda _: Secret("")
        )
        facts = discovery.remembered()
        words = short_form_words(facts, environment.overrides) if facts is not None else ""
        if words:
            found.append(f"{environment.name}: {words}")
    return found


def load_environments(path: Path | None) -> Config:
    """The configuration without its actions, for commands that only read."""
    from console.config.load import load_config

    return load_config(path, None, source_kinds())
