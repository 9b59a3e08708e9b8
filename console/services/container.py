"""What wiring hands to the screen: a plain container of services.

Owns nothing but the list. Must not build anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.ports import (
    Background,
    Board,
    Checklists,
    Clock,
    FailedJobs,
    Polling,
    Publish,
    Runs,
    Tails,
    Windows,
)

if TYPE_CHECKING:
    from console.domain.environment import Environment
    from console.domain.policy import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a screen can use. `close` stops every thread within its bounded join."""

    environments: tuple[Environment, ...]
    operator: Operator
    clock: Clock
    board: Board
    polling: Polling
    background: Background
    failed: FailedJobs
    runs: Runs
    checklists: Checklists
    windows: Windows
    tails: Tails
    archives: Path
    """The directory that the rows of forgotten jobs are written to before they go."""
    close: Callable[[], None]


ServicesFactory = Callable[[Publish], Services]
"""How the screen gets its services: wiring's function, called in a thread of its own once the first frame is painted.
Raises ConfigError when the configuration is wrong."""
