"""What one test world is: its addresses, paths and passwords. Plain values, saved as JSON in the world's directory so
that another process can find them; starts and touches nothing."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

MARK = "OPSLAB_ROOT"
USER = "opslab"
BUSYBOX_USER = "opsbusy"
COLLEAGUE = "opscolleague"
TEAM = "opsteam"
OLD_RELEASE = "20260101080000"
FIRST_RELEASE = "20260102080000"
SERVICES = ("mariadb", "redis", "mail", "git", "sshd1", "sshd2", "web1", "web2", "supervisor1", "supervisor2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One of the two hosts. `directory` holds its own files, `path` is the application's base directory."""

    name: str
    number: int
    ip: str
    ssh_port: int
    web_port: int
    user: str
    directory: str

    @property
    def path(self) -> str:
        """The application's base directory: `releases`, `shared` and `current` lie in it."""
        return f"{self.directory}/app"

    @property
    def current(self) -> str:
        """The link to the live release."""
        return f"{self.path}/current"

    @property
    def url(self) -> str:
        """Where its web server answers."""
        return f"http://{self.ip}:{self.web_port}"

    @property
    def log(self) -> Path:
        """The application's log file."""
        return Path(self.path, "shared/storage/logs/laravel.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The MariaDB server and the application's account on it."""

    host: str
    port: int
    socket: str
    name: str = "shop"
    user: str = "shop"
    password: str = "p#ss$word'1"
    root_password: str = "root of the lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """The Redis server: the application's password, and a user who may read but not KEYS, MONITOR, EVAL or FLUSH*."""

    host: str
    port: int
    prefix: str = "lab_shop_database_"
    password: str = "pa:ss@wo/rd"
    acl_user: str = "opsread"
    acl_password: str = "read:only/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that is known about one test world before anything of it runs."""

    root: str
    node1: Node
    node2: Node
    db: Database
    redis: RedisServer
    mail_port: int
    git_port: int
    app_key: str
    timezone: str

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both hosts."""
        return (self.node1, self.node2)

    @property
    def directory(self) -> Path:
        """The world's directory: all its files lie below."""
        return Path(self.root)

    @property
    def git(self) -> str:
        """The bare repository of the application."""
        return f"{self.root}/git/app.git"

    @property
    def git_url(self) -> str:
        """The same repository, as any user of this machine can clone it."""
        return f"git://127.0.0.1:{self.git_port}/app.git"

    @property
    def ssh_key(self) -> str:
        """The private key that both hosts accept."""
        return f"{self.root}/ssh/id_ed25519"

    @property
    def colleague_key(self) -> str:
        """A second accepted key, which belongs to the colleague's account."""
        return f"{self.root}/ssh/colleague_ed25519"

    @property
    def stranger_key(self) -> str:
        """A key that no host accepts."""
        return f"{self.root}/ssh/stranger_ed25519"

    @property
    def known_hosts(self) -> str:
        """Both hosts' keys."""
        return f"{self.root}/ssh/known_hosts"

    @property
    def ssh_config(self) -> str:
        """An OpenSSH client configuration with the aliases `lab-node1` and `lab-node2`."""
        return f"{self.root}/ssh/config"

    def save(self) -> None:
        """Writes the values into the world's directory."""
        (self.directory / "lab.json").write_text(json.dumps(dataclasses.asdict(self), indent=1))

    @staticmethod
    def load(root: str | Path) -> World:
        """Reads what `save` wrote."""
        found = json.loads(Path(root, "lab.json").read_text())
        node1, node2 = Node(**found.pop("node1")), Node(**found.pop("node2"))
        db, redis = Database(**found.pop("db")), RedisServer(**found.pop("redis"))
        return World(node1=node1, node2=node2, db=db, redis=redis, **found)
