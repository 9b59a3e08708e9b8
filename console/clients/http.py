"""Health URLs asked and answered: every failure is a result, nothing is raised.

Owns the HTTP clients (one an origin, one TLS context), the total deadline and the limits on what is read. What an
answer means is judged in `domain.probes`, which redirects are followed in `domain.redirects`. Must not send what signs
in at one origin to another, nor take proxies or credentials from the environment.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from console.clients.names import Resolver
from console.domain.health import ProbeResult, ProbeSpec
from console.domain.probes import HttpAnswer, verdict
from console.domain.redact import Redactor, shown_url
from console.domain.redirects import MOST, keeps_credentials, misled, refusal
from console.domain.untrusted import harmless
from console.errors import UnreachableError
from console.ports import Clock

BODY_LIMIT = 1_048_576
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
            self._client(_origin(url))
            begun = self._clock.monotonic()
            self._deadline.until = time.monotonic() + spec.timeout
            answer = self._ask(spec, url)
        except _LateError:
            answer = HttpAnswer(problem=f"no answer within {spec.timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpcore.ProtocolError) as error:
            answer = HttpAnswer(problem=_words(error))
        except (OSError, ValueError, LookupError) as error:
            answer = HttpAnswer(problem=_words(error))
        latency = (self._clock.monotonic() - begun) * 1000
        found = verdict(spec, answer)
        return ProbeResult(
            name=spec.name,
            url=shown_url(spec.url),
            status=found.status,
            latency_ms=None if answer.status is None else round(latency, 1),
            http_status=answer.status,
            body_status=found.body_status,
            detail=found.detail,
            checked_at=checked_at,
            concerns=found.concerns,
            understood=found.understood,
        )

    def close(self) -> None:
        """Ends all connections, at once."""
        with self._lock:
            clients, self._clients = tuple(self._clients.values()), {}
        for client in clients:
            client.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ask(self, spec: ProbeSpec, asked: httpx.URL) -> HttpAnswer:
        """The answer at the end of the redirects that may be followed, or of the last one before."""
        url, seen = asked, {str(asked)}
        redirected = spec.expect_status is not None and 300 <= spec.expect_status < 400
        while True:
            answer, location = self._once(url)
            if location is None or (redirected and not spec.expect_url):
                there = "" if redirected else spec.expect_url
                return replace(answer, misled=misled(str(asked), str(url), there))
            target = url.join(location)
            if redirected:
                # The redirect itself is what is expected: where it leads is compared and not asked.
                return replace(answer, misled=misled(str(asked), str(target), spec.expect_url))
            why = refusal(str(url), str(target), spec.expect_url)
            if str(target) in seen:
                why = "redirects in a circle"
            elif len(seen) > MOST:
                why = f"redirects more than {MOST} times"
            if why:
                return replace(answer, misled=why)
            seen.add(str(target))
            signed = keeps_credentials(str(asked), str(target))
            url = target.copy_with(username=asked.username if signed else "", password=asked.password if signed else "")

    def _once(self, url: httpx.URL) -> tuple[HttpAnswer, str | None]:
        client = self._client(_origin(url))
        try:
            return self._exchange(client, url)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            # A kept connection that the server had just closed says nothing about its health.
            if self._deadline.over():
                raise _LateError from error
            return self._exchange(client, url)

    def _exchange(self, client: httpx.Client, url: httpx.URL) -> tuple[HttpAnswer, str | None]:
        """One request: what came of it, at most 1 MB, and where it redirects to."""
        try:
            with client.stream("GET", url, follow_redirects=False) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > BODY_LIMIT:
                        break
                    if self._deadline.over():
                        raise _LateError
                answer = HttpAnswer(
                    status=response.status_code,
                    body=bytes(body[:BODY_LIMIT]),
                    content_type=response.headers.get("content-type", ""),
                    cut=len(body) > BODY_LIMIT,
                    at=self._server_time(response.headers.get("date", "")),
                )
                location = response.headers.get("location") if response.is_redirect else None
                return answer, location
        except httpx.TimeoutException as error:
            raise _LateError from error

    def _server_time(self, header: str) -> datetime:
        """The server's own time, so that a difference between its clock and ours ages nothing; else ours."""
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return self._clock.now()
        return at if at.tzinfo else at.replace(tzinfo=UTC)

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
    if isinstance(error, httpx.DecodingError):
        return f"the body cannot be unpacked: {text}"
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {text}"
    if isinstance(error, httpx.InvalidURL | ValueError):
        return f"not a URL that can be asked: {text}"
    return text
