"""The cache and queue settings of releases, read by running discovery's program in each release directory.

Owns the question to several releases of one host at once, and the parts of the answers that workers depend on. No value
keeps a password. Must not decide what the answers mean.
"""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.domain.documents import Json, digest
from console.domain.environment import Environment, Host
from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.domain.worker_cache import Cache, ReleaseAnswer
from console.domain.worker_queues import Connection, WorkerQueues
from console.ports import Completed
from console.services.discovery.facts import Document, number, part, text
from console.services.discovery.laravel_config import document_of
from console.services.discovery.probe import PROBE

DEADLINE = 40.0
"""Seconds for all releases of one host; each takes half a second of PHP on an idle machine."""
_CACHED = "bootstrap/cache/config.php"
_NOWHERE = "/nonexistent/config.php"
_SECRETS = frozenset({"user", "password"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRelease:
    """One release of one host to be asked. `fresh` ignores its cached configuration, to see what a new cache would
    hold."""

    release: str
    directory: str
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The question to the releases of one host: `script` to be run there, its answer to be given to `read`."""

    environment: Environment
    host: Host
    asked: Sequence[AskedRelease]
    nonce: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def script(self) -> str:
        """What to run on the host; it changes nothing."""
        php, mark = quote(self.environment.app.php), f"OPSCONSOLE_{self.nonce}"
        lines = [
            f"export OPSCONSOLE_NONCE={quote(self.nonce)}",
            f"signals=no; {php} -m 2>/dev/null </dev/null | grep -qx pcntl && signals=yes",
        ]
        for at, each in enumerate(self.asked):
            # A path that is not there makes the framework read the files that the cached one was made of.
            cached = _NOWHERE if each.fresh else _CACHED
            aside = f"APP_CONFIG_CACHE={_NOWHERE} " if each.fresh else ""
            written = '"$signals" "$(stat -L -c %Y $f 2>/dev/null || echo 0)"'
            lines += [
                f"if cd -- {quote(each.directory)} 2>/dev/null; then",
                "f=.env; for one in config/cache.php config/database.php; do [ $one -nt $f ] && f=$one; done",
                f"[ -e {cached} ] && f={cached}",
                f"""printf '%s release {at} %s %s\\n' "$OPSCONSOLE_NONCE" {written}""",
                f"{aside}OPSCONSOLE_CACHED={cached} {php} <<'{mark}'",
                PROBE.rstrip("\n"),
                mark,
                "fi",
            ]
        return "\n".join([*lines, "exit 0", ""])

    def read(self, done: Completed) -> tuple[ReleaseAnswer, ...]:
        """What each release said, in the order of the questions; one that gave no answer says why."""
        answers: dict[int, tuple[list[str], str]] = {}
        for piece in done.stdout.decode("utf-8", "replace").split(f"{self.nonce} release ")[1:]:
            head, _, body = piece.partition("\n")
            words = head.split()
            if len(words) == 3 and words[0].isdigit():
                answers[int(words[0])] = (words, body.partition(f"{self.nonce} probe\n")[2])
        silence = Raw.of(done.stderr.strip()[-200:]).show(200) or "it is not there, or PHP gave no answer"
        return tuple(self._answer(each, *answers.get(at, ([], "")), silence) for at, each in enumerate(self.asked))

    def _answer(self, asked: AskedRelease, words: list[str], body: str, silence: str) -> ReleaseAnswer:
        silent = ReleaseAnswer(host=self.host.name, release=asked.release, directory=asked.directory, why=silence)
        if not words:
            return silent
        signals = words[1] == "yes"
        found = _document(body)
        config = found.get("config")
        if not isinstance(config, dict):
            why = Raw.of(str(found.get("error") or silence)).show(200)
            return replace(silent, pcntl=signals, why=why)
        laravel = text(found, "laravel")
        document = document_of(config, laravel)
        return replace(
            silent,
            cache=self._cache(asked, document),
            queues=_queues(document),
            laravel=laravel,
            pcntl=signals,
            changed_at=float(words[2]) if words[2].isdigit() else 0.0,
            why="",
        )

    def _cache(self, asked: AskedRelease, document: Document) -> Cache:
        name = text(document, "cache_store")
        store = part(part(document, "caches"), name)
        driver, connection = text(store, "driver") or name, text(store, "connection")
        place: dict[str, Json] = {
            "table": text(store, "table"),
            "path": self._path(asked, text(store, "path")),
            "redis": _open(part(part(document, "redis"), connection)) if driver == "redis" else {},
            "sql": _open(part(part(document, "sql"), connection)) if driver == "database" else {},
        }
        # Some versions of the framework end the prefix with a colon, and the version is not always known: without the
        # colon two answers of one release compare equal.
        return Cache(store=name, driver=driver, prefix=text(store, "prefix").removesuffix(":"), place=digest(place))

    def _path(self, asked: AskedRelease, path: str) -> str:
        """A directory of a file cache, named the same by all releases when they share it by a link."""
        for tree in (asked.directory, self.environment.paths(self.host).root):
            below = posixpath.relpath(path, tree) if path else ""
            if below.split("/")[0] in self.environment.app.shared:
                return below
        release = posixpath.join(self.environment.paths(self.host).releases, asked.release)
        below = posixpath.relpath(path, posixpath.join(release, self.environment.app.root)) if path else ""
        return below if below.split("/")[0] in self.environment.app.shared else path


def release_directory(environment: Environment, host: Host, release: str) -> str:
    """The directory of artisan in a release, or in the tree of an application without releases."""
    paths = environment.paths(host)
    if not release or paths.tree == paths.base:
        return paths.root
    return posixpath.join(paths.releases, release, environment.app.root).rstrip("/")


def _open(entry: Mapping[str, Json]) -> dict[str, Json]:
    """A connection without user and password: another password does not make it another server."""
    return {key: value for key, value in entry.items() if key not in _SECRETS}


def _document(body: str) -> Mapping[str, Json]:
    try:
        found = json.loads(body.partition("\n")[0])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _queues(document: Document) -> WorkerQueues:
    found = {}
    for name, entry in part(document, "queues").items():
        if isinstance(entry, dict):
            block = entry.get("block_for")
            found[name] = Connection(
                name=name,
                driver=text(entry, "driver"),
                queue=text(entry, "queue", "default"),
                retry_after=number(entry, "retry_after"),
                block_for=None if block is None else float(number(entry, "block_for")),
            )
    return WorkerQueues(default=text(document, "default_queue"), connections=found)
