"""The energy bench's figures as tables, as a document, and as a plot."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from edge.bench.energy.account import Account
from edge.bench.energy.run import EnergyBench
from edge.bench.picture import ACCENT, FAINT, FONT_PX, INK, LINE_PX, MARGIN_PX, PAPER
from edge.bench.tables import Table
from edge.errors import PictureError
from edge.replay.clips import clip_name

TITLES = {
    "always": "always answering",
    "timer": "timer",
    "naive": "naive gate",
    "sampler": "edge's sampler",
}
IDLE, LOOKING, ANSWERING = "#c8d1db", "#f0b429", ACCENT
BAR_WIDTH_PX, BAR_HEIGHT_PX, NAME_WIDTH_PX, WORDS_WIDTH_PX = 560, 30, 240, 240


def as_tables(bench: EnergyBench) -> tuple[Table, ...]:
    """The report for the terminal."""
    always = bench.account("always")
    rows = [
        (
            TITLES[one.way.name],
            one.way.setting,
            _percent(one.shown_frac),
            f"{one.answers_per_hour:.0f}",
            f"{100 * one.busy_frac:.0f} %",
            f"{one.looking_w:.2f}",
            f"{one.answering_w:.2f}",
            f"{one.total_w:.2f}",
            _joules(one.joules_per_answer),
            _joules(one.joules_per_event),
            _joules(one.joules_per_event_above_idle),
            "" if one is always else f"{100 * one.saved_frac(always):.0f} %",
        )
        for one in bench.accounts
    ]
    answer = bench.answer
    how = f"mean of {bench.num_answers}" if bench.num_answers else "as stated"
    possible = 3600 / answer.wall_s if answer.wall_s else 0.0
    return (
        Table(
            f"{', '.join(map(clip_name, bench.clips))}: {bench.length_s:.0f} s, "
            f"{bench.num_events} events",
            (),
            (
                ("energy", bench.meter.source),
                ("idle", f"{bench.meter.idle_w:.2f} W"),
                (
                    f"one answer, {how}",
                    f"{answer.wall_s:.2f} s, {answer.cpu_s:.2f} CPU s, {answer.joules:.2f} J more",
                ),
                ("answers an hour, at most", f"{possible:.0f}"),
                ("model", bench.model),
            ),
            "measured" if bench.meter.is_measured else "a model of the power, not a measurement",
        ),
        Table(
            "The same events, four ways",
            (
                *("way", "setting", "shown", "answers/h", "busy"),
                *("looking W", "answering W", "all W", "J/answer", "J/event", "above idle"),
                "less than always",
            ),
            tuple(rows),
            "watts are means over the clips as if watched live, idle included in `all W`; an event "
            "counts where a picture that was answered shows it",
        ),
    )


def as_document(bench: EnergyBench) -> dict[str, Any]:
    """The report as one JSON object."""
    always = bench.account("always")
    return {
        "schema": "edge.energy/1",
        "clips": [str(clip) for clip in bench.clips],
        "length_s": round(bench.length_s, 3),
        "events": bench.num_events,
        "power": {
            "is_measured": bench.meter.is_measured,
            "source": bench.meter.source,
            "idle_w": bench.meter.idle_w,
        },
        "model": bench.model,
        "answer": {**dataclasses.asdict(bench.answer), "measured": bench.num_answers},
        "ways": [
            {
                **{k: v for k, v in dataclasses.asdict(one).items() if k != "way"},
                **dataclasses.asdict(one.way),
                "total_w": one.total_w,
                "saved_frac": one.saved_frac(always),
            }
            for one in bench.accounts
        ],
    }


def write_plot(bench: EnergyBench, path: Path) -> None:
    """Draw the ways' power as bars. Raises PictureError if the file cannot be written."""
    font = ImageFont.load_default(FONT_PX)
    step_px = BAR_HEIGHT_PX + 22
    size = (
        2 * MARGIN_PX + NAME_WIDTH_PX + BAR_WIDTH_PX + WORDS_WIDTH_PX,
        2 * MARGIN_PX + 5 * LINE_PX + step_px * len(bench.accounts),
    )
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    measured = "measured" if bench.meter.is_measured else "modelled"
    heading = f"Mean power at the same events, {measured} ({bench.length_s:.0f} s of video)"
    draw.text((MARGIN_PX, MARGIN_PX), heading, INK, ImageFont.load_default(FONT_PX + 6))
    draw.text((MARGIN_PX, MARGIN_PX + LINE_PX + 6), bench.meter.source, FAINT, font)
    _draw_legend(draw, MARGIN_PX + 2 * LINE_PX + 14, font)
    most_w = max(one.total_w for one in bench.accounts) or 1.0
    top = MARGIN_PX + 4 * LINE_PX
    for one in bench.accounts:
        _draw_bar(draw, one, top, most_w, font)
        top += step_px
    try:
        image.save(path, format="PNG")
    except OSError as error:
        raise PictureError(f"{path}: cannot be written: {error.strerror or error}") from error


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _draw_legend(draw: ImageDraw.ImageDraw, top: int, font: _Font) -> None:
    left = MARGIN_PX + NAME_WIDTH_PX
    for colour, words in ((IDLE, "idle"), (LOOKING, "looking"), (ANSWERING, "answering")):
        draw.rectangle((left, top + 3, left + 14, top + 17), colour)
        draw.text((left + 22, top), words, FAINT, font)
        left += 60 + round(font.getlength(words))


def _draw_bar(
    draw: ImageDraw.ImageDraw, one: Account, top: int, most_w: float, font: _Font
) -> None:
    draw.text((MARGIN_PX, top - 2), TITLES[one.way.name], INK, font)
    draw.text((MARGIN_PX, top + 17), one.way.setting, FAINT, font)
    left = float(MARGIN_PX + NAME_WIDTH_PX)
    for watts, colour in (
        (one.idle_w, IDLE),
        (one.looking_w, LOOKING),
        (one.answering_w, ANSWERING),
    ):
        right = left + BAR_WIDTH_PX * watts / most_w
        if right - left >= 1:
            draw.rectangle((left, top, right, top + BAR_HEIGHT_PX), colour)
        left = right
    words = f"{one.total_w:.2f} W, {_percent(one.shown_frac)} shown"
    draw.text((left + 10, top + 5), words, INK, font)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _joules(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
