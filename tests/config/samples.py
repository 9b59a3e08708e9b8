"""A configuration with every key, as text, and step kinds to validate actions against."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from console.domain.plan_context import PlanContext
from console.domain.runs import PlannedStep
from console.ports.steps import StepKind
from console.steps.kinds import BaseKind

FULL = """\
# every key once
environments:
  production:
    tier: protected
    url: https://app.example.com
    app:
      path: /var/www/app
      root: main/
      layout: releases
      source: {git: git@example.com:team/app.git, ref: main}
      php: php8.2
      shared: [.env, storage]
      keep: 4
      control: /var/lib/opsconsole/app
    hosts:
      web1: {ssh: deploy@web1.internal, roles: [web, worker, primary]}
      web2: {ssh: web2}
      web3:
        ssh: {host: 10.0.0.3, port: 2222, user: deploy, identity_file: keys/id, known_hosts: keys/known_hosts}
        path: /srv/app
    identity: {app_env: production, app_key: 3f9ac1d2e4b5, database: app@db.internal:3306}
    health: [/up, /health, {name: mail, url: /health/mail, expect: {status: 200, json: {status: ok}}, timeout: 1m30s}]
    logs: [storage/logs/laravel.log, /var/log/worker.log]
    workers: {supervisor: [laravel-worker]}
    checklists: [checklists/deploy.md]
    database: {driver: mysql, host: db.internal, port: 3306, database: app, user: reader,
      password: "remote-env:DB_PASSWORD"}
    redis: {host: redis.internal, database: 1, password: "file:redis.secret", prefix: "app:"}
    connections: {redis: {long: {host: other.internal, password: "file:redis.secret"}}}
    queues: {redis: {prefix: laravel_database_, names: [default, high]}, database: {}, spare: off}
    failed: {driver: database-uuids, table: failed_jobs}
    timezone: Europe/Berlin
  demo:
    tier: normal
    app: {path: /srv/demo, layout: in-place, source: {archive: demo.tar.gz}}
    hosts: {one: {ssh: {host: 127.0.0.1}}}
    database: {driver: sqlite, file: demo.sqlite, via: direct}
    redis: {host: 127.0.0.1, password: plain-text, via: direct}
  plain:
    app: {path: /srv/plain}
    hosts: {one: {ssh: plain}}
state: {path: state, group: ops}
ssh_config: ssh_config
"""

ACTION = """\
title: Deploy
params:
  ref: {type: git-ref, default: "{app.source.ref}", ask: true}
  wait: {type: duration, default: 1h30m}
  mode: {type: choice, choices: [fast, slow], default: fast}
needs: {layout: releases}
steps:
  - {name: code, words: [fetch, "{param.ref}"], on: all, effect: once, check: is-there}
  - {name: link, table: {count: 2}, on: all, effect: idempotent, undo: unlink, timeout: 1h30m,
     on_abort: unlink, when: due}
gate: {probes: all, for: 2m, on_failure: hold}
"""


class Words(RootModel[list[str]]):
    """`words: [a, b]`."""


class Table(BaseModel):
    """`table: {count: 2}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    count: int
    label: str = ""


class UnplannedKind(BaseKind):
    """A kind that only its params and names are asked of."""

    def plan(self, context: PlanContext) -> PlannedStep:
        """The configuration plans nothing."""
        raise NotImplementedError


class WordsKind(UnplannedKind):
    """A kind whose value is a list."""

    Params = Words
    checks = ("is-there",)


class TableKind(UnplannedKind):
    """A kind whose value is a mapping."""

    Params = Table
    undos = ("unlink",)
    whens = ("due",)


KINDS: dict[str, StepKind] = {"words": WordsKind(), "table": TableKind()}


def write(directory: Path, text: str = FULL, name: str = "opsconsole.yaml") -> Path:
    """The file with what it refers to beside it."""
    (directory / "checklists").mkdir(exist_ok=True)
    (directory / "checklists" / "deploy.md").write_text("- [ ] one\n")
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path
