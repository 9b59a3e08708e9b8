"""One look at an application's processes on one host: the question, and the reading of its answer.

Owns the shape of the answer. What could not be read stays unread in the values: nothing here decides what it means.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from console.domain.environment import Environment, Host
from console.domain.supervisor import Settings, Supervised, SupervisorSection, parse_sections, parse_status, settings_of
from console.domain.untrusted import Raw, harmless
from console.domain.worker_arguments import Invocation, read_arguments
from console.domain.worker_processes import HostProcesses, Process
from console.errors import RemoteError
from console.ports import Completed
from console.services.workers.scripts import look_text

DEADLINE = 25.0
"""Seconds for one look; supervisorctl alone takes up to a few on a busy host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessQuestion:
    """A question to one host: `script` to be run there, its answer to be given to `read`."""

    environment: Environment
    host: Host
    become: str = ""
    settings: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def script(self) -> str:
        """What to run on the host; it changes nothing."""
        paths = self.environment.paths(self.host)
        return look_text(paths, self.nonce, become=self.become, settings=self.settings)

    def read(self, done: Completed) -> HostProcesses:
        """What the host answered. RemoteError when the answer is not whole."""
        lines = list(_lines(done.stdout, self.nonce))
        # The output ends with a line feed, behind which there is an empty line.
        if lines[-2:] != [("end", ""), ("", "")]:
            said = Raw.of(done.stderr or done.stdout[-300:]).show(300)
            raise RemoteError(
                f"{self.host.name}: the processes could not be looked at: {said or 'the answer was not whole'}",
                status=done.status,
            )
        found = {word: rest for word, rest in lines if word in _ONCE}
        now, boot_time, ticks = (_number(word) for word in (*found.get("clock", "").split(), "", "", "")[:3])
        supervised = _supervised(lines)
        return HostProcesses(
            host=self.host.name,
            boot=found.get("boot", ""),
            now=float(now),
            boot_time=float(boot_time),
            ticks=ticks or 100,
            uid=_number(found.get("uid", "")),
            bases=tuple(dict.fromkeys(filter(None, (self.environment.paths(self.host).base, found.get("base", ""))))),
            current=found.get("current", ""),
            releases=found.get("releases", ""),
            linked_at=float(_number(found.get("linked", ""))),
            visible=frozenset(_number(word) for word in found.get("visible", "").split()),
            processes=tuple(_processes(lines)),
            supervised=supervised,
            refusal="; ".join(harmless(rest) for word, rest in lines if word == "refused")[:300],
            settings=_settings(lines, supervised or ()),
        )


_ONCE = frozenset({"boot", "clock", "uid", "base", "current", "releases", "linked", "visible"})
_LINK = re.compile(r"l.*? (\d+|/proc/\d+/cwd) -> (/.*)", re.DOTALL)
"""A line of `ls -l` that shows a link to a file."""
Lines = Sequence[tuple[str, str]]


def _lines(output: bytes, nonce: str) -> Iterator[tuple[str, str]]:
    """Each line as its word and the rest; a line that a program printed, so without the nonce, has an empty word."""
    mark = f"{nonce} "
    for line in output.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith(mark):
            word, _, rest = line[len(mark) :].partition(" ")
            yield word, rest
        else:
            yield "", line


def _processes(lines: Lines) -> Iterator[Process]:
    at: list[int] = [number for number, (word, _) in enumerate(lines) if word == "process"]
    for begin, end in pairwise([*at, len(lines)]):
        own = lines[begin:end]
        words = own[0][1].split()
        if len(words) != 4 or not all(word.isdigit() for word in words) or ("ended", "") in own:
            continue
        pid, ppid, start, uid = (int(word) for word in words)
        argv = _arguments(_printed(own, "arguments"))
        invocation: Invocation | None = read_arguments(argv)
        if invocation is None:
            continue
        links = [(match[1], match[2]) for line in _printed(own, "links") if (match := _LINK.match(line))]
        opened = tuple(target for name, target in links if name.isdigit() and not target.startswith("/dev/"))
        yield Process(
            pid=pid,
            ppid=ppid,
            uid=uid,
            start=start,
            argv=argv,
            invocation=invocation,
            cwd=next((target for name, target in links if name.endswith("/cwd")), None),
            scripts=opened if ("readable", "") in own else None,
            parents=tuple(_number(word) for word, rest in own if word == "parents" for word in rest.split()),
        )


def _printed(own: Lines, word: str) -> list[str]:
    """What a program printed below that word."""
    below = list(takewhile(lambda line: not line[0], own[own.index((word, "")) + 1 :])) if (word, "") in own else []
    return [line for _, line in below]


def _arguments(lines: list[str]) -> tuple[str, ...]:
    """The arguments, each a line; a newline within one came as the byte 1, and NUL ended the last."""
    ended = lines[:-1] if lines and not lines[-1] else lines
    return tuple(line.replace("\x01", "\n") for line in ended)


def _supervised(lines: Lines) -> tuple[Supervised, ...] | None:
    if not any(word == "answered" for word, _ in lines):
        return None
    return parse_status(rest for word, rest in lines if word == "status")


def _settings(lines: Lines, supervised: Sequence[Supervised]) -> dict[str, Settings]:
    files: list[list[str]] = []
    for word, rest in lines:
        if word == "file":
            files.append([])
        elif word == "setting" and files:
            files[-1].append(rest)
    sections: list[SupervisorSection] = []
    for file in files:
        try:
            sections += parse_sections("\n".join(file))
        except ValueError:
            # A file that cannot be parsed must not hide what the other files say.
            continue
    found = {process.name: settings_of(process, sections) for process in supervised}
    return {name: settings for name, settings in found.items() if settings is not None}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
