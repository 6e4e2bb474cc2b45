"""A description by the user's own schema, on one line: for people, and for want of a summary.

Pure. The model engine makes summaries with it, `edge watch` shows findings with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_LINE_CHARS = 240


def one_line(details: Mapping[str, Any], max_chars: int = MAX_LINE_CHARS) -> str:
    """`people: 3, queue: short, shelf_empty: no`; what does not fit ends in `…`.

    The same for the same values. `details` holds JSON values.
    """
    line = " ".join(", ".join(f"{key}: {_said(value)}" for key, value in details.items()).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "unknown"
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key}: {_said(part)}" for key, part in value.items()) + ")"
    if isinstance(value, list):
        return " / ".join(_said(part) for part in value) or "none"
    return value if isinstance(value, str) else json.dumps(value)
