"""Release directories: which one is live, which are there, and which one a rollback would take.

Owns the values, the ordering and the candidate rule. Must not run anything: `READ_SCRIPT` is text for whoever can.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release directory. `commit` is the text of REVISION, `bad` whether it bears BAD_RELEASE, `lived` whether it
    was ever linked as current."""

    name: str
    commit: str = ""
    bad: bool = False
    lived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReleases:
    """What one host has: `current` is the linked release's name, empty without a link; `releases` oldest first."""

    host: str
    current: str
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReading:
    """All hosts of an environment. `errors` maps nothing: a host that could not be read is simply absent there and
    named here as `HOST: reason`, already harmless."""

    hosts: tuple[HostReleases, ...]
    errors: tuple[str, ...] = ()
