"""The main stream beside the one that is looked at: the right moment of it, and without it."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.capture.clock import Clock
from edge.capture.facts import Counters
from edge.capture.kinds import plan_open
from edge.capture.moment import build_decoder, decode_to, leading_to
from edge.capture.opening import open_stream
from edge.capture.packets import PacketReader
from edge.capture.settings import SourceSettings
from edge.capture.source import open_source
from edge.capture.timeline import DelayLine
from edge.errors import PictureError
from tests.support.clips import TimedImage, encode_clip, moving_scene
from tests.support.rtsp import RtspServer, missing_server

SIZE = (160, 96)
CLOCK_PIPELINE = (
    "( videotestsrc is-live=true pattern=ball animation-mode=wall-time motion=hsweep"
    " ! video/x-raw,format=I420,width={width},height={height},framerate=25/1"
    " ! openh264enc gop-size=50 complexity=low bitrate=2000000"
    " ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def numbered(count: int) -> Iterator[TimedImage]:
    """Each picture shows its number in eight black and white columns."""
    for number in range(count):
        bits = [255 * (number >> bit & 1) for bit in range(8)]
        row = np.repeat(np.array(bits, np.uint8), SIZE[0] // 8)
        yield number / 25.0, np.broadcast_to(row[None, :, None], (SIZE[1], SIZE[0], 3)).copy()


def number_in(luma: NDArray[np.uint8]) -> int:
    columns = luma.reshape(luma.shape[0], 8, -1).mean(axis=(0, 2))
    return sum(1 << bit for bit in range(8) if columns[bit] > 128)


@pytest.mark.parametrize(
    "encoding",
    [{}, {"b_frames": 3, "options": {"preset": "veryfast"}}, {"codec": "libx265", "b_frames": 3}],
    ids=["h264", "b-frames", "h265"],
)
def test_the_right_moment(encoding: dict[str, object], tmp_path: Path) -> None:
    path = encode_clip(tmp_path / "c.mp4", numbered(120), gop=50, **encoding)
    settings = SourceSettings("porch", str(path))
    stream = open_stream(settings, plan_open(settings))
    with stream.container:
        packets = list(PacketReader(settings, stream, Clock(), Counters()).packets())
        for number in (0, 1, 30, 49, 50, 51, 99, 100, 117):
            moment_s = number / 25.0 + 0.01
            decoder = build_decoder(stream, settings.max_pixels)
            picture = decode_to(decoder, leading_to(packets, moment_s), moment_s)
            assert number_in(picture.to_ndarray(format="gray")) == number
        for part, moment_s in ((packets[60:], 1.0), (packets, 9.0), ([], 0.0)):
            with pytest.raises(PictureError, match="not held"):
                leading_to(part, moment_s)


def test_two_streams_of_one_clock_are_told_apart_by_their_least_delay() -> None:
    sub, main = DelayLine(), DelayLine()
    rng = np.random.default_rng(7)
    for i in range(25 * 60):
        taken_mono_s = 1000.0 + i * 0.04 * (1 + 50e-6)  # the camera's crystal is off
        sub.note(i * 0.04, taken_mono_s + 0.020 + rng.exponential(0.01))
        main.note(i * 0.04 + 77.0, taken_mono_s + 0.020 + rng.exponential(0.03))
    assert sub.least_s - (main.least_s + 77.0) == pytest.approx(0.0, abs=0.005)
    main.note(5.0, 2000.0)  # the camera has set its clock
    assert main.least_s == 1995.0


def ball_x(image: NDArray[np.uint8]) -> float:
    """Where the white ball is, 0..1 from left to right."""
    grey = image if image.ndim == 2 else image.mean(axis=2)
    column = grey.astype(float).sum(axis=0)
    column -= column.min()
    return float((column * np.arange(column.size)).sum() / column.sum() / column.size)


@pytest.mark.skipif(bool(missing_server()), reason=missing_server())
def test_the_picture_is_the_main_streams_of_that_moment() -> None:
    mounts: dict[str, Path | str] = {
        "/main": CLOCK_PIPELINE.format(width=640, height=360),
        "/sub": CLOCK_PIPELINE.format(width=320, height=180),
    }
    with RtspServer(mounts) as server:
        settings = SourceSettings("porch", server.url("/sub"), main_url=server.url("/main"))
        with open_source(settings) as source:
            frames = source.frames()
            until = time.monotonic() + 20.0
            while next(frames).image().shape != (360, 640, 3):
                assert time.monotonic() < until, "the main stream came up"
            apart = [abs(ball_x(f.luma) - ball_x(f.image())) for f in islice(frames, 12)]
            facts = source.facts
    # The ball moves by up to 0.016 a picture: one picture off, and some for a busy machine.
    assert np.median(apart) < 0.02
    assert max(apart) < 0.06
    assert facts.main is not None
    assert (facts.main.width_px, facts.main.error) == (640, "")
    assert facts.main.shown >= 12
    assert (facts.width_px, facts.height_px) == (320, 180)


@pytest.mark.skipif(bool(missing_server()), reason=missing_server())
def test_without_the_main_stream_the_small_pictures_do(tmp_path: Path) -> None:
    clip = encode_clip(tmp_path / "c.mp4", moving_scene(3, size=SIZE))
    with RtspServer({"/sub": clip}, loop=True) as server:
        url = server.url("/nothing").replace("rtsp://", "rtsp://me:geheim@")
        settings = SourceSettings("porch", server.url("/sub"), main_url=url)
        with open_source(settings) as source:
            frames = source.frames()
            until = time.monotonic() + 20.0
            while (main := source.facts.main) is None or not main.error:
                assert next(frames).image().shape == (96, 160, 3)
                assert time.monotonic() < until, "the failure is told"
            assert next(frames).image().shape == (96, 160, 3)
            main = source.facts.main
    assert main is not None
    assert "the server knows no such stream" in main.error
    assert "geheim" not in main.error
    assert main.missed >= 1
    assert main.shown == 0
