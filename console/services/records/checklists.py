"""Sessions of checklists: files and marks folded into views, new marks stored, colleagues' marks noticed.

Owns when a session opens and when a view has changed. Must not parse Markdown itself nor fold marks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from console.domain.checklists import Checklist, ChecklistView, Mark, MarkKind, Session, fold
from console.domain.environment import Environment
from console.domain.policy import Operator
from console.errors import UsageError
from console.ports import Clock, MarkStore, Publish
from console.services.threads.loop import Loop

MAX_NOTE = 2000
_EVERY = 0.5
_NEEDS_WORDS = {MarkKind.SKIP: "a reason", MarkKind.FAIL: "what failed", MarkKind.NOTE: "some words"}

Stamp = tuple[int, int, int]
"""Inode, modification time in ns and size of a file: differs when the file was changed."""
Seen = tuple[Stamp | None, int | None, int]
"""What a view was made of: the file's stamp, the session, how many marks it had."""


class ChecklistSessions:
    """`ports.Checklists` over the files of the configuration and a store of marks.

    A thread looks twice a second whether the store or a file has changed and publishes `("checklist", ENVIRONMENT)`
    for every checklist somebody has viewed that looks different now. Call `close` at the end.
    """

    def __init__(
        self,
        environments: Sequence[Environment],
        store: MarkStore,
        *,
        clock: Clock,
        operator: Operator,
        publish: Publish,
        crashed: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        self._paths = {
            environment.name: {Path(path).stem: Path(path) for path in environment.checklists}
            for environment in environments
        }
        self._store = store
        self._clock = clock
        self._operator = operator
        self._publish = publish
        self._lock = threading.Lock()
        self._parsed: dict[Path, tuple[Stamp, Checklist]] = {}
        self._seen: dict[tuple[str, str], Seen] = {}
        self._changed: int | None = None
        self._loop = Loop("checklists", self._look, clock=clock, crashed=crashed)

    def start(self) -> ChecklistSessions:
        """Starts looking for colleagues' marks."""
        self._loop.start()
        return self

    def close(self) -> None:
        """Stops looking, within a bounded time."""
        self._loop.close()

    def names(self, environment: str) -> tuple[str, ...]:
        """The names of the environment's checklists in the configuration's order; at once."""
        return tuple(self._paths.get(environment, ()))

    def view(self, environment: str, name: str = "") -> ChecklistView | None:
        """The newest open session, else the file's items; None when the environment has no checklist.

        An empty `name` means the first. UsageError for an unknown one, OpsconsoleError when its file cannot be read.
        """
        if not name and not self._paths.get(environment):
            return None
        name, path = self._find(environment, name)
        checklist = self._checklist(path)
        session = self._store.newest_open(environment, name)
        marks = self._store.marks(session.id) if session else ()
        with self._lock:
            self._seen[environment, name] = (_stamp(path), session.id if session else None, len(marks))
        return fold(checklist, marks, session.id if session else None)

    def mark(self, environment: str, name: str, item: str, kind: MarkKind, note: str = "") -> None:
        """Marks an item for this operator; a first mark opens a session. UsageError when the words are missing or the
        file no longer has the item."""
        name, path = self._find(environment, name)
        note = note.strip()[:MAX_NOTE]
        if not note and kind in _NEEDS_WORDS:
            raise UsageError(f"To {kind.value} an item takes {_NEEDS_WORDS[kind]}.", done="Nothing was marked.")
        if all(known.id != item for known in self._checklist(path).items):
            raise UsageError("The checklist no longer has this item.", done="Nothing was marked.")
        now, who = self._clock.now(), self._operator.label
        session = self._store.open_session(environment, name, who=who, at=now)
        self._store.add(session.id, Mark(item=item, kind=kind, who=who, at=now, note=note))
        self._publish(("checklist", environment))

    def close_session(self, environment: str, name: str) -> None:
        """Ends the open session: the file is shown without marks again, and the next mark opens a new session."""
        name, _path = self._find(environment, name)
        session = self._store.newest_open(environment, name)
        if session is not None:
            self._store.close_session(session.id, at=self._clock.now())
            self._publish(("checklist", environment))

    def _find(self, environment: str, name: str) -> tuple[str, Path]:
        paths = self._paths.get(environment, {})
        name = name or next(iter(paths), "")
        if name not in paths:
            known = ", ".join(paths) or "none"
            raise UsageError(f"The environment has no checklist of that name; it has: {known}.")
        return name, paths[name]

    def _checklist(self, path: Path) -> Checklist:
        # Imported late, because the parser is not needed before somebody looks at a checklist.
        from console.formats.markdown import read_checklist

        stamp = _stamp(path)
        with self._lock:
            kept = self._parsed.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        checklist = read_checklist(path)
        if stamp is not None:
            with self._lock:
                self._parsed[path] = (stamp, checklist)
        return checklist

    def _look(self) -> float:
        with self._lock:
            seen = dict(self._seen)
        if not seen:
            return _EVERY
        changed = self._store.changed()
        moved = changed != self._changed
        for (environment, name), before in seen.items():
            stamp = _stamp(self._paths[environment][name])
            # An unchanged store holds no new mark, so it is not queried.
            session, count = self._marked(environment, name) if moved else before[1:]
            if (stamp, session, count) != before:
                with self._lock:
                    # A `view` meanwhile may have seen more than this look: its record is kept.
                    if self._seen.get((environment, name)) == before:
                        self._seen[environment, name] = (stamp, session, count)
                self._publish(("checklist", environment))
        self._changed = changed
        return _EVERY

    def _marked(self, environment: str, name: str) -> tuple[int | None, int]:
        session: Session | None = self._store.newest_open(environment, name)
        return (session.id, len(self._store.marks(session.id))) if session else (None, 0)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
