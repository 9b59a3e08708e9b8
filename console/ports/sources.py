"""Time, publishing, and what can be read again and again.

Owns the Protocols every service meets. Must not hold an implementation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Event as Flag
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from console.domain.documents import Json
    from console.domain.snapshot import Key, Trouble


T = TypeVar("T")

Publish: TypeAlias = "Callable[[Key], None]"
"""Says that what stands behind a key has changed. At once, from any thread."""


class Clock(Protocol):
    """The time, injected so that tests own it."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def wait(self, flag: Flag, seconds: float) -> bool:
        """Waits until `flag` is set or `seconds` have passed; whether it is set."""
        ...


class Source(Protocol[T]):
    """Something that can be read again and again. One file in `sources/` implements it.

    `read` makes one round trip where it can, within `timeout` seconds, and raises ours. `encode`/`decode` are the codec
    for `--json`, watch and replay. What it declares stands in every snapshot: `kind` is the type of its readings, which
    panes find it by; `title` is its name for people; `summary` is a reading in one harmless line, and `troubles` say
    what is wrong with it. `needs_facts`: it cannot be read before the application was.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> type: ...
    @property
    def needs_facts(self) -> bool: ...
    @property
    def every(self) -> float: ...
    @property
    def timeout(self) -> float: ...

    def read(self) -> T: ...
    def encode(self, value: T) -> Json: ...
    def decode(self, document: Json) -> T: ...
    def summary(self, value: T) -> str: ...
    def troubles(self, value: T) -> tuple[Trouble, ...]: ...
