"""What a model wrote, fit to be shown and published. Pure; needs no model."""

from __future__ import annotations

import unicodedata


def clean_text(text: str) -> str:
    """The text without control, format and unassigned characters, on one line per line.

    Line breaks and tabs stay as a line break and a space; what could move a cursor, turn the
    direction of writing or hide text does not.
    """
    plain = text.replace("\r\n", "\n").replace("\t", " ")
    kept = (c for c in plain if c == "\n" or unicodedata.category(c) not in _UNPRINTABLE)
    return "".join(kept).replace("\ufffd", "").strip()


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
