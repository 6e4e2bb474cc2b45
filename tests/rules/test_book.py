"""The rule book: asking, settling, time passing, reload, restart."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from edge.calibration import Calibration
from edge.findings import VerdictReport
from edge.geometry import Polygon
from edge.questions import MAX_TEXT_CHARS, Answer, Look, text, yes_no
from edge.rules.book import RuleBook, RuleChange, Settlement
from edge.rules.rule import Rule
from edge.rules.state import Moment, Transition
from edge.schedule import parse_schedule
from tests.support.rules import (
    LEFT,
    MONO_S,
    MOVEMENT,
    START,
    ZONES,
    answer_to,
    make_keyframe,
    make_rule,
    moment,
)

BERLIN = ZoneInfo("Europe/Berlin")  # 12:00 at START


def book_of(*rules: Rule) -> RuleBook:
    return RuleBook(rules, ZONES, BERLIN)


def settle(
    book: RuleBook, seconds: float, finding: str = "", camera: str = "porch", **words: str
) -> Settlement:
    """A keyframe at that second on which every rule in `words` is answered."""
    asking = book.ask(make_keyframe(seconds, camera=camera, zones=("left", "right")))
    return book.settle(asking, [answer_to(rule, word) for rule, word in words.items()], finding)


def states(book: RuleBook) -> dict[tuple[str, str], str]:
    return {(a.rule, a.camera): a.state for a in book.attributes()}


def test_ask_gives_the_questions_and_settle_the_verdicts() -> None:
    book = book_of(make_rule("parcel"), make_rule("car", zones=("left",), confirm=2))
    asking = book.ask(make_keyframe(zones=("left",)))
    assert [(look.boxes, [q.id for q in look.questions]) for look in asking.looks] == [
        ((MOVEMENT,), ["parcel"]),
        ((LEFT.bounds,), ["car"]),
    ]
    settlement = book.settle(asking, [answer_to("car", "yes"), answer_to("parcel", "yes")], "id-1")
    assert settlement.camera == "porch"
    assert settlement.verdicts == (
        VerdictReport(
            rule="parcel",
            answer="yes",
            probability=0.9,
            probabilities={"yes": 0.9, "no": 0.1},
            verdict="yes",
            state="on",
            since="2025-06-02T10:00:00.000Z",
            changed=True,
            alert=True,
        ),
        VerdictReport(
            rule="car",
            answer="yes",
            probability=0.9,
            probabilities={"yes": 0.9, "no": 0.1},
            verdict="yes",
            state="unknown",
        ),
    )
    assert settlement.changes == (
        RuleChange(
            make_rule("parcel"), "porch", Transition("unknown", "on", moment(0), alert=True)
        ),
    )


def test_no_rule_no_looks() -> None:
    asking = book_of().ask(make_keyframe())
    assert (asking.looks, asking.describe) == ((), False)
    assert book_of(make_rule()).ask(make_keyframe(camera="attic")).looks == ()


def test_every_camera_has_its_own_state() -> None:
    book = book_of(make_rule(cameras=("porch", "yard")))
    settle(book, 0, camera="porch", parcel="yes")
    settle(book, 0, camera="yard", parcel="no")
    assert states(book) == {("parcel", "porch"): "on", ("parcel", "yard"): "off"}


def test_asking_changes_nothing_but_settling_counts_as_asked() -> None:
    book = book_of(make_rule(every_s=60.0))
    assert book.ask(make_keyframe(0, "periodic")).looks
    asking = book.ask(make_keyframe(0, "periodic"))  # as after a failed analysis
    assert asking.looks
    book.settle(asking, [answer_to("parcel", "no")])
    assert not book.ask(make_keyframe(59, "periodic")).looks
    assert book.ask(make_keyframe(60, "periodic")).looks


def test_every_is_counted_for_each_camera() -> None:
    book = book_of(make_rule(every_s=60.0, cameras=("porch", "yard")))
    settle(book, 0, camera="porch", parcel="no")
    assert book.ask(make_keyframe(1, "periodic", camera="yard")).looks
    assert not book.ask(make_keyframe(1, "periodic", camera="porch")).looks


def test_out_of_schedule_a_rule_is_not_asked_keeps_its_state_and_stops_waiting() -> None:
    book = book_of(
        make_rule("parcel", schedule=parse_schedule("12:00-12:10")),
        make_rule("gate", schedule=parse_schedule("12:00-12:10"), for_s=900.0),
        make_rule("bin", for_s=900.0),
    )
    settle(book, 0, parcel="yes", gate="yes", bin="yes")
    assert [rule.name for rule in book.ask(make_keyframe(599)).rules] == ["parcel", "gate", "bin"]
    assert [rule.name for rule in book.ask(make_keyframe(600)).rules] == ["bin"]
    assert book.attributes_of("gate", "porch").pending_since is not None
    assert book.tick(moment(600)) == ()
    assert book.attributes_of("gate", "porch").pending_since is None
    changes = book.tick(moment(900))
    assert [(change.rule.name, change.transition.after) for change in changes] == [("bin", "on")]
    assert book.attributes_of("parcel", "porch").state == "on"


def test_a_state_held_long_enough_goes_on_without_a_keyframe() -> None:
    rule = make_rule("guard", alert="no", for_s=7200.0)  # the guard's chair is empty
    book = book_of(rule)
    settle(book, 0, guard="yes")
    assert book.attributes_of("guard", "porch").state == "off"
    settlement = settle(book, 60, guard="no")
    assert (settlement.verdicts[0].verdict, settlement.verdicts[0].state) == ("yes", "off")
    assert book.attributes_of("guard", "porch").pending_since == "2025-06-02T10:01:00.000Z"
    assert book.tick(moment(60 + 7199)) == ()
    (change,) = book.tick(moment(60 + 7200))
    assert change == RuleChange(
        rule, "porch", Transition("off", "on", moment(60 + 7200), alert=True)
    )
    assert book.tick(moment(60 + 7201)) == ()
    assert settle(book, 8000, guard="yes").changes[0].transition.after == "off"


def test_an_older_keyframe_is_reported_but_moves_nothing() -> None:
    book = book_of(make_rule(every_s=60.0))
    older, newer = book.ask(make_keyframe(5)), book.ask(make_keyframe(9))
    book.settle(newer, [answer_to("parcel", "yes")], "newer")
    settlement = book.settle(older, [answer_to("parcel", "no")], "older")
    (report,) = settlement.verdicts
    assert (report.answer, report.verdict, report.state, report.changed) == (
        "no",
        "no",
        "on",
        False,
    )
    kept = book.attributes_of("parcel", "porch")
    assert (kept.answer, kept.verdict, kept.finding) == ("yes", "yes", "newer")
    assert not book.ask(make_keyframe(68, "periodic")).looks  # 60 s from the newer, not the older


def test_attributes() -> None:
    book = book_of(make_rule(confirm=2, severity=2))
    fresh = book.attributes_of("parcel", "porch")
    assert fresh.model_dump(exclude_defaults=True) == {
        "rule": "parcel",
        "camera": "porch",
        "state": "unknown",
        "since": None,
        "severity": 2,
    }
    settle(book, 0, "id-0", parcel="yes")
    settle(book, 1, "id-1", parcel="yes")
    settle(book, 2, "id-2", parcel="unsure")
    assert book.attributes_of("parcel", "porch").model_dump(exclude_defaults=True) == {
        "rule": "parcel",
        "camera": "porch",
        "state": "on",
        "since": "2025-06-02T10:00:01.000Z",
        "answer": "yes",
        "probability": 0.5,
        "verdict": "unsure",
        "severity": 2,
        "finding": "id-1",
    }
    with pytest.raises(KeyError):
        book.attributes_of("parcel", "attic")


def test_a_rule_without_condition_reports_its_value_only() -> None:
    rule = make_rule("plate", alert=None, question=text("plate", "Read the plate."))
    book = book_of(rule)
    asking = book.ask(make_keyframe())
    settlement = book.settle(asking, [Answer("plate", "text", "AB 123", 0.8)])
    (report,) = settlement.verdicts
    assert (report.answer, report.verdict, report.state) == ("AB 123", "unsure", "unknown")
    assert (settlement.severity, settlement.describe, settlement.changes) == (0, (), ())
    assert book.attributes_of("plate", "porch").answer == "AB 123"


def test_impossible_numbers_and_endless_texts_are_published_within_bounds() -> None:
    book = book_of(make_rule("plate", alert=None, question=text("plate", "Read.")), make_rule())
    asking = book.ask(make_keyframe())
    odd = {"yes": 1.0000001, "no": -1e-9}
    settlement = book.settle(
        asking,
        [
            Answer("plate", "text", "x" * 5000, math.nan),
            Answer("parcel", "yes_no", "yes", 1.0000001, odd),
        ],
    )
    plate, parcel = settlement.verdicts
    assert (len(plate.answer), plate.probability) == (MAX_TEXT_CHARS, 0.0)
    assert (parcel.probability, parcel.probabilities) == (1.0, {"yes": 1.0, "no": 0.0})
    assert book.attributes_of("parcel", "porch").probability == 1.0


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        pytest.param({"low": "no", "high": "no"}, 0, id="none is on"),
        pytest.param({"low": "yes", "high": "no"}, 1, id="one went on"),
        pytest.param({"low": "yes", "high": "yes"}, 2, id="the highest counts"),
        pytest.param({"low": "unsure", "high": "unsure"}, 0, id="unsure is not on"),
        pytest.param({"low": "yes", "high": "unsure", "was": "high"}, 2, id="on and unsure"),
        pytest.param({"low": "yes", "high": "no", "was": "high"}, 1, id="gone off"),
        pytest.param({"low": "yes", "was": "high"}, 1, id="on but not answered here"),
    ],
)
def test_severity(words: dict[str, str], severity: int) -> None:
    book = book_of(make_rule("low", severity=1), make_rule("high", severity=2))
    answers = dict(words)
    if (was := answers.pop("was", None)) is not None:
        settle(book, 0, **{was: "yes"})
    assert settle(book, 1, **answers).severity == severity


@pytest.mark.parametrize(
    ("describe", "words", "expected"),
    [
        ("never", "ny", "--"),
        ("always", "nyyu", "dddd"),
        ("on_change", "n", "-"),  # looked at for the first time: no news
        ("on_change", "nyynn", "-d-d-"),
        ("on_change", "y", "d"),
        ("on_change", "yu", "d-"),
    ],
)
def test_when_a_description_is_wanted(describe: str, words: str, expected: str) -> None:
    book = book_of(make_rule(describe=describe))
    names = {"y": "yes", "n": "no", "u": "unsure"}
    wanted = [settle(book, n, parcel=names[w]).describe for n, w in enumerate(words)]
    assert "".join("d" * len(one) or "-" for one in wanted) == expected


def test_a_description_shows_what_moved_and_matters_most() -> None:
    zones = ("left",)
    book = book_of(
        make_rule("always", describe="always", severity=2),
        make_rule("low", severity=0),
        make_rule("high", severity=1, zones=zones),
    )
    (wanted,) = settle(book, 0, always="no", low="no", high="no").describe
    assert (wanted.look, wanted.schema) == (Look((MOVEMENT,), ()), None)
    (wanted,) = settle(book, 1, always="no", low="yes", high="yes").describe
    assert wanted.look.boxes == (LEFT.bounds,)


def test_each_schema_has_a_description_the_most_important_first() -> None:
    def of(*keys: str) -> dict[str, object]:
        return {"type": "object", "properties": {key: {"type": "boolean"} for key in keys}}

    book = book_of(
        make_rule("plain", describe="always"),
        make_rule("low", describe="always", severity=0, describe_as=of("a", "b")),
        make_rule("same", describe="always", severity=2, describe_as=of("a", "b"), zones=("left",)),
        make_rule("turned", severity=0, describe_as=of("b", "a")),
        make_rule("never", describe="never", describe_as=of("c")),
    )
    everything = dict.fromkeys(("plain", "low", "same", "turned", "never"), "yes")
    settle(book, 0, **everything | {"turned": "no"})
    wanted = settle(book, 1, **everything).describe
    assert [list((one.schema or {}).get("properties", ())) for one in wanted] == [
        ["b", "a"],
        ["a", "b"],
        [],
    ]
    assert wanted[1].look.boxes == (LEFT.bounds,)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([make_rule("a"), make_rule("a")], "2 rules are called 'a'"),
        ([make_rule("a", zones=("attic",))], "zone 'attic', which camera 'porch' does not have"),
        ([make_rule("a", cameras=("porch", "yard"), zones=("left",))], "camera 'yard' does not"),
        ([make_rule("a", cameras=("moon",), zones=("left",))], "camera 'moon' does not"),
    ],
    ids=["same name", "no such zone", "zone of another camera", "no such camera"],
)
def test_rules_that_cannot_be_together_are_refused(rules: list[Rule], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        book_of(*rules)
    book = book_of(make_rule("b"))
    settle(book, 0, b="yes")
    with pytest.raises(ValueError, match=says):
        book.replace_rules(rules, ZONES)
    assert states(book) == {("b", "porch"): "on"}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param([make_rule()], {("parcel", "porch"): "on"}, id="unchanged"),
        pytest.param([make_rule(severity=2, clear=5)], {("parcel", "porch"): "on"}, id="tuned"),
        pytest.param([make_rule(alert="no")], {("parcel", "porch"): "unknown"}, id="condition"),
        pytest.param(
            [make_rule(question=yes_no("parcel", "Is it big?"))],
            {("parcel", "porch"): "unknown"},
            id="question",
        ),
        pytest.param([make_rule(zones=("left",))], {("parcel", "porch"): "unknown"}, id="zones"),
        pytest.param(
            [make_rule(cameras=("yard", "porch"))],
            {("parcel", "yard"): "unknown", ("parcel", "porch"): "on"},
            id="one more camera",
        ),
        pytest.param([make_rule(cameras=("yard",))], {("parcel", "yard"): "unknown"}, id="moved"),
        pytest.param([make_rule("car")], {("car", "porch"): "unknown"}, id="renamed"),
        pytest.param([], {}, id="removed"),
    ],
)
def test_reload(new: list[Rule], expected: dict[tuple[str, str], str]) -> None:
    book = book_of(make_rule())
    settle(book, 0, parcel="yes")
    book.replace_rules(new, ZONES)
    assert states(book) == expected


def test_reload_takes_the_new_zones() -> None:
    book = book_of(make_rule(zones=("left",)))
    moved = Polygon(((0.5, 0.5), (0.6, 0.5), (0.6, 0.6)))
    book.replace_rules([make_rule(zones=("left",))], {"porch": {"left": moved}})
    assert book.ask(make_keyframe(zones=("left",))).looks[0].boxes == (moved.bounds,)


@pytest.mark.parametrize(
    ("new", "num_judged"),
    [
        pytest.param([make_rule()], 1, id="unchanged"),
        pytest.param([make_rule(confirm=2)], 1, id="tuned"),
        pytest.param([make_rule(question=yes_no("parcel", "Is it big?"))], 0, id="reworded"),
        pytest.param([make_rule(cameras=("yard",))], 0, id="moved"),
        pytest.param([], 0, id="removed"),
    ],
)
def test_answers_under_way_during_a_reload(new: list[Rule], num_judged: int) -> None:
    book = book_of(make_rule())
    asking = book.ask(make_keyframe())
    book.replace_rules(new, ZONES)
    settlement = book.settle(asking, [answer_to("parcel", "yes")])
    assert len(settlement.verdicts) == num_judged


def test_answers_that_nobody_asked_for_are_left_out() -> None:
    book = book_of(make_rule(), make_rule("car"))
    asking = book.ask(make_keyframe())
    settlement = book.settle(asking, [answer_to("parcel", "yes"), answer_to("moon", "yes")])
    assert [report.rule for report in settlement.verdicts] == ["parcel"]
    assert states(book)["car", "porch"] == "unknown"


def restarted(book: RuleBook, saved: Moment, at: Moment, *rules: Rule) -> RuleBook:
    other = book_of(*rules)
    other.restore(json.loads(json.dumps(book.snapshot(saved))), at)
    return other


def test_states_survive_a_restart() -> None:
    rules = (make_rule("parcel", cooldown_s=600.0), make_rule("bin", for_s=600.0))
    book = book_of(*rules)
    settle(book, 0, "id-0", parcel="yes", bin="no")
    settle(book, 10, "id-1", parcel="no", bin="yes")
    reboot = Moment(7.0, moment(100).utc)  # 70 s without power, the monotonic clock begins anew
    again = restarted(book, moment(30), reboot, *rules)
    assert again.attributes() == book.attributes()

    def later(seconds: float) -> Moment:
        return Moment(7.0 + seconds - 100, moment(seconds).utc)

    assert again.tick(later(609)) == ()
    (change,) = again.tick(later(610))
    assert (change.rule.name, change.transition.alert) == ("bin", True)


def test_the_cooldown_survives_a_restart() -> None:
    rule = make_rule(cooldown_s=600.0)
    book = book_of(rule)
    settle(book, 0, parcel="yes")
    settle(book, 1, parcel="no")
    again = restarted(book, moment(30), moment(100), rule)
    assert not settle(again, 599, parcel="yes").verdicts[0].alert
    settle(again, 601, parcel="no")
    assert settle(again, 602, parcel="yes").verdicts[0].alert


def test_a_restart_with_the_wall_clock_set_back_neither_fires_nor_stalls() -> None:
    rule = make_rule(for_s=60.0)
    book = book_of(rule)
    settle(book, 0, parcel="yes")
    back = START - timedelta(days=365)
    again = restarted(book, moment(30), Moment(5.0, back), rule)
    assert again.tick(Moment(34.0, back)) == ()
    (change,) = again.tick(Moment(35.0, back))  # 30 s before the restart, 30 s after
    assert change.transition.after == "on"


def test_keyframes_after_a_reboot_are_not_taken_for_old_ones() -> None:
    book = book_of(make_rule())
    settle(book, 0, parcel="yes")
    again = restarted(book, moment(30), Moment(-MONO_S * 2, moment(60).utc), make_rule())
    keyframe = make_keyframe(-MONO_S)  # monotonic 0
    settlement = again.settle(again.ask(keyframe), [answer_to("parcel", "no")])
    assert settlement.verdicts[0].state == "off"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([make_rule()], {("parcel", "porch"): "on"}),
        ([make_rule(alert="no")], {("parcel", "porch"): "unknown"}),
        ([make_rule("car")], {("car", "porch"): "unknown"}),
        ([make_rule(cameras=("yard",))], {("parcel", "yard"): "unknown"}),
    ],
    ids=["the same", "another condition", "another rule", "another camera"],
)
def test_only_rules_that_mean_the_same_get_their_states_back(
    rules: list[Rule], expected: dict[tuple[str, str], str]
) -> None:
    book = book_of(make_rule())
    settle(book, 0, parcel="yes")
    assert states(restarted(book, moment(1), moment(2), *rules)) == expected


@pytest.mark.parametrize(
    ("hours", "down_s", "is_waiting"),
    [
        ("12:00-20:00", 3600.0, True),
        ("12:00-13:00", 3600.0, False),  # it is over now
        ("12:00-13:00, 14:00-20:00", 3 * 3600.0, False),  # it was over in between
        ("daily", 6 * 86400.0, True),
        ("daily", 8 * 86400.0, False),  # too long ago to tell
        ("12:00-20:00", -3600.0, False),  # the clock went back, out of the schedule
        ("11:00-20:00", -1800.0, True),
    ],
)
def test_a_wait_survives_a_restart_only_within_the_schedule(
    hours: str, down_s: float, is_waiting: bool
) -> None:
    rule = make_rule(for_s=30 * 86400.0, schedule=parse_schedule(hours))
    book = book_of(rule)
    settle(book, 60, parcel="yes")
    again = restarted(book, moment(61), moment(61 + down_s), rule)
    assert (again.attributes_of("parcel", "porch").pending_since is not None) is is_waiting


def test_bad_snapshots_change_nothing() -> None:
    book = book_of(make_rule("a"), make_rule("b"))
    settle(book, 0, a="yes", b="yes")
    snapshot = json.loads(json.dumps(book.snapshot(moment(1))))
    snapshot["states"][1]["state"] = "broken"
    fresh = book_of(make_rule("a"), make_rule("b"))
    with pytest.raises(ValueError, match="expected one of on, off, unknown"):
        fresh.restore(snapshot, moment(2))
    assert set(states(fresh).values()) == {"unknown"}


def test_what_is_reported_is_the_calibrated_answer() -> None:
    book = book_of(make_rule("parcel", calibration=Calibration(2.0)))
    (verdict,) = settle(book, 0, parcel="yes").verdicts
    assert verdict.probabilities == {"yes": 0.75, "no": 0.25}
    assert verdict.probability == book.attributes_of("parcel", "porch").probability == 0.75


def test_what_is_set_for_a_camera_stands_above_its_rules() -> None:
    book = book_of(make_rule("parcel", describe="never", cameras=("porch", "yard")))
    book.set_describe("porch", "always")
    assert book.ask(make_keyframe(camera="porch")).describe
    assert not book.ask(make_keyframe(camera="yard")).describe
    assert settle(book, 1, parcel="no").describe
    assert not settle(book, 1, camera="yard", parcel="no").describe
    assert states(book)["parcel", "porch"] == "off", "the state is the rule's all the same"
    book.set_describe("porch", None)
    assert not settle(book, 2, parcel="yes").describe
