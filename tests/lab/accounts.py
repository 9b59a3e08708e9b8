"""The operating system accounts of the test world. They are the machine's, so several worlds share them: the first one
up creates them, the last one down removes what was created. Touches no account it did not create."""

from __future__ import annotations

import contextlib
import fcntl
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.values import BUSYBOX_USER, COLLEAGUE, TEAM, USER, World

SHARED = Path("/var/lib/opsconsole-lab")
APPLETS = SHARED / "busybox"
BORROWED = ("php", "git", "rsync")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Only one world at a time changes the accounts."""
    with Path("/run/opsconsole-lab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _lay_applets() -> None:
    """A directory whose `sh` is busybox, and with nothing but busybox' applets and what the application needs."""
    APPLETS.mkdir(exist_ok=True)
    _run("/bin/busybox", "--install", "-s", str(APPLETS))
    for name in BORROWED:
        found = shutil.which(name)
        if found:
            (APPLETS / name).unlink(missing_ok=True)
            (APPLETS / name).symlink_to(found)


def _worlds() -> list[Path]:
    """The marks of the worlds that use the accounts; those whose directory is gone are forgotten on the way."""
    found = []
    for mark in (SHARED / "worlds").iterdir():
        if Path(mark.read_text()).is_dir():
            found.append(mark)
        else:
            _rule_file(mark.name).unlink(missing_ok=True)
            mark.unlink()
    return found


def add(world: World) -> None:
    """Sees to it that the accounts are there, and notes that this world uses them."""
    with _alone():
        (SHARED / "worlds").mkdir(parents=True, exist_ok=True)
        _lay_applets()
        if subprocess.run(["getent", "group", TEAM], capture_output=True, check=False).returncode:
            _run("groupadd", "--system", TEAM)
        shells = {USER: "/bin/bash", BUSYBOX_USER: str(APPLETS / "sh"), COLLEAGUE: "/bin/bash"}
        for name, shell in shells.items():
            if not _exists(name):
                home = SHARED / name
                subprocess.run(["groupdel", name], capture_output=True, check=False)
                # `*` and not `!`: sshd lets nobody in whose password is locked.
                _run("useradd", "--user-group", "--password", "*", "--home-dir", str(home), "--create-home", "-k",
                     "/nonexistent", "--shell", shell, name)  # fmt: skip
        for name in (USER, COLLEAGUE):
            _run("usermod", "-a", "-G", TEAM, name)
        _run("usermod", "-a", "-G", USER, BUSYBOX_USER)
        (SHARED / "worlds" / Path(world.root).name).write_text(world.root)
        _rule(world)


def _rule(world: World) -> None:
    """Lets the application's user run each host's supervisorctl as root without a password."""
    commands = ", ".join(f"{node.directory}/bin/supervisorctl" for node in world.nodes)
    rule = _rule_file(Path(world.root).name)
    rule.write_text(f"Defaults:{USER} !secure_path\n{USER} ALL=(root) NOPASSWD: {commands}\n")
    rule.chmod(0o440)


def _rule_file(name: str) -> Path:
    # sudo reads no file with a dot in its name
    return Path("/etc/sudoers.d") / f"opsconsole-lab-{name.replace('.', '_')}"


def remove(world: World) -> None:
    """Forgets this world; removes the accounts when no other world is up."""
    with _alone():
        _rule_file(Path(world.root).name).unlink(missing_ok=True)
        (SHARED / "worlds" / Path(world.root).name).unlink(missing_ok=True)
        if not SHARED.is_dir() or _worlds():
            return
        for name in (USER, BUSYBOX_USER, COLLEAGUE):
            subprocess.run(["userdel", "--force", name], capture_output=True, check=False)
        for name in (USER, BUSYBOX_USER, COLLEAGUE, TEAM):
            subprocess.run(["groupdel", name], capture_output=True, check=False)
        shutil.rmtree(SHARED)
