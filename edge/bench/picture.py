"""A report drawn as a picture (PNG), to be shown elsewhere than on a terminal."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from edge.bench.tables import Table
from edge.errors import PictureError

MARGIN_PX, GAP_PX, LINE_PX, FONT_PX = 32, 28, 26, 16
INK, FAINT, PAPER, STRIPE, ACCENT = "#1d2733", "#5c6b7a", "#ffffff", "#f1f4f8", "#0b5fa5"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_picture(tables: tuple[Table, ...], heading: str, path: Path) -> None:
    """Draw the tables below each other. Raises PictureError if the file cannot be written."""
    font = ImageFont.load_default(FONT_PX)
    widths = {id(table): _column_widths(table, font) for table in tables}
    inner_px = max([sum(w) for w in widths.values()] + [_width(t.note, font) for t in tables])
    size = (inner_px + 2 * MARGIN_PX, 2 * MARGIN_PX + 2 * LINE_PX + sum(map(_height, tables)))
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN_PX, MARGIN_PX), heading, INK, ImageFont.load_default(FONT_PX + 6))
    top = MARGIN_PX + 2 * LINE_PX
    for table in tables:
        _draw_table(draw, table, widths[id(table)], top, font)
        top += _height(table)
    try:
        image.save(path, format="PNG")
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from error


def _draw_table(
    draw: ImageDraw.ImageDraw, table: Table, widths: list[int], top: int, font: Font
) -> None:
    draw.text((MARGIN_PX, top), table.title, ACCENT, font)
    top += LINE_PX
    for number, row in enumerate([table.head, *table.rows] if table.head else table.rows):
        is_head = bool(table.head) and number == 0
        if number % 2:
            draw.rectangle(
                (MARGIN_PX - 6, top - 4, MARGIN_PX + sum(widths), top + LINE_PX - 5), STRIPE
            )
        left = MARGIN_PX
        for cell, width in zip(row, widths, strict=True):
            draw.text((left, top), cell, FAINT if is_head else INK, font)
            left += width
        top += LINE_PX
    if table.note:
        draw.text((MARGIN_PX, top), table.note, FAINT, font)


def _column_widths(table: Table, font: Font) -> list[int]:
    rows = [row for row in (table.head, *table.rows) if row]
    return [max(_width(row[n], font) for row in rows) + 24 for n in range(len(rows[0]))]


def _height(table: Table) -> int:
    lines = 1 + bool(table.head) + len(table.rows) + bool(table.note)
    return lines * LINE_PX + GAP_PX


def _width(text: str, font: Font) -> int:
    return round(font.getlength(text))
