"""Long log files for a test world: many records of four hundred bytes on one host, some on the other, in one order of
time. Plain bytes; knows nothing of the console."""

from __future__ import annotations

import gzip
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.lab.values import USER
from tests.lab.world import Lab

BEGIN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
NAME = "long.log"
_FILLING = "and a message as long as those of a busy application are in the mean of a day " * 5


def line(number: int, total: int, host: str) -> bytes:
    """A record of 400 bytes; `total` of them fill eleven hours."""
    at = BEGIN + timedelta(hours=11) * number / total
    level = ("INFO", "INFO", "DEBUG", "WARNING", "ERROR")[number % 5]
    head = f"[{at:%Y-%m-%d %H:%M:%S}] production.{level}: order {number} of {host} "
    context = f'{{"n":{number},"user":{number * 7919 % 1_000_000},"path":"/orders/{number}"}} \n'
    return (head + _FILLING[: 399 - len(head) - len(context)] + " " + context).encode()


def write(lab: Lab, many: int, few: int, *, rotated: bool = False) -> list[bytes]:
    """Writes them for the application's account; all lines in the order of time, at one time the first host's first.

    With `rotated`, the oldest half of the first host's lies in a compressed and a plain file beside it.
    """
    first = [line(number, many, "one") for number in range(many)]
    second = [line(number, few, "two") for number in range(few)]
    parts = {NAME: first}
    if rotated:
        quarter = many // 4
        parts = {f"{NAME}.2.gz": first[:quarter], f"{NAME}.1": first[quarter : 2 * quarter], NAME: first[2 * quarter :]}
    for name, lines in parts.items():
        data = b"".join(lines)
        _own(lab.node1.log.with_name(name), gzip.compress(data, 1) if name.endswith("gz") else data)
    _own(lab.node2.log.with_name(NAME), b"".join(second))
    return sorted([*first, *second], key=lambda each: each[1:20])


def configure(config: Path) -> None:
    """Lets a configuration of the test world name these files instead of the application's own."""
    text = config.read_text()
    assert "storage/logs/laravel.log" in text
    config.write_text(text.replace("storage/logs/laravel.log", f"storage/logs/{NAME}"))


def _own(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    shutil.chown(path, USER, USER)


def remove(lab: Lab) -> None:
    """Takes all of them away."""
    for node in lab.nodes:
        for path in node.log.parent.glob(f"{NAME}*"):
            path.unlink()
