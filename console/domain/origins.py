"""Where a fact about an application was read, so that a guess never looks like a reading.

Owns the words for it, and which of several origins counts. Must not read anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Origin(StrEnum):
    """On what a fact stands, the most trustworthy first."""

    STATED = "stated"
    """The console's own configuration states it."""
    PHP = "php"
    """The application's PHP evaluated its configuration files and its `.env`."""
    CACHE = "config cache"
    """PHP read `bootstrap/cache/config.php`, which is what the application itself uses."""
    FILES = "files"
    """A file of the application says so; nothing was run."""
    ENV = ".env"
    """The `.env` says so, and nobody knows whether the configuration files look at it."""
    EARLIER = "earlier"
    """PHP said so before the configuration changed; now it cannot be read."""
    DEFAULT = "default"
    """Laravel's default, because nothing that could be read says otherwise."""
    UNKNOWN = "unknown"
    """Nothing is known."""

    @property
    def proves(self) -> bool:
        """Whether the application itself was read, now: only such a fact may prove who a host is."""
        return self in _PROVING

    @property
    def guessed(self) -> bool:
        """Whether nothing was read at all."""
        return self in (Origin.DEFAULT, Origin.UNKNOWN)


_PROVING = (Origin.PHP, Origin.CACHE, Origin.ENV)
_ORDER = {origin: place for place, origin in enumerate(Origin)}


def weakest(origins: Iterable[Origin]) -> Origin:
    """The least trustworthy of several; unknown when there is none."""
    return max(origins, key=_ORDER.__getitem__, default=Origin.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Origins:
    """The origin of every fact of one application: `whole` for all, but for those in `parts`.

    A path names a fact or a group of them, as in `sql.mysql.host`, `sql.mysql`, `timezone`; the longest known one
    counts.
    """

    whole: Origin = Origin.UNKNOWN
    parts: Mapping[str, Origin] = field(default_factory=dict)

    def of(self, path: str) -> Origin:
        """The origin of one fact."""
        while path:
            if path in self.parts:
                return self.parts[path]
            path = path.rpartition(".")[0]
        return self.whole

    def weakest(self, *paths: str) -> Origin:
        """The origin of what is put together from several facts."""
        return weakest(self.of(path) for path in paths)

    def having(self, parts: Mapping[str, Origin]) -> Origins:
        """The same with other origins for these paths."""
        return Origins(self.whole, {**self.parts, **parts}) if parts else self
