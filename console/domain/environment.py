"""A named target: its hosts, its application, how it is protected, and what discovery found out about it.

Owns what the configuration becomes once it is valid. Must not know YAML, nor reach anything.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.documents import Json
from console.domain.health import ProbeSpec
from console.domain.origins import Origin, Origins, weakest
from console.domain.redact import Secret


class Tier(StrEnum):
    """How an environment is protected. Protected ones need their name typed and an open change window."""

    PROTECTED = "protected"
    NORMAL = "normal"


class Layout(StrEnum):
    """How the application lies on its hosts: release directories behind a `current` link, or one tree."""

    RELEASES = "releases"
    IN_PLACE = "in-place"


class TransportKind(StrEnum):
    """Who carries what is said to a host: the console's own SSH client, or the system's `ssh` command."""

    SSH = "ssh"
    OPENSSH = "openssh"


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """Where `ssh` goes. Either `alias` (a name or user@host for `ssh -G`), or an explicit `host`; never both."""

    alias: str = ""
    host: str = ""
    port: int = 22
    user: str = ""
    identity_file: str = ""
    known_hosts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine of an environment. `path` is set only where this host keeps the application elsewhere."""

    name: str
    ssh: SshTarget
    roles: tuple[str, ...] = ()
    path: str = ""
    transport: TransportKind = TransportKind.SSH


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSource:
    """Where a deploy takes code from: a git URL with a default ref, or a tar archive on this machine. `without` names
    parts of the code that the application does not want: `submodules`, `lfs`."""

    git: str = ""
    ref: str = ""
    archive: str = ""
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSpec:
    """The application on a host. `root` is artisan's directory below the tree; `shared` is linked into releases."""

    path: str
    root: str = ""
    layout: Layout = Layout.RELEASES
    source: CodeSource | None = None
    php: str = "php"
    shared: tuple[str, ...] = (".env", "storage")
    keep: int = 5
    control: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPaths:
    """Absolute paths of the application on one host."""

    base: str
    tree: str
    root: str
    releases: str
    current: str
    shared: str
    control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a host must prove before the first change; app_key is the first 12 hex of the key text's SHA-256."""

    app_env: str
    app_key: str
    database: str


class Via(StrEnum):
    """From where an address is meant: as the application's host sees it, or as this machine does."""

    HOST = "host"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTarget:
    """One SQL database. `driver` is mysql, pgsql or sqlite; `file` is for sqlite only; `prefix` is the tables'; `ca` is
    a PEM file on this machine, for an address that is dialled from here. `timezone` is what the application sets for
    its sessions (`+00:00`, `Europe/Berlin`), empty where it leaves the server's. `withheld`: it has a password, which
    the host is asked for only when it is needed."""

    driver: str
    host: str = ""
    port: int = 0
    socket: str = ""
    database: str = ""
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    file: str = ""
    prefix: str = ""
    via: Via = Via.HOST
    ca: str = ""
    timezone: str = ""
    withheld: bool = False

    @property
    def address(self) -> str:
        """`name@host:port`, `name@socket`, or the file for SQLite."""
        if self.driver == "sqlite":
            return self.file
        return f"{self.database}@{f'{self.host}:{self.port}' if self.host else self.socket}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisTarget:
    """One Redis database. `prefix` is put before every key by the application's client; `withheld` as of SQL."""

    host: str = ""
    port: int = 6379
    socket: str = ""
    database: int = 0
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    prefix: str = ""
    via: Via = Via.HOST
    withheld: bool = False

    @property
    def address(self) -> str:
        """`host:port/database`, or `socket/database`."""
        return f"{f'{self.host}:{self.port}' if self.host else self.socket}/{self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConnection:
    """One of Laravel's queue connections: `driver` is database or redis, `target` names the SQL or Redis connection.

    `block_for` is how many seconds a Redis worker waits for a job (0 means without end), None where it asks instead.
    `members` are the connections that a failover hands its jobs to. `stated`: our configuration says something of it.
    """

    name: str
    driver: str
    target: str
    table: str = "jobs"
    queue: str = "default"
    retry_after: int = 90
    block_for: int | None = None
    names: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    stated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStore:
    """One of Laravel's cache stores. `connection` names the SQL or Redis connection, `table` is the database driver's,
    `path` the file driver's on the host; `prefix` is what the store puts before each key, after the connection's own.
    """

    name: str
    driver: str
    connection: str = ""
    table: str = ""
    path: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """What an application says of itself: read from its host by discovery, overridden by the config.

    `sql` and `redis` are keyed by Laravel's connection names, `caches` by its stores' names. `redis_clusters` are the
    names of Redis connections that are clusters and so not in `redis`; `queues_off` are the queue connections that our
    configuration switches off, and they are not in `queues`. `timezone` is the application's, in which `failed_at` is
    written. `failed_driver` is `database-uuids`, `database`, or something this console cannot read.
    `maintenance_driver` is `file` or `cache`, and then `maintenance_store` names the cache store. `app_key_hash` is
    empty for an application without a key. `origins` tells on what each fact stands; `problem` says why PHP could not
    be asked (empty when it answered), and `unbooted` that it was asked and failed.
    """

    laravel: str
    app_env: str
    app_key_hash: str
    timezone: str
    sql: Mapping[str, SqlTarget]
    redis: Mapping[str, RedisTarget]
    queues: tuple[QueueConnection, ...]
    default_queue: str
    failed_driver: str
    failed_sql: str
    failed_table: str
    batches_sql: str
    batches_table: str
    default_sql: str
    cache_store: str = ""
    cache_redis: str = ""
    caches: Mapping[str, CacheStore] = field(default_factory=dict)
    maintenance_driver: str = "file"
    maintenance_store: str = ""
    origins: Origins = field(default_factory=Origins)
    problem: str = ""
    unbooted: bool = False
    redis_clusters: tuple[str, ...] = ()
    queues_off: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """The identity's `name@host:port`, or the file for SQLite."""
        target = self.sql.get(self.default_sql)
        return target.address if target is not None else ""

    def sql_origin(self, name: str) -> Origin:
        """On what the place of an SQL database stands: its host or socket and its name, or its file."""
        target = self.sql.get(name)
        if target is None:
            return Origin.UNKNOWN
        where = ("file",) if target.driver == "sqlite" else ("database", "host" if target.host else "socket")
        return self.origins.weakest(*(f"sql.{name}.{part}" for part in where))

    def redis_origin(self, name: str) -> Origin:
        """On what the place of a Redis stands: its host or its socket."""
        target = self.redis.get(name)
        if target is None:
            return Origin.UNKNOWN
        return self.origins.of(f"redis.{name}.{'host' if target.host else 'socket'}")

    @property
    def database_origin(self) -> Origin:
        """On what `database` stands: the weakest of its parts."""
        name = self.default_sql
        target = self.sql.get(name)
        port = (self.origins.of(f"sql.{name}.port"),) if target is not None and target.host else ()
        return weakest((self.origins.of("default_sql"), self.sql_origin(name), *port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One named target, fully resolved. `sources` are the params of data sources switched on by name.

    `overrides` is what the config states in place of discovery, only the keys that it states: `database`, `redis` and
    `failed` are mappings, `queues` maps Laravel's connection names to mappings, `timezone` is a text. Passwords in it
    are references for `Reach.secret`, paths of files on this machine are absolute.
    """

    name: str
    tier: Tier
    url: str
    app: AppSpec
    hosts: tuple[Host, ...]
    identity: Identity | None = None
    health: tuple[ProbeSpec, ...] = ()
    logs: tuple[str, ...] = ()
    supervisor: tuple[str, ...] = ()
    checklists: tuple[str, ...] = ()
    overrides: Mapping[str, Json] = field(default_factory=dict)
    sources: Mapping[str, Json] = field(default_factory=dict)
    config_hash: str = ""
    ssh_config: str = ""

    @property
    def protected(self) -> bool:
        """Whether changes need the name typed and a change window."""
        return self.tier is Tier.PROTECTED

    def host(self, name: str) -> Host:
        """The host of that name; KeyError when there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def primary(self) -> Host:
        """The first host with the role `primary`, else the first host: it holds the lock and runs `once` commands."""
        return next((host for host in self.hosts if "primary" in host.roles), self.hosts[0])

    def on(self, where: str) -> tuple[Host, ...]:
        """The hosts a step's `on:` names: `all`, `primary`, or a role."""
        if where == "all":
            return self.hosts
        if where == "primary":
            return (self.primary(),)
        return tuple(host for host in self.hosts if where in host.roles)

    def paths(self, host: Host) -> AppPaths:
        """Where everything of the application lies on `host`."""
        base = (host.path or self.app.path).rstrip("/") or "/"
        released = self.app.layout is Layout.RELEASES
        tree = posixpath.join(base, "current") if released else base
        parent, name = posixpath.split(base)
        control = posixpath.join(base, ".opsconsole") if released else posixpath.join(parent, f".opsconsole-{name}")
        return AppPaths(
            base=base,
            tree=tree,
            root=posixpath.join(tree, self.app.root).rstrip("/"),
            releases=posixpath.join(base, "releases"),
            current=posixpath.join(base, "current"),
            shared=posixpath.join(base, "shared"),
            control=self.app.control or control,
        )
