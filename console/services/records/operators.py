"""Who is acting: the account, the login behind sudo, and where the session came from.

Owns that one reading of this process's surroundings. Must not ask anybody.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path

from console.domain.policy import Operator
from console.domain.untrusted import harmless

_UNSET = 2**32 - 1


def current_operator(
    environ: Mapping[str, str] | None = None, *, loginuid: Path = Path("/proc/self/loginuid")
) -> Operator:
    """The operator of this process. The kernel's login uid counts first, then SUDO_USER, then the account itself."""
    seen = os.environ if environ is None else environ
    uid = os.getuid()
    return Operator(
        uid=uid,
        login=harmless(_kernel_login(loginuid) or _sudo_login(seen, uid) or _name(uid)),
        host=harmless(socket.gethostname()),
        origin=harmless(seen.get("SSH_CONNECTION", "").split(" ")[0]),
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _kernel_login(path: Path) -> str:
    try:
        uid = int(path.read_text())
    except (OSError, ValueError):
        return ""
    return "" if uid == _UNSET else _name(uid)


def _sudo_login(environ: Mapping[str, str], uid: int) -> str:
    # SUDO_USER counts only when we run as root: without sudo, anybody can set the variable.
    return environ.get("SUDO_USER", "") if uid == 0 else ""
