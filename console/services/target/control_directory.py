"""The control directory of a host: created when it is first needed, and the frame of every shell text that works in it.

Owns how such a text is built, how its answer begins, and the error where the directory cannot be used. Must not know
which files the directory holds.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from console.domain.environment import AppPaths
from console.domain.shellwords import quote
from console.domain.untrusted import Raw, harmless
from console.errors import RefusedError, RemoteError
from console.ports import Completed, Shell
from console.services.target.lock_scripts import CONTROL_ONLY, ENSURE


def ensure_control(shell: Shell, paths: AppPaths) -> None:
    """Makes (when needed) the control directory on a host, 2770 with the app path's group. RefusedError when it cannot
    be written, with the fix."""
    control_answer(shell.run(control_text(paths, CONTROL_ONLY)), paths, shell.host)


def control_text(paths: AppPaths, body: str, values: Mapping[str, str] | None = None) -> str:
    """A text for the control directory of these paths; `values` are its variables."""
    known = {"ol_control": paths.control, "ol_app": paths.base, **(values or {})}
    assigned = "".join(f"{name}={quote(value)}\n" for name, value in known.items())
    # In braces a text that a dying link cuts short is a syntax error; without them the shell would run half of it.
    return "{\n" + assigned + ENSURE + body + "\n}\n"


def control_answer(done: Completed, paths: AppPaths, host: str) -> tuple[tuple[str, ...], bytes]:
    """The words of the answer's first line, and what follows it. RemoteError when it is no answer; RefusedError where
    the directory cannot be used."""
    head, _, rest = done.stdout.partition(b"\n")
    words = head.split(b" ")
    if words[0] != b"opsconsole-lock" or len(words) < 2:
        shown = Raw.of(done.stderr or done.stdout).show(300)
        raise RemoteError(
            f"{host} gave no answer about its control directory: {shown or 'nothing at all'}",
            done="its state is unknown",
        )
    if words[1] == b"unwritable":
        raise _refused(host, paths, Raw.of(b" ".join(words[2:])).show(300))
    return tuple(word.decode("ascii", "replace") for word in words[1:]), rest


def control_fix(host: str, paths: AppPaths) -> str:
    """What root does on a host for the control directory to be usable."""
    return (
        f'on {host}, as root: install -d -m 2770 -o THE_SSH_USER -g "$(stat -c %G {quote(paths.base)})" '
        f"{quote(paths.control)} (its parent is {harmless(posixpath.dirname(paths.control))})"
    )


def _refused(host: str, paths: AppPaths, detail: str) -> RefusedError:
    return RefusedError(
        f"{host}: the control directory cannot be used: {detail}",
        done="nothing was changed",
        fix=control_fix(host, paths),
    )
