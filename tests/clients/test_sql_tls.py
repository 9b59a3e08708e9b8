"""A database dialled from here, over a network: it proves its name by a certificate, or hears no password."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.clients.sql import SqlClient
from console.clients.sql_sessions import _is_own
from console.domain.environment import SqlTarget, Via
from console.domain.redact import Secret
from console.errors import AuthenticationError, QueryError, UnreachableError
from console.ports import TunnelSocket
from console.services.threads.loop import SystemClock

_TLS, _PROTOCOL_41, _SECURE, _PLUGIN = 0x800, 0x200, 0x8000, 0x80000
NAME = "db.example.com"


class Server:
    """The first words of a MySQL server; `heard` is what came after its greeting (after TLS, where that was made)."""

    def __init__(self, certificate: Path | None) -> None:
        self.heard = b""
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        peer, _ = self.listener.accept()
        with peer:
            peer.settimeout(20)
            try:
                self._speak(peer)
            except OSError:
                pass

    def _speak(self, peer: socket.socket) -> None:
        able = _PROTOCOL_41 | _SECURE | _PLUGIN | (_TLS if self.context else 0)
        greeting = b"\x0a8.0.40\0" + struct.pack("<I", 7) + b"saltsalt\0" + struct.pack("<H", able & 0xFFFF)
        greeting += b"\x2d" + struct.pack("<HHB", 2, able >> 16, 21) + b"\0" * 10 + b"saltsaltsalt\0"
        peer.sendall(packet(0, greeting + b"mysql_native_password\0"))
        if self.context is None:
            self.heard = peer.recv(4096)
            return
        # Exactly the request for TLS: what may follow at once is its first message.
        peer.recv(36, socket.MSG_WAITALL)
        with self.context.wrap_socket(peer, server_side=True) as safe:
            self.heard = safe.recv(4096)
            safe.sendall(packet(3, b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"))
            safe.recv(4096)

    def end(self) -> None:
        """Waits for its thread."""
        with socket.socket() as waker:
            waker.connect_ex(("127.0.0.1", self.port))
        self.thread.join(20)
        self.listener.close()


def packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is this machine: what counts is the certificate."""
    real = socket.getaddrinfo

    def here(host: Any, port: Any, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0) -> Any:
        mapped = "127.0.0.1" if str(host).endswith("example.com") and not flags else host
        return real(mapped, port, family, kind, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tls")
    words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN={NAME}"
    files = ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(place / "key"), "-out", str(place / "crt")]
    subprocess.run([*words.split(), *files], check=True, capture_output=True)
    both = place / "both.pem"
    both.write_text((place / "key").read_text() + (place / "crt").read_text())
    return both


def no_tunnel(_host: str, _port: int, _limit: float) -> TunnelSocket:
    raise AssertionError("nothing goes through a tunnel here")


def ask(server: Server, *, host: str = NAME, ca: str = "") -> None:
    target = SqlTarget(
        driver="mysql", host=host, port=server.port, user="app", password=Secret("pw"), via=Via.DIRECT, ca=ca
    )
    made = SqlClient("shop: main", target=lambda: target, tunnel=no_tunnel, clock=SystemClock())
    try:
        made.query("SELECT 1", deadline=10)
    finally:
        made.close()
        server.end()


@pytest.fixture
def plain() -> Iterator[Server]:
    yield Server(None)


def test_a_server_without_tls_hears_no_password(plain: Server) -> None:
    with pytest.raises(UnreachableError, match="did not prove who it is") as caught:
        ask(plain)
    assert plain.heard == b""
    assert "no password was sent" in caught.value.done
    assert "via: direct" in caught.value.fix and "ca: PATH" in caught.value.fix


def test_a_certificate_nobody_knows_is_refused(certificate: Path) -> None:
    server = Server(certificate)
    with pytest.raises(UnreachableError, match="did not prove who it is"):
        ask(server)
    assert server.heard == b""


def test_a_certificate_for_another_name_is_refused(certificate: Path) -> None:
    server = Server(certificate)
    with pytest.raises(UnreachableError, match="did not prove who it is"):
        ask(server, host="other.example.com", ca=str(certificate))
    assert server.heard == b""


def test_whoever_is_signed_by_the_stated_authority_is_spoken_to(certificate: Path) -> None:
    server = Server(certificate)
    with pytest.raises(AuthenticationError, match="refused to let us in"):
        ask(server, ca=str(certificate))
    assert b"app" in server.heard


def test_an_authority_that_cannot_be_read_is_named(plain: Server, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(QueryError, match=r"empty\.pem cannot be used") as caught:
        ask(plain, ca=str(tmp_path / "empty.pem"))
    assert caught.value.done == "Nothing was connected."


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("db", False),
    ],
)
def test_only_this_machine_needs_no_proof(host: str, *, own: bool) -> None:
    assert _is_own(host) is own
