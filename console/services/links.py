"""The connections of a run, opened before step 1 and kept: what a host is asked is asked until it answers.

Owns reconnecting, its back-off and the two events about a link. Must not know what is asked; whoever calls hands in
work that may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as Flag
from typing import TypeVar

from console.domain.runs import EventKind
from console.errors import AuthenticationError, OpsconsoleError, UnreachableError
from console.ports import Clock, Reach, Shell
from console.services.ledger import Ledger

T = TypeVar("T")
BACK_OFF = (0.2, 1.0, 2.0, 4.0, 5.0)


class ParkedError(OpsconsoleError):
    """The run cannot go on without an operator; the lock stays. `resume` may go on from here."""

    exit_code = 8


class LinkGoneError(UnreachableError):
    """A host did not come back in the time a step has for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The hosts of one run."""

    reach: Reach
    ledger: Ledger
    clock: Clock
    lost: Flag

    def on(self, host: str, work: Callable[[Shell], T], *, patience: float = 300.0) -> T:
        """`work` on a host's shell, again and again while the link is down.

        LinkGoneError after `patience` s without the host; ParkedError when it refuses every key we still have, or when
        this runner has lost its lease (`lost`).
        """
        shell = self.reach.shell(host)
        down_since: float | None = None
        turn = 0
        while True:
            try:
                if down_since is not None:
                    shell.connect()
                result = work(shell)
            except AuthenticationError as error:
                raise ParkedError(
                    f"{host}: credentials gone: {error.what}",
                    done="The lock is kept; what runs on the hosts goes on.",
                    fix=f"From a session that has the keys: opsconsole runs resume {self.ledger.row.id}",
                ) from error
            except UnreachableError as error:
                now = self.clock.monotonic()
                if down_since is None:
                    down_since = now
                    self.ledger.note(EventKind.LINK_LOST, host=host, data={"detail": error.what})
                if now - down_since >= patience:
                    raise LinkGoneError(f"{host} has been unreachable for {round(now - down_since)} s") from error
                if self.clock.wait(self.lost, BACK_OFF[min(turn, len(BACK_OFF) - 1)]):
                    raise ParkedError("another runner has taken this run over") from error
                turn += 1
            else:
                if down_since is not None:
                    self.ledger.note(EventKind.LINK_RESTORED, host=host)
                return result
