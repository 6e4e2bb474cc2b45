"""A report as tables of text: what the terminal prints and what the picture draws."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a head (may be empty) and rows of as many cells; `note` stands below."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def as_text(tables: tuple[Table, ...]) -> str:
    """The tables in columns of one width each, for a terminal."""
    return "\n\n".join(_one(table) for table in tables)


def _one(table: Table) -> str:
    lines = [row for row in (table.head, *table.rows) if row]
    if not lines:
        return table.title
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in lines
    ]
    if table.head:
        shown.insert(1, "  ".join("-" * width for width in widths))
    note = [f"({table.note})"] if table.note else []
    return "\n".join([table.title, *(f"  {line}" for line in [*shown, *note])])
