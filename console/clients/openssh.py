"""Where a host really is, as the operator's own `ssh` would say.

Owns the resolution of aliases by `ssh -G` and the `Destination` it ends in. Must not connect, and must not guess: an
option that changes the way to the host and that we cannot follow is refused with its name.
"""

from __future__ import annotations

import getpass
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from console.domain.environment import Host, SshTarget
from console.domain.untrusted import Raw
from console.errors import UnreachableError, UsageError

_NONE = ("", "none")
_CONNECT_LIMIT = 10.0
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_TOKEN = re.compile(r"%(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One resolved SSH destination.

    `key_name` is the name host keys are looked up by; `key_port` 22 when the port plays no part in it. `agent` is a
    socket path, `SSH_AUTH_SOCK` for the environment's, or empty for none. `strict` is what StrictHostKeyChecking said.
    `unjudged` names an option about host keys that we do not understand, empty when there is none.
    """

    name: str
    address: str
    port: int
    user: str
    key_name: str
    key_port: int
    identity_files: tuple[str, ...]
    identities_only: bool
    agent: str
    known_hosts: tuple[str, ...]
    strict: str = "ask"
    unjudged: str = ""
    connect_timeout: float = _CONNECT_LIMIT
    family: str = "any"

    @property
    def label(self) -> str:
        """`user@address:port`, for messages."""
        return f"{self.user}@{self.address}:{self.port}"


def resolve(host: Host, ssh_config: str = "") -> Destination:
    """The destination of a configured host. UsageError when it cannot be reached the way it is configured."""
    if host.ssh.alias:
        return _from_options(host, ask_ssh(host.ssh.alias, ssh_config))
    return _explicit(host.name, host.ssh)


def _explicit(name: str, target: SshTarget) -> Destination:
    if not target.host:
        raise UsageError(f"{name}: neither an ssh alias nor a host is configured", fix="Set `ssh:` of this host.")
    home = Path.home() / ".ssh"
    stated = bool(target.identity_file)
    identities = (target.identity_file,) if stated else tuple(str(home / key) for key in _DEFAULT_KEYS)
    known = (target.known_hosts,) if target.known_hosts else (str(home / "known_hosts"), "/etc/ssh/ssh_known_hosts")
    return Destination(
        name=name,
        address=target.host,
        port=target.port,
        user=target.user or getpass.getuser(),
        key_name=target.host,
        key_port=target.port,
        identity_files=tuple(str(Path(path).expanduser()) for path in identities),
        identities_only=stated,
        agent="SSH_AUTH_SOCK",
        known_hosts=tuple(str(Path(path).expanduser()) for path in known),
        strict="yes",
    )


def ask_ssh(alias: str, ssh_config: str = "") -> dict[str, list[str]]:
    """What `ssh -G` says of an alias: option names in lower case, each with its values in order."""
    if not alias or alias.startswith("-") or any(ord(char) < 0x21 for char in alias):
        raise UsageError(f"{alias!r} is not a name ssh can take", fix="Set `ssh:` to an alias or user@host.")
    argv = ["ssh", "-G", *(["-F", ssh_config] if ssh_config else []), "--", alias]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except FileNotFoundError as error:
        raise UsageError(
            f"the alias {alias} needs the ssh command, which is not installed",
            fix="Install openssh-client, or state host, port, user, identity_file and known_hosts instead.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(
            f"`ssh -G {alias}` gave no answer for 10 s", fix="A Match exec in the ssh configuration may hang."
        ) from error
    if done.returncode != 0:
        said = Raw(done.stderr).show(300).strip()
        raise UsageError(
            f"`ssh -G {alias}` failed: {said or f'exit status {done.returncode}'}", fix="Run it by hand to see why."
        )
    return parse_options(done.stdout.decode("utf-8", "surrogateescape"))


def parse_options(text: str) -> dict[str, list[str]]:
    """The output of `ssh -G`, one `option value` a line."""
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        option, _, value = line.strip().partition(" ")
        if option:
            options.setdefault(option.lower(), []).append(value.strip())
    return options


def _from_options(host: Host, options: dict[str, list[str]]) -> Destination:
    def first(option: str, default: str = "") -> str:
        return options.get(option, [default])[0]

    name = host.name
    for option in ("proxyjump", "proxycommand"):
        if first(option).lower() not in _NONE:
            raise UsageError(
                f"{name}: the ssh configuration of {host.ssh.alias} says {option}, which cannot be followed yet",
                done="Nothing was connected.",
                fix="State an address of the host that is reachable from here.",
            )
    if first("pubkeyauthentication", "yes") in ("no", "false"):
        raise UsageError(
            f"{name}: the ssh configuration turns public-key authentication off, and the console offers no other",
            fix="Set PubkeyAuthentication yes for this host.",
        )
    address, user = first("hostname", host.ssh.alias), first("user") or getpass.getuser()
    port = int(first("port", "22"))
    alias = first("hostkeyalias")
    tokens = {"h": address, "r": user, "p": str(port), "n": host.ssh.alias, "k": alias or address, "%": "%"}
    tokens |= {"d": str(Path.home()), "u": getpass.getuser(), "i": ""}
    revoked = first("revokedhostkeys").lower()
    return Destination(
        name=name,
        address=address,
        port=port,
        user=user,
        key_name=alias or address,
        key_port=22 if alias else port,
        identity_files=tuple(path for value in options.get("identityfile", []) for path in _paths(value, tokens)),
        identities_only=first("identitiesonly") == "yes",
        agent=_agent(first("identityagent", "SSH_AUTH_SOCK"), tokens),
        known_hosts=tuple(
            path
            for option in ("userknownhostsfile", "globalknownhostsfile")
            for value in options.get(option, [])
            for word in _words(value)
            for path in _paths(word, tokens)
        ),
        strict=first("stricthostkeychecking", "ask"),
        unjudged="" if revoked in _NONE else "RevokedHostKeys",
        connect_timeout=_seconds(first("connecttimeout", "none")),
        family=first("addressfamily", "any"),
    )


def _words(value: str) -> list[str]:
    """Blank-separated file names, double quotes around those with blanks in them."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', value)]


def _paths(value: str, tokens: dict[str, str]) -> tuple[str, ...]:
    """The file a value names, with ssh's `~` and % tokens resolved; nothing for `none` and for unknown tokens."""
    if value.lower() in _NONE or any(token not in tokens for token in _TOKEN.findall(value)):
        return ()
    text = _TOKEN.sub(lambda match: tokens[match[1]], value.strip('"'))
    return (str(Path(text).expanduser()),)


def _agent(value: str, tokens: dict[str, str]) -> str:
    if value.lower() == "none":
        return ""
    if value in ("", "SSH_AUTH_SOCK") or value.startswith("$"):
        return "SSH_AUTH_SOCK"
    return next(iter(_paths(value, tokens)), "")


def _seconds(value: str) -> float:
    return min(_CONNECT_LIMIT, float(value)) if value.isdigit() and int(value) else _CONNECT_LIMIT
