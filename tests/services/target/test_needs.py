"""What a host answers about the needs of steps, and what that means: every need has an answer, and none is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.actions import Effect
from console.domain.runs import PlannedStep
from console.domain.step_facts import Need, NeedKind, StepFacts
from console.domain.untrusted import harmless
from console.errors import RefusedError
from console.services.target.need_scripts import needs_script
from console.services.target.needs import Finding, look_at_needs, read_answers, refuse, warnings
from console.services.target.preflight import base_needs
from tests.fakes.reach import FakeReach, make_environment
from tests.fakes.shell import FakeShell
from tests.steps.world import sh, tool

STATUS = "shop:web_00   RUNNING   pid 1, uptime 0:00:01\nmail          STOPPED   Not started"


def need(what: NeedKind, name: str, host: str = "web1", **more: Any) -> Need:
    return Need(host=host, what=what, name=name, **more)


def asked(tmp_path: Path, *needs: Need) -> list[str]:
    """The sentences about needs on this machine, with the stand-ins of `tmp_path/bin` first in PATH."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    status, output = sh(needs_script(needs), path=tmp_path / "bin")
    assert status == 0, output
    return [one.sentence for one in read_answers(needs, output.encode(), b"", {})]


def test_tools_by_name_and_by_path(tmp_path: Path) -> None:
    there = (need(NeedKind.TOOL, "sh"), need(NeedKind.TOOL, "/bin/sh"), need(NeedKind.TOOL, "cd"))
    assert asked(tmp_path, *there) == []
    missing = (need(NeedKind.TOOL, "no-such-tool"), *there, need(NeedKind.TOOL, "it's $HOME"))
    assert asked(tmp_path, *missing) == ["there is no command no-such-tool", "there is no command it's $HOME"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'PHP 8.2.7 (cli)'", []),
        ("echo 'PHP Warning: cannot load opcache'; echo 'PHP 8.2.7 (cli)'", []),
        (
            "echo 'php: error while loading libxml2.so' >&2; exit 127",
            ["PHP does not run by php: php"],
        ),
        ("echo hello", ["PHP does not run by php: hello"]),
        ("exit 0", ["PHP does not run by php"]),
    ],
)
def test_php_must_say_its_version(tmp_path: Path, body: str, said: list[str]) -> None:
    tool(tmp_path / "bin", "php", body)
    found = asked(tmp_path, need(NeedKind.PHP, "php"))
    assert len(found) == len(said) and all(one.startswith(start) for one, start in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop", []),
        ("shop:web_00", []),
        ("mail", []),
        ("web", ["supervisord has web only inside the group shop"]),
        ("web_00", ["supervisord has web_00 only inside the group shop"]),
        ("wrker", ["supervisord does not know the program wrker; it knows mail, shop"]),
        ("sho", ["supervisord does not know the program sho; it knows mail, shop"]),
    ],
)
def test_programs_are_known_by_program_group_or_process(tmp_path: Path, name: str, said: list[str]) -> None:
    tool(tmp_path / "bin", "supervisorctl", f"cat <<'E'\n{STATUS}\nE\nexit 3")
    assert [*map(sorted_words, asked(tmp_path, need(NeedKind.PROGRAM, name)))] == [*map(sorted_words, said)]


def sorted_words(sentence: str) -> str:
    """A sentence whose list of names is in order."""
    head, knows, names = sentence.partition("it knows ")
    return head + knows + ", ".join(sorted(names.split(", ")))


@pytest.mark.parametrize("code", [0, 2, 4])
def test_what_an_old_supervisorctl_prints_is_no_program(tmp_path: Path, code: int) -> None:
    """Before 4.0 it ends with 0 although supervisord is not there."""
    for name in ("supervisorctl", "sudo"):
        tool(tmp_path / "bin", name, f"echo 'unix:///run/supervisor.sock no such file'; exit {code}")
    said = asked(tmp_path, need(NeedKind.PROGRAM, "mail"), need(NeedKind.PROGRAM, "shop"))
    refused = "supervisorctl does not answer, with sudo -n neither: unix:///run/supervisor.sock no such file"
    assert said == [refused] * 2


def test_programs_that_only_root_may_see(tmp_path: Path) -> None:
    tool(tmp_path / "bin", "supervisorctl", f'[ "$AS" = root ] || exit 4\ncat <<E\n{STATUS}\nE')
    tool(tmp_path / "bin", "sudo", 'shift 2; AS=root exec "$@"')
    assert asked(tmp_path, need(NeedKind.PROGRAM, "mail")) == []
    assert asked(tmp_path, need(NeedKind.PROGRAM, "other"))[0].startswith("supervisord does not know")


def units(tmp_path: Path, state: str, sudo: str = "exit 0") -> None:
    tool(tmp_path / "bin", "systemctl", f"printf '{state}'")
    tool(tmp_path / "bin", "sudo", sudo)


@pytest.mark.parametrize(
    ("state", "sudo", "verb", "said"),
    [
        (r"LoadState=loaded\nActiveState=active\nCanReload=yes\n", "exit 0", "reload", []),
        (r"LoadState=loaded\nActiveState=inactive\nCanReload=yes\n", "exit 0", "restart", []),
        (
            r"LoadState=not-found\nActiveState=inactive\nCanReload=no\n",
            "exit 0",
            "restart",
            ["the unit fpm: there is no such unit"],
        ),
        (
            r"LoadState=loaded\nActiveState=active\nCanReload=no\n",
            "exit 0",
            "reload",
            ["the unit fpm: it cannot be reloaded: it says no ExecReload"],
        ),
        (
            r"LoadState=loaded\nActiveState=failed\nCanReload=yes\n",
            "exit 0",
            "reload",
            ["the unit fpm: it is not active, so it cannot be reloaded"],
        ),
        (r"LoadState=masked\nActiveState=inactive\n", "exit 0", "restart", ["the unit fpm: it is masked"]),
        (
            r"LoadState=loaded\nActiveState=active\nCanReload=yes\n",
            "exit 1",
            "reload",
            ["sudo -n does not let this account run systemctl reload -- fpm"],
        ),
        ("System has not been booted", "exit 0", "restart", ["systemctl does not answer: System has not been booted"]),
    ],
)
def test_units(tmp_path: Path, state: str, sudo: str, verb: str, said: list[str]) -> None:
    units(tmp_path, state, sudo)
    assert asked(tmp_path, need(NeedKind.UNIT, "fpm", command=(verb,))) == said


RULES = {
    "all without a password": (r"echo '    (root) NOPASSWD: /bin/systemctl'", []),
    "one with a password": (
        r"echo '    (root) NOPASSWD: /bin/true'; echo '    (ALL : ALL) ALL'",
        ["whether sudo asks for a password for systemctl as root cannot be told"],
    ),
}


@pytest.mark.parametrize("rules", RULES)
def test_a_right_that_may_want_a_password_is_said_and_no_refusal(tmp_path: Path, rules: str) -> None:
    """`sudo -l COMMAND` says yes to what a password would allow, too."""
    listing, said = RULES[rules]
    # `-n -l -u root -- COMMAND` is allowed, `-n -l` lists, anything run is refused.
    tool(tmp_path / "bin", "sudo", f'case "$*" in "-n -l") {listing} ;; "-n -l "*) exit 0 ;; *) exit 1 ;; esac')
    one = need(NeedKind.ACCOUNT, "root", command=("systemctl",))
    assert asked(tmp_path, one) == said
    status, output = sh(needs_script([one]), path=tmp_path / "bin")
    assert status == 0
    assert all(not finding.refuses for finding in read_answers([one], output.encode(), b"", {}))


def test_without_sudo_nothing_can_be_become(tmp_path: Path) -> None:
    tool(tmp_path / "bin", "sudo", "exit 1")
    said = asked(tmp_path, need(NeedKind.ACCOUNT, "www-data", command=("php", "artisan")))
    assert said == ["sudo -n does not let this account run php artisan as www-data"]


def test_links_paths_and_directories(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    good = [
        need(NeedKind.LINK, f"{tmp_path}/link"),
        need(NeedKind.LINK, f"{tmp_path}/absent"),
        need(NeedKind.PATH, f"{tmp_path}/directory"),
        need(NeedKind.WRITABLE, f"{tmp_path}/directory"),
        need(NeedKind.WRITABLE, f"{tmp_path}/directory/to/be/made"),
        need(NeedKind.ANSWER, "never said", script="true"),
    ]
    assert asked(tmp_path, *good) == []
    bad = [
        need(NeedKind.LINK, f"{tmp_path}/directory"),
        need(NeedKind.PATH, f"{tmp_path}/link"),
        need(NeedKind.WRITABLE, "/proc/sys"),
        need(NeedKind.ANSWER, "it is raining", script="exit 7", fix="Wait."),
    ]
    assert asked(tmp_path, *bad) == [
        f"{tmp_path}/directory is not a link, so it cannot be switched",
        f"{tmp_path}/link is not there",
        "this account cannot write /proc/sys",
        "it is raining",
    ]


def test_space_and_inodes(tmp_path: Path) -> None:
    def df(blocks: str, inodes: str) -> None:
        body = f'case "$*" in *Pk*) free={blocks} ;; *) free={inodes} ;; esac\necho head\necho "fs 99 1 $free 1% /"'
        tool(tmp_path / "bin", "df", body)

    large, small = (need(NeedKind.SPACE, "/x/y", amount=amount) for amount in (300 * 1024, 4096))
    df("400000", "500")
    assert asked(tmp_path, large, small) == ["/x/y: only 500 inodes are free"]
    df("200000", "5000")
    assert asked(tmp_path, large, small) == ["/x/y: only 195 MiB are free, 300 MiB are wanted"]
    # Filesystems that make inodes as they go say 0 or a dash of both.
    tool(
        tmp_path / "bin", "df", 'case "$*" in *Pk*) a=9 f=999999 ;; *) a=0 f=- ;; esac\necho h\necho "fs $a 1 $f 1% /"'
    )
    assert asked(tmp_path, large, small) == []
    tool(tmp_path / "bin", "df", "exit 1")
    assert asked(tmp_path, large) == ["/x/y: its free space cannot be read"]


def test_an_answer_that_is_missing_is_no_yes() -> None:
    needs = [need(NeedKind.TOOL, "a"), need(NeedKind.TOOL, "b"), need(NeedKind.LINK, "/l")]
    said = [one.sentence for one in read_answers(needs, b"0 yes\n2 maybe\nend\n", b"", {})]
    assert said == ["the command b could not be asked for: no answer", "/l could not be asked for: no answer"]
    cut = read_answers(needs, b"0 no\n1 yes\n", b"sh: killed", {})
    assert [one.sentence for one in cut] == [
        "the command a could not be asked for: sh: killed",
        "/l could not be asked for: sh: killed",
    ]
    assert all(one.refuses for one in cut)


def planned(*needs: Need, name: str = "one") -> PlannedStep:
    hosts = tuple(dict.fromkeys(each.host for each in needs))
    return PlannedStep(
        name=name, kind="toy", hosts=hosts, text=name, effect=Effect.ONCE, facts=StepFacts(needs=tuple(needs))
    )


@pytest.fixture
def reach() -> Iterator[FakeReach]:
    yield FakeReach(shells={"web1": FakeShell("web1"), "web2": FakeShell("web2")})


def test_every_host_is_asked_for_its_own_needs_and_named(reach: FakeReach) -> None:
    first = planned(need(NeedKind.TOOL, "no-such"), need(NeedKind.TOOL, "no-such", "web2"))
    second = planned(need(NeedKind.TOOL, "no-such", "web2"), need(NeedKind.TOOL, "sh"), name="two")
    found = look_at_needs(reach, [first, second])
    assert [(one.host, one.sentence) for one in found] == [
        ("web1", "there is no command no-such (needed by one)"),
        ("web2", "there is no command no-such (needed by one, two)"),
    ]
    with pytest.raises(RefusedError) as caught:
        refuse(found, done="Nothing was planned.")
    assert caught.value.what.startswith("web1: there is no command no-such (needed by one); web2: there is")
    assert "Install no-such on web1" in caught.value.fix and "on web2" in caught.value.fix
    assert look_at_needs(reach, []) == ()


def test_a_doubt_makes_a_warning() -> None:
    doubtful = need(NeedKind.TOOL, "composer", doubt="whether the code needs it is not known")
    (found,) = read_answers([doubtful], b"0 no\nend\n", b"", {doubtful: ("composer",)})
    refuse([found], done="")
    (said,) = warnings([found])
    assert said.startswith("web1: there is no command composer (needed by composer); whether the code needs it is not")


def test_the_same_on_several_hosts_is_said_once() -> None:
    found = [Finding(host=host, sentence="it rains", fix="Wait.") for host in ("a", "b")]
    with pytest.raises(RefusedError) as caught:
        refuse(found, done="No.", head="Preflight: ")
    assert (caught.value.what, caught.value.fix) == ("Preflight: a, b: it rains.", "Wait.")


def test_what_any_run_needs(tmp_path: Path) -> None:
    environment = make_environment()
    environment = replace(environment, app=replace(environment.app, path=str(tmp_path)))
    reach = FakeReach(environment, shells={host.name: FakeShell(host.name) for host in environment.hosts})
    assert [one for one in look_at_needs(reach, [], base_needs(environment)) if one.refuses] == []
    nowhere = replace(environment, app=replace(environment.app, control="/proc/sys/opsconsole"))
    reach = FakeReach(nowhere, shells=reach.shells)
    refused = look_at_needs(reach, [], base_needs(nowhere))
    assert [one.sentence for one in refused][:1] == ["this account cannot write /proc/sys/opsconsole"]
    assert "install -d -m 2770" in refused[0].fix


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_a_host_says_only_a_whole_answer_is_a_yes(said: bytes) -> None:
    needs = [need(NeedKind.TOOL, f"tool{number}") for number in range(3)]
    met = {number for number in range(3) if f"{number} yes" in said.decode("utf-8", "replace").splitlines()}
    found = {one.sentence for one in read_answers(needs, said, b"", {})}
    for number, one in enumerate(needs):
        assert number in met or any(one.name in sentence for sentence in found)
    assert all(harmless(sentence) == sentence for sentence in found)
