"""How each server of the test world is configured, started and recognised as ready. One function per server; keeps no
state and stops nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.accounts import APPLETS
from tests.lab.processes import PATH, listening
from tests.lab.values import BUSYBOX_USER, MARK, USER, Node, World

# A host of its own has no workers but its application's; this machine may have those of other worlds.
OWN_PROCESSES = """PATH=${{PATH#{directory}/bin:}}
found=$(ps "$@") || exit
printf '%s\\n' "$found" | sed -e '\\#{directory}/#b' -e '/artisan/d'"""

# The distribution's client without the library in which it would look for plugins: half of its time goes there, and the
# console calls it at every look at workers.
SUPERVISORCTL = (
    "import sys, types; "
    'sys.modules["pkg_resources"] = types.ModuleType("pkg_resources"); '
    "from supervisor.supervisorctl import main; main()"
)

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One server: what to run as whom, and how to see that it is ready. `group` says that its children are part of
    it; an sshd's are not, its sessions outlive the listener."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    user: str = ""
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    group: bool = True


def sql_configuration(world: World) -> None:
    """Writes MariaDB's configuration and its data directory."""
    home = world.directory / "mysql"
    (home / "tmp").mkdir(parents=True)
    (home / "my.cnf").write_text(f"""[mariadbd]
user={USER}
datadir={home}/data
socket={world.db.socket}
tmpdir={home}/tmp
pid-file={home}/server.pid
bind-address={world.db.host}
port={world.db.port}
skip-name-resolve
skip-log-bin
character-set-server=utf8mb4
collation-server=utf8mb4_unicode_ci
default-time-zone=+00:00
innodb-buffer-pool-size=192M
innodb-log-file-size=64M
innodb-flush-log-at-trx-commit=2
innodb-doublewrite=0
max-allowed-packet=64M
max-connections=60
""")
    # A starting server deletes what looks temporary, so it must not share that directory with another world's.
    subprocess.run(["chown", "-R", f"{USER}:", str(home)], check=True)
    install = [
        "mariadb-install-db", f"--defaults-file={home}/my.cnf", "--auth-root-authentication-method=normal",
        "--skip-test-db", "--skip-name-resolve",
    ]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True, env={"PATH": PATH})


def sql_accounts(world: World) -> None:
    """Creates the application's database and account, and gives root its password."""
    db = world.db
    quoted = {
        name: "'" + text.replace("'", "''") + "'" for name, text in (("app", db.password), ("root", db.root_password))
    }
    statements = f"""create database {db.name};
create user '{db.user}'@'%' identified by {quoted["app"]};
grant all on {db.name}.* to '{db.user}'@'%';
alter user root@localhost identified by {quoted["root"]};"""
    client = ["mariadb", "--no-defaults", "-S", db.socket, "-uroot"]
    subprocess.run(client, input=statements, text=True, check=True, capture_output=True)


def mariadb(world: World) -> Service:
    """The SQL server."""
    return Service(
        name="mariadb",
        argv=("/usr/sbin/mariadbd", f"--defaults-file={world.root}/mysql/my.cnf"),
        ready=lambda: listening(world.db.host, world.db.port),
    )


def redis_configuration(world: World) -> None:
    """Writes the configuration of Redis with its two users."""
    home = world.directory / "redis"
    home.mkdir()
    server = world.redis
    allowed = "~* resetchannels -@all +@read +@connection +info +time +client|list +memory|usage -keys -randomkey"
    (home / "redis.conf").write_text(f"""bind {server.host}
port {server.port}
dir {home}
save ""
appendonly no
requirepass "{server.password}"
user {server.acl_user} on >{server.acl_password} {allowed}
""")
    subprocess.run(["chown", "-R", f"{USER}:", str(home)], check=True)


def redis(world: World) -> Service:
    """The Redis server."""
    return Service(
        name="redis",
        argv=("/usr/bin/redis-server", f"{world.root}/redis/redis.conf"),
        user=USER,
        ready=lambda: listening(world.redis.host, world.redis.port),
    )


def mail(world: World) -> Service:
    """A mail server that greets and takes everything."""
    return Service(
        name="mail",
        argv=(sys.executable, "-m", "tests.lab.mailbox", "127.0.0.1", str(world.mail_port)),
        cwd=str(REPOSITORY),
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        ready=lambda: listening("127.0.0.1", world.mail_port),
    )


def git(world: World) -> Service:
    """Serves the bare repository to any account of this machine."""
    return Service(
        name="git",
        argv=(
            "/usr/bin/git",
            "daemon",
            "--export-all",
            "--reuseaddr",
            "--listen=127.0.0.1",
            f"--port={world.git_port}",
            f"--base-path={world.root}/git",
            f"{world.root}/git",
        ),
        user=USER,
        env={"HOME": "/nonexistent"},
        ready=lambda: listening("127.0.0.1", world.git_port),
    )


def ssh_keys(world: World) -> None:
    """Makes the keys of clients and hosts, what the hosts accept, and the client's view of both."""
    home = world.directory / "ssh"
    home.mkdir()
    nodes = [Path(node.directory, "ssh") for node in world.nodes]
    for target in (world.ssh_key, world.colleague_key, world.stranger_key, *(f"{path}/host_ed25519" for path in nodes)):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", target], check=True)
    accepted = "".join(Path(f"{key}.pub").read_text() for key in (world.ssh_key, world.colleague_key))
    known, config = "", ""
    for node, path in zip(world.nodes, nodes, strict=True):
        (path / "authorized_keys").write_text(accepted)
        kind, key = (path / "host_ed25519.pub").read_text().split()[:2]
        known += f"[{node.ip}]:{node.ssh_port} {kind} {key}\n"
        config += f"""Host lab-{node.name}
  HostName {node.ip}
  Port {node.ssh_port}
  User {node.user}
  IdentityFile {world.ssh_key}
  IdentitiesOnly yes
  UserKnownHostsFile {world.known_hosts}
  StrictHostKeyChecking yes
"""
    Path(world.known_hosts).write_text(known)
    Path(world.ssh_config).write_text(config)
    (home / "busybox_config").write_text(config.replace(f"User {USER}", f"User {BUSYBOX_USER}"))


def sshd_configuration(world: World, node: Node) -> None:
    """One host's sshd. Its sessions find the host's own commands first in their PATH."""
    path = Path(node.directory)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (path / "ssh/sshd_config").write_text(f"""ListenAddress {node.ip}:{node.ssh_port}
HostKey {path}/ssh/host_ed25519
AuthorizedKeysFile {path}/ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
MaxSessions 10
MaxStartups 50:30:100
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
SetEnv PATH={path}/bin:/usr/local/bin:/usr/bin:/bin {MARK}={world.root}
Match User {BUSYBOX_USER}
  SetEnv PATH={path}/bin:{APPLETS} {MARK}={world.root}
""")


def sshd(world: World, node: Node) -> Service:
    """One host's sshd."""
    return Service(
        name=f"sshd{node.number}",
        argv=("/usr/sbin/sshd", "-D", "-e", "-f", f"{node.directory}/ssh/sshd_config"),
        ready=lambda: listening(node.ip, node.ssh_port),
        group=False,
    )


def web(world: World, node: Node) -> Service:
    """One host's web server, which obeys the word in its mode file."""
    return Service(
        name=f"web{node.number}",
        argv=("/usr/bin/php", "-S", f"{node.ip}:{node.web_port}", f"{node.directory}/router.php"),
        user=USER,
        cwd=node.path,
        env={
            "PHP_CLI_SERVER_WORKERS": "6",
            "LAB_CURRENT": node.current,
            "LAB_MODE": f"{node.directory}/web.mode",
            "LAB_HOST": node.name,
        },
        ready=lambda: listening(node.ip, node.web_port),
    )


def web_configuration(world: World, node: Node) -> None:
    """One host's web server's program: its account may not be let into the directory that this checkout lies in."""
    shutil.copyfile(HERE / "router.php", Path(node.directory, "router.php"))


def supervisor_configuration(world: World, node: Node) -> None:
    """One host's supervisord and programs, and the commands that make the host's shell see only its own."""
    path = Path(node.directory)
    (path / "supervisor/extra").mkdir(parents=True)
    logs = f"{node.path}/shared/storage/logs"
    program = f"directory={node.current}\nuser={USER}\nautorestart=true\nstopasgroup=true\nkillasgroup=true\n"
    program += "redirect_stderr=true\n"
    work = f"php {node.current}/artisan queue:work"
    (path / "supervisor/supervisord.conf").write_text(f"""[unix_http_server]
file={path}/supervisor/control.sock
chmod=0770
chown=root:{USER}
[supervisord]
nodaemon=true
user=root
logfile={path}/supervisor/supervisord.log
pidfile={path}/supervisor/supervisord.pid
childlogdir={path}/supervisor
environment=HOME="/nonexistent",USER="{USER}",LAB_HOST="{node.name}"
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = extra/*.conf
[supervisorctl]
serverurl=unix://{path}/supervisor/control.sock
[program:laravel-worker]
command={work} database --queue=high,default --sleep=0.5 --tries=1
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
stopwaitsecs=10
stdout_logfile={logs}/worker.log
{program}[program:laravel-redis-worker]
command={work} redis --queue=high,default --sleep=0.5 --tries=1
startsecs=0
stopwaitsecs=10
stdout_logfile={logs}/redis-worker.log
{program}[program:laravel-broken]
command=php {node.current}/artisan no:such-command --no-interaction
autostart=false
startsecs=10
startretries=0
stdout_logfile={logs}/broken.log
{program}""")
    commands = path / "bin"
    commands.mkdir()
    config = f"{path}/supervisor/supervisord.conf"
    for name, text in (
        ("supervisorctl", f"exec /usr/bin/python3 -I -c '{SUPERVISORCTL}' -c {config} \"$@\""),
        ("hostname", f"echo {node.name}"),
        ("ps", OWN_PROCESSES.format(directory=path)),
    ):
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(0o755)


def supervisor(world: World, node: Node) -> Service:
    """One host's supervisord with the queue workers."""
    control = Path(node.directory, "supervisor/control.sock")

    def answers() -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            return link.connect_ex(str(control)) == 0

    return Service(
        name=f"supervisor{node.number}",
        argv=("/usr/bin/supervisord", "-c", f"{node.directory}/supervisor/supervisord.conf"),
        ready=answers,
    )


def every(world: World) -> dict[str, Service]:
    """All servers by name, in the order in which they come up."""
    found = [mariadb(world), redis(world), mail(world), git(world)]
    for make in (sshd, web, supervisor):
        found += [make(world, node) for node in world.nodes]
    return {service.name: service for service in found}
