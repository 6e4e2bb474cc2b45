"""The typed questions of the training: what is asked, and what the right answer is for a view.

A topic makes questions by chance; each question knows its answer for any view, or that it must not
be asked there. Wordings come from `wordings`, certainty from `facts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edge.demo.train import wordings as w
from edge.demo.train.facts import Case, Facts
from edge.demo.train.labels import COLOURS, DOORS
from edge.demo.train.labels import TEXTS as WRITTEN_ON
from edge.demo.world import KINDS, Kind
from edge.questions import MAX_COUNT, Question, choice, count, rating, yes_no

Rng = np.random.Generator
T = TypeVar("T")
CAR_COLOURS = tuple(c for c in COLOURS if c != "brown")
NO_PARCEL = ("no parcel", "nowhere", "there is none")
PLACES = ("doorstep", "driveway", "path", "lawn")
DOOR = tuple(f"door {state}" for state in DOORS)
TEXTS = tuple(f"text on {where}" for where in WRITTEN_ON)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question and its answer: an option, or None where it must not be asked. `group` names the
    line of the evaluation's table to which it belongs, `shown_by` the channels of the labels that
    show what is asked, if it is shown at some place.
    """

    question: Question
    answer: Callable[[Case], str | None]
    group: str
    shown_by: tuple[str, ...] = ()


Topic = Callable[[Rng], Ask]


def pick(rng: Rng, values: tuple[T, ...] | list[T]) -> T:
    """One of the values."""
    return values[int(rng.integers(len(values)))]


def _yes(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


def _ask_yes(
    wording: str,
    group: str,
    answer: Callable[[Facts], bool | None],
    shown_by: tuple[str, ...] = (),
) -> Ask:
    return Ask(yes_no("q", wording), lambda case: _yes(answer(case.now)), group, shown_by)


def _area(kind: Kind) -> tuple[str, ...]:
    return (f"{kind} covers",)


def _named(rng: Rng, kind: Kind) -> tuple[str, str]:
    return pick(rng, w.NAMES[kind])


def presence(rng: Rng, kind: Kind | None = None) -> Ask:
    """Whether there is a thing of a kind."""
    chosen: Kind = pick(rng, KINDS) if kind is None else kind
    a, s = _named(rng, chosen)
    if chosen == "fire" and rng.random() < 0.2:
        wording = pick(rng, w.BURNING)
    elif chosen != "smoke" and rng.random() < 0.2:
        wording = pick(rng, w.PRESENCE_PLURAL).format(s=s)
    else:
        wording = pick(rng, w.PRESENCE).format(a=a)
    return _ask_yes(wording, f"presence {chosen}", lambda f: f.has(chosen), _area(chosen))


def nobody(rng: Rng) -> Ask:
    """Whether there is no person."""

    def answer(facts: Facts) -> bool | None:
        there = facts.has("person")
        return None if there is None else not there

    return _ask_yes(pick(rng, w.NOBODY), "other yes/no", answer, _area("person"))


def presence_at(rng: Rng) -> Ask:
    """Whether there is a thing of a kind at a place."""
    kind: Kind = pick(rng, ("parcel", "parcel", "person", "car", "dog", "bicycle"))
    place = pick(rng, PLACES if kind != "car" else ("driveway", "driveway", "lawn"))
    table = w.PRESENCE_AT + (w.LYING if kind == "parcel" else ())
    wording = pick(rng, table).format(a=_named(rng, kind)[0], at=pick(rng, w.AT[place]))

    def answer(facts: Facts) -> bool | None:
        if any(s.where == place for s in facts.of(kind)):
            return True
        return None if facts.has(kind) is None or kind in facts.doubtful else False

    return _ask_yes(wording, "presence at", answer, _area(kind))


def doing(rng: Rng) -> Ask:
    """Whether somebody walks, runs, stands or rides."""
    what = pick(rng, tuple(w.DOING))
    wording = pick(rng, w.DOING[what]).format(a=_named(rng, "person")[0])

    def answer(facts: Facts) -> bool | None:
        if facts.num("person") is None:
            return None
        return any(s.doing == what for s in facts.of("person"))

    return _ask_yes(wording, "other yes/no", answer, _area("person"))


def carrying(rng: Rng) -> Ask:
    """Whether somebody carries a parcel."""
    wording = pick(rng, w.CARRYING).format(a=_named(rng, "person")[0])

    def answer(facts: Facts) -> bool | None:
        if any(s.where == "held" for s in facts.of("parcel")):
            return True
        return None if facts.num("parcel") is None else False

    return _ask_yes(wording, "other yes/no", answer, ("at held",))


def coloured(rng: Rng) -> Ask:
    """Whether there is a car or a coat of a colour."""
    kind: Kind = pick(rng, ("car", "person"))
    colour = pick(rng, CAR_COLOURS)
    table = w.COLOURED_CAR if kind == "car" else w.COLOURED_COAT

    def answer(facts: Facts) -> bool | None:
        if facts.num(kind) == 0:
            return False
        if not facts.shows_colours or facts.num(kind) is None:
            return None
        return any(s.colour == colour for s in facts.of(kind))

    wording = pick(rng, table).format(colour=colour)
    return _ask_yes(wording, "other yes/no", answer, _area(kind))


def door(rng: Rng) -> Ask:
    """Whether the door is open or closed; for one that is ajar, only whether it is closed."""
    if rng.random() < 0.2:
        return _ask_yes(pick(rng, w.DOOR_THERE), "other yes/no", lambda f: f.has_door, DOOR)
    if rng.random() < 0.6:
        states: dict[str | None, bool] = {"open": True, "closed": False}
        return _ask_yes(pick(rng, w.DOOR_OPEN), "door yes/no", lambda f: states.get(f.door), DOOR)
    shut: dict[str | None, bool] = {"open": False, "ajar": False, "closed": True}
    return _ask_yes(pick(rng, w.DOOR_CLOSED), "door yes/no", lambda f: shut.get(f.door), DOOR)


def weather(rng: Rng) -> Ask:
    """Whether it is night, day or raining, or the lens covered."""
    light: dict[str, bool] = {"night": True, "day": False}
    asks: tuple[tuple[tuple[str, ...], Callable[[Facts], bool | None]], ...] = (
        (w.NIGHT, lambda f: light.get(f.truth.light) if f.is_clear else None),
        (w.DAY, lambda f: _inverted(light.get(f.truth.light)) if f.is_clear else None),
        (w.RAIN, lambda f: f.truth.rain if f.is_clear else None),
        (w.COVERED, lambda f: True if f.truth.covered > 0.4 else False if f.is_clear else None),
    )
    table, answer = pick(rng, asks)
    return _ask_yes(pick(rng, table), "other yes/no", answer)


def writing(rng: Rng) -> Ask:
    """Whether there is any writing."""
    return _ask_yes(pick(rng, w.WRITING), "other yes/no", lambda f: f.has_writing(), TEXTS)


def strange(rng: Rng) -> Ask:
    """Something that is never there."""
    name = pick(rng, w.STRANGE)
    a = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return _ask_yes(pick(rng, w.PRESENCE).format(a=a), "other yes/no", lambda _: False)


_CHANGES: tuple[tuple[tuple[str, ...], Kind, int], ...] = (
    *((w.LEFT, "parcel", 1), (w.LEFT, "parcel", 1), (w.TAKEN, "parcel", -1)),
    *((w.ARRIVED, "car", 1), (w.CAME, "person", 1)),
)


def change(rng: Rng) -> Ask:
    """What happened between two pictures; of one picture, only how it is now is known."""
    kind: Kind
    table, kind, sign = pick(rng, _CHANGES)

    def answer(case: Case) -> str | None:
        if case.before is None:
            return None
        num, num_before = case.now.num(kind), case.before.num(kind)
        if num is None or num_before is None:
            return None
        return _yes((num - num_before) * sign > 0)

    shown_by = (f"{kind} is {'new' if sign > 0 else 'gone'}",)
    return Ask(yes_no("q", pick(rng, table)), answer, "change", shown_by)


def door_state(rng: Rng) -> Ask:
    """Open, closed or ajar."""
    states = _shuffled(rng, ("open", "closed", "ajar"))
    if rng.random() < 0.25:
        states = tuple(s for s in states if s != "ajar")
    return _choice(rng, w.DOOR_STATE, states, "door", lambda f: f.door, DOOR)


def car_colour(rng: Rng) -> Ask:
    """The colour of the only car."""
    return _colour(rng, w.CAR_COLOUR, "car", CAR_COLOURS, "car colour")


def coat_colour(rng: Rng) -> Ask:
    """The colour of the only person's coat."""
    return _colour(rng, w.COAT_COLOUR, "person", CAR_COLOURS, "coat colour")


def parcel_place(rng: Rng) -> Ask:
    """Where the only parcel is, or that there is none."""
    none = pick(rng, NO_PARCEL)
    options = _shuffled(rng, (*PLACES, none) if rng.random() < 0.6 else PLACES)
    held = rng.random() < 0.4
    if held:
        options = _shuffled(rng, (*options, "held by a person"))

    def answer(facts: Facts) -> str | None:
        parcel = facts.only("parcel")
        if parcel is None:
            return none if facts.num("parcel") == 0 and none in options else None
        if parcel.where == "held":
            return "held by a person" if held else None
        return parcel.where

    return _choice(rng, w.PARCEL_PLACE, options, "parcel place", answer, _area("parcel"))


def other_place(rng: Rng) -> Ask:
    """Where the only person or the only car is."""
    kind: Kind = pick(rng, ("person", "car"))
    table = w.PERSON_PLACE if kind == "person" else w.CAR_PLACE

    def answer(facts: Facts) -> str | None:
        thing = facts.only(kind)
        return None if thing is None else thing.where

    options = _shuffled(rng, PLACES)
    return _choice(rng, table, options, "other choice", answer, _area(kind))


def day_or_night(rng: Rng) -> Ask:
    """By what light the picture was taken."""
    options = ("day", "night") if rng.random() < 0.6 else ("day", "night", "dusk")

    def answer(facts: Facts) -> str | None:
        return facts.truth.light if facts.is_clear else None

    return _choice(rng, w.DAY_OR_NIGHT, _shuffled(rng, options), "other choice", answer)


def person_doing(rng: Rng) -> Ask:
    """What the only person is doing."""

    def answer(facts: Facts) -> str | None:
        person = facts.only("person")
        return None if person is None else person.doing

    options = _shuffled(rng, ("standing", "walking", "running"))
    return _choice(rng, w.PERSON_DOING, options, "other choice", answer, _area("person"))


def which_thing(rng: Rng) -> Ask:
    """Which of some kinds is there, where it is exactly one of them."""
    num = int(rng.integers(2, 6))
    kinds = [KINDS[int(i)] for i in rng.permutation(len(KINDS))[:num]]
    options: tuple[str, ...] = tuple(kinds)
    if rng.random() < 0.5:
        options = _shuffled(rng, (*options, "nothing"))

    def answer(facts: Facts) -> str | None:
        there = [facts.has(kind) for kind in kinds]
        if None in there or sum(map(bool, there)) > 1:
            return None
        return next((str(k) for k, has in zip(kinds, there, strict=True) if has), "nothing")

    return _choice(rng, w.WHICH_THING, options, "other choice", answer)


def counting(rng: Rng, kind: Kind | None = None) -> Ask:
    """How many there are of a kind."""
    usual: tuple[Kind, ...] = ("person", "person", "car", "parcel", "dog", "bicycle")
    chosen: Kind = pick(rng, usual) if kind is None else kind
    highest = pick(rng, (MAX_COUNT, MAX_COUNT, 4, 5, 3))
    wording = pick(rng, w.HOW_MANY).format(s=_named(rng, chosen)[1])

    def answer(case: Case) -> str | None:
        num = case.now.num(chosen)
        return None if num is None else str(min(num, highest))

    group = "count people" if chosen == "person" else "count other"
    return Ask(count("q", wording, highest), answer, group)


def grading(rng: Rng) -> Ask:
    """How crowded it is, by the number of people; how dangerous, by fire and smoke."""
    if rng.random() < 0.6:

        def crowd(case: Case) -> str | None:
            num = case.now.num("person")
            return None if num is None else str(1 + min(num, 4))

        return Ask(rating("q", pick(rng, w.CROWDED)), crowd, "rating")

    def danger(case: Case) -> str | None:
        facts = case.now
        if facts.has("fire"):
            return "5"
        if facts.has("fire") is None or facts.has("smoke") is None:
            return None
        return "3" if facts.has("smoke") else "1"

    return Ask(rating("q", pick(rng, w.DANGER)), danger, "rating", _area("fire"))


# Each topic with how often it is asked.
TOPICS: tuple[tuple[Topic, float], ...] = (
    *((presence, 12.0), (presence_at, 4.0), (counting, 4.0), (door_state, 3.0), (door, 2.5)),
    *((car_colour, 2.5), (parcel_place, 3.0), (coat_colour, 1.5), (other_place, 1.5)),
    *((coloured, 1.5), (doing, 1.0), (carrying, 1.0), (weather, 1.5), (writing, 0.7)),
    *((strange, 1.0), (nobody, 1.0), (day_or_night, 0.7), (person_doing, 1.0)),
    *((which_thing, 1.5), (grading, 1.5)),
)
_SHARES = np.array([share for _, share in TOPICS]) / sum(share for _, share in TOPICS)
CHANGE_FRAC = 0.35  # of the questions about a pair


def random_ask(rng: Rng, *, pair: bool) -> Ask:
    """A question by chance; about what changed only of a pair."""
    if pair and rng.random() < CHANGE_FRAC:
        return change(rng)
    return TOPICS[int(rng.choice(len(TOPICS), p=_SHARES))][0](rng)


def _choice(
    rng: Rng,
    table: tuple[str, ...],
    options: tuple[str, ...],
    group: str,
    answer: Callable[[Facts], str | None],
    shown_by: tuple[str, ...] = (),
) -> Ask:
    def listed(case: Case) -> str | None:
        said = answer(case.now)
        return said if said in options else None

    return Ask(choice("q", pick(rng, table), options), listed, group, shown_by)


def _colour(
    rng: Rng, table: tuple[str, ...], kind: Kind, colours: tuple[str, ...], group: str
) -> Ask:
    num = int(rng.integers(3, len(colours) + 1))
    options = tuple(colours[int(i)] for i in rng.permutation(len(colours))[:num])

    def answer(facts: Facts) -> str | None:
        thing = facts.only(kind)
        return thing.colour if thing is not None and facts.shows_colours else None

    return _choice(rng, table, options, group, answer, _area(kind))


def _shuffled(rng: Rng, options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(options[int(i)] for i in rng.permutation(len(options)))


def _inverted(value: bool | None) -> bool | None:
    return None if value is None else not value
