"""What a runner works with, handed to each of its parts.

Owns the list. Must not build anything; `wiring` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

from console.domain.policy import Operator
from console.domain.runs import RunRow
from console.ports import Clock, Reach, RunStore
from console.services.audit import Audit
from console.services.ledger import Ledger
from console.services.performing import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a runner works with. `config_hash` is that of the configuration as it is now; `lost` is set when another
    runner took this one's lease."""

    row: RunRow
    reach: Reach
    store: RunStore
    ledger: Ledger
    audit: Audit
    clock: Clock
    operator: Operator
    config_hash: str
    archives: Path
    lost: Flag
    pace: Pace
