"""A mail server for the application's health check: greets, takes every message and drops it. Run as
`python -m tests.lab.mailbox ADDRESS PORT`; stores nothing."""

from __future__ import annotations

import socketserver
import sys

ANSWERS = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    timeout = 30

    def handle(self) -> None:
        """Greets, then agrees to whatever is said."""
        self.wfile.write(b"220 lab mail\r\n")
        taking = False
        for line in self.rfile:
            word = line[:4].upper()
            if taking and line.strip() != b".":
                continue
            taking = not taking and word == b"DATA"
            self.wfile.write(ANSWERS.get(word, b"250 fine") + b"\r\n")
            if word == b"QUIT":
                return


class Mailbox(socketserver.ThreadingTCPServer):
    """The listener."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Mailbox((sys.argv[1], int(sys.argv[2])), Conversation).serve_forever()
