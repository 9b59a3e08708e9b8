"""Scripts, files, streams and tunnels over a real sshd."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.clients.link_shell import LinkShell
from console.errors import (
    RemoteError,
    UnreachableError,
    UsageError,
)
from tests.clients.conftest import Sshd, free_port
from tests.waiting import eventually


def test_a_script_runs_and_both_streams_and_the_status_come_back(shell: LinkShell) -> None:
    done = shell.run("echo out; echo err >&2; exit 3")
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert shell.connected()


def test_commands_in_a_script_read_an_empty_stdin(shell: LinkShell) -> None:
    assert shell.run('cat; read line; echo "[$line]"; echo after').stdout == b"[]\nafter\n"


def test_the_locale_is_fixed_and_nothing_of_the_script_is_in_argv(shell: LinkShell) -> None:
    done = shell.run("echo $LC_ALL; tr '\\0' ' ' < /proc/$$/cmdline")
    locale, argv = done.stdout.decode().split("\n", 1)
    assert locale == "C"
    assert argv.strip() == "/bin/sh"


def test_a_signal_ends_a_script_without_a_status(shell: LinkShell) -> None:
    assert shell.run("kill -9 $$").status is None


def test_an_exit_status_and_bytes_are_exact(shell: LinkShell) -> None:
    done = shell.run("printf 'a\\000\\377\\033b'; exit 255")
    assert (done.status, done.stdout) == (255, b"a\x00\xff\x1bb")


def test_a_script_with_heredocs_quotes_and_comments_is_taken_as_written(shell: LinkShell) -> None:
    script = "cat <<'END'\n$HOME `id` }\nEND\nx='it'\"'\"'s'; echo \"$x\" # a comment"
    assert shell.run(script).stdout == b"$HOME `id` }\nit's\n"


def test_megabytes_on_both_streams_are_drained_and_an_output_beyond_the_limit_is_no_answer(shell: LinkShell) -> None:
    done = shell.run("head -c 9000000 /dev/zero >&2; head -c 1000 /dev/zero", limit=1000)
    assert (len(done.stdout), len(done.stderr), done.status) == (1000, 1001, 0)
    with pytest.raises(RemoteError, match="printed more than 1,000 bytes") as caught:
        shell.run("head -c 9000000 /dev/zero >&2; head -c 9000000 /dev/zero; echo end; exit 3", limit=1000)
    assert caught.value.status == 3, "it ran to its end all the same"


def test_a_command_that_closes_its_streams_is_waited_for(shell: LinkShell) -> None:
    assert shell.run("exec >&- 2>&-; sleep 0.3; exit 7").status == 7


def test_more_than_six_at_once_open_a_second_connection(sshd: Sshd) -> None:
    shell = sshd.shell()
    try:
        streams = [shell.stream("echo ready; sleep 60") for _ in range(9)]
        assert [stream.read(timeout=5) for stream in streams] == [b"ready\n"] * 9
        assert shell.run("echo more").stdout == b"more\n"
        assert len(shell._links.members) == 2
        for stream in streams:
            stream.close()
        eventually(lambda: sum(link.channels for link in shell._links.members) == 0)
    finally:
        shell.close()


def test_a_host_that_allows_fewer_sessions_gets_more_connections(tmp_path: Path, sshd: Sshd) -> None:
    server = Sshd(tmp_path / "few", options=("MaxSessions 2",)).prepare()
    server.start()
    shell = server.shell()
    try:
        streams = [shell.stream("echo ready; sleep 60") for _ in range(4)]
        assert [stream.read(timeout=5) for stream in streams] == [b"ready\n"] * 4
    finally:
        shell.close()
        server.stop()


def test_what_an_account_prints_at_login_is_not_output(tmp_path: Path, sshd: Sshd) -> None:
    server = Sshd(tmp_path / "loud", options=('ForceCommand echo welcome; eval "$SSH_ORIGINAL_COMMAND"',)).prepare()
    server.start()
    shell = server.shell()
    try:
        assert shell.run("echo out").stdout == b"out\n"
        assert shell.run("printf x; exit 2").stdout == b"x"
        stream = shell.stream("echo one; sleep 0.1; echo two")
        assert b"".join(iter(lambda: stream.read(timeout=5), None)) == b"one\ntwo\n"
        shell.put(str(tmp_path / "file"), [b"exact"])
        assert (tmp_path / "file").read_bytes() == b"exact"
    finally:
        shell.close()
        server.stop()


def test_a_long_stream_is_whole(shell: LinkShell) -> None:
    stream = shell.stream('i=0; while [ $i -lt 3000 ]; do echo "line $i of a stream that has many"; i=$((i+1)); done')
    data = b"".join(iter(lambda: stream.read(1000, timeout=5), None))
    assert data == b"".join(b"line %d of a stream that has many\n" % n for n in range(3000))


@pytest.mark.deadline
def test_many_threads_share_one_shell(shell: LinkShell) -> None:
    with ThreadPoolExecutor(12) as pool:
        done = list(pool.map(lambda n: shell.run(f"echo {n}").stdout, range(48)))
    assert done == [f"{n}\n".encode() for n in range(48)]
    # two hold twelve callers; a slow host that still counts ended sessions may need a third
    assert len(shell._links.members) <= 3


def test_a_stream_hands_over_bytes_as_they_come_and_none_at_the_end(shell: LinkShell) -> None:
    stream = shell.stream("echo one; sleep 0.3; echo two; echo noise >&2")
    assert stream.read(timeout=5) == b"one\n"
    assert stream.read(timeout=0.01) == b""
    assert stream.read(timeout=5) == b"two\n"
    assert stream.read(timeout=5) is None
    assert shell._links.members[0].channels == 0


def test_a_stream_is_read_in_slices_no_longer_than_asked(shell: LinkShell) -> None:
    stream = shell.stream("printf abcdef")
    assert [stream.read(4, 5), stream.read(4, 5), stream.read(4, 5)] == [b"abcd", b"ef", None]


def test_a_detached_command_outlives_its_channel(shell: LinkShell, tmp_path: Path) -> None:
    shell.run(f"setsid sh -c 'sleep 0.3; echo done > {tmp_path}/out' >/dev/null 2>&1 </dev/null &")
    eventually((tmp_path / "out").exists)


def test_a_file_is_put_whole_with_its_mode(shell: LinkShell, tmp_path: Path) -> None:
    path = tmp_path / "it's here"
    shell.put(str(path), [b"abc", b"\0\xff" * 100_000], mode=0o640)
    assert path.read_bytes() == b"abc" + b"\0\xff" * 100_000
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["it's here"]


def test_a_put_that_cannot_be_written_leaves_everything_as_it_was(shell: LinkShell, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="could not be written"):
        shell.put(str(tmp_path / "no/such/file"), [b"x" * 5_000_000])
    (tmp_path / "directory").mkdir()
    with pytest.raises(RemoteError):
        shell.put(str(tmp_path / "directory"), [b"x"])
    with pytest.raises(UsageError):
        shell.put("relative", [b"x"])
    assert [each.name for each in tmp_path.iterdir()] == ["directory"]


def test_a_tunnel_carries_bytes_both_ways_and_ends(shell: LinkShell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tunnel = shell.tunnel("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        tunnel.sendall(b"ping")
        assert peer.recv(4) == b"ping"
        peer.sendall(b"line one\nrest")
        file = tunnel.makefile("rb")
        assert file.readline() == b"line one\n"
        assert file.read(4) == b"rest"
        tunnel.settimeout(0.05)
        with pytest.raises(TimeoutError):
            tunnel.recv(1)
        peer.close()
        tunnel.settimeout(5)
        assert tunnel.recv(1) == b""
        tunnel.close()
    assert shell._links.members[0].channels == 0


def test_a_tunnel_reaches_a_unix_socket(shell: LinkShell, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        tunnel = shell.tunnel(path, 0)
        peer, _ = listener.accept()
        peer.sendall(b"hello")
        buffer = bytearray(8)
        assert tunnel.recv_into(buffer) == 5
        assert buffer[:5] == b"hello"
        peer.close()
        tunnel.close()


def test_a_tunnel_to_nowhere_says_so(shell: LinkShell) -> None:
    with pytest.raises(UnreachableError, match=r"cannot reach 127\.0\.0\.1"):
        shell.tunnel("127.0.0.1", free_port())
    assert shell.run("echo fine").stdout == b"fine\n"


# --- when it breaks --------------------------------------------------------------------------------------------------


@pytest.mark.deadline
def test_nobody_listening_is_unreachable_and_not_hammered(sshd: Sshd, tmp_path: Path) -> None:
    shell = sshd.shell(port=free_port())
    with pytest.raises(UnreachableError, match=r"no connection to .* \(since \d\d:\d\d:\d\dZ\)"):
        shell.run("true")
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(UnreachableError, match="since"):
            shell.run("true")
    assert time.monotonic() - begun < 0.5


@pytest.mark.deadline
def test_a_killed_session_is_noticed_at_once_and_the_next_call_reconnects(sshd_alone: Sshd) -> None:
    shell = sshd_alone.shell()
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            shell.run("sleep 60", deadline=60)
        except UnreachableError as error:
            outcome.append(error)

    shell.connect()
    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: shell._links.members[0].channels == 1)
    begun = time.monotonic()
    sshd_alone.kill_sessions()
    thread.join(10)
    assert outcome and "connection was lost" in str(outcome[0])
    assert time.monotonic() - begun < 5
    assert shell.run("echo again", deadline=15).stdout == b"again\n"
    shell.close()


def test_a_tunnel_whose_link_broke_raises_instead_of_ending(sshd_alone: Sshd) -> None:
    shell = sshd_alone.shell()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tunnel = shell.tunnel("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        sshd_alone.kill_sessions()
        tunnel.settimeout(5)
        with pytest.raises(ConnectionResetError):
            tunnel.recv(1)
        with pytest.raises(ConnectionResetError):
            tunnel.sendall(b"x")
        peer.close()
    shell.close()


@pytest.mark.deadline
def test_a_stopped_server_recovers_within_seconds_of_coming_back(sshd_alone: Sshd) -> None:
    shell = sshd_alone.shell()
    shell.connect()
    sshd_alone.stop()
    for _ in range(3):
        with pytest.raises(UnreachableError):
            shell.run("true")
    sshd_alone.start()
    begun = time.monotonic()

    def back() -> bool:
        try:
            return shell.run("true").status == 0
        except UnreachableError:
            return False

    eventually(back, 15)
    assert time.monotonic() - begun < 15
    shell.close()


def test_something_that_is_no_ssh_server_is_told_apart(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnreachableError, match="not as an SSH server should"):
            sshd.shell(port=listener.getsockname()[1]).connect()
        thread.join()


@pytest.mark.deadline
def test_close_ends_readers_at_once(sshd: Sshd) -> None:
    shell = sshd.shell()
    stream = shell.stream("echo up; sleep 60")
    assert stream.read(timeout=5) == b"up\n"
    threading.Timer(0.2, shell.close).start()
    begun = time.monotonic()
    with pytest.raises(UnreachableError):
        while stream.read(timeout=5) == b"":
            pass
    assert time.monotonic() - begun < 2
