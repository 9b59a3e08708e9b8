"""Finding out what an application is: asked on its host once, remembered until its own configuration changes.

Owns the order of the questions and the memory on disk, which holds no secret: passwords are found again in the `.env`
by their key. Must not connect by itself (it is given the primary host's shell) and must not open a database.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from console.domain.documents import Json, canonical, digest
from console.domain.environment import AppFacts, Environment
from console.domain.origins import Origin, Origins
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError, QueryError, RemoteError, UsageError
from console.own_directories import make_directory, own_within
from console.ports import Clock, Shell
from console.services.discovery.facts import Document, Resolve, facts_of, without_secrets
from console.services.discovery.overrides import overridden
from console.services.discovery.probe import EnvFile, ProbeAnswer, cut, question
from console.services.discovery.trust_order import UNREADABLE, Learned, learned

_VERSION = 3
_RECHECK = 30.0
_FAILED_AGAIN = 5.0
"""Seconds for which a host that says nothing of its application is not asked again: starting PHP there takes time."""
_FORGET_EVERY = 60.0
_ASK_DEADLINE = 10.0
_RECHECK_DEADLINE = 5.0
_PROBE_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class _Discovered:
    """Facts as discovered, before overrides, with the signature they belong to and when that was last compared."""

    facts: AppFacts
    signature: str
    answer: ProbeAnswer
    checked: float


class Discovery:
    """One environment's application. Thread-safe; one thread at a time asks, the others wait for its answer."""

    def __init__(
        self, environment: Environment, shell: Callable[[], Shell], *, clock: Clock, state_dir: Path, resolve: Resolve
    ) -> None:
        self._environment = environment
        self._shell = shell
        self._clock = clock
        self._resolve = resolve
        self._file = own_within(state_dir, "discovery") / f"{digest(environment.name)[:16]}.json"
        self._lock = threading.RLock()
        self._found: _Discovered | None = None
        self._overridden: AppFacts | None = None
        self._failed: tuple[float, OpsconsoleError] | None = None
        self._untold: tuple[float, OpsconsoleError] | None = None
        self._forgotten = -math.inf

    def facts(self) -> AppFacts:
        """The facts with the configuration's overrides; compares the application's signature at most each 30 s."""
        known, found = self._overridden, self._found
        if known is not None and found is not None:
            if self._clock.monotonic() - found.checked < _RECHECK:
                return known
            if not self._lock.acquire(blocking=False):
                # Another thread is asking the host, which may take long; the facts of a moment ago will do.
                return known
        else:
            self._lock.acquire()
        try:
            found = self._current()
            if self._overridden is None:
                self._overridden = overridden(found.facts, self._environment.overrides, self._resolve)
            return self._overridden
        finally:
            self._lock.release()

    def with_passwords(self) -> AppFacts:
        """The facts with every password: those that no memory holds are asked of the host. RemoteError when it does not
        tell them."""
        with self._lock:
            facts = self.facts()
            sql, redis = facts.sql.values(), facts.redis.values()
            if not (any(target.withheld for target in sql) or any(target.withheld for target in redis)):
                return facts
            if self._untold is not None and self._clock.monotonic() - self._untold[0] < _FAILED_AGAIN:
                raise self._untold[1]
            asked = self._ask(probe=True)
            found = learned(asked)
            if found.problem or not found.known:
                error = RemoteError(
                    f"{self._environment.primary().name}: the passwords of its databases could not be read: "
                    f"{found.problem or 'the application did not tell them'}"
                )
                self._untold = (self._clock.monotonic(), error)
                raise error
            self._found = _Discovered(found.facts(asked), asked.signature, asked, self._clock.monotonic())
            self._overridden = None
            return self.facts()

    def remembered(self) -> AppFacts | None:
        """What an earlier console found out, without passwords and overrides; asks nobody. None when nothing was."""
        found = self._remembered("")
        return None if found is None else facts_of(found.document, {}, found.origins)

    def env_value(self, key: str) -> str:
        """One key of the application's `.env`, empty when it is not there; RemoteError when it cannot be read."""
        with self._lock:
            found = self._found
            fresh = found is not None and self._clock.monotonic() - found.checked < _RECHECK
            answer = found.answer if found is not None and fresh else self._ask(probe=False)
            if answer.env is EnvFile.UNREADABLE:
                raise RemoteError(
                    f"{self._environment.primary().name}: {UNREADABLE}",
                    fix="Let this account read it, or take the secret from somewhere else.",
                )
            return answer.values.get(key, "")

    def forget(self) -> None:
        """Asks the host again at the next call, as after a refused password; at most once a minute."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._forgotten < _FORGET_EVERY:
                return
            self._forgotten = now
            self._found = None
            self._overridden = None
            self._failed = self._untold = None
            try:
                self._file.unlink(missing_ok=True)
            except OSError:
                pass

    def _current(self) -> _Discovered:
        found = self._found
        now = self._clock.monotonic()
        if found is not None and now - found.checked < _RECHECK:
            return found
        if self._failed is not None and now - self._failed[0] < _FAILED_AGAIN:
            raise self._failed[1]
        try:
            answer = self._ask(probe=False, deadline=_ASK_DEADLINE if found is None else _RECHECK_DEADLINE)
        except OpsconsoleError:
            if found is None:
                raise
            # While the host cannot be asked, the known facts are kept; whatever uses them will report what is wrong.
            self._found = replace(found, checked=now)
            return self._found
        if found is not None and answer.signature == found.signature:
            self._found = replace(found, checked=now)
            return self._found
        try:
            self._found = self._learn(answer)
        except RemoteError as error:
            # The known facts belong to an earlier configuration, and the present one cannot be read.
            self._found = self._overridden = None
            self._failed = (now, error)
            raise
        self._overridden = None
        return self._found

    def _learn(self, answer: ProbeAnswer) -> _Discovered:
        now = self._clock.monotonic()
        if not answer.signature:
            host = self._environment.primary()
            place = self._environment.paths(host).root
            why = f"{host.name}: nothing was found at {place}, or this account may not look there"
            return _Discovered(self._unknown(why, Learned({}, Origins(), why), answer), "", answer, now)
        remembered = self._remembered(answer.signature)
        if remembered is not None:
            return _Discovered(remembered.facts(answer), answer.signature, answer, now)
        asked = self._ask(probe=True)
        found = learned(asked)
        if found.lasting:
            self._remember(asked.signature, found, asked)
            return _Discovered(found.facts(asked), asked.signature, asked, now)
        if found.unbooted or asked.env is EnvFile.UNREADABLE:
            stale = self._remembered("")
            if stale is not None:
                # While a release with an unreadable configuration is being mended, earlier facts are still of use.
                found = Learned(stale.document, Origins(Origin.EARLIER), _earlier(found.problem), found.unbooted)
        if not found.known:
            why = f"{self._environment.primary().name}: the application's settings are unknown: {found.problem}"
            facts = self._unknown(why, found, asked)
        else:
            facts = found.facts(asked)
        # PHP's answer holds until a file changes. Anything else gets no signature, so that PHP is soon asked again.
        return _Discovered(facts, "" if found.problem else asked.signature, asked, now)

    def _unknown(self, why: str, found: Learned, answer: ProbeAnswer) -> AppFacts:
        """The few facts that were found, when the configuration states others; RemoteError otherwise."""
        if not self._environment.overrides:
            raise RemoteError(
                why,
                done="Its queues and databases are not read.",
                fix="Let this account read the application (`app.path`, `app.root`, `app.php`), or state `database:`, "
                "`redis:` and `queues:` yourself.",
            )
        return found.facts(answer)

    def _ask(self, *, probe: bool, deadline: float = _ASK_DEADLINE) -> ProbeAnswer:
        paths = self._environment.paths(self._environment.primary())
        nonce = secrets.token_hex(12)
        script = question(paths, self._environment.app.php, nonce, probe=probe)
        done = self._shell().run(script, deadline=_PROBE_DEADLINE if probe else deadline, limit=1_048_576)
        return cut(done.stdout, done.stderr, nonce)

    # --- the memory on disk ------------------------------------------------------------------------------------------

    def _remembered(self, signature: str) -> Learned | None:
        """What was stored for this signature (any, when empty), if the file is ours alone."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            # Anybody who can write this file could have our passwords sent to an address of theirs.
            held = os.fstat(file.fileno())
            if held.st_uid != os.geteuid() or stat.S_IMODE(held.st_mode) & 0o077:
                return None
            data = file.read(1_048_576)
        try:
            kept = json.loads(data)
        except ValueError:
            return None
        if not isinstance(kept, dict) or kept.get("version") != _VERSION:
            return None
        if kept.get("place") != self._key() or (signature and kept.get("signature") != signature):
            return None
        document, origins = kept.get("document"), kept.get("origins")
        if not isinstance(document, dict) or not isinstance(origins, dict):
            return None
        try:
            parts = {str(path): Origin(origin) for path, origin in origins.items()}
        except ValueError:
            return None
        return Learned(cast("Document", document), Origins(parts.pop("", Origin.UNKNOWN), parts), lasting=True)

    def _remember(self, signature: str, found: Learned, answer: ProbeAnswer) -> None:
        document = without_secrets(found.document, answer.values)
        if not signature:
            return
        kept: dict[str, Json] = {
            "version": _VERSION,
            "place": self._key(),
            "signature": signature,
            "document": document,
            "origins": {
                path: origin.value for path, origin in {"": found.origins.whole, **found.origins.parts}.items()
            },
        }
        aside = self._file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            make_directory(self._file.parent)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(canonical(kept).encode("ascii"))
            aside.replace(self._file)
        except OSError:
            # A memory that cannot be written costs half a second at the next start, nothing else.
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)

    def _key(self) -> str:
        host = self._environment.primary()
        return f"{host.name} {host.ssh.alias or host.ssh.host} {self._environment.paths(host).root}"


def _earlier(problem: str) -> str:
    return f"{problem}; what is shown was read before that"


def redis_cluster(environment: Environment, name: str) -> QueryError:
    """The error for a Redis connection that is a cluster."""
    return QueryError(
        f"{environment.name}: the redis connection {harmless(name)} is a cluster (database.redis.clusters), which this "
        "console cannot read yet",
        done="Nothing was connected.",
        fix="Queues of this connection are not shown.",
    )


def missing_connection(environment: Environment, kind: str, name: str, facts: AppFacts) -> UsageError:
    """The error for a connection that neither the application nor the configuration describes."""
    targets = facts.sql if kind == "database" else facts.redis
    known = ", ".join(harmless(found) for found in sorted(targets) if found != name)
    nothing = "nothing but Laravel's default says" if name in targets else "nothing says"
    return UsageError(
        f"{environment.name}: {nothing} where the {kind} connection {harmless(name) or '(default)'} is"
        + (f" ({facts.problem})" if facts.problem else f"; known are {known}" if known else ""),
        done="Nothing was connected.",
        fix=f"State `{kind}:` in the environment's section of the configuration"
        + (", with its `prefix`." if kind == "redis" else "."),
    )


def unreadable_sqlite(environment: Environment, name: str, file: str) -> QueryError:
    """The error for an SQLite database that lies on a remote host."""
    return QueryError(
        f"{environment.name}: the database connection {harmless(name)} is the SQLite file {harmless(file)} on its "
        "host, which cannot be read from here yet",
        done="Nothing was read.",
        fix="Queues, failed jobs and batches of this connection are not shown.",
    )
