"""Pure values and rules, standard library only. Nothing here reads a clock, a file or a socket.

The modules lie side by side; these belong together:

- an application: `environment`, `facts`, `origins`, `maintenance`, `releases`, `code_tree`, `git`
- a plan: `actions`, `parameters`, `templates`, `plan_context`, `step_facts`, `plans`, `plan_codec`, `old_plans`,
  `policy`
- a run: `events`, `event_codec`, `runs` (the fold), `performed`, `left_down`
- readings: `readings`, `snapshot`, `counts`, `queues`, `failures`, `back_off`
- health: `health`, `probes`, `answers`, `verdicts`, `expectations`, `redirects`
- logs: `logs` (the ring), `log_*`, `exception_text`
- workers: `workers`, `worker_*`, `supervisor`
- records: `audit`, `checklists`
- commands: `artisan`, `advice`, `dangers`, `console_words`, `shell_commands`, `shellwords`, `sqlwords`
- text and documents: `untrusted`, `redact`, `documents`, `codec`, `php`
"""
