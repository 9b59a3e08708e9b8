"""The way from service threads to the screen: one message per key until it was taken, and answers to questions.

Owns the pending-key set and the waiting tickets. Must not read a service's values nor touch a widget; the screen's
thread takes keys and calls back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from textual.message import Message

from console.domain.snapshot import Key
from console.errors import OpsconsoleError
from console.ports import Background

T = TypeVar("T")
Failed = Callable[[OpsconsoleError], None]
Later = Callable[[Callable[[], None]], None]
"""Runs a function in the screen's thread, soon; callable from any thread."""


class KeyPublished(Message):
    """The value behind a key has changed; further changes send no message until the key is taken."""

    def __init__(self, key: Key) -> None:
        self.key = key
        super().__init__()


class Ask(Protocol):
    """How a widget asks a service something that may block."""

    def __call__(
        self, work: Callable[[], T], then: Callable[[T], None], failed: Failed, name: str = "", *, urgent: bool = False
    ) -> None:
        """Runs `work` in a service thread, then `then` or `failed` in the screen's thread; see `Bridge.ask`."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    then: Callable[[], None]
    failed: Failed
    epoch: int


class Bridge:
    """Merges published keys and hands answers back to who asked.

    `later` must be thread-safe. Results asked for before `advance` are dropped: they belong to an environment that
    was left.
    """

    def __init__(self, later: Later, post: Callable[[Message], object]) -> None:
        self._later = later
        self._post = post
        self._pending: set[Key] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._background: Background | None = None
        self._epoch = 0

    def publish(self, key: Key) -> None:
        """Says that `key` changed; from any thread, at once, never raises after the screen has gone."""
        if key in self._pending:
            return
        # A lost race adds one message too many, never one too few: the set is only emptied before the value is read.
        self._pending.add(key)
        try:
            self._later(lambda: self._deliver(key))
        except RuntimeError:
            # The loop is closed: the screen has ended while a service thread still lived.
            self._pending.discard(key)

    def take(self, key: Key) -> None:
        """Called before the value of `key` is read: changes from now on send a message again."""
        self._pending.discard(key)

    def connect(self, background: Background) -> None:
        """Sets the service threads that answer questions."""
        self._background = background

    def advance(self) -> None:
        """Begins a new epoch: answers still under way are dropped when they come."""
        self._epoch += 1

    def ask(
        self, work: Callable[[], T], then: Callable[[T], None], failed: Failed, name: str = "", *, urgent: bool = False
    ) -> None:
        """Runs `work` in a service thread; `then(value)` or `failed(error)` follows in the screen's thread.

        `urgent` work does not wait for slow plans; only work that opens no connection, such as an abort, may be urgent.
        """
        if self._background is None:
            failed(OpsconsoleError("The console is still starting.", fix="Try again in a moment."))
            return
        values: list[T] = []
        ticket = self._background.submit(name or "question", lambda: values.append(work()), urgent=urgent)
        self._waiting[ticket] = _Waiting(lambda: then(values[0]), failed, self._epoch)

    def _deliver(self, key: Key) -> None:
        if key[0] == "answer":
            self.take(key)
            self._answer(key[1])
        else:
            self._post(KeyPublished(key))

    def _answer(self, ticket: str) -> None:
        waiting = self._waiting.pop(ticket, None)
        if waiting is None or self._background is None:
            return
        try:
            self._background.collect(ticket)
        except OpsconsoleError as error:
            if waiting.epoch == self._epoch:
                waiting.failed(error)
            return
        if waiting.epoch == self._epoch:
            waiting.then()
