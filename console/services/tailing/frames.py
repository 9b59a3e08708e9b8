"""The decoder of what the follower script sends from a host.

Owns the frames. Must not open connections, keep threads or hold log text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

HELLO = b"opsconsole-follower 1"
_LONGEST_LINE = 16_384
_LONGEST_DATA = 1 << 22


@dataclass(frozen=True, slots=True)
class FileOpened:
    """A file was opened to be read from `offset`. `why`: start, resumed, renamed, appeared or truncated."""

    file: int
    inode: str
    offset: int
    size: int
    why: str
    path: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a file, from `offset` on."""

    file: int
    inode: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class FileTrouble:
    """`kind` is missing or unreadable (it waits), gap (the bytes at a `FilePosition` are gone), or closed (let go)."""

    file: int
    kind: str
    inode: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Beat:
    """The script is alive and has nothing to say."""


Frame = FileOpened | Data | FileTrouble | Beat


class FollowerError(Exception):
    """The bytes that came are not in the form that the script sends."""


@dataclass(slots=True)
class Decoder:
    """Takes bytes as they come, gives whole frames. What a login prints before the script's first line is skipped."""

    _held: bytearray = field(default_factory=bytearray)
    _greeted: bool = False
    _data: tuple[int, str, int, int] | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. FollowerError when the format is broken."""
        self._held += data
        while (frame := self._next()) is not None:
            if not isinstance(frame, _Nothing):
                yield frame

    def _next(self) -> Frame | _Nothing | None:
        if self._data is not None:
            return self._payload(self._data)
        end = self._held.find(b"\n")
        if end < 0:
            if self._greeted and len(self._held) > _LONGEST_LINE:
                raise FollowerError("a line without an end")
            return None
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        if not self._greeted:
            self._greeted = line.endswith(HELLO)
            return _Nothing()
        try:
            return self._line(line)
        except (ValueError, IndexError, UnicodeDecodeError):
            raise FollowerError("a line of an unknown form") from None

    def _line(self, line: bytes) -> Frame | _Nothing:
        words = line.split(b" ", 6)
        kind = words[0]
        if kind == b"beat":
            return Beat()
        if kind == b"needs":
            raise FollowerError("the host has no /proc")
        number = int(words[1])
        if kind in (b"missing", b"unreadable"):
            return FileTrouble(number, kind.decode("ascii"))
        inode = words[2].decode("ascii")
        if kind == b"closed":
            return FileTrouble(number, "closed", inode)
        offset = int(words[3])
        if kind == b"gap":
            return FileTrouble(number, "gap", inode, offset)
        if kind == b"opened":
            return FileOpened(number, inode, offset, int(words[4]), words[5].decode("ascii"), words[6])
        length = int(words[4])
        if kind != b"data" or not 0 < length <= _LONGEST_DATA:
            raise ValueError(kind)
        self._data = (number, inode, offset, length)
        return _Nothing()

    def _payload(self, announced: tuple[int, str, int, int]) -> Frame | None:
        """The announced bytes, once the line behind them says how many of them are real."""
        number, inode, offset, length = announced
        end = self._held.find(b"\n", length)
        if end < 0:
            if len(self._held) > length + 64:
                raise FollowerError("data without an end")
            return None
        word, _, count = bytes(self._held[length:end]).partition(b" ")
        if word != b"end" or not count.isdigit() or int(count) > length:
            raise FollowerError("data of another length than announced")
        data = bytes(self._held[: int(count)])
        del self._held[: end + 1]
        self._data = None
        return Data(number, inode, offset, data)


@dataclass(frozen=True, slots=True)
class _Nothing:
    """The result of a line that completes no frame."""
