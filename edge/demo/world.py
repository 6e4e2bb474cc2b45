"""One moment of a yard: what stands where and in which light, and what of it can be seen.

Pure nouns without pixels or clocks. Made by `story` (what happens in time) and `chance` (endless
variety), drawn by `drawing`, whose `Truth` says what a picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge.geometry import Box, Point

Kind = Literal["person", "car", "dog", "parcel", "bicycle", "fire", "smoke"]
Posture = Literal["standing", "walking", "running", "riding", "sitting"]
Rest = Literal["lying", "carried", "leaning", "ridden", "parked", "driving", "burning", "rising"]
Doing = Posture | Rest
Faces = Literal["left", "right", "front", "back"]
Place = Literal["doorstep", "driveway", "path", "lawn", "held"]
DoorState = Literal["closed", "ajar", "open"]
Daylight = Literal["day", "dusk", "night"]
Plant = Literal["bush", "tree", "flowers"]
Furniture = Literal["bin", "post", "mat", "coats", "planter", "bench", "cone", "stone", "fence"]
DecorKind = Plant | Furniture | Literal["shade"]
SignKind = Literal["number", "word", "instruction"]
Colour = tuple[int, int, int]  # R, G, B, 0..255

KINDS: tuple[Kind, ...] = ("person", "car", "dog", "parcel", "bicycle", "fire", "smoke")
PERSON_M = 1.75  # heights of other things are drawn in proportion to a person's
HEIGHTS_M: dict[Kind, float] = {
    "person": PERSON_M,
    "car": 1.5,
    "dog": 0.7,
    "parcel": 0.42,
    "bicycle": 1.05,
    "fire": 1.1,
    "smoke": 2.2,
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a person is dressed and built; `build` is a share of the usual width."""

    coat: Colour
    trousers: Colour
    hair: Colour
    skin: Colour
    build: float = 1.0
    hat: bool = False
    long_coat: bool = False
    bag: Colour | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in the yard.

    `foot` is its bottom middle as fractions of the frame, possibly outside of it, and `height` its
    full height as a share of the frame's. `phase` 0..1 is that of a step, a flame or a wheel.
    `colour` names what `tint` is. `style` picks among shapes. `inside` 0..1 is how far somebody has
    gone into the dark of the house. `raised` (share of the thing's height) lifts it off `foot`.
    """

    kind: Kind
    doing: Doing
    foot: Point
    height: float
    where: Place
    faces: Faces = "front"
    phase: float = 0.0
    colour: str = ""
    tint: Colour = (128, 128, 128)
    style: int = 0
    look: Look | None = None
    text: str = ""
    lights: bool = False
    inside: float = 0.0
    raised: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Decor:
    """Something that belongs to the yard and that nobody asks for."""

    kind: DecorKind
    foot: Point
    height: float
    tint: Colour
    style: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """Printed text on the wall or on a board. `letter` is a capital's height, share of the frame's.

    An instruction has several lines, separated by newlines.
    """

    text: str
    center: Point
    letter: float
    on: Literal["house", "sign"]
    kind: SignKind
    ink: Colour = (20, 20, 20)
    paper: Colour | None = (235, 235, 230)
    font: int = 0
    post: bool = False


@dataclass(frozen=True, slots=True)
class Entrance:
    """The house's door in its frame; `hinge` is the side on which it turns."""

    box: Box
    tint: Colour
    frame: Colour
    hinge: Literal["left", "right"] = "left"
    style: int = 0


@dataclass(frozen=True, slots=True)
class Yard:
    """What stays: the house, the ground and what stands around. Hashable: pictures are kept by it.

    `ground_y` is the foot of the wall. A person whose feet are at y looks
    `tall * (y - horizon_y) / (ground_y - horizon_y)` of the frame's height tall.
    """

    seed: int
    ground_y: float
    horizon_y: float
    tall: float
    wall: Colour
    wall_style: Literal["brick", "plaster", "boards"]
    ground: Colour
    driveway_tint: Colour
    path_tint: Colour
    entrance: Entrance | None
    step: Box | None
    path: tuple[Point, ...] = ()
    driveway: tuple[Point, ...] = ()
    windows: tuple[Box, ...] = ()
    decor: tuple[Decor, ...] = ()
    signs: tuple[Sign, ...] = ()
    lamp: Point | None = None
    texture: float = 1.0

    def tall_at(self, foot_y: float) -> float:
        """How tall a person looks whose feet are at `foot_y`, as a share of the frame's height."""
        return self.tall * (foot_y - self.horizon_y) / (self.ground_y - self.horizon_y)

    def height_of(self, kind: Kind, foot_y: float) -> float:
        """How tall a thing of the usual size looks at `foot_y`, a share of the frame's."""
        return self.tall_at(foot_y) * HEIGHTS_M[kind] / PERSON_M

    def place_of(self, foot: Point) -> Place:
        """What the ground is called at `foot`."""
        step = self.step
        if step and step.x1 <= foot[0] <= step.x2 and step.y1 - 0.02 <= foot[1] <= step.y2:
            return "doorstep"
        if _holds(self.driveway, foot):
            return "driveway"
        return "path" if _holds(self.path, foot) else "lawn"


@dataclass(frozen=True, slots=True)
class Light:
    """By what light the yard is seen. `level` is a gain; `sun` leans the shadows, 0 = overcast.

    `infrared` is a grey night picture lit by the camera itself.
    """

    name: Daylight = "day"
    level: float = 1.0
    infrared: bool = False
    sun: float = 0.0
    lamp_on: bool = False
    window_lit: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Weather:
    """`rain` 0..1 is its strength; `sway` is how far leaves lean now, about -1..1."""

    rain: float = 0.0
    sway: float = 0.0


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera makes of the scene.

    `noise` in grey levels, `blur` a sigma in px of a 640 px wide picture, `jpeg` a quality 1..100
    (0: not compressed), `covered` the share of the picture behind something on the lens, `shift`
    and `turn_deg` how the view moved off its place.
    """

    noise: float = 2.0
    blur: float = 0.0
    jpeg: int = 0
    covered: float = 0.0
    shift: Point = (0.0, 0.0)
    turn_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that a picture depends on; `seed` is for noise, rain and flicker."""

    yard: Yard
    things: tuple[Thing, ...] = ()
    door: DoorState = "closed"
    light: Light = field(default_factory=Light)
    weather: Weather = field(default_factory=Weather)
    camera: Camera = field(default_factory=Camera)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture shows of one thing. `visible` is the share of its whole area, 0..1."""

    kind: Kind
    doing: Doing
    box: Box
    visible: float
    height_px: int
    colour: str
    where: Place
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class SeenText:
    """A printed text; `letter_px` is the height of a capital in this picture."""

    text: str
    on: Literal["house", "sign", "parcel"]
    kind: SignKind
    box: Box
    visible: float
    letter_px: float


@dataclass(frozen=True, slots=True)
class SeenDoor:
    """What a picture shows of the house's door."""

    state: DoorState
    box: Box
    visible: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What a picture shows. Boxes are fractions of that picture."""

    seen: tuple[Seen, ...]
    texts: tuple[SeenText, ...]
    door: SeenDoor | None
    light: Daylight
    infrared: bool
    rain: bool
    covered: float

    def count(self, kind: Kind, min_visible: float = 0.25) -> int:
        """How many things of a kind are visible by at least this share."""
        return sum(s.kind == kind and s.visible >= min_visible for s in self.seen)

    def has(self, kind: Kind, min_visible: float = 0.25) -> bool:
        """Whether there is one."""
        return self.count(kind, min_visible) > 0


def _holds(polygon: tuple[Point, ...], point: Point) -> bool:
    """Whether a point lies inside of a polygon (even-odd rule)."""
    inside = False
    x, y = point
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside
