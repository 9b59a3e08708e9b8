"""What comes of a step: how it ended, and what an operator said to it.

Owns these values, which step kinds and the runner exchange. Must not decide what an end means for the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.domain.documents import Json
from console.domain.events import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """How a step ended. `data` is journaled with the result; an `unknown` outcome is asked of an operator."""

    outcome: Outcome
    detail: str = ""
    exit_status: int | None = None
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperatorAnswer:
    """What an operator chose, and who it was. `abort` answers every question."""

    word: str
    who: str
