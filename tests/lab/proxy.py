"""A TCP proxy that misbehaves on command: it adds latency, throttles, stops forwarding without closing, resets, or cuts
after a number of bytes. Forwards to one address; understands no protocol."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field

CHUNK = 16_384
RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Direction:
    """What travels one way: bytes with the time at which they may leave."""

    source: socket.socket
    target: socket.socket
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    ended: bool = False
    allowance: float = 0.0
    counted_at: float = 0.0


class Proxy:
    """Listens on 127.0.0.1 and forwards to `address`. Set at any time: `latency` (seconds each way), `rate` (bytes a
    second each way, 0 is unlimited), `cut_after` (bytes in all from the target, then a reset) and `refuse`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._pairs: list[tuple[Direction, Direction]] = []
        self._forwarding = threading.Event()
        self._forwarding.set()
        self._ending = threading.Event()
        self._reset = threading.Event()
        self.latency = 0.0
        self.rate = 0.0
        self.cut_after: int | None = None
        self.refuse = False
        self.carried = 0
        self.connections = 0
        self._thread = threading.Thread(target=self._run, name="lab-proxy", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def blackhole(self) -> None:
        """Stops forwarding: connections stay open, new ones are accepted, nothing passes."""
        self._forwarding.clear()

    def forward(self) -> None:
        """Goes on forwarding, also what waited meanwhile."""
        self._forwarding.set()

    def reset(self) -> None:
        """Resets every open connection on both sides."""
        self._reset.set()

    def close(self) -> None:
        """Ends the proxy and all its connections."""
        self._ending.set()
        self._thread.join(5)
        for pair in self._pairs:
            _close(pair)
        self._listener.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            if self._reset.is_set():
                self._reset.clear()
                self._drop(list(self._pairs))
            if not self._forwarding.is_set():
                self._accept()
                time.sleep(0.01)
                continue
            self._read()
            for pair in list(self._pairs):
                try:
                    alive = [self._write(each) for each in pair]
                except OSError:
                    self._drop([pair])
                    continue
                if self.cut_after is not None and self.carried >= self.cut_after:
                    self.cut_after = None
                    self._drop([pair])
                elif not any(alive):
                    self._drop([pair], linger=False)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        self.connections += 1
        try:
            if self.refuse:
                raise ConnectionRefusedError
            target = socket.create_connection(self._address, 5)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            return
        for each in (client, target):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs.append((Direction(client, target), Direction(target, client)))

    def _read(self) -> None:
        pause = 0.002 if any(each.waiting for pair in self._pairs for each in pair) else 0.02
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            for pair in self._pairs:
                for each in pair:
                    if not each.ended and each.size < 4 * CHUNK:
                        selector.register(each.source, selectors.EVENT_READ, each)
            ready = selector.select(pause)
        for key, _ in ready:
            if key.data is None:
                self._accept()
                continue
            try:
                data = key.data.source.recv(CHUNK)
            except OSError:
                data = b""
            key.data.ended = not data
            if data:
                key.data.waiting.append((time.monotonic() + self.latency, data))
                key.data.size += len(data)

    def _write(self, way: Direction) -> bool:
        """Sends what is due; whether more can come this way."""
        now = time.monotonic()
        if self.rate:
            way.allowance = min(self.rate * 0.1, way.allowance + self.rate * (now - way.counted_at))
        way.counted_at = now
        while way.waiting and way.waiting[0][0] <= now:
            _, data = way.waiting[0]
            limit = self._limit(way, len(data))
            if limit <= 0:
                return True
            try:
                sent = way.target.send(data[:limit])
            except BlockingIOError:
                return True
            self._count(way, sent)
            way.waiting.popleft()
            if sent < len(data):
                way.waiting.appendleft((0.0, data[sent:]))
        if way.ended and not way.waiting:
            try:
                way.target.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return False
        return True

    def _limit(self, way: Direction, size: int) -> int:
        limit = int(way.allowance) if self.rate else size
        if self.cut_after is not None and self._is_answer(way):
            limit = min(limit, self.cut_after - self.carried)
        return limit

    def _count(self, way: Direction, sent: int) -> None:
        way.size -= sent
        way.allowance -= sent if self.rate else 0
        if self._is_answer(way):
            self.carried += sent

    def _is_answer(self, way: Direction) -> bool:
        return any(pair[1] is way for pair in self._pairs)

    def _drop(self, pairs: list[tuple[Direction, Direction]], *, linger: bool = True) -> None:
        for pair in pairs:
            if linger:
                for each in pair:
                    each.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            _close(pair)
            self._pairs.remove(pair)


def _close(pair: tuple[Direction, Direction]) -> None:
    for each in pair:
        each.source.close()
