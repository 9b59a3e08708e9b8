"""One SSH host of the embedded world: a real SSH server on loopback that runs a real /bin/sh in the host's directory.

Owns the protocol side: one generated host key, one authorised key, exec with stdin, stderr and exit status,
direct-tcpip to the world's own ports, and answers to global requests. Must not know what the programs on the host do,
and never listens beyond 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import paramiko
from paramiko import common

_CHUNK = 65536
_REPLY = 0.25
_OPEN: int = common.OPEN_SUCCEEDED
_REFUSED: int = common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
_Pipes = dict[int, Callable[[bytes], object]]


class _Session(paramiko.ServerInterface):
    """One connection's permissions: one key, exec, and tunnels to the ports it was told."""

    def __init__(self, authorised: paramiko.PKey, ports: frozenset[int], environment: Mapping[str, str]) -> None:
        self._authorised = authorised
        self._ports = ports
        self._environment = environment
        self.targets: dict[int, tuple[str, int]] = {}

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        allowed = key.asbytes() == self._authorised.asbytes() and username == "demo"
        return common.AUTH_SUCCESSFUL if allowed else common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return _OPEN if kind == "session" else _REFUSED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if destination[0] not in ("127.0.0.1", "localhost") or destination[1] not in self._ports:
            return _REFUSED
        self.targets[chanid] = ("127.0.0.1", destination[1])
        return _OPEN

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(self._environment),
            cwd=self._environment["HOME"],
            start_new_session=True,
        )
        threading.Thread(target=_serve, args=(channel, process), name="demo-exec", daemon=True).start()
        return True


def _serve(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    """Carries one command's streams until it ends or its channel goes away."""
    begun = threading.Event()
    feeder = threading.Thread(target=_feed, args=(channel, process, begun), name="demo-stdin", daemon=True)
    feeder.start()
    # Nothing may overtake the reply to the exec request: what the client sends next tells that the reply has gone out.
    begun.wait(_REPLY)
    assert process.stdout is not None
    assert process.stderr is not None
    pipes: _Pipes = {process.stdout.fileno(): channel.sendall, process.stderr.fileno(): channel.sendall_stderr}
    try:
        _drain(channel, process, pipes)
        channel.send_exit_status(_status(process))
    except (OSError, EOFError, paramiko.SSHException):
        # the link is gone: like sshd, what is not detached loses its pipes and its group is told so
        _hang_up(process)
    finally:
        for pipe in (process.stdout, process.stderr):
            pipe.close()
        _close(channel)


def _close(channel: paramiko.Channel) -> None:
    # The client may have gone with its connection: then nothing is left to be closed.
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


def _drain(channel: paramiko.Channel, process: subprocess.Popen[bytes], pipes: _Pipes) -> None:
    while pipes:
        ready, _, _ = select.select(list(pipes), [], [], 0.25)
        if channel.closed:
            raise OSError("channel closed")
        for descriptor in ready:
            data = os.read(descriptor, _CHUNK)
            if data:
                pipes[descriptor](data)
            else:
                del pipes[descriptor]
        if not ready and process.poll() is not None:
            # a detached grandchild may keep the pipes open; sshd ends the session with the command all the same
            break


def _status(process: subprocess.Popen[bytes]) -> int:
    code = process.wait()
    return code if code >= 0 else 128 - code


def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes], begun: threading.Event) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError):
        while True:
            data = channel.recv(_CHUNK)
            begun.set()
            if not data:
                break
            process.stdin.write(data)
            process.stdin.flush()
    with contextlib.suppress(OSError, ValueError):
        process.stdin.close()


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGHUP)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)


class SshHost:
    """A listening SSH server for one host directory. `port` is known after construction; OSError when it is taken."""

    def __init__(
        self,
        name: str,
        home: Path,
        *,
        path: str,
        key: paramiko.PKey,
        authorised: paramiko.PKey,
        ports: frozenset[int],
        port: int = 0,
    ) -> None:
        self.name = name
        self.key = key
        self._authorised = authorised
        self._ports = ports
        self._environment = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "USER": "demo", "SHELL": "/bin/sh"}
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._accept, name=f"demo-ssh-{name}", daemon=True)

    def start(self) -> None:
        """Begins to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the listener and every connection."""
        self._listener.close()
        for transport in self._transports:
            transport.close()

    def in_use(self) -> bool:
        """Whether somebody is connected."""
        return any(transport.is_active() for transport in self._transports)

    def known_hosts_line(self) -> str:
        """This host's line for a known_hosts file."""
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(client,), name="demo-link", daemon=True).start()

    def _connection(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(client)
        transport.add_server_key(self.key)
        session = _Session(self._authorised, self._ports, self._environment)
        try:
            transport.start_server(server=session)
        except (paramiko.SSHException, EOFError, OSError):
            transport.close()
            return
        self._transports = [other for other in self._transports if other.is_active()] + [transport]
        channels: list[paramiko.Channel] = []
        while transport.is_active():
            channel = transport.accept(1.0)
            # The transport itself holds channels weakly: one that waits for its command would be collected, and closed.
            channels = [other for other in channels if not other.closed]
            if channel is None:
                continue
            channels.append(channel)
            if channel.chanid in session.targets:
                target = session.targets.pop(channel.chanid)
                threading.Thread(target=_tunnel, args=(channel, target), name="demo-tunnel", daemon=True).start()


def _tunnel(channel: paramiko.Channel, target: tuple[str, int]) -> None:
    """Carries bytes both ways between a direct-tcpip channel and one of the world's own ports."""
    try:
        upstream = socket.create_connection(target, timeout=5)
    except OSError:
        _close(channel)
        return
    upstream.settimeout(None)
    with upstream, contextlib.suppress(OSError, EOFError):
        while True:
            ready, _, _ = select.select([channel.fileno(), upstream.fileno()], [], [])
            if channel.fileno() in ready:
                data = channel.recv(_CHUNK)
                if not data:
                    break
                upstream.sendall(data)
            if upstream.fileno() in ready:
                data = upstream.recv(_CHUNK)
                if not data:
                    break
                channel.sendall(data)
    _close(channel)
