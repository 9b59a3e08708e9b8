"""What operators say to a running run: abort, answers, hold and go, and the wish to skip the gate.

Owns taking their requests, each acknowledged by an event before it counts, and asking one question at a time. A
question that was open when an earlier runner died is not asked twice, and an answer given meanwhile still counts. Must
not act on anything; the runner does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as Flag

from console.domain.documents import Json
from console.domain.runs import Event, EventKind
from console.domain.untrusted import harmless
from console.ports import Clock, Request, RunStore
from console.services.ledger import Ledger

WISHES = ("hold", "go", "skip")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operator chose, and who it was."""

    word: str
    who: str


class Desk:
    """The requests of one run, taken by its one runner."""

    def __init__(self, store: RunStore, ledger: Ledger, clock: Clock, *, every: float = 0.25) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._every = every
        self._question: tuple[int, tuple[str, ...]] | None = None
        self._answer: Answer | None = None
        self.aborted = Flag()
        self.aborted_by = ""
        self.wishes: set[str] = set()
        for event in ledger.events:
            self._remember(event)
        # Whoever resumes a run wants it to go on; nobody would be there to say so.
        self.wishes.discard("hold")

    def poll(self, *, drain: bool = False) -> None:
        """Takes the requests that wait. An answer is left for the question it was meant for, which another runner may
        have asked, unless `drain` says that there is none."""
        for request in self._store.requests(self._ledger.row.id):
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
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer | None:
        """Asks and waits for at most `seconds`; None when nobody answered.

        `since` is the event from which on the question makes sense: an answer noted after it counts. An abort answers
        any question with `abort`. `meanwhile` is called at each turn and may raise.
        """
        earlier = self._earlier(question, step, since)
        if isinstance(earlier, Answer):
            return earlier
        if earlier is None:
            # What was said before the question was first asked cannot be meant for it.
            self.poll(drain=True)
        if earlier is None or self._ledger.view.question is None:
            data: dict[str, Json] = {"question": question, "choices": list(choices)}
            earlier = self._ledger.note(EventKind.OPERATOR_NEEDED, step=step, data=data).seq
        self._question, self._answer = (earlier, choices), None
        until = self._clock.monotonic() + seconds
        try:
            while True:
                self.poll()
                answer = self._given()
                if answer is not None:
                    return answer
                if self.aborted.is_set():
                    return Answer("abort", self.aborted_by)
                if self._clock.monotonic() >= until:
                    return None
                if meanwhile is not None:
                    meanwhile()
                self._clock.wait(Flag(), self._every)
        finally:
            self._question = None

    def _given(self) -> Answer | None:
        return self._answer

    def _acknowledge(self, request: Request) -> Event:
        said: dict[str, Json] = {"request": request.kind, "who": request.who, "body": request.body}
        step = ""
        if request.kind == "answer":
            if self._question is not None and request.body in self._question[1]:
                said["question"] = self._question[0]
            else:
                said["ignored"] = True
        elif request.kind != "abort" and request.kind not in WISHES:
            said["ignored"] = True
        event = self._ledger.note(EventKind.OPERATOR_ANSWERED, step=step, data=said)
        if "ignored" in said and self._question is not None:
            # The fold took the question for answered: it is put again, for whoever looks.
            asked = next((one for one in self._ledger.events if one.seq == self._question[0]), None)
            if asked is not None:
                again = {**asked.data, "again": True, "refused": harmless(request.body)}
                seq = self._ledger.note(EventKind.OPERATOR_NEEDED, step=asked.step, data=again).seq
                self._question = (seq, self._question[1])
        return event

    def _remember(self, event: Event) -> None:
        if event.kind is not EventKind.OPERATOR_ANSWERED or event.data.get("ignored"):
            return
        kind, who = event.data.get("request"), harmless(str(event.data.get("who") or ""))
        if kind == "abort":
            self.aborted_by = who
            self.aborted.set()
        elif isinstance(kind, str) and kind in WISHES:
            # Going on ends a hold and is no word about the gate: that would pass unjudged.
            if kind == "go":
                self.wishes.discard("hold")
            else:
                self.wishes.add(kind)
        elif self._question is not None and event.data.get("question") == self._question[0]:
            self._answer = Answer(str(event.data.get("body")), who)

    def _earlier(self, question: str, step: str, since: int) -> Answer | int | None:
        """An answer already noted for this question, else the event that still asks it, else None."""
        events = [event for event in self._ledger.events if event.seq > since]
        asked = [
            event.seq
            for event in events
            if event.kind is EventKind.OPERATOR_NEEDED and event.step == step and event.data.get("question") == question
        ]
        if not asked:
            return None
        for event in events:
            if event.kind is EventKind.OPERATOR_ANSWERED and event.data.get("question") in asked:
                return Answer(str(event.data.get("body")), harmless(str(event.data.get("who") or "")))
        return asked[-1]
