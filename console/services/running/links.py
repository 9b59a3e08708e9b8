"""The connections of a run, opened before step 1 and kept: a question to a host is repeated until the host answers.

Owns reconnecting, its back-off and the two events about a link. Must not know what is asked; callers hand in work that
may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock
from typing import TypeVar

from console.domain.back_off import pause_after
from console.domain.events import LinkLost, LinkRestored
from console.errors import AuthenticationError, OpsconsoleError, UnreachableError
from console.own_commands import own_command
from console.ports import Clock, Reach, Shell
from console.services.running.journal import Journal

T = TypeVar("T")
_AT_FIRST = 0.2


class ParkedError(OpsconsoleError):
    """The run cannot go on without an operator. It keeps its lock, and `runs resume` may continue it."""

    exit_code = 8


class LinkGoneError(UnreachableError):
    """A host did not come back in the time a step has for it."""


class Breaks:
    """Counts how often a link of the run broke, or may have broken. A proof taken at a lower count is no longer
    valid."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """How many breaks there were so far."""
        return self._count

    def add(self) -> None:
        """Counts one break more."""
        with self._lock:
            self._count += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The links to the hosts of one run."""

    reach: Reach
    journal: Journal
    clock: Clock
    lost: Flag
    breaks: Breaks = field(default_factory=Breaks)

    def on(
        self,
        host: str,
        work: Callable[[Shell], T],
        *,
        patience: float = 300.0,
        meanwhile: Callable[[], bool] | None = None,
    ) -> T:
        """Does `work` on a host's shell, again and again while the link is down.

        LinkGoneError after `patience` s without the host, or once `meanwhile`, called at each turn, returns true;
        ParkedError when the host refuses every key we still have, or when this runner has lost its lease (`lost`).
        """
        shell = self.reach.shell(host)
        away = not shell.connected()
        if away:
            # The link was down for a while, in which the lock may have been taken over.
            self.breaks.add()
        down_since: float | None = None
        turn = 0
        while True:
            try:
                if away or down_since is not None:
                    # `work` may refuse to talk to the host until the lock is proved again. If connecting were left to
                    # it, the link would stay down, and every later call would put the lock in doubt again.
                    shell.connect()
                result = work(shell)
            except AuthenticationError as error:
                self._note_lost(host, error, known=down_since is not None)
                raise ParkedError(
                    f"{host}: credentials gone: {error.what}",
                    done="The lock is kept; what runs on the hosts goes on.",
                    fix=f"From a session that has the keys: {own_command(f'runs resume {self.journal.row.id}')}",
                ) from error
            except UnreachableError as error:
                self.breaks.add()
                now = self.clock.monotonic()
                self._note_lost(host, error, known=down_since is not None)
                down_since = now if down_since is None else down_since
                if now - down_since >= patience or (meanwhile is not None and meanwhile()):
                    raise LinkGoneError(f"{host} has been unreachable for {round(now - down_since)} s") from error
                if self.clock.wait(self.lost, pause_after(turn) if turn else _AT_FIRST):
                    raise ParkedError("another runner has taken this run over") from error
                turn += 1
            except OpsconsoleError:
                # The host answered, if only with an error, so the link is up again.
                if down_since is not None:
                    self.journal.note(LinkRestored(), host=host)
                raise
            else:
                if down_since is not None:
                    self.journal.note(LinkRestored(), host=host)
                return result

    def _note_lost(self, host: str, error: UnreachableError | AuthenticationError, *, known: bool) -> None:
        if not known:
            self.journal.note(LinkLost(detail=error.what), host=host)
