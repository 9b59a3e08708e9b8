"""Log blocks, records and the filters over them. Skeleton: positions and values that panes and commands share.

Owns what a followed file becomes: bytes stay bytes until someone looks. Must not read files or draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from console.domain.untrusted import Raw


class Level(IntEnum):
    """Monolog's levels, by their severity; NONE for lines without a head."""

    NONE = 0
    DEBUG = 100
    INFO = 200
    NOTICE = 250
    WARNING = 300
    ERROR = 400
    CRITICAL = 500
    ALERT = 550
    EMERGENCY = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One parsed entry. `at` is the stamp's text; `rest` holds the lines after the head (a stack trace)."""

    host: str
    file: str
    offset: int
    at: Raw
    channel: Raw
    level: Level
    message: Raw
    context: Raw
    exception: Raw
    rest: Raw


class FollowState(StrEnum):
    """How following one file stands. Everything but FOLLOWING is shown with its age."""

    CONNECTING = "connecting"
    FOLLOWING = "following"
    WAITING = "waiting"
    UNREADABLE = "unreadable"
    DOWN = "no link"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowStatus:
    """One followed file. `file` is as configured, `since` (UTC) when `state` began, `detail` harmless words why."""

    host: str
    file: str
    state: FollowState
    since: datetime
    detail: str = ""


class LogRing:
    """The newest log blocks of one environment, from all its files."""
