"""Where a host really is, as the operator's own `ssh` would say.

Owns the resolution of aliases by `ssh -G` and the `Destination` it ends in. Must not connect, and must not guess: an
option that changes the way to the host, or whom to trust, and that we cannot follow is refused with its name.
"""

from __future__ import annotations

import functools
import getpass
import itertools
import os
import pwd
import re
import subprocess
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from console.clients.ssh_algorithms import CIPHERS, EXCHANGES, HOST_KEYS, MACS, Algorithms, is_only_longer, left_by
from console.domain.environment import Host, SshTarget
from console.domain.untrusted import Raw
from console.errors import UnreachableError, UsageError

_NONE = ("", "none")
_NO = ("", "no", "false", "none")
_CONNECT_LIMIT = 10.0
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_RSA_BITS = 1024
_LISTS = {"KexAlgorithms": EXCHANGES, "Ciphers": CIPHERS, "MACs": MACS, "PubkeyAcceptedAlgorithms": HOST_KEYS}
_Options = dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One resolved SSH destination.

    `key_name` is the name host keys are looked up by; `key_port` 22 when the port plays no part in it. `agent` is a
    socket path or empty for none. `strict` is what StrictHostKeyChecking said. `revoked` is the file of revoked host
    keys. `certificates` are files of certificates for our keys; without any, each key's own counts.
    `check_ip`: the key must not be another than the one known for the address. `rsa_bits` is the least size of an RSA
    key. `bind` is the address here to connect from. `unfollowed` are options by which `ssh` might get in where the
    console does not, for messages.
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
    revoked: str = ""
    connect_timeout: float = _CONNECT_LIMIT
    family: str = "any"
    algorithms: Algorithms = field(default_factory=Algorithms)
    certificates: tuple[str, ...] = ()
    check_ip: bool = False
    rsa_bits: int = _RSA_BITS
    bind: str = ""
    unfollowed: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`user@address:port`, for messages."""
        return f"{self.user}@{self.address}:{self.port}"


def another_way(instead: str) -> str:
    """What to do about an option that this transport cannot follow: this sentence, or the system's own `ssh`."""
    return (
        "Set `transport: openssh` for this host in the console's configuration: the system's ssh can. "
        f"Otherwise: {instead}"
    )


def resolve(host: Host, ssh_config: str = "") -> Destination:
    """The destination of a configured host. UsageError when it cannot be reached the way it is configured."""
    if host.ssh.alias:
        return _from_options(host, _SshOptions(host.ssh.alias, ssh_config))
    return _explicit(host.name, host.ssh, ssh_config)


def _explicit(name: str, target: SshTarget, ssh_config: str) -> Destination:
    if not target.host:
        raise UsageError(f"{name}: neither an ssh alias nor a host is configured", fix="Set `ssh:` of this host.")
    home = Path.home() / ".ssh"
    stated = bool(target.identity_file)
    identities = (target.identity_file,) if stated else tuple(str(home / key) for key in _DEFAULT_KEYS)
    known = (target.known_hosts,) if target.known_hosts else (str(home / "known_hosts"), "/etc/ssh/ssh_known_hosts")
    user = target.user or getpass.getuser()
    return Destination(
        name=name,
        address=target.host,
        port=target.port,
        user=user,
        key_name=target.host,
        key_port=target.port,
        identity_files=tuple(_at_home(name, path) for path in identities),
        identities_only=stated,
        agent=os.environ.get("SSH_AUTH_SOCK", ""),
        known_hosts=tuple(_at_home(name, path) for path in known),
        strict="yes",
        revoked=revoked_for(target, user, ssh_config),
    )


def _at_home(name: str, path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise UsageError(f"{name}: {path} is in the home of an account that is not known here") from error


def revoked_for(target: SshTarget, user: str, ssh_config: str) -> str:
    """The file of revoked host keys that `ssh` has for an address; none where there is no `ssh`."""
    try:
        return _stated(_SshOptions(target.host, ssh_config, "-p", str(target.port), "-l", user), "revokedhostkeys")
    except NoSshError:
        return ""


class NoSshError(UsageError):
    """The command `ssh` is not installed."""


class _SshOptions:
    """What `ssh -G` says of one destination; asked when first needed."""

    def __init__(self, alias: str, ssh_config: str, *words: str) -> None:
        self.alias = alias
        self._config = ssh_config
        self._words = words

    @functools.cached_property
    def options(self) -> _Options:
        """All its options."""
        return ask_ssh(self.alias, self._config, self._words)

    def first(self, option: str, default: str = "") -> str:
        """The first value of an option."""
        return self.options.get(option, [default])[0]

    def path(self, option: str, value: str) -> str:
        """A file as ssh resolves it, by ssh itself where there is more than `~/` in it. UsageError in its words."""
        if value.startswith("~/"):
            value = f"{pwd.getpwuid(os.getuid()).pw_dir}{value[1:]}"
        if not (value.startswith("~") or "%" in value or "${" in value):
            return value
        # Of an agent's socket ssh prints what its tokens stand for; of key files it does not.
        before = "./" if value.startswith("$") else ""
        try:
            found = ask_ssh(self.alias, self._config, (*self._words, "-o", f'IdentityAgent="{before}{value}"'))
        except UsageError as error:
            raise UsageError(
                f"{self.alias}: {option} {Raw.of(value).show(200)}: {error.what}", fix=error.fix
            ) from error
        return found.get("identityagent", [""])[0].removeprefix(before)


def ask_ssh(alias: str, ssh_config: str = "", words: tuple[str, ...] = ()) -> _Options:
    """What `ssh -G` says of an alias: option names in lower case, each with its values in order."""
    if not alias or alias.startswith("-") or any(ord(char) < 0x21 for char in alias):
        raise UsageError(f"{alias!r} is not a name ssh can take", fix="Set `ssh:` to an alias or user@host.")
    argv = ["ssh", "-G", *(["-F", ssh_config] if ssh_config else []), *words, "--", alias]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except FileNotFoundError as error:
        raise NoSshError(
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


@functools.lru_cache(maxsize=1)
def _defaults() -> _Options:
    """What `ssh` says of itself, without any configuration."""
    return ask_ssh("any.invalid", "none")


def parse_options(text: str) -> _Options:
    """The output of `ssh -G`, one `option value` a line."""
    options: _Options = {}
    for line in text.splitlines():
        option, _, value = line.strip().partition(" ")
        if option:
            options.setdefault(option.lower(), []).append(value.strip())
    return options


def _from_options(host: Host, ssh: _SshOptions) -> Destination:
    name, first = host.name, ssh.first
    _refuse(name, ssh)
    address, port, alias = first("hostname", ssh.alias), int(first("port", "22")), first("hostkeyalias")
    return Destination(
        name=name,
        address=address,
        port=port,
        user=first("user") or getpass.getuser(),
        key_name=alias or address,
        key_port=22 if alias else port,
        identity_files=_paths(ssh, "IdentityFile"),
        identities_only=first("identitiesonly") == "yes",
        agent=_agent(ssh),
        known_hosts=tuple(
            path
            for option in ("userknownhostsfile", "globalknownhostsfile")
            for path in _known_hosts(name, option, first(option))
        ),
        strict=first("stricthostkeychecking", "ask"),
        revoked=_stated(ssh, "revokedhostkeys"),
        connect_timeout=_seconds(first("connecttimeout", "none")),
        family=first("addressfamily", "any"),
        algorithms=_algorithms(name, ssh),
        certificates=_paths(ssh, "CertificateFile"),
        check_ip=first("checkhostip") in ("yes", "true"),
        rsa_bits=int(first("requiredrsasize", str(_RSA_BITS))),
        bind=first("bindaddress"),
        unfollowed=_unfollowed(ssh),
    )


def _refuse(name: str, ssh: _SshOptions) -> None:
    """UsageError for an option without which `ssh` would go elsewhere, or not at all."""

    def refuse(option: str, why: str, instead: str, *, followed_by_ssh: bool = True) -> None:
        raise UsageError(
            f"{name}: the ssh configuration of {ssh.alias} says {option}, {why}",
            done="Nothing was connected.",
            fix=another_way(instead) if followed_by_ssh else instead,
        )

    for option in ("ProxyJump", "ProxyCommand"):
        if ssh.first(option.lower()).lower() not in _NONE:
            refuse(option, "which cannot be followed here", "State an address of the host that is reachable from here.")
    # Neither these nor SessionType leave a way in for ssh itself, where nobody can be asked.
    methods, keys = ssh.first("preferredauthentications", "publickey").split(","), "and the console signs in by keys"
    if "publickey" not in methods:
        refuse("PreferredAuthentications without publickey", keys, "Add publickey to it.", followed_by_ssh=False)
    if ssh.first("pubkeyauthentication", "yes") in _NO:
        refuse("PubkeyAuthentication no", keys, "Set PubkeyAuthentication yes for this host.", followed_by_ssh=False)
    if ssh.first("knownhostscommand").lower() not in _NONE:
        refuse(
            "KnownHostsCommand",
            "which is not run here",
            "Put the host's key into a file of UserKnownHostsFile, and set KnownHostsCommand none for this host.",
        )
    if not _is_address(ssh.first("bindaddress")):
        refuse("BindAddress by a name", "which is not looked up here", "Set BindAddress to the address itself.")
    if ssh.first("bindinterface").lower() not in _NONE:
        refuse("BindInterface", "which is not followed here", "Set BindAddress to that interface's address instead.")
    if ssh.first("remotecommand").lower() not in _NONE:
        refuse("RemoteCommand", "which leaves no room for another", "Set RemoteCommand none for this host.")
    if ssh.first("sessiontype", "default") != "default":
        why = "by which no command can be run"
        refuse("SessionType", why, "Set SessionType default for this host.", followed_by_ssh=False)


def _is_address(text: str) -> bool:
    try:
        return not text or bool(ip_address(text))
    except ValueError:
        return False


def _algorithms(name: str, ssh: _SshOptions) -> Algorithms:
    """What the configuration leaves of the console's algorithms. UsageError where nothing is left."""
    left: dict[str, tuple[str, ...]] = {}
    for option, ours in _LISTS.items():
        stated, default = _list(ssh.options, option), _list(_defaults(), option)
        left[option] = left_by(stated, default, ours)
        if not left[option]:
            raise UsageError(
                f"{name}: the ssh configuration of {ssh.alias} allows by {option} only {', '.join(stated)}, of which "
                "the console has none",
                done="Nothing was connected.",
                fix=another_way(f"Add one of {', '.join(ours)} to {option} for this host."),
            )
    host_keys = _list(ssh.options, "HostKeyAlgorithms") or HOST_KEYS
    return Algorithms(
        exchanges=left["KexAlgorithms"],
        ciphers=left["Ciphers"],
        macs=left["MACs"],
        keys=left["PubkeyAcceptedAlgorithms"],
        host_keys=host_keys,
        known_first=is_only_longer(host_keys, _list(_defaults(), "HostKeyAlgorithms") or HOST_KEYS),
    )


def _list(options: _Options, option: str) -> tuple[str, ...]:
    return tuple(filter(None, options.get(option.lower(), [""])[0].split(",")))


def _paths(ssh: _SshOptions, option: str) -> tuple[str, ...]:
    """The files of an option; nothing for `none`."""
    values = (value.strip('"') for value in ssh.options.get(option.lower(), []))
    return tuple(ssh.path(option, value) for value in values if value.lower() not in _NONE)


def _known_hosts(name: str, option: str, value: str) -> list[str]:
    """The files in a line of `ssh -G`, which puts blanks between them and keeps those in their names."""
    if value.lower() in _NONE:
        return []
    words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(.+?)(?= [/~]|$)', value)]
    paths = [_at_home(name, word.strip(" ")) for word in words if word.strip(" ")]
    for first, second in itertools.pairwise(paths):
        if Path(f"{first} {second}").exists():
            raise UsageError(
                f"{name}: {option} names {first} and {second}, or the one file of both names",
                done="Nothing was connected.",
                fix=another_way("Rename the file whose name has a blank before a slash."),
            )
    return paths


def _agent(ssh: _SshOptions) -> str:
    """The agent's socket: ssh's own variable unless the configuration names another, or none."""
    value = ssh.first("identityagent", "SSH_AUTH_SOCK")
    if value.lower() == "none":
        return ""
    if value == "SSH_AUTH_SOCK" or (value.startswith("$") and not value.startswith("${")):
        return os.environ.get(value.removeprefix("$"), "")
    return f"{Path.home()}{value[1:]}" if value.startswith("~/") else value


def _unfollowed(ssh: _SshOptions) -> tuple[str, ...]:
    names = (
        "NoHostAuthenticationForLocalhost",
        "VerifyHostKeyDNS",
        "PKCS11Provider",
        "GSSAPIAuthentication",
        "HostbasedAuthentication",
    )
    return tuple(name for name in names if ssh.first(name.lower()).lower() not in _NO)


def _stated(ssh: _SshOptions, option: str) -> str:
    value = ssh.first(option)
    return "" if value.lower() in _NONE else value


def _seconds(value: str) -> float:
    return min(_CONNECT_LIMIT, float(value)) if value.isdigit() and int(value) else _CONNECT_LIMIT
