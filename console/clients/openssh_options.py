"""What the system's `ssh` is told for a host, whatever the operator's own configuration says.

Owns the file of options that goes before that configuration, and the words of the command. Every jump host is reached
with the same file, so what is forced here holds on the whole way. Must not start an `ssh` that connects.
"""

from __future__ import annotations

import getpass
import glob
import re
from dataclasses import dataclass
from pathlib import Path

from console.clients.openssh import ask_ssh, revoked_for
from console.domain.environment import Host, SshTarget
from console.errors import UsageError

BEAT = 4
MISSES = 3
_SYSTEM = Path("/etc/ssh/ssh_config")
CONNECT_LIMIT = 10
_FORCED = """\
Host *
  # Nobody is asked, and no host is taken that is not known.
  BatchMode yes
  NumberOfPasswordPrompts 0
  StrictHostKeyChecking yes
  NoHostAuthenticationForLocalhost no
  # Nothing of this machine is changed or lent.
  UpdateHostKeys no
  AddKeysToAgent no
  ForwardAgent no
  ForwardX11 no
  ForwardX11Trusted no
  ClearAllForwardings yes
  GatewayPorts no
  Tunnel no
  PermitLocalCommand no
  # Commands are ours, and the connection is nobody else's.
  RemoteCommand none
  RequestTTY no
  EscapeChar none
  ControlMaster no
  ControlPath none
  ControlPersist no
  ConnectionAttempts 1
  ServerAliveInterval {beat}
  ServerAliveCountMax {misses}
  LogLevel INFO
  VisualHostKey no
"""
_NEWER = "ForkAfterAuthentication"
"""Known from OpenSSH 8.7 on. An older one refuses the word, and has no such option that could be set."""


@dataclass(frozen=True, slots=True)
class Way:
    """How `ssh` goes to a host: its words behind `ssh -F FILE …`, and where that leads. `is_proxied`: not straight."""

    words: tuple[str, ...]
    user: str
    address: str
    port: int
    is_proxied: bool

    @property
    def label(self) -> str:
        """`user@address:port`, for messages."""
        return f"{self.user}@{self.address}:{self.port}"


def prepare(file: Path, host: Host, ssh_config: str) -> Way:
    """Writes the file of options for a host, and says where ssh goes with it. UsageError, UnreachableError."""
    text = _stated(host, ssh_config) if host.ssh.host else _included(ssh_config)
    forced = _FORCED.format(beat=BEAT, misses=MISSES)
    file.write_text(f"{forced}  {_NEWER} no\n{text}", "utf-8")
    try:
        return _way(file, host)
    except UsageError as error:
        if f"Bad configuration option: {_NEWER.lower()}" not in error.what:
            raise
    file.write_text(forced + text, "utf-8")
    return _way(file, host)


def _way(file: Path, host: Host) -> Way:
    name = host.ssh.alias or host.ssh.host
    options = ask_ssh(name, str(file))

    def first(option: str) -> str:
        return options.get(option, [""])[0]

    said = first("connecttimeout")
    limit = min(CONNECT_LIMIT, int(said)) if said.isdigit() and int(said) else CONNECT_LIMIT
    words = ("-o", f"ConnectTimeout={limit}", "--", name)
    proxied = any(first(option).lower() not in ("", "none") for option in ("proxyjump", "proxycommand"))
    return Way(words, first("user"), first("hostname") or name, int(first("port") or "22"), proxied)


def _stated(host: Host, ssh_config: str) -> str:
    """The options of a host that is stated in full, as with `transport: ssh`: of ssh's own configuration the revoked
    host keys count, and nothing else."""
    target: SshTarget = host.ssh
    lines = [f"Port {target.port}"]
    if target.user:
        lines.append(f"User {_quoted(host, target.user)}")
    if target.identity_file:
        lines += [f"IdentityFile {_quoted(host, target.identity_file)}", "IdentitiesOnly yes"]
    if target.known_hosts:
        lines += [f"UserKnownHostsFile {_quoted(host, target.known_hosts)}", "GlobalKnownHostsFile none"]
    if revoked := revoked_for(target, target.user or getpass.getuser(), ssh_config):
        # As ssh printed it: a version that follows tokens there has followed them by now.
        lines.append(f"RevokedHostKeys {_in_quotes(host, revoked)}")
    return "".join(f"  {line}\n" for line in lines)


def _quoted(host: Host, value: str) -> str:
    """The same, for an option in which ssh follows tokens."""
    return _in_quotes(host, value.replace("%", "%%"))


def _in_quotes(host: Host, value: str) -> str:
    """A value as one word of the file. UsageError when it cannot be one."""
    if '"' in value or "\\" in value or any(ord(char) < 0x20 for char in value):
        raise UsageError(f"{host.name}: {value!r} cannot be said to ssh", fix="Use a name without quotes in it.")
    return f'"{value}"'


def _included(ssh_config: str) -> str:
    """The operator's configuration, which comes after what is forced: of each option ssh takes the first value."""
    if ssh_config:
        return f'  Include "{glob.escape(ssh_config)}"\n'
    _refuse_relative()
    return f"  Include ~/.ssh/config\n  Include {_SYSTEM}\n"


def _refuse_relative() -> None:
    """Inside the system's file a relative name would be looked for in the wrong directory."""
    try:
        text = _SYSTEM.read_text("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        found = re.match(r'\s*include[\s=]+"?(?![/~])(\S+)', line, re.IGNORECASE)
        if found:
            raise UsageError(
                f"{_SYSTEM} includes {found[1]} by a relative name, which cannot be followed with `transport: openssh`",
                fix=f"Write {_SYSTEM.parent}/{found[1]} there.",
            )
