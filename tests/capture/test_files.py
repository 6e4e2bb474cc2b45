"""Recordings: pacing, loops, bad timestamps, size changes, damage, and files that are no video."""

import gc
import time
import weakref
from collections.abc import Iterator
from datetime import UTC
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge.capture.clock import Clock
from edge.capture.picture import LumaScaler
from edge.capture.settings import SourceSettings
from edge.capture.source import Source, open_source
from edge.capture.timeline import FrameGrid
from edge.errors import CaptureError, SourceEnded, SourceUnreachable, SourceUnsupported
from edge.frames import Frame
from tests.support.clips import encode_clip, moving_scene, textured_background

SMALL = (128, 96)


def fast(path: Path | str, **changes: object) -> SourceSettings:
    return SourceSettings("porch", str(path), **({"realtime": False} | changes))


def collect(source: Source) -> tuple[list[Frame], CaptureError]:
    frames: list[Frame] = []
    try:
        for frame in source.frames():
            frames.append(frame)  # noqa: PERF402 - what came before the error counts
    except CaptureError as error:
        return frames, error
    raise AssertionError("frames() must say why it ends")


def read(settings: SourceSettings) -> tuple[list[Frame], Source, CaptureError]:
    with open_source(settings) as source:
        frames, error = collect(source)
        return frames, source, error


@pytest.mark.parametrize("clip", ["h264_clip", "h265_clip"])
def test_frames_on_the_grid(clip: str, request: pytest.FixtureRequest) -> None:
    frames, source, error = read(fast(request.getfixturevalue(clip)))
    assert isinstance(error, SourceEnded)
    assert [f.seq for f in frames] == list(range(0, 75, 5))
    assert [f.pts_s for f in frames] == pytest.approx([i * 0.2 for i in range(15)])
    assert [i for i, f in enumerate(frames) if f.is_iframe] == [0, 5, 10]
    assert [f.after_gap for f in frames] == [True] + [False] * 14
    first = frames[0]
    assert (first.camera, first.width_px, first.height_px) == ("porch", 320, 180)
    assert (first.luma.shape, first.luma.dtype) == ((180, 320), np.uint8)
    assert first.captured_at.tzinfo is UTC
    facts = source.facts
    assert (facts.stream_fps, facts.gop_frames, facts.kind) == (25.0, 25, "file")
    assert facts.counters.decoded == 75
    assert facts.counters.handed_on == 15
    assert facts.counters.dropped == 60
    assert facts.counters.corrupt == 0


def test_pictures_show_what_was_recorded(h264_clip: Path) -> None:
    frames, _, _ = read(fast(h264_clip))
    wanted = next(image for _, image in moving_scene(3, size=(320, 180)))
    image = frames[0].image()
    assert image.shape == (180, 320, 3)
    assert np.abs(image.astype(int) - wanted).mean() < 8.0
    moved = frames[7].luma.astype(int) - frames[0].luma
    assert np.abs(moved).max() > 60  # the figure
    assert np.median(np.abs(moved)) < 6  # the background


def test_luma_is_at_most_320_wide_and_never_enlarged(clips: Path) -> None:
    for size, shape in (((640, 480), (240, 320)), (SMALL, (96, 128))):
        path = encode_clip(clips / f"size{size[0]}.mp4", moving_scene(0.2, size=size))
        frames, _, _ = read(fast(path))
        assert frames[0].luma.shape == shape
        assert (frames[0].width_px, frames[0].height_px) == size


def test_realtime_files_are_paced_and_fast_ones_are_not(h264_clip: Path) -> None:
    started = time.monotonic()
    with open_source(fast(h264_clip, realtime=True)) as source:
        frames = list(islice(source.frames(), 6))
    took_s = time.monotonic() - started
    assert 0.95 < took_s < 2.5
    gaps = [b.mono_s - a.mono_s for a, b in pairwise(frames)]
    assert sum(gaps) == pytest.approx(1.0, abs=0.1)
    started = time.monotonic()
    read(fast(h264_clip))
    assert time.monotonic() - started < 1.0


def test_pacing_waits_on_the_given_clock_for_presentation_time(h264_clip: Path) -> None:
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    clock = Clock(mono_s=lambda: now[0], sleep=sleep)
    with open_source(fast(h264_clip, realtime=True), clock) as source:
        frames, _ = collect(source)
    assert slept == pytest.approx([0.2] * 14)
    assert [f.mono_s for f in frames] == pytest.approx([f.pts_s for f in frames])


def test_loop_goes_on_growing_and_marks_the_seam(h264_clip: Path) -> None:
    with open_source(fast(h264_clip, loop=True)) as source:
        frames = list(islice(source.frames(), 40))
        assert source.facts.counters.gaps == 2
    assert all(a.pts_s < b.pts_s and a.seq < b.seq for a, b in pairwise(frames))
    assert [i for i, f in enumerate(frames) if f.after_gap] == [0, 15, 30]
    assert frames[15].pts_s == pytest.approx(3.0)


def test_a_looped_file_that_goes_away_is_unreachable(clips: Path) -> None:
    path = encode_clip(clips / "fleeting.mp4", moving_scene(1, size=SMALL))
    with open_source(fast(path, loop=True)) as source:
        frames = source.frames()
        next(frames)
        path.unlink()
        with pytest.raises(SourceUnreachable, match="no such file"):
            list(frames)


def test_variable_rate(clips: Path) -> None:
    image = textured_background(*SMALL)
    times = [0.0, 0.05, 0.1, 0.2, 0.9, 1.0, 1.4, 1.45, 1.6, 2.5]
    path = encode_clip(clips / "vfr.mp4", [(t, image) for t in times], gop=100)
    frames, _, _ = read(fast(path))
    assert [f.pts_s for f in frames] == pytest.approx([0.0, 0.2, 0.9, 1.4, 1.6, 2.5], abs=1e-3)
    assert sum(f.after_gap for f in frames) == 1


def test_b_frames_come_in_presentation_order(clips: Path) -> None:
    path = encode_clip(
        clips / "b.mp4", moving_scene(2, size=SMALL), b_frames=3, options={"preset": "fast"}
    )
    with av.open(str(path)) as clip:
        assert clip.streams.video[0].codec_context.has_b_frames
    frames, _, _ = read(fast(path))
    assert [f.pts_s for f in frames] == pytest.approx([i * 0.2 for i in range(10)])
    assert [f.seq for f in frames] == list(range(0, 50, 5))


@pytest.mark.parametrize("container", ["mp4", "ts"])
@pytest.mark.parametrize("rate_fps", [10, 25, 30])
@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_pictures_that_no_other_needs_are_decoded_only_on_the_grid(
    clips: Path, container: str, rate_fps: int, jitter: float
) -> None:
    rng = np.random.default_rng(1)
    scene = moving_scene(4, size=SMALL, fps=rate_fps)
    path = encode_clip(
        clips / f"spare-{rate_fps}-{jitter}.{container}",
        [(t + jitter * float(rng.random()) / rate_fps, image) for t, image in scene],
        b_frames=3,
        rate_fps=rate_fps,
        options={"preset": "fast"},
    )
    with av.open(str(path)) as clip:
        pictures = list(clip.decode(video=0))
    shown = [(picture.time - pictures[0].time, picture) for picture in pictures]
    grid, scaler = FrameGrid(5.0), LumaScaler()
    wanted = [(seq, t, p) for seq, (t, p) in enumerate(shown) if grid.is_due(t)]
    frames, source, _ = read(fast(path))
    count = source.facts.counters
    assert [f.seq for f in frames] == [seq for seq, _, _ in wanted]
    assert [f.pts_s for f in frames] == pytest.approx([t for _, t, _ in wanted], abs=1e-5)
    for frame, (_, _, picture) in zip(frames, wanted, strict=True):
        assert np.array_equal(frame.luma, scaler.scale(picture))
    assert count.decoded < 0.75 * len(shown)
    assert count.decoded + count.left_out == count.seen == len(shown)
    assert (count.gaps, count.lost, count.corrupt) == (0, 0, 0)


def test_a_pause_in_the_recording_waits_for_an_iframe(clips: Path) -> None:
    image = textured_background(*SMALL)
    times = [i * 0.04 for i in range(30)] + [60.0 + i * 0.04 for i in range(30)]
    path = encode_clip(clips / "pause.mp4", [(t, image) for t in times], gop=20)
    frames, source, _ = read(fast(path))
    marked = [f for f in frames if f.after_gap]
    assert [f.pts_s for f in marked] == pytest.approx([0.0, 60.4])  # the 40th picture
    assert all(f.is_iframe for f in marked)
    assert not [f for f in frames if 1.2 < f.pts_s < 60.4]
    assert source.facts.counters.gaps == 1


def test_a_pause_is_not_waited_for(clips: Path) -> None:
    image = textured_background(*SMALL)
    path = encode_clip(clips / "hour.mp4", [(0.0, image), (3600.0, image)], gop=1)
    slept: list[float] = []
    clock = Clock(sleep=slept.append)
    with open_source(fast(path, realtime=True), clock) as source:
        frames, _ = collect(source)
    assert [f.pts_s for f in frames] == pytest.approx([0.0, 3600.0])
    assert slept == []


def test_size_change_mid_stream(clips: Path) -> None:
    frames_in = [*moving_scene(1, size=SMALL), *later(1.0, moving_scene(1, size=(160, 120)))]
    path = encode_clip(clips / "grows.ts", frames_in)
    frames, source, error = read(fast(path))
    assert isinstance(error, SourceEnded)
    sizes = [(f.width_px, f.height_px) for f in frames]
    assert sizes == [SMALL] * 5 + [(160, 120)] * 5
    assert [i for i, f in enumerate(frames) if f.after_gap] == [0, 5]
    assert frames[5].is_iframe
    assert frames[5].luma.shape == (120, 160)
    assert frames[5].image().shape == (120, 160, 3)
    assert source.facts.width_px == 160


def later(by_s: float, frames: Iterator[tuple[float, np.ndarray]]) -> Iterator:
    return ((pts_s + by_s, image) for pts_s, image in frames)


def test_truncated_file_hands_on_what_decodes(clips: Path) -> None:
    whole = encode_clip(clips / "whole.mp4", moving_scene(4, size=SMALL), faststart=True)
    cut = clips / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames, source, error = read(fast(cut))
    assert isinstance(error, SourceEnded)
    assert 5 <= len(frames) < 20
    assert source.facts.counters.corrupt >= 1


def test_damage_inside_waits_for_the_next_iframe(clips: Path) -> None:
    whole = encode_clip(clips / "sound.ts", moving_scene(4, size=SMALL))
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2 // 188 * 188
    rng = np.random.default_rng(1)
    for packet in range(middle, middle + 12 * 188, 188):
        data[packet + 20 : packet + 188] = rng.integers(0, 256, 168, dtype=np.uint8).tobytes()
    hurt = clips / "hurt.ts"
    hurt.write_bytes(data)
    frames, source, error = read(fast(hurt, fps=100.0))
    assert isinstance(error, SourceEnded)
    assert source.facts.counters.corrupt + source.facts.counters.lost >= 1
    assert source.facts.counters.gaps >= 1
    assert [f.is_iframe for f in frames if f.after_gap] == [True] * sum(f.after_gap for f in frames)
    assert len([f for f in frames if f.after_gap]) >= 2
    clean, _, _ = read(fast(whole, fps=100.0))
    by_time = {round(f.pts_s, 3): f for f in clean}
    worst = max(
        np.abs(f.luma.astype(int) - by_time[round(f.pts_s, 3)].luma).mean()
        for f in frames
        if round(f.pts_s, 3) in by_time
    )
    assert worst < 1.0  # nothing damaged was handed on


@pytest.mark.parametrize(("clip", "lost"), [("h264_clip", 1), ("h265_clip", 0)])
def test_a_lost_picture_waits_for_the_next_iframe(
    clips: Path, clip: str, lost: int, request: pytest.FixtureRequest
) -> None:
    whole = request.getfixturevalue(clip)
    holed = clips / f"holed-{whole.name}"
    with av.open(str(whole)) as source_file, av.open(str(holed), "w") as target:
        video = source_file.streams.video[0]
        stream = target.add_stream_from_template(video)
        for index, packet in enumerate(source_file.demux(video)):
            if packet.size and index != 30:
                packet.stream = stream
                target.mux(packet)
    frames, source, _ = read(fast(holed, fps=100.0))
    assert [round(f.pts_s, 2) for f in frames if f.after_gap] == [0.0, 2.0]
    assert not [f for f in frames if 1.2 <= f.pts_s < 2.0]
    counters = source.facts.counters
    assert (counters.lost, counters.gaps) == (lost, 1)


@pytest.mark.parametrize(
    ("name", "content", "kind", "what"),
    [
        ("missing.mp4", None, SourceUnreachable, "no such file"),
        ("empty.mp4", b"", SourceUnreachable, "the file is empty (0 bytes)"),
        ("garbage.mp4", bytes(range(256)) * 400, SourceUnsupported, "not a video"),
        ("notes.txt", b"no camera here\n" * 300, SourceUnsupported, "this is text, not a video"),
        ("absurd.y4m", b"YUV4MPEG2 W30000 H30000 F25:1\nFRAME\n", SourceUnsupported, "damaged"),
        ("huge.y4m", b"YUV4MPEG2 W9000 H100 F25:1\nFRAME\n", SourceUnsupported, "9000x100"),
    ],
)
def test_files_that_are_no_video(
    clips: Path, name: str, content: bytes | None, kind: type[CaptureError], what: str
) -> None:
    path = clips / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind) as caught, open_source(fast(path)) as source:
        list(source.frames())
    message = str(caught.value)
    assert message.startswith("camera porch: ")
    assert str(path) in message
    assert what in message


def test_a_folder_is_refused(clips: Path) -> None:
    with pytest.raises(SourceUnsupported, match="this is a folder"):
        open_source(fast(clips))


def test_a_device_is_not_read_as_a_file() -> None:
    with pytest.raises(SourceUnsupported, match="not a regular file"):
        open_source(fast("/dev/zero"))


def test_an_mp4_without_its_index_is_refused(clips: Path, h264_clip: Path) -> None:
    cut = clips / "noindex.mp4"
    cut.write_bytes(h264_clip.read_bytes()[: h264_clip.stat().st_size // 2])
    with pytest.raises(SourceUnsupported, match="not a video that can be read, or it is damaged"):
        open_source(fast(cut))


def test_sound_without_pictures_is_refused(clips: Path) -> None:
    path = clips / "sound.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.rate = 8000
        out.mux(stream.encode(sound))
    with pytest.raises(SourceUnsupported, match=r"no video stream in it \(found: audio\)"):
        open_source(fast(path))


@pytest.mark.parametrize(
    ("limits", "refused"),
    [({"max_width_px": 100}, True), ({"max_height_px": 90}, True), ({"max_pixels": 12_000}, True),
     ({"max_width_px": 128, "max_height_px": 96, "max_pixels": 128 * 96}, False)],
    ids=str,
)  # fmt: skip
def test_size_limits_are_held_before_decoding(
    clips: Path, limits: dict[str, int], refused: bool
) -> None:
    path = encode_clip(clips / "limit.mp4", moving_scene(0.2, size=SMALL))
    if refused:
        with pytest.raises(SourceUnsupported, match=r"pictures of 128x96 are refused; allowed"):
            open_source(fast(path, **limits))
    else:
        frames, _, _ = read(fast(path, **limits))
        assert len(frames) == 1


def test_size_limits_are_held_after_a_change(clips: Path) -> None:
    frames_in = [*moving_scene(1, size=SMALL), *later(1.0, moving_scene(1, size=(160, 120)))]
    path = encode_clip(clips / "outgrows.ts", frames_in)
    frames, _, error = read(fast(path, max_width_px=150))
    assert isinstance(error, SourceUnsupported)
    assert "pictures of 160x120 are refused" in str(error)
    assert len(frames) == 5


def test_pictures_above_the_pixel_limit_are_not_even_decoded(clips: Path) -> None:
    frames_in = [*moving_scene(1, size=SMALL), *later(1.0, moving_scene(1, size=(160, 120)))]
    path = encode_clip(clips / "outgrows2.ts", frames_in)
    frames, source, _ = read(fast(path, max_pixels=128 * 96))
    assert {(f.width_px, f.height_px) for f in frames} == {SMALL}
    assert source.facts.counters.corrupt > 0


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
def test_any_damage_ends_in_an_error_of_ours(clips: Path, suffix: str) -> None:
    whole = encode_clip(clips / f"victim.{suffix}", moving_scene(0.6, size=SMALL), gop=5)
    rng = np.random.default_rng(3)
    for _ in range(25):
        data = bytearray(whole.read_bytes())
        for _ in range(8):
            start = int(rng.integers(0, len(data)))
            data[start : start + 20] = rng.integers(0, 256, 20, dtype=np.uint8).tobytes()
        hurt = clips / f"victim-hurt.{suffix}"
        hurt.write_bytes(data)
        try:
            frames, _, _ = read(fast(hurt, fps=50.0))
        except CaptureError:
            continue  # refused when it was opened
        assert all(a.pts_s < b.pts_s for a, b in pairwise(frames))


@pytest.mark.parametrize("loop", [False, True])
def test_a_recording_without_a_readable_picture_is_refused(clips: Path, loop: bool) -> None:
    whole = encode_clip(clips / "good.mp4", moving_scene(1, size=SMALL), faststart=True)
    data = bytearray(whole.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\x00" * (len(data) - start)
    blank = clips / "blank.mp4"
    blank.write_bytes(data)
    with open_source(fast(blank, loop=loop)) as source:
        _, error = collect(source)
    assert isinstance(error, SourceUnsupported)
    assert "not one picture in it can be decoded" in str(error)


def test_the_picture_outlives_its_source(h264_clip: Path) -> None:
    with open_source(fast(h264_clip)) as source:
        frame = next(source.frames())
        wanted = frame.image()
    assert np.array_equal(frame.image(), wanted)


def test_closing_twice_is_harmless(h264_clip: Path) -> None:
    source = open_source(fast(h264_clip))
    source.close()
    source.close()


def test_a_closed_source_goes_at_once(h264_clip: Path) -> None:
    """Without waiting for the garbage collector: each one holds a decoder's pictures."""
    source = open_source(fast(h264_clip))
    frames = source.frames()
    next(frames)
    source.close()
    gone = weakref.ref(source)
    gc.disable()
    try:
        del source, frames
        assert gone() is None
    finally:
        gc.enable()
