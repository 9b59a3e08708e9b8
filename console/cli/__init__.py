"""The command line: click commands, exit codes, JSON out. One module per command group."""
