"""Descriptors that one thread may close while another is inside a call on them.

Owns when they are closed: the number of a closed descriptor is given out again at once, and a call that still has it
would read what is meant for somebody else.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Guarded:
    """Calls `close` once: when it is asked to, or when the last call has left."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self._inside = 0
        self._closed = False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Around each call. OSError when it is closed."""
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._inside += 1
        try:
            yield
        finally:
            if self._left():
                self._close()

    def _left(self) -> bool:
        """Whether the last call has left what was closed meanwhile."""
        with self._lock:
            self._inside -= 1
            return self._closed and self._inside == 0

    def close(self) -> None:
        """No further call comes in; whoever is inside has to be woken by other means."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            free = self._inside == 0
        if free:
            self._close()
