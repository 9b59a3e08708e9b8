"""The command line: click commands, exit codes, JSON out. One module per command or command group.

`main` has the table of all commands and turns every ending into an exit code. What the commands share is in `root` and
`groups` (help), `options`, `output` and `streams`, `confirm` (asking a person), and `attachment` (following a run).
"""
