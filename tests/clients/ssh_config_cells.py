"""What an SSH configuration may say, each option at the server, the keys and the known hosts that it is about."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from tests.clients.ssh_world import KINDS, Cell, World

_KEYS = "IdentityFile {keys}/"
_DEFAULT = "KexAlgorithms +curve25519-sha256"
_AGENT = "IdentityAgent {root}/agent.sock"


def serve(world: World) -> None:
    """The servers that the cells of both matrices need."""
    world.serve("plain")
    world.serve("certified", certified=True)
    world.serve("rsa", kinds=("rsa",))
    world.serve("curve", "KexAlgorithms curve25519-sha256")
    world.serve("sntrup", "KexAlgorithms sntrup761x25519-sha512@openssh.com")
    world.serve("group18", "KexAlgorithms diffie-hellman-group18-sha512")
    world.serve("chacha", "Ciphers chacha20-poly1305@openssh.com")
    world.serve("ctr", "Ciphers aes128-ctr,aes256-ctr", "MACs hmac-sha2-512")
    world.serve("umac", "Ciphers aes256-ctr", "MACs umac-128-etm@openssh.com")
    world.serve("ed25519 only", "PubkeyAcceptedAlgorithms ssh-ed25519,ssh-ed25519-cert-v01@openssh.com")
    world.serve("sha256 only", "PubkeyAcceptedAlgorithms rsa-sha2-256")


def _known(world: World, server: str, kinds: tuple[str, ...] = KINDS) -> dict[str, bytes]:
    name = f"[127.0.0.1]:{world.ports[server]}"
    return {"known": "".join(f"{name} {world.host_key(kind)}\n" for kind in kinds).encode()}


def _cell(world: World, *lines: str, server: str = "plain", note: str = "", **more: object) -> Cell:
    option = lines[0].split()[0] if lines else ""
    kinds = more.pop("kinds", ("rsa",) if server == "rsa" else KINDS)
    files = _known(world, server, kinds) | more.pop("files", {})  # type: ignore[arg-type, operator]
    named = (*more.pop("named", ()), option)  # type: ignore[misc]
    name = " / ".join(filter(None, (" + ".join(lines) or "nothing", note, "" if server == "plain" else server)))
    return Cell(name=name, config=lines, files=files, server=server, named=named, **more)  # type: ignore[arg-type]


def cells(world: World) -> Iterator[Cell]:
    """All of them."""
    yield _cell(world)
    yield _cell(world, _DEFAULT)
    yield from _host_keys(world)
    yield from _negotiated(world)
    yield from _methods(world)
    yield from _identities(world)
    yield from _agents(world)
    yield from _certificates(world)
    yield from _ways(world)
    yield from _trust(world)
    yield from _revoked(world)
    yield from _commands(world)


def _host_keys(world: World) -> Iterator[Cell]:
    values = (
        "ssh-ed25519",
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ecdsa-sha2-nistp256",
        "rsa-sha2-512,ssh-ed25519",
        "ssh-ed25519,rsa-sha2-512",
        "-ssh-ed25519*",
        "-rsa*",
        "+ssh-rsa",
        "^rsa-sha2-512",
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-rsa",
    )
    for value in values:
        for kinds in (KINDS, ("ed25519",), ("rsa",)):
            yield _cell(world, f"HostKeyAlgorithms {value}", kinds=kinds, note=f"known {' '.join(kinds)}")
    yield _cell(world, "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com", server="certified")
    for bits in (1024, 2048, 3072, 4096):
        yield _cell(world, f"RequiredRSASize {bits}", server="rsa")
        yield _cell(world, f"RequiredRSASize {bits}", f"{_KEYS}rsa")


def _negotiated(world: World) -> Iterator[Cell]:
    ciphers = (
        "aes128-ctr",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
        "aes256-cbc",
        "+aes128-cbc",
        "-aes*",
    )
    for value in ciphers:
        for server in ("plain", "ctr", "chacha"):
            yield _cell(world, f"Ciphers {value}", server=server, named=("chacha20", "cipher"))
    for value in ("hmac-sha2-256", "hmac-sha2-512", "umac-64@openssh.com", "hmac-sha1", "-hmac-sha2*"):
        for server in ("plain", "ctr", "umac"):
            yield _cell(world, f"MACs {value}", server=server, named=("MAC umac",))
    exchanges = (
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha1",
        "-curve25519*",
    )
    for value in exchanges:
        for server in ("plain", "curve", "group18"):
            yield _cell(world, f"KexAlgorithms {value}", server=server, named=("key exchange",))
    for server in ("curve", "sntrup", "group18", "chacha", "ctr", "umac"):
        yield _cell(world, _DEFAULT, server=server, named=("the host has only",))


def _methods(world: World) -> Iterator[Cell]:
    for value in ("publickey", "password", "keyboard-interactive,publickey", "password,keyboard-interactive", "none"):
        yield _cell(world, f"PreferredAuthentications {value}")
    for value in ("yes", "no", "unbound", "host-bound"):
        yield _cell(world, f"PubkeyAuthentication {value}")
    values = (
        "ssh-ed25519",
        "rsa-sha2-256",
        "rsa-sha2-512",
        "ecdsa-sha2-nistp256",
        "-ssh-ed25519",
        "+ssh-rsa",
        "ssh-rsa",
    )
    for value in values:
        for kind in KINDS:
            yield _cell(world, f"PubkeyAcceptedAlgorithms {value}", f"{_KEYS}{kind}")
    for value in ("rsa-sha2-256", "rsa-sha2-512"):
        yield _cell(world, f"PubkeyAcceptedAlgorithms {value}", f"{_KEYS}rsa", server="sha256 only")
    yield _cell(world, f"{_KEYS}rsa", server="ed25519 only")
    yield _cell(world, f"{_KEYS}rsa", f"{_KEYS}ed25519", server="ed25519 only")
    yield _cell(world, f"{_KEYS}rsa", server="sha256 only")


def _identities(world: World) -> Iterator[Cell]:
    names = ("ed25519", "ecdsa", "rsa", "bare_ed25519", "bare_rsa", "open", "twisted", "stranger", "locked", "pem")
    for name in (*names, "missing", "ed25519.pub", "expired", "elsewhere", "certified", "garbage", "hostly"):
        yield _cell(world, f"{_KEYS}{name}")
    yield _cell(world, f"{_KEYS}pkcs8", named=("pkcs8", "took none of our keys"))
    yield _cell(world, f"{_KEYS}stranger", f"{_KEYS}ed25519")
    yield _cell(world, f"{_KEYS}open", f"{_KEYS}locked", f"{_KEYS}ed25519")
    yield _cell(world, "IdentityFile none")
    yield _cell(world, "IdentityFile ~nosuch/x")
    yield _cell(world, "IdentityFile ~nosuch/x", f"{_KEYS}ed25519")
    yield _cell(world, "IdentityFile ${MATRIX_KEYS}/ed25519")
    yield _cell(world, "IdentityFile ${MATRIX_UNSET}/ed25519")
    for token in ("%i", "%L", "%l", "%C", "%n", "%h", "%p", "%r", "%u", "%k", "%%", "%z"):
        path = f"{world.keys}/id-{token}"
        for each in _expansions(world, path):
            yield _cell(world, f"IdentityFile {path}", files={each: (world.keys / "bare_ed25519").read_bytes()})
    yield _cell(world, "CertificateFile {keys}/certified-cert.pub", f"{_KEYS}certified")
    yield _cell(world, "CertificateFile {keys}/certified-cert.pub", f"{_KEYS}ed25519")
    yield _cell(world, "CertificateFile {keys}/missing", f"{_KEYS}certified")
    yield _cell(world, "CertificateFile {keys}/missing", f"{_KEYS}expired")


def _expansions(world: World, path: str) -> list[str]:
    """The file that ssh means, made beside the keys; the name that is returned is of no matter to the cell."""
    words = ["ssh", "-G", "-F", "none", "-p", str(world.ports["plain"]), "-o", "HostName=127.0.0.1"]
    asked = subprocess.run([*words, "-o", f"IdentityAgent={path}", "web"], capture_output=True, text=True, check=False)
    found = [line.split(" ", 1)[1] for line in asked.stdout.splitlines() if line.startswith("identityagent ")]
    for each in found:
        target = world.keys / each.rpartition("/")[2]
        target.write_bytes((world.keys / "bare_ed25519").read_bytes())
        target.chmod(0o600)
    return ["unused"]


def _agents(world: World) -> Iterator[Cell]:
    values = ("none", "SSH_AUTH_SOCK", "{root}/agent.sock", "{root}/missing.sock", "$MATRIX_AGENT", "$MATRIX_UNSET")
    for value in (*values, "${MATRIX_AGENT}", "${MATRIX_UNSET}", "$SSH_AUTH_SOCK", "~/missing.sock"):
        yield _cell(world, f"IdentityAgent {value}", f"{_KEYS}held")
        yield _cell(world, f"IdentityAgent {value}", f"{_KEYS}stranger", "IdentitiesOnly no")
    for name in ("held.pub", "held", "stranger", "missing"):
        for only in ("yes", "no"):
            yield _cell(world, _AGENT, f"{_KEYS}{name}", f"IdentitiesOnly {only}")
    yield _cell(world, _AGENT, f"{_KEYS}stranger", f"{_KEYS}held.pub")


def _certificates(world: World) -> Iterator[Cell]:
    accepted = "PubkeyAcceptedAlgorithms"
    for value in ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "-*cert*"):
        for name in ("certified", "expired"):
            yield _cell(world, f"{accepted} {value}", f"{_KEYS}{name}")
    yield _cell(world, f"{_KEYS}certified", server="ed25519 only")


def _ways(world: World) -> Iterator[Cell]:
    for value in ("127.0.0.1", "127.0.0.2", "192.0.2.1", "::1", "nosuch.invalid"):
        yield _cell(world, f"BindAddress {value}")
    for value in ("lo", "nosuch0"):
        yield _cell(world, f"BindInterface {value}")
    for value in ("any", "inet", "inet6"):
        yield _cell(world, f"AddressFamily {value}")
    yield _cell(world, "ProxyJump none")
    yield _cell(world, "ProxyJump nosuch.invalid")
    yield _cell(world, "ProxyCommand false")
    yield _cell(world, f"ProxyCommand bash -c 'exec 3<>/dev/tcp/127.0.0.1/{world.ports['plain']}; cat <&3 & cat >&3'")
    yield _cell(world, "Compression yes")
    yield _cell(world, "Port 1")
    yield _cell(world, "HostName nosuch.invalid")
    yield _cell(world, "CanonicalizeHostname yes", "CanonicalDomains invalid", "CanonicalizeFallbackLocal no")
    yield _cell(world, "Nonsense yes")


def _trust(world: World) -> Iterator[Cell]:
    for value in ("yes", "no"):
        yield _cell(world, f"CheckHostIP {value}")
        yield _cell(world, f"NoHostAuthenticationForLocalhost {value}", kinds=(), note="unknown")
        yield _cell(world, f"VerifyHostKeyDNS {value}", kinds=(), note="unknown")
        yield _cell(world, f"NoHostAuthenticationForLocalhost {value}")
    key = world.host_key("ed25519")
    name = f"[127.0.0.1]:{world.ports['plain']}"
    for value in (f"/bin/echo {name} {key}", f"/bin/echo @revoked * {key}", "/bin/false", "/bin/nosuch", "none"):
        yield _cell(world, f"KnownHostsCommand {value}")
        yield _cell(world, f"KnownHostsCommand {value}", kinds=(), note="unknown")
    yield _cell(world, "HostKeyAlias Other.Example")
    yield _cell(world, "HostKeyAlias Other.Example", kinds=(), files={"known": f"other.example {key}\n".encode()})


def _revoked(world: World) -> Iterator[Cell]:
    ed, other = world.host_key("ed25519"), world.host_key("other_ed25519")
    lists = {}
    for name, key in (("it", ed), ("another", other)):
        source = world.root / f"revoked-{name}.pub"
        source.write_text(f"{key}\n")
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(world.root / f"krl-{name}"), str(source)], check=True)
        lists[f"a list of {name}"] = (world.root / f"krl-{name}").read_bytes()
    texts = {
        "it": f"{ed}\n",
        "another": f"# c\n\n{other} c\n",
        "its certificate": f"{world.host_key('ed25519-cert')}\n",
        "no key": f"nonsense\n{other}\n",
        "no key, then it": f"nonsense\n{ed}\n",
        "nothing": "",
        "CRLF": f"{ed}\r\n",
    }
    files = lists | {name: text.encode() for name, text in texts.items()} | {"a cut list": lists["a list of it"][:40]}
    for name, data in files.items():
        yield _cell(world, "RevokedHostKeys {cell}/revoked", files={"revoked": data}, note=name)
    yield _cell(world, "RevokedHostKeys {cell}/missing")
    yield _cell(world, "RevokedHostKeys {cell}")
    yield _cell(world, "RevokedHostKeys none")
    for name in ("a list of it", "another"):
        yield _cell(
            world, "RevokedHostKeys {cell}/revoked", files={"revoked": files[name]}, note=name, server="certified"
        )


def _commands(world: World) -> Iterator[Cell]:
    for line in ("RemoteCommand uptime", "RemoteCommand none", "SessionType subsystem"):
        yield _cell(world, line)
    for line in ("SessionType default", "RequestTTY force", "StdinNull yes", "PermitLocalCommand yes", "BatchMode no"):
        yield _cell(world, line)
