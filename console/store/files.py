"""The state directory and its database file: who may see them, and on what kind of disk.

Owns permissions, ownership and the refusal of network disks. Must not open the database itself.
"""

from __future__ import annotations

import contextlib
import grp
import os
import stat
from pathlib import Path

from console.domain.untrusted import harmless
from console.errors import InsecureError, StateError
from console.own_directories import make_directory

NAME = "state.db"
_COMPANIONS = ("-wal", "-shm", "-journal")
# Locks and shared memory on these cannot be trusted between machines; SQLite's own documentation says so of WAL.
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs")
_NETWORK_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone")


def prepare(directory: Path, *, group: str = "", mounts: str | None = None) -> tuple[Path, bool]:
    """Makes (or checks) the directory and an empty database file in it; the file's path, and whether it was made now.

    Without `group` 0700/0600, with it 2770/0660 of that group. InsecureError when others could read or change what is
    there, StateError when it cannot be used at all. `mounts` replaces /proc/self/mounts in tests.
    """
    gid = _gid(group)
    try:
        _make_directory(directory, gid)
        real = directory.resolve()
        _refuse_network(real, mounts)
        _check(directory, directory.stat(), gid, "directory")
        path = directory / NAME
        made = _make_file(path, gid)
    except OSError as error:
        raise StateError(
            f"the state directory {_shown(directory)} cannot be used: {error.strerror or error}",
            done="nothing was changed",
            fix="give this account a writable directory on a local disk, or set state.path in the configuration",
        ) from error
    return path, made


def _shown(path: Path) -> str:
    return harmless(str(path))


def _gid(group: str) -> int | None:
    if not group:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise StateError(
            f"there is no group {harmless(group)} on this machine",
            fix="create it, or change state.group in the configuration",
        ) from None


def _make_directory(directory: Path, gid: int | None) -> None:
    if make_directory(directory, gid=gid) or gid is None:
        return
    found = directory.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & 0o077 and not (directory / NAME).exists():
        # Private and still without a database: made for a trace or a cache before anybody asked for the state.
        os.chown(directory, -1, gid)
        directory.chmod(0o2770)


def _make_file(path: Path, gid: int | None) -> bool:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    made = True
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        made = False
    else:
        try:
            if gid is not None:
                os.fchown(descriptor, -1, gid)
                # fchmod, because the umask of whoever is first must not decide for the group.
                os.fchmod(descriptor, 0o660)
        finally:
            os.close(descriptor)
    for each in (path, *(path.with_name(path.name + ending) for ending in _COMPANIONS)):
        with contextlib.suppress(FileNotFoundError):
            _check(each, each.lstat(), gid, "file")
    return made


def _check(path: Path, found: os.stat_result, gid: int | None, kind: str) -> None:
    if kind == "file" and not stat.S_ISREG(found.st_mode):
        raise InsecureError(f"{_shown(path)} is not a plain file", fix="move it away; it is not one of ours")
    mode = stat.S_IMODE(found.st_mode)
    if gid is None:
        wrong = mode & 0o077
        want = "0700" if kind == "directory" else "0600"
        strange = found.st_uid not in (os.geteuid(), 0)
    else:
        wrong = mode & 0o007
        want = "2770" if kind == "directory" else "0660"
        strange = found.st_gid != gid
    if wrong or strange:
        whose = f"uid {found.st_uid}, gid {found.st_gid}"
        raise InsecureError(
            f"{_shown(path)} has mode {mode:04o} ({whose}): others could read or change the state",
            done="nothing was read",
            fix=f"chmod {want} {_shown(path)}" + ("" if not strange else ", and give it its owner or group back"),
        )


def _refuse_network(path: Path, mounts: str | None) -> None:
    text = Path("/proc/self/mounts").read_text(errors="surrogateescape") if mounts is None else mounts
    best, kind = "", ""
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescaped(fields[1])
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best):
            best, kind = point, fields[2]
    if kind in _NETWORK or kind.startswith(_NETWORK_FUSE):
        raise StateError(
            f"the state directory {_shown(path)} lies on a network disk ({harmless(kind)} at {harmless(best)})",
            done="nothing was written: locks there cannot be trusted",
            fix="set state.path in the configuration to a directory on a local disk",
        )


def _unescaped(point: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, char)
    return point
