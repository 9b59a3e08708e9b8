"""`opsconsole logs` of the installed command, on logs that the framework itself writes."""

from __future__ import annotations

import json
import select
import signal
import time

from tests.end_to_end.command import Command
from tests.lab.world import Lab

BAD = ("error", "critical", "alert", "emergency")


def test_what_the_framework_logs_is_read_from_both_hosts(lab: Lab, console: Command) -> None:
    for node in lab.nodes:
        lab.artisan(node, "lab:log", "--count=5", "--level=error", "--exception")
        lab.artisan(node, "lab:log", "--count=2")
    ended = console("logs", "-e", "lab", "--json")
    assert ended.code == 0, ended.err
    found = ended.events
    assert len({each["host"] for each in found}) == 2
    assert all(each["level"] and each["at"].endswith("Z") for each in found if each["at"])
    thrown = [each for each in found if each["message"].startswith("entry ") and each["exception"]]
    assert len(thrown) == 10
    for each in thrown:
        number = each["context"]["seq"]
        assert each["exception"].startswith(
            f"[object] (RuntimeException(code: 7): entry {number} broke\nin two lines at "
        )
        assert "[previous exception] [object] (LogicException(code: 0): the cause at " in each["exception"]
        assert each["exception"].endswith("{main}")
    errors = console("logs", "-e", "lab", "--json", "--level", "error").events
    assert errors and {each["level"] for each in errors} <= set(BAD)


def test_a_line_arrives_while_it_follows_and_ctrl_c_ends_130(lab: Lab, console: Command) -> None:
    lab.artisan(lab.node2, "lab:log")  # so that the file is the application's own
    process = console.start("logs", "-e", "lab", "--follow", "--json", "--grep", "followed by hand")
    assert process.stdout is not None
    try:
        until = time.monotonic() + 30
        while not select.select([process.stdout], [], [], 0.2)[0]:
            assert time.monotonic() < until
            with lab.node2.log.open("ab") as log:
                log.write(b"[2026-01-05 10:00:00] lab.WARNING: followed by hand \n")
        first = json.loads(process.stdout.readline())
        assert (first["message"], first["level"]) == ("followed by hand", "warning")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
    assert process.returncode == 130
