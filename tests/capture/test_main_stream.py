"""The main stream beside the one that is looked at: the right moment of it, and without it."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from numpy.typing import NDArray

from edge.capture import main_stream
from edge.capture.clock import Clock
from edge.capture.facts import Counters
from edge.capture.h264 import FrameNumbers
from edge.capture.kinds import plan_open
from edge.capture.moment import MomentDecoder, pts_s_of
from edge.capture.opening import OpenStream, open_stream
from edge.capture.packets import PacketReader, Received
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


@dataclass(frozen=True)
class Clip:
    """An open clip of 120 numbered pictures, its packets, and all its pictures as they must be."""

    stream: OpenStream
    packets: list[Received]
    lumas: list[NDArray[np.uint8]]

    def decoder(self) -> MomentDecoder:
        return MomentDecoder(self.stream, 10_000_000)

    def check(self, decoder: MomentDecoder, number: int, packets: list[Received]) -> None:
        """That `decoder` gives picture `number`, to the last bit."""
        picture = decoder.picture_at(packets, number / 25.0 + 0.01)
        luma = picture.to_ndarray(format="gray")
        assert number_in(luma) == number
        assert np.array_equal(luma, self.lumas[number])


@contextmanager
def open_numbered(tmp_path: Path, **encoding: object) -> Iterator[Clip]:
    path = encode_clip(tmp_path / "c.mp4", numbered(120), gop=50, **encoding)
    with av.open(str(path)) as clip:
        lumas = [picture.to_ndarray(format="gray") for picture in clip.decode(video=0)]
    settings = SourceSettings("porch", str(path))
    stream = open_stream(settings, plan_open(settings))
    with stream.container:
        packets = list(PacketReader(settings, stream, Clock(), Counters()).packets())
        yield Clip(stream, packets, lumas)


def spoiled(received: Received) -> Received:
    """The packet with a damage that the decoder refuses, behind what tells its number."""
    packet = Packet(bytes(received.packet) + b"\x7f\xff\xff\xff\x01")
    packet.pts, packet.dts = received.packet.pts, received.packet.dts
    packet.time_base = received.packet.time_base
    packet.is_keyframe = received.packet.is_keyframe
    return replace(received, packet=packet)


B_FRAMES = {"b_frames": 3, "options": {"preset": "veryfast"}}


@pytest.mark.parametrize(
    "encoding",
    [{}, B_FRAMES, {"codec": "libx265", "b_frames": 3}],
    ids=["h264", "b-frames", "h265"],
)
def test_the_right_moment(encoding: dict[str, object], tmp_path: Path) -> None:
    with open_numbered(tmp_path, **encoding) as clip:
        kept = clip.decoder()
        for number in (0, 1, 30, 30, 33, 49, 50, 51, 20, 21, 99, 98, 100, 117, 119):
            clip.check(clip.decoder(), number, clip.packets)
            clip.check(kept, number, clip.packets)
        for part, moment_s in ((clip.packets[60:], 1.0), (clip.packets, 9.0), ([], 0.0)):
            with pytest.raises(PictureError, match="not held"):
                kept.picture_at(part, moment_s)
        clip.check(kept, 118, clip.packets)


def test_a_moment_that_has_only_just_been_received(tmp_path: Path) -> None:
    with open_numbered(tmp_path) as clip:
        decoder = clip.decoder()
        for number in (10, 11, 30, 49, 50, 70):
            clip.check(decoder, number, clip.packets[: number + 1])


def test_a_later_moment_of_the_same_gop_is_decoded_from_the_last_one_on(tmp_path: Path) -> None:
    with open_numbered(tmp_path) as clip:
        decoder = clip.decoder()
        clip.check(decoder, 60, clip.packets)
        packets = list(clip.packets)
        packets[50:58] = [spoiled(received) for received in packets[50:58]]
        for number in (60, 70, 80, 99):
            clip.check(decoder, number, packets)
        with pytest.raises(PictureError, match="damaged"):
            decoder.picture_at(packets, 75 / 25.0)
        clip.check(decoder, 20, packets)


def test_what_comes_before_a_moment_is_decoded_ahead_of_it(tmp_path: Path) -> None:
    with open_numbered(tmp_path) as clip:
        for first, asked in ((70, 70), (70, 75), (99, 99), (49, 50), (49, 51), (119, 119)):
            decoder = clip.decoder()
            decoder.lead_to(clip.packets, first / 25.0)
            packets = list(clip.packets)
            packets[1:first] = [spoiled(received) for received in packets[1:first]]
            clip.check(decoder, asked, packets)
        decoder = clip.decoder()
        clip.check(decoder, 70, clip.packets)
        decoder.lead_to(
            clip.packets, 60 / 25.0
        )  # behind it: the place it has reached is worth more
        packets = list(clip.packets)
        packets[50:70] = [spoiled(received) for received in packets[50:70]]
        clip.check(decoder, 80, packets)
        clip.check(decoder, 20, clip.packets)
        with pytest.raises(PictureError, match="not held"):
            decoder.lead_to(clip.packets, 9.0)


def test_a_decoder_waits_for_what_comes_next_before_it_is_emptied(tmp_path: Path) -> None:
    with open_numbered(tmp_path) as clip:
        decoder = clip.decoder()
        picture = decoder.picture_at(clip.packets[:71], 70 / 25.0, iter(clip.packets[71:90]))
        assert np.array_equal(picture.to_ndarray(format="gray"), clip.lumas[70])
        packets = list(clip.packets)
        packets[50:70] = [spoiled(received) for received in packets[50:70]]
        for number in (71, 72, 80):  # nothing is decoded again, also what is still inside
            clip.check(decoder, number, packets)


def test_pictures_that_no_other_one_needs_are_not_decoded(tmp_path: Path) -> None:
    with open_numbered(tmp_path, **B_FRAMES) as clip:
        numbers = FrameNumbers(clip.stream.video.codec_context.extradata)
        packets = []
        for received in clip.packets:
            numbers.follows(bytes(received.packet))
            packets.append(spoiled(received) if numbers.is_spare else received)
        spared = {pts_s_of(a) for a, b in zip(packets, clip.packets, strict=True) if a is not b}
        assert len(spared) > 30
        for number in (40, 44, 90, 97, 99):
            moment_s = min(
                (pts_s_of(r) for r in clip.packets if pts_s_of(r) not in spared),
                key=lambda at_s: abs(at_s - number / 25.0),
            )
            clip.check(clip.decoder(), round(moment_s * 25.0), packets)


def test_a_lost_picture_is_no_picture(tmp_path: Path) -> None:
    with open_numbered(tmp_path) as clip:
        decoder = clip.decoder()
        packets = clip.packets[:20] + clip.packets[21:]
        clip.check(decoder, 19, packets)
        with pytest.raises(PictureError, match="lost a picture"):
            decoder.picture_at(packets, 30 / 25.0)
        clip.check(decoder, 19, packets)
        clip.check(decoder, 60, packets)


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


def num_decoders() -> int:
    """How many of them are held by anyone."""
    return sum(type(thing) is MomentDecoder for thing in gc.get_objects())


@pytest.mark.skipif(bool(missing_server()), reason=missing_server())
def test_the_picture_is_the_main_streams_of_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts: dict[str, Path | str] = {
        "/main": CLOCK_PIPELINE.format(width=640, height=360),
        "/sub": CLOCK_PIPELINE.format(width=320, height=180),
    }
    with RtspServer(mounts) as server:
        settings = SourceSettings("porch", server.url("/sub"), main_url=server.url("/main"))
        with open_source(settings) as source:
            frames = source.frames()
            until = time.monotonic() + 60.0
            apart = []
            while len(apart) < 20:  # on a busy machine the main stream may be late at times
                frame = next(frames)
                frame.expect()
                image = frame.image()
                if image.shape == (360, 640, 3):
                    apart.append(abs(ball_x(frame.luma) - ball_x(image)))
                assert time.monotonic() < until, "the main stream comes up and keeps up"
            facts = source.facts
            assert num_decoders() == 1
            monkeypatch.setattr(main_stream, "KEPT_S", 0.0)
            while num_decoders():
                next(frames)
                assert time.monotonic() < until, "its decoder is given back"
            while next(frames).image().shape != (360, 640, 3):
                assert time.monotonic() < until, "and made again"
    # The ball moves by up to 0.016 a picture, and a moment of another second is 0.4 away. On a busy
    # machine both encoders draw later than they stamp, so that most pictures are no exact measure:
    # that the moment is met to the picture is for the tests above.
    assert np.quantile(apart, 0.25) < 0.05
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
