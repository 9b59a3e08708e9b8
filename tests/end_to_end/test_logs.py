"""`opsconsole logs` of the installed command, on logs that the framework itself writes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Command
from tests.lab import long_logs
from tests.lab.world import Lab
from tests.waiting import eventually

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


@pytest.fixture
def long(lab: Lab, console: Command) -> Iterator[list[bytes]]:
    """Twenty thousand records on one host, half of them in rotated files, and two hundred on the other; all lines in
    order."""
    lines = long_logs.write(lab, 20_000, 200, rotated=True)
    long_logs.configure(console.config)
    yield lines
    long_logs.remove(lab)


def test_every_line_since_then_comes_once_and_in_order(long: list[bytes], console: Command) -> None:
    ended = console("logs", "-e", "lab", "--since", "2026-01-05T09:00:00Z", "--raw")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == b"".join(long).decode()
    documents = console("logs", "-e", "lab", "--since", "2026-01-05T15:30:00Z", "--json").events
    assert [(each["at"], each["context"]["n"]) for each in documents] == [
        (f"{line[1:11].decode()}T{line[12:20].decode()}.000Z", json.loads(line[line.rindex(b" {") :])["n"])
        for line in long
        if line[1:20] >= b"2026-01-05 15:30:00"
    ]


def test_what_is_not_read_is_named_and_ends_3(long: list[bytes], lab: Lab, console: Command) -> None:
    lab.node2.log.with_name(f"{long_logs.NAME}.1.zst").write_bytes(b"x" * 77)
    ended = console("logs", "-e", "lab", "--since", "2026-01-05T09:00:00Z", "--raw")
    assert ended.code == 3 and ended.out == b"".join(long).decode()
    assert ended.err == "web2 storage/logs/long.log.1.zst: not read, what made .zst is not known here (77 bytes)\n"


def test_a_reader_that_goes_away_ends_it_quietly(long: list[bytes], console: Command) -> None:
    process = console.start("logs", "-e", "lab", "--since", "2026-01-05T09:00:00Z", "--raw")
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline().encode() == long[0]
    process.stdout.close()
    assert (process.wait(15), process.stderr.read()) == (0, "")
    process.stderr.close()


def test_a_reader_that_goes_away_ends_following_though_nothing_comes(long: list[bytes], console: Command) -> None:
    process = console.start("logs", "-e", "lab", "--since", "2026-01-05T20:59:00Z", "--follow", "--raw")
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert (process.wait(15), process.stderr.read()) == (0, "")
    process.stderr.close()


def test_a_reader_that_stands_still_makes_no_memory_grow(long: list[bytes], lab: Lab, console: Command) -> None:
    with lab.node1.log.with_name(long_logs.NAME).open("ab") as file:
        file.writelines(long * 10)
    process = console.start("logs", "-e", "lab", "--since", "2026-01-05T09:00:00Z", "--raw")
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    try:
        begun = len(os.read(pipe, 1000))
        eventually(lambda: stands_still(process), 30)
        assert most_memory(process) < 150_000_000
        rest = sum(len(part) for part in iter(lambda: os.read(pipe, 1 << 20), b""))
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()
    assert begun + rest == 11 * sum(map(len, long)) > 88_000_000


def stands_still(process: subprocess.Popen[str]) -> bool:
    """Whether it waits in a write and takes no processor time for a moment."""
    looks = set()
    for _ in range(20):
        looks.add(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11])
        time.sleep(0.01)
    return len(looks) == 1


def most_memory(process: subprocess.Popen[str]) -> int:
    """Bytes of memory that it ever held at once."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
