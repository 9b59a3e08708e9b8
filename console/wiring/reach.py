"""One environment's clients: made at first use, in the thread that asks, and at most one of each.

Owns which client goes where: every address found on a host goes through the primary host's SSH connection, and only an
address that the configuration states as `via: direct` is dialled from here. Never falls back to another host silently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from console.clients.names import Resolver
from console.config import secrets
from console.domain.environment import AppFacts, Environment, Host, RedisTarget, SqlTarget, TransportKind, Via
from console.domain.origins import Origin
from console.domain.redact import Secret
from console.errors import UnreachableError, UsageError
from console.ports import Clock, Http, KeyValue, Publish, Reach, Shell, Sql, TunnelSocket
from console.services.discovery.discovery import Discovery, missing_connection, redis_cluster, unreadable_sqlite

T = TypeVar("T")


def open_reach(environment: Environment, *, clock: Clock, state_dir: Path, publish: Publish | None = None) -> Reach:
    """The reach of one environment; connects to nothing yet.

    `state_dir` is where discovery keeps its memory (without secrets). `publish` is told `("link", ENVIRONMENT, HOST)`
    when a host's connection comes up or goes down.
    """
    return LiveReach(environment, clock=clock, state_dir=state_dir, publish=publish)


class LiveReach:
    """`ports.Reach` over the real drivers. Thread-safe."""

    def __init__(self, environment: Environment, *, clock: Clock, state_dir: Path, publish: Publish | None) -> None:
        self._environment = environment
        self._clock = clock
        self._publish = publish
        self._lock = threading.Lock()
        self._shells: dict[str, Shell] = {}
        self._sql: dict[str, Sql] = {}
        self._redis: dict[str, KeyValue] = {}
        self._http: Http | None = None
        self._closed = False
        self._names = Resolver()
        self._discovery = Discovery(environment, self._primary, clock=clock, state_dir=state_dir, resolve=self.secret)

    @property
    def environment(self) -> Environment:
        """The environment it reaches."""
        return self._environment

    def shell(self, host: str) -> Shell:
        """The shell of a configured host; UsageError when there is none of that name."""
        try:
            found = self._environment.host(host)
        except KeyError:
            known = ", ".join(entry.name for entry in self._environment.hosts)
            raise UsageError(f"{self._environment.name} has no host {host!r}; it has {known}") from None

        return self._once(self._shells, host, lambda: self._make_shell(found))

    def _make_shell(self, host: Host) -> Shell:
        ssh_config, changed = self._environment.ssh_config, lambda: self._tell(host.name)
        if host.transport is TransportKind.OPENSSH:
            from console.clients.openssh_shell import OpensshShell

            return OpensshShell(host, clock=self._clock, ssh_config=ssh_config, changed=changed)
        from console.clients.ssh import SshShell

        return SshShell(host, clock=self._clock, ssh_config=ssh_config, changed=changed, names=self._names)

    def facts(self) -> AppFacts:
        """What discovery found, with the config's overrides."""
        return self._discovery.facts()

    def sql(self, connection: str) -> Sql:
        """The session of one of Laravel's SQL connections (empty = the default one)."""
        name = connection or self.facts().default_sql
        self._sql_target(name)

        def make() -> Sql:
            from console.clients.sql import SqlClient

            return SqlClient(
                name,
                target=lambda: self._sql_target(name),
                tunnel=self._tunnel,
                clock=self._clock,
                denied=self._discovery.forget,
                names=self._names,
            )

        return self._once(self._sql, name, make)

    def redis(self, connection: str) -> KeyValue:
        """The client of one of Laravel's Redis connections (empty = `default`)."""
        name = connection or "default"
        self._redis_target(name)

        def make() -> KeyValue:
            from console.clients.redis import RedisClient

            return RedisClient(
                name,
                target=lambda: self._redis_target(name),
                tunnel=self._tunnel,
                clock=self._clock,
                denied=self._discovery.forget,
                names=self._names,
            )

        return self._once(self._redis, name, make)

    def http(self) -> Http:
        """The client for health URLs."""
        from console.clients.http import HttpClient

        with self._lock:
            self._refuse_closed()
            if self._http is None:
                self._http = HttpClient(self._clock, self._names)
            return self._http

    def secret(self, reference: str) -> Secret:
        """Resolves a secret reference now."""
        return secrets.resolve(reference, self._discovery.env_value)

    def close(self) -> None:
        """Drops every client, at once."""
        with self._lock:
            self._closed = True
            clients: list[Sql | KeyValue | Shell | Http] = [
                *self._sql.values(),
                *self._redis.values(),
                *self._shells.values(),
                *([self._http] if self._http is not None else []),
            ]
        for client in clients:
            client.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _primary(self) -> Shell:
        return self.shell(self._environment.primary().name)

    def _tunnel(self, host: str, port: int, limit: float) -> TunnelSocket:
        return self._primary().tunnel(host, port, deadline=limit)

    def _sql_target(self, name: str) -> SqlTarget:
        facts = self.facts()
        target = facts.sql.get(name)
        if target is None or facts.sql_origin(name).guessed:
            raise missing_connection(self._environment, "database", name, facts)
        if target.driver == "sqlite" and target.via is not Via.DIRECT:
            raise unreadable_sqlite(self._environment, name, target.file)
        return self._discovery.with_passwords().sql.get(name, target) if target.withheld else target

    def _redis_target(self, name: str) -> RedisTarget:
        facts = self.facts()
        target = facts.redis.get(name)
        if name in facts.redis_clusters and facts.redis_origin(name) is not Origin.STATED:
            raise redis_cluster(self._environment, name)
        if target is None or facts.redis_origin(name).guessed:
            raise missing_connection(self._environment, "redis", name, facts)
        return self._discovery.with_passwords().redis.get(name, target) if target.withheld else target

    def _once(self, made: dict[str, T], name: str, make: Callable[[], T]) -> T:
        with self._lock:
            self._refuse_closed()
            if name not in made:
                made[name] = make()
            return made[name]

    def _refuse_closed(self) -> None:
        if self._closed:
            raise UnreachableError(f"{self._environment.name}: its connections were closed here")

    def _tell(self, host: str) -> None:
        if self._publish is not None:
            self._publish(("link", self._environment.name, host))
