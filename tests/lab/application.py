"""Lays the application out on both hosts: a bare repository to deploy from, two releases, the `current` link, the
shared `.env` and storage. Starts nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab.processes import PATH, LabError
from tests.lab.values import FIRST_RELEASE, OLD_RELEASE, USER, Node, World

HERE = Path(__file__).parent
STORAGE = ("app/public", "framework/cache/data", "framework/sessions", "framework/views", "logs")


def as_user(
    *words: str, cwd: str | Path = "/", user: str = USER, more: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs a program as an account of the world; LabError with its output when it fails and `check` says so."""
    env = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent", "USER": user, "LOGNAME": user, **(more or {})}
    done = subprocess.run(
        words, cwd=cwd, env=env, user=user, group=user, extra_groups=[], umask=0o002, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="surrogateescape", check=False,
    )  # fmt: skip
    if check and done.returncode:
        raise LabError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done


def _git(*words: str, cwd: str | Path) -> str:
    who = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": "Shop", f"GIT_{role}_EMAIL": "shop@example.test"}
    return as_user("git", *words, cwd=cwd, more=who).stdout.strip()


def _own(path: Path) -> None:
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(path)], check=True, capture_output=True)


def make_repository(world: World) -> None:
    """The bare repository with two commits on `main`: the application, then its next version."""
    home = world.directory / "git"
    work = home / "first"
    # Fresh times: git would take two files of one size, inode and second for the same.
    shutil.copytree(HERE / "app", work, copy_function=shutil.copy)
    _own(home)
    _git("init", "--quiet", "--initial-branch=main", ".", cwd=work)
    _git("add", "--all", "--force", ".", cwd=work)
    _git("commit", "--quiet", "--message=Open the shop", cwd=work)
    _git("tag", "v1.0.0", cwd=work)
    shutil.copytree(HERE / "app_next", work, dirs_exist_ok=True, copy_function=shutil.copy)
    _own(home)
    _git("add", "--all", "--force", ".", cwd=work)
    _git("commit", "--quiet", "--message=Sell gift cards", cwd=work)
    _git("tag", "v1.1.0", cwd=work)
    _git("clone", "--quiet", "--bare", "first", "app.git", cwd=home)
    shutil.rmtree(work)


def commit(world: World, files: Mapping[str, str], message: str) -> str:
    """Adds a commit to `main` of the bare repository and returns its full name."""
    with tempfile.TemporaryDirectory(dir=world.directory / "git", prefix="work") as place:
        _own(Path(place))
        work = Path(place, "app")
        _git("clone", "--quiet", world.git, "app", cwd=place)
        for name, text in files.items():
            target = work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        _own(work)
        _git("add", "--all", "--force", ".", cwd=work)
        _git("commit", "--quiet", "--allow-empty", f"--message={message}", cwd=work)
        _git("push", "--quiet", "origin", "HEAD:main", cwd=work)
        return _git("rev-parse", "HEAD", cwd=work)


def environment(world: World, node: Node, changes: Mapping[str, str]) -> str:
    """The text of one host's `.env`; values are quoted so that `#`, `$`, spaces and quotes survive."""
    values = {
        "APP_NAME": "Lab Shop",
        "APP_ENV": "production",
        "APP_KEY": world.app_key,
        "APP_DEBUG": "false",
        "APP_URL": node.url,
        "APP_TIMEZONE": world.timezone,
        "LAB_HOST": node.name,
        "DB_CONNECTION": "mysql",
        "DB_HOST": world.db.host,
        "DB_PORT": str(world.db.port),
        "DB_DATABASE": world.db.name,
        "DB_USERNAME": world.db.user,
        "DB_PASSWORD": world.db.password,
        "REDIS_HOST": world.redis.host,
        "REDIS_PORT": str(world.redis.port),
        "REDIS_PASSWORD": world.redis.password,
        "CACHE_DRIVER": "redis",
        "QUEUE_CONNECTION": "database",
        "SESSION_DRIVER": "database",
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(world.mail_port),
        **changes,
    }
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    if all(letter.isalnum() or letter in "-_./:=+" for letter in value):
        return value
    escaped = "".join(f"\\{letter}" if letter in '"\\$' else letter for letter in value)
    return f'"{escaped}"'


def write_environment(world: World, node: Node, changes: Mapping[str, str]) -> None:
    """Replaces one host's `.env` (by rename, as a careful operator would)."""
    target = Path(node.path, "shared/.env")
    fresh = target.with_name(".env.new")
    fresh.write_text(environment(world, node, changes))
    shutil.chown(fresh, USER, USER)
    fresh.chmod(0o640)
    fresh.rename(target)


def lay_out(world: World, node: Node) -> None:
    """Both releases of the first version, shared files and the link, all the application user's."""
    base = Path(node.path)
    for name in STORAGE:
        (base / "shared/storage" / name).mkdir(parents=True)
    revision = _git("rev-parse", "v1.0.0", cwd=world.git)
    for release in (OLD_RELEASE, FIRST_RELEASE):
        tree = base / "releases" / release
        shutil.copytree(HERE / "app", tree, ignore=shutil.ignore_patterns("storage"))
        (tree / "storage").symlink_to("../../shared/storage")
        (tree / ".env").symlink_to("../../shared/.env")
        (tree / "REVISION").write_text(f"{revision}\n")
    (base / "current").symlink_to(f"releases/{FIRST_RELEASE}")
    _own(base)
    write_environment(world, node, {})
    # The busybox account is in the group, so it can deploy as well.
    subprocess.run(["chmod", "-R", "g+rwX", str(base)], check=True, capture_output=True)
    for directory in (base, *(path for path in base.rglob("*") if path.is_dir() and not path.is_symlink())):
        directory.chmod(0o2775)


def restore(world: World, node: Node) -> None:
    """Puts one host's application back to how `lay_out` left it: its two releases, the link, the `.env`; what a deploy
    or the console left beside them goes."""
    base = Path(node.path)
    keep = {OLD_RELEASE, FIRST_RELEASE}
    if str((base / "current").readlink()) != f"releases/{FIRST_RELEASE}":
        fresh = base / "current.new"
        fresh.symlink_to(f"releases/{FIRST_RELEASE}")
        fresh.rename(base / "current")
    for path in (*base.iterdir(), *(base / "releases").iterdir()):
        if path.name in keep | {"releases", "shared", "current"}:
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for release in keep:
        (base / "releases" / release / "BAD_RELEASE").unlink(missing_ok=True)
        for cached in (base / "releases" / release / "bootstrap/cache").glob("*.php"):
            cached.unlink()
    for name in ("down", "maintenance.php"):
        (base / "shared/storage/framework" / name).unlink(missing_ok=True)
    write_environment(world, node, {})


def restore_repository(world: World) -> None:
    """Takes back the commits that tests added to `main`."""
    _git("update-ref", "refs/heads/main", "refs/tags/v1.1.0", cwd=world.git)
