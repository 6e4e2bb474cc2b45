"""Draws one moment of a yard, and says what its picture shows.

`draw` is the only way anything is drawn; the demo's camera and the training both call it. The truth
is read off the drawing itself: every pixel knows whose it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing import figures, objects, vehicles
from edge.demo.drawing.decor import draw_decor
from edge.demo.drawing.house import (
    DOOR_OWNER,
    FIRST_SIGN_OWNER,
    FIRST_THING_OWNER,
    INSIDE,
    SWAYING,
    draw_ground,
    sign_area,
)
from edge.demo.drawing.light import Pool, flame_light, halo, lamp_pools, light_up, rained_on
from edge.demo.drawing.pen import Canvas, Pen
from edge.demo.drawing.sensor import COVER_OWNER, cover, expose, moved
from edge.demo.world import Moment, Seen, SeenDoor, SeenText, Thing, Truth
from edge.frames import Image
from edge.geometry import Box

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
VISIBLE_RAIN = 0.25


@dataclass(frozen=True, slots=True)
class Printed:
    """A text in the picture: its four corners in px, its owner and its whole area."""

    text: SeenText
    corners: NDArray[np.float32]
    owner: int
    area_px: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, (H, W, 3) uint8 RGB, and whose each pixel is, (H, W) uint8."""

    picture: Image
    owner: NDArray[np.uint8]
    moment: Moment
    whole_px: dict[int, int]
    printed: tuple[Printed, ...]
    origin_px: tuple[int, int] = (0, 0)

    @property
    def truth(self) -> Truth:
        """What the picture shows."""
        counts = np.bincount(self.owner.ravel(), minlength=256)
        moment = self.moment
        seen = [
            self._seen(thing, FIRST_THING_OWNER + i, int(counts[FIRST_THING_OWNER + i]))
            for i, thing in enumerate(moment.things)
            if counts[FIRST_THING_OWNER + i]
        ]
        door = None
        if counts[DOOR_OWNER]:
            share = min(1.0, int(counts[DOOR_OWNER]) / self.whole_px[DOOR_OWNER])
            door = SeenDoor(moment.door, self._box_of(DOOR_OWNER), share)
        texts = [text for p in self.printed if (text := self._text(p)) is not None]
        return Truth(
            seen=tuple(seen),
            texts=tuple(texts),
            door=door,
            light=moment.light.name,
            infrared=moment.light.infrared,
            rain=moment.weather.rain >= VISIBLE_RAIN,
            covered=float(counts[COVER_OWNER] / self.owner.size),
        )

    def cropped(self, box: Box) -> Drawn:
        """That part of the picture, with its own truth."""
        height_px, width_px = self.owner.shape
        x1, y1, x2, y2 = box.to_px(width_px, height_px)
        return Drawn(
            self.picture[y1:y2, x1:x2],
            self.owner[y1:y2, x1:x2],
            self.moment,
            self.whole_px,
            self.printed,
            (self.origin_px[0] + x1, self.origin_px[1] + y1),
        )

    def _seen(self, thing: Thing, owner: int, area_px: int) -> Seen:
        box = self._box_of(owner)
        return Seen(
            kind=thing.kind,
            doing=thing.doing,
            box=box,
            visible=min(1.0, area_px / max(1, self.whole_px[owner])),
            height_px=round(box.height * self.owner.shape[0]),
            colour=thing.colour,
            where=thing.where,
            text=thing.text,
            name=thing.name,
        )

    def _box_of(self, owner: int) -> Box:
        height_px, width_px = self.owner.shape
        x, y, w, h = cv2.boundingRect((self.owner == owner).view(np.uint8))
        return Box(x / width_px, y / height_px, (x + w) / width_px, (y + h) / height_px)

    def _text(self, printed: Printed) -> SeenText | None:
        """The text as far as it is visible in this picture."""
        height_px, width_px = self.owner.shape
        corners = printed.corners - np.array(self.origin_px, np.float32)
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        left, right = max(0, round(float(x1))), min(width_px, round(float(x2)))
        top, bottom = max(0, round(float(y1))), min(height_px, round(float(y2)))
        if left >= right or top >= bottom:
            return None
        area_px = int(np.count_nonzero(self.owner[top:bottom, left:right] == printed.owner))
        if not area_px:
            return None
        text = printed.text
        return SeenText(
            text=text.text,
            on=text.on,
            kind=text.kind,
            box=Box(left / width_px, top / height_px, right / width_px, bottom / height_px),
            visible=min(1.0, area_px / printed.area_px),
            letter_px=text.letter_px,
        )


def draw(moment: Moment, width_px: int, height_px: int) -> Drawn:
    """The moment's picture and its truth; the same for the same moment and size."""
    ground = draw_ground(moment.yard, moment.door, width_px, height_px)
    canvas = Canvas(ground.image.copy(), ground.owner.copy())
    canvas.whole[DOOR_OWNER] = _door_area(moment, width_px, height_px)
    printed = _signs(moment, ground.boxes, width_px, height_px)
    pools = lamp_pools(moment)
    leaves = [d for d in moment.yard.decor if d.kind in SWAYING]
    order = sorted(range(len(moment.things)), key=lambda i: _depth(moment.things[i]))
    for decor in [d for d in leaves if d.foot[1] <= moment.yard.ground_y + 0.03]:
        draw_decor(canvas, decor, moment.weather.sway)
        leaves.remove(decor)
    for i in order:
        thing = moment.things[i]
        while leaves and leaves[0].foot[1] <= thing.foot[1]:
            draw_decor(canvas, leaves.pop(0), moment.weather.sway)
        text = _draw_thing(canvas, moment, thing, FIRST_THING_OWNER + i, pools)
        if text is not None:
            printed.append(text)
    for decor in leaves:
        draw_decor(canvas, decor, moment.weather.sway)
    image = light_up(canvas, moment, pools)
    if moment.weather.rain > 0:
        image = rained_on(image, moment.weather.rain, moment.seed)
    return _photograph(moment, canvas, image, printed)


def _photograph(moment: Moment, canvas: Canvas, image: Image, printed: list[Printed]) -> Drawn:
    """The scene through the camera, and where everything is in its picture."""
    width_px, height_px = canvas.size_px
    camera, owner = moment.camera, canvas.owner
    matrix = moved(camera, width_px, height_px)
    if matrix is not None:
        size = (width_px, height_px)
        edge = cv2.BORDER_REFLECT_101
        image = np.asarray(cv2.warpAffine(image, matrix, size, borderMode=edge), np.uint8)
        flags = cv2.INTER_NEAREST
        owner = np.asarray(
            cv2.warpAffine(owner, matrix, size, flags=flags, borderMode=edge), np.uint8
        )
        printed = [
            Printed(p.text, cv2.transform(p.corners[None], matrix)[0], p.owner, p.area_px)
            for p in printed
        ]
    if camera.covered > 0:
        image = cover(image, owner, camera.covered, moment.yard.seed)
    image = expose(image, camera, moment.seed)
    return Drawn(image, owner, moment, canvas.whole, tuple(printed))


def _depth(thing: Thing) -> float:
    """Further things are drawn first; what is carried or ridden is drawn with its person."""
    nearer = {"carried": 0.002, "ridden": -0.001}.get(thing.doing, 0.0)
    return thing.foot[1] + nearer


def _draw_thing(
    canvas: Canvas, moment: Moment, thing: Thing, owner: int, pools: list[Pool]
) -> Printed | None:
    width_px, height_px = canvas.size_px
    unit_px = thing.height * height_px
    foot = thing.foot[0] * width_px, thing.foot[1] * height_px - thing.raised * unit_px
    pen = Pen(unit_px, REACH[thing.kind], foot)
    text = None
    if thing.kind == "parcel":
        text = _printed(pen, thing, owner, objects.draw_parcel(pen, thing))
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


def _printed(
    pen: Pen,
    thing: Thing,
    owner: int,
    place: tuple[tuple[float, float], tuple[float, float], float] | None,
) -> Printed | None:
    if place is None:
        return None
    (x1, y1), (x2, y2), letter = place
    corners = np.array([pen.px(x, y) for x in (x1, x2) for y in (y1, y2)], np.float32)
    corners += np.array(pen.corner, np.float32)
    sides = corners.max(axis=0) - corners.min(axis=0)
    text = SeenText(
        *(thing.text, "parcel", "word", Box(0, 0, 1, 1), 1.0),
        letter_px=letter * pen.unit_px,
    )
    area_px = max(1.0, math.floor(sides[0])) * max(1.0, math.floor(sides[1]))
    return Printed(text, corners, owner, area_px)


def _signs(moment: Moment, boxes: tuple[Box, ...], width_px: int, height_px: int) -> list[Printed]:
    found = []
    for i, (sign, box) in enumerate(zip(moment.yard.signs, boxes, strict=True)):
        x1, y1, x2, y2 = box.as_tuple()
        corners = np.array([(x, y) for x in (x1, x2) for y in (y1, y2)], np.float32)
        corners *= np.array([width_px, height_px], np.float32)
        text = SeenText(
            *(sign.text.replace("\n", " "), sign.on, sign.kind, box, 1.0),
            letter_px=sign.letter * height_px,
        )
        area = sign_area(sign, height_px)
        found.append(Printed(text, corners, FIRST_SIGN_OWNER + i, area))
    return found


def _door_area(moment: Moment, width_px: int, height_px: int) -> int:
    entrance = moment.yard.entrance
    if entrance is None:
        return 1
    x1, y1, x2, y2 = entrance.box.to_px(width_px, height_px)
    return (x2 - x1) * (y2 - y1)
