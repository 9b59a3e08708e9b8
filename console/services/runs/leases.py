"""Leases of processes: taking one, keeping it alive, and taking it over from a holder that is dead.

Owns the judgement of who is dead: a holder whose lease did not move for 10 s while we watched, or whose process on this
machine is gone. Clocks of two machines are never compared. Must not know what a lease is for.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

from console.domain.untrusted import harmless
from console.errors import LockHeldError, OpsconsoleError
from console.ports import Clock, Lease

if TYPE_CHECKING:
    from console.store.leases import Leases

BEAT_SECONDS = 2.0
DEAD_SECONDS = 10.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def new_holder(pid: int | None = None) -> str:
    """A name for this process as holder: `MACHINE BOOT PID STARTTIME RANDOM`, unique for ever."""
    own = os.getpid() if pid is None else pid
    born = start_time(own) or "-"
    return f"{_machine()} {_boot()} {own} {born} {secrets.token_hex(8)}"


def start_time(pid: int) -> str | None:
    """When a process of this machine began, in the kernel's ticks; None when it is gone or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZXx" else fields[19]


def surely_gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone. False also when that cannot be known from here."""
    parts = holder.split(" ")
    if len(parts) != 5 or parts[0] != _machine() or not parts[2].isdigit():
        return False
    if parts[1] != _boot():
        return True
    pid = int(parts[2])
    born = start_time(pid)
    return born != parts[3] if born is not None else not _hidden(pid)


def process_of(holder: str) -> tuple[int | None, bool]:
    """The holder's process number where it ran on this machine, else None; and whether the machine was restarted since,
    as far as that can be known from here."""
    parts = holder.split(" ")
    if len(parts) != 5 or parts[0] != _machine() or not parts[2].isdigit():
        return None, False
    return int(parts[2]), parts[1] != _boot()


def surely_there(holder: str) -> bool:
    """Whether the holder is a process of this machine that we can see. If it does not beat, it may just be too busy."""
    parts = holder.split(" ")
    if len(parts) != 5 or parts[0] != _machine() or parts[1] != _boot() or not parts[2].isdigit():
        return False
    return start_time(int(parts[2])) == parts[3]


def _hidden(pid: int) -> bool:
    """Whether a living process is hidden from this account in /proc (hidepid); it may be a colleague's runner."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def acquire(leases: Leases, name: str, holder: str, clock: Clock, flag: Event | None = None) -> Lease:
    """Takes the lease when it is free or its holder is dead, watching for at most 10 s to know.

    LockHeldError as soon as the holder is seen alive, or when `flag` is set meanwhile.
    """
    stop = flag or Event()
    seen = leases.read(name)
    if seen is None:
        return leases.take(name, holder)
    until = clock.monotonic() + DEAD_SECONDS
    while not surely_gone(seen.holder) and clock.monotonic() < until:
        stopped = clock.wait(stop, 0.5)
        now = leases.read(name)
        if now is None:
            return leases.take(name, holder)
        if stopped or now != seen:
            raise LockHeldError(
                f"{harmless(name)} is alive: {_shown(now.holder)}",
                done="nothing was taken over",
                fix="follow it, or abort it first",
            )
    return leases.take_over(seen, holder)


def beats(leases: Leases, name: str, clock: Clock) -> bool:
    """Whether the lease's holder is seen alive, watching for at most 10 s. Nothing else tells it of a holder that is on
    another machine or hidden in /proc."""
    seen = leases.read(name)
    until = clock.monotonic() + DEAD_SECONDS
    never = Event()
    while seen is not None and not surely_gone(seen.holder) and clock.monotonic() < until:
        clock.wait(never, 0.5)
        now = leases.read(name)
        if now != seen:
            return now is not None
    return False


class Pulse:
    """A lease watched by somebody who looks again and again. Its holder is dead when its process is surely gone, or if
    the lease did not move for 10 s and no such process is seen on this machine. For one thread at a time."""

    def __init__(self, leases: Leases, name: str, clock: Clock) -> None:
        self._leases = leases
        self._name = name
        self._clock = clock
        self._seen: Lease | None = None
        self._since = 0.0

    def living(self) -> bool:
        """Whether the lease has a holder that is not known to be dead; at once. Certain when asked again for 10 s."""
        lease = self._leases.read(self._name)
        if lease is None or surely_gone(lease.holder):
            return False
        if lease != self._seen:
            self._seen, self._since = lease, self._clock.monotonic()
        return self._clock.monotonic() - self._since < DEAD_SECONDS or surely_there(lease.holder)


class Beaten(Protocol):
    """What a heartbeat needs of the leases."""

    def beat(self, lease: Lease) -> Lease: ...
    def drop(self, lease: Lease) -> None: ...


class Heartbeat:
    """Keeps a lease alive from a thread of its own; `lost` is set when it became somebody else's.

    A beat that the database refuses is tried again: only another holder ends it.
    """

    def __init__(self, leases: Beaten, lease: Lease, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"lease {lease.name}", daemon=True)
        self.lease = lease
        self.lost = Event()

    def start(self) -> Heartbeat:
        """Begins to beat; returns itself, to be used in `with`."""
        self._thread.start()
        return self

    def stop(self, *, drop: bool = True) -> None:
        """Ends within about a second and gives the lease up, unless `drop` is False."""
        self._stop.set()
        self._thread.join(timeout=12)
        if drop and not self.lost.is_set():
            # The database may be gone. The lease then stands still, and others will find it dead.
            with contextlib.suppress(OpsconsoleError):
                self._leases.drop(self.lease)

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._clock.wait(self._stop, BEAT_SECONDS):
            try:
                self._leases.beat(self.lease)
            except LockHeldError:
                self.lost.set()
                return
            except OpsconsoleError:
                continue


def _machine() -> str:
    return socket.gethostname().replace(" ", "_") or "-"


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return "-"


def _shown(holder: str) -> str:
    parts = holder.split(" ")
    return harmless(f"process {parts[2]} on {parts[0]}" if len(parts) == 5 else holder)
