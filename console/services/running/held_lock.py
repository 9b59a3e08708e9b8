"""A run's hold of its environment's lock: takes it, sets the fences, beats, proves it again after a doubt, gives it up.

Owns what is known of the lock at any moment. When a link of the run breaks or a heartbeat fails, another run may have
taken the lock over without this run noticing. The run then starts nothing until it has proved its token again. Must not
start anything, nor write how the run ends.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from threading import Lock

from console.domain.events import LockTaken
from console.domain.policy import Operator
from console.errors import AuthenticationError, LeaseLostError, LockHeldError, OpsconsoleError, UnreachableError
from console.ports import Clock, Reach
from console.services.running.journal import Journal
from console.services.running.links import Links
from console.services.target.control_directory import ensure_control
from console.services.target.fences import Fences
from console.services.target.living_steps import refuse_beside
from console.services.target.lock import BEAT_SECONDS, EnvironmentLock, holder_of
from console.services.target.remote_step import StartProof
from console.services.threads.loop import Loop
from console.services.threads.parallel import each

_DOUBTED_BEAT = 2.0
"""Seconds until a beat that failed is tried again."""


_TRIES = 3
"""How many beats may get an answer that is not understood before the run waits for an operator."""


class UnprovedError(OpsconsoleError):
    """It is not known whether the lock is still ours; it has to be proved before anything is started."""


class HeldLock:
    """The lock of one run. A run that takes no lock has nothing to prove: `prove` and `check` return at once. Usable
    from any thread."""

    def __init__(self, *, reach: Reach, links: Links, journal: Journal, operator: Operator, clock: Clock) -> None:
        self._reach = reach
        self._links = links
        self._journal = journal
        self._operator = operator
        self._clock = clock
        self._primary = reach.environment.primary().name
        self._lock = EnvironmentLock(reach.shell(self._primary), reach.environment, clock)
        self._takes = journal.row.plan.lock
        self._token = journal.row.token
        self._guard = Lock()
        self._proved = -1
        """How many links had broken when the token was last proved. When more have broken since, the token must be
        proved again."""
        self._proved_at = 0.0
        self._beating: Loop | None = None
        self.taken = False
        """Whether the lock has to be given up when the run ends."""
        self.lost = Flag()
        """Set once somebody else was found to have the lock."""

    def take(self) -> None:
        """Takes the lock, sets this run's fence on every host and looks for steps of other runs there.

        LockHeldError names the lock's holder, or the steps; RefusedError means a control directory that cannot be
        written. Whatever is raised, the lock is given up only when `taken` says that there is one.
        """
        if not self._takes:
            names = [host.name for host in self._reach.environment.hosts]
            each(names, self._ensure)
            return
        living = Fences(self._reach).set(self._token, self._take_once)
        refuse_beside(
            living, run=self._journal.row.name, done="No step was begun.", environment=self._reach.environment.name
        )

    def prove(
        self, *, forced: bool = False, patience: float = 300.0, meanwhile: Callable[[], bool] | None = None
    ) -> None:
        """Makes sure that the lock is still ours when that is in doubt (or `forced`); waits while its host is away.

        LockHeldError when it is somebody else's. LinkGoneError after `patience` s, or once `meanwhile` returns true.
        """
        if not self._takes:
            return
        if self.lost.is_set():
            raise self._gone()
        if forced or self._doubtful():
            self._links.on(self._primary, lambda _shell: self._beat_again(), patience=patience, meanwhile=meanwhile)

    def check(self) -> None:
        """UnprovedError while the lock is in doubt, LockHeldError once it is lost. Asks no host."""
        if not self._takes:
            return
        if self.lost.is_set():
            raise self._gone()
        if self._doubtful():
            raise UnprovedError("The lock has to be proved again.")

    def proof(self, host: str) -> StartProof | None:
        """What a start on this host has to prove there."""
        return StartProof(token=self._token, locks=host == self._primary) if self._takes else None

    def why_refused(self, host: str, *, patience: float) -> LockHeldError:
        """Why a host did not accept this run's token: the lock was taken over, or something sets fences there without
        having the lock. The error is returned, not raised."""
        try:
            self.prove(forced=True, patience=patience)
        except LeaseLostError:
            raise
        except LockHeldError as error:
            return error
        environment = self._reach.environment
        return LockHeldError(
            f"{environment.paths(environment.host(host)).control}/fence there is another run's, though nobody took the "
            "lock over: does another environment use that directory?"
        )

    def give_up(self) -> bool | None:
        """Stops beating and gives the lock up, as `EnvironmentLock.give_up` does; waits a minute for its host."""
        self.stop()
        return self._links.on(self._primary, lambda _shell: self._lock.give_up(self._token), patience=60.0)

    def stop(self) -> None:
        """Stops beating."""
        if self._beating is not None:
            self._beating.close()
            self._beating = None

    def poke(self) -> None:
        """Makes the next beat come now."""
        if self._beating is not None:
            self._beating.poke()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ensure(self, name: str) -> None:
        environment = self._reach.environment
        ensure_control(self._reach.shell(name), environment.paths(environment.host(name)))

    def _take_once(self) -> None:
        row, breaks = self._journal.row, self._links.breaks.count
        holder = holder_of(self._operator, token=row.token, why=row.plan.title, at=self._clock.now(), run=row.id)
        self._lock.take(holder)
        self.taken = True
        self._note_proof(breaks)
        if not self._journal.view.lock_held:
            self._journal.note(LockTaken())
        if self._beating is None:
            self._beating = Loop("lock", self._turn, clock=self._clock, crashed=lambda _error: None).start()

    def _turn(self) -> float | None:
        try:
            self._beat()
        except LockHeldError:
            return None
        except OpsconsoleError:
            # The beat may not have arrived, and to others the lock may look dead: until it is proved, it is in doubt.
            self._links.breaks.add()
            return _DOUBTED_BEAT
        return BEAT_SECONDS

    def _beat(self) -> None:
        breaks = self._links.breaks.count
        try:
            self._lock.beat(self._token)
        except LockHeldError:
            self.lost.set()
            raise
        self._note_proof(breaks)

    def _beat_again(self) -> None:
        """Sends a heartbeat, and repeats it when the answer cannot be read: a host that has no free process for a
        moment must not make the run wait for an operator."""
        for _ in range(_TRIES - 1):
            try:
                return self._beat()
            except (LockHeldError, UnreachableError, AuthenticationError):
                raise
            except OpsconsoleError:
                self._clock.wait(self.lost, _DOUBTED_BEAT)
        return self._beat()

    def _note_proof(self, breaks: int) -> None:
        with self._guard:
            self._proved = max(self._proved, breaks)
            self._proved_at = self._clock.monotonic()

    def _doubtful(self) -> bool:
        with self._guard:
            silent = self._clock.monotonic() - self._proved_at
            return self._links.breaks.count > self._proved or silent > 2 * BEAT_SECONDS

    def _gone(self) -> LockHeldError:
        name = self._reach.environment.name
        return LockHeldError(f"the lock of {name} was taken over by somebody else")
