"""An environment whose clients are all fakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from console.domain.environment import (
    AppFacts,
    AppSpec,
    Environment,
    Host,
    QueueConnection,
    RedisTarget,
    SqlTarget,
    SshTarget,
    Tier,
)
from console.domain.health import ProbeSpec
from console.domain.origins import Origin, Origins
from console.domain.redact import Secret
from console.errors import UsageError
from console.ports import Http, KeyValue, Shell, Sql
from tests.fakes.http import FakeHttp
from tests.fakes.keyvalue import FakeKeyValue
from tests.fakes.shell import FakeShell
from tests.fakes.sql import FakeSql

C = TypeVar("C")


def make_environment(name: str = "lab", **changes: Any) -> Environment:
    """Two hosts `web1` (web, worker, primary) and `web2`, release directories in /srv/app, two probes."""
    environment = Environment(
        name=name,
        tier=Tier.NORMAL,
        url="http://app.test",
        app=AppSpec(path="/srv/app"),
        hosts=(
            Host(name="web1", ssh=SshTarget(alias="web1"), roles=("web", "worker", "primary")),
            Host(name="web2", ssh=SshTarget(alias="web2"), roles=("web", "worker")),
        ),
        health=(
            ProbeSpec(name="up", url="http://app.test/up"),
            ProbeSpec(name="health", url="http://app.test/health"),
        ),
        logs=("storage/logs/laravel.log",),
        supervisor=("laravel-worker",),
    )
    return replace(environment, **changes)


def make_facts(**changes: Any) -> AppFacts:
    """A Laravel 8 application with a database and a Redis queue connection."""
    facts = AppFacts(
        laravel="8.83.26",
        app_env="production",
        app_key_hash="3f9ac1d2e4b5",
        timezone="UTC",
        sql={"mysql": SqlTarget(driver="mysql", host="db", port=3306, database="app", user="app")},
        redis={"default": RedisTarget(host="redis", prefix="laravel_database_")},
        queues=(
            QueueConnection(name="database", driver="database", target="mysql"),
            QueueConnection(name="redis", driver="redis", target="default"),
        ),
        default_queue="database",
        failed_driver="database-uuids",
        failed_sql="mysql",
        failed_table="failed_jobs",
        batches_sql="mysql",
        batches_table="job_batches",
        default_sql="mysql",
        origins=Origins(Origin.PHP),
    )
    return replace(facts, **changes)


class FakeReach:
    """Every client of one environment, given or made of fakes; asking for one that is missing is a UsageError."""

    def __init__(
        self,
        environment: Environment | None = None,
        *,
        facts: AppFacts | None = None,
        shells: Mapping[str, Shell] | None = None,
        sql: Mapping[str, Sql] | None = None,
        redis: Mapping[str, KeyValue] | None = None,
        http: Http | None = None,
    ) -> None:
        self._environment = environment or make_environment()
        self._facts = facts or make_facts()
        self.shells = (
            dict(shells) if shells is not None else {h.name: FakeShell(h.name) for h in self.environment.hosts}
        )
        self.sqls = dict(sql) if sql is not None else {"mysql": FakeSql()}
        self.redises = dict(redis) if redis is not None else {"default": FakeKeyValue()}
        self._http = http or FakeHttp()
        self.facts_error: Exception | None = None
        self.closed = False

    @property
    def environment(self) -> Environment:
        return self._environment

    def shell(self, host: str) -> Shell:
        return self._of(self.shells, host)

    def facts(self) -> AppFacts:
        if self.facts_error is not None:
            raise self.facts_error
        return self._facts

    def sql(self, connection: str) -> Sql:
        return self._of(self.sqls, connection or self._facts.default_sql)

    def redis(self, connection: str) -> KeyValue:
        return self._of(self.redises, connection)

    def http(self) -> Http:
        return self._http

    def secret(self, reference: str) -> Secret:
        return Secret(f"secret of {reference}")

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def _of(clients: Mapping[str, C], name: str) -> C:
        if name not in clients:
            raise UsageError(f"no client named {name}")
        return clients[name]
