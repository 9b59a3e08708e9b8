"""One running `ssh -M`: the process.

Owns it from its first word to its last: the private directory of its control socket, what it prints, and that it ends
with the console, however that ends. Must not know what goes through it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path

from console.clients.links import LinkBrokenError
from console.clients.openssh_errors import Said
from console.clients.openssh_mux import MuxConnection
from console.clients.openssh_options import Way, prepare
from console.domain.environment import Host
from console.errors import UsageError

_ENDING = 1.0
_INSIDE = "/opsconsole-12345678/control"
_LONGEST_PATH = 80
"""A socket's path has room for 107 bytes, of which ssh needs some for its own: it makes it beside and renames it."""
_TIED = """exec 3<&0 </dev/null
( read -r word <&3 || { kill -TERM $$; sleep 1; rm -rf -- "$0"; } ) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
"""
"""Runs a command in place of this shell and ends it when stdin ends without a word: the console may be killed."""


class MuxServer:
    """The process, its directory and its stderr."""

    def __init__(self, host: Host, ssh_config: str) -> None:
        self.directory = _private_directory()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.way: Way = prepare(self.directory / "options", host, ssh_config)
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    @property
    def _path(self) -> str:
        return str(self.directory / "control")

    def start(self) -> None:
        """Starts it."""
        words = ["ssh", "-F", str(self.directory / "options"), "-M", "-N", "-T", "-S", self._path.replace("%", "%%")]
        words += ["-o", "LogLevel=DEBUG1", *self.way.words]
        environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "never", "SSH_ASKPASS": "/bin/false"}
        # A session of its own: it has no terminal to ask on, and a key pressed here is no signal to it.
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED, str(self.directory), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        os.set_blocking(self.stderr, False)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LinkBrokenError("ssh was not started")
        return self._process

    @property
    def stderr(self) -> int:
        """The descriptor that says what it prints."""
        stream = self._running.stderr
        if stream is None:
            raise LinkBrokenError("ssh was not started")
        return stream.fileno()

    def ready(self, said: Said, seconds: float) -> bool | None:
        """Waits for up to so many seconds: whether it is signed in; None when it is not and has ended."""
        # Not select: descriptors may have numbers that it cannot take.
        poll = select.poll()
        poll.register(self.stderr, select.POLLIN)
        poll.poll(seconds * 1000)
        # What it started on its way may hold its stderr open for longer.
        ended = self._running.poll() is not None
        if not self.hear(said) or ended:
            return None
        listens = os.path.lexists(self._path)
        # All that it has said before it listened: which host key it took is in that.
        self.hear(said)
        return listens

    def hear(self, said: Said) -> bool:
        """Takes what it has printed; false at the end."""
        while True:
            try:
                data = os.read(self.stderr, 65_536)
            except BlockingIOError:
                return True
            if not data:
                return False
            said.hear(data)

    def ask(self, limit: float) -> MuxConnection:
        """A connection for one request. LinkBrokenError, TimeoutError."""
        return MuxConnection(self._path, self._running.pid, limit)

    def stop(self) -> None:
        """Tells it to end."""
        if self._process is not None:
            self._process.terminate()

    def finish(self, said: Said) -> int | None:
        """Waits for its end and leaves nothing of it behind; its exit status."""
        process = self._process
        if process is None:
            shutil.rmtree(self.directory, ignore_errors=True)
            return None
        try:
            status = process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self.hear(said)
        if process.stdin:
            # A word, so that whoever waits for the end of this pipe ends no process that has this number by now.
            with contextlib.suppress(OSError):
                process.stdin.write(b"\n")
                process.stdin.flush()
            # What could not be written is tried again here.
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.stderr:
            process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return status


def _private_directory() -> Path:
    """A new directory that only this account can enter, with a path short enough for a socket in it."""
    # Not XDG_RUNTIME_DIR: it is removed when the operator logs out, and a detached run goes on.
    for base in ("/tmp", tempfile.gettempdir()):  # noqa: S108 - made 0700
        if not _is_safe(base) or len(os.fsencode(base + _INSIDE)) > _LONGEST_PATH:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="opsconsole-", dir=base))
        except OSError:
            continue
    raise UsageError(
        "there is no directory for the control socket of ssh",
        fix="Set TMPDIR to a directory of yours with a short path.",
    )


def _is_safe(base: str) -> bool:
    """Whether nobody else can rename what lies in a directory."""
    try:
        found = Path(base).stat()
    except OSError:
        return False
    return found.st_uid in (0, os.geteuid()) and (not found.st_mode & 0o022 or bool(found.st_mode & 0o1000))
