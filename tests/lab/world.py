"""A whole test world: brings it up, takes it down, and lets a test reach into it (SQL, Redis, artisan, supervisor) and
disturb it (stop, freeze, misbehave). Asserts nothing and knows nothing of the console."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql
import redis

from tests.lab import accounts, application, console_config, packages, programs, services
from tests.lab.processes import LabError, free_ports
from tests.lab.servers import Servers
from tests.lab.values import MARK, USER, Database, Node, RedisServer, World

Rows = list[tuple[Any, ...]]


class Lab:
    """A running test world. Open one that is up with `Lab(World.load(directory))`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.node1, self.node2 = world.nodes
        self.db, self.redis = world.db, world.redis
        self.ssh_key, self.known_hosts, self.ssh_config = world.ssh_key, world.known_hosts, world.ssh_config
        self.stranger_key, self.colleague_key = world.stranger_key, world.colleague_key
        self.git, self.git_url = world.git, world.git_url
        self.servers = Servers(world)

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both hosts."""
        return self.world.nodes

    # -- looking

    def sql(self, statement: str, values: Iterable[object] = ()) -> Rows:
        """Runs one statement as the server's root over its socket; the rows."""
        # Without TLS: to read the machine's certificates costs forty times what the statement does.
        link = pymysql.connect(
            unix_socket=self.db.socket, user="root", password=self.db.root_password, database=self.db.name,
            charset="utf8mb4", autocommit=True, connect_timeout=5, ssl_disabled=True,
        )  # fmt: skip
        try:
            with link.cursor() as cursor:
                cursor.execute(statement, tuple(values) or None)
                return list(cursor.fetchall())
        finally:
            link.close()

    def redis_client(self, database: int = 0) -> redis.Redis:
        """A Redis client with the application's rights, answering text. Close it, or use it in a `with`."""
        return redis.Redis(
            host=self.redis.host, port=self.redis.port, password=self.redis.password, db=database, protocol=2,
            decode_responses=True, socket_timeout=5,
        )  # fmt: skip

    def artisan(self, node: Node, *words: str, check: bool = True) -> str:
        """Runs artisan on one host as the application's user; its standard output."""
        more = {"LAB_HOST": node.name, MARK: self.world.root}
        return application.as_user("php", "artisan", *words, cwd=node.current, more=more, check=check).stdout

    def supervisor(self, node: Node, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs one host's supervisorctl; whatever it ends with is an answer (3: some program is down)."""
        command = (f"{node.directory}/bin/supervisorctl", *words)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def ssh(self, node: Node, command: str, *, user: str = USER) -> subprocess.CompletedProcess[str]:
        """Runs a command line on one host through the real sshd."""
        words = ["ssh", "-F", self.ssh_config, "-o", f"User={user}", f"lab-{node.name}", command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)

    def release(self, node: Node) -> str:
        """The name of the host's live release."""
        return Path(node.current).readlink().name

    def write_config(
        self,
        directory: Path,
        *,
        top: Mapping[str, Any] | None = None,
        key: str = "",
        ports: Mapping[int, int] | None = None,
        actions: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Path:
        """Writes a full configuration of the console with the environments `lab` and `labprod`; its path.

        `changes` are keys of both environments (None takes one away), `top` keys of the whole file, `actions` texts of
        action files by name, `key` another private key, `ports` the local ports of proxies by their host's number.
        """
        return console_config.write(
            self.world,
            directory,
            top=top or {},
            key=key or self.ssh_key,
            ports=ports or {},
            actions=actions or {},
            changes=changes,
        )

    # -- changing the application

    def set_environment(self, **changes: str) -> None:
        """Rewrites both hosts' `.env` with these values changed; none puts the original back."""
        for node in self.nodes:
            application.write_environment(self.world, node, changes)

    def set_web_mode(self, node: Node, mode: str) -> None:
        """Makes one web server `normal`, or `500`, `503`, `slow:SECONDS`, `hang`, `badjson`, `empty`, `reset`."""
        target = Path(node.directory, "web.mode")
        fresh = target.with_suffix(".new")
        fresh.write_text(mode)
        fresh.rename(target)

    def set_flaky(self, failing: bool) -> None:
        """Makes jobs of the kind `flaky` fail, or succeed, from now on."""
        for node in self.nodes:
            target = Path(node.path, "shared/storage/app/flaky")
            target.touch() if failing else target.unlink(missing_ok=True)

    def commit(self, files: Mapping[str, str], message: str = "Change the shop") -> str:
        """Adds a commit to the repository's `main`; its full name."""
        return application.commit(self.world, files, message)

    def workers(self, verb: str, program: str = "all") -> None:
        """`start`, `stop` or `restart` on both hosts (`all` are those that start by themselves)."""

        def wanted(group: str) -> bool:
            return group == program or (program == "all" and group.endswith("-worker"))

        controls = [f"{node.directory}/supervisor/control.sock" for node in self.nodes]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda control: programs.change(control, verb, wanted), controls))

    def clear_queues(self) -> None:
        """Empties every queue, failed_jobs and batches, and lets flaky jobs succeed."""
        for table in ("jobs", "failed_jobs", "job_batches"):
            self.sql(f"truncate table {table}")
        with self.redis_client() as client:
            client.flushdb()
        self.set_flaky(False)

    # -- disturbing the servers, which are named in `values.SERVICES`

    def start(self, service: str) -> None:
        """Starts one server unless it runs, and waits until it is ready."""
        self.servers.start(service)

    def stop(self, service: str) -> None:
        """Ends one server and waits; an sshd's open sessions live on, as on a real host."""
        self.servers.stop(service)

    def pause(self, service: str) -> None:
        """Freezes one server: its port still accepts, nothing answers. An sshd's sessions freeze with it."""
        self.servers.pause(service)

    def resume(self, service: str) -> None:
        """Thaws a frozen server."""
        self.servers.resume(service)

    def heal(self) -> None:
        """Puts every server, worker, setting, release, table and commit back to how the world came up, and ends what
        somebody left running; queues stay."""
        self.servers.mend()
        self.servers.end_strays()
        for node in self.nodes:
            self.set_web_mode(node, "normal")
            application.restore(self.world, node)
        self.set_flaky(False)
        application.restore_repository(self.world)
        self.sql("drop table if exists gift_cards")
        self.sql("delete from migrations where migration > '2026_02'")
        self.workers("start")

    def down(self) -> None:
        """Ends all that runs in this world, also what detached itself, and removes its directory and accounts."""
        try:
            self.servers.end()
        finally:
            shutil.rmtree(self.world.root, ignore_errors=True)
            accounts.remove(self.world)


def choose(root: Path, *, timezone: str = "UTC") -> World:
    """The values of a new world in an existing empty directory, with ports that are free now."""
    ssh, web, sql, keys, mail, git = free_ports(6)
    node1, node2 = (
        Node(
            name=f"node{number}", number=number, ip=f"127.0.0.{number}", ssh_port=ssh, web_port=web, user=USER,
            directory=f"{root}/node{number}",
        )
        for number in (1, 2)
    )  # fmt: skip
    return World(
        root=str(root),
        node1=node1,
        node2=node2,
        db=Database(host="127.0.0.1", port=sql, socket=f"{root}/mysql/mysql.sock"),
        redis=RedisServer(host="127.0.0.1", port=keys),
        mail_port=mail,
        git_port=git,
        app_key="base64:" + base64.b64encode(os.urandom(32)).decode(),
        timezone=timezone,
    )


def up(root: Path | None = None, *, timezone: str = "UTC") -> Lab:
    """Brings a world up in a directory (a new temporary one unless given); one that is there is only mended.

    Needs root and Debian; installs the packages it lacks.
    """
    if os.geteuid() != 0:
        raise LabError("the test world needs root: it starts servers as other accounts")
    packages.install()
    if root is None:
        root = Path(tempfile.mkdtemp(prefix="opslab"))
    if (root / "lab.json").exists():
        lab = Lab(World.load(root))
        lab.heal()
        return lab
    root.mkdir(exist_ok=True)
    root.chmod(0o755)
    world = choose(root, timezone=timezone)
    world.save()
    lab = Lab(world)
    try:
        _raise(lab)
    except BaseException:
        _keep_logs(world)
        lab.down()
        raise
    return lab


def _raise(lab: Lab) -> None:
    world = lab.world
    for name in ("run", "log", "git"):
        (world.directory / name).mkdir()
    for node in world.nodes:
        Path(node.directory).mkdir()
        lab.set_web_mode(node, "normal")
    accounts.add(world)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(task, lab) for task in (_sql, _redis, _ssh, _files)]
        for each in waiting:
            each.result()
        lab.artisan(lab.node1, "migrate", "--force")
        list(pool.map(lab.start, ("mail", "web1", "web2", "supervisor1", "supervisor2")))


def _sql(lab: Lab) -> None:
    services.sql_configuration(lab.world)
    lab.start("mariadb")
    services.sql_accounts(lab.world)


def _redis(lab: Lab) -> None:
    services.redis_configuration(lab.world)
    lab.start("redis")


def _ssh(lab: Lab) -> None:
    services.ssh_keys(lab.world)
    shutil.chown(lab.world.colleague_key, "opscolleague")
    for node in lab.nodes:
        services.sshd_configuration(lab.world, node)
        lab.start(f"sshd{node.number}")


def _files(lab: Lab) -> None:
    application.make_repository(lab.world)
    lab.start("git")
    for node in lab.nodes:
        application.lay_out(lab.world, node)
        services.supervisor_configuration(lab.world, node)
        services.web_configuration(lab.world, node)


def _keep_logs(world: World) -> None:
    """Leaves the servers' logs behind, because whoever looks for the reason needs them."""
    target = Path(tempfile.gettempdir(), "opslab-last-failure")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(world.directory / "log", target, dirs_exist_ok=True)
