"""One host over SSH by the console's own client: `link_shell` on connections of paramiko's.

Owns nothing but how these parts are put together.
"""

from __future__ import annotations

from collections.abc import Callable

from console.clients.link_shell import LinkShell
from console.clients.links import HostLinks
from console.clients.names import Resolver
from console.clients.openssh import resolve
from console.clients.ssh_channels import TransportLink
from console.clients.ssh_connect import open_link
from console.domain.environment import Host
from console.ports import Clock


class SshShell(LinkShell):
    """`ports.Shell` over paramiko. `changed` is called, from any thread, when the link goes up or down."""

    def __init__(
        self,
        host: Host,
        *,
        clock: Clock,
        ssh_config: str = "",
        changed: Callable[[], None] = lambda: None,
        names: Resolver | None = None,
    ) -> None:
        found = names or Resolver()

        def connect(limit: float, down: Callable[[str], None]) -> TransportLink:
            return open_link(resolve(host, ssh_config), clock, found, limit=limit, down=down)

        super().__init__(host.name, HostLinks(host.name, clock, connect, changed), clock)
