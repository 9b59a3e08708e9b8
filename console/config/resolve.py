"""From the validated model to `Environment` values: paths made absolute, short forms written out, rules across keys.

Owns what one key means beside another (a relative health path needs a `url`, a protected environment no plain secret).
Must not read YAML, nor raise: what is wrong comes back with the path of the key.
"""

from __future__ import annotations

import dataclasses
import difflib
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast
from zoneinfo import available_timezones

from pydantic import ValidationError

from console.config.document import quoted
from console.config.fields import split_url
from console.config.model import (
    AppModel,
    ConfigModel,
    EnvironmentModel,
    HostModel,
    ProbeModel,
    Section,
    SshModel,
)
from console.config.paths import absence, from_base
from console.config.problems import nearest
from console.config.secrets import Reference, anchored, parse_reference
from console.domain.documents import Json, digest
from console.domain.environment import (
    AppSpec,
    CodeSource,
    Environment,
    Host,
    Identity,
    Layout,
    SshTarget,
    Tier,
    TransportKind,
)
from console.domain.health import ProbeSpec

Complaint = tuple[tuple[object, ...], str]
"""The path of a key, and what is wrong there."""


_NO_TEXT = (
    'a secret must not stand here as text: this environment is protected. Write "env:NAME", "file:PATH", "cmd:[…]", '
    '"dotenv:PATH#KEY" or "remote-env:KEY"'
)


def resolve_config(model: ConfigModel, base: Path) -> tuple[Environment, ...]:
    """Every environment of a model without complaints, in its order; relative local paths are meant from `base`."""
    ssh_config = _local(base, model.ssh_config)
    return tuple(_environment(name, section, base, ssh_config) for name, section in model.environments.items())


def complaints(section: EnvironmentModel, base: Path) -> list[Complaint]:
    """Everything that is wrong across the keys of one environment, paths from its own mapping."""
    return [
        *_probe_complaints(section),
        *_file_complaints(section, base),
        *_secret_complaints(section, base),
        *_role_complaints(section),
        *_zone_complaints(section),
        *(
            (("hosts", host, "roles", index), '"all" already means every host; name the role otherwise')
            for host, entry in section.hosts.items()
            for index, role in enumerate(entry.roles)
            if role == "all"
        ),
    ]


def _role_complaints(section: EnvironmentModel) -> Iterator[Complaint]:
    """Without a word about roles the first host is the primary one; where roles are stated, nobody has to guess."""
    roles = [(host, at, role) for host, entry in section.hosts.items() for at, role in enumerate(entry.roles)]
    if not roles or any(role == "primary" for _, _, role in roles):
        return
    near = difflib.get_close_matches("primary", [role for _, _, role in roles], n=1, cutoff=0.75)
    if near:
        host, at, role = next(each for each in roles if each[2] == near[0])
        yield ("hosts", host, "roles", at), f'no host has the role "primary"; did you mean it by {quoted(role)}?'
    elif len(section.hosts) > 1:
        yield ("hosts",), 'no host has the role "primary": it says which one holds the lock and runs what must run once'


def _zone_complaints(section: EnvironmentModel) -> Iterator[Complaint]:
    if section.timezone is None:
        return
    zones = available_timezones()
    # A machine without time zones knows none, right or wrong.
    if zones and section.timezone not in zones:
        hint = nearest(section.timezone, zones)
        yield ("timezone",), f'"timezone" must be a name like Europe/Berlin; nobody knows this one{hint}'


def salvage(entry: Json) -> EnvironmentModel | None:
    """What is valid of an environment that is not, so that the rules across its keys can be checked all the same.

    Keys that are wrong or missing get harmless values that no rule across keys complains about.
    """
    if not isinstance(entry, dict):
        return None
    harmless: dict[str, Json] = {
        "tier": "normal",
        "url": "http://host.invalid",
        "app": {"path": "/app"},
        "hosts": {"host": {"ssh": "host"}},
    }
    kept = dict(harmless)
    for key, value in entry.items():
        for part in (value, _valid_parts(harmless, key, value)):
            if _valid(harmless, key, part):
                kept[key] = part
                break
    if "url" not in entry:
        del kept["url"]
    if "tier" not in entry:
        del kept["tier"]
    return EnvironmentModel.model_validate(kept)


def _valid(harmless: dict[str, Json], key: str, value: Json) -> bool:
    try:
        EnvironmentModel.model_validate({**harmless, key: value})
    except ValidationError:
        return False
    return True


def _valid_parts(harmless: dict[str, Json], key: str, value: Json) -> Json:
    """The hosts that are right; the health questions with harmless ones where they are not, so that numbers stay."""
    if key == "hosts" and isinstance(value, dict):
        return {name: host for name, host in value.items() if _valid(harmless, key, {name: host})}
    if key == "health" and isinstance(value, list):
        return [
            probe if _valid(harmless, key, [probe]) else {"name": f"question {number}", "url": "http://host.invalid"}
            for number, probe in enumerate(value)
        ]
    return value


def _environment(name: str, section: EnvironmentModel, base: Path, ssh_config: str) -> Environment:
    environment = Environment(
        name=name,
        tier=Tier(section.tier),
        url=(section.url or "").rstrip("/"),
        app=_app(section.app, base),
        hosts=tuple(_host(host, entry, base) for host, entry in section.hosts.items()),
        identity=Identity(**section.identity.model_dump()) if section.identity else None,
        health=tuple(_probe(probe, section.url) for probe in section.health),
        logs=tuple(section.logs),
        supervisor=tuple(section.workers.supervisor),
        checklists=tuple(_local(base, path) for path in section.checklists),
        overrides=_overrides(section, base),
        sources=section.sources,
        ssh_config=ssh_config,
    )
    return dataclasses.replace(environment, config_hash=digest(_hashed(environment)))


def _hashed(environment: Environment) -> Json:
    """The environment as a document without any secret: a plain one is only known to be there."""
    document = cast("dict[str, Json]", dataclasses.asdict(environment))
    overrides: dict[str, Json] = {}
    for key, value in environment.overrides.items():
        overrides[key] = _without_text(value)
    document["overrides"] = overrides
    return document


def _without_text(value: Json) -> Json:
    """A part of the overrides at any depth, passwords that are text replaced."""
    if not isinstance(value, dict):
        return value
    kept = {key: _without_text(each) for key, each in value.items()}
    if isinstance(value.get("password"), str):
        reference = _reference(str(value["password"]))
        if reference is None or reference.plain:
            kept["password"] = "plain"  # noqa: S105 - the word, not a secret
    return kept


def _app(app: AppModel, base: Path) -> AppSpec:
    source = None
    if app.source is not None:
        source = CodeSource(
            git=app.source.git or "",
            ref=app.source.ref or "",
            archive=_local(base, app.source.archive),
            without=tuple(app.source.without),
        )
    return AppSpec(
        path=app.path,
        root=(app.root or "").strip("/"),
        layout=Layout(app.layout),
        source=source,
        php=app.php,
        shared=tuple(app.shared),
        keep=app.keep,
        control=app.control or "",
    )


def _host(name: str, entry: HostModel, base: Path) -> Host:
    return Host(
        name=name,
        ssh=_ssh(entry.ssh, base),
        roles=tuple(entry.roles),
        path=entry.path or "",
        transport=TransportKind(entry.transport),
    )


def _ssh(ssh: SshModel, base: Path) -> SshTarget:
    return SshTarget(
        alias=ssh.alias or "",
        host=ssh.host or "",
        port=ssh.port,
        user=ssh.user or "",
        identity_file=_local(base, ssh.identity_file),
        known_hosts=_local(base, ssh.known_hosts),
    )


def _local(base: Path, path: str | None) -> str:
    return str(from_base(base, path)) if path else ""


def probe_name(probe: ProbeModel) -> str:
    """What a probe is called: its name, else its URL's path, else its host."""
    if probe.name:
        return probe.name
    parts = split_url(probe.url)
    return (parts.path.rstrip("/") or parts.netloc or probe.url) if parts else probe.url


def _probe(probe: ProbeModel, url: str | None) -> ProbeSpec:
    return ProbeSpec(
        name=probe_name(probe),
        url=(url or "").rstrip("/") + probe.url if probe.url.startswith("/") else probe.url,
        expect_status=probe.expect.status,
        expect_json=probe.expect.json_,
        expect_text=probe.expect.text or "",
        expect_url=probe.expect.url or "",
        timeout=probe.timeout,
    )


def _probe_complaints(section: EnvironmentModel) -> Iterator[Complaint]:
    seen: dict[str, int] = {}
    for index, probe in enumerate(section.health):
        if probe.url.startswith("/") and section.url is None:
            yield ("health", index), 'a health path needs the "url" of the environment, or a whole URL here'
        name = probe_name(probe)
        if name in seen:
            yield ("health", index), f"a second health question has the name of number {seen[name] + 1}; give it a name"
        seen.setdefault(name, index)


def _file_complaints(section: EnvironmentModel, base: Path) -> Iterator[Complaint]:
    stems: set[str] = set()
    for index, path in enumerate(section.checklists):
        file = Path(_local(base, path))
        if missing := absence(file):
            yield ("checklists", index), f"{file}: {missing}"
        if file.stem in stems:
            yield ("checklists", index), "a second checklist has this file name; checklists go by their file's name"
        stems.add(file.stem)


def _secret_complaints(section: EnvironmentModel, base: Path) -> Iterator[Complaint]:
    for path, password in passwords(section):
        try:
            reference = parse_reference(password)
        except ValueError as error:
            yield path, f'"password" {error}'
            continue
        if reference.plain and section.tier == "protected":
            yield path, _NO_TEXT
        if open_file := _open_to_others(reference, base):
            yield path, f"the secret file {open_file} can be read by others; run: chmod 600 {open_file}"


def passwords(section: EnvironmentModel) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every password of a connection that is stated, by its path."""
    stated = section.connections
    named: Mapping[str, Mapping[str, Section]] = (
        {} if stated is None else {"database": stated.database, "redis": stated.redis}
    )
    parts: list[tuple[tuple[str | int, ...], Section | None]] = [
        (("database",), section.database),
        (("redis",), section.redis),
        *((("connections", kind, name), part) for kind, entries in named.items() for name, part in entries.items()),
    ]
    for path, part in parts:
        password = getattr(part, "password", None)
        if isinstance(password, str):
            yield (*path, "password"), password


def _open_to_others(reference: Reference, base: Path) -> Path | None:
    """The file of a secret that everybody can read."""
    if reference.kind not in ("file", "dotenv"):
        return None
    path = from_base(base, reference.body.rpartition("#")[0] if reference.kind == "dotenv" else reference.body)
    try:
        return path if path.stat().st_mode & stat.S_IROTH else None
    except OSError:
        # not there (yet), or not ours to see: said when it is needed
        return None


def _reference(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except ValueError:
        return None


def _overrides(section: EnvironmentModel, base: Path) -> Mapping[str, Json]:
    stated = section.model_dump(
        mode="json",
        include={"database", "redis", "connections", "queues", "failed", "timezone"},
        exclude_unset=True,
        by_alias=True,
    )
    found = cast("dict[str, Json]", {key: value for key, value in stated.items() if value is not None})
    for part in _connections(found):
        if isinstance(part.get("password"), str):
            part["password"] = anchored(str(part["password"]), base)
        for name in ("file", "ca"):
            if isinstance(part.get(name), str):
                part[name] = _local(base, str(part[name]))
    return found


def _connections(overrides: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """Every stated connection: the short forms, and those by name."""
    named = overrides.get("connections")
    kinds = list(named.values()) if isinstance(named, dict) else []
    whole = [overrides.get("database"), overrides.get("redis")]
    for part in [*whole, *(entry for kind in kinds if isinstance(kind, dict) for entry in kind.values())]:
        if isinstance(part, dict):
            yield part
