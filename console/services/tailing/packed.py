"""Compressed log files, unpacked here as their bytes come.

Owns which compressions are understood. Must not read from a host, and never holds more than it was asked for: a small
file may unpack to a huge one.
"""

from __future__ import annotations

import zlib
from bz2 import BZ2Decompressor
from lzma import FORMAT_XZ, LZMADecompressor, LZMAError
from typing import Protocol

from console.errors import RemoteError

AT_ONCE = 1 << 20
"""Bytes unpacked in one go."""

_LONGEST_MARK = 5
BROKEN = (zlib.error, LZMAError, OSError, EOFError, ValueError)
"""What the decompressors raise of data that is not what it should be."""


class Unpacker(Protocol):
    """One compressed member, as bz2 and lzma have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpacker(beginning: bytes) -> Unpacker:
    """What unpacks a file that begins so, whatever it is called; RemoteError when nothing here does."""
    if beginning.startswith(b"\x1f\x8b"):
        return _Gzip()
    if beginning.startswith(b"BZh"):
        return BZ2Decompressor()
    if beginning.startswith(b"\xfd7zXZ"):
        return LZMADecompressor(FORMAT_XZ, memlimit=64 << 20)
    raise RemoteError("what is in it is no gzip, bzip2 or xz")


class Unpacking:
    """The plain bytes of a compressed file whose bytes are fed in their order, member after member."""

    def __init__(self) -> None:
        self._held = b""
        self._member: Unpacker | None = None
        self._between = False

    @property
    def whole(self) -> bool:
        """Whether the fed bytes end with a complete member."""
        return not self._held and (self._member.eof if self._member else self._between)

    def feed(self, data: bytes) -> None:
        """More of the file."""
        self._held += data

    def take(self) -> bytes:
        """At most a megabyte of what it holds; empty when more must be fed first. RemoteError when it is broken."""
        while True:
            member = self._member
            if member is not None and member.eof:
                self._held = member.unused_data + self._held
                self._member, self._between = None, True
                continue
            if member is None:
                if self._between:
                    # Some tools fill the last block with zeros.
                    self._held = self._held.lstrip(b"\0")
                if len(self._held) < _LONGEST_MARK:
                    return b""
                self._member = member = unpacker(self._held)
            elif member.needs_input and not self._held:
                return b""
            data, self._held = self._unpack(member)
            if data:
                return data

    def _unpack(self, member: Unpacker) -> tuple[bytes, bytes]:
        try:
            return member.decompress(self._held, AT_ONCE), b""
        except BROKEN as error:
            raise RemoteError(f"it is broken: {error}") from error


class _Gzip:
    """zlib's decompressor in the shape of the other two."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        # When the output filled its room, more may be waiting inside although all input was consumed.
        return not self._full

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        plain = self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))
        self._full = len(plain) == max_length
        return plain
