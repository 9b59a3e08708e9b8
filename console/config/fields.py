"""Field types that several sections of the configuration share: durations, names, paths, URLs, ssh names, references.

Owns what one value may look like. Must not read a file nor resolve a reference.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from console.domain.parameters import seconds
from console.domain.redact import shown_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LONGEST = 604_800
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")


def _one_line(value: str) -> str:
    if _UNPRINTABLE.search(value):
        raise ValueError("must be one line of text without control characters")
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be letters, digits, dots, dashes and underscores, and begin with a letter or digit")
    return value


def _program(value: str) -> str:
    if not _PROGRAM.fullmatch(value):
        raise ValueError(
            "must be a program's name as supervisorctl shows it before the colon: NAME means all of NAME:* already"
        )
    return value


def _ssh_word(value: str) -> str:
    _one_line(value)
    if not value or value.startswith("-") or re.search(r"\s", value):
        raise ValueError("must be a host name, user@host or a name from your ssh config")
    return value


def _inside(value: str) -> str:
    _one_line(value)
    if not value or value.startswith(("/", "-", "~")) or {".", ".."} & set(value.split("/")):
        raise ValueError("must be a path below the application, without a leading slash and without . or ..")
    return value


def _absolute(value: str) -> str:
    _one_line(value)
    if not value.startswith("/") or ".." in value.split("/"):
        raise ValueError("must be an absolute path on the host, without ..")
    if not value.strip("/."):
        raise ValueError("must be a path below the root of the host, not the root itself")
    return value


def _on_host(value: str) -> str:
    return _absolute(value) if value.startswith("/") else _inside(value)


def _local(value: str) -> str:
    if not _one_line(value):
        raise ValueError("must not be empty")
    if len(value.encode()) > 4000 or any(len(part.encode()) > 255 for part in value.split("/")):
        raise ValueError("is too long for a path")
    return value


def _url(value: str) -> str:
    parts = split_url(_one_line(value))
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        raise ValueError("must be a URL that begins with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must hold no user name or password")
    return value


def split_url(value: str) -> SplitResult | None:
    """The URL's parts, None when it is none."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it is what finds a wrong one
    except ValueError:
        return None
    return parts


def _probe_url(value: str) -> str:
    if value.startswith("/") and not value.startswith("//"):
        return _one_line(value)
    return _url(value)


_SCP_SECRET = re.compile(r"[^/@:\s]*:[^/@\s]+@")


def _git(value: str) -> str:
    _one_line(value)
    if not value or value.startswith(("-", "ext::")) or re.search(r"\s", value):
        raise ValueError("must be a git URL or path")
    parts = split_url(value)
    web = parts is not None and parts.scheme not in ("", "ssh", "git", "git+ssh", "ssh+git", "file")
    held = parts is not None and (parts.password is not None or (web and parts.username is not None))
    # Of `NAME:TOKEN@host/path` without a scheme a URL parser makes a path.
    if held or _SCP_SECRET.match(value) or shown_url(value) != value:
        raise ValueError(
            "must hold no password or token, nor, with https, a user name, which may be one: the list of processes on "
            "the host shows it. Use a credential helper on the host, or a deploy key with git@HOST:PATH"
        )
    return value


def _ref(value: str) -> str:
    _one_line(value)
    if not value or value.startswith("-") or re.search(r"[\s~^:?*\[\\]|\.\.", value):
        raise ValueError("must be a branch, tag or commit")
    return value


def _key_hash(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{12}", value):
        raise ValueError("must be 12 hex digits: the first of the SHA-256 of the APP_KEY text")
    return value


def _duration(value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            found = seconds(value)
        except ValueError as error:
            raise ValueError("must be a duration like 90s, 2m or 1h30m") from error
        if not 0 < found <= _LONGEST:
            raise ValueError("must be a duration above zero and of at most 7 days")
        return found
    raise ValueError("must be a duration like 90s, 2m or 1h30m")


Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Line = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[str, AfterValidator(_name)]
Program = Annotated[str, AfterValidator(_program)]
SshWord = Annotated[str, AfterValidator(_ssh_word)]
Inside = Annotated[str, AfterValidator(_inside)]
Absolute = Annotated[str, AfterValidator(_absolute)]
OnHost = Annotated[str, AfterValidator(_on_host)]
Local = Annotated[str, AfterValidator(_local)]
Url = Annotated[str, AfterValidator(_url)]
ProbeUrl = Annotated[str, AfterValidator(_probe_url)]
Git = Annotated[str, AfterValidator(_git)]
Ref = Annotated[str, AfterValidator(_ref)]
KeyHash = Annotated[str, AfterValidator(_key_hash)]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str | int)]
