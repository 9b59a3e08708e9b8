"""Runs as the screen uses them (`ports.Runs`): a live view over the one control of runs.

Owns the following thread, which folds events and keeps the newest output of followed runs in memory, so that the screen
never waits. Must not check or start anything itself: `services.runs.control` does, as for the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock, RLock

from console.domain.actions import Action, ParamType
from console.domain.documents import Json
from console.domain.environment import Environment
from console.domain.events import StepOutput
from console.domain.policy import Confirmation
from console.domain.runs import Plan, RunRow, RunView, fold, start_view
from console.domain.untrusted import Raw
from console.errors import OpsconsoleError
from console.ports import Publish
from console.services.planning.planner import as_offered, check_needs
from console.services.runs.control import RunControl
from console.services.runs.liveness import as_seen
from console.services.threads.loop import Loop

_EVERY = 0.2
_TAIL = 65536
_RECENT = 30
"""How many runs of one environment the screen can page through."""
_LOOKED_AT = 300
"""How many of the newest runs, of all environments together, are searched for unfinished ones."""
_KEPT = 20
"""How many ended runs keep steps and output in memory, besides the newest of each environment."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of a step's output on one host, and how long all of it is."""

    data: bytes
    size: int


_NO_OUTPUT = _Tail(b"", 0)


class LiveRuns:
    """`ports.Runs` over the state database."""

    def __init__(self, control: RunControl, publish: Publish) -> None:
        self._control = control
        self._store = control.context.store
        self._clock = control.context.clock
        self._publish = publish
        self._lock = Lock()
        """Guards the memory; held only for a moment, because the thread that draws the screen needs it too."""
        self._reading = RLock()
        """Held while the state database is asked; always taken before the other one."""
        self._rows: dict[int, RunRow] = {}
        self._views: dict[int, RunView] = {}
        self._tails: dict[tuple[int, str, str], _Tail] = {}
        self._recent: dict[str, tuple[int, ...]] = {}
        self._ended: set[int] = set()
        self._seen: dict[int, None] = {}
        """The runs that `view` was asked for, the one asked for last at the end."""
        self._alive: dict[int, bool] = {}
        self._last_words: dict[int, str] = {}
        """How the newest runner ended, of runs that have none any more: drawing only looks it up."""
        self._changed = -1
        self._turns = 0
        self._loop = Loop("runs", self._turn, clock=self._clock, crashed=lambda _error: None)

    def start_following(self) -> LiveRuns:
        """Starts the thread and returns itself, at once."""
        self._loop.start()
        return self

    def close(self) -> None:
        """Ends the thread; running runs go on."""
        self._loop.close()

    # --- planning and starting ---------------------------------------------------------------------------------------

    def actions(self, environment: str) -> tuple[Action, ...]:
        """Every action the environment can have, by name; those for single failed jobs belong to their pane."""
        target = self._control.context.declared.environment(environment)
        able = [
            as_offered(action, target)
            for action in self._control.context.declared.actions
            if not any(param.type is ParamType.UUIDS and param.required for param in action.params)
            and _needs_met(action, target)
        ]
        return tuple(sorted(able, key=lambda action: action.name))

    def refusal(self, environment: str, action: str) -> str:
        """Why an action cannot start now, empty when it can; at once, from what is known without asking a host."""
        said = self._control.refusal(environment, action)
        if said or not self._control.context.declared.action(action).lock:
            return said
        current = self.current(environment)
        # Only the host knows whether a run without a runner still has the lock; making a plan asks it.
        if current is not None and current.lock_held and current.outcome is None and self._alive.get(current.run, True):
            return f"run {current.run} ({current.title}) holds the lock"
        return ""

    def note_refusal(self, environment: str, action: str, why: str) -> None:
        """Audits that an action was wanted and refused before anybody planned it."""
        self._control.note_refusal(environment, action, why)

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        """What would happen, exactly; changes nothing."""
        return self._control.plan(environment, action, params)

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        """Stores the confirmed plan, starts a detached runner and follows the run; returns its number."""
        run = self._control.start(plan, confirmation)
        self.follow(run)
        return run

    def ask(self, run: int, kind: str, body: str = "") -> None:
        """Hands the runner a request; when no runner lives, one is started to take it. RefusedError, UsageError."""
        self._control.ask(run, kind, body)

    # --- following ---------------------------------------------------------------------------------------------------

    def view(self, run: int) -> RunView:
        """The run folded so far; at once for runs being followed."""
        self.follow(run)
        with self._lock:
            self._seen[run] = self._seen.pop(run, None)
            return self._with_liveness(self._views[run])

    def follow(self, run: int) -> None:
        """From now on publishes `("run", ID)` whenever there is more."""
        if self._follows(run):
            return
        with self._reading:
            if self._follows(run):
                return
            row = self._store.run(run)
            view, tails = self._read(start_view(row))
            with self._lock:
                self._rows[run], self._views[run] = row, view
                self._tails.update(tails)
        self._publish(("run", str(run)))

    def _follows(self, run: int) -> bool:
        with self._lock:
            return run in self._views

    def output(self, run: int, step: str, host: str, *, last: int = _TAIL) -> Raw:
        """The newest bytes of a step's output; at once."""
        with self._lock:
            return Raw(self._tails.get((run, step, host), _NO_OUTPUT).data[-last:])

    def output_size(self, run: int, step: str, host: str) -> int:
        """How many bytes of that output are stored; at once."""
        with self._lock:
            return self._tails.get((run, step, host), _NO_OUTPUT).size

    def current(self, environment: str) -> RunView | None:
        """The run to show, if any: first one with a living runner, then an unfinished one, of these the lock's holder;
        at once."""
        with self._lock:
            newest = self._recent.get(environment, ())[:1]
            found = [
                view
                for run, view in self._views.items()
                if view.environment == environment and (run in newest or view.outcome is None)
            ]
            return self._with_liveness(max(found, key=self._rank)) if found else None

    def _rank(self, view: RunView) -> tuple[bool, bool, bool, int]:
        goes_on = view.outcome is None
        living = goes_on and self._alive.get(view.run, True)
        return living, goes_on, goes_on and view.lock_held, view.run

    def recent(self, environment: str) -> tuple[int, ...]:
        """The numbers of its newest runs, newest first; at once."""
        with self._lock:
            return self._recent.get(environment, ())

    # --- the thread --------------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        changed = self._store.changed()
        self._turns += 1
        if self._turns % 5 == 1:
            self._watch_leases()
        if changed == self._changed:
            return _EVERY
        self._changed = changed
        self._find_runs()
        with self._lock:
            open_runs = [run for run, view in self._views.items() if view.outcome is None]
        for run in open_runs:
            if self._catch_up(run):
                self._publish(("run", str(run)))
        return _EVERY

    def _find_runs(self) -> None:
        """Follows the newest run of each environment and every other unfinished one."""
        recent: dict[str, list[int]] = {}
        for run, environment in self._store.newest(_LOOKED_AT):
            mine = recent.setdefault(environment, [])
            mine.append(run)
            if run in self._ended and len(mine) > 1:
                continue
            if len(mine) > 1 and not self._follows(run) and self._store.ended(run):
                self._ended.add(run)
            else:
                self.follow(run)
        for environment, runs in recent.items():
            shown = tuple(runs[:_RECENT])
            if self._recent.get(environment) != shown:
                with self._lock:
                    self._recent[environment] = shown
                self._publish(("runs", environment))
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Drops the ended runs that nobody has looked at for longest; a screen may stay open for weeks."""
        with self._reading, self._lock:
            newest = {runs[0] for runs in self._recent.values()}
            order = [*(run for run in self._views if run not in self._seen), *self._seen]
            ended = [run for run in order if run not in newest and self._views[run].outcome is not None]
            gone = set(ended[: max(0, len(ended) - _KEPT)])
            for run in gone:
                self._ended.add(run)
                self._seen.pop(run, None)
                self._control.runners.forget(run)
                self._alive.pop(run, None)
                self._last_words.pop(run, None)
                del self._views[run], self._rows[run]
            if gone:
                self._tails = {key: tail for key, tail in self._tails.items() if key[0] not in gone}

    def _watch_leases(self) -> None:
        """Notices that a run has no runner any more: nobody writes an event about that."""
        with self._lock:
            open_runs = [run for run, view in self._views.items() if view.outcome is None]
        for run in open_runs:
            living = self._control.runners.living(run)
            if self._alive.get(run) == living:
                continue
            # A runner writes the run's end before it gives up its lease, so both become known in the same turn.
            self._catch_up(run, living)
            self._publish(("run", str(run)))

    def _catch_up(self, run: int, living: bool | None = None) -> bool:
        """Folds new events, and notes whether the runner lives if that was just looked at (`living`). Whether there
        were new events."""
        with self._reading:
            before = self._views[run]
            view, tails = self._read(before)
            grown = view is not before
            living = self._alive.get(run) if living is None else living
            if grown and living is False:
                # A runner takes the lease before it writes: it may have taken it after our last look, so look again.
                living = self._control.runners.living(run)
            words = self._last_words.get(run, "")
            if living is not False or view.outcome is not None:
                words = ""
            elif grown or self._alive.get(run, True):
                words = self._control.runners.ended(run)
            with self._lock:
                self._views[run] = view
                self._tails.update(tails)
                self._last_words[run] = words
                if living is not None:
                    self._alive[run] = living
        return grown

    def _read(self, view: RunView) -> tuple[RunView, dict[tuple[int, str, str], _Tail]]:
        """The run with its newer events, and the ends of the outputs that these have grown."""
        store, run = self._store, view.run
        events = store.events(run, view.last_seq)
        tails = {}
        for step, host in {(event.step, event.host) for event in events if isinstance(event.payload, StepOutput)}:
            size = store.output_size(run, step, host)
            data = store.output(run, step, host, offset=max(0, size - _TAIL), limit=_TAIL)
            tails[run, step, host] = _Tail(data, size)
        return fold(view, events), tails

    def _with_liveness(self, view: RunView) -> RunView:
        living = self._alive.get(view.run, True)
        words = self._last_words.get(view.run, "")
        return as_seen(self._rows[view.run], view, living=living, now=self._clock.now(), ended=lambda _: words)


def _needs_met(action: Action, environment: Environment) -> bool:
    try:
        check_needs(action, environment)
    except OpsconsoleError:
        return False
    return True
