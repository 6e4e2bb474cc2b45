"""Polygons as they are written: `[[0.1, 0.2], ...]`, or `"0.1,0.2,0.3,0.4,..."` as in Frigate."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from edge.config.faults import Fault, refuse, show
from edge.geometry import Polygon

_DECIMAL = re.compile(r"-?\d{1,6}(\.\d{0,20})?|-?\.\d{1,20}", re.ASCII)
MAX_POINTS = 200
MAX_POLYGONS = 64

_REMEDY = (
    "Write at least three points, in order around the area, as fractions of the frame, 0 to 1, "
    "x to the right and y down: "
    "[[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]."
)
_POLYGON_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 3,
            "maxItems": MAX_POINTS,
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "number", "minimum": 0, "maximum": 1},
            },
        },
        {"type": "string"},
    ]
}


def parse_polygon(value: object) -> Polygon:
    """A polygon from a list of points or a text of numbers; raises ValueError."""
    if isinstance(value, Polygon):
        return value
    points = _pairs_of_text(value) if isinstance(value, str) else value
    if not isinstance(points, list):
        raise ValueError(f"{show(value)} is not a polygon.")  # noqa: TRY004 - all faults alike
    if len(points) > MAX_POINTS:
        raise ValueError(f"the polygon has {len(points)} points; at most {MAX_POINTS} are allowed.")
    checked = tuple(_point(point, number) for number, point in enumerate(points, 1))
    try:
        return Polygon(checked)
    except ValueError as fault:
        raise ValueError(f"{fault}.") from None


def _pairs_of_text(text: str) -> list[object]:
    words = [word for word in text.replace(";", ",").replace(" ", ",").split(",") if word]
    if len(words) % 2:
        raise ValueError(f"{show(text)} has {len(words)} numbers; every point needs two.")
    return [[words[n], words[n + 1]] for n in range(0, len(words), 2)]


def _point(point: object, number: int) -> tuple[float, float]:
    if not isinstance(point, list | tuple) or len(point) != 2:
        raise ValueError(f"point {number} is {show(point)}, not [x, y].")
    x, y = (_fraction(part, number) for part in point)
    return x, y


def _fraction(part: object, number: int) -> float:
    is_number = isinstance(part, int | float) and not isinstance(part, bool)
    if not is_number and not (isinstance(part, str) and _DECIMAL.fullmatch(part)):
        raise ValueError(f"point {number} holds {show(part)}, which is not a number.")
    value = float(part)  # type: ignore[arg-type]  # one of the two above
    if not 0 <= value <= 1:
        pixels = " These look like pixels: divide x by the width and y by the height."
        raise ValueError(
            f"point {number} holds {part}, which is outside 0 to 1.{pixels if value > 1 else ''}"
        )
    return value


def _polygon(value: object) -> Polygon:
    try:
        return parse_polygon(value)
    except ValueError as fault:
        raise refuse(Fault(str(fault), _REMEDY)) from None


def _polygons(value: object) -> tuple[Polygon, ...]:
    """One polygon, or a list of them."""
    if isinstance(value, str) or _is_list_of_points(value):
        return (_polygon(value),)
    if not isinstance(value, list | tuple):
        raise refuse(Fault(f"{show(value)} is not a list of polygons.", _REMEDY))
    if len(value) > MAX_POLYGONS:
        raise refuse(
            Fault(f"there are {len(value)} polygons.", f"At most {MAX_POLYGONS} are allowed.")
        )
    faults: list[Fault] = []
    polygons: list[Polygon] = []
    for number, item in enumerate(value):
        try:
            polygons.append(parse_polygon(item))
        except ValueError as fault:
            faults.append(Fault(str(fault), _REMEDY, (number,)))
    if faults:
        raise refuse(faults)
    return tuple(polygons)


def _is_list_of_points(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, list) for item in value)
        and not any(isinstance(part, list) for item in value for part in item)
    )


def _written(polygon: Polygon) -> list[list[float]]:
    return [list(point) for point in polygon.points]


Area = Annotated[
    Polygon,
    PlainValidator(_polygon),
    PlainSerializer(_written, when_used="json"),
    WithJsonSchema(_POLYGON_SCHEMA),
]
Areas = Annotated[
    tuple[Polygon, ...],
    PlainValidator(_polygons),
    PlainSerializer(lambda areas: [_written(area) for area in areas], when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _POLYGON_SCHEMA}, _POLYGON_SCHEMA]}),
]
