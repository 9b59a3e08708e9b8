"""Taking the lock away from a holder that is dead, without leaving anything of it alive.

Owns the order: first the hosts are asked for living steps, which refuse the take-over; then the lock is taken over and
every host fenced, so that nothing more can begin; then the living steps are ended, if that was asked for, and looked
for again; only then is the lock given up. Must not ask people, nor judge whether a holder is dead: callers watch it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from console.domain.policy import Operator
from console.domain.untrusted import Raw
from console.errors import LockHeldError, OpsconsoleError, UnreachableError, UsageError
from console.ports import Clock, Reach
from console.services.records.audit import Audit
from console.services.target.fences import Fences
from console.services.target.living_steps import Living, LivingStep, living_on, refuse_beside
from console.services.target.lock import EnvironmentLock, LockState, LockStatus, holder_of, new_token
from console.services.target.remote_step import GRACE, Observation, StepState, abort_text, parse_observation
from console.services.threads.parallel import each_captured


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStep:
    """A step that was ended, and how. `detail` is for people."""

    step: LivingStep
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """The steps ended before the lock was given up. `unasked` has for each host left out why it gave no answer."""

    ended: tuple[EndedStep, ...]
    unasked: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingSteps:
    """The steps alive on the hosts that answered. `unasked` has for each other host why it could not be asked."""

    living: Mapping[str, Living]
    unasked: Mapping[str, str]

    @property
    def steps(self) -> tuple[LivingStep, ...]:
        """The steps of runs that take the lock."""
        return tuple(step for one in self.living.values() for step in one.steps if step.locked)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """One environment's lock, taken away by one operator. `without` are hosts known to be gone: they may stay silent,
    and are then not fenced."""

    reach: Reach
    lock: EnvironmentLock
    audit: Audit
    operator: Operator
    clock: Clock
    without: frozenset[str] = frozenset()

    def look(self) -> LivingSteps:
        """Asks every host for living steps; changes nothing."""
        names = [host.name for host in self.reach.environment.hosts]
        if unknown := sorted(self.without - set(names)):
            raise UsageError(f"{self.reach.environment.name} has no host {unknown[0]}; it has {', '.join(names)}")
        found = each_captured(names, partial(living_on, self.reach))
        unasked: dict[str, str] = {}
        living: dict[str, Living] = {}
        for name, one in found.items():
            if isinstance(one.error, OpsconsoleError):
                unasked[name] = one.error.what
            else:
                living[name] = one.unwrap()
        return LivingSteps(living=living, unasked=unasked)

    def check(self, look: LivingSteps, *, end_steps: bool, done: str) -> None:
        """LockHeldError names the living steps that forbid a take-over, unless they are to be ended; UnreachableError
        names the hosts that did not answer and are not known to be gone."""
        name = self.reach.environment.name
        if end_steps:
            look = LivingSteps(
                living={host: _without_ends(one) for host, one in look.living.items()}, unasked=look.unasked
            )
        refuse_beside(look.living, done=done, environment=name)
        silent = {host: why for host, why in look.unasked.items() if host not in self.without}
        if silent:
            raise UnreachableError(
                "What runs on " + ", ".join(silent) + f" is not known: {'; '.join(silent.values())}",
                done=done,
                fix="Wait until it answers; when its machine is known to be gone: "
                + " ".join(f"--without {host}" for host in silent),
            )

    def release(self, seen: LockStatus, reason: str, *, end_steps: bool) -> TakenOver:
        """Takes the lock over from a holder still exactly as `seen` (or takes a free one), and gives it up once nothing
        lives. After an error that comes later than the take-over the lock stays taken in our name."""
        look = self.look()
        self.check(look, end_steps=end_steps, done="Nothing was changed.")
        token = self._take(seen, reason)
        try:
            ended = self._emptied(token, look, reason, end_steps=end_steps)
        except OpsconsoleError as error:
            error.done = f"{error.done} {self._kept(token)}".strip()
            raise
        return TakenOver(ended=ended, unasked=look.unasked)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _take(self, seen: LockStatus, reason: str) -> str:
        mine = holder_of(self.operator, token=new_token(), why=reason.strip(), at=self.clock.now())
        if seen.state is not LockState.FREE:
            self.lock.steal(seen, mine, reason=reason, audit=self.audit)
            return mine.token
        name = self.reach.environment.name
        self.audit.write("lock.take", environment=name, detail=reason.strip())
        self.lock.take(mine)
        self.audit.write("lock.take", environment=name, detail=reason.strip(), result="ok")
        return mine.token

    def _emptied(self, token: str, look: LivingSteps, reason: str, *, end_steps: bool) -> tuple[EndedStep, ...]:
        prove = partial(self.lock.beat, token)
        # Every step that began before the fence is found now, and none can begin after it.
        living = Fences(self.reach).set(token, prove, tuple(look.living))
        now = LivingSteps(living=living, unasked=look.unasked)
        self.check(now, end_steps=end_steps, done="A step began while the lock was taken over.")
        ended: tuple[EndedStep, ...] = ()
        if end_steps and now.steps:
            ended = self._end(now.steps, reason)
            prove()
            # Hosts that were silent from the start have been accepted above; a host that answered then must answer now.
            again = self.look()
            left = {host: one for host, one in again.living.items() if host in living}
            silent = {host: why for host, why in again.unasked.items() if host in living}
            self.check(LivingSteps(living=left, unasked=silent), end_steps=False, done=_ended_words(ended))
        if self.lock.give_up(token) is False:
            raise LockHeldError(
                f"the lock of {self.reach.environment.name} is no longer ours", done=_ended_words(ended)
            )
        return ended

    def _kept(self, token: str) -> str:
        """Who has the lock after an error that followed the take-over, in a sentence."""
        try:
            status = self.lock.status()
        except OpsconsoleError as error:
            return f"The lock was taken over; whose it is now is not known: {error.what}"
        if status.holder is not None and status.holder.token == token:
            return "The lock was taken over and is kept, so that no run begins: release it again."
        if status.state is LockState.FREE:
            return "The lock was taken over and is free now."
        return "The lock was taken over, and somebody else has taken it since."

    def _end(self, steps: Sequence[LivingStep], reason: str) -> tuple[EndedStep, ...]:
        name = self.reach.environment.name
        targets = sorted({step.host for step in steps})
        detail = f"{reason.strip()} ({'; '.join(step.sentence for step in steps)})"
        self.audit.write("lock.end_steps", environment=name, targets=targets, detail=detail)
        by_key = {f"{step.host} {step.remote.directory}": step for step in steps}
        found = each_captured(by_key, lambda key: self._abort(by_key[key]))
        ended = tuple(
            EndedStep(
                step=by_key[key], detail=one.error.what if isinstance(one.error, OpsconsoleError) else one.unwrap()
            )
            for key, one in found.items()
        )
        self.audit.write("lock.end_steps", environment=name, targets=targets, detail=_ended_words(ended), result="ok")
        return ended

    def _abort(self, step: LivingStep) -> str:
        done = self.reach.shell(step.host).run(abort_text(step.remote), deadline=GRACE + 20.0)
        return _how(parse_observation(done.stdout))


def _without_ends(living: Living) -> Living:
    """What would still be in the way once the steps that surely live were ended."""
    return Living(host=living.host, steps=tuple(one for one in living.steps if not one.sure), unread=living.unread)


def _how(seen: Observation) -> str:
    if seen.state is StepState.ENDED:
        aborted = seen.reason == "abort"
        return f"was ended, exit status {seen.exit_status}" if aborted else f"ended, exit status {seen.exit_status}"
    if seen.state is StepState.GONE:
        return "was killed and left no exit status"
    return Raw.of(f"could not be ended and is {seen.state.value}").show()


def _ended_words(ended: Sequence[EndedStep]) -> str:
    return "; ".join(
        f"{one.step.host}: step {Raw.of(one.step.remote.step).show(100)} of run {one.step.run} {one.detail}"
        for one in ended
    )
