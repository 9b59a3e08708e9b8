"""Whether a host key is revoked by the file that RevokedHostKeys names.

Owns both of its forms: public keys as text, and a key revocation list, which ssh-keygen is asked about. A file that
cannot be judged lets nobody in. Must not write.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

from console.clients.ssh_public_keys import fingerprint, from_line, kind_of, plain
from console.domain.untrusted import Raw
from console.errors import HostKeyError

_LIST = b"SSHKRL\n\0"
_LARGEST = 32_000_000
_DONE = "The connection was closed before signing in; nothing was sent."


def refuse_revoked(file: str, blob: bytes, *, label: str) -> None:
    """HostKeyError when the key is in the file, or when that cannot be told."""
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise _unjudged(file, error.strerror or "it cannot be read") from error
    if len(data) > _LARGEST:
        raise _unjudged(file, "it is larger than 32 MB")
    if _is_in_list(file, blob) if data.startswith(_LIST) else _is_in_text(file, data, blob):
        raise HostKeyError(
            f"{label} shows a host key that is revoked: {fingerprint(blob)} (RevokedHostKeys {file})",
            done=_DONE,
            fix="Do not connect: somebody may be using a stolen key. Ask whoever runs the host.",
        )


def _is_in_text(file: str, data: bytes, blob: bytes) -> bool:
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        text = line.strip(" \t\r")
        if not text or text.startswith("#"):
            continue
        found = from_line(text)
        if not found:
            raise _unjudged(file, f"line {number} is no public key")
        if plain(found) == blob:
            return True
    return False


def _is_in_list(file: str, blob: bytes) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as key:
        key.write(f"{kind_of(blob)} {base64.b64encode(blob).decode('ascii')}\n")
        key.flush()
        try:
            done = subprocess.run(
                ["ssh-keygen", "-Q", "-f", file, key.name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _unjudged(file, "it is a key revocation list, and ssh-keygen gave no answer") from error
    if done.returncode not in (0, 1) or done.stderr:
        raise _unjudged(file, Raw(done.stderr).show(200).strip() or f"ssh-keygen ended with {done.returncode}")
    return done.returncode == 1


def _unjudged(file: str, why: str) -> HostKeyError:
    return HostKeyError(
        f"the file of revoked host keys {Raw.of(file).show(200)} (RevokedHostKeys) cannot be judged: {why}",
        done=_DONE,
        fix="Mend that file, or set RevokedHostKeys none for this host in the ssh configuration.",
    )
