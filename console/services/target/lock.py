"""The environment's lock on the target: one holder at a time, visible to everybody, taken over only from a dead one.

Owns the lock in the control directory of the first primary host. Clocks of two machines are never compared: a lock is
stale when its counter did not move while we watched. Must not know runs.
"""

from __future__ import annotations

import itertools
import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from threading import Event

from console.domain.codec import time_text, time_value
from console.domain.documents import canonical
from console.domain.environment import AppPaths, Environment
from console.domain.policy import Operator
from console.domain.untrusted import Raw, harmless
from console.errors import LockHeldError, UsageError
from console.own_commands import own_command
from console.ports import Clock, Completed, Shell
from console.services.records.audit import Audit
from console.services.target import lock_scripts
from console.services.target.control_directory import control_answer, control_text

BEAT_SECONDS = 10.0
"""How often a holder rewrites its counter."""
STALE_SECONDS = 30.0
"""A holder counts as dead when its counter did not move for this long while we watched."""
EMPTY_SECONDS = 10.0
"""A lock has no holder for a moment while a run takes it. One that has none for this many seconds was abandoned, and
the next run removes it."""
_TURN = 0.25
_TRIES = 400


class LockState(StrEnum):
    """Who has the lock: nobody, a holder, somebody who is just taking it, or Deployer itself."""

    FREE = "free"
    HELD = "held"
    TAKING = "taking"
    DEPLOYER = "deployer"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds the lock. All texts are harmless; `since` is by the holder's own clock, for people only."""

    token: str
    who: str
    origin: str = ""
    machine: str = ""
    why: str = ""
    run: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatus:
    """The lock as it was read once. `counter` is the holder's; `mark` differs between two locks that have no holder;
    `detail` is the text of Deployer's lock."""

    state: LockState
    holder: LockHolder | None = None
    counter: int = 0
    mark: str = ""
    detail: str = ""

    @property
    def sentence(self) -> str:
        """One line for people."""
        if self.state is LockState.DEPLOYER:
            return f"held by Deployer itself (.dep/deploy.lock): {self.detail}"
        if self.holder is None:
            return "free" if self.state is LockState.FREE else "being taken or released right now"
        since = f" since {self.holder.since:%Y-%m-%d %H:%M:%S} UTC" if self.holder.since else ""
        run = f" (run {self.holder.run})" if self.holder.run is not None else ""
        origin = f" from {self.holder.origin}" if self.holder.origin else ""
        return f"held by {self.holder.who}{origin}{since}: {self.holder.why or 'no reason given'}{run}"


def new_token() -> str:
    """A proof of ownership: 32 hex characters."""
    return secrets.token_hex(16)


def holder_of(operator: Operator, *, token: str, why: str, at: datetime, run: int | None = None) -> LockHolder:
    """The holder entry of an operator who is about to take the lock."""
    return LockHolder(
        token=token, who=operator.login, origin=operator.origin, machine=operator.host, why=why, run=run, since=at
    )


class EnvironmentLock:
    """The lock of one environment, reached through the shell of its first primary host."""

    def __init__(self, shell: Shell, environment: Environment, clock: Clock) -> None:
        self._shell = shell
        self._environment = environment
        self._clock = clock
        self._paths = environment.paths(environment.primary())
        self._counts = itertools.count(1)

    def status(self) -> LockStatus:
        """Who has the lock now; changes nothing."""
        return self._ask(lock_scripts.STATUS)[1]

    def take(self, holder: LockHolder) -> None:
        """Takes the lock; at once when it is free. The same token takes it again.

        LockHeldError names the holder, RefusedError means the control directory cannot be written. Waits up to 10 s
        only while the lock has no holder.
        """
        empty: tuple[str, float] | None = None
        for _ in range(_TRIES):
            word, status = self._ask(lock_scripts.TAKE, ol_mine=_checked(holder.token), ol_text=_document(holder))
            if word == "taken":
                return
            if status.state in (LockState.HELD, LockState.DEPLOYER):
                raise self._held(status)
            if status.state is LockState.TAKING:
                if empty is None or empty[0] != status.mark:
                    empty = (status.mark, self._clock.monotonic())
                elif self._clock.monotonic() - empty[1] >= EMPTY_SECONDS:
                    self._ask(lock_scripts.CLEAR_EMPTY, ol_seen=status.mark)
                    empty = None
                    continue
            self._clock.wait(Event(), _TURN)
        raise LockHeldError(
            f"the lock of {self._environment.name} changes hands all the time", done="nothing was taken"
        )

    def beat(self, token: str) -> None:
        """Rewrites the counter; call it each 10 s. LockHeldError when the lock is no longer this token's."""
        word, status = self._ask(lock_scripts.BEAT, ol_mine=_checked(token), ol_count=str(next(self._counts)))
        if word != "beaten":
            raise LockHeldError(f"the lock of {self._environment.name} is no longer ours: {status.sentence}")

    def release(self, token: str) -> bool:
        """Gives the lock up; False, with nothing changed, when somebody else holds it or nobody does."""
        return self.give_up(token) is True

    def give_up(self, token: str) -> bool | None:
        """Gives the lock up. True when it was released, None when it was free already (as after an earlier release
        whose answer was lost), False when somebody else holds it."""
        word = self._ask(lock_scripts.RELEASE, ol_mine=_checked(token))[0]
        return True if word == "released" else None if word == "free" else False

    def watch(self, flag: Event | None = None, seconds: float = STALE_SECONDS) -> tuple[LockStatus, bool]:
        """Watches for at most `seconds`. Returns the last look, and whether the counter stood still all that time.

        Ends early when the counter moves, the lock changes hands, or `flag` is set (then not stale).
        """
        first = self.status()
        until = self._clock.monotonic() + seconds
        stop = flag or Event()
        while first.state is LockState.HELD:
            left = until - self._clock.monotonic()
            if left <= 0:
                return first, True
            if self._clock.wait(stop, min(2.0, left)):
                return first, False
            now = self.status()
            if now != first:
                return now, False
        return first, False

    def steal(self, seen: LockStatus, holder: LockHolder, *, reason: str, audit: Audit) -> None:
        """Takes the lock over from a holder that is still exactly as `seen`; audited before and after.

        UsageError without a typed reason, LockHeldError when the holder moved. Callers `watch` first.
        """
        if not reason.strip():
            raise UsageError("taking over a lock needs a reason", done="nothing was taken")
        if seen.holder is None:
            raise UsageError(f"there is no holder to take over from: the lock is {seen.sentence}")
        name, detail = self._environment.name, f"{reason.strip()} (was {seen.sentence})"
        audit.write("lock.steal", environment=name, detail=detail)
        word, status = self._ask(
            lock_scripts.TAKE_OVER,
            ol_mine=_checked(holder.token),
            ol_text=_document(replace(holder, why=holder.why or reason.strip())),
            ol_seen=_checked(seen.holder.token),
            ol_seen_count=str(seen.counter),
        )
        audit.write("lock.steal", environment=name, result="ok" if word == "taken" else "failed", detail=detail)
        if word != "taken":
            raise self._held(status)

    def _held(self, status: LockStatus) -> LockHeldError:
        name = self._environment.name
        run = status.holder.run if status.holder else None
        return LockHeldError(
            f"the lock of {name} is {status.sentence}",
            done="nothing was started",
            fix=f"`{own_command(f'lock status -e {name}')}` tells whether its holder is alive"
            + (
                f"; on {status.holder.machine} `{own_command(f'runs attach {run}')}` follows it"
                if status.holder and run
                else ""
            )
            + ("; `dep deploy:unlock` ends Deployer's" if status.state is LockState.DEPLOYER else ""),
        )

    def _ask(self, body: str, **values: str) -> tuple[str, LockStatus]:
        done = self._shell.run(control_text(self._paths, body, values))
        return _read(done, self._paths, self._shell.host)


def _checked(token: str) -> str:
    if not (token.isascii() and token.isalnum() and len(token) <= 64):
        raise UsageError("a lock token is letters and digits")
    return token


def _document(holder: LockHolder) -> str:
    since = time_text(holder.since) if holder.since else ""
    return canonical(
        {
            "who": holder.who,
            "origin": holder.origin,
            "machine": holder.machine,
            "why": holder.why,
            "run": holder.run,
            "since": since,
        }
    )


def _read(done: Completed, paths: AppPaths, host: str) -> tuple[str, LockStatus]:
    words, rest = control_answer(done, paths, host)
    word = words[0]
    if word in ("free", "released", "taken", "beaten"):
        return word, LockStatus(state=LockState.FREE if word in ("free", "released") else LockState.HELD)
    if word == LockState.DEPLOYER:
        return word, LockStatus(state=LockState.DEPLOYER, detail=Raw.of(rest).show(200))
    if word == LockState.TAKING:
        return word, LockStatus(state=LockState.TAKING, mark=harmless(" ".join(words[1:]))[:40])
    token = words[1] if len(words) > 1 else ""
    counter = int(words[2]) if len(words) > 2 and words[2].isdigit() else 0
    return word, LockStatus(state=LockState.HELD, holder=_holder(harmless(token), rest), counter=counter)


def _holder(token: str, text: bytes) -> LockHolder:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        # A take-over renamed the file while it was read, or another program wrote it: the lock is held either way.
        return LockHolder(token=token, who="somebody unreadable", why=Raw.of(text).show(100))

    def word(key: str) -> str:
        value = found.get(key)
        return Raw.of(value).show(200) if isinstance(value, str) else ""

    try:
        since = time_value(word("since"))
    except ValueError:
        since = None
    run = found.get("run")
    return LockHolder(
        token=token,
        who=word("who") or "somebody unnamed",
        origin=word("origin"),
        machine=word("machine"),
        why=word("why"),
        run=run if isinstance(run, int) else None,
        since=since,
    )
