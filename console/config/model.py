"""The configuration file, declared: every key, its type, its default, and the sentence that documents it.

Owns the declaration that becomes validation, the JSON Schema, `docs/configuration.md` and the check of the commented
sample: the docstring below an attribute is its manual. Must not resolve anything; `config.resolve` does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from console.config.fields import (
    Absolute,
    Duration,
    Git,
    Inside,
    KeyHash,
    Line,
    Local,
    Name,
    OnHost,
    Port,
    ProbeUrl,
    Program,
    Ref,
    SshWord,
    Url,
    Whole,
)


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, values never show up in messages."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


def _short(key: str, whole: type[Section]) -> BeforeValidator:
    """Lets a plain text stand for a mapping with one key."""

    def written_out(value: object) -> object:
        if not isinstance(value, str | dict | Section):
            raise ValueError("must be a text or a mapping")
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(written_out, json_schema_input_type=str | whole)


def _off(value: object) -> object:
    if value is False:
        # What YAML 1.1 and people mean by it.
        return "off"
    if value != "off" and not isinstance(value, dict | Section):
        raise ValueError('must be a mapping, or "off"')
    return value


_OFF = BeforeValidator(_off)


def _readable(value: object) -> object:
    if value in ("pgsql", "postgres", "postgresql", "sqlsrv", "oracle", "mongodb"):
        raise ValueError("names a kind of database that this console cannot read yet; mysql, mariadb and sqlite it can")
    return value


_READABLE = BeforeValidator(_readable)


class SshModel(Section):
    """How a host is reached."""

    alias: SshWord | None = None
    """A name from your ssh config or `user@host`. A plain text in place of the mapping means this."""
    host: SshWord | None = None
    """A host name or address, reached without asking the `ssh` command for its configuration."""
    port: Port = 22
    """The port of `host`."""
    user: SshWord | None = None
    """The account on `host`; left out, your own name."""
    identity_file: Local | None = None
    """A private key for `host`; left out, the agent and the usual key files."""
    known_hosts: Local | None = None
    """The file that host keys are checked against; left out, `~/.ssh/known_hosts`."""

    @model_validator(mode="after")
    def _one_way(self) -> SshModel:
        if (self.alias is None) == (self.host is None):
            raise ValueError('needs either "alias" or "host"')
        if self.alias is not None and len(self.model_fields_set) > 1:
            raise ValueError('with "alias" takes everything else from your ssh config')
        return self


class HostModel(Section):
    """One machine of an environment."""

    ssh: Annotated[SshModel, _short("alias", SshModel)]
    """Where it is: a name from your ssh config, `user@host`, or a mapping."""
    roles: list[Name] = Field(default_factory=list)
    """What it is for. `primary` holds the deploy lock and runs what must run once; the others are your own words."""
    path: Absolute | None = None
    """Where the application lies on this host, when that differs from `app.path`."""
    transport: Literal["ssh", "openssh"] = "ssh"
    """Who connects: the console itself, or the system's `ssh` (`openssh`), for what only that can: jump hosts and other
    proxies, FIDO keys, Kerberos, certificates, further ciphers. It asks for nothing, and takes no unknown host."""


class SourceModel(Section):
    """Where a deploy takes code from: `git` with `ref`, or `archive`."""

    git: Git | None = None
    """A git URL or path as the host can fetch it, without password or token: a deploy key or a credential helper of the
    host signs in."""
    ref: Ref | None = None
    """The branch, tag or commit that a deploy takes when none is given."""
    archive: Local | None = None
    """A tar archive on this machine, relative to the configuration file."""
    without: list[Literal["submodules", "lfs"]] = Field(default_factory=list)
    """What the code names and the application does not want: git's submodules, files that Git LFS keeps elsewhere. A
    release gets neither, so a deploy of code that has them is refused unless it is said here."""

    @model_validator(mode="after")
    def _one_way(self) -> SourceModel:
        if (self.git is None) == (self.archive is None):
            raise ValueError('needs either "git" or "archive"')
        if self.archive is not None and self.ref is not None:
            raise ValueError('takes "ref" only together with "git"')
        return self


class AppModel(Section):
    """The application on its hosts."""

    path: Absolute
    """The directory that holds `releases/` and `current` (layout releases), or the application itself (in-place)."""
    root: Inside | None = None
    """The directory of `artisan` below the deployed tree, when it is not its top."""
    layout: Literal["releases", "in-place"] = "releases"
    """How the code lies there: release directories behind the link `current`, or one tree changed in place."""
    source: SourceModel | None = None
    """Where a deploy takes code from. Without it nothing can be deployed."""
    php: Line = "php"
    """The PHP command on the hosts."""
    shared: list[Inside] = [".env", "storage"]
    """What every release links from `shared/`, relative to the application root."""
    keep: Annotated[Whole, Field(ge=1, le=1000)] = 5
    """How many releases a cleanup leaves, the current one included."""
    control: Absolute | None = None
    """The control directory on the hosts; left out, `.opsconsole` beside the releases."""


class IdentityModel(Section):
    """What every host must prove to be before anything is changed."""

    app_env: Line
    """The application's `APP_ENV`."""
    app_key: KeyHash
    """The first 12 hex digits of the SHA-256 of the `APP_KEY` text as configured, with `base64:`."""
    database: Line
    """`NAME@HOST:PORT` of the default database, or the file's path for SQLite."""


class ExpectModel(Section):
    """When an answer counts as good."""

    status: Annotated[Whole, Field(ge=100, le=599)] | None = None
    """The HTTP status it must have; left out, any from 200 to 299. One of 300 to 399 means the redirect itself."""
    json_: dict[str, Any] = Field(default_factory=dict, alias="json")
    """Keys and values that the JSON body must hold; its own words are not judged then."""
    text: Line | None = None
    """A text that the body must hold; its own words are not judged then."""
    url: ProbeUrl | None = None
    """Where redirects must lead: a path, or a whole URL. Left out, to what was asked."""


class ProbeModel(Section):
    """One health question. A plain text in its place is its `url`."""

    name: Line | None = None
    """What it is called on the screen; left out, the path of `url`."""
    url: ProbeUrl
    """A path below the environment's `url`, or a whole URL."""
    expect: ExpectModel = Field(default_factory=ExpectModel)
    """When the answer counts as good."""
    timeout: Duration = 5.0
    """How long the whole answer may take."""


class WorkersModel(Section):
    """The worker programs of this application."""

    supervisor: list[Program] = Field(default_factory=list)
    """Program names as `supervisorctl status` shows them before the colon."""


class DatabaseModel(Section):
    """An SQL database of the application, stated in place of what its own configuration says."""

    driver: Annotated[Literal["mysql", "mariadb", "sqlite"] | None, _READABLE] = None
    """The kind of database. `sqlite` needs `file` and `via: direct`."""
    host: SshWord | None = None
    """The server's address, as the application's host sees it (or as this machine does, with `via: direct`)."""
    port: Port | None = None
    """The server's port."""
    socket: Absolute | None = None
    """A unix socket on the host, in place of an address."""
    database: Line | None = None
    """The database's name."""
    user: Line | None = None
    """The account to read with."""
    password: Line | None = Field(default=None)
    """A secret reference (`env:`, `file:`, `cmd:`, `dotenv:`, `remote-env:`)."""
    file: Local | None = None
    """The SQLite file on this machine, relative to the configuration file."""
    prefix: Line | None = None
    """What the application puts before its tables' names."""
    via: Literal["host", "direct"] | None = None
    """From where the address is meant: through the application's host (the default), or from this machine, and then by
    TLS only, unless it is a loopback address."""
    ca: Local | None = None
    """With `via: direct`: the PEM file of who signed the server's certificate, in place of this machine's own store."""

    @model_validator(mode="after")
    def _sqlite(self) -> DatabaseModel:
        if self.ca is not None and self.via != "direct":
            raise ValueError('takes "ca" only with via: direct')
        if self.driver == "sqlite":
            if self.file is None or self.via != "direct":
                raise ValueError("can be SQLite only as {driver: sqlite, file: PATH, via: direct}")
            if self.model_fields_set - {"driver", "file", "via", "prefix"}:
                raise ValueError("takes only driver, file, prefix and via for SQLite")
        elif self.file is not None:
            raise ValueError('takes "file" only with driver sqlite')
        return self


class RedisModel(Section):
    """A Redis connection of the application, stated in place of what its own configuration says."""

    host: SshWord | None = None
    """The server's address, as the application's host sees it (or as this machine does, with `via: direct`)."""
    port: Port | None = None
    """The server's port."""
    socket: Absolute | None = None
    """A unix socket on the host, in place of an address."""
    database: Annotated[Whole, Field(ge=0, le=65535)] | None = None
    """The database's number."""
    user: Line | None = None
    """The ACL user."""
    password: Line | None = Field(default=None)
    """A secret reference (`env:`, `file:`, `cmd:`, `dotenv:`, `remote-env:`)."""
    prefix: Line | None = None
    """What the application puts before every key."""
    via: Literal["host", "direct"] | None = None
    """From where the address is meant: through the application's host (the default), or from this machine."""


class ConnectionsModel(Section):
    """SQL and Redis connections by Laravel's names, stated in place of what the application's configuration says."""

    database: dict[Name, DatabaseModel] = Field(default_factory=dict)
    """SQL connections, named as under `database.connections`."""
    redis: dict[Name, RedisModel] = Field(default_factory=dict)
    """Redis connections, named as under `database.redis`."""


class QueueModel(Section):
    """One of Laravel's queue connections, stated in place of what the application's own configuration says."""

    driver: Literal["database", "redis"] | None = None
    """The kind of connection; left out, what the application says, or the connection's own name."""
    connection: Name | None = None
    """Laravel's name of the database or Redis connection behind it."""
    table: Name | None = None
    """The jobs table of a `database` connection."""
    queue: Line | None = None
    """The queue that jobs without one go to."""
    prefix: Line | None = None
    """What the application puts before every Redis key."""
    names: list[Line] = Field(default_factory=list)
    """Queues to show even while they are empty."""
    retry_after: Annotated[Whole, Field(ge=1)] | None = None
    """Seconds after which a reserved job counts as stuck."""


class FailedModel(Section):
    """Where failed jobs are kept, stated in place of what the application's own configuration says."""

    driver: Literal["database-uuids", "database"] | None = None
    """How the application keeps them."""
    database: Name | None = None
    """Laravel's name of the database connection."""
    table: Name | None = None
    """The table."""


class EnvironmentModel(Section):
    """One named target, for example `production`."""

    tier: Literal["protected", "normal"] = "protected"
    """How it is guarded. `protected` needs a change window and its name typed before anything changes."""
    url: Url | None = None
    """Where its users find it; health paths are below it."""
    app: AppModel
    """The application on its hosts."""
    hosts: Annotated[dict[Name, HostModel], Field(min_length=1)]
    """Its machines by name, in the order in which things are done."""
    identity: IdentityModel | None = None
    """What every host must prove to be. A protected environment without it can be looked at, not changed."""
    health: list[Annotated[ProbeModel, _short("url", ProbeModel)]] = Field(default_factory=list)
    """Health questions: paths below `url`, or mappings."""
    logs: list[OnHost] = ["storage/logs/laravel.log"]
    """Log files to follow, relative to the application root or absolute."""
    workers: WorkersModel = Field(default_factory=WorkersModel)
    """The worker programs that belong to this application."""
    checklists: list[Local] = Field(default_factory=list)
    """Markdown checklists, relative to the configuration file."""
    database: DatabaseModel | None = None
    """The application's default SQL database. Others are stated under `connections`. Stated only to override what the
    application's own configuration says."""
    redis: RedisModel | None = None
    """The Redis connection of the default queue; others are stated under `connections`. Stated only to override what
    the application's own configuration says."""
    connections: ConnectionsModel | None = None
    """SQL and Redis connections by Laravel's names, where the application has several. Stated only to override."""
    queues: dict[Name, Annotated[Literal["off"] | QueueModel, _OFF]] = Field(default_factory=dict)
    """Queue connections by Laravel's name, stated to override or to name queues that are often empty. `off` in place of
    a mapping: the application does not use that one, and it is not read."""
    failed: FailedModel | None = None
    """Stated only to override what the application's own configuration says."""
    timezone: Line | None = None
    """The application's time zone, stated only where it cannot be found out."""
    sources: dict[str, Any] = Field(default_factory=dict)
    """Further data sources by name, with their params."""


class StateModel(Section):
    """Where this console keeps its own state database."""

    path: Local | None = None
    """Its directory; left out, a directory of your own below `~/.local/state`."""
    group: Name | None = None
    """A group of this machine whose members share the state: runs, sessions, audit."""


class ConfigModel(Section):
    """The whole file."""

    environments: Annotated[dict[Name, EnvironmentModel], Field(min_length=1)]
    """The named targets, in the order in which they are shown."""
    state: StateModel = Field(default_factory=StateModel)
    """Where this console keeps its own state."""
    ssh_config: Local | None = None
    """An ssh configuration file to use in place of `~/.ssh/config`."""
