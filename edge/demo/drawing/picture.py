"""Draws one moment of a yard, and says what its picture shows.

`draw` is the only way anything is drawn; the demo's camera and the training both call it. The truth
is read off the drawing itself: every pixel knows whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.drawing.decor import draw_decor
from edge.demo.drawing.house import DOOR_OWNER, FIRST_THING_OWNER, SWAYING, draw_ground
from edge.demo.drawing.light import lamp_pools, light_up, rained_on
from edge.demo.drawing.pen import Canvas
from edge.demo.drawing.printed import Printed, texts_on_signs
from edge.demo.drawing.sensor import COVER_OWNER, cover, expose, moved
from edge.demo.drawing.things import draw_thing
from edge.demo.world import Moment, Seen, SeenDoor, Thing, Truth
from edge.frames import Image
from edge.geometry import Box

VISIBLE_RAIN = 0.25


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
        texts = [
            text
            for printed in self.printed
            if (text := printed.seen_in(self.owner, self.origin_px)) is not None
        ]
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


def draw(moment: Moment, width_px: int, height_px: int) -> Drawn:
    """The moment's picture and its truth; the same for the same moment and size."""
    ground = draw_ground(moment.yard, moment.door, width_px, height_px)
    canvas = Canvas(ground.image.copy(), ground.owner.copy())
    canvas.whole[DOOR_OWNER] = _door_area(moment, width_px, height_px)
    printed = texts_on_signs(moment, ground.boxes, width_px, height_px)
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
        text = draw_thing(canvas, moment, thing, FIRST_THING_OWNER + i, pools)
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
            replace(one, corners=cv2.transform(one.corners[None], matrix)[0]) for one in printed
        ]
    if camera.covered > 0:
        image = cover(image, owner, camera.covered, moment.yard.seed)
    image = expose(image, camera, moment.seed)
    return Drawn(image, owner, moment, canvas.whole, tuple(printed))


def _depth(thing: Thing) -> float:
    """Further things are drawn first; what is carried or ridden is drawn with its person."""
    nearer = {"carried": 0.002, "ridden": -0.001}.get(thing.doing, 0.0)
    return thing.foot[1] + nearer


def _door_area(moment: Moment, width_px: int, height_px: int) -> int:
    entrance = moment.yard.entrance
    if entrance is None:
        return 1
    x1, y1, x2, y2 = entrance.box.to_px(width_px, height_px)
    return (x2 - x1) * (y2 - y1)
