"""Where in a JSON document its beginning ends. Knows no schema; called while one is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document its end lies, in bytes: the opening quote of an unfinished string, or -1;
    the strings of the innermost open list with their quotes, none where that is an object.
    """

    string_at: int
    items: tuple[tuple[int, int], ...]


def locate(text: bytes) -> Place:
    """Where the end of a document's beginning lies."""
    opened: list[tuple[bool, list[tuple[int, int]]]] = [(False, [])]
    string_at, escaped = -1, False
    for at, byte in enumerate(text):
        if string_at >= 0:
            if byte == _QUOTE and not escaped:
                opened[-1][1].append((string_at, at + 1))
                string_at = -1
            escaped = byte == _BACKSLASH and not escaped
        elif byte == _QUOTE:
            string_at = at
        elif byte in b"[{":
            opened.append((byte == b"["[0], []))
        elif byte in b"]}" and len(opened) > 1:
            opened.pop()
    is_list, strings = opened[-1]
    return Place(string_at, tuple(strings) if is_list else ())


_QUOTE, _BACKSLASH = b'"\\'
