"""A remote step: how a command is started on a host so that it outlives every link, and how it is found again.

Owns the step's directory `CONTROL/runs/RUN/STEP.N/` (script, wrapper, out, pid, command, rc, done), the texts sent to
the host and the reading of their answers. Must not decide whether a step may be started again: the runner does.
"""

from __future__ import annotations

import posixpath
import secrets as random
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.domain.redact import Secret
from console.domain.shellwords import quote
from console.domain.untrusted import Raw
from console.errors import RemoteError
from console.ports import Completed
from console.services.target.remote_step_scripts import ABORT, CLEAN, OBSERVE, PRELUDE, PROOF, START, WRAPPER

BOOT_FILE = "/proc/sys/kernel/random/boot_id"
_UNPROVED = "opsconsole-fenced"
GRACE = 10
"""Seconds between TERM and KILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStep:
    """One attempt of one step of one run on a host. `control` is absolute there, `run` the run's name."""

    control: str
    run: str
    step: str
    attempt: int = 1
    boot_file: str = BOOT_FILE

    @property
    def name(self) -> str:
        """The directory's name: the step's name with everything but letters, digits and `_-~` encoded, then `.N`."""
        return f"{urllib.parse.quote(self.step, safe='').replace('.', '%2E')}.{self.attempt}"

    @property
    def directory(self) -> str:
        """The step's absolute directory on the host."""
        return posixpath.join(self.control, "runs", self.run, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProof:
    """What a start proves on the host before it begins anything: `token` is the host's fence and, on the host that has
    the lock (`locks`), also the lock's holder."""

    token: str
    locks: bool


class Start(StrEnum):
    """What became of a start: `already` means this attempt was started before and was not started again, `fenced` that
    another run has set its fence since, so that nothing may be started any more."""

    STARTED = "started"
    ALREADY = "already"
    FENCED = "fenced"
    UNDETACHABLE = "undetachable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The answer to a start. `detached` is False where the command may die with the link. After `failed`, `fenced` and
    `undetachable` nothing was started; `detail` says why."""

    start: Start
    detached: bool
    detail: str = ""


class StepState(StrEnum):
    """Where a remote step stands.

    `absent`: never started. `starting`: claimed, its wrapper not seen yet; when it stays so, the outcome is unknown.
    `running`. `ended`: its exit status is known. `gone`: it was started, nothing of it lives and no exit status is
    there: the outcome is unknown.
    """

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a remote step. `reason` is exit, timeout or abort; `size` the output's length when it was measured;
    `data` begins at the offset that was asked for; `seconds` the command's duration in whole seconds."""

    state: StepState
    size: int
    data: bytes
    exit_status: int | None = None
    reason: str = ""
    seconds: int | None = None

    def complete(self, offset: int) -> bool:
        """Whether the step is over and its output ends with this observation that began at `offset`."""
        over = self.state in (StepState.ENDED, StepState.GONE)
        return over and offset + len(self.data) >= self.size


def start_text(
    step: RemoteStep,
    script: str,
    *,
    proof: StartProof | None = None,
    secrets: Sequence[Secret] = (),
    timeout: float = 0.0,
    attached: bool = False,
) -> str:
    """The text that starts `script` at most once and returns quickly; `parse_start` reads its answer.

    Without a `proof` the step is one of a run that takes no lock: no fence holds it up, and it is marked so that nobody
    who takes the lock waits for it. The n-th secret becomes the shell variable OPSCONSOLE_SECRET_n, counted from 1,
    exported to nobody. `timeout` s (0 = none) ends the command's group. `attached` allows hosts where nothing can
    detach. Needs a deadline of a few s.
    """
    assignments = "\n".join(f"OPSCONSOLE_SECRET_{n}={quote(each.reveal())}" for n, each in enumerate(secrets, 1))
    known = {
        "oc_control": step.control,
        "oc_token": proof.token if proof else "",
        "oc_locks": "yes" if proof and proof.locks else "no",
        "oc_bootfile": step.boot_file,
    }
    values = {
        **_where(step),
        **known,
        "oc_seconds": str(max(1, round(timeout)) if timeout > 0 else 0),
        "oc_attached": "yes" if attached else "no",
        "oc_secrets": assignments,
    }
    wrapper = f"{_assigned(known)}{PRELUDE}{PROOF}\n{WRAPPER}"
    files = "oc_files() {\n" + _heredoc('"$1/wrapper"', wrapper) + _heredoc('"$1/script"', script) + "return 0\n}\n"
    return _text(values, PRELUDE + PROOF + files + START)


def proved_text(script: str, control: str, proof: StartProof) -> str:
    """The text that carries out `script` only after the same proof as a start; `not_proved` tells when it did not."""
    values = {"oc_control": control, "oc_token": proof.token, "oc_locks": "yes" if proof.locks else "no"}
    return _text(values, PROOF + f"oc_proved || {{ echo {_UNPROVED}; exit 0; }}") + script


def not_proved(done: Completed) -> bool:
    """Whether a `proved_text` did nothing, because another run has set its fence."""
    return done.stdout == f"{_UNPROVED}\n".encode()


def detaching_text() -> str:
    """The text that asks whether anything on the host can detach a command; it changes nothing."""
    return _text({}, PRELUDE + 'oc_choose\necho "opsconsole-mode $oc_mode"\n')


def parse_detaching(done: Completed) -> bool:
    """Whether something on the host can. An unclear answer counts as yes, because a start asks again and refuses."""
    return _answer(done.stdout, b"opsconsole-mode ") != "attached"


def observe_text(step: RemoteStep, *, offset: int = 0, limit: int = 65536) -> str:
    """The text that looks at a step and sends at most `limit` bytes of its output from `offset` on."""
    return _text({**_where(step), "oc_offset": str(offset), "oc_limit": str(limit)}, PRELUDE + OBSERVE)


def abort_text(step: RemoteStep, *, grace: int = GRACE) -> str:
    """The text that ends a running command: TERM to its group, `grace` s, KILL; then answers as `observe_text` does.

    Its deadline must be `grace` + 10 s or more. A step that has ended stays as it is.
    """
    values = {**_where(step), "oc_grace": str(grace), "oc_offset": "0", "oc_limit": "0"}
    return _text(values, PRELUDE + ABORT + OBSERVE)


def clean_text(control: str, *, run: str = "", keep: int = 20, boot_file: str = BOOT_FILE) -> str:
    """The text that notes that `run` has ended and removes all but the `keep` newest run directories. A directory stays
    while something in it runs, and for two months when its run has not ended."""
    values = {"oc_control": control, "oc_run": run, "oc_keep": str(keep), "oc_bootfile": boot_file}
    return _text(values, PRELUDE + CLEAN)


def parse_start(done: Completed) -> Started:
    """What a start text answered. RemoteError when it was no answer: whether it started is then unknown."""
    line = _answer(done.stdout, b"opsconsole-start ")
    if line is None:
        raise RemoteError(
            f"the host gave no answer to a start: {Raw.of(done.stderr or done.stdout).show(300)}",
            done="whether the step was started is not known",
            fix="look again: an observation tells",
        )
    word, _, rest = line.partition(" ")
    if word not in set(Start):
        raise RemoteError(f"the host answered a start with {word!r}", done="whether the step was started is not known")
    if word in (Start.STARTED, Start.ALREADY):
        return Started(start=Start(word), detached=rest == "detached")
    why = {
        Start.UNDETACHABLE: "nothing on this host can detach a command (setsid, perl, python3 or php)",
        Start.FENCED: "another run has set its fence there",
    }
    detail = rest or why.get(Start(word), "")
    return Started(start=Start(word), detached=False, detail=detail)


UNWRITTEN = "unwritten"
"""Why a step is gone without an exit status: it could not be written into the control directory."""


def parse_observation(data: bytes) -> Observation:
    """What an observe or abort text answered. RemoteError when it was no answer."""
    head, _, body = data.partition(b"\n")
    words = head.split(b" ")
    try:
        if words[0] != b"opsconsole-step":
            raise ValueError
        state, size = StepState(words[1].decode("ascii")), int(words[2])
        known = state is StepState.ENDED
        return Observation(
            state=state,
            size=size,
            data=body,
            exit_status=int(words[3]) if known else None,
            reason=words[4].decode("ascii") if known or words[4] == UNWRITTEN.encode("ascii") else "",
            seconds=max(0, int(words[5])) if known else None,
        )
    except (ValueError, IndexError):
        shown = Raw.of(head).show(300)
        raise RemoteError(f"the host gave no answer about a step: {shown}", done="how it stands is not known") from None


def _where(step: RemoteStep) -> dict[str, str]:
    return {
        "oc_control": step.control,
        "oc_run": step.run,
        "oc_step": step.name,
        "oc_bootfile": step.boot_file,
    }


def _assigned(values: dict[str, str]) -> str:
    return "".join(f"{name}={quote(value)}\n" for name, value in values.items())


def _text(values: dict[str, str], body: str) -> str:
    # In braces a text that a dying link cuts short is a syntax error; without them the shell would run half of it.
    return "{\n" + _assigned(values) + body + "\n}\n"


def _heredoc(target: str, text: str) -> str:
    mark = f"OPSCONSOLE_{random.token_hex(8)}"
    return f"cat >{target} <<'{mark}' || return 1\n{text}\n{mark}\n"


def _answer(data: bytes, head: bytes) -> str | None:
    for line in data.split(b"\n"):
        if line.startswith(head):
            return Raw.of(line[len(head) :]).show(500)
    return None
