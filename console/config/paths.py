"""Where the configuration and the state lie on this machine, and whether others could have touched them.

Owns the search for the configuration file, the permission rules for files and directories of ours, and opening them
without following a link. Must not read what is inside.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from console.errors import ConfigError, InsecureError, Problem

ENVIRONMENT_VARIABLE = "OPSCONSOLE_CONFIG"
_NAME = "opsconsole"
_UNREAD = "Nothing was read."
_WRITE_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def default_config_path() -> Path:
    """The operator's own configuration file, whether it is there or not."""
    return platformdirs.user_config_path(_NAME) / "opsconsole.yaml"


def default_state_path() -> Path:
    """The operator's own state directory, whether it is there or not."""
    return platformdirs.user_state_path(_NAME)


def from_base(base: Path, path: str) -> Path:
    """A path of this machine as the configuration means it: `~` is a home, anything relative is meant from `base`."""
    # not Path.expanduser: it raises where it knows no such user
    return base / os.path.expanduser(path)  # noqa: PTH111


def find_config(stated: Path | None) -> Path:
    """`stated` (`--config`), else OPSCONSOLE_CONFIG, else the operator's own file; ConfigError when it is not there."""
    variable = os.environ.get(ENVIRONMENT_VARIABLE, "")
    path = from_base(Path(), str(stated or variable or default_config_path()))
    if missing := absence(path):
        fix = "Name one with --config PATH or OPSCONSOLE_CONFIG, or try `opsconsole demo`."
        raise ConfigError((Problem(str(path), 0, 0, missing),), done=_UNREAD, fix=fix)
    return path


def absence(path: Path) -> str:
    """Why there is no file to read at `path`, empty when there is one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return "this is a link to nothing" if path.is_symlink() else "there is no such file"
    except PermissionError:
        return f"the account {os.geteuid()} may not enter a directory on the way to it"
    except (OSError, ValueError) as error:
        return f"there can be no file here: {error.strerror if isinstance(error, OSError) else error}"
    if stat.S_ISDIR(found.st_mode):
        return "this is a directory, not a file"
    return "" if stat.S_ISREG(found.st_mode) else "this is not a regular file"


def read_own(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a file that nobody but its owner (we or root) can write, in a directory likewise.

    InsecureError when others can write either; ConfigError when it cannot be read.
    """
    try:
        # not Path.resolve: it makes a RuntimeError of a loop of links
        real = Path(os.path.realpath(path, strict=True))
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        problem = Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")
        fix = f"Run: ls -l {path}; this account (uid {os.geteuid()}) must be allowed to read it."
        raise ConfigError((problem,), done=_UNREAD, fix=fix) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError((Problem(str(path), 0, 0, "is not a regular file"),), done=_UNREAD)
        _refuse_foreign(path, found, f"chmod go-w {path}")
        _refuse_foreign(real.parent, real.parent.stat(), f"chmod go-w {real.parent}")
        return file.read(limit + 1)


def _refuse_foreign(path: Path, found: os.stat_result, fix: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise InsecureError(f"{path} belongs to another user (uid {found.st_uid}).", done=_UNREAD)
    # in a sticky directory (/tmp) others can add files but not replace ours
    sticky = stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
    if found.st_mode & _WRITE_OTHERS and not sticky:
        raise InsecureError(f"{path} can be written by others.", done=_UNREAD, fix=f"Run: {fix}")
