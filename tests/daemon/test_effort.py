"""Effort: the steps down and up, by a clock of the test's."""

from __future__ import annotations

import pytest

from edge.daemon.effort import TOLD_AGAIN_S, EffortSettings, EffortSteps, Said
from edge.daemon.load import LIGHTER_RATIO, MIN_LASTED_FRAC, MIN_RATIO, WINDOW_S, LoadMeter
from edge.effort import EFFORTS, EffortWord
from edge.findings import KeyframeCounts

SETTINGS = EffortSettings("motion", lighten_after_s=60, restore_after_s=600)


class Scene:
    """Steps that are looked at each second while the load at full effort is given."""

    def __init__(self, settings: EffortSettings = SETTINGS) -> None:
        self.steps = EffortSteps(settings)
        self.now = 0.0
        self.said: list[tuple[float, Said]] = []

    def run(self, seconds: float, load: float | None) -> EffortWord:
        """Each step halves what a keyframe takes, and motion takes nothing."""
        loads = None
        if load is not None:
            loads = {"full": load, "small": load / 2, "few": load / 4, "motion": 0.0}
        until = self.now + seconds
        while self.now < until:
            self.now += 1
            if (said := self.steps.look(loads, self.now)) is not None:
                self.said.append((self.now, said))
        return self.steps.word

    @property
    def changes(self) -> list[tuple[float, str]]:
        return [(at, said.line.split()[1]) for at, said in self.said if said.is_change]


def test_each_step_down_is_taken_after_its_time_and_told_once() -> None:
    scene = Scene()
    assert scene.run(60, 9.0) == "full"
    assert scene.run(1, 9.0) == "small"
    assert scene.run(200, 9.0) == "motion"
    assert scene.changes == [(61, "small"), (122, "few"), (183, "motion")]
    lines = [said.line for _, said in scene.said]
    assert "need 900% of the model's time" in lines[0]
    assert "edge tune" in lines[0]
    assert all(said.is_warning for _, said in scene.said)


@pytest.mark.parametrize(
    ("load", "word"),
    [(1.0, "full"), (1.1, "small"), (2.0, "small"), (2.1, "few"), (8.0, "few"), (8.1, "motion")],
)
def test_no_more_is_given_up_than_is_needed(load: float, word: str) -> None:
    """`few` goes on until more than half would be missed even so."""
    assert Scene().run(1000, load) == word


def test_back_only_after_long_calm_step_by_step() -> None:
    scene = Scene()
    scene.run(200, 9.0)
    began = scene.now
    assert scene.run(600, 0.1) == "motion"
    assert scene.run(1, 0.1) == "few"
    assert scene.run(2000, 0.1) == "full"
    up = [(at - began, word) for at, word in scene.changes if at > began]
    assert up == [(601, "few"), (1202, "small"), (1803, "full")]
    assert not scene.said[-1][1].is_warning


def test_between_the_limits_nothing_moves() -> None:
    scene = Scene()
    scene.run(61, 1.5)
    assert scene.steps.word == "small"
    assert scene.run(5000, 0.9) == "small", "0.9 at full effort is not well below 1"
    assert scene.run(602, 0.6) == "full"


def test_what_fits_at_the_step_but_not_above_does_not_swing() -> None:
    scene = Scene()
    scene.run(20_000, 1.9)
    assert scene.changes == [(61, "small")]


def test_motion_only_is_never_for_ever() -> None:
    """Its load counts all that moves, though most might be answered from memory."""
    scene = Scene()
    assert scene.run(300, 20.0) == "motion"
    assert scene.run(3400, 20.0) == "motion"
    assert scene.run(200, 20.0) == "motion", "it was tried, and is too much still"
    lines = [said.line for _, said in scene.said[-2:]]
    assert lines[0].startswith("effort: few instead of motion")
    assert "to see whether there is time" in lines[0]
    assert lines[1].startswith("effort: motion instead of few")
    assert scene.run(3500, 20.0) == "motion"
    num_said = len(scene.said)
    assert scene.run(120, 0.8) == "few", "and stays where it fits"
    assert scene.run(200, 0.8) == "few"
    assert len(scene.said) == num_said + 1


def test_a_short_rush_and_a_short_calm_change_nothing() -> None:
    scene = Scene()
    for _ in range(20):
        scene.run(50, 9.0)
        scene.run(10, 0.5)
    assert scene.changes == []
    scene.run(62, 1.5)
    for _ in range(5):
        scene.run(500, 0.1)
        scene.run(20, 1.5)
    assert scene.steps.word == "small"


def test_without_a_known_load_the_step_stays() -> None:
    scene = Scene()
    scene.run(61, 9.0)
    assert scene.run(5000, None) == "small"
    scene.run(50, 9.0)
    scene.run(5, None)
    assert scene.run(50, 9.0) == "small", "the time begins anew"


@pytest.mark.parametrize("lightest", EFFORTS)
def test_the_lightest_step_is_the_last(lightest: EffortWord) -> None:
    assert Scene(EffortSettings(lightest, 60, 600)).run(5000, 99.0) == lightest


def test_switched_off_it_warns_every_ten_minutes() -> None:
    scene = Scene(EffortSettings("full", 60, 600))
    assert scene.run(1400, 3.0) == "full"
    assert [at for at, _ in scene.said] == [61, 61 + TOLD_AGAIN_S, 61 + 2 * TOLD_AGAIN_S]
    said = scene.said[0][1]
    assert said.line.startswith("overload: the latest keyframes need 300% of the model's time")
    assert (said.is_warning, said.is_change) == (True, False)


def test_the_last_allowed_step_is_told_to_be_too_little() -> None:
    scene = Scene(EffortSettings("few", 60, 600))
    scene.run(1000, 6.0)  # 1.5 at few
    assert [said.is_change for _, said in scene.said] == [True, True, False]


def test_another_configuration_holds_at_once() -> None:
    scene = Scene()
    scene.run(200, 9.0)
    scene.steps.settings = EffortSettings("small", 60, 600)
    assert scene.run(1, 9.0) == "small"
    assert "as configured now" in scene.said[-1][1].line


# The load


def counts(analysed: int = 0, **more: int) -> KeyframeCounts:
    return KeyframeCounts(analysed=analysed, **more)


def test_missed_keyframes_count_like_seen_ones() -> None:
    meter = LoadMeter()
    for _ in range(5):
        meter.count_keyframe("full", 2000.0)
    meter.note(counts(), 0.0, is_up=True)
    meter.note(counts(10, superseded=12, stale=5, failed=2, left_out=1), 60.0, is_up=True)
    loads = meter.loads(1)
    assert loads == {
        "full": 1.0,
        "small": LIGHTER_RATIO,
        "few": LIGHTER_RATIO**2,
        "motion": 0.0,
    }
    assert meter.loads(2) == {word: load / 2 for word, load in loads.items()}


def test_reused_answers_and_unasked_keyframes_cost_nothing() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 2000.0)
    meter.note(counts(), 0.0, is_up=True)
    meter.note(counts(keyframes=90, reused=80, unasked=10, waiting=2), 60.0, is_up=True)
    assert meter.loads(1) == {"full": 0, "small": 0, "few": 0, "motion": 0}


def test_people_take_time_too() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    meter.note(counts(), 0.0, is_up=True)
    meter.count_person(30_000.0)
    meter.note(counts(30), 60.0, is_up=True)
    loads = meter.loads(1)
    assert loads is not None
    assert (loads["full"], loads["motion"]) == (1.0, 0.5)


def test_a_single_outlier_does_not_count() -> None:
    meter = LoadMeter()
    for spent_ms in (1000.0, 1000.0, 90_000.0):
        meter.count_keyframe("full", spent_ms)
    assert at_one_a_second(meter)["full"] == 1.0


def at_one_a_second(meter: LoadMeter) -> dict[str, float]:
    meter.note(counts(), 0.0, is_up=True)
    meter.note(counts(60), 60.0, is_up=True)
    loads = meter.loads(1)
    assert loads is not None
    return {word: pytest.approx(load) for word, load in loads.items()}


def test_what_a_step_saves_is_learnt_when_it_is_taken() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    meter.count_keyframe("small", 900.0)
    assert at_one_a_second(meter)["full"] == 1.8, "until then it is taken to be half"
    for _ in range(5):
        meter.count_keyframe("small", 900.0)
    assert at_one_a_second(meter) == {"full": 1.0, "small": 0.9, "few": 0.45, "motion": 0}


def test_a_box_that_becomes_faster_is_so_at_every_step() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    for _ in range(3):
        meter.count_keyframe("small", 800.0)
    for _ in range(3):
        meter.count_keyframe("few", 400.0)
    for _ in range(5):
        meter.count_keyframe("few", 40.0)
    assert at_one_a_second(meter) == {"full": 0.1, "small": 0.08, "few": 0.04, "motion": 0}


def test_a_step_never_counts_as_heavier_nor_as_next_to_nothing() -> None:
    dearer = LoadMeter()
    dearer.count_keyframe("full", 1000.0)
    for _ in range(3):
        dearer.count_keyframe("small", 3000.0)
    assert at_one_a_second(dearer)["full"] == 3.0
    cheaper = LoadMeter()
    cheaper.count_keyframe("full", 1000.0)
    for _ in range(3):
        cheaper.count_keyframe("small", 10.0)
    assert at_one_a_second(cheaper)["full"] == 0.01 / MIN_RATIO


def test_back_at_a_heavier_step_its_own_time_counts() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    meter.count_keyframe("small", 500.0)
    meter.count_keyframe("full", 2000.0)
    assert at_one_a_second(meter)["full"] == 2.0


def test_too_little_is_no_load() -> None:
    meter = LoadMeter()
    meter.note(counts(), 0.0, is_up=True)
    meter.note(counts(50), 60.0, is_up=True)
    assert meter.loads(1) is None, "nothing was measured"
    meter.count_keyframe("full", 1000.0)
    assert meter.loads(1) is not None
    young = LoadMeter()
    young.count_keyframe("full", 1000.0)
    young.note(counts(), 0.0, is_up=True)
    young.note(counts(50), MIN_LASTED_FRAC * WINDOW_S - 1, is_up=True)
    assert young.loads(1) is None


def test_the_last_minute_counts() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    total = 0
    for second in range(200):
        total += 3 if second < 100 else 0
        meter.note(counts(total), float(second), is_up=True)
        loads = meter.loads(1)
        if second == 99:
            assert loads is not None
            assert loads["full"] == pytest.approx(3.0)
        if second == 100 + WINDOW_S:
            assert loads is not None
            assert loads["full"] == 0


def test_time_without_a_model_does_not_count_but_that_of_one_too_slow_does() -> None:
    meter = LoadMeter()
    meter.count_keyframe("full", 1000.0)
    for second in range(100):
        meter.note(counts(stale=9 * second), float(second), is_up=False)
    assert meter.loads(1) is None
    slow = LoadMeter()
    slow.count_keyframe("full", 30_000.0)
    slow.note(counts(), 0.0, is_up=True)
    slow.note(counts(failed=1, superseded=9), 60.0, is_up=False)
    loads = slow.loads(1)
    assert loads is not None
    assert loads["full"] == 5.0
