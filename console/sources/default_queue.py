"""The application's default queue connection where its jobs cannot be counted: another driver, or none at all.

Owns the words for each such driver. Asks nobody.
"""

from __future__ import annotations

from console.domain.environment import AppFacts, QueueConnection
from console.domain.queues import KEEPS_NONE, READABLE, QueueReading
from console.domain.untrusted import harmless
from console.sources.kinds import SourceContext, SourceParams
from console.sources.queue_usage import QueuesSource

Params = SourceParams
_EVERY = 30.0
_WORDS = {
    "sync": "jobs run at once where they are dispatched, and none wait",
    "null": "jobs are thrown away",
    "deferred": "jobs run after the response in the same process, and none wait",
    "background": "jobs run at once in processes of their own, and none wait",
}


class DefaultQueueSource(QueuesSource):
    """`QueueReading` without queues, which says why: each 30 s, at once."""

    def __init__(self, context: SourceContext, connection: QueueConnection, params: SourceParams) -> None:
        super().__init__(context, connection, params)
        self.every = params.every or _EVERY

    def count(self, facts: AppFacts) -> QueueReading:  # noqa: ARG002
        """No queue, and why."""
        connection = self._connection
        words = default_words(connection)
        return QueueReading(
            connection=connection.name,
            driver=connection.driver,
            queues=(),
            server_time=self._context.clock.now().timestamp(),
            uncounted=words,
            bound="" if connection.driver in KEEPS_NONE else words,
        )


def build(context: SourceContext, params: SourceParams) -> tuple[DefaultQueueSource, ...]:
    """One source when the default connection is none whose jobs are read."""
    facts = context.discovered.facts
    if facts is None or not facts.default_queue or facts.default_queue in facts.queues_off:
        return ()
    absent = QueueConnection(
        name=facts.default_queue, driver="null" if facts.default_queue == "null" else "", target=""
    )
    found = next((queue for queue in facts.queues if queue.name == facts.default_queue), absent)
    return () if found.driver in READABLE else (DefaultQueueSource(context, found, params),)


def default_words(connection: QueueConnection) -> str:
    """Why no job of a default connection is counted."""
    driver = harmless(connection.driver)
    if not driver:
        return "the default connection, which the application does not configure"
    if driver == "failover":
        members = ", ".join(harmless(name) for name in connection.members) or "no other connection"
        return f"the default, driver failover: hands jobs to {members}"
    words = _WORDS.get(driver, "its jobs cannot be read by this console, and are not counted")
    return f"the default, driver {driver}: {words}"
