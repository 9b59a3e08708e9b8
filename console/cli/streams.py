"""The process's own streams, and what it means to lose one.

Owns three rules. Who reads cannot do without stdout: a closed or full one is an error, and a reader that has gone ends
the command quietly. Who acts or follows a run outlives its stdout: what was begun decides the exit code. Nobody ever
fails for stderr. Must not know what is written.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, TextIO

from console.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderGoneError(Exception):
    """Whoever read our stdout has gone (`| head`): nobody is left to tell anything."""


@contextmanager
def own_streams() -> Iterator[None]:
    """Within the block stdin, stdout and stderr exist and keep the rules of a reading command."""
    _open_missing()
    with redirect_stderr(_guarded(sys.stderr, _pass_over)), redirect_stdout(_guarded(sys.stdout, _tell_reader)):
        try:
            yield
        finally:
            # What a failed command has printed still goes out; its own error counts, not one of the stream's.
            with contextlib.suppress(OutputError, ReaderGoneError):
                sys.stdout.flush()
            sys.stderr.flush()


@contextmanager
def outliving_stdout() -> Iterator[None]:
    """Within the block a lost stdout ends nothing: one that is full or closed is told on stderr, once, and a reader
    that has gone is not."""
    with _replaced_stdout(_tell_follower):
        yield


@contextmanager
def needing_stdout(done: str) -> Iterator[None]:
    """Within the block everything must be seen: also a reader that has gone is an error, which says what was `done`."""

    def lost(error: Exception) -> None:
        raise OutputError(_reason(error), done=done) from error

    with _replaced_stdout(lost):
        yield


@contextmanager
def _replaced_stdout(lost: Callable[[Exception], None]) -> Iterator[None]:
    sys.stdout.flush()
    with redirect_stdout(_guarded(sys.stdout, lost)):
        try:
            yield
        finally:
            sys.stdout.flush()


class _Guarded(io.RawIOBase):
    """Writes to another stream until that fails; `lost` is told once, and may raise. Later writes go nowhere."""

    def __init__(self, stream: TextIO, lost: Callable[[Exception], None]) -> None:
        self._stream = stream
        self._lost = lost
        self._gone = False

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self._gone:
            return size
        try:
            self._stream.buffer.write(data)
            self._stream.buffer.flush()
        except (OSError, OutputError, ReaderGoneError) as error:
            self._gone = True
            _divert(self._stream)
            self._lost(error)
        return size

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


def _guarded(stream: TextIO, lost: Callable[[Exception], None]) -> TextIO:
    # A person's locale may not know every glyph; a lost glyph is better than a lost line.
    return io.TextIOWrapper(
        io.BufferedWriter(_Guarded(stream, lost)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=bool(getattr(stream, "line_buffering", False)),
    )


def _divert(stream: TextIO) -> None:
    """Leads what the stream still holds into nothing: the interpreter writes it out at its end, and would fail."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def _open_missing() -> None:
    """Puts something in the place of each standard stream that this process was started without.

    Else the next file that is opened would get its number, and every child would write into that. Stdout and stderr are
    opened for reading: whoever writes to one fails as with a closed one.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    # The interpreter sets a stream it was started without to None, against its own declared types.
    streams: dict[str, object] = vars(sys)
    if streams["stdin"] is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor has no path
    if streams["stdout"] is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise
    if streams["stderr"] is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise


def _pass_over(_error: Exception) -> None:
    """What cannot be said on stderr stays unsaid."""


def _tell_reader(error: Exception) -> None:
    if _reader_gone(error):
        raise ReaderGoneError from error
    raise OutputError(
        _reason(error), fix="Call it again with somewhere to write; what was written until then may be cut off."
    ) from error


def _tell_follower(error: Exception) -> None:
    if not _reader_gone(error):
        sys.stderr.write(f"{_reason(error)} What was begun goes on without it.\n")


def _reader_gone(error: Exception) -> bool:
    return isinstance(error, (BrokenPipeError, ReaderGoneError))


def _reason(error: Exception) -> str:
    if isinstance(error, OutputError):
        return error.what
    if _reader_gone(error):
        return "Whoever read our standard output has gone."
    if isinstance(error, OSError) and error.errno == errno.EBADF:
        return "Our standard output is closed."
    return f"Our standard output cannot be written: {error.strerror if isinstance(error, OSError) else error}."
