"""Values on the command line, and the error for words that do not go together."""

from __future__ import annotations

import argparse
import re

from edge.errors import EdgeError

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


class UsageError(EdgeError):
    """The command's words do not go together; told with its usage, exit status 2."""


def seconds(text: str) -> float:
    """A length of time: `60`, `60s`, `5m`, `1.5h`."""
    match = _SECONDS.fullmatch(text.strip())
    if match is None or not float(match[1]) > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time above 0, such as 60, 90s or 5m")
    return float(match[1]) * _UNITS_S[match[2]]


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)
