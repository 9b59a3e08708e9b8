"""The terminal under the screen: its driver, and a watch that ends the process when the terminal has gone.

Owns noticing the loss (a hang-up of the line, a failed write, a signal) and the deadline for ending after it. Must not
know panes nor services: it is given what asks the screen to leave and what gives back what the screen holds.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import IO, Any, cast

from textual.drivers.linux_driver import LinuxDriver

LEAVE_SECONDS = 2.0
"""How long the screen may take to leave by itself."""
GIVE_BACK_SECONDS = 1.5
"""How long closing the services may take after that."""
EXIT_OF_SIGNAL = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}
"""The exit code of a process that one of these signals ended."""
HUNG_UP = EXIT_OF_SIGNAL[signal.SIGHUP]
"""The exit code without a terminal: what a shell says of a process that SIGHUP ended."""


class TerminalWatch:
    """A thread that waits for the end of the terminal, or for a signal that should end the screen.

    It asks the screen to leave (`leave`, with the exit code) and ends the process itself when the screen does not: the
    main thread may be waiting in a write that nobody will ever read.
    """

    def __init__(self, leave: Callable[[int], None], give_back: Callable[[], None]) -> None:
        self._leave = leave
        self._give_back = give_back
        self._told, self._teller = os.pipe()
        os.set_blocking(self._teller, False)
        self._lines = tuple(number for number in (0, 1, 2) if _is_terminal(number))
        self._modes = _modes(self._lines)
        self._thread = threading.Thread(target=self._watch, name="opsconsole-terminal", daemon=True)

    def start(self) -> TerminalWatch:
        """Starts the thread and returns itself, at once."""
        self._thread.start()
        return self

    def end(self, code: int) -> None:
        """Makes the screen end with an exit code. May be called in a signal handler: it takes no lock."""
        try:
            os.write(self._teller, bytes([code]))
        except BlockingIOError:
            pass  # The pipe is full of exit codes: one more says nothing new.

    def lost(self) -> None:
        """Ends the screen after a write to the terminal has failed."""
        self.end(HUNG_UP)

    def catch_signals(self) -> None:
        """Lets HUP, INT and TERM end the screen, also while the main thread waits in a write that nobody reads."""
        for number, code in EXIT_OF_SIGNAL.items():
            signal.signal(number, partial(self._signalled, code))

    def _signalled(self, code: int, _number: int, _frame: FrameType | None) -> None:
        self.end(code)

    def _watch(self) -> None:
        code = self._wait()
        until = time.monotonic() + LEAVE_SECONDS
        self._leave(code)
        # The process usually ends while this thread, a daemon, still waits here.
        time.sleep(max(0.0, until - time.monotonic()))
        ending = threading.Thread(target=self._give_back, name="opsconsole-ending", daemon=True)
        ending.start()
        ending.join(GIVE_BACK_SECONDS)
        self._restore()
        os._exit(code)

    def _wait(self) -> int:
        """The exit code to end with, once there is a reason to end."""
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        for line in self._lines:
            # No event is asked for: poll reports a hang-up or an error all the same, and typing wakes nothing.
            poll.register(line, 0)
        while True:
            for descriptor, _event in poll.poll():
                return os.read(self._told, 1)[0] if descriptor == self._told else HUNG_UP

    def _restore(self) -> None:
        """Gives a terminal that is still there its line discipline back. No escape sequence is written, because that
        could block again."""
        for line, modes in self._modes.items():
            try:
                termios.tcsetattr(line, termios.TCSANOW, modes)
            except (OSError, termios.error):
                continue


class ConsoleDriver(LinuxDriver):
    """Textual's driver, made to outlive its terminal: what is written after the terminal has gone is dropped.

    Otherwise Textual's writer thread would end at its first failed write, and the next writer wait for it for ever.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        watch = getattr(self._app, "terminal_watch", None)
        lost = watch.lost if isinstance(watch, TerminalWatch) else lambda: None
        self._file = cast(Any, GuardedStream(sys.__stderr__, lost))


class GuardedStream:
    """A text stream whose writes fail once at most: `lost` is called then, and everything after is dropped."""

    def __init__(self, stream: IO[str] | None, lost: Callable[[], None]) -> None:
        self._stream = stream
        self._lost = lost

    def write(self, text: str) -> int:
        """Writes, or drops."""
        self._attempt(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flushes, or drops."""
        self._attempt(lambda stream: stream.flush())

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return 2 if self._stream is None else self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it was a terminal."""
        return self._stream is not None and self._stream.isatty()

    def _attempt(self, act: Callable[[IO[str]], object]) -> None:
        if self._stream is None:
            return
        try:
            act(self._stream)
        except (OSError, ValueError):
            self._stream = None
            self._lost()


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def _modes(lines: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for line in lines[:1]:
        try:
            found[line] = termios.tcgetattr(line)
        except (OSError, termios.error):
            continue
    return found
