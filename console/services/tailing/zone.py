"""The application's time zone, asked of its host in a thread of its own.

Owns one question and its answer. Must not guess a zone that the application did not state.
"""

from __future__ import annotations

from datetime import tzinfo
from threading import Thread
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.domain.untrusted import Raw
from console.errors import OpsconsoleError
from console.ports import Reach
from console.services.threads.loop import Captured, capture


class AppZone:
    """Asks from the moment it is made; calling it waits for the answer. `problem` then says why there is none."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._answer: Captured[tzinfo] = Captured()
        self._thread = Thread(target=self._ask, name="opsconsole-zone", daemon=True)
        self._thread.start()

    def __call__(self) -> tzinfo | None:
        """The zone, None when it is not known."""
        self._thread.join()
        if self._answer.error is not None and not isinstance(self._answer.error, OpsconsoleError):
            raise self._answer.error
        return self._answer.value

    @property
    def problem(self) -> str:
        """Why the zone is not known, empty when it is."""
        self._thread.join()
        return str(self._answer.error.what) if isinstance(self._answer.error, OpsconsoleError) else ""

    def _ask(self) -> None:
        self._answer = capture(self._find)

    def _find(self) -> tzinfo:
        facts = self._reach.facts()
        if facts.origins.of("timezone").guessed:
            raise OpsconsoleError(facts.problem or "nothing that was read says it")
        name = facts.timezone
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise OpsconsoleError(f"{Raw.of(name).show(60) or 'an empty name'} names no time zone") from error
