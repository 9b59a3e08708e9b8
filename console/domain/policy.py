"""Who is acting, what they confirmed, and whether that is enough.

Owns operators, confirmations and change windows as values. Must not ask anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ABANDONED = ("resume", "abort")
"""What can be answered when a run has no runner any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who acts: the account, the login behind it, and where the session came from (SSH_CONNECTION's first field)."""

    uid: int
    login: str
    host: str
    origin: str = ""

    @property
    def label(self) -> str:
        """`login@origin` for people."""
        return f"{self.login}@{self.origin or self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What an operator gave: the environment's name typed (or `--confirm NAME`), plain yes, and the reason if any."""

    plan_hash: str
    operator: Operator
    typed: str = ""
    yes: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow:
    """The timed permission to change a protected environment from one session. `until` is UTC."""

    environment: str
    operator: str
    session: str
    until: datetime
