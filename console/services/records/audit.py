"""The audit: who did what from where, as a hash chain whose newest head is told to witnesses that we cannot change.

Owns writing entries, telling the head to syslog and to the target, and gathering witnesses for a verdict. When an
entry cannot be written nothing may be changed: `write` raises and callers stop. Must not know how rows are stored.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.audit import AuditEntry, AuditPage, ChainVerdict, Witness, read_body, verify
from console.domain.counts import bounds
from console.domain.policy import Operator
from console.domain.redact import Redactor
from console.domain.shellwords import quote
from console.errors import InsecureError, LockHeldError, OpsconsoleError, RefusedError, StateError
from console.ports import Clock, Shell

if TYPE_CHECKING:
    from console.store.audit import AuditRows

SYSLOG = Path("/dev/log")
_PRIORITY = 10 * 8 + 5  # authpriv.notice
_LINE = re.compile(r"(?:audit\.head )?([0-9a-f]{16}) ([0-9]{1,12}) ([0-9a-f]{64})\b")
_KEPT = 500


class Audit:
    """Writes and verifies the chain of one state database, for one operator. Usable from any thread."""

    def __init__(
        self,
        rows: AuditRows,
        operator: Operator,
        clock: Clock,
        *,
        redactor: Redactor | None = None,
        syslog: Path = SYSLOG,
    ) -> None:
        self._rows = rows
        self._operator = operator
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._syslog = syslog

    def write(
        self,
        action: str,
        *,
        environment: str = "",
        command: str = "",
        targets: Sequence[str] = (),
        plan_hash: str = "",
        run: int | None = None,
        result: str = "intent",
        exit_status: int | None = None,
        seconds: float | None = None,
        detail: str = "",
    ) -> AuditEntry:
        """Adds one entry durably and tells its head to syslog. StateError when it could not be written: then whatever
        it announces must not be done."""
        clean = self._redactor.text

        def made(seq: int) -> AuditEntry:
            return AuditEntry(
                seq=seq,
                at=self._clock.now(),
                uid=self._operator.uid,
                login=self._operator.login,
                machine=self._operator.host,
                origin=self._operator.origin,
                environment=environment,
                action=action,
                command=clean(command),
                targets=tuple(targets),
                plan_hash=plan_hash,
                run=run,
                result=result,
                exit_status=exit_status,
                seconds=seconds,
                detail=clean(detail),
            )

        try:
            entry, head = self._rows.append(made)
        except StateError as error:
            raise StateError(
                f"the audit cannot be written: {error.what}",
                done="nothing that changes is allowed without it, so nothing was done; reading goes on",
                fix=error.fix,
            ) from error
        self._tell_syslog(head)
        return entry

    @contextmanager
    def refusals(
        self,
        action: str,
        *,
        environment: str,
        plan_hash: str = "",
        run: int | None = None,
        also: tuple[type[OpsconsoleError], ...] = (),
    ) -> Iterator[None]:
        """Audits whatever is refused inside the block, and lets the refusal go on. `also` are further errors that count
        as refusals here: a UsageError usually does not, but for a request to a run that has ended it does.

        A refusal stands even when the audit cannot be written; its error then says that it is not in the audit.
        """
        kinds: tuple[type[OpsconsoleError], ...] = (RefusedError, LockHeldError, InsecureError, *also)
        try:
            yield
        except kinds as error:
            try:
                self.write(
                    action,
                    environment=environment,
                    plan_hash=plan_hash,
                    run=run,
                    result="refused",
                    exit_status=error.exit_code,
                    detail=error.what,
                )
            except StateError as unwritten:
                error.done = f"{error.done} This refusal is not in the audit: {unwritten.what}".strip()
            raise

    def witness(self, shell: Shell, control: str) -> bool:
        """Writes the newest head into `CONTROL/audit.head` on a target; whether it is there. A link that fails does no
        harm: the next head covers this one too."""
        head = self._rows.head()
        if head is None:
            return False
        try:
            return shell.run(witness_text(control, head)).stdout.strip() == b"witnessed"
        except OpsconsoleError:
            return False

    def witnesses(self, shell: Shell, control: str) -> tuple[Witness, ...]:
        """The heads a target keeps. Raises what the shell raises."""
        done = shell.run(f"cat {quote(control + '/audit.head')} 2>/dev/null; exit 0")
        return read_witnesses(done.stdout.decode("ascii", "replace"), f"{shell.host}: audit.head")

    def entries(self, *, limit: int = 50, environment: str = "") -> AuditPage:
        """The newest entries, oldest of them first; unreadable ones are left to `verify`."""
        found = []
        unreadable = 0
        for row in self._rows.rows() if environment else self._rows.newest(limit + 1):
            try:
                entry = read_body(row.body)
            except ValueError:
                unreadable += 1
                continue
            if not environment or entry.environment == environment:
                found.append(entry)
        more = len(found) + (0 if environment else unreadable) > limit
        bound = [f"the newest {limit:,}; older ones are left out" if more else ""]
        bound.append(f"{unreadable:,} that cannot be read are left out: audit verify" if unreadable else "")
        return AuditPage(tuple(found[-limit:]), bounds(bound))

    def verify(self, witnesses: Iterable[Witness] = ()) -> ChainVerdict:
        """Follows the whole chain and compares it with what witnesses saw."""
        return verify(self._rows.chain, self._rows.rows(), self._rows.head(), tuple(witnesses))

    def _tell_syslog(self, head: Witness) -> None:
        if not self._syslog.exists():
            return
        text = f"<{_PRIORITY}>opsconsole[{os.getpid()}]: audit.head {head.chain} {head.seq} {head.hash}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(0.5)
                channel.connect(str(self._syslog))
                channel.send(text.encode("ascii"))
        except OSError:
            # A full or dead syslog is one witness fewer, never a reason to stop a rollback.
            return


def read_witnesses(text: str, place: str) -> tuple[Witness, ...]:
    """The heads in a text: `audit.head` of a target, lines of a syslog, or `CHAIN SEQ HASH` as a report prints it."""
    return tuple(
        Witness(found[1], int(found[2]), found[3], place) for line in text.splitlines() if (found := _LINE.search(line))
    )


def witness_text(control: str, head: Witness) -> str:
    """The script that adds a head to `CONTROL/audit.head` and keeps the newest lines; it answers `witnessed`."""
    file, line = quote(f"{control}/audit.head"), f"{head.chain} {head.seq} {head.hash}"
    return (
        "{ umask 007\n"
        f"f={file}\n"
        f'[ -L "$f" ] && exit 1\n'
        f"echo '{line}' >>\"$f\" || exit 1\n"
        f'n=$(wc -l <"$f")\n'
        f'if [ "$n" -gt {2 * _KEPT} ]; then tail -n {_KEPT} "$f" >"$f.$$" && mv "$f.$$" "$f"; fi\n'
        "echo witnessed; exit 0\n}\n"
    )
