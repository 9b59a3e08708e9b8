"""The configuration as a whole: what loads, what it becomes, and how everything wrong is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.config.load import load_config
from console.config.model import EnvironmentModel
from console.domain.environment import CodeSource, Layout, SshTarget, Tier
from console.errors import ConfigError, InsecureError, UsageError
from tests.config.samples import FULL, TableKind, write

NO_TEXT = (
    'a secret must not stand here as text: this environment is protected. Write "env:NAME", "file:PATH", "cmd:[…]", '
    '"dotenv:PATH#KEY" or "remote-env:KEY"'
)
HEAD = "environments:\n  production:\n"
SMALL = HEAD + "    app: {path: /srv/app}\n    hosts: {web1: {ssh: web1}}\n"


def problems(tmp_path: Path, text: str) -> list[str]:
    """`line:column: message` of every problem."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text), source_kinds={})
    file = str(tmp_path / "opsconsole.yaml")
    assert all(problem.file == file for problem in caught.value.problems)
    return [str(problem).removeprefix(file + ":") for problem in caught.value.problems]


def test_every_key_arrives(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    assert [each.name for each in config.environments] == ["production", "demo", "plain"]
    assert (config.state_path, config.state_group) == (tmp_path / "state", "ops")
    production = config.environment("production")
    assert production.tier is Tier.PROTECTED
    assert production.app.source == CodeSource(git="git@example.com:team/app.git", ref="main")
    assert (production.app.root, production.app.keep, production.app.php) == ("main", 4, "php8.2")
    assert [host.name for host in production.hosts] == ["web1", "web2", "web3"]
    assert production.primary().ssh == SshTarget(alias="deploy@web1.internal")
    web3 = production.host("web3")
    assert (web3.path, web3.ssh.port, web3.ssh.known_hosts) == ("/srv/app", 2222, str(tmp_path / "keys/known_hosts"))
    assert production.paths(web3).base == "/srv/app"
    assert production.identity is not None
    assert production.identity.database == "app@db.internal:3306"
    assert [(probe.name, probe.url) for probe in production.health] == [
        ("/up", "https://app.example.com/up"),
        ("/health", "https://app.example.com/health"),
        ("mail", "https://app.example.com/health/mail"),
    ]
    mail = production.health[2]
    assert (mail.expect_status, mail.expect_json, mail.timeout) == (200, {"status": "ok"}, 90.0)
    assert production.supervisor == ("laravel-worker",)
    assert production.checklists == (str(tmp_path / "checklists/deploy.md"),)
    assert production.ssh_config == str(tmp_path / "ssh_config")


def test_overrides_hold_only_what_is_stated(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    assert config.environment("production").overrides == {
        "database": {
            "driver": "mysql",
            "host": "db.internal",
            "port": 3306,
            "database": "app",
            "user": "reader",
            "password": "remote-env:DB_PASSWORD",
        },
        "redis": {
            "host": "redis.internal",
            "database": 1,
            "password": f"file:{tmp_path}/redis.secret",
            "prefix": "app:",
        },
        "connections": {"redis": {"long": {"host": "other.internal", "password": f"file:{tmp_path}/redis.secret"}}},
        "queues": {
            "redis": {"prefix": "laravel_database_", "names": ["default", "high"]},
            "database": {},
            "spare": "off",
        },
        "failed": {"driver": "database-uuids", "table": "failed_jobs"},
        "timezone": "Europe/Berlin",
    }
    demo = config.environment("demo")
    assert demo.overrides["database"] == {"driver": "sqlite", "file": str(tmp_path / "demo.sqlite"), "via": "direct"}
    assert demo.app.layout is Layout.IN_PLACE
    assert demo.app.source == CodeSource(archive=str(tmp_path / "demo.tar.gz"))


def test_what_is_left_out_is_safe(tmp_path: Path) -> None:
    plain = load_config(write(tmp_path)).environment("plain")
    assert plain.protected
    assert (plain.overrides, plain.identity, plain.health) == ({}, None, ())
    assert plain.logs == ("storage/logs/laravel.log",)


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    with pytest.raises(UsageError, match='no environment "prodution"') as caught:
        config.environment("prodution")
    assert "Did you mean production?" in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_problem_is_named_at_once_with_its_place(tmp_path: Path) -> None:
    text = """\
environments:
  production:
    teir: normal
    app: {path: relative, keep: true, layout: relases}
    hosts: {web1: {ssh: -oProxyCommand=x}, web3: {ssh: a, roles: [all]}, web2: {ssh: {port: 22}}}
    health: [/up, {url: /up}, 5, {url: "https://u:p@h/"}]
    identity: {app_env: x, app_key: zz}
    redis: {password: in-clear}
    checklists: [missing.md]
    sources: {queus: {}}
  production2:
    app: {path: /x}
    hosts: {}
stat: 5
"""
    assert problems(tmp_path, text) == [
        '3:5: unknown key "teir", did you mean "tier"?',
        '4:17: "path" must be an absolute path on the host, without ..',
        '4:33: "keep" must be a whole number',
        '4:47: "layout" must be "releases" or "in-place", did you mean "releases"?',
        '5:25: "alias" must be a host name, user@host or a name from your ssh config',
        '5:67: "all" already means every host; name the role otherwise',
        '5:86: "ssh" needs either "alias" or "host"',
        '6:14: a health path needs the "url" of the environment, or a whole URL here',
        '6:19: a health path needs the "url" of the environment, or a whole URL here',
        "6:19: a second health question has the name of number 1; give it a name",
        '6:31: "health[2]" must be a text or a mapping',
        '6:40: "url" must hold no user name or password',
        '7:5: the key "database" of "identity" is missing',
        '7:37: "app_key" must be 12 hex digits: the first of the SHA-256 of the APP_KEY text',
        f"8:23: {NO_TEXT}",
        f"9:18: {tmp_path}/missing.md: there is no such file",
        '10:15: there is no source "queus"',
        '13:12: "hosts" must not be empty',
        '14:1: unknown key "stat", did you mean "state"?',
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    health: [/up]\n", '5:14: a health path needs the "url" of the environment, or a whole URL here'),
        (
            "    url: https://h\n    health: [/up, {url: /up}]\n",
            "6:19: a second health question has the name of number 1; give it a name",
        ),
        ("    database: {driver: sqlite, file: x}\n", '5:15: "database" can be SQLite only as'),
        ("    database: {ca: x.pem}\n", '5:15: "database" takes "ca" only with via: direct'),
        ("    database: {file: x}\n", '5:15: "database" takes "file" only with driver sqlite'),
        (
            "    connections: {redis: {a: {password: keyring:x}}}\n",
            '5:41: "password" cannot be a keyring reference yet',
        ),
        ("    queues: {redis: on}\n", '5:21: "redis" must be a mapping, or "off"'),
        ("    redis: {password: keyring:x}\n", '5:23: "password" cannot be a keyring reference yet'),
        ("    redis: {password: 12345}\n", '5:23: "password" must be text; put quotes around it'),
        ("    app: {path: /x}\n", '5:5: "app" stands here a second time (first on line 3)'),
        ("    url: ftp://h\n", '5:10: "url" must be a URL that begins with https:// or http://'),
        ("include: [x.yaml]\n", '5:1: unknown key "include"'),
        ("    timezone: Europe/Berln\n", 'nobody knows this one, did you mean "Europe/Berlin"?'),
        ("    database: {driver: pgsql, host: db}\n", "names a kind of database that this console cannot read yet"),
        ("    logs: [../../etc/passwd]\n", "without . or .."),
        ("    tier: Protected\n", 'did you mean "protected"?'),
        ("    app.path: /x\n", '5:5: unknown key "app.path"'),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, line: str, expected: str) -> None:
    found = problems(tmp_path, SMALL + line)
    assert len(found) == 1
    assert expected in found[0]


def test_a_secret_at_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    text = (
        SMALL + "    redis: {port: hunter2secret, hots: hunter2secret, via: hunter2secret}\n    tier: hunter2secret\n"
    )
    assert "hunter2secret" not in "\n".join(problems(tmp_path, text))


def test_an_open_secret_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "redis.secret").write_text("x")
    (tmp_path / "redis.secret").chmod(0o644)
    found = problems(tmp_path, SMALL + "    redis: {password: 'file:redis.secret'}\n")
    secret = tmp_path / "redis.secret"
    assert found == [f"5:23: the secret file {secret} can be read by others; run: chmod 600 {secret}"]


def test_params_of_sources_are_checked_in_place(tmp_path: Path) -> None:
    text = SMALL + "    sources:\n      toy: {count: many, labl: x}\n      other:\n"
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text), source_kinds={"toy": TableKind()})
    assert [(p.line, p.column, p.message) for p in caught.value.problems] == [
        (6, 20, '"count" must be a whole number'),
        (6, 26, 'unknown key "labl", did you mean "label"?'),
        (7, 7, 'there is no source "other"; known are toy'),
    ]
    good = load_config(write(tmp_path, SMALL + "    sources: {toy: {count: 2}}\n"), source_kinds={"toy": TableKind()})
    assert good.environments[0].sources == {"toy": {"count": 2}}


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_config(tmp_path / "none.yaml")


def test_a_file_others_can_write_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.chmod(0o666)
    with pytest.raises(InsecureError, match="can be written by others"):
        load_config(path)
    path.chmod(0o644)
    assert load_config(path).environments
    tmp_path.chmod(0o777)
    with pytest.raises(InsecureError, match="can be written by others"):
        load_config(path)


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    monkeypatch.setenv("OPSCONSOLE_CONFIG", str(path))
    assert load_config(None).path == path
    monkeypatch.delenv("OPSCONSOLE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    with pytest.raises(ConfigError, match=r"xdg/opsconsole/opsconsole\.yaml"):
        load_config(None)


def test_the_hash_follows_the_section_and_no_plain_secret(tmp_path: Path) -> None:
    def hashes(text: str) -> dict[str, str]:
        return {each.name: each.config_hash for each in load_config(write(tmp_path, text)).environments}

    first = hashes(FULL)
    assert len(set(first.values())) == 3
    assert hashes("# a comment\n" + FULL) == first
    changed = hashes(FULL.replace("keep: 4", "keep: 5"))
    assert changed["production"] != first["production"]
    assert changed["demo"] == first["demo"]
    assert hashes(FULL.replace("plain-text", "other-text")) == first


def test_a_home_of_nobody_stays_as_it_is(tmp_path: Path) -> None:
    host = "{ssh: {host: h, identity_file: ~no-such-user-here/id, known_hosts: ~/known}}"
    text = HEAD + f"    app: {{path: /srv/app}}\n    hosts: {{web1: {host}}}\n"
    ssh = load_config(write(tmp_path, text)).environments[0].hosts[0].ssh
    assert ssh.identity_file == str(tmp_path / "~no-such-user-here/id")
    assert ssh.known_hosts == str(Path.home() / "known")


def test_the_digest_follows_every_byte(tmp_path: Path) -> None:
    first = load_config(write(tmp_path)).digest
    assert load_config(write(tmp_path, FULL + "\n")).digest != first


def test_every_key_of_an_environment_stands_in_the_sample() -> None:
    stated = set(FULL.replace(":", " ").replace("{", " ").split())
    assert set(EnvironmentModel.model_fields) - {"sources"} <= stated


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("path: /", '3:17: "path" must be a path below the root of the host, not the root itself'),
        ("path: //.", '3:17: "path" must be a path below the root of the host, not the root itself'),
        ("path: /a, control: /", '3:30: "control" must be a path below the root of the host, not the root itself'),
        (
            'path: /a, shared: ["."]',
            '3:30: "shared[0]" must be a path below the application, without a leading slash and without . or ..',
        ),
        ("path: /a, source: {git: ''}", '3:35: "git" must be a git URL or path'),
    ],
)
def test_paths_that_would_mean_everything_are_refused(tmp_path: Path, app: str, problem: str) -> None:
    assert problems(tmp_path, HEAD + f"    app: {{{app}}}\n    hosts: {{web1: {{ssh: web1}}}}\n") == [problem]


@pytest.mark.parametrize(
    ("hosts", "problem"),
    [
        ("web1: {ssh: a, roles: [primry]}", '4:36: no host has the role "primary"; did you mean it by "primry"?'),
        (
            "web1: {ssh: a, roles: [web]}, web2: {ssh: b}",
            '4:12: no host has the role "primary": it says which one holds the lock and runs what must run once',
        ),
        ("'we b': {ssh: a}", '4:13: "we b" must be letters, digits, dots, dashes and underscores, and begin with a'),
        ("'[key]': {ssh: a}", '4:13: "[key]" must be letters, digits, dots, dashes and underscores, and begin with a'),
    ],
)
def test_hosts_without_a_primary_one_and_wrong_names_are_named(tmp_path: Path, hosts: str, problem: str) -> None:
    (found,) = problems(tmp_path, HEAD + f"    app: {{path: /srv/app}}\n    hosts: {{{hosts}}}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize("hosts", ["web1: {ssh: a, roles: [web]}", "web1: {ssh: a}, web2: {ssh: b}"])
def test_one_host_or_no_word_about_roles_needs_no_primary(tmp_path: Path, hosts: str) -> None:
    text = HEAD + f"    app: {{path: /srv/app}}\n    hosts: {{{hosts}}}\n"
    assert load_config(write(tmp_path, text), source_kinds={}).environments[0].primary().name == "web1"


def test_a_key_that_stands_twice_in_an_expectation_is_refused(tmp_path: Path) -> None:
    text = SMALL + "    health: [{url: 'https://a.example', expect: {json: {status: ok, status: up}}}]\n"
    (found,) = problems(tmp_path, text)
    assert found == '5:69: "status" stands here a second time (first on line 5)'
