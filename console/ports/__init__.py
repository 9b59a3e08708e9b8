"""The Protocols between layers: what a service asks of a client, a source of both, and the screen of all of them.

Owns shapes only. Must not hold an implementation, nor name a driver.

Threads: everything here may block up to its deadline and is called from `services.threads.loop.Loop` threads, never
from the screen's own thread, unless its sentence says "at once".

The domain is imported for the type checker only: a command that asks one question need not load all of it.
"""

from __future__ import annotations

from console.ports.clients import Completed, Http, KeyValue, Reach, Row, Scanned, Shell, Sql, Stream, TunnelSocket
from console.ports.screen import Background, Board, Checklists, FailedJobs, Polling, Runs, Tails, Windows
from console.ports.sources import Clock, Publish, Source
from console.ports.state import Lease, MarkStore, Request

__all__ = [
    "Background",
    "Board",
    "Checklists",
    "Clock",
    "Completed",
    "FailedJobs",
    "Http",
    "KeyValue",
    "Lease",
    "MarkStore",
    "Polling",
    "Publish",
    "Reach",
    "Request",
    "Row",
    "Runs",
    "Scanned",
    "Shell",
    "Source",
    "Sql",
    "Stream",
    "Tails",
    "TunnelSocket",
    "Windows",
]
