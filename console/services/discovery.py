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
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from console.domain.documents import Json, canonical, digest
from console.domain.environment import AppFacts, Environment
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError, QueryError, RemoteError, UsageError
from console.ports import Clock, Shell
from console.services import discovery_env, discovery_probe
from console.services.discovery_facts import Document, Resolve, facts_of, without_secrets
from console.services.discovery_overrides import overridden
from console.services.discovery_probe import Answer
from console.services.dotenv import parse

_VERSION = 1
_RECHECK = 30.0
_FORGET_EVERY = 60.0
_ASK_DEADLINE = 10.0
_RECHECK_DEADLINE = 5.0
_PROBE_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class _Found:
    """Facts as discovered, before overrides, with the signature they belong to and when that was last compared."""

    facts: AppFacts
    signature: str
    env: dict[str, str]
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
        name = f"{digest(environment.name)[:16]}.{os.geteuid()}.json"
        self._file = state_dir / "discovery" / name
        self._lock = threading.RLock()
        self._found: _Found | None = None
        self._overridden: AppFacts | None = None
        self._forgotten = -math.inf

    def facts(self) -> AppFacts:
        """The facts with the configuration's overrides; compares the application's signature at most each 30 s."""
        known, found = self._overridden, self._found
        if known is not None and found is not None:
            if self._clock.monotonic() - found.checked < _RECHECK:
                return known
            if not self._lock.acquire(blocking=False):
                # Somebody is asking the host, which may take its time; what was true a moment ago will do.
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

    def env_value(self, key: str) -> str:
        """One key of the application's `.env`, empty when it is not there."""
        with self._lock:
            if self._found is not None and self._clock.monotonic() - self._found.checked < _RECHECK:
                return self._found.env.get(key, "")
            answer = self._ask(probe=False)
            return parse(answer.env or "").get(key, "")

    def forget(self) -> None:
        """Asks the host again at the next call, as after a refused password; at most once a minute."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._forgotten < _FORGET_EVERY:
                return
            self._forgotten = now
            self._found = None
            self._overridden = None
            try:
                self._file.unlink(missing_ok=True)
            except OSError:
                pass

    def _current(self) -> _Found:
        found = self._found
        now = self._clock.monotonic()
        if found is not None and now - found.checked < _RECHECK:
            return found
        try:
            answer = self._ask(probe=False, deadline=_ASK_DEADLINE if found is None else _RECHECK_DEADLINE)
        except OpsconsoleError:
            if found is None:
                raise
            # Known addresses stay good while the host cannot be asked; what uses them will say what is wrong.
            self._found = _Found(found.facts, found.signature, found.env, now)
            return self._found
        if found is not None and answer.signature == found.signature:
            self._found = _Found(found.facts, found.signature, found.env, now)
            return self._found
        self._found = self._learn(answer)
        self._overridden = None
        return self._found

    def _learn(self, answer: Answer) -> _Found:
        env = parse(answer.env or "")
        now = self._clock.monotonic()
        remembered = self._remembered(answer.signature)
        if remembered is not None:
            return _Found(facts_of(remembered, env), answer.signature, env, now)
        if not answer.signature:
            return _Found(self._unknown(self._place()), "", env, now)
        asked = self._ask(probe=True)
        env = parse(asked.env or "")
        if asked.document is not None:
            self._remember(asked.signature, without_secrets(asked.document, env))
            return _Found(facts_of(asked.document, env), asked.signature, env, now)
        stale = self._remembered("")
        if stale is not None:
            # A release whose configuration cannot be read must not blind the console while it is being mended.
            # Without a signature, the probe is tried again at the next comparison.
            return _Found(facts_of(stale, env), "", env, now)
        if asked.env is None:
            return _Found(self._unknown(f"{self._place()}: {asked.problem}, and there is no .env"), "", env, now)
        return _Found(facts_of(discovery_env.document_of(env, asked.hints), env), "", env, now)

    def _place(self) -> str:
        host = self._environment.primary()
        return f"{host.name}: nothing was found at {self._environment.paths(host).root}"

    def _unknown(self, why: str) -> AppFacts:
        """Facts with nothing in them, when the configuration states the rest; RemoteError otherwise."""
        if not self._environment.overrides:
            raise RemoteError(
                why,
                done="Nothing is known of the application's queues and databases.",
                fix="Check `app.path` and `app.root`, or state `database:`, `redis:` and `queues:` yourself.",
            )
        return facts_of({}, {})

    def _ask(self, *, probe: bool, deadline: float = _ASK_DEADLINE) -> Answer:
        paths = self._environment.paths(self._environment.primary())
        nonce = secrets.token_hex(12)
        script = discovery_probe.question(paths, self._environment.app.php, nonce, probe=probe)
        done = self._shell().run(script, deadline=_PROBE_DEADLINE if probe else deadline, limit=1_048_576)
        return discovery_probe.cut(done.stdout, done.stderr, nonce)

    # --- the memory on disk ------------------------------------------------------------------------------------------

    def _remembered(self, signature: str) -> Document | None:
        """The document stored for this signature (any, when empty), if the file is ours alone."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            # Whoever could write here could send our passwords to an address of theirs.
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
        document = kept.get("document")
        return cast("Document", document) if isinstance(document, dict) else None

    def _remember(self, signature: str, document: Document | None) -> None:
        if document is None or not signature:
            return
        kept: dict[str, Json] = {
            "version": _VERSION,
            "place": self._key(),
            "signature": signature,
            "document": document,
        }
        aside = self._file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        try:
            # The state directory by itself first: `parents` would leave it open to others.
            self._file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
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


def missing_connection(environment: Environment, kind: str, name: str, facts: AppFacts) -> UsageError:
    """The error for a connection that neither the application nor the configuration describes."""
    known = ", ".join(harmless(found) for found in sorted(facts.sql if kind == "database" else facts.redis))
    return UsageError(
        f"{environment.name}: nothing says where the {kind} connection {harmless(name) or '(default)'} is"
        + (f"; known are {known}" if known else ""),
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
