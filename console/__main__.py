"""The `opsconsole` command. Decides nothing: it hands over to the command line, importing as little as it can."""

from __future__ import annotations


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    from console.cli.main import run

    raise SystemExit(run())


if __name__ == "__main__":
    main()
