"""Secret references: what they look like, and how each kind becomes a `Secret` at the moment it is needed.

Owns the kinds `env: file: cmd: dotenv: remote-env: plain:`. Must not keep a resolved value, put one into a message, or
reach a host: `remote-env:` asks the callable it was given.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from console.config.paths import from_base
from console.domain.redact import Secret
from console.errors import InsecureError, OpsconsoleError, RefusedError, UsageError

_SCHEME = re.compile(r"(env|file|cmd|dotenv|remote-env|plain|keyring):(.*)", re.DOTALL)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMIT = 65536
_COMMAND_SECONDS = 30.0

RemoteEnv = Callable[[str], str]
"""Reads one key of the application's own `.env` on its host."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `body` is a secret itself only for the kind `plain`."""

    kind: str
    body: str

    @property
    def plain(self) -> bool:
        """Whether the text is the secret itself."""
        return self.kind == "plain"


def parse_reference(text: str) -> Reference:
    """The reference in `text`; text without a known kind is `plain`. ValueError says what is wrong with it."""
    match = _SCHEME.fullmatch(text)
    if match is None:
        return Reference("plain", text)
    kind, body = match[1], match[2].strip() if match[1] != "plain" else match[2]
    if kind == "keyring":
        raise ValueError("cannot be a keyring reference yet; use env:, file:, cmd:, dotenv: or remote-env:")
    if kind in ("env", "remote-env") and not _KEY.fullmatch(body):
        raise ValueError(f"needs a variable's name after {kind}:")
    if kind == "file" and not body:
        raise ValueError("needs a path after file:")
    if kind == "dotenv" and not (_split(body)[0] and _KEY.fullmatch(_split(body)[1])):
        raise ValueError("must be dotenv:PATH#KEY")
    if kind == "cmd":
        _argv(body)
    return Reference(kind, body)


def anchored(text: str, base: Path) -> str:
    """The same reference with its path absolute: relative ones are meant from `base`, the directory of the file that
    holds the reference. ValueError when it is none."""
    reference = parse_reference(text)
    if reference.kind == "file":
        return f"file:{from_base(base, reference.body)}"
    if reference.kind == "dotenv":
        path, key = _split(reference.body)
        return f"dotenv:{from_base(base, path)}#{key}"
    if reference.kind == "cmd" and "/" in (words := _argv(reference.body))[0]:
        return f"cmd:{json.dumps([str(from_base(base, words[0])), *words[1:]])}"
    return text


def resolve(text: str, remote_env: RemoteEnv | None = None) -> Secret:
    """The secret a reference names, now. InsecureError, RefusedError, or OpsconsoleError when there is none."""
    try:
        reference = parse_reference(text)
    except ValueError as error:
        raise RefusedError(f"A secret reference {error}.") from error
    body = reference.body
    match reference.kind:
        case "env":
            return Secret(_present(os.environ.get(body), f"the environment variable {body}"))
        case "file":
            return Secret(_present(_read(Path(body)).rstrip("\r\n"), f"the file {body}"))
        case "dotenv":
            path, key = _split(body)
            return Secret(_present(dotenv_value(_read(Path(path)), key), f"{key} in {path}"))
        case "remote-env":
            if remote_env is None:
                raise RefusedError(f"The secret remote-env:{body} needs a host to read it from.")
            return Secret(_present(remote_env(body), f"{body} in the application's .env"))
        case "cmd":
            return Secret(_present(_run(_argv(body)), f"the command {_argv(body)[0]}"))
    return Secret(body)


def dotenv_value(text: str, key: str) -> str | None:
    """The last value of `key` in a `.env` file: `export`, quotes, escapes in double quotes, and comments understood."""
    found: str | None = None
    pattern = re.compile(
        rf"^[ \t]*(?:export[ \t]+)?{re.escape(key)}[ \t]*=[ \t]*"
        r"(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\r\n]*))",
        re.MULTILINE | re.DOTALL,
    )
    for match in pattern.finditer(text):
        if match[1] is not None:
            found = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), match[1])
        elif match[2] is not None:
            found = match[2]
        else:
            found = re.split(r"(?:^|[ \t])#", match[3], maxsplit=1)[0].strip()
    return found


def _present(value: str | None, where: str) -> str:
    if not value:
        raise UsageError(
            f"A secret is missing: {where} is not set or empty.",
            fix="Set it where this command runs, or change the reference in the configuration.",
        )
    return value


def _split(body: str) -> tuple[str, str]:
    path, _, key = body.rpartition("#")
    return path, key


def _argv(body: str) -> list[str]:
    try:
        words = json.loads(body)
    except ValueError:
        words = None
    if words is None and body.startswith("[") and body.endswith("]"):
        # the form people write: cmd:[pass, show, db]
        words = [word.strip().strip("\"'") for word in body[1:-1].split(",")]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError('needs a list of words after cmd:, as in cmd:["pass", "show", "db"]')
    return [str(word) for word in words]


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"The secret file {path} cannot be read: {error.strerror}.",
            fix="Put it there, or change the reference in the configuration.",
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise InsecureError(f"The secret file {path} is not a regular file.")
        if found.st_uid not in (0, os.geteuid()):
            raise InsecureError(f"The secret file {path} belongs to another user (uid {found.st_uid}).")
        # root may hand a secret to one group (0640); a file of ours is for us alone
        allowed = 0o750 if found.st_uid == 0 and os.geteuid() != 0 else 0o700
        if stat.S_IMODE(found.st_mode) & ~allowed & 0o777:
            raise InsecureError(f"The secret file {path} can be read by others.", fix=f"Run: chmod 600 {path}")
        return file.read(_LIMIT).decode("utf-8", "surrogateescape")


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=False, close_fds=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # the chained error may quote the command's output, which is the secret
        raise OpsconsoleError(f"The secret command {argv[0]} could not be run: {type(error).__name__}.") from None
    if done.returncode != 0:
        raise OpsconsoleError(f"The secret command {argv[0]} ended with status {done.returncode}.")
    return done.stdout[:_LIMIT].decode("utf-8", "surrogateescape").rstrip("\r\n")
