"""Change windows (`ports.Windows`): the timed permission to change a protected environment from this session.

Owns the windows of one session: kept in the state database, so that the follower's process finds them, and audited.
Must not decide what a window is needed for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from console.domain.policy import ChangeWindow, Operator
from console.errors import UsageError
from console.ports import Clock
from console.services.audit import Audit

if TYPE_CHECKING:
    from console.store.windows import WindowRows

LONGEST = 8 * 60
"""Minutes."""


class SessionWindows:
    """`ports.Windows` of one session; `session` is a random name that the followers it starts are told."""

    def __init__(self, rows: WindowRows, audit: Audit, operator: Operator, session: str, clock: Clock) -> None:
        self._rows = rows
        self._audit = audit
        self._operator = operator
        self._clock = clock
        self._open: dict[str, ChangeWindow] = {}
        self.session = session

    def open(self, environment: str, minutes: int = 15) -> ChangeWindow:
        """Opens or prolongs the window: from now on, `minutes`. UsageError for less than 1 or more than 8 hours."""
        if not 1 <= minutes <= LONGEST:
            raise UsageError(f"a change window lasts 1 to {LONGEST} minutes, not {minutes}")
        now = self._clock.now()
        window = ChangeWindow(
            environment=environment,
            operator=self._operator.label,
            session=self.session,
            until=now + timedelta(minutes=minutes),
        )
        self._audit.write("window.open", environment=environment, result="ok", detail=f"{minutes} minutes")
        self._rows.put(window, now=now)
        # One reference swapped: readers in other threads see the old or the new window, never half of one.
        self._open = {**self._open, environment: window}
        return window

    def close(self, environment: str) -> None:
        """Closes it; nothing when none is open."""
        self._open = {name: window for name, window in self._open.items() if name != environment}
        if self._rows.remove(environment, self.session):
            self._audit.write("window.close", environment=environment, result="ok")

    def current(self, environment: str) -> ChangeWindow | None:
        """The open window, if any; at once."""
        window = self._open.get(environment)
        return window if window is not None and window.until > self._clock.now() else None

    def stored(self, environment: str) -> ChangeWindow | None:
        """The same as read from the database: what a follower asks about the session that started it."""
        return self._rows.find(environment, self.session, now=self._clock.now())
