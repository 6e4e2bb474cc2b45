"""The `edge` command: one file per subcommand, imported only when it is the one asked for."""

from __future__ import annotations


def main() -> int:
    """Run the command line; the return value is the process's exit status."""
    raise NotImplementedError
