"""The demo's web servers: `/up`, `/health` and its parts, answering for the release that is live at that moment.

Owns the answers. Must not keep state of its own: each request looks at the host's `current` link, so that a deploy of
the broken release fails its gate and a rollback mends it.
"""

from __future__ import annotations

import json
import sqlite3
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from console.demo.application import DemoEnvironment

_BUSY = 400


class HealthServer(ThreadingHTTPServer):
    """One environment's web server on a loopback port (0: a free one)."""

    daemon_threads = True

    def __init__(self, environment: DemoEnvironment, port: int = 0) -> None:
        self.environment = environment
        super().__init__(("127.0.0.1", port), _Answer)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HealthServer

    def do_GET(self) -> None:
        status, document = _answer(self.server.environment, self.path)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the demo's terminal belongs to the screen."""


def _answer(environment: DemoEnvironment, path: str) -> tuple[HTTPStatus, dict[str, object]]:
    app = environment.app(environment.hosts[0])
    current = app / "current"
    if path == "/up":
        return HTTPStatus.OK, {"status": "up"}
    if (app / "shared/storage/framework/down").exists():
        return HTTPStatus.SERVICE_UNAVAILABLE, {"message": "Service Unavailable"}
    version = (current / "VERSION").read_text().strip() if (current / "VERSION").exists() else "none"
    if (current / "BROKEN").exists() and path.startswith("/health"):
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "fail", "version": version, "error": "orders: no such column"}
    if path == "/health":
        return HTTPStatus.OK, {"status": "ok", "version": version}
    if path == "/health/queue":
        waiting = _waiting(environment)
        return HTTPStatus.OK, {"status": "warn" if waiting > _BUSY else "ok", "waiting": waiting}
    if path == "/health/mail":
        return HTTPStatus.OK, {"status": "ok", "mailer": "smtp"}
    return HTTPStatus.NOT_FOUND, {"message": "Not Found"}


def _waiting(environment: DemoEnvironment) -> int:
    connection = sqlite3.connect(environment.database, timeout=5)
    try:
        return int(connection.execute("select count(*) from jobs where reserved_at is null").fetchone()[0])
    finally:
        connection.close()
