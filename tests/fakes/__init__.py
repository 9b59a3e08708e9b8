"""Stand-ins for everything in `console.ports` that would reach outside; import them from here."""

from __future__ import annotations

from tests.fakes.clock import FakeClock
from tests.fakes.http import FakeHttp
from tests.fakes.keyvalue import FakeKeyValue
from tests.fakes.reach import FakeReach, make_environment, make_facts
from tests.fakes.shell import FakeShell, FakeStream
from tests.fakes.sql import FakeSql

__all__ = [
    "FakeClock",
    "FakeHttp",
    "FakeKeyValue",
    "FakeReach",
    "FakeShell",
    "FakeSql",
    "FakeStream",
    "make_environment",
    "make_facts",
]
