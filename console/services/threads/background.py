"""Answers to the screen's single questions, worked out in service threads.

Owns tickets and their answers. Must not know what is asked; repeated reading is the poller's.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from console.errors import UsageError
from console.ports import Clock, Publish
from console.services.threads.loop import Captured, Loop, capture

_KEPT = 256
_Lane: TypeAlias = "queue.SimpleQueue[tuple[str, Callable[[], object]] | None]"


class BackgroundThreads:
    """`ports.Background` on a few threads: one slow answer does not hold up the next, and none holds up what is urgent.

    Urgent work has a thread of its own. Answers nobody collects are forgotten, oldest first.
    """

    def __init__(
        self, publish: Publish, *, clock: Clock, crashed: Callable[[Exception], None], threads: int = 2
    ) -> None:
        self._publish = publish
        self._numbers = itertools.count(1)
        self._waiting: _Lane = queue.SimpleQueue()
        self._urgent: _Lane = queue.SimpleQueue()
        self._answers: dict[str, Captured[object]] = {}
        self._lock = threading.Lock()
        lanes = [
            *((f"background-{n}", self._waiting) for n in range(1, threads + 1)),
            ("background-urgent", self._urgent),
        ]
        self._loops = [
            (Loop(name, partial(self._answer, lane), clock=clock, crashed=crashed), lane) for name, lane in lanes
        ]
        for loop, _ in self._loops:
            loop.start()

    def submit(self, name: str, work: Callable[[], object], *, urgent: bool = False) -> str:
        """Queues `work` and returns, at once, the ticket under which `("answer", TICKET)` will be published."""
        ticket = f"{name}-{next(self._numbers)}"
        (self._urgent if urgent else self._waiting).put((ticket, work))
        return ticket

    def collect(self, ticket: str) -> object:
        """The answer, once; raises what the work raised. UsageError when there is none (yet, or any more)."""
        with self._lock:
            answer = self._answers.pop(ticket, None)
        if answer is None:
            raise UsageError(f"no answer is waiting for {ticket}")
        return answer.unwrap()

    def close(self) -> None:
        """Ends the threads; work that was queued and not begun is dropped."""
        for loop, lane in self._loops:
            loop.stop()
            lane.put(None)
        for loop, _ in self._loops:
            loop.close()

    def _answer(self, lane: _Lane) -> float | None:
        asked = lane.get()
        if asked is None:
            return None
        ticket, work = asked
        answer = capture(work)
        with self._lock:
            self._answers[ticket] = answer
            while len(self._answers) > _KEPT:
                del self._answers[next(iter(self._answers))]
        self._publish(("answer", ticket))
        return 0.0
