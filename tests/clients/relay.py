"""Carries standard input and output to an address, as a ProxyCommand does: `relay.py HOST PORT`."""

from __future__ import annotations

import os
import select
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as sock:
    while True:
        ready, _, _ = select.select([0, sock.fileno()], [], [])
        if 0 in ready:
            data = os.read(0, 65_536)
            if not data:
                break
            sock.sendall(data)
        if sock.fileno() in ready:
            data = sock.recv(65_536)
            if not data:
                break
            os.write(1, data)
