"""Probes of a small server that does what health URLs do at their worst."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console.clients.http import HttpClient
from console.domain.health import ProbeSpec, Status
from console.services.threads.loop import SystemClock
from tests.clients.conftest import free_port


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, int]]
    other: int = 1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        type(self).seen.append((self.path, self.headers.get("Authorization", ""), self.client_address[1]))
        name = self.path.partition("?")[0].strip("/").replace("-", "_")
        getattr(self, f"get_{name}", self.get_missing)()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def get_missing(self) -> None:
        self.answer(404, b"nothing here")


class Redirects(Answers):
    def get_here(self) -> None:
        self.answer(302, b"", Location="/ok")

    def get_slashed(self) -> None:
        if self.path.endswith("/"):
            self.answer(200, b'{"status":"ok"}')
        else:
            self.answer(301, b"", Location="/slashed/")

    def get_login(self) -> None:
        self.answer(200, b"<html><form>password</form></html>", **{"Content-Type": "text/html"})

    def get_to_login(self) -> None:
        self.answer(302, b"", Location="/login")

    def get_nowhere(self) -> None:
        self.answer(301, b"")

    def get_elsewhere(self) -> None:
        self.answer(302, b"", Location=f"http://127.0.0.1:{type(self).other}/private")

    def get_ping_pong(self) -> None:
        self.answer(302, b"", Location="/pong-ping")

    def get_pong_ping(self) -> None:
        self.answer(302, b"", Location="/ping-pong")

    def get_there(self) -> None:
        self.answer(302, b"", Location="https://user:hunter22@login.example.com/in")

    def get_loop(self) -> None:
        self.answer(302, b"", Location="/loop")

    def get_walk(self) -> None:
        self.answer(302, b"", Location=f"/walk?{self.client_address[1]}{len(type(self).seen)}")


class Handler(Redirects):
    def get_ok(self) -> None:
        self.answer(200, b'{"status":"ok"}')

    def get_fail(self) -> None:
        self.answer(503, b'{"status":"fail","message":"no mail"}')

    def get_badgzip(self) -> None:
        self.answer(200, b'{"status":"ok"}', **{"Content-Encoding": "gzip", "Content-Type": "application/json"})

    def get_strange_date(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", "Thu, 01 Jan 2026 00:00:00 +99999999999999999999")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def get_empty(self) -> None:
        self.answer(200, b"", **{"Content-Type": "application/json"})

    def get_big(self) -> None:
        self.answer(200, b'{"status":"fail"' + b" " * 3_000_000 + b"}")

    def drip(self, first: bytes, piece: bytes) -> None:
        try:
            self.wfile.write(first)
            for _ in range(600):
                self.wfile.write(piece)
                time.sleep(0.05)
        except OSError:
            pass

    def get_drip_body(self) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")

    def get_drip_head(self) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")

    def get_garbage(self) -> None:
        self.wfile.write(b"\x1b]52;c;aGk=\x07 not http\r\n\r\n")
        self.close_connection = True

    def get_once(self) -> None:
        self.answer(200, b'{"status":"up"}', Connection="keep-alive")
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Seen", (Handler,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(SystemClock())
    yield client
    client.close()


def spec(url: str, timeout: float = 5.0) -> ProbeSpec:
    return ProbeSpec(name="p", url=url, timeout=timeout)


def test_answers_become_results(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, _ = server
    ok = http.probe(spec(f"{base}/ok"))
    assert (ok.status, ok.http_status, ok.body_status, ok.detail) == (Status.OK, 200, "ok", "")
    assert ok.latency_ms is not None and 0 < ok.latency_ms < 5000
    failed = http.probe(spec(f"{base}/fail"))
    assert (failed.status, failed.http_status, failed.body_status) == (Status.FAILED, 503, "fail")
    assert failed.detail == "HTTP 503; status: fail (no mail)"
    assert http.probe(spec(f"{base}/missing")).http_status == 404


def test_a_redirect_is_judged_where_it_leads_if_that_is_what_was_asked(
    http: HttpClient, server: tuple[str, type[Handler]]
) -> None:
    base, _ = server
    assert http.probe(spec(f"{base}/slashed")).status is Status.OK
    away = http.probe(spec(f"{base}/to-login"))
    assert (away.status, away.http_status) == (Status.FAILED, 200)
    assert away.detail == "HTTP 200; landed at /login, which is not what was asked"
    expected = ProbeSpec(name="p", url=f"{base}/to-login", expect_url="/login")
    assert http.probe(expected).status is Status.OK
    assert "not at /login" in http.probe(replace(expected, url=f"{base}/slashed")).detail


def test_redirects_that_are_not_followed_fail(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    away = http.probe(spec(f"{base}/there"))
    assert (away.status, away.http_status) == (Status.FAILED, 302)
    assert "another host, https://" in away.detail and "login.example.com" in away.detail
    assert "hunter22" not in away.detail
    for path in ("loop", "ping-pong"):
        assert http.probe(spec(f"{base}/{path}")).detail == "HTTP 302; redirects in a circle"
    assert "more than 5 times" in http.probe(spec(f"{base}/walk")).detail
    assert len([path for path, *_ in handler.seen if path.startswith("/walk")]) == 6
    assert http.probe(spec(f"{base}/nowhere")).detail == "HTTP 301, a redirect that was not followed"


def test_a_redirect_that_is_expected_is_not_followed(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    wanted = ProbeSpec(name="p", url=f"{base}/to-login", expect_status=302)
    assert http.probe(wanted).status is Status.OK
    assert http.probe(replace(wanted, expect_url="/login")).status is Status.OK
    assert http.probe(replace(wanted, expect_url="/home")).status is Status.FAILED
    assert "/login" not in [path for path, *_ in handler.seen]


def test_what_signs_in_is_not_sent_to_another_port(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    other: Any = type("Other", (Handler,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), other) as second:
        handler.other = second.server_address[1]
        thread = threading.Thread(target=second.serve_forever, args=(0.02,))
        thread.start()
        found = http.probe(spec(base.replace("http://", "http://ops:s3cretword@") + "/elsewhere"))
        second.shutdown()
        thread.join()
    assert found.status is Status.FAILED and "s3cretword" not in repr(found)
    assert [(path, sign) for path, sign, _ in other.seen] == [("/private", "")]


def test_bodies_that_cannot_be_unpacked_or_are_not_there_are_not_ok(
    http: HttpClient, server: tuple[str, type[Handler]]
) -> None:
    assert http.probe(spec(f"{server[0]}/badgzip")).status is Status.FAILED
    empty = http.probe(spec(f"{server[0]}/empty"))
    assert (empty.status, empty.detail) == (Status.WARNING, "it claims to be JSON and is empty")


def test_a_date_that_is_none_ages_nothing(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    assert http.probe(spec(f"{server[0]}/strange_date")).status is Status.OK


@pytest.mark.deadline
@pytest.mark.parametrize("path", ["drip-body", "drip-head"])
def test_the_deadline_is_total(http: HttpClient, server: tuple[str, type[Handler]], path: str) -> None:
    begun = time.monotonic()
    result = http.probe(spec(f"{server[0]}/{path}", timeout=0.5))
    assert time.monotonic() - begun < 2
    assert (result.status, result.latency_ms, result.detail) == (Status.FAILED, None, "no answer within 0.5 s")


def test_a_listener_that_says_nothing_meets_the_deadline(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = http.probe(spec(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.3))
    assert result.detail == "no answer within 0.3 s"


def test_a_large_body_is_cut_and_not_judged(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    result = http.probe(spec(f"{server[0]}/big"))
    assert (result.status, result.body_status) == (Status.WARNING, None)
    assert "1 MB" in result.detail


def test_a_connection_the_server_closed_meanwhile_is_no_failure(
    http: HttpClient, server: tuple[str, type[Handler]]
) -> None:
    for _ in range(5):
        assert http.probe(spec(f"{server[0]}/once")).status is Status.OK


def test_connections_are_kept(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    for _ in range(4):
        http.probe(spec(f"{base}/ok"))
    assert len({port for *_, port in handler.seen}) == 1


def test_credentials_in_a_url_are_used_and_never_shown(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    result = http.probe(spec(base.replace("http://", "http://ops:s3cretword@") + "/ok"))
    assert handler.seen[-1][1].startswith("Basic ")
    assert "s3cretword" not in repr(result)


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "http://", "ftp://x/y", "http://[::1", "http://exa mple/", "http://\x1b/", "http://x:99999/"],
)
def test_what_is_no_url_is_a_result(http: HttpClient, url: str) -> None:
    result = http.probe(spec(url, timeout=1.0))
    assert result.status is Status.FAILED
    assert result.detail.isprintable() and result.detail


def test_refused_garbage_and_bad_certificates_are_results(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    refused = http.probe(spec(f"http://127.0.0.1:{free_port()}/"))
    assert refused.detail.startswith("no connection")
    garbage = http.probe(spec(f"{server[0]}/garbage"))
    assert garbage.status is Status.FAILED
    assert garbage.detail.isprintable()
    plain = http.probe(spec(server[0].replace("http:", "https:") + "/ok"))
    assert plain.detail.startswith("TLS")


def test_a_certificate_nobody_signed_is_refused(http: HttpClient, tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    subprocess.run(
        [*words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            try:
                context.wrap_socket(peer, server_side=True)
            except OSError:
                pass
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        result = http.probe(spec(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()
    assert "CERTIFICATE_VERIFY_FAILED" in result.detail


def test_proxies_of_the_environment_are_not_used(
    http: HttpClient, server: tuple[str, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert http.probe(spec(f"{server[0]}/ok")).status is Status.OK
