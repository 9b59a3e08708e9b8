"""Health URLs asked and answered: every failure is a result, nothing is raised.

Owns the HTTP clients (one an origin, one TLS context), the total deadline and the limits on what is read. What an
answer means is judged in `domain.probes`. Must not follow a redirect to another origin, nor take proxies or credentials
from the environment.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from console.clients.names import Resolver
from console.domain.health import ProbeResult, ProbeSpec
from console.domain.probes import Answer, verdict
from console.domain.redact import Redactor
from console.domain.untrusted import harmless
from console.errors import UnreachableError
from console.ports import Clock

BODY_LIMIT = 1_048_576
_REDIRECTS = 5
_PHASE_LIMIT = 60.0
_HEADERS = {"User-Agent": "opsconsole", "Accept": "application/json, text/html;q=0.9, */*;q=0.8"}
_TLS_MARKS = ("CERTIFICATE_VERIFY_FAILED", "SSL", "TLS")


class HttpClient:
    """`ports.Http`. Thread-safe; each probe runs in the thread that asks."""

    def __init__(self, clock: Clock, names: Resolver | None = None) -> None:
        self._clock = clock
        self._names = names or Resolver()
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, int | None], httpx.Client] = {}
        self._tls: ssl.SSLContext | None = None
        self._deadline = _Deadline()

    def probe(self, spec: ProbeSpec) -> ProbeResult:
        """One request within the spec's total deadline."""
        checked_at = self._clock.now()
        begun = self._clock.monotonic()
        try:
            url = httpx.URL(spec.url)
            client = self._client(_origin(url))
            begun = self._clock.monotonic()
            self._deadline.until = time.monotonic() + spec.timeout
            answer = self._ask(client, url)
        except _LateError:
            answer = Answer(problem=f"no answer within {spec.timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpcore.ProtocolError) as error:
            answer = Answer(problem=_words(error))
        except (OSError, ValueError, LookupError) as error:
            answer = Answer(problem=_words(error))
        latency = (self._clock.monotonic() - begun) * 1000
        status, detail, body_status = verdict(spec, answer)
        return ProbeResult(
            name=spec.name,
            url=Redactor().text(spec.url),
            status=status,
            latency_ms=None if answer.status is None else round(latency, 1),
            http_status=answer.status,
            body_status=body_status,
            detail=detail,
            checked_at=checked_at,
        )

    def close(self) -> None:
        """Ends all connections, at once."""
        with self._lock:
            clients, self._clients = tuple(self._clients.values()), {}
        for client in clients:
            client.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ask(self, client: httpx.Client, url: httpx.URL) -> Answer:
        origin = _origin(url)
        for hop in range(_REDIRECTS + 1):
            status, body, cut, location = self._once(client, url)
            if location is None:
                return Answer(status=status, body=body, cut=cut)
            target = url.join(location)
            if _origin(target) != origin:
                where = harmless(Redactor().text(str(target)))[:200]
                return Answer(status=status, body=body, cut=cut, note=f"redirects to {where}, which was not followed")
            if hop == _REDIRECTS:
                return Answer(status=status, body=body, cut=cut, note=f"redirects more than {_REDIRECTS} times")
            url = target.copy_with(username=url.username, password=url.password)
        raise AssertionError("unreachable")

    def _once(self, client: httpx.Client, url: httpx.URL) -> tuple[int, bytes, bool, str | None]:
        try:
            return self._exchange(client, url)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            # A kept connection that the server had just closed says nothing about its health.
            if self._deadline.over():
                raise _LateError from error
            return self._exchange(client, url)

    def _exchange(self, client: httpx.Client, url: httpx.URL) -> tuple[int, bytes, bool, str | None]:
        """One request: status, at most 1 MB of body, whether that was cut, and where it redirects to."""
        try:
            with client.stream("GET", url, follow_redirects=False) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > BODY_LIMIT:
                        break
                    if self._deadline.over():
                        raise _LateError
                location = response.headers.get("location") if response.is_redirect else None
                return response.status_code, bytes(body[:BODY_LIMIT]), len(body) > BODY_LIMIT, location
        except httpx.TimeoutException as error:
            raise _LateError from error

    def _client(self, origin: tuple[str, str, int | None]) -> httpx.Client:
        with self._lock:
            client = self._clients.get(origin)
            if client is None:
                tls = self._trusted() if origin[0] == "https" else None
                transport = httpx.HTTPTransport(verify=tls or False, trust_env=False)
                # httpx bounds each phase, so a body that drips would never end; all phases pass its socket layer.
                transport._pool = httpcore.ConnectionPool(
                    ssl_context=tls,
                    max_keepalive_connections=2,
                    keepalive_expiry=30.0,
                    network_backend=_Backend(self._deadline, self._names),
                )
                client = httpx.Client(transport=transport, trust_env=False, timeout=_PHASE_LIMIT, headers=_HEADERS)
                self._clients[origin] = client
            return client

    def _trusted(self) -> ssl.SSLContext:
        """One context for all origins: making one costs 60 ms."""
        if self._tls is None:
            self._tls = _trust()
        return self._tls


class _LateError(Exception):
    """The probe's total time is over."""


class _Deadline(threading.local):
    """The moment the probe of this thread has to end, in monotonic seconds."""

    until: float = 0.0

    def left(self) -> float:
        """Seconds until then."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the total time is over")
        return left

    def over(self) -> bool:
        """Whether it has come."""
        return time.monotonic() >= self.until


class _Stream(httpcore.NetworkStream):
    """A connection whose every call ends with the probe."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # the phase's own limit
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # as above
        self._inner.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  # as above
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens such connections."""

    def __init__(self, deadline: _Deadline, names: Resolver) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline
        self._names = names

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the phase's own limit
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = self._names.addresses(host, port, limit=self._deadline.left(), label=harmless(host))
        except UnreachableError as error:
            raise httpcore.ConnectError(error.what) from error
        last: Exception = httpcore.ConnectError("no address")
        for place, address in enumerate(found):
            # One that swallows everything leaves the others their time.
            left = self._deadline.left() / (len(found) - place)
            try:
                # By its number, so that the name is not looked up again, this time without a deadline.
                stream = self._inner.connect_tcp(str(address[3][0]), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
            else:
                return _Stream(stream, self._deadline)
        raise last


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _trust() -> ssl.SSLContext:
    """The machine's own certificate store, certifi's where the machine has none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _words(error: Exception) -> str:
    """What went wrong, in one harmless line without secrets."""
    text = harmless(Redactor().text(str(error)))[:200] or type(error).__name__
    if any(mark in text for mark in _TLS_MARKS):
        return f"TLS: {text}"
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {text}"
    if isinstance(error, httpx.InvalidURL | ValueError):
        return f"not a URL that can be asked: {text}"
    return text
