"""What is said about a view in words: a short sentence, the objects, how they lie to each other.

The same rules for training and for judging what the model writes.
"""

from __future__ import annotations

from edge.demo.train.facts import Facts
from edge.demo.world import KINDS, Seen

NUMBERS = ("no", "one", "two", "three", "four")
MAX_PHRASES = 3
MAX_RELATIONS = 3
PLACES = {
    "doorstep": "on the doorstep",
    "driveway": "in the driveway",
    "path": "on the path",
    "lawn": "on the lawn",
}
VERBS = {
    "standing": "stands",
    "walking": "walks",
    "running": "runs",
    "riding": "rides",
    "sitting": "sits",
    "lying": "lies",
    "carried": "is carried",
    "leaning": "stands",
    "ridden": "moves",
    "parked": "stands",
    "driving": "stands",
    "burning": "burns",
    "rising": "rises",
}


def objects(facts: Facts) -> list[str]:
    """The kinds of things that can be seen, and the door, in a fixed order."""
    names = [str(kind) for kind in KINDS if facts.of(kind)]
    return [*names, "door"] if facts.door is not None else names


def summary(facts: Facts) -> str:
    """One short sentence."""
    phrases = [_phrase(facts, kind_things) for kind_things in _groups(facts)][:MAX_PHRASES]
    if not phrases:
        return "Nothing is happening." if facts.door is None else f"The door is {facts.door}."
    said = " and ".join([", ".join(phrases[:-1]), phrases[-1]] if phrases[1:] else phrases)
    return said[0].upper() + said[1:] + "."


def relations(facts: Facts) -> list[str]:
    """Where things of which there is one lie relative to each other, and on what they are."""
    single = [things[0] for things in _groups(facts) if len(things) == 1]
    found = [f"{s.kind} on {s.where}" for s in single if s.kind == "parcel" and s.where in PLACES]
    for i, one in enumerate(single):
        for other in single[i + 1 :]:
            apart = other.box.center[0] - one.box.center[0]
            if abs(apart) > 0.15:
                side = "left" if apart > 0 else "right"
                found.append(f"{one.kind} {side} of {other.kind}")
    return found[:MAX_RELATIONS]


def _groups(facts: Facts) -> list[list[Seen]]:
    return [things for kind in KINDS if (things := facts.of(kind))]


def _phrase(facts: Facts, things: list[Seen]) -> str:
    first, num = things[0], len(things)
    if num > 1:
        name = "people" if first.kind == "person" else f"{first.kind}s"
        return f"{NUMBERS[min(num, 4)]} {name} can be seen"
    name = str(first.kind)
    if first.kind == "car" and facts.shows_colours:
        name = f"{first.colour} car"
    article = "" if first.kind in {"fire", "smoke"} else "an " if name[0] in "aeiou" else "a "
    verb = VERBS[first.doing]
    if first.where == "held" or first.doing in {"carried", "burning", "rising", "ridden"}:
        return f"{article}{name} {verb}"
    return f"{article}{name} {verb} {PLACES[first.where]}"
