"""What artisan commands do to the application, as facts of the step that runs them.

Owns which command means what. Must not judge whether one is allowed: `domain.dangers` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.domain.console_words import candidates, runs, words_of
from console.domain.dangers import empties_cache
from console.domain.shell_commands import commands_of
from console.domain.step_facts import Maintenance, StepFacts

_MIGRATES = ("migrate", "migrate:fresh", "migrate:refresh")
_STOPS_WORKERS = ("queue:restart", "horizon:terminate")


def artisan_facts(argvs: Iterable[Sequence[str]]) -> StepFacts:
    """The facts of a step that runs these artisan commands, each without `php artisan` in front."""
    listed = [list(argv) for argv in argvs]
    commands = [argv[at] for argv in listed for at in candidates(argv)]
    # Of `down` and `up` in one step, the later one is how the step leaves the application.
    modes = [Maintenance(command) for command in commands if command in ("down", "up")]
    return StepFacts(
        migrates=any(runs(argv, *_MIGRATES) for argv in listed),
        clears_cache=empties_cache(listed),
        stops_workers=any(runs(argv, *_STOPS_WORKERS) for argv in listed),
        maintenance=modes[-1] if modes else Maintenance.NONE,
    )


def artisan_argvs(commands: Iterable[Sequence[str]]) -> list[list[str]]:
    """The artisan commands among whole commands such as `php artisan migrate`, from the word behind `artisan` on."""
    return [words for whole in commands for command in commands_of(whole) for words in words_of(command, "artisan")]
