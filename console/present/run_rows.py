"""Plans and runs as people read them: the confirm dialog's lines, the drawer's table, its title.

Owns those words. Must not fold events (domain.runs does) nor decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from console.domain.actions import Effect
from console.domain.runs import Danger, HostProgress, Outcome, Plan, PlannedStep, RunState, RunView, StepProgress
from console.domain.untrusted import Raw, harmless
from console.present import text
from console.present.table import Cell, Column, Row
from console.present.text import Line

_DANGER = {Danger.SAFE: "dim", Danger.CAUTION: "", Danger.DESTRUCTIVE: "error"}
_OUTCOMES = {
    Outcome.OK: ("ok", "ok"),
    Outcome.FAILED: ("failed", "error"),
    Outcome.CANCELLED: ("cancelled", "warning"),
    Outcome.SKIPPED: ("skipped", "dim"),
    Outcome.UNKNOWN: ("unknown", "warning"),
}
_GLYPHS = {
    Outcome.OK: (text.DONE, "ok"),
    Outcome.FAILED: (text.FAILED, "error"),
    Outcome.CANCELLED: (text.FAILED, "warning"),
    Outcome.SKIPPED: (text.NONE, "dim"),
    Outcome.UNKNOWN: (text.WARNING, "warning"),
}
_ONE_HOST = "here"


# --- plans -----------------------------------------------------------------------------------------------------------


def plan_lines(plan: Plan) -> tuple[Line, ...]:
    """A plan in full: what must be read first, then hosts, steps with their commands, and the gate."""
    lines: list[Line] = []
    for note in plan.notes:
        lines += [((f"{text.WARNING} ", "warning"), (part, "warning")) for part in harmless_lines(note)]
    if plan.notes:
        lines.append(())
    if plan.release:
        commit = f" ({harmless(plan.commit)[:12]})" if plan.commit else ""
        lines.append((("release   ", "dim"), (harmless(plan.release) + commit, "bold")))
    if plan.rollback_target:
        lines.append((("rollback  ", "dim"), (harmless(plan.rollback_target), "")))
    for n, host in enumerate(plan.hosts):
        now = f"  now {harmless(host.current)}" if host.current else ""
        pieces = (("hosts     " if not n else "          ", "dim"), (f"{harmless(host.name):<12}", "accent"))
        lines.append((*pieces, (harmless(host.address), "dim"), (now, "")))
    shown = {key: value for key, value in plan.params.items() if value not in (None, "", [])}
    for n, (key, value) in enumerate(shown.items()):
        lines.append(
            (("params    " if not n else "          ", "dim"), (f"{harmless(key)} ", "dim"), (_param(value), ""))
        )
    lines += [(), (("steps", "dim"),)]
    for number, step in enumerate(plan.steps, 1):
        lines += _step_lines(number, step)
    if plan.gate is not None:
        probes = ", ".join(map(harmless, plan.gate.probes)) or "all probes"
        words = f"{probes} for {text.span(plan.gate.duration)}; when it fails: {plan.gate.on_failure}"
        lines += [(), (("gate      ", "dim"), (words, ""))]
    lines.append((("lock      ", "dim"), ("taken for the whole run" if plan.lock else "not taken", "")))
    return tuple(lines)


def _param(value: object) -> str:
    if isinstance(value, list):
        rest = f" and {len(value) - 5} more" if len(value) > 5 else ""
        return ", ".join(harmless(str(each)) for each in value[:5]) + rest
    return harmless(str(value))


def _step_lines(number: int, step: PlannedStep) -> list[Line]:
    where = ", ".join(map(harmless, step.hosts)) if step.hosts else _ONE_HOST
    effect = "" if step.effect is Effect.READ else str(step.effect)
    head: Line = (
        (f"{number:>3} ", "dim"),
        (f"{harmless(step.name):<16} ", _DANGER[step.danger] or "bold"),
        (f"{where:<16} ", "accent"),
        (effect, "warning" if step.effect is Effect.ONCE else "dim"),
        (f"  {step.danger}" if step.danger is Danger.DESTRUCTIVE else "", "error"),
        ("  only if its check says so" if step.when else "", "dim"),
    )
    commands = list(dict.fromkeys(script.text for script in step.scripts)) or [step.text]
    state = "error" if step.danger is Danger.DESTRUCTIVE else "dim"
    return [head, *(((" " * 5, ""), (line, state)) for command in commands for line in harmless_lines(command))]


def harmless_lines(words: str) -> tuple[str, ...]:
    """Each line of a text, harmless."""
    return tuple(harmless(line) for line in words.splitlines())


# --- runs ------------------------------------------------------------------------------------------------------------


def run_columns(view: RunView) -> tuple[Column, ...]:
    """State, step, one column a host, what it means."""
    hosts = tuple(Column(f"host:{name}", _host_title(name), width=9, most=16) for name in run_hosts(view))
    return (
        Column("state", "", width=1),
        Column("step", "step", width=10, most=24),
        *hosts,
        Column("effect", "", width=4, most=12, priority=2),
        Column("text", "", grow=True, width=8, priority=1),
    )


def run_hosts(view: RunView) -> tuple[str, ...]:
    """Every host of any step, in order; the empty name stands for steps the runner does itself."""
    named = list(dict.fromkeys(host for step in view.steps for host in step.hosts if host))
    return tuple(named) or ("",)


def _host_title(name: str) -> str:
    return harmless(name) or _ONE_HOST


def run_rows(view: RunView, now: datetime) -> tuple[Row, ...]:
    """One row a step."""
    return tuple(_run_row(step, run_hosts(view), now) for step in view.steps)


def _run_row(step: StepProgress, hosts: tuple[str, ...], now: datetime) -> Row:
    outcome = step.outcome
    glyph, state = _GLYPHS[outcome] if outcome else (text.CURRENT, "accent") if step.running else (text.OPEN, "dim")
    name_state = (
        "bold" if step.running else "dim" if outcome is Outcome.SKIPPED else "error" if state == "error" else ""
    )
    own = step.hosts.get("")
    cells = []
    for n, host in enumerate(hosts):
        progress = step.hosts.get(host) or (own if n == 0 else None)
        cells.append(_progress(progress, now))
    return Row(
        step.name,
        (
            Cell(glyph, state),
            Cell(harmless(step.name), name_state),
            *cells,
            Cell("once" if step.effect is Effect.ONCE else "", "warning"),
            Cell(_detail(step) or harmless(step.text), "dim" if not _detail(step) else "warning"),
        ),
    )


def _detail(step: StepProgress) -> str:
    return next((harmless(p.detail) for p in step.hosts.values() if p.detail and p.outcome is not Outcome.OK), "")


def _progress(progress: HostProgress | None, now: datetime) -> Cell:
    if progress is None or not progress.attempt:
        return Cell(text.NONE, "dim")
    if progress.outcome is None:
        seconds = (now - progress.started_at).total_seconds() if progress.started_at else None
        return Cell(f"running {text.stopwatch(seconds)}", "accent")
    word, state = _OUTCOMES[progress.outcome]
    if progress.outcome is Outcome.FAILED and progress.exit_status is not None:
        word = f"exit {progress.exit_status}"
    took = (
        f"  {text.stopwatch((progress.finished_at - progress.started_at).total_seconds())}"
        if progress.finished_at and progress.started_at and progress.outcome is not Outcome.SKIPPED
        else ""
    )
    return Cell(word + took, state)


def run_seconds(view: RunView, now: datetime) -> float | None:
    """How long a run has taken so far, or in all."""
    return ((view.finished_at or now) - view.started_at).total_seconds() if view.started_at else None


def run_state(view: RunView) -> tuple[str, str]:
    """A run in a word and its state."""
    if view.outcome is not None:
        return _OUTCOMES[view.outcome]
    if view.state is RunState.NEEDS_OPERATOR:
        return "needs operator", "warning"
    if view.held_by and view.state is RunState.RUNNING:
        going = any(step.running for step in view.steps)
        return ("held after this step" if going else "held"), "warning"
    return ("running", "accent") if view.state is RunState.RUNNING else (str(view.state), "dim")


def run_title(view: RunView, now: datetime) -> tuple[tuple[str, str], ...]:
    """The drawer's title: who, what, how far, how long."""
    word, state = run_state(view)
    pieces = [(f"{harmless(view.action)} · {harmless(view.operator)}", ""), (word, state)]
    if view.lock_held:
        pieces.append(("lock held", "dim"))
    pieces.append((f"{progress_words(view, now)} {text.stopwatch(run_seconds(view, now))}", ""))
    if view.lost_links:
        pieces.append(("no link: " + ", ".join(map(harmless, view.lost_links)), "error"))
    return tuple(pieces)


def progress_words(view: RunView, now: datetime) -> str:
    """`5/8 ▓▓▓▓▓░░░`; the gate is the last stage, and tells its time while it looks: `gate 0:41/2:00`."""
    done, total = view.stages
    gate = f" gate {gate_time(view, now)}" if view.in_gate else ""
    return f"{done}/{total} {text.bar(done, total, 8)}{gate}"


def gate_line(view: RunView, now: datetime) -> Line:
    """How far the gate is and what its probes say, or how it decided; empty when there is none yet."""
    if view.gate_decision:
        state = "ok" if view.gate_decision in ("passed", "ok", "pass") else "error"
        return (("gate ", "dim"), (harmless(view.gate_decision), state))
    if not view.gate:
        return ()
    states = {"ok": "ok", "warning": "warning"}
    return (
        ("gate ", "dim"),
        (f"{gate_time(view, now)}  ", ""),
        *((f"{harmless(probe)} {harmless(said)}  ", states.get(said, "error")) for probe, said in view.gate.items()),
    )


def gate_time(view: RunView, now: datetime) -> str:
    """`0:41/2:00`: how long the gate has been looking, of how long; empty before its first sample."""
    if view.gate_began is None or view.gate_seconds is None:
        return ""
    # The last sample may take longer than the gate itself.
    passed = min(((view.finished_at or now) - view.gate_began).total_seconds(), view.gate_seconds)
    return f"{text.stopwatch(passed)}/{text.stopwatch(view.gate_seconds)}"


def result_lines(step: StepProgress) -> tuple[Line, ...]:
    """What became of each failed job of a step, the bad ones last, where a short window still shows them."""
    found = [result for progress in step.hosts.values() for result in progress.results]
    lines: list[Line] = []
    for result in sorted(found, key=lambda result: result.outcome is not Outcome.OK):
        word, state = _OUTCOMES[result.outcome]
        lines.append(
            ((f"{harmless(result.uuid)}  ", ""), (f"{word}  ", state), (harmless(result.detail), "dim")),
        )
    return tuple(lines)


def output_lines(step: StepProgress, outputs: Mapping[str, tuple[Raw, int]], command: str) -> list[Line]:
    """What a step said, by host: the newest bytes that are at hand, and how many there are in all; `command` prints
    these."""
    lines: list[Line] = [*results, ()] if (results := result_lines(step)) else []
    for host, (raw, size) in outputs.items():
        lines.append(((harmless(host) or _ONE_HOST, "accent-bold"),))
        if size > len(raw):
            part = f"the newest {text.count(len(raw))} of {text.count(size)} bytes"
            lines.append(((f"{part}: {command} prints all", "warning"),))
        lines += [((line, ""),) for line in raw.lines()] if raw else [(("no output", "dim"),)]
    return lines


def shown_step(view: RunView) -> StepProgress | None:
    """The step whose output is worth looking at: the one that runs, else the last that began, failures first."""
    begun = [step for step in view.steps if any(progress.attempt for progress in step.hosts.values())]
    running = [step for step in begun if step.running]
    failed = [step for step in begun if step.outcome in (Outcome.FAILED, Outcome.UNKNOWN)]
    for choice in (running, failed, begun):
        if choice:
            return _with_results(view, choice[-1])
    return None


def _with_results(view: RunView, step: StepProgress) -> StepProgress:
    """The step itself; for a command that a step started, that step as soon as it says what became of each job."""
    starters = (each for each in view.steps if step.name.endswith(f" {each.name}") and result_lines(each))
    return next(starters, step)


def shown_host(step: StepProgress) -> str:
    """The host of a step whose output is worth looking at."""
    order = sorted(
        step.hosts.values(),
        key=lambda p: (p.outcome is not None, p.outcome in (None, Outcome.OK, Outcome.SKIPPED), -p.bytes),
    )
    return order[0].host if order else ""
