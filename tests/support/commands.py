"""A command of the product run in this process, as from a shell."""

from __future__ import annotations

import pytest

from edge.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `edge WORDS`."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = int(end.code or 0)
    return status, *capsys.readouterr()
