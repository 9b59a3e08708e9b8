"""Probes of a small server that does what health URLs do at their worst."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.clients.http import HttpClient
from console.domain.health import ProbeSpec, Status
from console.services.loop import SystemClock
from tests.clients.conftest import free_port


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, int]]

    def do_GET(self) -> None:
        type(self).seen.append((self.path, self.headers.get("Authorization", ""), self.client_address[1]))
        name = self.path.strip("/").replace("-", "_")
        getattr(self, f"get_{name}", self.get_missing)()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def get_ok(self) -> None:
        self.answer(200, b'{"status":"ok"}')

    def get_fail(self) -> None:
        self.answer(503, b'{"status":"fail","message":"no mail"}')

    def get_missing(self) -> None:
        self.answer(404, b"nothing here")

    def get_here(self) -> None:
        self.answer(302, b"", Location="/ok")

    def get_there(self) -> None:
        self.answer(302, b"", Location="https://user:hunter22@login.example.com/in")

    def get_loop(self) -> None:
        self.answer(302, b"", Location="/loop")

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
        self.answer(200, b"{}", Connection="keep-alive")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


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
    assert failed.detail == "HTTP 503; no mail"
    assert http.probe(spec(f"{base}/nowhere")).http_status == 404


def test_redirects_stay_at_the_origin(http: HttpClient, server: tuple[str, type[Handler]]) -> None:
    base, handler = server
    assert http.probe(spec(f"{base}/here")).body_status == "ok"
    away = http.probe(spec(f"{base}/there"))
    assert away.http_status == 302
    assert "which was not followed" in away.detail
    assert "hunter22" not in away.detail
    assert "more than 5 times" in http.probe(spec(f"{base}/loop")).detail
    assert len([path for path, *_ in handler.seen if path == "/loop"]) == 6


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
    assert (result.status, result.body_status) == (Status.OK, None)
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
