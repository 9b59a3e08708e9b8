"""Host facts from this machine's own shell, and from broken ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.workers import HostReading
from console.errors import RemoteError, UnreachableError
from console.services.threads.loop import SystemClock
from console.sources import hosts
from console.sources.kinds import SourceContext, SourceParams
from tests.fakes import FakeReach, FakeShell
from tests.sources.support import round_trips

OUTPUT = """\
clock 1000
load 0.52 0.58 0.59 1/467 1234
cores 4
uptime 35100.71 120000.0
mem MemTotal:       16000000 kB
mem MemFree:         1000000 kB
mem MemAvailable:    4000000 kB
disk /dev/sda1 100 61 39 61% /srv
"""


def source_of(*shells: FakeShell) -> hosts.HostsSource:
    reach = FakeReach(shells={shell.host: shell for shell in shells})
    context = SourceContext(environment=reach.environment, reach=reach, clock=SystemClock())
    [source] = hosts.build(context, SourceParams())
    return source


def test_a_linux_host_says_all_of_it() -> None:
    facts = hosts.parse("web1", OUTPUT, now=1000.4)
    assert (facts.load, facts.cores, facts.memory_percent, facts.disk_percent) == (0.52, 4, 75, 61)
    assert (facts.uptime, facts.clock_skew) == (35100, 0.0)


@pytest.mark.parametrize(("now", "skew"), [(999.5, 0.5), (1000.99, 0.0), (1003.0, -2.0), (0.0, 1000.0)])
def test_skew_is_theirs_minus_ours(now: float, skew: float) -> None:
    assert hosts.parse("web1", OUTPUT, now=now).clock_skew == skew


def test_this_machine_answers_the_script() -> None:
    source = source_of(FakeShell("web1"), FakeShell("web2"))
    reading = source.read()
    assert [host.host for host in reading.hosts] == ["web1", "web2"]
    first = reading.hosts[0]
    assert first.cores >= 1
    assert 0 < first.memory_percent <= 100
    assert abs(first.clock_skew) < 2
    assert 0 < first.uptime < time.time()
    round_trips(source, reading)


def test_a_host_without_proc_is_an_error_and_the_other_still_shows() -> None:
    strange = FakeShell("web2", lambda script: b"clock 1000\nload \n")
    reading = source_of(FakeShell("web1"), strange).read()
    assert len(reading.hosts) == 1
    assert reading.errors == ("web2: it does not say how it fares (no Linux /proc?)",)


def test_a_missing_host_is_asked_again_sooner() -> None:
    away = FakeShell("web2")
    source = source_of(FakeShell("web1"), away)
    for away.down, seconds in ((False, 30), (True, 5), (False, 30)):
        source.read()
        assert source.every == seconds


def test_no_host_at_all_is_an_error() -> None:
    shells = FakeShell("web1"), FakeShell("web2")
    for shell in shells:
        shell.down = True
    with pytest.raises(UnreachableError):
        source_of(*shells).read()


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_output_is_facts_or_an_error(text: str) -> None:
    try:
        facts = hosts.parse("h", OUTPUT + text, now=1000.0)
    except RemoteError:
        return
    assert facts.host == "h"


def test_a_disk_that_was_not_read_is_unknown_and_hides_no_other() -> None:
    mute = hosts.parse("web2", OUTPUT.replace("disk /dev/sda1 100 61 39 61% /srv\n", ""), now=1000.4)
    assert mute.disk_percent is None
    source = source_of(FakeShell("web1"))
    told = source.summary(HostReading(hosts=(hosts.parse("web1", OUTPUT, now=1000.4), mute)))
    assert told == "load ≤ 0.5, disk ≤ 61 % (unknown on web2)"
    assert source.summary(HostReading(hosts=(mute,))) == "load ≤ 0.5, disk unknown"
    assert [trouble.words for trouble in source.troubles(HostReading(hosts=(mute,)))] == ["web2 disk unknown"]
    with pytest.raises(RemoteError, match="how it fares"):
        hosts.parse("web1", OUTPUT.replace("MemFree", "x").replace("MemAvailable", "y"), now=1000.4)
