"""Scoring: which keyframes show which events, and what is held against them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from edge.errors import LabelError
from edge.replay.score import ClipScore, add_up, percentile, score_clip, without
from edge.replay.truth import Event, Truth, load_truths, parse_truth

BENCH = Path(__file__).parents[2].parent / "shared" / "tools" / "sampler_bench.py"


def truth(*events: Event, **spans: tuple[tuple[float, float], ...]) -> Truth:
    return Truth("truth.json", "clip.mp4", events, **spans)


def score(known: Truth, *times: float, trigger: str = "motion", length_s: float = 60) -> ClipScore:
    return score_clip(known, [(t, trigger) for t in times], length_s)


ENTER = Event(10.0, 12.0, "enter", tolerance_s=0.4)


@pytest.mark.parametrize(
    ("times", "shown_s"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([9.6], 9.6, id="a tolerance before"),
        pytest.param([9.59], None, id="too early"),
        pytest.param([12.5], 12.5, id="half a second after, though the tolerance is less"),
        pytest.param([12.51], None, id="too late"),
        pytest.param([3.0, 10.5, 11.0], 10.5, id="the first one in the window counts"),
    ],
)
def test_an_event_is_shown_by_a_keyframe_in_its_window(
    times: list[float], shown_s: float | None
) -> None:
    (one,) = score(truth(ENTER), *times).events
    assert one.shown_s == shown_s
    assert one.latency_s == (None if shown_s is None else pytest.approx(shown_s - 10.0))


def test_a_wide_tolerance_reaches_as_far_behind() -> None:
    wide = Event(10.0, 12.0, "enter", tolerance_s=1.0)
    assert score(truth(wide), 12.9).events[0].shown_s == 12.9


def test_recall_by_kind_and_by_how_sure_it_is() -> None:
    known = truth(
        Event(1, 2, "enter"),
        Event(5, 6, "leave", sure=False),
        Event(9, 10, "light_on"),
        Event(13, 14, "illumination_change"),
        Event(17, 17, "scene_cut"),
    )
    recall = add_up([score(known, 1.5, 9.5)]).recall
    shares = {name: (one.shown, one.events) for name, one in recall.items()}
    assert shares == {
        "all": (2, 5),
        "all_sure": (2, 4),
        "activity": (1, 2),
        "activity_sure": (1, 1),
        "light": (1, 1),
        "nuisance": (0, 1),
    }


def test_false_calls_by_what_disturbs_and_after_warming_up() -> None:
    known = truth(quiet=((0, 10), (20, 30)), distractors=((25, 40),), still=((40, 60),))
    one = score(known, 1.0, 5.0, 15.0, 26.0, 50.0)
    assert (one.quiet.count, one.quiet.seconds) == (3, 20)
    assert (one.calm.count, one.calm.seconds) == (2, 15)
    assert (one.warm.count, one.warm.seconds) == (2, 17)
    assert (one.still.count, one.still.seconds) == (1, 20)
    assert one.false_s == (1.0, 5.0, 26.0)
    total = add_up([one])
    assert total.false_per_hour == pytest.approx(3 * 3600 / 20)
    assert total.false_per_hour_calm == pytest.approx(2 * 3600 / 15)
    assert total.keyframes_per_hour == pytest.approx(5 * 60)


def test_latency_is_of_what_enters_or_leaves() -> None:
    known = truth(Event(10, 12, "enter"), Event(20, 22, "leave"), Event(30, 32, "gesture"))
    total = add_up([score(known, 10.5, 21.5, 31.9)])
    assert total.latency_median_s == pytest.approx(1.0)
    assert total.latency_p95_s == pytest.approx(0.5 + 0.95)


def test_a_timer_is_expected_to_show_wide_windows() -> None:
    known = truth(Event(10, 12, "enter", tolerance_s=0.5))  # 3 s wide
    assert add_up([score(known, *range(0, 60, 6))]).timer_recall == pytest.approx(0.5)
    assert add_up([score(known)]).timer_recall == 0.0


@pytest.mark.parametrize(
    ("times", "found", "matched"),
    [
        pytest.param([10.0, 20.0], 2, 2, id="both"),
        pytest.param([10.3, 10.1], 2, 1, id="one to one"),
        pytest.param([0.2, 10.0], 1, 1, id="the beginning is never a false one"),
        pytest.param([15.0], 1, 0, id="false"),
        pytest.param([30.5], 0, 0, id="in a fade: neither"),
    ],
)
def test_cuts(times: list[float], found: int, matched: int) -> None:
    known = truth(Event(10, 10, "scene_cut"), Event(20, 20, "scene_cut"), Event(30, 31, "fade"))
    one = score_clip(known, [(t, "scene") for t in sorted(times)], 60)
    assert (one.cuts_any.true, one.cuts_any.found, one.cuts_any.matched) == (2, found, matched)
    assert one.is_of_cuts
    assert add_up([one]).keyframes_per_hour is None, "edited video says nothing about calls"


def test_parts_of_spans() -> None:
    assert without([(0, 10)], [(2, 3), (9, 12)]) == ((0, 2), (3, 9))
    assert without([(0, 10)], [(0, 10)]) == ()
    assert percentile([], 0.5) is None
    assert percentile([1, 2, 3, 4], 0.5) == 2.5


def test_times_are_moved_to_the_clips_beginning() -> None:
    moved = truth(ENTER, quiet=((1.4, 5.0),)).since(1.4)
    assert moved.events[0].from_s == pytest.approx(8.6)
    assert moved.quiet[0] == pytest.approx((0.0, 3.6))


# Labels


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param("[]", "file:", id="a list"),
        pytest.param("{}", "events: Field required", id="no events"),
        pytest.param(
            '{"events": [{"t_start": 1, "t_end": 2}]}', "events.0.category", id="no category"
        ),
        pytest.param(
            '{"events": [{"t_start": 5, "t_end": 2, "category": "enter"}]}',
            "t_end 2 lies before t_start 5",
            id="ends before it begins",
        ),
        pytest.param(
            '{"events": [{"t_start": NaN, "t_end": 2, "category": "enter"}]}',
            "events.0.t_start",
            id="not a number",
        ),
        pytest.param(
            '{"events": [], "quiet_intervals": [{"t_start": "x", "t_end": 2}]}',
            "quiet_intervals.0.t_start",
            id="quiet from nowhere",
        ),
    ],
)
def test_bad_labels_are_told_with_their_place(text: str, said: str) -> None:
    with pytest.raises(LabelError, match=r"truth\.json") as refused:
        parse_truth(text, "truth.json")
    assert said in str(refused.value)


def test_labels_of_a_folder_find_their_clips(tmp_path: Path) -> None:
    clips = tuple(tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4"))
    (tmp_path / "one.json").write_text('{"video": "video/a.mp4", "events": []}')
    (tmp_path / "b.json").write_text('{"events": []}')
    found = load_truths(tmp_path, clips)
    assert {clip.name: Path(t.source).name for clip, t in found.items()} == {
        "a.mp4": "one.json",
        "b.mp4": "b.json",
    }
    with pytest.raises(LabelError, match=r"no file in it is about c\.mp4"):
        load_truths(tmp_path, clips[2:])
    with pytest.raises(LabelError, match="for 2 clips give a folder"):
        load_truths(tmp_path / "b.json", clips[:2])
    with pytest.raises(LabelError, match="no such file"):
        load_truths(tmp_path / "none.json", clips[:1])


@pytest.mark.skipif(not BENCH.is_file(), reason="the bench that this is to agree with is not here")
def test_it_scores_as_the_bench_does() -> None:
    spec = importlib.util.spec_from_file_location("sampler_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    for file in sorted((BENCH.parents[1] / "data" / "groundtruth").glob("*.json")):
        text = file.read_text()
        length_s = json.loads(text)["duration_s"]
        for every in (0.7, 2.0, 11.0):
            taken = [(k * every, "scene" if k % 3 else "motion") for k in range(int(60 / every))]
            info = {"pts": [0.0], "duration_s": length_s}
            clip = {"truth": json.loads(text), "cut_clip": False}
            theirs = bench.score_video(clip, info, [list(one) for one in taken])
            row = {"score": theirs, "cpu_s": 0.0, "width": 640, "rss_mb": 0.0}
            total = bench.aggregate({"a": row}, {"a": clip})
            ours = add_up([score_clip(parse_truth(text, file.name), taken, length_s)])
            for name, group in (
                ("all", "all"),
                ("all_sure", "all_high"),
                ("activity", "activity"),
                ("activity_sure", "activity_high"),
                ("light", "light"),
            ):
                assert ours.recall[name].shown == total["recall"][group]["covered"]
                assert ours.recall[name].events == total["recall"][group]["events"]
            for number, expected in (
                (ours.keyframes_per_hour, total["keyframes_per_hour"]),
                (ours.false_per_hour, total["quiet_false_per_hour"]),
                (ours.false_per_hour_calm, total["quiet_false_per_hour_calm"]),
                (ours.false_per_hour_warm, total["quiet_false_per_hour_warm"]),
                (ours.latency_median_s, total["enter_leave_latency_s"]["median"]),
                (ours.latency_p95_s, total["enter_leave_latency_s"]["p95"]),
                (ours.timer_recall, total["timer_recall_same_budget"]),
            ):
                assert number == (
                    expected if expected is None else pytest.approx(expected, abs=0.06)
                )
