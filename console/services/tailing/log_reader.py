"""The use case behind `logs`: an environment's records from some time on, and then what comes.

Owns the order of history and following, the filter on both, and what a reader has to be told. Must not print.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from console.domain.environment import Environment
from console.domain.log_blocks import Where
from console.domain.log_history import Span
from console.domain.log_records import Records
from console.domain.log_times import UNTIMED, Times
from console.domain.logs import FollowState
from console.ports import Clock, Reach
from console.present.log_notices import left_out_words, status_words, unleveled_words, untimed_words
from console.services.tailing.file_records import Stretch
from console.services.tailing.history import LogHistory
from console.services.tailing.live import Live
from console.services.tailing.zone import AppZone

_TURN = 0.1


@dataclass(slots=True)
class LogReading:
    """Call `history` first, then `live` if it was made to follow. `zoned` asks for the application's time zone, which
    turns stamps into moments; without it they only give the order. With `exact` only bytes are wanted. A file that
    could not be read before is followed from `recent` bytes before its end."""

    environment: Environment
    reach: Reach
    clock: Clock
    span: Span
    where: Where
    zoned: bool = False
    follow: bool = False
    exact: bool = False
    recent: int = 0
    _history: LogHistory = field(init=False)
    _times: Times = field(init=False)
    _zone: AppZone | None = field(init=False)
    _live: Live | None = field(init=False, default=None)
    _last: dict[str, int] = field(init=False, default_factory=dict)
    _told: dict[tuple[str, str], FollowState] = field(init=False, default_factory=dict)
    _said: set[str] = field(init=False, default_factory=set)
    _unleveled: set[tuple[str, str]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._zone = AppZone(self.reach) if self.zoned or self.span.by_time else None
        self._times = Times(self._zone or (lambda: None))
        self._history = LogHistory(
            self.environment,
            self.reach.shell,
            span=self.span,
            where=self.where,
            times=self._times,
            clock=self.clock,
            follow=self.follow,
            exact=self.exact,
        )

    def history(self) -> Generator[Stretch, None, None]:
        """All there is, all files merged by time. Raises when no host can be reached."""
        self._history.open()
        return self._history.read()

    def live(self) -> Iterator[Stretch | None]:
        """What comes after the history, in the order it comes, without an end; None at the end of each turn, which
        takes a tenth of a second at most."""
        self._live = Live(self.environment, self.reach.shell, self._history.seams, clock=self.clock, recent=self.recent)
        while True:
            for records in self._live.records.take(_TURN):
                stretch = self._chosen(records)
                if stretch.places:
                    yield stretch
            yield None

    @property
    def partial(self) -> bool:
        """Whether something that was asked for was left out, or may be among what was shown. A file that is on no host
        is a misspelt name; one that some host has is written there only."""
        return bool(self._history.left_out) or self._uncertain or (not self.follow and bool(self._history.nowhere))

    def notices(self) -> list[str]:
        """Sentences that are new since the last call: on what is missing or was not read, and on how following goes."""
        said = [left_out_words(each) for each in self._history.left_out]
        word = "waiting, the file does not exist yet" if self.follow else "not read: there is no such file"
        said += [f"{each.host} {each.file}: {word}" for each in self._history.missing]
        said += [untimed_words(*each) for each in self._history.untimed]
        said += [unleveled_words(*each) for each in (*self._history.unleveled, *sorted(self._unleveled))]
        if self._zone is not None and self._times.asked and self._zone.problem:
            said.append(self._zone_words(self._zone.problem))
        said += [left_out_words(each) for each in (self._live.left_out() if self._live else ())]
        new = [words for words in dict.fromkeys(said) if words not in self._said]
        self._said.update(new)
        return [*new, *self._turns()]

    def close(self) -> None:
        """Ends all reading, bounded."""
        if self._live is not None:
            self._live.close()

    @property
    def _uncertain(self) -> bool:
        """Whether the time zone would be needed to tell which records are old enough."""
        return self.span.by_time and self._times.asked and self._zone is not None and bool(self._zone.problem)

    def _zone_words(self, problem: str) -> str:
        words = f"the application's time zone is not known ({problem}): stamps stay as written"
        return f"{words}, and records of up to 12 hours before may be among these" if self.span.by_time else words

    def _chosen(self, records: Records) -> Stretch:
        inode = f"{records.origin.host} {records.origin.inode}"
        timed = self._times.read(records.heads, self._last.get(inode, UNTIMED))
        self._last[inode] = timed.keys[-1]
        if self.where.level and records.unleveled:
            self._unleveled.add((records.origin.host, records.origin.file))
        return Stretch(records, timed, records.taken(self.where, exact=self.exact))

    def _turns(self) -> list[str]:
        """A sentence for each file whose state changed; that a file is followed is told only after some trouble."""
        new = []
        for each in self._live.statuses() if self._live else ():
            key = (each.host, each.file)
            calm = each.state in (FollowState.FOLLOWING, FollowState.CONNECTING)
            before = self._told.get(key)
            if before is each.state or each.state is FollowState.CONNECTING or (before is None and calm):
                continue
            self._told[key] = each.state
            new.append(status_words(each))
        return new
