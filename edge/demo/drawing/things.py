"""Draws one thing of a moment onto the canvas, with its shadow, its light and its print.

Whose pencil draws which kind is known here; how each looks is in figures, vehicles and objects.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.demo.drawing import figures, objects, vehicles
from edge.demo.drawing.house import FIRST_THING_OWNER, INSIDE
from edge.demo.drawing.light import Pool, flame_light, halo
from edge.demo.drawing.pen import Canvas, Pen
from edge.demo.drawing.printed import Printed, text_on_parcel
from edge.demo.world import Moment, Thing

REACH = {
    "person": figures.PERSON_REACH,
    "dog": figures.DOG_REACH,
    "car": vehicles.CAR_REACH,
    "bicycle": vehicles.BICYCLE_REACH,
    "parcel": objects.PARCEL_REACH,
    "fire": objects.FIRE_REACH,
    "smoke": objects.SMOKE_REACH,
}
PENCILS = {
    "dog": figures.draw_dog,
    "car": vehicles.draw_car,
    "bicycle": vehicles.draw_bicycle,
    "fire": objects.draw_fire,
    "smoke": objects.draw_smoke,
}
MIN_SMOKE = 70  # coverage from which smoke counts as seen


def draw_thing(
    canvas: Canvas, moment: Moment, thing: Thing, owner: int, pools: list[Pool]
) -> Printed | None:
    """Lay the thing on the canvas as `owner`'s; the text on it, if any.

    Fire and headlights add to `pools`, which light the whole scene at the end.
    """
    width_px, height_px = canvas.size_px
    unit_px = thing.height * height_px
    foot = thing.foot[0] * width_px, thing.foot[1] * height_px - thing.raised * unit_px
    pen = Pen(unit_px, REACH[thing.kind], foot)
    text = None
    if thing.kind == "parcel":
        text = text_on_parcel(pen, thing, owner, objects.draw_parcel(pen, thing))
    elif thing.look is not None:
        figures.draw_person(pen, thing, thing.look)
    else:
        PENCILS[thing.kind](pen, thing)
    if thing.kind not in {"fire", "smoke"} and not thing.raised:
        _draw_shadow(canvas, moment, pen)
    if thing.inside > 0:
        _darken_inside(pen, moment, thing.inside, canvas)
    if thing.kind == "smoke":
        canvas.lay(pen.sheet, pen.corner, owner, solid=MIN_SMOKE, spared=FIRST_THING_OWNER)
    else:
        canvas.lay(pen.sheet, pen.corner, owner)
    if thing.kind == "fire":
        shine = flame_light(thing.phase, thing.style)
        share = 0.45 if moment.light.name == "day" else 0.85
        canvas.lay_light((pen.sheet * (share * shine)).astype(np.uint8), pen.corner)
        strength = 0.10 if moment.light.name == "day" else 0.6
        reach = thing.height * height_px / width_px * 1.6
        pools.append((*thing.foot, reach, strength * shine))
    elif thing.kind == "car" and thing.lights:
        _draw_headlights(canvas, moment, thing, foot, pools)
    return text


def _draw_headlights(
    canvas: Canvas,
    moment: Moment,
    thing: Thing,
    foot: tuple[float, float],
    pools: list[Pool],
) -> None:
    width_px, height_px = canvas.size_px
    unit_px = thing.height * height_px
    dark = moment.light.name == "night"
    for x, y in vehicles.lamps_of(thing):
        center = foot[0] + x * unit_px, foot[1] - y * unit_px
        halo(canvas, center, unit_px * (0.5 if dark else 0.24), (255, 248, 222))
        if moment.light.name != "day":
            way = {"left": -1.0, "right": 1.0}.get(thing.faces, 0.0)
            for far, strength in ((0.7, 0.55), (1.6, 0.45), (2.6, 0.28)):
                px = (center[0] + way * far * unit_px) / width_px
                py = (foot[1] - (0.02 if way else -0.10 * far) * unit_px) / height_px
                pools.append((px, py, unit_px * (0.35 + 0.25 * far) / width_px, strength))


def _draw_shadow(canvas: Canvas, moment: Moment, pen: Pen) -> None:
    """Dark ground under a thing, and the long shadow of the sun."""
    unit_px = pen.unit_px
    shape = pen.sheet[..., 3]
    height_px, width_px = shape.shape
    columns = np.flatnonzero(shape[int(height_px * 0.55) :].any(axis=0))
    if not columns.size:
        return
    half = (columns[-1] - columns[0]) / 2
    flat_px = max(2.0, min(0.06 * unit_px, half * 0.25))
    pad = round(flat_px) + 1
    under = np.zeros((2 * pad + 1, columns[-1] - columns[0] + 2 * pad + 1), np.uint8)
    center = (under.shape[1] // 2, pad)
    cv2.ellipse(under, center, (round(half) + 1, round(flat_px)), 0, 0, 360, 95, -1, cv2.LINE_AA)
    foot_y = round(pen.px(0, 0)[1])
    corner = pen.corner
    canvas.darken(under, (corner[0] + int(columns[0]) - pad, corner[1] + foot_y - pad))
    sun = moment.light.sun
    if moment.light.name == "day" and sun:
        flat = 0.30
        wide = round(abs(sun) * height_px) + width_px
        start = round(max(0.0, -sun) * height_px)
        matrix = np.array([[1, -sun, start + sun * foot_y], [0, flat, (1 - flat) * foot_y]])
        cast = cv2.warpAffine(shape // 3, matrix, (wide, height_px))
        canvas.darken(np.asarray(cast, np.uint8), (corner[0] - start, corner[1]))


def _darken_inside(pen: Pen, moment: Moment, share: float, canvas: Canvas) -> None:
    """Somebody who goes into the house is only seen through the door, and darker and darker."""
    entrance = moment.yard.entrance
    if entrance is None:
        return
    x1, y1, x2, _ = entrance.box.to_px(*canvas.size_px)
    sheet = pen.sheet
    x0, y0 = pen.corner
    keep = np.zeros(sheet.shape[:2], np.uint8)
    keep[max(0, y1 - y0) :, max(0, x1 - x0) : max(0, x2 - x0)] = 1
    sheet *= keep[..., None]
    dark = np.array(INSIDE, np.float32) * (sheet[..., 3:] / 255)
    sheet[..., :3] = (sheet[..., :3] * (1 - share) + dark * share).astype(np.uint8)
    if share > 0.85:
        sheet[:] = 0
