"""Twelve secrets through every command: none stands in output, state, plan, journal, audit or an argument list."""

from __future__ import annotations

import json
import pwd
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.command import Command, Ended
from tests.lab.values import USER
from tests.lab.world import Lab

ACTION = """
title: Tell everything
steps:
  - name: tell
    on: all
    effect: idempotent
    shell:
      script: |
        printf '%s\\n' "$A" "$FILE" "$KEY" "$DOTENV" "$CMD" "$REMOTE"
        printf '%s' "$KEY" | sed -n 2p
        echo "and then: $A$CMD" >&2
      secrets:
        A: env:CANARY
        FILE: file:one.secret
        KEY: file:keys/many.secret
        DOTENV: dotenv:../some.env#TOKEN
        CMD: 'cmd:["./ask.sh"]'
        REMOTE: remote-env:CANARY_REMOTE
"""
UUID = "5f0f9f1c-0b0a-4a0e-9d53-9f9f3f3f3f3f"
PAYLOAD = {
    "uuid": UUID,
    "displayName": "App\\Jobs\\ChargeCard",
    "job": "Illuminate\\Queue\\CallQueuedHandler@call",
    "data": {"commandName": "App\\Jobs\\ChargeCard", "command": 'O:19:"App\\Jobs\\ChargeCard":0:{}'},
}
OURS = frozenset({"env", "file", "key", "dotenv", "cmd"})
"""The secrets that only the console brings to a host."""


@dataclass
class Canaries:
    """Every secret by where it comes from, and every place in which one was found."""

    known: dict[str, str]
    found: set[str] = field(default_factory=set)

    def look(self, where: str, data: bytes | str, *, of: frozenset[str] = frozenset()) -> None:
        """Notes every secret (or those named) that stands in the data."""
        text = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        known = {name: value for name, value in self.known.items() if not of or name in of}
        self.found |= {f"{name} in {where}" for name, value in known.items() if value.encode() in text}

    def look_below(self, directory: Path, *, but: tuple[str, ...] = ()) -> None:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name not in but:
                self.look(str(path), path.read_bytes())

    @contextmanager
    def watching(self, user: str) -> Iterator[None]:
        """Looks at all argument lists, and at the environment of the hosts' processes, until the block ends."""
        stop = threading.Event()
        owner = pwd.getpwnam(user).pw_uid

        def sample() -> None:
            while not stop.wait(0.05):
                for process in Path("/proc").glob("[0-9]*"):
                    try:
                        line = (process / "cmdline").read_bytes()
                        self.look(f"the arguments of {line[:60]!r}", line)
                        if process.stat().st_uid == owner:
                            # What stands in its `.env` the application itself hands to the programs it starts.
                            self.look(f"the environment of {line[:60]!r}", (process / "environ").read_bytes(), of=OURS)
                    except OSError:
                        continue

        watcher = threading.Thread(target=sample)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()


@pytest.fixture
def canaries(lab_alone: Lab, tmp_path: Path) -> Canaries:
    """The secrets, put to where each belongs; the configuration's directory is `config`."""
    made = {name: f"cnry{secrets.token_hex(8)}" for name in ("env", "file", "key", "dotenv", "cmd", "remote", "hidden")}
    lab_alone.set_environment(CANARY_REMOTE=made["remote"])
    config = tmp_path / "config"
    (config / "actions/keys").mkdir(parents=True)
    files = {
        "actions/one.secret": made["file"] + "\n",
        "actions/keys/many.secret": f"-----BEGIN-----\n{made['key']}\n-----END-----\n",
        "some.env": f"TOKEN={made['dotenv']}\n",
        "actions/ask.sh": f"#!/bin/sh\necho {made['cmd']}\n",
        "redis.secret": lab_alone.redis.acl_password + "\n",
    }
    for name, text in files.items():
        (config / name).write_text(text)
        (config / name).chmod(0o700 if name.endswith(".sh") else 0o600)
    payload = {**PAYLOAD, "illuminate:log:context": {"data": {}, "hidden": {"card": f's:20:"{made["hidden"]}";'}}}
    lab_alone.sql(
        "insert into failed_jobs (uuid, connection, queue, payload, exception) values (%s, 'redis', 'default', %s, %s)",
        (UUID, json.dumps(payload), "DomainException: no in /srv/x.php:1\nStack trace:\n#0 {main}"),
    )
    of_the_world = {
        "database": lab_alone.db.password,
        "redis": lab_alone.redis.password,
        "stated redis": lab_alone.redis.acl_password,
        "app key": lab_alone.world.app_key,
        "git": f"cnry{secrets.token_hex(8)}",
    }
    return Canaries({**made, **of_the_world})


def asked(
    console: Command, canaries: Canaries, *words: str, code: int = 0, more: Mapping[str, str] | None = None
) -> Ended:
    """Runs a command and looks at all it says."""
    done = console(*words, seconds=120, more=more)
    assert done.code == code, f"{words} ended with {done.code}\n{done.out}\n{done.err}"
    canaries.look(f"what {' '.join(words[:2])} says", done.out + done.err)
    return done


def test_no_secret_leaves_its_place(lab_alone: Lab, canaries: Canaries, tmp_path: Path) -> None:
    lab = lab_alone
    stated = {
        "host": lab.redis.host,
        "port": lab.redis.port,
        "user": lab.redis.acl_user,
        "password": "file:redis.secret",
    }
    config = lab.write_config(tmp_path / "config", actions={"tell": ACTION}, redis=stated)
    console = Command(config, tmp_path / "home", mark=lab.world.root)
    console.home.chmod(0o700)
    saved = tmp_path / "plan.json"
    canary = {"CANARY": canaries.known["env"]}
    for line in ("status --json", "queues --json", "failed list --json"):
        asked(console, canaries, *line.split(), "-e", "lab")
    for form in ((), ("--json",)):
        assert "hidden" in asked(console, canaries, "failed", "show", UUID, "-e", "lab", *form).out
    with canaries.watching(USER):
        asked(console, canaries, "plan", "tell", "-e", "lab", "--scripts", "-o", str(saved))
        words = ("run", "tell", "-e", "lab", "--plan", str(saved), "--yes", "--json")
        asked(console, canaries, *words, more=canary)
    for line in ("runs show 1 --json", "audit show --json"):
        asked(console, canaries, *line.split())
    followed = asked(console, canaries, "runs", "attach", "1")
    assert followed.out.count("*" * 20) >= 2 * 7, "every one was printed, and blotted out"
    url = f"https://{canaries.known['git']}@git.example.com/app.git"
    app = {"path": lab.node1.path, "layout": "releases", "source": {"git": url}}
    refused = Command(lab.write_config(tmp_path / "refused", app=app), tmp_path / "home", mark=lab.world.root)
    asked(refused, canaries, "config", "check", code=2)
    asked(refused, canaries, "status", "-e", "lab", code=2)
    canaries.look_below(tmp_path / "config/state")
    canaries.look_below(tmp_path / "home")
    canaries.look("the saved plan", saved.read_bytes())
    for node in lab.nodes:
        # What a command printed stays on its host as it was printed, readable for its account alone.
        canaries.look_below(Path(node.path) / ".opsconsole", but=("out",))
    assert canaries.found == set()
    assert len(canaries.known) == 12
