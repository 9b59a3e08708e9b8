"""Names looked up and addresses dialled, both within the time allowed: the system's resolver knows no deadline.

Owns the look-up threads, at most a few at once and one a name, and the one way from a name to a connected socket. Must
not keep an answer: the system's own cache does, and an address may move.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import TypeAlias

from console.domain.untrusted import harmless
from console.errors import DeadlineError, UnreachableError

MOST = 8
"""Look-ups under way at once; a resolver that never answers keeps its thread."""
Address: TypeAlias = "tuple[int, int, int, tuple[str | int | bytes, ...]]"
"""Family, type, protocol and socket address."""
_Key: TypeAlias = "tuple[str, int, int]"
_FIX = "Check the name, and what this machine asks for names (/etc/resolv.conf)."


@dataclass(slots=True, eq=False)
class _Lookup:
    """One look-up under way; whoever wants the same name waits for the same one."""

    done: Event = field(default_factory=Event)
    found: list[Address] = field(default_factory=list)
    error: Exception | None = None


class Resolver:
    """Looks names up in threads of its own. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pending: dict[_Key, _Lookup] = {}

    def addresses(self, host: str, port: int, *, limit: float, label: str, family: int = 0) -> list[Address]:
        """The addresses of `host` for TCP, in the system's order; a numeric one at once and without a thread.

        DeadlineError after `limit` s, or when too many other look-ups are stuck; UnreachableError when the name is not
        known. Both begin with `label`.
        """
        try:
            return _ask(host, port, family, socket.AI_NUMERICHOST)
        except (OSError, ValueError):
            pass
        lookup = self._begin((host, port, family), label)
        if not lookup.done.wait(max(0.0, limit)):
            raise DeadlineError(f"{label}: the name {harmless(host)} was not looked up within {limit:.1f} s", fix=_FIX)
        if lookup.error is not None:
            raise UnreachableError(
                f"{label}: the name {harmless(host)} is not known: {harmless(_said(lookup.error))}", fix=_FIX
            ) from lookup.error
        return lookup.found

    def dial(
        self, host: str, port: int, *, limit: float, label: str, family: int = 0, source: str = ""
    ) -> socket.socket:
        """A socket connected to the first address of `host` that answers, without Nagle's delay, all within `limit` s,
        from the address `source` of this machine if one is given.

        Errors of `addresses`; OSError from the last address tried, TimeoutError when the time was over.
        """
        until = time.monotonic() + limit
        return connected(self.addresses(host, port, limit=limit, label=label, family=family), until, source)

    def _begin(self, key: _Key, label: str) -> _Lookup:
        with self._lock:
            lookup = self._pending.get(key)
            if lookup is not None:
                return lookup
            if len(self._pending) >= MOST:
                raise DeadlineError(
                    f"{label}: the name {harmless(key[0])} was not looked up: {MOST} others are stuck", fix=_FIX
                )
            lookup = self._pending[key] = _Lookup()
        try:
            Thread(target=self._look_up, args=(key, lookup), name=f"name {key[0]}", daemon=True).start()
        except RuntimeError as error:
            # Nobody would ever answer it, and whoever asked again would wait for it.
            self._end(key, lookup, OSError(str(error)))
        return lookup

    def _end(self, key: _Key, lookup: _Lookup, error: Exception | None) -> None:
        lookup.error = error
        with self._lock:
            del self._pending[key]
        lookup.done.set()

    def _look_up(self, key: _Key, lookup: _Lookup) -> None:
        error: Exception | None = None
        try:
            lookup.found = _ask(*key, 0)
        except (OSError, ValueError) as failed:
            error = failed
        finally:
            self._end(key, lookup, error)


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def connected(found: list[Address], until: float, source: str = "") -> socket.socket:
    """A socket connected to the first of the addresses that answers before `until` (monotonic s), from an address of
    this machine if one is given. OSError."""
    last: OSError = TimeoutError("no address answered in time")
    for place, (family, kind, protocol, address) in enumerate(found):
        left = until - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            # One that swallows everything, as a broken IPv6 does, leaves the others their time.
            sock.settimeout(left / (len(found) - place))
            if source:
                sock.bind((source, 0))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            last = error
            sock.close()
        else:
            return sock
    raise last


def _ask(host: str, port: int, family: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, flags)
    return [(int(kin), int(kind), protocol, address) for kin, kind, protocol, _, address in found]
