"""What the sources of queue connections share: how one is shown, and whether the application uses it at all.

Laravel configures connections that an application may never use, so one that cannot be read is an error only when it is
used: it is the default one, the configuration states it, a worker is started for it, or a job was seen there. Owns that
rule and the words. Must not ask a driver.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from console.domain.environment import AppFacts, QueueConnection
from console.domain.queues import QueueReading, job_total
from console.domain.readings import QUEUES
from console.domain.snapshot import Trouble
from console.domain.untrusted import harmless
from console.errors import AuthenticationError, DeadlineError, OpsconsoleError, UnreachableError, UsageError
from console.present.text import plural
from console.sources.kinds import SourceContext, SourceParams, TypedSource, doubts


class QueuesSource(TypedSource[QueueReading]):
    """`QueueReading` of one queue connection, each second; a driver's source says how jobs are counted.
    UnreachableError, QueryError when the application uses it."""

    kind: ClassVar = QueueReading

    def __init__(self, context: SourceContext, connection: QueueConnection, params: SourceParams) -> None:
        self._context = context
        self._connection = connection
        self.name = QUEUES + connection.name
        self.every = params.every or 1.0

    def count(self, facts: AppFacts) -> QueueReading:
        """All queues, asked now."""
        raise NotImplementedError

    def read(self) -> QueueReading:
        """All queues; of a connection that the application does not use, why it cannot be read."""
        facts = self._context.reach.facts()
        if self._context.look_for_workers is not None and not is_named(self._context, facts, self._connection):
            self._context.look_for_workers()
        try:
            found = self.count(facts)
        except OpsconsoleError as error:
            host = self._context.reach.shell(self._context.environment.primary().name)
            # Without the host nothing at all is reached, and that says nothing of this connection.
            if is_used(self._context, facts, self._connection) or not host.connected():
                raise
            return self._unused(error)
        if job_total(found).number:
            self._context.used.add((self._connection.name,))
        return found if is_used(self._context, facts, self._connection) else replace(found, used=False)

    @property
    def title(self) -> str:
        """The connection's own name."""
        return self._connection.name

    def summary(self, value: QueueReading) -> str:
        """How many jobs in how many queues, or why none were counted."""
        if value.uncounted:
            return value.uncounted
        jobs = job_total(value)
        told = f"{jobs.sign}{jobs.number} jobs in {jobs.sign}{len(value.queues)} queues"
        return f"{told} ({jobs.bound})" if jobs.bound else told

    def troubles(self, value: QueueReading) -> tuple[Trouble, ...]:
        """Each part that could not be read, and each queue with stuck jobs. Several connections may have a queue of the
        same name."""
        stuck = [queue for queue in value.queues if queue.stuck]
        words = doubts(f"{plural(each.stuck, 'job')} stuck in {each.label} on {each.connection}" for each in stuck)
        return (*(Trouble(f"{value.connection}: {each}", unread=True) for each in value.unread), *words)

    def _unused(self, error: OpsconsoleError) -> QueueReading:
        return QueueReading(
            connection=self._connection.name,
            driver=self._connection.driver,
            queues=(),
            server_time=self._context.clock.now().timestamp(),
            used=False,
            uncounted=f"not used here, {_short(error, self._connection.table)}",
        )


def is_used(context: SourceContext, facts: AppFacts, connection: QueueConnection) -> bool:
    """Whether the application uses a connection, or nobody could tell yet because the workers were not read."""
    return is_named(context, facts, connection) or not context.used.workers_known


def is_named(context: SourceContext, facts: AppFacts, connection: QueueConnection) -> bool:
    """Whether something says that the application uses a connection."""
    name = connection.name
    default = next((queue for queue in facts.queues if queue.name == facts.default_queue), None)
    if name == facts.default_queue or (default is not None and name in default.members):
        return True
    return connection.stated or name in context.used


def _short(error: OpsconsoleError, table: str) -> str:
    """An error as one or two words: the whole of it would look like one."""
    what = error.what.splitlines()[0]
    if isinstance(error, DeadlineError):
        return "no answer"
    if isinstance(error, UnreachableError):
        return "refused" if "refused" in what.lower() else "unreachable"
    if isinstance(error, AuthenticationError):
        return "not let in"
    if isinstance(error, UsageError):
        return "nothing says where it is"
    if "(1146)" in what or "no such table" in what:
        return f"no table {harmless(table)}"
    return what
