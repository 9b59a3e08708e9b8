"""What a database driver's error means for the caller.

Owns the codes of MySQL and MariaDB that matter and the words for them. Must not print a statement's parameters, nor a
secret.
"""

from __future__ import annotations

import sqlite3
import ssl
from dataclasses import dataclass
from enum import Enum

import pymysql

from console.domain.redact import Redactor
from console.domain.untrusted import harmless
from console.errors import AuthenticationError, DeadlineError, OpsconsoleError, QueryError, UnreachableError

DRIVER_ERRORS = (pymysql.err.MySQLError, sqlite3.Error, OSError, UnicodeError)
"""What a statement can raise that is not ours."""

_CLOSED = (pymysql.err.InterfaceError, sqlite3.ProgrammingError)
_TIME_LIMIT = frozenset((1969, 3024, 1317))
_DENIED = frozenset((1044, 1045, 1698, 3118))
_GONE = frozenset((2002, 2003, 2006, 2013, 2014, 2045, 2055, 1927, 1053, 1152, 1158, 1159, 1160, 1161, 4031))
_NO_TLS = 2026
_CROWDED = frozenset((1040, 1203, 1129, 1226))


class Broken(Enum):
    """What is left of the session: all of it, nothing, or nothing and asking again may help."""

    NO = "no"
    YES = "yes"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in our words; `denied` when a password or user was refused."""

    error: OpsconsoleError
    broken: Broken
    denied: bool = False


def translate(error: Exception, name: str, redactor: Redactor, *, expired: bool, allowed: float) -> Failure:
    """The failure behind what a driver or a socket raised."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = error.args[1] if len(error.args) > 1 and code else str(error)
    text = harmless(redactor.text(str(said))[:400])
    if expired:
        return Failure(_late(name, allowed), Broken.YES)
    if code in _TIME_LIMIT or text == "interrupted":
        return Failure(_late(name, allowed), Broken.NO)
    if code in _DENIED:
        refused = AuthenticationError(
            f"{name}: the database refused to let us in: {text}",
            done="Nothing was read.",
            fix="Check user and password under `database:`, or in the application's .env.",
        )
        return Failure(refused, Broken.YES, denied=True)
    if code == _NO_TLS or _is_unproved(error):
        unproved = UnreachableError(
            f"{name}: the database did not prove who it is: {text}",
            done="Nothing was read, and no password was sent.",
            fix="Leave out `via: direct`: it is then reached through the host's SSH connection. "
            "Or name who signed its certificate, `database: {ca: PATH}`.",
        )
        return Failure(unproved, Broken.YES)
    if code in _CROWDED:
        return Failure(UnreachableError(f"{name}: the database takes no more sessions: {text}"), Broken.YES)
    if code in _GONE or isinstance(error, (OSError, *_CLOSED)):
        return Failure(UnreachableError(f"{name}: the connection to the database broke: {text}"), Broken.LOST)
    if "unable to open database file" in text:
        return Failure(UnreachableError(f"{name}: the database file cannot be opened"), Broken.YES)
    return Failure(QueryError(f"{name}: the database says: {text}{f' ({code})' if code else ''}"), Broken.NO)


def _is_unproved(error: BaseException) -> bool:
    """Whether a certificate was refused; the driver wraps that, and keeps it."""
    inner = getattr(error, "original_exception", error)
    return isinstance(inner, ssl.SSLCertVerificationError)


def _late(name: str, allowed: float) -> DeadlineError:
    # Nothing is left of the time where something before the statement has used it up.
    within = f"within {allowed:.1f} s" if allowed > 0 else "in time"
    return DeadlineError(f"{name}: the database gave no answer {within}", done="The statement was ended.")
