"""The requests of operators to a run in progress: abort, answer, hold, go, and skip the gate.

Owns taking their requests, each acknowledged by an event before it counts, and asking one question at a time. A
question that was open when an earlier runner died is not asked twice, and an answer given meanwhile still counts. Must
not act on anything; the runner does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from typing import TYPE_CHECKING

from console.domain.events import OperatorAnswered, OperatorNeeded
from console.domain.performed import OperatorAnswer
from console.domain.runs import Event
from console.domain.untrusted import harmless
from console.ports import Clock, Request
from console.services.running.journal import Journal

if TYPE_CHECKING:
    from console.store.runs import RunStore

STANDING = ("hold", "go", "skip")
# No operator withdrew the question: the event is stored without a name and without words.
_WITHDRAWN = OperatorAnswered(request="withdrawn", lacking=frozenset({"who", "body"}))


class OperatorRequests:
    """The requests of one run, taken by its one runner."""

    def __init__(self, store: RunStore, journal: Journal, clock: Clock, *, every: float = 0.25) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._every = every
        self._question: tuple[int, tuple[str, ...]] | None = None
        self._answer: OperatorAnswer | None = None
        self.aborted = Flag()
        self.aborted_by = ""
        self.standing: set[str] = set()
        for event in journal.events:
            self._remember(event)
        # Whoever resumes a run wants it to go on, so a hold from before does not count any more.
        self.standing.discard("hold")

    def poll(self, *, drain: bool = False) -> None:
        """Takes the requests that wait. While no question is open an answer is left there: an earlier runner may have
        asked its question, which will be put again. `drain` takes such answers too, so that they count for nothing."""
        for request in self._store.requests(self._journal.row.id):
            if request.kind == "answer" and self._question is None and not drain:
                continue
            event = self._acknowledge(request)
            self._store.take(request, event.seq)
            self._remember(event)

    def ask(
        self,
        question: str,
        choices: tuple[str, ...],
        *,
        step: str = "",
        since: int = 0,
        seconds: float = 900.0,
        withdrawn: Callable[[], bool] | None = None,
    ) -> OperatorAnswer | None:
        """Asks and waits for at most `seconds`; None when nobody answered.

        `since` is the event that raised the question: only an answer noted after it counts. An abort answers any
        question with `abort`. `withdrawn` is called at each turn and may raise; once it returns true, the question is
        closed and the answer is an empty word.
        """
        earlier = self._earlier(question, step, since)
        if isinstance(earlier, OperatorAnswer):
            return earlier
        if earlier is None:
            # An answer from before the question was first asked cannot be meant for it.
            self.poll(drain=True)
        if earlier is None or self._journal.view.question is None:
            earlier = self._journal.note(OperatorNeeded(question=question, choices=choices), step=step).seq
        self._question, self._answer = (earlier, choices), None
        until = self._clock.monotonic() + seconds
        try:
            while True:
                self.poll()
                answer = self._given()
                if answer is not None:
                    return answer
                if self.aborted.is_set():
                    return OperatorAnswer("abort", self.aborted_by)
                if self._clock.monotonic() >= until:
                    return None
                if withdrawn is not None and withdrawn():
                    # The fold closes a question only at an answer: without this event screens would go on showing it.
                    self._journal.note(_WITHDRAWN)
                    return OperatorAnswer("", "")
                self._clock.wait(Flag(), self._every)
        finally:
            self._question = None

    def _given(self) -> OperatorAnswer | None:
        return self._answer

    def _acknowledge(self, request: Request) -> Event:
        question = None
        if request.kind == "answer":
            if self._question is not None and request.body in self._question[1]:
                question = self._question[0]
            ignored = question is None
        else:
            ignored = request.kind != "abort" and request.kind not in STANDING
        said = OperatorAnswered(
            request=request.kind, who=request.who, body=request.body, question=question, ignored=ignored
        )
        event = self._journal.note(said)
        if ignored and self._question is not None:
            # The fold closes the question at this event although it was not answered, so it is asked again.
            asked = next((one for one in self._journal.events if one.seq == self._question[0]), None)
            if asked is not None and isinstance(asked.payload, OperatorNeeded):
                again = replace(asked.payload, again=True, refused=harmless(request.body))
                seq = self._journal.note(again, step=asked.step).seq
                self._question = (seq, self._question[1])
        return event

    def _remember(self, event: Event) -> None:
        said = event.payload
        if not isinstance(said, OperatorAnswered) or said.ignored:
            return
        kind, who = said.request, harmless(said.who)
        if kind == "abort":
            self.aborted_by = who
            self.aborted.set()
        elif kind in STANDING:
            # `go` only ends a hold. If it also let the gate pass, the gate would go unjudged.
            if kind == "go":
                self.standing.discard("hold")
            else:
                self.standing.add(kind)
        elif self._question is not None and said.question == self._question[0]:
            self._answer = OperatorAnswer(said.body, who)

    def _earlier(self, question: str, step: str, since: int) -> OperatorAnswer | int | None:
        """An answer already noted for this question, else the event that still asks it, else None."""
        events = [event for event in self._journal.events if event.seq > since]
        asked = [
            event.seq
            for event in events
            if isinstance(event.payload, OperatorNeeded) and event.step == step and event.payload.question == question
        ]
        if not asked:
            return None
        for event in events:
            said = event.payload
            if isinstance(said, OperatorAnswered) and said.question in asked:
                return OperatorAnswer(said.body, harmless(said.who))
        return asked[-1]
