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
    from console.domain.snapshot import Key


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
    for `--json`, watch and replay. `summary` is one harmless line.
    """

    @property
    def name(self) -> str: ...
    @property
    def every(self) -> float: ...
    @property
    def timeout(self) -> float: ...

    def read(self) -> T: ...
    def encode(self, value: T) -> Json: ...
    def decode(self, document: Json) -> T: ...
    def summary(self, value: T) -> str: ...
