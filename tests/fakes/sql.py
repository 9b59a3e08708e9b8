"""A database that answers from a function, or is a real SQLite one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping

from console.ports import Row


class FakeSql:
    """`answer(statement, parameters)` gives rows or raises; `FakeSql.on(connection)` asks SQLite.

    `asked` records the statements.
    """

    def __init__(
        self, answer: Callable[[str, Mapping[str, object]], list[Row]] | None = None, *, dialect: str = "mysql"
    ) -> None:
        self.answer = answer or (lambda statement, parameters: [])
        self._dialect = dialect
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.closed = False

    @classmethod
    def on(cls, connection: sqlite3.Connection) -> FakeSql:
        """Asks a real SQLite database; open it with `check_same_thread=False`."""
        lock = threading.Lock()

        def answer(statement: str, parameters: Mapping[str, object]) -> list[Row]:
            with lock:
                return [tuple(row) for row in connection.execute(statement, parameters).fetchall()]

        return cls(answer, dialect="sqlite")

    @property
    def dialect(self) -> str:
        return self._dialect

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        self.asked.append(statement)
        if self.error is not None:
            raise self.error
        return self.answer(statement, parameters or {})

    def close(self) -> None:
        self.closed = True
