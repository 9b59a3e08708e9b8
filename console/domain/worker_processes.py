"""Processes that run an application's code on one host: what each was started for, and which release it runs.

Owns the values of one reading and the proof of a release. The proof is the script that a process holds open, because
a restarted process may still run old code; the start time is the last resort. Must not read a host.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.supervisor import Settings, Supervised, command_words, selects
from console.domain.worker_arguments import Invocation, Role, read_arguments

DELETED = " (deleted)"
SURE_AFTER = 1.0
"""Seconds after a switch of the link from which on a start time proves anything: the boot time is off by up to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process of one boot: a pid comes again, together with its start (in ticks since boot) it does not."""

    boot: str
    pid: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One PHP process. `scripts` are files it holds open that may be its script, absolute and resolved, as the kernel
    names them (` (deleted)` behind a removed one); None when they may not be read, and so `cwd`.

    `parents` are its ancestors' pids, the nearest first.
    """

    pid: int
    ppid: int
    uid: int
    start: int
    argv: tuple[str, ...]
    invocation: Invocation
    cwd: str | None = None
    scripts: tuple[str, ...] | None = None
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProcesses:
    """One look at one host. `bases` are the application's directory as configured and as resolved; `current` and
    `releases` are resolved, `linked_at` is when the link was made. Times are seconds since the epoch by this host's
    clock; `ticks` are counted per second; `visible` are the pids of every process that this account can see at all.

    `supervised` is None when supervisord did not answer, and then `refusal` says why. `uid` is the reader's.
    `settings` are by the programs' names, as far as supervisord's configuration could be read.
    """

    host: str
    boot: str
    now: float
    boot_time: float
    ticks: int
    uid: int
    bases: tuple[str, ...]
    current: str
    releases: str
    linked_at: float
    visible: frozenset[int] = frozenset()
    processes: tuple[Process, ...] = ()
    supervised: tuple[Supervised, ...] | None = None
    refusal: str = ""
    settings: Mapping[str, Settings] = field(default_factory=dict)

    def identity(self, process: Process) -> ProcessIdentity:
        """Who that process is, for as long as anybody remembers."""
        return ProcessIdentity(boot=self.boot, pid=process.pid, start=process.start)

    def began(self, process: Process) -> float:
        """When it began, seconds since the epoch; off by up to a second."""
        return self.boot_time + process.start / max(1, self.ticks)

    def program(self, process: Process) -> Supervised | None:
        """The program of supervisord that this process is, or descends from."""
        owners = {each.pid: each for each in self.supervised or () if each.pid is not None}
        return next((owners[pid] for pid in (process.pid, *process.parents) if pid in owners), None)

    def of_program(self, program: Supervised) -> tuple[Process, ...]:
        """The processes that a program is, with all that descend from it."""
        return tuple(each for each in self.processes if self.program(each) == program)

    @property
    def release(self) -> str:
        """The name of the linked release; of a tree without releases, the tree's."""
        return posixpath.basename(self.current)


class Evidence(StrEnum):
    """By what the release of a process is known."""

    SCRIPT = "script"
    DIRECTORY = "directory"
    START = "start time"
    NOTHING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseProof:
    """The release directory's name that a process runs, and by what that is known. Without a name `why` says what
    could not be read. `foreign` means that it runs another application's code."""

    release: str = ""
    evidence: Evidence = Evidence.NOTHING
    why: str = ""
    foreign: bool = False

    @property
    def known(self) -> bool:
        """Whether it is proved."""
        return self.evidence is not Evidence.NOTHING


def prove(process: Process, seen: HostProcesses) -> ReleaseProof:
    """Which release `process` runs. By its script, else by its directory where the script is named relative to it,
    else by its start, which says something only of a direct child of supervisord that names `current`."""
    found = _by_script(process, seen)
    if found is not None:
        return found
    found = _by_directory(process, seen)
    if found is not None:
        return found
    denied = process.scripts is None
    why = f"no right to read /proc/{process.pid}" if denied else "it holds no script open"
    return _by_start(process, seen) or ReleaseProof(why=why)


def belongs(process: Process, seen: HostProcesses) -> bool | None:
    """Whether `process` is this application's; None when nothing that may be read tells."""
    proof = prove(process, seen)
    if proof.known:
        return not proof.foreign
    script = process.invocation.script
    if posixpath.isabs(script):
        return _below(script, seen.bases)
    program = seen.program(process)
    settings = seen.settings.get(program.name) if program else None
    if settings is None or not settings.directory:
        return None
    return _below(posixpath.join(settings.directory, script), seen.bases)


def works_here(process: Process, seen: HostProcesses, programs: Sequence[str] = ()) -> bool:
    """Whether a worker takes jobs from this application's queues: its directory or its script lies in the application's
    tree, or it is one of the `programs` that the configuration names. What nothing tells is not ours."""
    directory = (process.cwd or "").removesuffix(DELETED)
    opened = [name.removesuffix(DELETED) for name in process.scripts or () if _is_script(name, process)]
    if _placed(process.invocation.script, directory, seen) or any(_below(name, _trees(seen)) for name in opened):
        return True
    program = seen.program(process)
    return program is not None and any(selects(name, program) for name in programs)


def started_here(seen: HostProcesses, programs: Sequence[str] = ()) -> tuple[Invocation, ...]:
    """What supervisord's files start of this application's workers, whether they run or not, by the same rule."""
    found = []
    for program in seen.supervised or ():
        settings = seen.settings.get(program.name)
        told = read_arguments(["php", *command_words(settings.command)]) if settings and settings.command else None
        if settings is None or told is None or not told.role.works:
            continue
        chosen = any(selects(name, program, settings.program) for name in programs)
        if chosen or _placed(told.script, settings.directory, seen):
            found.append(told)
    return tuple(found)


def _placed(script: str, directory: str, seen: HostProcesses) -> bool:
    """Whether a script, or the directory it is started in, lies in the application's tree."""
    if not posixpath.isabs(script):
        script = posixpath.normpath(posixpath.join(directory, script)) if directory else ""
    return any(_below(f"{place}/", _trees(seen)) for place in (directory, script) if place)


def _is_script(name: str, process: Process) -> bool:
    return posixpath.basename(name.removesuffix(DELETED)) == posixpath.basename(process.invocation.script)


def _trees(seen: HostProcesses) -> tuple[str, ...]:
    """Where the application's code lies, as configured and as resolved. Other things may lie beside."""
    if seen.current in seen.bases:
        return seen.bases
    named = [posixpath.join(base, name) for base in seen.bases for name in ("current", "releases")]
    return (seen.current, seen.releases, *named)


def _below(path: str, places: Iterable[str]) -> bool:
    return any(path.startswith(place.rstrip("/") + "/") for place in places if place)


def _by_script(process: Process, seen: HostProcesses) -> ReleaseProof | None:
    names = [name.removesuffix(DELETED) for name in process.scripts or () if _is_script(name, process)]
    for name in names:
        release = _release_of(name, seen)
        if release:
            return ReleaseProof(release=release, evidence=Evidence.SCRIPT)
    return ReleaseProof(foreign=True, evidence=Evidence.SCRIPT) if names else None


def _by_directory(process: Process, seen: HostProcesses) -> ReleaseProof | None:
    """A script named relative to the directory lies where the process was started, and that it is told exactly."""
    if posixpath.isabs(process.invocation.script) or process.cwd is None:
        return None
    directory = process.cwd.removesuffix(DELETED)
    place = posixpath.normpath(posixpath.join(directory, process.invocation.script))
    release = _release_of(place, seen)
    return (
        ReleaseProof(release=release, evidence=Evidence.DIRECTORY)
        if release
        else ReleaseProof(foreign=True, evidence=Evidence.DIRECTORY)
    )


def _by_start(process: Process, seen: HostProcesses) -> ReleaseProof | None:
    program = seen.program(process)
    if program is None or program.pid != process.pid or process.invocation.role is not Role.WORK:
        return None
    if "current" not in process.invocation.script.split("/"):
        return None
    if seen.began(process) < seen.linked_at + SURE_AFTER:
        return None
    return ReleaseProof(release=seen.release, evidence=Evidence.START)


def _release_of(path: str, seen: HostProcesses) -> str:
    """The release directory's name in a resolved path; for a tree without releases the tree's own name."""
    if _below(path, (seen.releases,)):
        return path[len(seen.releases.rstrip("/")) + 1 :].split("/", 1)[0]
    if _below(path, (seen.current,)):
        return seen.release
    return ""
