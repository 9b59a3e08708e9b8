"""Why an `ssh` gave up, from what it printed, in the sentences that the console's own client says.

Owns the reading of ssh's messages and of its lines for debugging. Must not start or end an `ssh`.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections import deque
from pathlib import Path

from console.clients.openssh_options import Way
from console.clients.ssh_public_keys import fingerprint
from console.domain.untrusted import Raw
from console.errors import AuthenticationError, DeadlineError, HostKeyError, UnreachableError

_KEPT = 400
_CLOSED = "The connection was closed before signing in; nothing was sent."
_NOTHING = "Nothing was run there."
_DEBUG = re.compile(r"debug\d: |Transferred: |Bytes per second: ")
_SHOWN = re.compile(r"debug1: Server host (?:key|certificate): (\S+) (SHA256:[^\s,]+)")
_VERSION = re.compile(r"debug1: Local version string SSH-2\.0-OpenSSH_(\d+)\.(\d+)")
_OFFERED = re.compile(r"debug1: Offering public key: (.+) ([A-Z0-9-]+) (SHA256:\S+)(.*)")
_ACCEPTED = re.compile(r"debug1: Server accepts key: (.+) [A-Z0-9-]+ SHA256:\S+")
_UNUSABLE = re.compile(r'^Load key "(.+)": (.+)')
_ALLOWED = re.compile(r"Permission denied \((.*)\)")
_TOO_MANY = re.compile(r"Too many authentication failures")
_UNKNOWN = re.compile(r"No (\S+) host key is known for (\S+) and")
_CHANGED = re.compile(r"Host key for (\S+) has changed")
_OFFENDING = re.compile(r"Offending (?:key for IP|\S+ key) in (.+):(\d+)")
_PRINTED = re.compile(r"(SHA256:[^\s.]+)")
_SILENT = re.compile(r"Timeout, server .* not responding")
_TIMED_OUT = "timed out"
_NOT_OPENED = re.compile(r"^channel \d+: open failed: (.*)|^(stdio forwarding failed)")
_NO_ANSWER = re.compile(
    r"^(?:Connection timed out during|Connection to .* timed out|(?:ssh|\w+_fatal|\w+_identification): .*timed out)"
)
_NO_WAY = re.compile(r"ssh: (?:connect to host .* port \d+|Could not resolve hostname [^:]*): (.*)")


class Said:
    """What one `ssh` has printed so far; its newest lines."""

    def __init__(self) -> None:
        self._rest = b""
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self.shown: tuple[str, str] | None = None
        self.version = (0, 0)
        self.signing_in = False

    def hear(self, data: bytes) -> None:
        """Takes what came on its stderr."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace").rstrip("\r"))

    def _line(self, line: str) -> None:
        self.lines.append(line)
        if found := _SHOWN.match(line):
            self.shown = found[1], found[2]
        elif found := _VERSION.match(line):
            self.version = int(found[1]), int(found[2])
        elif line.startswith("debug1: Authentications that can continue"):
            self.signing_in = True

    def messages(self) -> list[str]:
        """What is said to people, oldest first."""
        return [line for line in self.lines if line.strip() and not _DEBUG.match(line)]

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The newest line that has the pattern."""
        return next((found for line in reversed(self.lines) if (found := pattern.search(line))), None)

    def last(self) -> str:
        """The last message, harmless; empty when there was none."""
        messages = self.messages()
        return Raw.of(messages[-1]).show(300) if messages else ""


def reason_of_end(said: Said, status: int | None, silent: float) -> str:
    """Why a connection that was up is down. `silent` is after how many seconds ssh gives up a peer."""
    if said.find(_SILENT):
        return f"no answer for {silent:.0f} s"
    last = said.last()
    if "closed by remote host" in last or "Connection reset" in last or "Broken pipe" in last:
        return "the other side closed the connection"
    how = "was killed" if status is not None and status < 0 else "ended"
    return f"ssh {how}: {last}" if last else f"ssh {how}"


def failure(name: str, way: Way, said: Said) -> UnreachableError | AuthenticationError:
    """Why no connection came about."""
    fix = "Check that the host is up and that its SSH port is open from here."
    text = "\n".join(said.messages())
    if "Host key verification failed" in text or "REVOKED HOST KEY" in text:
        return _host_key(name, way, said)
    if not said.signing_in and (silent := _behind(name, way, said) or _silent(name, way, said, fix)):
        return silent
    if _ALLOWED.search(text) or _TOO_MANY.search(text):
        return _refused(name, way, said)
    last = said.last()
    if found := said.find(_NO_WAY):
        reason = Raw.of(found[1]).show(200)
        if _TIMED_OUT in reason:
            return DeadlineError(f"{name}: {way.label} did not answer in time", done=_NOTHING, fix=fix)
        hop = "" if said.find(re.compile(r"ssh: .*" + re.escape(way.address))) else f" ({Raw.of(found[0]).show(300)})"
        return UnreachableError(f"{name}: no connection to {way.label}: {reason}{hop}", done=_NOTHING, fix=fix)
    if said.signing_in:
        return UnreachableError(f"{name}: {way.label} went away while signing in: {last}", done=_NOTHING)
    return UnreachableError(
        f"{name}: {way.label} answered, but not as an SSH server should: {last or 'ssh ended and said nothing'}",
        done=_NOTHING,
        fix=f"Try `ssh -v {way.user}@{way.address} -p {way.port}`.",
    )


def _behind(name: str, way: Way, said: Said) -> UnreachableError | None:
    """What an `ssh` on the way says that could not connect to the host from there."""
    found = said.find(_NOT_OPENED)
    if not way.is_proxied or found is None:
        return None
    refusal = next((each for line in said.lines if (each := _NOT_OPENED.search(line))), found)
    reason = Raw.of(refusal[1] or refusal[2]).show(200)
    fix = "Check that the host is up and that its SSH port is open from the jump host."
    if _TIMED_OUT in reason:
        return DeadlineError(
            f"{name}: {way.label} did not answer the jump host in time: {reason}", done=_NOTHING, fix=fix
        )
    return UnreachableError(
        f"{name}: no connection from the jump host to {way.label}: {reason}", done=_NOTHING, fix=fix
    )


def _silent(name: str, way: Way, said: Said, fix: str) -> DeadlineError | None:
    """What ssh says of a host, or of one on the way, that took the connection and then said nothing."""
    found = said.find(_NO_ANSWER)
    if found is None:
        return None
    return DeadlineError(
        f"{name}: {way.label} did not answer in time: {Raw.of(found.string).show(200)}", done=_NOTHING, fix=fix
    )


def refused_here(what: str, error: OSError) -> UnreachableError:
    """What to say when this machine has no descriptor, process or room left for an ssh."""
    return UnreachableError(
        f"{what}: this machine refused what its own ssh needs: {error.strerror or error}",
        done=_NOTHING,
        fix="Check the number of open files (`ulimit -n`), the room in /tmp, and that ssh and /bin/sh can be started.",
    )


def unread_host_key(name: str, way: Way) -> HostKeyError:
    """Of a connection on which ssh has told nobody which host key it took: later ones could not be compared."""
    return HostKeyError(
        f"{name}: ssh signed in to {way.label} and did not say which host key it was shown",
        done="The connection was closed again; nothing was run there.",
        fix="If GSSAPIKeyExchange is set for this host, set it to no: host keys play no part in it.",
    )


def _host_key(name: str, way: Way, said: Said) -> HostKeyError:
    where = f"{name} ({way.address}:{way.port})"
    shown = said.shown
    elsewhere = shown is None and way.is_proxied
    if elsewhere:
        # It never came to the host itself: this is about one on the way.
        where = f"a jump host on the way to {where}"
    kind, key = shown or ("", "")
    if found := said.find(_CHANGED):
        return _changed(f"{Raw.of(found[1]).show(200)}, {where}," if elsewhere else where, key, said)
    if any("revoked" in line.lower() for line in said.messages()):
        return HostKeyError(
            f"{where} shows a host key that is revoked: {key or said.last()}",
            done=_CLOSED,
            fix="Do not connect: somebody may be using a stolen key. Ask whoever runs the host.",
        )
    if found := said.find(_UNKNOWN):
        who = Raw.of(found[2]).show(200)
        it = f"it shows {kind} {key}" if shown else f"{who} shows one of the kind {Raw.of(found[1]).show(40)}"
        return HostKeyError(
            f"the host key of {where} is not known: {it}",
            done=_CLOSED,
            fix="Compare its fingerprint on the host, then connect to it once by ssh yourself.",
        )
    reasons = [line for line in said.messages() if "Host key verification failed" not in line]
    reason = Raw.of(reasons[-1]).show(300) if reasons else "ssh does not say why"
    return HostKeyError(f"the host key of {where} was not accepted: {reason}", done=_CLOSED)


def _changed(where: str, key: str, said: Said) -> HostKeyError:
    offending = said.find(_OFFENDING)
    printed = said.find(_PRINTED)
    key = key or (printed[1] if printed else "another one")
    known, fix = "", "Somebody may be in between."
    if offending:
        file, line = offending[1], int(offending[2])
        known = f", known is {_known(file, line)} ({file}:{line})"
        fix += f" If the host was really reinstalled, remove that line: sed -i {line}d {file}"
    return HostKeyError(f"the host key of {where} has CHANGED: it shows {key}{known}", done=_CLOSED, fix=fix)


def _known(file: str, number: int) -> str:
    """The fingerprint of a line's key."""
    try:
        line = Path(file).read_text("utf-8", "surrogateescape").split("\n")[number - 1]
    except (OSError, IndexError):
        return "another key"
    for word in line.split()[1:]:
        try:
            blob = base64.b64decode(word, validate=True)
        except (binascii.Error, ValueError):
            continue
        if blob[:3] == b"\0\0\0":
            return fingerprint(blob)
    return "another key"


def _refused(name: str, way: Way, said: Said) -> AuthenticationError:
    if way.is_proxied and not said.signing_in:
        return AuthenticationError(
            f"{name}: a jump host on the way to {way.label} took none of our keys: {said.last()}",
            done=_NOTHING,
            fix=f"Try `ssh -v {way.user}@{way.address} -p {way.port}`.",
        )
    allowed = said.find(_ALLOWED)
    methods = allowed[1].split(",") if allowed else []
    if any("with partial success" in line for line in said.lines):
        return AuthenticationError(
            f"{name}: {way.label} wants a second factor after the key ({Raw.of(', '.join(methods)).show(200)})",
            done=_NOTHING,
            fix="Use an account for which a key is enough.",
        )
    offered = [f"{found[1]} {found[3]}" for line in said.lines if (found := _OFFERED.match(line))]
    if methods and not {"publickey", "gssapi-with-mic", "hostbased"} & set(methods):
        return AuthenticationError(
            f"{name}: {way.label} allows no public keys for this user",
            done=_NOTHING,
            fix=f"It allows {Raw.of(', '.join(methods)).show(200)}; nothing is ever asked for here.",
        )
    keys = ", ".join(dict.fromkeys(Raw.of(each).show(200) for each in offered)) or "there was none to offer"
    fixes = [f"Try `ssh -v {way.user}@{way.address} -p {way.port}`."]
    if not os.environ.get("SSH_AUTH_SOCK"):
        fixes.insert(0, "No ssh-agent is running here (SSH_AUTH_SOCK), so only key files without passphrase count.")
    if unusable := said.find(_UNUSABLE):
        fixes.insert(0, f"Not usable: {Raw.of(unusable[1]).show(200)} ({Raw.of(unusable[2]).show(100)}).")
    elif accepted := said.find(_ACCEPTED):
        key = Raw.of(accepted[1]).show(200)
        fixes.insert(0, f"It takes {key}, which cannot sign here: if a passphrase protects it, run `ssh-add {key}`.")
    return AuthenticationError(
        f"{name}: {way.label} took none of our keys ({keys})", done=_NOTHING, fix=" ".join(fixes)
    )
