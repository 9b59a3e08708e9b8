"""What supervisord says of its programs: the text of `supervisorctl status`, and its configuration files.

Owns the reading of both, and which processes a name in the configuration means. Judges by text alone: supervisorctl 3
ends with 0 whatever it says. Must not ask supervisord.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from configparser import Error as ConfigError
from configparser import RawConfigParser
from dataclasses import dataclass, field

from console.domain.untrusted import harmless

DOWN = frozenset({"EXITED", "FATAL", "UNKNOWN"})
"""States out of which supervisord starts nothing by itself, at most an EXITED one with autorestart. BACKOFF is none of
them: it tries again, until FATAL."""
_LINE = re.compile(r"(\S+)\s+(STOPPED|STARTING|RUNNING|BACKOFF|STOPPING|EXITED|FATAL|UNKNOWN)\b\s*(.*)\Z")
_PID = re.compile(r"pid (\d+),")
_NUMBERED = re.compile(r"%\((?:process_num|group_name|program_name|host_node_name)\)(0?\d*)[ds]")
_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}


@dataclass(frozen=True, slots=True)
class Supervised:
    """One line of `supervisorctl status`: `name` is what supervisorctl takes, `GROUP:PROCESS` or the one word that is
    both. `pid` is None while it does not run."""

    name: str
    state: str
    detail: str = ""
    pid: int | None = None

    @property
    def group(self) -> str:
        """The group: a program's own name, unless a `[group:…]` holds it."""
        return self.name.partition(":")[0]

    @property
    def process(self) -> str:
        """The process's own name within the group."""
        return self.name.rpartition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How supervisord handles one program; None where it could not be read. `autorestart` is true, false or
    unexpected, `stopsignal` a name without SIG. `program` is the name of its `[program:…]` section."""

    program: str = ""
    autorestart: str | None = None
    stopwaitsecs: int | None = None
    stopsignal: str | None = None
    stopasgroup: bool | None = None
    killasgroup: bool | None = None
    startsecs: int | None = None
    command: str = ""
    directory: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSection:
    """One section of a configuration file: its name as written and the keys that were kept of it."""

    name: str
    keys: Mapping[str, str] = field(default_factory=dict)


def parse_status(lines: Iterable[str]) -> tuple[Supervised, ...]:
    """The processes in the text of `supervisorctl status`; lines that are none are passed over."""
    found = []
    for line in lines:
        match = _LINE.match(line.strip())
        if match:
            detail = harmless(match[3])[:200]
            pid = _PID.match(match[3]) if match[2] in ("RUNNING", "STARTING") else None
            found.append(Supervised(match[1], match[2], detail, int(pid[1]) if pid else None))
    return tuple(found)


def selects(wanted: str, process: Supervised, program: str = "") -> bool:
    """Whether a name of the configuration means this process: a program, a group, `GROUP:*` or `GROUP:PROCESS`.

    `program` is the section that the process comes from: a program inside a `[group:…]` shows under the group's name
    only. Where it is not known the process's own name is taken for it, which it is unless told otherwise.
    """
    group, colon, name = wanted.partition(":")
    if not colon:
        return wanted in (process.group, program or process.process)
    return process.group == group and name in ("*", "", process.process)


def parse_sections(text: str) -> tuple[SupervisorSection, ...]:
    """The sections of one configuration file as supervisord would read them. ValueError when it would not."""
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False, interpolation=None)
    try:
        parser.read_string(text)
        return tuple(
            SupervisorSection(name=name, keys={key: _joined(value) for key, value in parser.items(name)})
            for name in parser.sections()
        )
    except ConfigError as error:
        raise ValueError(f"this is no configuration of supervisord: {type(error).__name__}") from error


def command_words(command: str) -> list[str]:
    """The words of a program's command, as supervisord cuts it; a piece cut off within quotes is cut at its blanks."""
    try:
        return shlex.split(command)
    except ValueError:
        return command.replace('"', " ").replace("'", " ").split()


def settings_of(process: Supervised, sections: Sequence[SupervisorSection]) -> Settings | None:
    """The settings of the program that `process` belongs to, with supervisord's defaults for the keys that its section
    does not state; None when no section describes it."""
    held = {
        program.strip(): section.name.removeprefix("group:")
        for section in sections
        if section.name.startswith("group:")
        for program in section.keys.get("programs", "").split(",")
    }
    for section in sections:
        if not section.name.startswith("program:"):
            continue
        program = section.name.removeprefix("program:").strip()
        if held.get(program, program) == process.group and _named(section, program, process.process):
            return _settings(program, section.keys)
    return None


def _joined(value: str | None) -> str:
    return " ".join((value or "").split())


def _named(section: SupervisorSection, program: str, process: str) -> bool:
    template = section.keys.get("process_name", "%(program_name)s").replace("%(program_name)s", program)
    pieces = _NUMBERED.split(template)
    pattern = r".*".join(re.escape(piece) for piece in pieces[::2])
    return re.fullmatch(pattern, process) is not None


def _settings(program: str, keys: Mapping[str, str]) -> Settings:
    stopasgroup = _truth(keys.get("stopasgroup", "false"))
    return Settings(
        program=program,
        autorestart=_autorestart(keys.get("autorestart", "unexpected")),
        stopwaitsecs=_number(keys.get("stopwaitsecs", "10")),
        stopsignal=_signal(keys.get("stopsignal", "TERM")),
        stopasgroup=stopasgroup,
        # supervisord refuses stopasgroup without killasgroup, and takes the one for the other where it is not said.
        killasgroup=_truth(keys["killasgroup"]) if "killasgroup" in keys else stopasgroup,
        startsecs=_number(keys.get("startsecs", "1")),
        command=keys.get("command", ""),
        directory=keys.get("directory", ""),
        user=keys.get("user", ""),
    )


def _autorestart(value: str) -> str | None:
    word = value.lower()
    if word == "unexpected":
        return word
    truth = _truth(word)
    return None if truth is None else "true" if truth else "false"


def _truth(value: str) -> bool | None:
    word = value.lower()
    if word in ("true", "yes", "on", "1"):
        return True
    return False if word in ("false", "no", "off", "0") else None


def _number(value: str) -> int | None:
    return int(value) if re.fullmatch(r"\d{1,9}", value) else None


def _signal(value: str) -> str | None:
    word = value.upper().removeprefix("SIG")
    return _SIGNALS.get(word, word) if re.fullmatch(r"[A-Z0-9]{1,10}", word) else None
