"""Writes a Laravel log: `log_writer.py FILE RATE SECONDS [--hold] [--odd]`, RATE entries a second until the time is
over or standard input ends; prints the number of the last entry. Each entry carries `"seq":N` in its context, so that a
reader knows what it missed or saw twice. Standard library only; used as a program, never imported."""

from __future__ import annotations

import argparse
import os
import pwd
import select
import sys
import time
from pathlib import Path

LEVELS = ("INFO", "INFO", "DEBUG", "WARNING", "INFO", "NOTICE", "INFO", "ERROR")
ODD = (
    b"\x1b[31mred\x1b[0m \x1b]52;c;eA==\x07 \x1b]0;title\x07",
    b"broken \xff\xfe bytes \x80\x9b",
    b"[bold]markup[/bold] [/x] [@click=app.quit]x[/]",
    b"NUL \x00 return \r bidi \xe2\x80\xae",
    b"wide " + b"x" * 70_000,
)


def entry(number: int, odd: bool) -> bytes:
    """One record: mostly a line, an error with a trace, sometimes something unpleasant."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S").encode()
    level = LEVELS[number % len(LEVELS)]
    context = b'{"seq":%d}' % number
    text = ODD[number // 50 % len(ODD)] if odd and number % 50 == 0 else b"order %d handled" % number
    if level == "ERROR":
        context = (
            b'{"seq":%d,"exception":"[object] (RuntimeException(code: 7): order %d broke at /srv/Order.php:%d)\n'
            b"[stacktrace]\n#0 /srv/Order.php(7): App\\\\Order->pack()\n#1 {main}\n"
            b'"}'
        ) % (number, number, number % 90)
    return b"[%s] production.%s: %s %s \n" % (stamp, level.encode(), text, context)


def main() -> None:
    """Writes at the asked pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--hold", action="store_true", help="keep the file open, as a long-running worker does")
    parser.add_argument("--odd", action="store_true", help="put in what terminals and parsers dislike")
    words = parser.parse_args()
    try:
        account = pwd.getpwnam("opslab")
        os.setegid(account.pw_gid)
        os.seteuid(account.pw_uid)
    except (KeyError, PermissionError):
        pass
    number = 0
    held = words.file.open("ab", buffering=0) if words.hold else None
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < words.seconds:
        due = int(passed * words.rate)
        data = b"".join(entry(each, words.odd) for each in range(number + 1, due + 1))
        number = due
        if data:
            file = held or words.file.open("ab", buffering=0)
            file.write(data)
            if file is not held:
                file.close()
        if select.select([sys.stdin], [], [], 0.02)[0]:
            break
    print(number)


if __name__ == "__main__":
    main()
