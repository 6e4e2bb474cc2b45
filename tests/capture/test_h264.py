"""Lost pictures are seen in the stream's own numbering, in real encodings."""

from pathlib import Path

import av
import pytest

from edge.capture.h264 import FrameNumbers
from tests.support.clips import encode_clip, moving_scene


def packets_of(path: Path) -> tuple[bytes | None, list[bytes]]:
    with av.open(str(path)) as clip:
        video = clip.streams.video[0]
        return video.codec_context.extradata, [bytes(p) for p in clip.demux(video) if p.size]


def holes(extradata: bytes | None, packets: list[bytes], left_out: set[int]) -> list[int]:
    numbers = FrameNumbers(extradata)
    kept = [(i, p) for i, p in enumerate(packets) if i not in left_out]
    return [i for i, packet in kept if not numbers.follows(packet)]


@pytest.fixture(
    scope="module",
    params=[
        ("mp4", {}, 0),
        ("ts", {}, 0),
        ("mp4", {"profile": "high", "preset": "medium"}, 0),
        ("mp4", {"x264-params": "cqm=jvt"}, 0),
        ("mp4", {"x264-params": "interlaced=1"}, 0),
        ("ts", {"preset": "medium"}, 3),
    ],
    ids=["avcc", "annex-b", "high", "scaling-lists", "interlaced", "b-frames"],
)
def encoding(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes | None, list[bytes], bool]:
    suffix, options, b_frames = request.param
    path = tmp_path_factory.mktemp("h264") / f"clip.{suffix}"
    encode_clip(path, moving_scene(2, size=(128, 96)), options=options, b_frames=b_frames)
    return (*packets_of(path), bool(b_frames))


def test_a_whole_stream_has_no_holes(encoding: tuple[bytes | None, list[bytes], bool]) -> None:
    extradata, packets, _ = encoding
    assert holes(extradata, packets, set()) == []


def test_a_lost_reference_is_seen_with_the_next_packet(
    encoding: tuple[bytes | None, list[bytes], bool],
) -> None:
    extradata, packets, has_b_frames = encoding
    if has_b_frames:
        assert holes(extradata, packets, set(range(10, 18)))
    else:
        assert holes(extradata, packets, {10}) == [11]
        assert holes(extradata, packets, {10, 11, 12}) == [13]


def test_a_hole_that_ends_with_an_idr_is_none(
    encoding: tuple[bytes | None, list[bytes], bool],
) -> None:
    extradata, packets, has_b_frames = encoding
    if not has_b_frames:
        assert holes(extradata, packets, {20, 21, 22, 23, 24}) == []


def test_after_a_restart_nothing_is_missing(
    encoding: tuple[bytes | None, list[bytes], bool],
) -> None:
    extradata, packets, _ = encoding
    numbers = FrameNumbers(extradata)
    assert numbers.follows(packets[3])
    numbers.restart()
    assert numbers.follows(packets[15])


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x00", b"\x00\x00\x01", b"\x00\x00\x01\x67", b"\x00\x00\x01\x41\x00", b"\xff" * 50],
)
def test_rubbish_cannot_be_judged(packet: bytes) -> None:
    for extradata in (None, b"", b"\x01", b"\x01\x64\x00\x1f\xff\xe1\x00\xff", b"\x00\x00\x01\x67"):
        assert FrameNumbers(extradata).follows(packet)
