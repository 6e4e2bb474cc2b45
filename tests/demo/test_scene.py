"""The demo's camera: what it shows, when, and how it is read."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from edge.capture.clock import Clock
from edge.capture.settings import SourceSettings
from edge.capture.source import FrameSource
from edge.demo.scene import DemoPlan, DemoSource, open_demo, parse_demo_url
from edge.demo.sketch import NOISE_SIGMA, draw_things, draw_yard
from edge.demo.story import DOOR, TURN_S, things_at
from edge.errors import SourceUnsupported

SEEDS = (0, 7, 123)


@dataclass
class FakeTime:
    """A clock whose sleep is instant."""

    mono_s: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.mono_s += seconds

    def clock(self) -> Clock:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        return Clock(
            lambda: self.mono_s, lambda: start + timedelta(seconds=self.mono_s), self.sleep
        )


def open_yard(query: str = "", *, fps: float = 10.0, realtime: bool = False) -> DemoSource:
    return open_demo(
        SourceSettings(camera="c", url=f"demo:yard{query}", fps=fps, realtime=realtime)
    )


def take(source: DemoSource, count: int) -> list:
    return list(itertools.islice(source.frames(), count))


def test_is_a_frame_source():
    source: FrameSource = open_yard()
    with open_yard() as same:
        assert next(same.frames()).camera == "c"
    source.close()
    source.close()


def test_frame_is_as_promised():
    first, second = take(open_yard("?size=640x360"), 2)
    assert (first.width_px, first.height_px) == (640, 360)
    assert first.image().shape == (360, 640, 3)
    assert first.image().dtype == np.uint8
    assert first.luma.shape == (180, 320)
    assert first.luma.dtype == np.uint8
    assert (first.pts_s, second.pts_s) == (0.0, pytest.approx(0.1))
    assert (first.after_gap, second.after_gap) == (True, False)
    assert first.captured_at.tzinfo is not None
    assert first.is_iframe
    first.image()[:] = 0
    assert first.image().any()  # each call gives a picture of its own


def test_luma_is_the_picture_averaged():
    frame = take(open_yard(), 1)[0]
    grey = frame.image().astype(float) @ (0.299, 0.587, 0.114)
    small = grey.reshape(180, 2, 320, 2).mean(axis=(1, 3))
    assert np.abs(small - frame.luma).max() <= 1.5


def test_small_picture_is_not_enlarged():
    frame = take(open_yard("?size=160x90"), 1)[0]
    assert frame.luma.shape == (90, 160)


def test_same_seed_same_pictures():
    one, two = take(open_yard("?seed=3"), 3), take(open_yard("?seed=3"), 3)
    assert all(np.array_equal(a.image(), b.image()) for a, b in zip(one, two, strict=True))
    other = take(open_yard("?seed=4"), 1)[0]
    assert not np.array_equal(one[0].image(), other.image())


def test_quiet_pictures_differ_by_noise_alone():
    one, two = take(open_yard(), 2)
    difference = one.image().astype(int) - two.image()
    assert 0.8 < difference.std() / (NOISE_SIGMA * 2**0.5) < 1.2
    assert np.abs(difference).max() < 12 * NOISE_SIGMA


@pytest.mark.parametrize(
    ("camera_fps", "asked_fps", "steps"),
    [(10, 10, 1), (10, 5, 2), (10, 30, 1), (25, 5, 5), (10, 0.5, 20)],
    ids=["same", "half", "more than there are", "fifth", "one in two seconds"],
)
def test_rate_is_the_lower_of_both(camera_fps, asked_fps, steps):
    frames = take(open_yard(f"?fps={camera_fps}", fps=asked_fps), 3)
    assert [f.seq for f in frames] == [0, steps, 2 * steps]
    assert frames[1].pts_s == pytest.approx(steps / camera_fps)


def test_waits_for_each_frames_time():
    time = FakeTime()
    source = DemoSource(SourceSettings(camera="c", url="demo:", fps=5), DemoPlan(), time.clock())
    frames = list(itertools.islice(source.frames(), 4))
    assert time.slept == pytest.approx([0.2, 0.2, 0.2])
    assert [f.mono_s for f in frames] == pytest.approx([1000, 1000.2, 1000.4, 1000.6])


def test_a_late_reader_gets_the_newest():
    time = FakeTime()
    source = DemoSource(SourceSettings(camera="c", url="demo:", fps=5), DemoPlan(), time.clock())
    frames = source.frames()
    next(frames)
    time.mono_s += 30.05
    late = next(frames)
    assert late.pts_s == pytest.approx(30.2)
    assert late.seq == 302
    assert late.mono_s == pytest.approx(1030.2)


def test_as_fast_as_possible_never_waits():
    time = FakeTime()
    settings = SourceSettings(camera="c", url="demo:", fps=5, realtime=False)
    list(itertools.islice(DemoSource(settings, DemoPlan(), time.clock()).frames(), 20))
    assert time.slept == []


class TestStory:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_turn_has_one_visit_to_the_door_and_quiet_before_it(self, seed):
        for turn in range(6):
            times = [turn * TURN_S + i / 10 for i in range(int(TURN_S * 10))]
            seen = [any(t.kind == "person" for t in things_at(seed, t_s)) for t_s in times]
            changes = sum(a != b for a, b in itertools.pairwise(seen))
            assert changes == 2
            assert not any(seen[:60])
            assert not any(seen[-50:])
            standing = [
                t.box for t_s in times for t in things_at(seed, t_s) if t.doing == "standing"
            ]
            assert len(standing) >= 35
            assert all(DOOR.iou(box) > 0.2 for box in standing)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_parcel_is_brought_lies_there_and_is_taken(self, seed):
        def lies(t_s: float) -> bool:
            return any(t.doing == "lying" for t in things_at(seed, t_s))

        assert not lies(0)
        assert lies(TURN_S - 1)
        assert lies(TURN_S + 1)
        assert not lies(2 * TURN_S - 1)
        assert not lies(3 * TURN_S - 1)
        assert lies(4 * TURN_S - 1)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_nobody_jumps(self, seed):
        before = None
        for i in range(int(3 * TURN_S * 10)):
            person = next((t for t in things_at(seed, i / 10) if t.kind == "person"), None)
            if person is not None and before is not None:
                assert abs(person.foot[0] - before.foot[0]) < 0.03
                assert abs(person.foot[1] - before.foot[1]) < 0.03
            before = person

    def test_truth_is_what_is_drawn(self):
        source = open_yard("?seed=7")
        yard = draw_yard(7, 640, 360)
        checked = 0
        for t_s in np.arange(0, 3 * TURN_S, 0.5):
            things = source.truth_at(float(t_s))
            drawn = draw_things(yard, things)
            changed = (drawn != yard).any(axis=2)
            assert things or not changed.any()
            elsewhere = changed.copy()
            for thing in things:
                x1, y1, x2, y2 = thing.box.to_px(640, 360)
                if x2 - x1 >= 16:  # not a sliver of one who is just coming in
                    assert changed[y1:y2, x1:x2].mean() > 0.15
                    checked += 1
                grown = thing.box.expanded(0.03)
                x1, y1, x2, y2 = grown.to_px(640, 360)
                elsewhere[y1:y2, x1:x2] = False
            assert not elsewhere.any()
        assert checked > 50


GOOD_URLS = {
    "bare": ("demo:", DemoPlan()),
    "named": ("demo:yard", DemoPlan()),
    "all": (
        "demo:yard?seed=9&fps=12.5&size=1280x720",
        DemoPlan(seed=9, fps=12.5, width_px=1280, height_px=720),
    ),
    "some": (" demo:yard?fps=5 ", DemoPlan(fps=5)),
}
BAD_URLS = {
    "scene": ("demo:moon", "no scene 'moon', only `yard`"),
    "key": ("demo:yard?sede=1", "has no 'sede'; allowed are seed, fps and size"),
    "seed": ("demo:yard?seed=-1", "seed must be a whole number from 0"),
    "seed too large": ("demo:yard?seed=4294967296", "seed must be"),
    "no seed": ("demo:yard?seed=", "seed must be .* not ''"),
    "fps zero": ("demo:yard?fps=0", "fps must be a number from 0.1 to 60"),
    "fps nan": ("demo:yard?fps=nan", "fps must be"),
    "fps high": ("demo:yard?fps=100", "fps must be"),
    "size": ("demo:yard?size=640", "size must be WIDTHxHEIGHT from 64x36 to 3840x2160, not '640'"),
    "size small": ("demo:yard?size=10x10", "size must be"),
    "size huge": ("demo:yard?size=99999x99999", "size must be"),
}


@pytest.mark.parametrize(("url", "plan"), GOOD_URLS.values(), ids=GOOD_URLS.keys())
def test_url(url, plan):
    assert parse_demo_url("c", url) == plan


@pytest.mark.parametrize(("url", "text"), BAD_URLS.values(), ids=BAD_URLS.keys())
def test_bad_url(url, text):
    with pytest.raises(SourceUnsupported, match=f"camera c: .*{text}"):
        parse_demo_url("c", url)
