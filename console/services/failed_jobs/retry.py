"""Retrying a frozen set of failed jobs: artisan takes them in order and ends at the first that it cannot read, so the
rest is handed to it again without that one.

Owns the order of one performance and its resumption. Must not write to the application's database; artisan does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from console.domain.documents import Json
from console.domain.performed import Performed
from console.domain.runs import Outcome
from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError
from console.ports.steps import PerformContext
from console.services.failed_jobs.outcomes import FailedOutcomes

STUCK = 10
"""After so many calls in a row that put no job back, artisan itself is taken for broken and is not called again."""
MOST_CALLS = 50
"""Each call notes the progress of all ids."""
_REASON = 300
_TAIL = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOrder:
    """What is retried where. `command` is artisan's with everything before the ids; `head` are the lines of the script
    before it, which leave the script where artisan lies."""

    host: str
    head: str
    command: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryProgress:
    """How far a retry is, as it is noted: `rows` are the rows before it by id, `rest` the ids that artisan has still to
    be handed, `calls` how often it was called, `idle` how many of the last calls put nothing back, `reasons` why an id
    was passed over."""

    rows: Mapping[str, Json]
    rest: tuple[str, ...]
    calls: int = 0
    idle: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Json]:
        """As JSON, for the journal."""
        return {
            "rows": dict(self.rows),
            "rest": list[Json](self.rest),
            "calls": self.calls,
            "idle": self.idle,
            "reasons": dict[str, Json](self.reasons),
        }

    def leaving(self, why: str) -> RetryProgress:
        """This progress with nothing more to do; `why` is the reason for each id that artisan was not handed again."""
        return replace(self, rest=(), reasons={**self.reasons, **dict.fromkeys(self.rest, f"not tried again: {why}")})

    @staticmethod
    def of(document: Mapping[str, Json]) -> RetryProgress:
        """Back from `document`."""
        rows, reasons, rest = document.get("rows"), document.get("reasons"), document.get("rest")
        return RetryProgress(
            rows=rows if isinstance(rows, dict) else {},
            rest=tuple(map(str, rest)) if isinstance(rest, list) else (),
            calls=_number(document.get("calls")),
            idle=_number(document.get("idle")),
            reasons={one: str(why) for one, why in reasons.items()} if isinstance(reasons, dict) else {},
        )


class FailedRetry:
    """One performance of one retry."""

    def __init__(self, context: PerformContext, order: RetryOrder, outcomes: FailedOutcomes) -> None:
        self._context = context
        self._order = order
        self._outcomes = outcomes

    def perform(self) -> Performed:
        """Hands artisan the ids until each was taken or refused by it; the end has `results` per id. OpsconsoleError
        when the rows cannot be read before the first call: then nothing was called.

        Only an artisan that is known to have ended by itself is followed by another one: two at a time would find the
        same rows, and put jobs back twice.
        """
        progress = RetryProgress.of(self._context.noted) if self._context.noted else self._begin()
        until = self._context.clock.monotonic() + self._context.step.timeout
        ended = Performed(outcome=Outcome.OK)
        while progress.rest:
            if who := self._context.aborted():
                ended = Performed(outcome=Outcome.CANCELLED, detail=f"aborted by {who}")
                break
            left = until - self._context.clock.monotonic()
            if why := self._enough(progress, left):
                progress = progress.leaving(why)
                break
            ended = self._call(progress, left)
            if ended.outcome is Outcome.CANCELLED:
                break
            if ended.outcome is not Outcome.OK and ended.exit_status is None:
                progress = progress.leaving(ended.detail)
                break
            try:
                progress = self._after(progress, ended)
            except OpsconsoleError as error:
                self._context.say(f"What became of the jobs cannot be read: {error.what}")
                progress = progress.leaving(f"what became of those before it could not be read: {error.what}")
                break
            self._note(progress)
        noted: dict[str, Json] = {"rows": dict(progress.rows)}
        return self._outcomes.conclude("retry", self._order.ids, noted, ended, reasons=progress.reasons)

    @staticmethod
    def _enough(progress: RetryProgress, left: float) -> str:
        """Why artisan is not called again."""
        if progress.idle >= STUCK:
            return f"artisan has put none of the {STUCK} before it back"
        if progress.calls >= MOST_CALLS:
            return f"artisan has ended at {MOST_CALLS} jobs already"
        return "the step's time is over" if left <= 0 else ""

    def _begin(self) -> RetryProgress:
        rows, broken = self._outcomes.retryable(self._order.ids)
        rest = tuple(one for one in self._order.ids if one in rows and one not in broken)
        for one, why in broken.items():
            self._context.say(f"{one}: {why}")
        progress = RetryProgress(rows=rows, rest=rest, reasons=broken)
        self._note(progress)
        return progress

    def _note(self, progress: RetryProgress) -> None:
        self._context.note(progress.document())

    def _call(self, progress: RetryProgress, left: float) -> Performed:
        command = " ".join(map(quote, (*self._order.command, *progress.rest)))
        script = f"{self._order.head}\nexec {command}\n"
        name, host = self._name(progress), self._order.host
        return self._context.start(name, {host: script}, text=f"{name}: {len(progress.rest)} ids", timeout=left)[host]

    @staticmethod
    def _name(progress: RetryProgress) -> str:
        return f"call {progress.calls + 1}"

    def _after(self, progress: RetryProgress, ended: Performed) -> RetryProgress:
        """Progress after a call: the first id whose row it left is the one that it ended at."""
        left = self._outcomes.untouched(progress.rest, progress.rows)
        called = replace(progress, calls=progress.calls + 1, idle=progress.idle + 1 if left == progress.rest else 0)
        if ended.outcome is Outcome.OK or not left:
            return replace(called, rest=())
        why = self._reason(self._name(progress), ended)
        return replace(called, rest=left[1:], reasons={**progress.reasons, left[0]: why})

    def _reason(self, name: str, ended: Performed) -> str:
        """What artisan said after the last job that it put back."""
        output = self._context.output(name, self._order.host, last=_TAIL)
        # Where more was said than is looked at, the first line is only an end of one.
        text = (output.partition(b"\n")[2] if len(output) == _TAIL else output).decode("utf-8", "replace")
        words: list[str] = []
        for line in (each.strip().rstrip(":") for each in text.splitlines()):
            words = [] if _put_back(line) else [*words, line] if line else words
        said = Raw.of(": ".join(words[:2])).show(_REASON)
        return f"artisan ended at it ({ended.detail}): {said}" if said else f"artisan ended at it ({ended.detail})"


def _put_back(line: str) -> bool:
    return line.endswith(("pushed back onto the queue!", "DONE")) or "Pushing failed queue jobs back" in line


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
