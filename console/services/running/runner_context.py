"""What a runner works with, handed to each of its parts.

Owns the list. Must not build anything; `wiring` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

from console.domain.policy import Operator
from console.domain.runs import RunRow
from console.ports import Clock, Reach
from console.ports.steps import StepKinds
from console.services.records.audit import Audit
from console.services.running.host_work import Pace
from console.services.running.journal import Journal

if TYPE_CHECKING:
    from console.store.runs import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerContext:
    """What a runner works with. `config_hash` is that of the configuration as it is now; `lost` is set when another
    runner took this one's lease."""

    row: RunRow
    reach: Reach
    kinds: StepKinds
    store: RunStore
    journal: Journal
    audit: Audit
    clock: Clock
    operator: Operator
    config_hash: str
    archives: Path
    lost: Flag
    pace: Pace
