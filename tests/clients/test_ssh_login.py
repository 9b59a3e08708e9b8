"""Accounts that do something else than what they are asked: their login files, their shell, a forced command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.clients.link_shell import LinkShell
from console.errors import DeadlineError, UnreachableError
from tests.clients.conftest import Sshd

Account = Callable[[str], LinkShell]


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory, shared_sshd: Sshd) -> Iterator[Sshd]:
    """A server whose account runs `force`, a file beside its keys, whatever it is asked."""
    root = tmp_path_factory.mktemp("forced") / "host"
    server = Sshd(root, options=(f"ForceCommand exec sh {root}/force",)).prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def account(forced: Sshd, transport: str) -> Iterator[Account]:
    """A shell on an account that runs this line of sh; `$SSH_ORIGINAL_COMMAND` is what it was asked."""
    shells: list[LinkShell] = []

    def make(line: str) -> LinkShell:
        (forced.root / "force").write_text(f"{line}\n")
        shells.append(forced.shell())
        return shells[-1]

    yield make
    for shell in shells:
        shell.close()


def with_bashrc(forced: Sshd, text: str) -> str:
    """The line of an account whose login shell is bash and whose .bashrc is this text."""
    (forced.root / ".bashrc").write_text(f"{text}\n")
    return f'HOME={forced.root} SHLVL=0 exec bash -c "$SSH_ORIGINAL_COMMAND"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 0", "it said nothing"),
        ("echo Go away; exit 0", "it said: Go away"),
        ("echo Go away >&2; exit 3", "it said: Go away"),
        ("read -r answer", "read the script"),
        ('read -r answer; echo "chosen $answer"', "read the script"),
        ("read -r one; read -r two", "read the script"),
        ("cat", "read the script"),
        ("cat >/dev/null", "read the script"),
        ("exec /bin/sh", "it said nothing"),
        ("read -r answer; exec /bin/sh", "it said nothing"),
        ("head -c 1200000 /dev/zero; exit 0", "it said:"),
    ],
)
def test_login_files_that_keep_the_command_from_running_are_an_error(
    forced: Sshd, account: Account, tmp_path: Path, text: str, said: str
) -> None:
    shell = account(with_bashrc(forced, text))
    script = f"password=sesame\ntouch {tmp_path}/ran\ntouch {tmp_path}/ran\necho out"
    with pytest.raises(UnreachableError, match="does not run what it is asked") as caught:
        shell.run(script)
    assert said in caught.value.what
    assert "bashrc" in caught.value.fix
    stream = shell.stream(script)
    with pytest.raises(UnreachableError, match="does not run what it is asked") as caught:
        while stream.read(timeout=5) is not None:
            pass
    assert "sesame" not in caught.value.what
    with pytest.raises(UnreachableError, match="does not run what it is asked"):
        shell.put(str(tmp_path / "file"), [b"one\ntwo\nthree\n"])
    assert list(tmp_path.iterdir()) == [], "nothing was done there"
    assert shell._links.members[0].channels == 0


@pytest.mark.parametrize(
    "text",
    [
        'echo "Welcome"; printf "no newline at the end"',
        "head -c 90000 /dev/zero | tr '\\0' x; echo",
        "cd /tmp; set -u; alias printf=echo; export POSIXLY_CORRECT=1 CDPATH=/usr",
        "stty erase ^H; tput setaf 1",
    ],
)
def test_login_files_that_only_print_are_not_output(forced: Sshd, account: Account, tmp_path: Path, text: str) -> None:
    shell = account(with_bashrc(forced, text))
    assert shell.run("echo out; cat").stdout == b"out\n"
    shell.put(str(tmp_path / "file"), [b"one\ntwo\n"])
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("exec /usr/sbin/nologin", "not available"),
        ('exec git-shell -c "$SSH_ORIGINAL_COMMAND"', "fatal: unrecognized command"),
        ("echo backup done", "it said: backup done"),
        ("exec /bin/sh", "it said nothing"),
        ("exec cat", "it said nothing"),
        ("exit 1", "it said nothing"),
    ],
)
def test_an_account_for_something_else_is_an_error_that_quotes_it(account: Account, line: str, said: str) -> None:
    with pytest.raises(UnreachableError, match="does not run what it is asked") as caught:
        account(line).run("password=sesame; ls /nowhere")
    assert said in caught.value.what
    assert "sesame" not in caught.value.what
    assert caught.value.done


@pytest.mark.deadline
def test_an_account_that_waits_for_somebody_is_said_not_to_have_begun(account: Account) -> None:
    shell = account("echo 'Press any key'; exec sleep 60")
    shell.connect()
    with pytest.raises(DeadlineError, match=r"did not begin within .* it said: Press any key"):
        shell.run("echo out", deadline=3)
