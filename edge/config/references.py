"""Names that refer to each other: rules to cameras and zones, cameras to topics.

Works on the plain values, so that it also finds what is wrong beside a block that is broken in
itself. `load.py` calls it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge.config.block import RESERVED_CAMERA_NAMES
from edge.config.faults import Fault, show, suggest
from edge.config.models import MAX_CAMERAS, MAX_RULES


def names(value: object) -> list[str]:
    """The names in a list, or the one that stands for a list; what is no name is passed over."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def size_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    """More cameras or rules than are possible; looked at first, because all else takes its time."""
    for kind, most in (("cameras", MAX_CAMERAS), ("rules", MAX_RULES)):
        number = len(_mapping(values.get(kind)))
        if number > most:
            remedy = f"At most {most} are allowed; give the others to another box."
            yield Fault(f"there are {number} {kind}.", remedy, (kind,))


def reference_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Every name that refers to nothing, and every camera name that a topic already has."""
    cameras, rules = _mapping(values.get("cameras")), _mapping(values.get("rules"))
    for name in RESERVED_CAMERA_NAMES & cameras.keys():
        yield Fault(
            f"the name {show(name)} is taken: topics of the box itself have it.",
            f"Choose another than {', '.join(sorted(RESERVED_CAMERA_NAMES))}.",
            ("cameras", name),
        )
    for name, rule in rules.items():
        yield from _camera_faults(name, _mapping(rule), cameras)
        yield from _zone_faults(name, _mapping(rule), cameras)


def _camera_faults(
    rule: str, block: Mapping[str, Any], cameras: Mapping[str, Any]
) -> Iterator[Fault]:
    wanted = block.get("cameras")
    if wanted == []:
        remedy = "Name a camera, or remove the key for all cameras."
        yield Fault("the list is empty.", remedy, ("rules", rule, "cameras"))
    seen: set[str] = set()
    for number, name in enumerate(names(wanted)):
        at = ("rules", rule, "cameras", number)
        if name not in cameras:
            remedy = suggest(name, cameras, "cameras")
            yield Fault(f"there is no camera {show(name)}.", remedy, at)
        elif name in seen:
            yield Fault(f"the camera {show(name)} stands twice.", "Remove one.", at)
        seen.add(name)


def _zone_faults(
    rule: str, block: Mapping[str, Any], cameras: Mapping[str, Any]
) -> Iterator[Fault]:
    wanted, named = names(block.get("cameras")), names(block.get("zones"))
    on = wanted if wanted and all(name in cameras for name in wanted) else list(cameras)
    if not on or not named:
        return
    zones = {zone for name in on for zone in _mapping(_mapping(cameras[name]).get("zones"))}
    if len(on) == 1:
        where = f"camera {on[0]}"
    else:  # with an unknown camera named, all that is known is that no camera has the zone
        where = "any of its cameras" if on == wanted or not wanted else "any camera"
    for number, name in enumerate(named):
        if name not in zones:
            yield Fault(
                f"there is no zone {show(name)} on {where}.",
                suggest(name, zones, "zones there"),
                ("rules", rule, "zones", number),
            )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
