"""A camera at rest: I-frames alone are decoded, and nothing of what happens is lost."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.capture.settings import Decode, SourceSettings
from edge.capture.source import Source, open_source
from edge.errors import SourceEnded
from edge.frames import Frame, Luma
from tests.support.clips import Walk, encode_clip, moving_scene

SIZE = (160, 96)
ENTERS_S, LEAVES_S = 15.3, 18.9
LENGTH_S = 40.0


class Onlooker:
    """Quiet as long as each picture is like the one before; `loud` makes it want everything."""

    def __init__(self) -> None:
        self.loud = False
        self.is_blind = False
        self._last_look: Luma | None = None
        self._last: Luma | None = None
        self._moved_s = -100.0
        self._now_s = 0.0

    def is_quiet(self) -> bool:
        return not self.loud and self._now_s - self._moved_s > 1.0

    def is_changed(self, luma: Luma) -> bool:
        last, self._last_look = self._last_look, luma
        return not self.is_blind and last is not None and differ(luma, last)

    def see(self, frame: Frame) -> None:
        self._now_s = frame.pts_s
        if self._last is not None and differ(frame.luma, self._last):
            self._moved_s = frame.pts_s
        self._last = frame.luma


def differ(a: Luma, b: Luma) -> bool:
    return bool(np.abs(a.astype(int) - b).max() > 60)


def read(
    path: Path, decode: Decode = "auto", onlooker: Onlooker | None = None, fps: float = 5.0
) -> tuple[list[Frame], Source]:
    """All frames of a recording, each shown to the onlooker."""
    onlooker = onlooker or Onlooker()
    settings = SourceSettings("porch", str(path), realtime=False, decode=decode, fps=fps)
    frames = []
    with open_source(settings, watcher=onlooker) as source:
        try:
            for frame in source.frames():
                onlooker.see(frame)
                frames.append(frame)
        except SourceEnded:
            return frames, source
    raise AssertionError("a recording ends")


def clip(path: Path, **encoding: object) -> Path:
    """40 s of a still scene; a figure crosses it within a bit more than three seconds."""
    scene = moving_scene(LENGTH_S, [Walk(ENTERS_S, LEAVES_S, 0.3, 0.8)], size=SIZE, noise=1.0)
    return encode_clip(path, scene, **({"gop": 50} | encoding))


ENCODINGS = {
    "h264": {},
    "h264-b-frames": {"b_frames": 3, "options": {"preset": "veryfast"}},
    "h264-open-gop": {
        "b_frames": 3,
        "options": {"preset": "veryfast", "x264-params": "open-gop=1:scenecut=0"},
    },
    "h265-b-frames": {"codec": "libx265", "b_frames": 3},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "gop": 1},
    "gop-1s": {"gop": 25},
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_happens_is_seen_as_if_all_had_been_decoded(name: str, tmp_path: Path) -> None:
    path = clip(tmp_path / ("c.avi" if name == "mjpeg" else "c.mp4"), **ENCODINGS[name])
    every, _ = read(path, "all")
    rested, source = read(path)
    counters = source.facts.counters
    assert counters.left_out > 200
    assert counters.wakes >= 1
    assert (counters.corrupt, counters.lost, counters.gaps) == (0, 0, 0)
    assert counters.seen == counters.handed_on + counters.dropped
    # H.265's decoder gives out nothing for B-frames in front of the I-frame it begins at.
    assert LENGTH_S * 25 - 3 <= counters.seen <= LENGTH_S * 25
    times = [f.pts_s for f in rested]
    assert all(a < b for a, b in pairwise(times))
    assert all(a.seq < b.seq for a, b in pairwise(rested))
    # From before the figure enters until it has left, not one frame is missing.
    rate = 5.0 + 1e-6
    during = [t for t in times if ENTERS_S - 0.1 <= t <= LEAVES_S + 1.0]
    assert all(b - a <= 0.25 for a, b in pairwise(during))
    assert len(during) == pytest.approx((LEAVES_S - ENTERS_S + 1.1) * rate, abs=1.5)
    # And they show what decoding everything shows.
    whole = {round(f.pts_s, 3): f for f in every}
    shared = [(f, whole[round(f.pts_s, 3)]) for f in rested if round(f.pts_s, 3) in whole]
    assert len(shared) > 20
    assert all(np.abs(a.luma.astype(int) - b.luma).max() <= 2 for a, b in shared)
    assert [f.after_gap for f in rested] == [True] + [False] * (len(rested) - 1)


def test_the_packet_sizes_alone_wake_it(tmp_path: Path) -> None:
    """With a gop of five seconds and nobody to compare I-frames."""
    path = clip(tmp_path / "c.mp4", gop=125)
    onlooker = Onlooker()
    onlooker.is_blind = True
    rested, source = read(path, onlooker=onlooker)
    during = [f.pts_s for f in rested if ENTERS_S <= f.pts_s <= LEAVES_S]
    assert len(during) >= 17
    assert source.facts.counters.left_out > 200


def test_rests_after_quiet_and_says_so(tmp_path: Path) -> None:
    path = clip(tmp_path / "c.mp4")
    onlooker = Onlooker()
    modes = []
    settings = SourceSettings("porch", str(path), realtime=False)
    with open_source(settings, watcher=onlooker) as source:
        frames = source.frames()
        while (frame := next(frames)).pts_s < LENGTH_S - 2.0:
            onlooker.see(frame)
            modes.append((frame.pts_s, source.facts.decode))
    rest = [t for t, mode in modes if mode == "idle"]
    assert rest[0] == pytest.approx(10.0, abs=2.1)
    assert not any(ENTERS_S < t < LEAVES_S + 9.0 for t in rest)
    assert rest[-1] >= 36.0
    assert source.facts.gop_s == pytest.approx(2.0)


def test_a_wish_in_the_middle_of_a_gop_is_answered_from_there(tmp_path: Path) -> None:
    path = encode_clip(tmp_path / "c.mp4", moving_scene(20, size=SIZE, noise=1.0), gop=50)
    onlooker = Onlooker()
    num_asked = 0

    def is_quiet() -> bool:
        nonlocal num_asked
        num_asked += 1
        return num_asked != 25 * 14 + 30  # the packet at 15.2 s

    onlooker.is_quiet = is_quiet  # type: ignore[method-assign]
    rested, _ = read(path, onlooker=onlooker)
    times = [f.pts_s for f in rested if 13.0 < f.pts_s < 16.1]
    assert times == pytest.approx([14.0, *np.arange(14.2, 16.1, 0.2)], abs=0.03)


def test_iframes_alone(tmp_path: Path) -> None:
    frames, source = read(clip(tmp_path / "c.mp4"), "iframes")
    assert [f.pts_s for f in frames] == pytest.approx(np.arange(0, LENGTH_S, 2.0))
    assert all(f.is_iframe for f in frames)
    facts = source.facts
    assert (facts.decode, facts.counters.decoded) == ("iframes", 20)
    assert facts.counters.left_out == 980


def test_without_a_watcher_everything_is_decoded(tmp_path: Path) -> None:
    path = encode_clip(tmp_path / "c.mp4", moving_scene(20, size=SIZE, noise=1.0), gop=50)
    with open_source(SourceSettings("porch", str(path), realtime=False)) as source:
        with pytest.raises(SourceEnded):
            list(source.frames())
        assert source.facts.counters.left_out == 0


def test_long_gops_are_told_and_decoded_whole(tmp_path: Path) -> None:
    path = encode_clip(tmp_path / "c.mp4", moving_scene(30, size=SIZE, noise=1.0), gop=250)
    frames, source = read(path)
    assert source.facts.counters.left_out == 0
    assert source.facts.reason == "its I-frames are 10 s apart"
    assert source.facts.gop_frames == 250
    assert len(frames) == 150


def test_a_stream_that_refreshes_bit_by_bit_is_decoded_whole(tmp_path: Path) -> None:
    scene = moving_scene(40, size=SIZE, noise=1.0)
    options = {"x264-params": "intra-refresh=1:keyint=50:bframes=0"}
    path = encode_clip(tmp_path / "c.mp4", scene, gop=50, options=options)
    frames, source = read(path)
    assert source.facts.reason
    assert source.facts.decode == "all"
    assert len(frames) > 190
    assert not any(f.after_gap for f in frames[1:])


@pytest.fixture
def looped(tmp_path: Path) -> Iterator[Source]:
    path = encode_clip(tmp_path / "c.mp4", moving_scene(14, size=SIZE, noise=1.0), gop=50)
    settings = SourceSettings("porch", str(path), realtime=False, loop=True)
    with open_source(settings, watcher=Onlooker()) as source:
        yield source


def test_a_looped_recording_rests_again_after_each_seam(looped: Source) -> None:
    frames = []
    for frame in looped.frames():
        frames.append(frame)
        if frame.pts_s > 60.0:
            break
    assert all(a.pts_s < b.pts_s and a.seq < b.seq for a, b in pairwise(frames))
    assert sum(f.after_gap for f in frames) == 5
    assert looped.facts.counters.left_out > 100
