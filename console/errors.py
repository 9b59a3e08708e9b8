"""Every exception the console raises on purpose, and the exit code each one ends the command line with.

    OpsconsoleError                     1   something failed, and the message says what
    ├── UsageError                      2   the call itself is wrong
    ├── ConfigError                     2   the configuration is wrong, with every problem at once
    ├── InsecureError                   2   a file or directory that others could read or change
    ├── StateError                      2   the state database cannot be used as asked
    ├── AuthenticationError             4   a host refused us
    │   └── HostKeyError                4   a host is not who it should be
    ├── LockHeldError                   5   somebody else holds the environment's lock
    │   └── LeaseLostError              5   another runner goes on with this run
    ├── UnreachableError                6   no connection, or it went away
    │   └── DeadlineError               6   no answer in the time allowed
    ├── RefusedError                    7   policy, confirmation or safety said no
    │   └── IdentityError               7   the target is not the application the config pins
    ├── OutputError                     1   our own standard output cannot be written
    ├── QueryError                      1   a database or Redis answered with an error
    └── RemoteError                     1   a command on a host failed

This module owns the words and the codes. It must not import anything of ours, nor print.
"""

from __future__ import annotations

from dataclasses import dataclass


class OpsconsoleError(Exception):
    """Something failed; says what happened, what was and was not done, and what to do next.

    `what` is one sentence. `done` says what changed or did not change. `fix` is what to run or check next. All three
    are already safe to print: whoever raises passes outside text through `domain.untrusted` first.
    """

    exit_code: int = 1

    def __init__(self, what: str, *, done: str = "", fix: str = "") -> None:
        self.what = what
        self.done = done
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        """All sentences, one line each."""
        return "\n".join(part for part in (self.what, self.done, self.fix) if part)


class UsageError(OpsconsoleError):
    """The call is wrong: an unknown environment, a bad option, a missing argument."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a configuration file. `line` and `column` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, the form editors jump to."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(OpsconsoleError):
    """The configuration is wrong. `problems` holds all of them, in file order."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...], *, done: str = "", fix: str = "") -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems), done=done, fix=fix)


class InsecureError(OpsconsoleError):
    """A file or directory has permissions that let others read a secret or change what we would run."""

    exit_code = 2


class StateError(OpsconsoleError):
    """The state database is missing, newer than this console, unwritable, or on a network filesystem."""

    exit_code = 2


class AuthenticationError(OpsconsoleError):
    """A host refused every key we have."""

    exit_code = 4


class HostKeyError(AuthenticationError):
    """A host's key is unknown, changed, revoked, or of a kind we cannot judge."""


class LockHeldError(OpsconsoleError):
    """Another run holds the environment's lock; the message says who, since when and why."""

    exit_code = 5


class LeaseLostError(LockHeldError):
    """Another runner has this run's lease by now: it goes on with the same lock, which must not be given up."""


class UnreachableError(OpsconsoleError):
    """A host, database, Redis or URL cannot be reached, or the link went away."""

    exit_code = 6


class DeadlineError(UnreachableError):
    """No answer within the time allowed. Whether the other side did the work is not known."""


class RefusedError(OpsconsoleError):
    """Policy, a missing confirmation or a safety rule refused; nothing was changed."""

    exit_code = 7


class IdentityError(RefusedError):
    """The target is not the application this environment pins."""


class OutputError(OpsconsoleError):
    """Our standard output is closed or full, and what was asked for cannot be handed over."""


class QueryError(OpsconsoleError):
    """A database or Redis understood us and answered with an error."""


class RemoteError(OpsconsoleError):
    """A command on a host ended with a failure. `status` is its exit status, None when a signal ended it."""

    def __init__(self, what: str, *, status: int | None = None, done: str = "", fix: str = "") -> None:
        self.status = status
        super().__init__(what, done=done, fix=fix)
