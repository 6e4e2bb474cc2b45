"""The life of a keyframe, with a real store, rule book and publisher, and a scripted analyzer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edge.daemon.analyst import Analyst
from edge.daemon.analyzer_host import DEADLINE_MARGIN_S, AnalyzerHost
from edge.daemon.effort import EffortSettings
from edge.daemon.effort_watch import EffortWatch
from edge.daemon.messages import Analysed, AnalysisRefused, EngineReady
from edge.daemon.plans import AnalyzerPlan
from edge.daemon.reporter import Reporter
from edge.daemon.reuse import Recent
from edge.effort import EffortFacts
from edge.findings import Finding, LeftOutReport
from edge.geometry import FULL, Polygon
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.questions import (
    MAX_QUESTIONS,
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Description,
    ModelInfo,
    Timing,
    View,
    text,
)
from edge.rules.book import RuleBook, Settlement
from edge.rules.rule import Rule
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from edge.vlm.settings import EngineSettings
from tests.support.keyframes import RIGHT, make_keyframe
from tests.support.rules import ZONES, make_rule
from tests.support.scripted_child import Nursery


class Bench:
    """An analyst whose clock and analyzer are in the test's hands."""

    def __init__(
        self,
        store: Store,
        describe: str,
        reuse_s: float = 0.0,
        rules: tuple[Rule, ...] = (),
        zones: Mapping[str, Mapping[str, Polygon]] | None = None,
    ) -> None:
        self.now = 100.0
        self.store = store
        self.nursery = Nursery()
        self.settled: list[Settlement] = []
        publisher = Publisher(MqttSettings("127.0.0.1", "box"), store, lambda _: None, ["porch"])
        self.host = AnalyzerHost(AnalyzerPlan(EngineSettings(Path("/x"))), self.nursery.spawn)
        self.reporter = Reporter("box", store, publisher)
        rule = make_rule("person", cameras=("porch",), describe=describe)
        self.analyst = Analyst(
            host=self.host,
            reporter=self.reporter,
            rules=RuleBook(rules or [rule], zones or {}),
            on_settled=self.settled.append,
            deadline_s=5.0,
            recent=Recent(reuse_s),
            clock=lambda: self.now,
        )
        self.start_analyzer()

    def start_analyzer(self, after_s: float = 100.0) -> None:
        self.now += after_s
        self.host.check(self.now)
        self.analyst.heard(EngineReady(ModelInfo("tiny", "int8", 1.5), 0.1))

    def take(self, **changes: object) -> str:
        """A keyframe comes in; its finding's id."""
        keyframe = make_keyframe(**changes)  # type: ignore[arg-type]
        return self.analyst.take_keyframe(keyframe, snapshot=False).id

    @property
    def asked(self) -> AnalysisRequest:
        request = self.nursery.newest.sent[-1]
        assert isinstance(request, AnalysisRequest)
        return request

    def answer(self, p_yes: float = 0.9, described: Description | None = None) -> None:
        """The analyzer answers what it was asked last."""
        request = self.asked
        answers = tuple(
            Answer(q.id, q.kind, "yes", p_yes, {"yes": p_yes, "no": 1 - p_yes})
            if q.kind == "yes_no"
            else Answer(q.id, q.kind, "a cat", 0.8)
            for look in request.looks
            for q in look.questions
        )
        if request.describe and described is None:
            described = Description("A person.", ("person",), (), ())
        views = (View(FULL, 64, 32),) if described is None else (View(RIGHT, 96, 96),)
        result = AnalysisResult(request.id, answers, described, views, Timing(total_ms=500))
        self.analyst.heard(Analysed(result))

    def life(self, finding_id: str) -> list[Finding]:
        """Every message about a finding, from the outbox."""
        rows = [json.loads(row.payload) for row in self.store.pending(1000)]
        return [Finding.model_validate(r) for r in rows if r["id"] == finding_id]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(StoreSettings(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store, "never")


def test_many_rules_have_the_time_of_several_passes(store: Store) -> None:
    names = [f"r{n}" for n in range(2 * MAX_QUESTIONS + 1)]
    bench = Bench(store, "never", rules=tuple(make_rule(n, cameras=("porch",)) for n in names))
    finding_id = bench.take()
    assert bench.asked.allowed_s == 3 * bench.asked.deadline_s == 15.0
    bench.now += 15.0 + DEADLINE_MARGIN_S
    bench.host.check(bench.now)
    assert bench.host.state == "busy"
    bench.answer()
    *_, end = bench.life(finding_id)
    assert [verdict.rule for verdict in end.verdicts] == names
    bench.take()
    bench.now += 15.1 + DEADLINE_MARGIN_S
    bench.host.check(bench.now)
    assert "past its deadline" in bench.host.last_error


def test_new_update_end(bench: Bench) -> None:
    finding_id = bench.take()
    bench.now += 0.25
    bench.answer()
    new, update, end = bench.life(finding_id)
    assert [m.type for m in (new, update, end)] == ["new", "update", "end"]
    assert new.verdicts == []
    (verdict,) = update.verdicts
    assert (verdict.rule, verdict.verdict, verdict.state) == ("person", "yes", "on")
    assert verdict.changed
    assert end.verdicts == update.verdicts
    assert end.timing.total_ms == 500
    assert end.model is not None
    assert end.model.name == "tiny"
    assert [s.camera for s in bench.settled] == ["porch"]


def test_a_description_follows_the_verdicts(store: Store) -> None:
    bench = Bench(store, "on_change")
    finding_id = bench.take()
    bench.answer()
    assert bench.asked.describe
    assert not any(look.questions for look in bench.asked.looks)
    assert len(bench.life(finding_id)) == 2, "the verdict is out before the description"
    bench.answer()
    assert bench.life(finding_id)[-1].summary == "A person."
    assert bench.life(finding_id)[-1].timing.total_ms == 1000


def test_a_keyframe_whose_analyzer_died_is_tried_once_more(bench: Bench) -> None:
    finding_id = bench.take()
    bench.analyst.analyzer_gone(-9)
    assert bench.analyst.scheduler.counts("porch").waiting == 1
    bench.start_analyzer()
    assert bench.asked.id == finding_id
    bench.answer()
    assert bench.life(finding_id)[-1].status == "ok"


def test_the_second_death_is_published(bench: Bench) -> None:
    finding_id = bench.take()
    for _ in range(2):
        bench.analyst.analyzer_gone(-9)
        bench.start_analyzer()
    end = bench.life(finding_id)[-1]
    assert (end.type, end.status) == ("end", "analysis_failed")
    assert "analyzer process ended" in end.reason
    assert bench.analyst.scheduler.counts("porch").failed == 1


def schema_of(*keys: str) -> dict[str, object]:
    return {"type": "object", "properties": {key: {"type": "integer"} for key in keys}}


def own(summary: str, *, truncated: bool = False, **details: object) -> Description:
    return Description(summary, (), (), (), truncated, details)


PEOPLE = make_rule(
    "people", cameras=("porch",), describe="always", severity=2, describe_as=schema_of("n", "m")
)
CARS = make_rule("cars", cameras=("porch",), describe="always", describe_as=schema_of("n", "cars"))
PLAIN = make_rule("plain", cameras=("porch",), describe="always", severity=0)


def test_a_description_by_the_users_schema_is_in_the_finding(store: Store) -> None:
    bench = Bench(store, "always", rules=(PEOPLE,))
    finding_id = bench.take()
    bench.answer()
    assert bench.asked.schema == PEOPLE.describe_as
    bench.answer(described=own("n: 3", n=3, truncated=True))
    end = bench.life(finding_id)[-1]
    assert (end.summary, end.details, end.truncated) == ("n: 3", {"n": 3}, True)
    assert [(v.box, v.overview) for v in end.views] == [
        (FULL.as_tuple(), False),
        (RIGHT.as_tuple(), False),
    ]


def test_several_schemas_are_described_in_turn_under_one_deadline(store: Store) -> None:
    bench = Bench(store, "always", rules=(PLAIN, CARS, PEOPLE))
    finding_id = bench.take()
    bench.answer()
    assert (bench.asked.schema, bench.asked.deadline_s) == (PEOPLE.describe_as, 5.0)
    bench.now += 3
    bench.answer(described=own("n: 3, m: 1", n=3, m=1))
    assert (bench.asked.schema, bench.asked.deadline_s) == (CARS.describe_as, 2.0)
    bench.now += 1.5
    bench.answer(described=own("n: 9, cars: 2", n=9, cars=2))
    assert (bench.asked.schema, bench.asked.deadline_s) == (None, 1.0)
    bench.answer()
    end = bench.life(finding_id)[-1]
    assert end.type == "end"
    assert end.details == {"n": 3, "m": 1, "cars": 2}, "the more important rule's n"
    assert (end.summary, end.objects, end.reason) == ("A person.", ["person"], "")
    assert len(end.views) == 2


def test_descriptions_that_no_time_is_left_for_are_told(store: Store) -> None:
    bench = Bench(store, "always", rules=(PLAIN, CARS, PEOPLE))
    finding_id = bench.take()
    bench.answer()
    bench.now += 5
    bench.answer(described=own("n: 3", n=3))
    end = bench.life(finding_id)[-1]
    assert (end.type, end.status, end.details) == ("end", "ok", {"n": 3})
    assert end.reason == "no time was left for 2 more descriptions"


def test_a_refused_description_does_not_cost_the_others(store: Store) -> None:
    bench = Bench(store, "always", rules=(CARS, PEOPLE))
    finding_id = bench.take()
    bench.answer()
    bench.analyst.heard(AnalysisRefused(finding_id, "5000 tokens", retry=False))
    assert bench.asked.schema == CARS.describe_as
    bench.answer(described=own("cars: 2", cars=2))
    end = bench.life(finding_id)[-1]
    assert (end.details, end.reason) == ({"cars": 2}, "no description: 5000 tokens")


def test_a_dead_analyzer_keeps_what_was_described(store: Store) -> None:
    bench = Bench(store, "always", rules=(CARS, PEOPLE))
    finding_id = bench.take()
    bench.answer()
    bench.answer(described=own("n: 3", n=3))
    bench.analyst.analyzer_gone(-9)
    end = bench.life(finding_id)[-1]
    assert (end.type, end.details) == ("end", {"n": 3})
    assert "no description" in end.reason


def test_death_during_the_description_keeps_the_verdicts(store: Store) -> None:
    bench = Bench(store, "always")
    finding_id = bench.take()
    bench.answer()
    bench.analyst.analyzer_gone(-9)
    end = bench.life(finding_id)[-1]
    assert (end.type, end.status, end.summary) == ("end", "ok", "")
    assert end.verdicts
    assert "no description" in end.reason


def test_a_refused_analysis_is_not_repeated(bench: Bench) -> None:
    finding_id = bench.take()
    bench.analyst.heard(AnalysisRefused(finding_id, "the picture is 0 pixels high", retry=False))
    end = bench.life(finding_id)[-1]
    assert (end.status, end.reason) == ("analysis_failed", "the picture is 0 pixels high")


def test_no_analyzer_for_minutes_fails_the_job_it_had(bench: Bench) -> None:
    finding_id = bench.take()
    bench.analyst.analyzer_gone(-9)
    bench.now += 60
    bench.analyst.step()
    assert bench.life(finding_id)[-1].type == "new"
    bench.now += 61
    bench.analyst.step()
    assert bench.life(finding_id)[-1].status == "analysis_failed"


def test_stale_and_superseded_are_told(bench: Bench) -> None:
    running = bench.take()
    waiting = [bench.take(pts_s=float(n)) for n in range(3)]
    superseded = bench.life(waiting[0])[-1]
    assert (superseded.type, superseded.superseded) == ("end", waiting[2])
    bench.now += 31
    bench.analyst.step()
    for finding_id in waiting[1:]:
        assert bench.life(finding_id)[-1].status == "stale"
    bench.answer()
    assert bench.life(running)[-1].status == "ok"
    counts = bench.analyst.scheduler.counts("porch")
    assert (counts.keyframes, counts.analysed, counts.superseded, counts.stale) == (4, 1, 1, 2)


def test_a_superseding_keyframe_covers_the_time_of_the_other(bench: Bench) -> None:
    bench.take()
    bench.take(boxes=(RIGHT,))
    bench.now += 4
    bench.take()
    newest = bench.take(boxes=(RIGHT,))
    for _ in range(3):
        bench.answer()
    end = bench.life(newest)[-1]
    assert end.covers_from is not None
    assert end.covers_from < end.time


def test_a_keyframe_that_no_rule_asks_about_is_reported_unasked(bench: Bench) -> None:
    finding_id = bench.take(trigger="tamper", boxes=())
    assert [m.type for m in bench.life(finding_id)] == ["new", "end"]
    counts = bench.analyst.scheduler.counts("porch")
    assert (counts.keyframes, counts.unasked) == (0, 1)


def test_a_user_is_answered_before_waiting_keyframes(bench: Bench) -> None:
    replies: list[tuple[str, str]] = []
    bench.take()
    waiting = bench.take(boxes=(RIGHT,))
    question = text("u1", "What is there?")
    bench.analyst.ask(
        "u1", make_keyframe(), question, lambda a, e: replies.append((a.value if a else "", e))
    )
    bench.answer()
    assert bench.asked.id == "u1"
    bench.answer()
    assert replies == [("a cat", "")]
    assert bench.asked.id == waiting


def test_a_user_is_told_of_failure(bench: Bench) -> None:
    replies: list[str] = []
    bench.analyst.ask("u1", make_keyframe(), text("u1", "What?"), lambda _, e: replies.append(e))
    bench.analyst.heard(AnalysisRefused("u1", "no memory", retry=False))
    assert replies == ["no memory"]


def test_waiting_users_are_told_of_the_end_and_of_waiting_in_vain(bench: Bench) -> None:
    replies: list[str] = []
    bench.take()
    for name in ("u1", "u2"):
        bench.analyst.ask(name, make_keyframe(), text(name, "?"), lambda _, e: replies.append(e))
        bench.now += 61
    bench.analyst.step()
    assert replies == ["waited 122 s for the analyzer"]
    bench.analyst.stop(["porch"])
    assert replies[1:] == ["the daemon was stopped before its analysis"]
    assert bench.analyst.scheduler.num_waiting == 0


def test_an_unchanged_picture_reuses_the_answers(store: Store) -> None:
    bench = Bench(store, "never", reuse_s=10)
    first = bench.take(pts_s=1.0)
    bench.answer()
    second = bench.take(pts_s=3.0)
    third = bench.take(pts_s=20.0)
    assert [m.type for m in bench.life(second)] == ["new", "update", "end"]
    end = bench.life(second)[-1]
    assert end.reused
    assert not bench.life(first)[-1].reused
    assert [v.answer for v in end.verdicts] == ["yes"]
    assert bench.asked.id == third, "too old by then"
    counts = bench.analyst.scheduler.counts("porch")
    assert (counts.keyframes, counts.analysed, counts.reused, counts.waiting) == (3, 1, 1, 1)


def test_a_reused_verdict_may_still_want_a_description(store: Store) -> None:
    bench = Bench(store, "always", reuse_s=10)
    bench.take(pts_s=1.0)
    bench.answer()
    bench.answer()
    second = bench.take(pts_s=3.0)
    assert bench.asked.id == second
    assert bench.asked.describe
    bench.answer()
    end = bench.life(second)[-1]
    assert end.reused
    assert end.summary == "A person."


def test_stopping_ends_every_finding(bench: Bench) -> None:
    ids = [bench.take(), bench.take(boxes=(RIGHT,))]
    bench.analyst.stop(["porch"])
    assert [bench.life(i)[-1].type for i in ids] == ["end", "end"]
    assert bench.store.open_findings() == []


def test_findings_of_an_earlier_run_are_ended(bench: Bench) -> None:
    finding_id = bench.take()
    later = Reporter("box", bench.store, Publisher(MqttSettings("h", "b"), bench.store, print))
    assert later.end_abandoned() == 1
    assert bench.life(finding_id)[-1].status == "analysis_failed"
    assert later.end_abandoned() == 0


def test_late_words_about_a_finished_job_are_ignored(bench: Bench) -> None:
    first = bench.take()
    request = bench.asked
    bench.answer()
    result = AnalysisResult(request.id, (), None, (), Timing())
    bench.analyst.heard(Analysed(result))
    assert [m.type for m in bench.life(first)] == ["new", "update", "end"]


# Less than full effort


def test_small_pictures_are_asked_for_and_said(store: Store) -> None:
    bench = Bench(store, "always")
    bench.analyst.effort.word = "small"
    finding_id = bench.take()
    assert bench.asked.max_pixels == bench.analyst.effort.small_pixels
    bench.answer()
    assert bench.asked.describe, "descriptions are written all the same"
    assert bench.asked.max_pixels == bench.analyst.effort.small_pixels
    bench.answer()
    new, update, end = bench.life(finding_id)
    assert new.left_out is None, "nothing is known of it yet"
    assert update.left_out == end.left_out == LeftOutReport(effort="small")
    assert (end.status, end.summary) == ("ok", "A person.")
    bench.analyst.effort.word = "full"
    second = bench.take()
    assert bench.asked.max_pixels is None
    bench.answer()
    bench.answer()
    assert bench.life(second)[-1].left_out is None


def test_few_questions_leave_rules_and_descriptions_out_in_turn(store: Store) -> None:
    rules = tuple(
        make_rule(name, cameras=("porch",), describe="always", zones=(name,))
        for name in ("left", "right")
    )
    bench = Bench(store, "never", rules=rules, zones=ZONES)
    bench.analyst.effort.word = "few"
    ends = []
    for n in range(2):
        finding_id = bench.take(pts_s=1.0 + n, zones=("left", "right"))
        bench.answer()
        ends.append(bench.life(finding_id)[-1])
    for end, asked, left_out in zip(ends, ("left", "right"), ("right", "left"), strict=True):
        assert [verdict.rule for verdict in end.verdicts] == [asked]
        report = LeftOutReport(effort="few", rules=[left_out], description=True)
        assert (end.left_out, end.status, end.summary) == (report, "ok", "")


def test_motion_only_publishes_without_analysis(bench: Bench) -> None:
    bench.analyst.effort.word = "motion"
    probe = bench.take()
    bench.answer()
    assert bench.life(probe)[-1].verdicts, "one now and then is analysed"
    num_asked = len(bench.nursery.newest.sent)
    finding_id = bench.take()
    assert len(bench.nursery.newest.sent) == num_asked
    new, end = bench.life(finding_id)
    assert (new.type, end.type, end.status) == ("new", "end", "left_out")
    assert end.left_out == LeftOutReport(effort="motion", rules=["person"])
    assert "motion only" in end.reason
    counts = bench.analyst.scheduler.counts("porch")
    assert (counts.keyframes, counts.analysed, counts.left_out) == (1, 1, 1)
    bench.now += bench.analyst.effort.probe_s
    assert len(bench.life(bench.take())) == 1, "it is time for another one"
    bench.answer()


def test_what_somebody_asks_for_is_analysed_with_motion_only(bench: Bench) -> None:
    bench.analyst.effort.word = "motion"
    bench.take()
    bench.answer()
    asked_for = bench.take(trigger="command")
    bench.answer()
    end = bench.life(asked_for)[-1]
    assert (end.status, len(end.verdicts)) == ("ok", 1)
    assert end.left_out == LeftOutReport(effort="few")


def test_answers_about_a_small_picture_are_not_reused_at_full_effort(store: Store) -> None:
    bench = Bench(store, "never", reuse_s=10)
    bench.analyst.effort.word = "small"
    bench.take(pts_s=1.0)
    bench.answer()
    reused = bench.take(pts_s=2.0)
    assert bench.life(reused)[-1].reused
    bench.analyst.effort.word = "full"
    fresh = bench.take(pts_s=3.0)
    assert bench.asked.id == fresh


def test_what_keyframes_take_makes_the_load(bench: Bench) -> None:
    load = bench.analyst.effort.load
    load.note(bench.analyst.scheduler.total(), 0.0, is_up=True)
    for _ in range(3):
        bench.take()
        bench.answer()  # 500 ms
    load.note(bench.analyst.scheduler.total(), 60.0, is_up=True)
    loads = load.loads(1)
    assert loads is not None
    assert loads["full"] == pytest.approx(1.5 / 60)


def test_the_watch_sets_the_step_and_tells_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    watch = EffortWatch(bench.analyst, EffortSettings("motion", 10, 100), wall=lambda: 1000.0)
    assert watch.facts() == EffortFacts()
    bench.take()
    bench.answer()
    changed_at = []
    for second in range(40):
        for _ in range(5):
            bench.take()
        if watch.step(float(second)):
            changed_at.append(second)
    assert changed_at == [19, 30]
    assert bench.analyst.effort.word == "few"
    assert (bench.analyst.effort.probe_s, bench.analyst.effort.load.window_s) == (20, 10)
    facts = watch.facts()
    assert (facts.word, facts.since_s) == ("few", 1000.0)
    assert facts.load_at_full == pytest.approx(2.5, rel=0.1)  # 5 a second, half a second each
    said = [line for line in caplog.messages if line.startswith("effort: ")]
    assert [line.split()[1] for line in said] == ["small", "few"]
