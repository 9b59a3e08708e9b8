"""Change windows (`ports.Windows`): the timed permission to change a protected environment from this session.

Owns the windows of a screen's session, kept in the state database and audited, and the window of a single command.
Must not decide what a window is needed for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from console.domain.policy import ChangeWindow, Operator
from console.domain.untrusted import harmless
from console.errors import RefusedError, UsageError
from console.ports import Clock
from console.services.records.audit import Audit

if TYPE_CHECKING:
    from console.store.windows import WindowRows

LONGEST = 8 * 60
"""The most minutes that a window may be opened for."""


class SessionWindows:
    """`ports.Windows` of one session; `session` is a random name that the launchers it starts are told."""

    def __init__(self, rows: WindowRows, audit: Audit, operator: Operator, session: str, clock: Clock) -> None:
        self._rows = rows
        self._audit = audit
        self._operator = operator
        self._clock = clock
        self._open: dict[str, ChangeWindow] = {}
        self.session = session

    def open(self, environment: str, minutes: int = 15) -> ChangeWindow:
        """Opens the window, or prolongs it, until `minutes` from now. UsageError below 1 minute and above 8 hours."""
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
        """Closes the window, if one is open."""
        self._open = {name: window for name, window in self._open.items() if name != environment}
        if self._rows.remove(environment, self.session):
            self._audit.write("window.close", environment=environment, result="ok")

    def close_all(self) -> None:
        """Closes every window of this session, whose operator has left: nobody else may use them."""
        for environment in tuple(self._open):
            self.close(environment)

    def current(self, environment: str) -> ChangeWindow | None:
        """The open window, if any; at once."""
        window = self._open.get(environment)
        return window if window is not None and window.until > self._clock.now() else None

    def stored(self, environment: str) -> ChangeWindow | None:
        """Like `current`, but read from the database, as a launcher asks about the session that started it."""
        return self._rows.find(environment, self.session, now=self._clock.now())


class CommandWindow:
    """The window of one command: whoever gives the environment's name on a command line may change it, this once."""

    def __init__(self, operator: Operator, clock: Clock) -> None:
        self._operator = operator
        self._clock = clock
        self._name = ""

    def give(self, name: str) -> None:
        """Takes the name that was given by `--confirm`, or typed when it was asked for; empty when none was."""
        self._name = name

    def current(self, environment: str) -> ChangeWindow | None:
        """The window, open when a name was given. RefusedError when that name is another environment's."""
        if not self._name:
            return None
        if self._name != environment:
            raise RefusedError(
                f"--confirm says {harmless(self._name)}, this is for {harmless(environment)}.",
                done="Nothing was changed.",
            )
        until = self._clock.now() + timedelta(minutes=1)
        return ChangeWindow(environment=environment, operator=self._operator.label, session="", until=until)
