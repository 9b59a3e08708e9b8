"""One host over the system's `ssh`: `link_shell` on connections that running `ssh -M` processes hold.

Owns nothing but how these parts are put together.
"""

from __future__ import annotations

from collections.abc import Callable

from console.clients.link_shell import LinkShell
from console.clients.links import HostLinks
from console.clients.openssh_link import MuxLink, open_mux_link
from console.domain.environment import Host
from console.ports import Clock


class OpensshShell(LinkShell):
    """`ports.Shell` over `ssh`. `changed` is called, from any thread, when the link goes up or down."""

    def __init__(
        self, host: Host, *, clock: Clock, ssh_config: str = "", changed: Callable[[], None] = lambda: None
    ) -> None:
        def connect(limit: float, down: Callable[[str], None]) -> MuxLink:
            return open_mux_link(host, ssh_config, clock, limit=limit, down=down)

        super().__init__(host.name, HostLinks(host.name, clock, connect, changed), clock)
