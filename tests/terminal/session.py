"""Runs a program in a real pseudo-terminal, types into it, and sees its screen, its bytes and what it costs. It is the
terminal's side only: it knows nothing of the program, and asserts nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pyte

from tests.waiting import NotInTimeError, eventually

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "space": " ",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "delete": "\x1b[3~",
    "f1": "\x1bOP",
}
# A device-control, application or privacy string, and keyboard-protocol sequences: pyte would print them.
STRANGE = re.compile(rb"\x1b[P_^].*?(?:\x1b\\|\x07)|\x1b\[[<>=?][0-9;]*u|\x1b\[>[0-9;]*[a-zA-Z]", re.DOTALL)
PRIVATE_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[c": b"\x1b[?62;22c", b"\x1b[6n": b"\x1b[1;1R"}
TICKS = os.sysconf("SC_CLK_TCK")


def key(name: str) -> bytes:
    """What a terminal sends for a key: a name such as `enter` or `ctrl+p`, else the text itself."""
    if name.startswith("ctrl+") and len(name) == 6:
        return bytes([ord(name[-1].upper()) & 0x1F])
    return KEYS.get(name, name).encode()


def processor_seconds(pid: int) -> float:
    """The processor time a process used so far, its own and not its children's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid: int) -> int:
    """The memory a process keeps resident, at its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


class Terminal:
    """A program behind a pseudo-terminal. Use it in a `with`: leaving ends the program.

    Every output chunk is kept with the time it was read, so painting can be timed after the fact.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        width: int = 120,
        height: int = 36,
        env: Mapping[str, str] | None = None,
        cwd: str | Path = "/",
    ) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self._rows: list[str] | None = None
        self._code: int | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.modes_before = termios.tcgetattr(slave)
        base = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        words = ["/usr/bin/env", "-i", "-C", str(cwd)]
        words += [f"{name}={value}" for name, value in {**base, "PATH": os.environ["PATH"], **(env or {})}.items()]
        # A session leader that opens a terminal gets it as its controlling one.
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0)]
        duplicates = [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]
        self.started_at = time.monotonic()
        self.pid = os.posix_spawn(
            words[0], [*words, *argv], {}, file_actions=[*actions, *duplicates], setsid=True, setsigdef=[signal.SIGPIPE]
        )
        # Kept open, so that the program's end does not look like a broken terminal and its modes can be read.
        self._slave = slave
        self._ending = threading.Event()
        self._reader = threading.Thread(target=self._read, name="terminal-reader", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._ending.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 65_536)
            except OSError:
                return
            with self._lock:
                self.chunks.append((time.monotonic(), data))
            for question, answer in ANSWERS.items():
                if question in data:
                    os.write(self._master, answer)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the program (killed when it does not go within 3 s) and frees the terminal."""
        if self._closed:
            return
        self._closed = True
        for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 10.0)):
            if self._poll() is None:
                os.kill(self.pid, number)
                self._await_end(patience)
        self._ending.set()
        self._reader.join(5)
        os.close(self._slave)
        os.close(self._master)

    # -- the program

    def _poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def _await_end(self, seconds: float) -> None:
        with suppress(NotInTimeError):
            eventually(lambda: self._poll() is not None, seconds)

    @property
    def running(self) -> bool:
        """Whether the program still runs."""
        return self._poll() is None

    def wait(self, seconds: float = 10.0) -> int:
        """Waits for the program's end; its exit code, negative for a signal."""
        self._await_end(seconds)
        if self._code is None:
            raise NotInTimeError(f"still running after {seconds:g} s:\n{self.text}")
        self._drain()
        return self._code

    def _drain(self) -> None:
        """Lets the reader take what the ended program left: on a busy machine it may not have had its turn yet."""
        looks: list[int] = []

        def quiet() -> bool:
            waiting = select.select([self._master], [], [], 0)[0]
            looks.append(-1 if waiting else len(self.chunks))
            return looks[-1] >= 0 and looks[-8:] == [looks[-1]] * 8

        with suppress(NotInTimeError):
            eventually(quiet, 5)

    def signal(self, number: signal.Signals) -> None:
        """Sends the program a signal."""
        os.kill(self.pid, number)

    # -- typing

    def press(self, *names: str) -> float:
        """Types keys, one write each; the time just before the last was written: the kernel may echo it at once."""
        at = time.monotonic()
        for name in names:
            at = time.monotonic()
            os.write(self._master, key(name))
        return at

    def send(self, data: bytes) -> None:
        """Writes raw bytes, as a paste or a hostile terminal would."""
        os.write(self._master, data)

    def resize(self, width: int, height: int) -> None:
        """Changes the window's size, which also signals the program."""
        self._feed()
        self._rows = None
        self._screen.resize(height, width)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    # -- looking

    def _feed(self) -> None:
        with self._lock:
            fresh = b"".join(data for _, data in self.chunks[self._fed :])
            self._fed = len(self.chunks)
        if fresh:
            self._rows = None
            self._stream.feed(STRANGE.sub(b"", fresh))

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._screen.columns)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self._screen.lines)

    @property
    def lines(self) -> list[str]:
        """The screen's rows as text."""
        self._feed()
        # Whoever waits asks a hundred times a second, far more often than something is written.
        if self._rows is None:
            self._rows = [line.rstrip() for line in self._screen.display]
        return list(self._rows)

    @property
    def text(self) -> str:
        """The whole screen as text."""
        return "\n".join(self.lines)

    def colour(self, what: str) -> str:
        """The foreground colour of the first place that shows a text; empty when none does."""
        for row, line in enumerate(self.lines):
            if what in line:
                return str(self._screen.buffer[row][line.index(what)].fg)
        return ""

    @property
    def output(self) -> bytes:
        """Every byte the program wrote."""
        with self._lock:
            return b"".join(data for _, data in self.chunks)

    def written_since(self, moment: float) -> int:
        """How many bytes were written after a moment of the monotonic clock."""
        with self._lock:
            return sum(len(data) for at, data in self.chunks if at > moment)

    def wait_for(self, what: str | Callable[[str], bool], seconds: float = 10.0) -> float:
        """Waits until the screen shows a text (or satisfies a condition on its text); seconds it took."""
        shown = (lambda text: what in text) if isinstance(what, str) else what

        def look() -> bool:
            if shown(self.text):
                return True
            if self.running:
                return False
            self._drain()
            if not shown(self.text):
                raise NotInTimeError(f"the program ended with {self._code} before {what!r}; the screen:\n{self.text}")
            return True

        began = time.monotonic()
        eventually(look, seconds, otherwise=lambda: f"{what!r} is not shown; the screen:\n{self.text}")
        return time.monotonic() - began

    def wait_quiet(self, quiet: float = 0.3, seconds: float = 10.0) -> None:
        """Waits until nothing was written for `quiet` seconds."""
        eventually(lambda: self._paused_for(quiet), seconds, otherwise=f"the program never paused for {quiet:g} s")

    def _paused_for(self, quiet: float) -> bool:
        with self._lock:
            last = self.chunks[-1][0] if self.chunks else self.started_at
        return time.monotonic() - last >= quiet

    def painted_at(self, what: str | Callable[[str], bool]) -> float:
        """Seconds from the start until the screen first showed that, found by replaying the output."""
        shown = (lambda text: what in text) if isinstance(what, str) else what
        screen = pyte.Screen(self._screen.columns, self._screen.lines)
        stream = pyte.ByteStream(screen)
        with self._lock:
            chunks = list(self.chunks)
        for at, data in chunks:
            stream.feed(STRANGE.sub(b"", data))
            if shown("\n".join(screen.display)):
                return at - self.started_at
        raise AssertionError(f"{what!r} was never shown")

    def answer_time(self, name: str, seconds: float = 5.0) -> float:
        """Seconds from typing a key to the first output after it."""
        before = self.press(name)

        def first() -> float | None:
            with self._lock:
                return next((at for at, _ in self.chunks[-50:] if at >= before), None)

        return eventually(first, seconds, otherwise=f"no output after {name}") - before

    # -- what the program leaves behind

    @property
    def open_modes(self) -> set[int]:
        """The private modes (mouse, alternate screen, bracketed paste, hidden cursor as -25) that are still on."""
        found: set[int] = set()
        for numbers, verb in PRIVATE_MODE.findall(self.output):
            for number in map(int, numbers.split(b";")):
                mode, opened = (-25, verb == b"l") if number == 25 else (number, verb == b"h")
                (found.add if opened else found.discard)(mode)
        return found - {7, 2026}

    @property
    def modes_restored(self) -> bool:
        """Whether the line discipline (echo, canonical input…) is as it was before the program ran."""
        return termios.tcgetattr(self._slave) == self.modes_before


class FailingTerminal(Terminal):
    """A terminal that stalls or goes away while the program runs."""

    def deafen(self) -> None:
        """Reads nothing any more: soon the program cannot write, as behind a link that has stalled."""
        self._ending.set()
        self._reader.join(5)

    def vanish(self) -> None:
        """Takes the terminal away from under the program, as a closed window or a lost connection does."""
        self.deafen()
        os.close(self._master)

    def reap(self, seconds: float) -> bool:
        """After `vanish`: whether the program ended within so many seconds; it is killed when it did not."""
        self._await_end(seconds)
        self._closed = True
        ended = self._poll() is not None
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
            self._await_end(10)
        os.close(self._slave)
        return ended
