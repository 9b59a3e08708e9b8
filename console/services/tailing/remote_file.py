"""One file of one host as a stream of its bytes, which goes on where it was after a lost link.

Owns the script that sends a file and the finding of it under another name. Must not hold more than was just read.

The file is known by its `dev:ino`: a rotation in between changes its name, not what is read. The script needs `stat`,
`dd` and `cat` as busybox has them, and /proc.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from console.domain.log_siblings import FoundFile
from console.domain.shellwords import Kind, Typed, quote
from console.errors import OpsconsoleError, RemoteError, UnreachableError
from console.ports import Clock, Shell, Stream

HELLO = b"opsconsole-file"
OPEN_AT_ONCE = 8
"""Files of a host that are read at the same time; a host gives few channels."""

_CHUNK = 1 << 18
_WAIT = 0.2
_LONGEST_WAIT = 4.0
PATIENCE = 12.0
"""Seconds after which a host that went away while it was read is given up; the last attempt may take longer."""

_SCRIPT = r"""
grab() {
  [ -f "$1" ] && [ -r "$1" ] || return 1
  { command exec 3<"$1"; } 2>/dev/null || return 1
  seen=$(stat -L -c '%d:%i %s' /proc/self/fd/3 2>/dev/null)
  [ "${seen% *}" = "$wanted" ]
}
find_it() {
  grab "$path" && return 0
  for each in "${path%/*}"/*; do
    [ "$(stat -L -c '%d:%i' "$each" 2>/dev/null)" = "$wanted" ] && grab "$each" && return 0
  done
  return 1
}
if find_it; then
  if [ "$offset" -gt 0 ]; then dd bs=1 skip="$offset" count=0 <&3 >/dev/null 2>&1; fi
  echo "opsconsole-file ${seen#* }"
  exec cat <&3
fi
echo "opsconsole-file gone"
"""


class HostFiles:
    """What the files of one host share: its shell, the few channels it gives, and whether the host is lost."""

    def __init__(self, shell: Callable[[], Shell], clock: Clock) -> None:
        self._shell = shell
        self._reading: list[RemoteFile] = []
        self.clock = clock
        self.lost: OpsconsoleError | None = None

    def stream(self, file: RemoteFile, script: str) -> Stream:
        """Starts to send a file. If too many are open, the one read longest ago is closed; its next read reopens it."""
        if self.lost is not None:
            raise self.lost
        while len(self._reading) >= OPEN_AT_ONCE:
            self._reading[0].close()
        stream = self._shell().stream(script, bulk=True)
        self._reading.append(file)
        return stream

    def used(self, file: RemoteFile) -> None:
        """Notes that a file was read from just now."""
        if self._reading[-1] is not file:
            self._reading.remove(file)
            self._reading.append(file)

    def closed(self, file: RemoteFile) -> None:
        """Notes that a file has no stream any more."""
        self._reading.remove(file)


class RemoteFile:
    """The bytes of a file from `offset` to `end`, read in order. UnreachableError when its host stays away, RemoteError
    when the file is not there any more or was cut; then `left` bytes were not read."""

    def __init__(self, host: HostFiles, file: FoundFile, *, offset: int = 0, end: int | None = None) -> None:
        self._host = host
        self._stream: Stream | None = None
        self._head = b""
        self._failing_since: float | None = None
        self.file = file
        self.offset = offset
        self.end = file.size if end is None else end

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return max(0, self.end - self.offset)

    def read(self) -> bytes | None:
        """The next bytes, waiting for them; None at the end."""
        while self.left:
            try:
                data = self._some()
            except UnreachableError as error:
                self._again(error)
                continue
            if data:
                data = data[: self.left]
                self.offset += len(data)
                self._failing_since = None
                return data
        self.close()
        return None

    def close(self) -> None:
        """Ends the stream, at once; the next `read` would open another one at the same byte."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._host.closed(self)

    def _some(self) -> bytes:
        if self._stream is None:
            self._head = b""
            self._stream = self._host.stream(self, self._script())
        self._host.used(self)
        data = self._stream.read(_CHUNK, 1.0)
        if data is None:
            # The next attempt shows whether the file became shorter or only the sending was ended.
            raise UnreachableError("the host stopped sending it")
        if self._head.endswith(b"\n"):
            return data
        first, newline, rest = (self._head + data).partition(b"\n")
        self._head = first + newline
        if newline:
            self._opened(first)
        return rest

    def _opened(self, line: bytes) -> None:
        hello, _, size = line.rpartition(b" ")
        if not hello.endswith(HELLO) or not size.isdigit():
            self.close()
            raise RemoteError("it is not there any more" if size == b"gone" else "the host sent something else")
        if int(size) < self.end:
            self.close()
            raise RemoteError("it became shorter while it was read")

    def _script(self) -> str:
        path = quote(Typed(Kind.PATH, self.file.path).value)
        return f"path={path} wanted={quote(self.file.inode)} offset={int(self.offset)}\n{_SCRIPT}"

    def _again(self, error: OpsconsoleError) -> None:
        """Waits before another attempt. After `PATIENCE` raises the error, and gives up every file of the host."""
        self.close()
        now = self._host.clock.monotonic()
        since = self._failing_since if self._failing_since is not None else now
        if self._host.lost is not None or now - since >= PATIENCE:
            self._host.lost = self._host.lost or error
            raise error
        self._failing_since = since
        self._host.clock.wait(Event(), min(_LONGEST_WAIT, _WAIT + (now - since) / 2))
