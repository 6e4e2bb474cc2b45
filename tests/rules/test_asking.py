"""Which rules are asked about a keyframe, and how their questions are grouped into looks."""

from __future__ import annotations

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from edge.frames import Trigger
from edge.geometry import Box
from edge.rules.asking import Asking, KeyframeFacts, build_descriptions, build_looks, due, is_due
from edge.rules.rule import Rule
from edge.schedule import parse_schedule
from tests.support.rules import (
    LEFT,
    MONO_S,
    MOVEMENT,
    RIGHT,
    START,
    ZONES,
    make_keyframe,
    make_rule,
)

BERLIN = ZoneInfo("Europe/Berlin")
EVERY = {"every_s": 60.0}


def facts(trigger: Trigger = "motion", **changes: object) -> KeyframeFacts:
    return KeyframeFacts.of(make_keyframe(0.0, trigger, **changes), BERLIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "seen", "asked_ago_s", "expected"),
    [
        pytest.param({}, {}, None, True, id="motion by default"),
        pytest.param({}, {"trigger": "scene"}, None, True, id="scene by default"),
        pytest.param({}, {"trigger": "command"}, None, True, id="command by default"),
        pytest.param({}, {"trigger": "periodic"}, None, False, id="periodic not by default"),
        pytest.param({}, {"trigger": "tamper"}, None, False, id="tamper not by default"),
        pytest.param({"triggers": frozenset({"scene"})}, {}, None, False, id="not this trigger"),
        pytest.param(
            {"triggers": frozenset({"tamper"})}, {"trigger": "tamper"}, None, True, id="tamper"
        ),
        pytest.param({}, {"camera": "yard"}, None, False, id="another camera"),
        pytest.param({"cameras": ("yard", "porch")}, {}, None, True, id="one of its cameras"),
        pytest.param({"zones": ("left",)}, {"zones": ("left",)}, None, True, id="zone touched"),
        pytest.param(
            {"zones": ("left", "right")}, {"zones": ("right",)}, None, True, id="one zone touched"
        ),
        pytest.param({"zones": ("left",)}, {"zones": ("right",)}, None, False, id="another zone"),
        pytest.param({"zones": ("left",)}, {"zones": ()}, None, False, id="no zone touched"),
        pytest.param({}, {"zones": ("left",)}, None, True, id="a rule without zones goes anywhere"),
        pytest.param(
            {"zones": ("left",), "triggers": frozenset({"periodic"})},
            {"trigger": "periodic", "boxes": (), "zones": ()},
            None,
            True,
            id="no boxes: the whole frame counts",
        ),
        pytest.param(EVERY, {"trigger": "periodic"}, None, True, id="every: never asked"),
        pytest.param(EVERY, {"trigger": "periodic"}, 60.0, True, id="every: time is up"),
        pytest.param(EVERY, {"trigger": "periodic"}, 59.9, False, id="every: not yet"),
        pytest.param(EVERY, {"trigger": "motion"}, 1.0, True, id="every: its trigger still counts"),
        pytest.param(EVERY, {"trigger": "tamper"}, 600.0, False, id="every: not when tampered"),
        pytest.param(EVERY, {"trigger": "periodic"}, -5.0, False, id="every: an older keyframe"),
        pytest.param(
            {**EVERY, "zones": ("left",)}, {"zones": ()}, 60.0, True, id="every: in any zone"
        ),
        pytest.param(
            {**EVERY, "zones": ("left",)}, {"zones": ()}, 59.0, False, id="every: zone not yet"
        ),
        pytest.param(
            {**EVERY, "triggers": frozenset()}, {}, 60.0, True, id="only every: time is up"
        ),
        pytest.param({**EVERY, "triggers": frozenset()}, {}, 1.0, False, id="only every: not yet"),
        pytest.param({**EVERY, "cameras": ("yard",)}, {}, None, False, id="every: another camera"),
    ],
)
def test_is_due(
    rule: dict[str, object], seen: dict[str, object], asked_ago_s: float | None, expected: bool
) -> None:
    asked_mono_s = None if asked_ago_s is None else MONO_S - asked_ago_s
    assert is_due(make_rule(**rule), facts(**seen), asked_mono_s) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("11:00-13:00", True), ("10:00-11:00", False), ("Tu", False), ("Mo", True)],
)
@pytest.mark.parametrize("every_s", [None, 1.0])
def test_schedules_go_by_local_time(schedule: str, expected: bool, every_s: float | None) -> None:
    """The keyframe is from 10:00 UTC, 12:00 in Berlin."""
    rule = make_rule(schedule=parse_schedule(schedule), every_s=every_s)
    assert is_due(rule, facts(), None) is expected


def test_facts_of_a_keyframe() -> None:
    keyframe = make_keyframe(5.0, zones=("left",))
    seen = KeyframeFacts.of(keyframe, timezone(timedelta(hours=-3)))
    assert (seen.camera, seen.trigger, seen.boxes) == ("porch", "motion", (MOVEMENT,))
    assert (seen.zones, seen.at.mono_s, seen.at.utc) == (
        ("left",),
        MONO_S + 5,
        keyframe.captured_at,
    )
    assert (seen.local, seen.local.hour) == (START + timedelta(seconds=5), 7)


def test_facts_go_by_the_machines_time_zone_if_none_is_given() -> None:
    seen = KeyframeFacts.of(make_keyframe(), None)
    assert seen.local == START
    assert seen.local.utcoffset() == START.astimezone().utcoffset()


def test_due_keeps_the_order_of_the_rules_and_each_has_its_own_time() -> None:
    rules = [make_rule(name, **EVERY) for name in ("a", "b", "c")]  # type: ignore[arg-type]
    asked = {"a": MONO_S - 61, "b": MONO_S - 1}
    assert [rule.name for rule in due(rules, facts("periodic"), asked)] == ["a", "c"]


def looks_of(*rules: Rule, seen: KeyframeFacts | None = None) -> list[tuple[list[Box], list[str]]]:
    looks = build_looks(rules, seen or facts(), ZONES["porch"])
    return [(list(look.boxes), [question.id for question in look.questions]) for look in looks]


ANYWHERE = [make_rule(name) for name in ("a", "b")]
STEP = [make_rule(name, zones=("left",)) for name in ("c", "d")]
BOTH = [make_rule("e", zones=("left", "right")), make_rule("f", zones=("right", "left"))]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([], [], id="no rule, no look"),
        pytest.param(ANYWHERE, [([MOVEMENT], ["a", "b"])], id="without zones: one look"),
        pytest.param(STEP, [([LEFT.bounds], ["c", "d"])], id="the same zone: one look"),
        pytest.param(
            BOTH, [([LEFT.bounds, RIGHT.bounds], ["e", "f"])], id="the same zones in any order"
        ),
        pytest.param(
            [*STEP, *BOTH, *ANYWHERE],
            [
                ([MOVEMENT], ["a", "b"]),
                ([LEFT.bounds], ["c", "d"]),
                ([LEFT.bounds, RIGHT.bounds], ["e", "f"]),
            ],
            id="the movement comes first",
        ),
        pytest.param(
            [*ANYWHERE, make_rule("g", zones=("right",), describe="always")],
            [([RIGHT.bounds], ["g"]), ([MOVEMENT], ["a", "b"])],
            id="what is always described comes before it",
        ),
    ],
)
def test_looks(rules: list[Rule], expected: list[object]) -> None:
    assert looks_of(*rules) == expected


def test_without_boxes_the_whole_picture_is_looked_at() -> None:
    assert looks_of(*ANYWHERE, seen=facts("periodic", boxes=())) == [([], ["a", "b"])]


def test_a_description_shows_the_zones_or_the_movement() -> None:
    for rules, zones, box in (
        (STEP, ZONES["porch"], LEFT.bounds),
        (ANYWHERE, ZONES["porch"], MOVEMENT),
        (ANYWHERE, {}, MOVEMENT),
    ):
        (wanted,) = build_descriptions(rules[:1], facts(), zones)
        assert (wanted.look.boxes, wanted.look.questions) == ((box,), ())


@pytest.mark.parametrize(
    ("describe", "expected"), [("never", False), ("on_change", False), ("always", True)]
)
def test_describe_is_known_before_the_answers_only_if_always(describe: str, expected: bool) -> None:
    rules = (make_rule("a", describe="never"), make_rule("b", describe=describe))
    assert Asking(facts(), rules, ()).describe is expected
