"""Probes, releases, the application itself, and the index of all sources."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from console.domain.environment import Layout, QueueConnection
from console.domain.facts import Fact
from console.domain.health import ProbeResult, ProbeSpec, Status
from console.domain.origins import Origin
from console.domain.readings import AppReading, LightReading
from console.domain.releases import Release
from console.errors import UnreachableError
from console.sources import application, probes, releases, source_kinds
from console.sources.kinds import SourceContext, SourceParams
from tests.fakes import FakeClock, FakeHttp, FakeReach, FakeShell, make_environment, make_facts
from tests.fakes.http import answered
from tests.sources.support import context_of, round_trips


def test_probes_are_asked_side_by_side_and_keep_their_order() -> None:
    both = threading.Barrier(2, timeout=5)

    def answer(spec: ProbeSpec) -> ProbeResult:
        both.wait()
        return answered(spec, Status.FAILED if spec.name == "up" else Status.OK)

    [source] = probes.build(context_of(FakeReach(http=FakeHttp(answer))), SourceParams())
    reading = source.read()
    assert [(probe.name, probe.status) for probe in reading.probes] == [("up", Status.FAILED), ("health", Status.OK)]
    assert source.summary(reading) == "1/2 probes ok"
    round_trips(source, reading)


def test_failing_probes_are_asked_again_sooner() -> None:
    status = [Status.OK]
    context = context_of(FakeReach(http=FakeHttp(lambda spec: answered(spec, status[0]))))
    [source] = probes.build(context, SourceParams())
    for status[0], seconds in ((Status.OK, 15), (Status.FAILED, 5), (Status.WARNING, 15), (Status.CRASHED, 5)):
        source.read()
        assert source.every == seconds
    [source] = probes.build(context, SourceParams(every=2))
    source.read()
    assert source.every == 2


def test_no_urls_no_source() -> None:
    assert probes.build(context_of(FakeReach(make_environment(health=()))), SourceParams()) == ()


def release_host(name: str, base: Path, current: str) -> FakeShell:
    for release in ("1", "2"):
        (base / "releases" / release).mkdir(parents=True)
    (base / "current").symlink_to(f"releases/{current}")
    return FakeShell(name)


def test_releases_of_both_hosts_at_their_own_paths(tmp_path: Path) -> None:
    environment = make_environment()
    one, two = (replace(host, path=str(tmp_path / host.name)) for host in environment.hosts)
    reach = FakeReach(
        replace(environment, hosts=(one, two)),
        shells={
            "web1": release_host("web1", tmp_path / "web1", "2"),
            "web2": release_host("web2", tmp_path / "web2", "2"),
        },
    )
    [source] = releases.build(context_of(reach), SourceParams())
    reading = source.read()
    assert [(host.host, host.current) for host in reading.hosts] == [("web1", "2"), ("web2", "2")]
    assert reading.hosts[0].releases == (Release(name="1", lived=True), Release(name="2", lived=True))
    assert source.summary(reading) == "2"
    round_trips(source, reading)
    (tmp_path / "web2" / "current").unlink()
    (tmp_path / "web2" / "current").symlink_to("releases/1")
    assert source.summary(source.read()) == "1≠2"


def test_a_host_without_the_application_says_so(tmp_path: Path) -> None:
    reach = FakeReach(shells={name: FakeShell(name) for name in ("web1", "web2")})
    [source] = releases.build(context_of(reach), SourceParams())
    assert source.read().errors == ("web1: /srv/app is not there", "web2: /srv/app is not there")
    assert source.summary(source.read()) == "no release"


def test_one_gone_host_is_absent_and_named(tmp_path: Path) -> None:
    shells = {name: FakeShell(name) for name in ("web1", "web2")}
    shells["web2"].down = True
    [source] = releases.build(context_of(FakeReach(shells=shells)), SourceParams())
    reading = source.read()
    assert [host.host for host in reading.hosts] == ["web1"]
    assert "web2: web2 cannot be reached" in reading.errors
    shells["web1"].down = True
    with pytest.raises(UnreachableError):
        source.read()


def test_in_place_applications_have_no_releases() -> None:
    environment = make_environment()
    in_place = replace(environment, app=replace(environment.app, layout=Layout.IN_PLACE))
    assert releases.build(context_of(FakeReach(in_place)), SourceParams()) == ()


def test_the_application_tells_without_secrets_and_makes_itself_known() -> None:
    sqs = QueueConnection(name="sqs", driver="sqs", target="")
    reach = FakeReach(facts=make_facts(queues=(*make_facts().queues, sqs)))
    context = SourceContext(environment=reach.environment, reach=reach, clock=FakeClock())
    [source] = application.build(context, SourceParams())
    before, reading = context.discovered.facts, source.read()
    assert before is None
    assert context.discovered.facts == reach.facts()
    assert replace(reading, facts=()) == AppReading(
        laravel="8.83.26",
        app_env="production",
        timezone="UTC",
        database="app@db:3306",
        queues=("database", "redis", "sqs"),
        unread=("sqs: its driver sqs is not one this console reads",),
        origin="php",
    )
    assert Fact(name="database", value="app@db:3306", origin=Origin.PHP) in reading.facts
    assert source.summary(reading) == "Laravel 8.83.26 · production · app@db:3306 · from php"
    round_trips(source, reading)


def test_the_light_question_is_the_first_url_else_ssh() -> None:
    reach = FakeReach(http=FakeHttp(lambda spec: answered(spec, Status.WARNING)))
    source = application.LightSource(context_of(reach))
    assert source.read() == LightReading(status=Status.WARNING, detail="")
    round_trips(source, source.read())
    shells = {name: FakeShell(name) for name in ("web1", "web2")}
    reach = FakeReach(make_environment(health=()), shells=shells)
    source = application.LightSource(context_of(reach))
    assert source.read() == LightReading(status=Status.OK, detail="SSH answers")
    gone = FakeShell("web1")
    gone.down = True
    with pytest.raises(UnreachableError):
        application.LightSource(context_of(FakeReach(make_environment(health=()), shells={"web1": gone}))).read()


def test_the_index_names_only_what_can_be_built() -> None:
    context = context_of(FakeReach())
    for name, kind in source_kinds().items():
        assert issubclass(kind.Params, SourceParams), name
        for source in kind.build(context, {"every": 7}):
            assert source.every == 7
            assert source.timeout > 0


def test_the_index_loads_no_source() -> None:
    code = (
        "import sys; from console.sources import source_kinds; source_kinds();"
        "sys.exit(', '.join(m for m in sys.modules if m.startswith('console.sources.')"
        " and m not in ('console.sources.kinds', 'console.sources.names')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
