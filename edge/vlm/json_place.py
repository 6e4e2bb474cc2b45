"""Where in a JSON document its beginning ends. Knows no schema; called while one is written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document its end lies, in bytes: the opening quote of an unfinished string, or -1;
    the strings of the innermost open list with their quotes, none where that is an object. `path`
    leads from the document to what is open, with "" for an item of a list.
    """

    string_at: int
    items: tuple[tuple[int, int], ...]
    path: tuple[str, ...] = ()


def locate(text: bytes) -> Place:
    """Where the end of a document's beginning lies."""
    opened = [_Open("", is_list=False)]
    string_at, escaped = -1, False
    for at, byte in enumerate(text):
        if string_at >= 0:
            if byte == _QUOTE and not escaped:
                opened[-1].strings.append((string_at, at + 1))
                string_at = -1
            escaped = byte == _BACKSLASH and not escaped
        elif byte == _QUOTE:
            string_at = at
        elif byte in b"[{":
            outer = opened[-1]
            key = "" if outer.is_list or not outer.strings else _text(text, outer.strings[-1])
            opened.append(_Open(key, is_list=byte == b"["[0]))
        elif byte in b"]}" and len(opened) > 1:
            opened.pop()
    inner = opened[-1]
    items = tuple(inner.strings) if inner.is_list else ()
    return Place(string_at, items, tuple(one.key for one in opened[2:]))


@dataclass(slots=True)
class _Open:
    """A list or an object that is open, under which key of the one around it, and its strings."""

    key: str
    is_list: bool
    strings: list[tuple[int, int]] = field(default_factory=list)


def _text(text: bytes, string: tuple[int, int]) -> str:
    return str(json.loads(text[slice(*string)]))


_QUOTE, _BACKSLASH = b'"\\'
