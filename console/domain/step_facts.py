"""What is known about a step before it runs: what it does to the application, and what it needs on which host.

Owns the typed facts that a step kind declares and everybody else reads. Must not know a kind, nor how a need is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.codec import LATER


class NeedKind(StrEnum):
    """What a step can need on a host. `Need.name` says which one, unless another sentence stands here."""

    TOOL = "tool"
    """A command, by name on the login's PATH or by its absolute path."""
    PHP = "php"
    """A PHP that runs, as `Need.account` where there is one."""
    ACCOUNT = "account"
    """To run `Need.command` as that account by `sudo -n -u`."""
    PROGRAM = "program"
    """A program of supervisord, asked as `Need.account` where there is one."""
    UNIT = "unit"
    """A systemd unit that can be changed as `Need.command` (`restart` or `reload`) says, by `sudo -n`."""
    LINK = "link"
    """A path that is a link, or nothing yet: a link is put there."""
    PATH = "path"
    """Something that must be there."""
    WRITABLE = "writable"
    """A directory that can be written, or made."""
    SPACE = "space"
    """`Need.amount` KiB, and inodes to match, on the filesystem of that directory."""
    REPOSITORY = "repository"
    """A git repository from which `Need.commit` can be had, unless the mirror `Need.mirror` holds it already."""
    ANSWER = "answer"
    """That `Need.script` ends with 0. `name` is the sentence for when it does not, `fix` what to do then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that must be there on one host before step 1. A `doubt` makes its absence a warning and no refusal, and
    says why."""

    host: str
    what: NeedKind
    name: str
    account: str = ""
    command: tuple[str, ...] = ()
    amount: int = 0
    mirror: str = ""
    commit: str = ""
    script: str = ""
    fix: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of this machine that a step wants on its hosts before it starts: `to` maps each host to the place there.
    `sha256` is in hex, `size` in bytes."""

    path: str
    sha256: str
    size: int
    to: Mapping[str, str]


class Maintenance(StrEnum):
    """What a step does about maintenance mode."""

    NONE = ""
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """What one step does, as its kind declares it.

    `undone_last` puts its way back behind those of all other steps. `starts_commands` says of a step without scripts
    that its commands run on the hosts all the same, once. `undo` and `on_abort` name ways back that the
    runner performs itself; those that are scripts stand in the plan.
    """

    creates_release: bool = False
    switches_link: bool = False
    migrates: bool = False
    clears_cache: bool = False
    stops_workers: bool = False
    prunes_failed_jobs: bool = False
    installs_packages: bool = False
    builds_assets: bool = False
    undone_last: bool = False
    starts_commands: bool = field(default=False, metadata=LATER)
    maintenance: Maintenance = Maintenance.NONE
    upload: Upload | None = None
    undo: str = ""
    on_abort: str = ""
    needs: tuple[Need, ...] = ()
