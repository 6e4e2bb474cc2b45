"""The packet ring's bounds, and how far apart I-frames are."""

from types import SimpleNamespace
from typing import cast

import pytest

from edge.capture.clock import Arrival, Clock
from edge.capture.gop import GopMeter
from edge.capture.packets import Received
from edge.capture.ring import PacketRing


def packet(at_s: float, *, is_iframe: bool = False, size: int = 100) -> Received:
    fake = SimpleNamespace(is_keyframe=is_iframe, size=size)
    return cast(
        "Received",
        Received(fake, Arrival(at_s, Clock().utc()), at_s, after_skip=False),  # type: ignore[arg-type]
    )


def filled(*, gops: int, length: int = 10) -> PacketRing:
    ring = PacketRing(max_bytes=10_000)
    for i in range(gops * length):
        ring.add(packet(float(i), is_iframe=i % length == 0))
    return ring


def test_it_begins_with_an_iframe() -> None:
    ring = PacketRing()
    ring.add(packet(0.0))
    assert (len(ring), ring.num_bytes) == (0, 0)
    ring.add(packet(1.0, is_iframe=True))
    ring.add(packet(2.0))
    assert [r.time_s for r in ring.take()] == [1.0, 2.0]
    assert (len(ring), ring.num_bytes) == (0, 0)


def test_it_is_full_above_its_bound() -> None:
    ring = filled(gops=10)
    assert ring.num_bytes == 10_000
    assert not ring.is_full
    ring.add(packet(100.0))
    assert ring.is_full
    ring.drop_oldest()
    assert not ring.is_full
    assert next(iter(ring)).time_s == 10.0


def test_what_a_picture_needs_is_kept() -> None:
    ring = filled(gops=5)
    ring.drop_before(25.0)
    assert next(iter(ring)).time_s == 20.0
    ring.drop_before(1000.0)
    assert [r.time_s for r in ring] == list(range(40, 50))
    assert ring.num_bytes == 1000


@pytest.mark.parametrize(
    ("iframes_at", "until", "expected"),
    [
        pytest.param([0], 4, None, id="none yet"),
        pytest.param([0], 100, (100, 99.0), id="the first does not end"),
        pytest.param([0, 3, 6], 8, (3, 3.0), id="even"),
        pytest.param([0, 10, 12], 13, (10, 10.0), id="the longer of two"),
        pytest.param([0, 10, 12, 14], 15, (2, 2.0), id="the one before is forgotten"),
        pytest.param([0, 2, 4], 100, (96, 95.0), id="they stop coming"),
    ],
)
def test_gops(iframes_at: list[int], until: int, expected: tuple[int, float] | None) -> None:
    meter = GopMeter()
    for i in range(until):
        meter.note(is_iframe=i in iframes_at, now_s=float(i))
    assert (meter.frames, meter.seconds) == (expected or (None, None))


def test_a_first_i_frame_without_a_time_of_the_stream() -> None:
    meter = GopMeter()
    meter.note(is_iframe=True, now_s=50_000.0)  # the receive clock's
    for i in range(1, 81):
        meter.note(is_iframe=False, now_s=i / 10)
    assert (meter.frames, meter.seconds) == (81, pytest.approx(7.9))
