"""Reading packets of a scripted stream: a silent picture beside other data, a backlog."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import cast

import pytest

from edge.capture.clock import Clock
from edge.capture.facts import Counters
from edge.capture.opening import OpenStream
from edge.capture.packets import PacketReader, Received
from edge.capture.settings import SourceSettings
from edge.errors import SourceBroken

SETTINGS = SourceSettings("porch", "rtsp://u:geheim@h/x", read_timeout_s=10.0)
VIDEO, AUDIO = object(), object()


@dataclass
class Packet:
    """A packet of the script: which stream, its stamp, and how long the read waits for it."""

    stream: object
    at_s: float
    wait_s: float = 0.04
    is_keyframe: bool = False
    size: int = 100
    time_base: Fraction = Fraction(1, 1000)

    @property
    def dts(self) -> int:
        return round(self.at_s * 1000)

    pts = dts


@dataclass
class Script:
    """A container whose packets come when the script says, on its own clock."""

    packets: list[Packet]
    now_s: float = 50.0
    count: Counters = field(default_factory=Counters)

    def demux(self) -> Iterator[Packet]:
        for packet in self.packets:
            self.now_s += packet.wait_s
            yield packet

    def read(self, *, recorded: bool = False) -> Iterator[Received]:
        stream = SimpleNamespace(
            container=self, video=VIDEO, recorded=recorded, timed=True, tick_s=0.001
        )
        clock = Clock(mono_s=lambda: self.now_s)
        reader = PacketReader(SETTINGS, cast("OpenStream", stream), clock, self.count)
        return reader.packets()


def live(count: int, start_s: float = 0.0, gop: int = 10, wait_s: float = 0.04) -> list[Packet]:
    """Pictures 0.04 s apart, an I-frame every `gop`."""
    return [
        Packet(VIDEO, start_s + i * 0.04, wait_s=wait_s, is_keyframe=i % gop == 0)
        for i in range(count)
    ]


def test_sound_does_not_hide_that_the_picture_stopped() -> None:
    script = Script([*live(5), *[Packet(AUDIO, i * 0.5, wait_s=0.5) for i in range(100)]])
    packets = script.read()
    for _ in range(5):
        next(packets)
    with pytest.raises(SourceBroken, match=r"no picture for 10 s, though other data came") as e:
        next(packets)
    assert script.now_s < 50.0 + 0.2 + 11.0
    assert "geheim" not in str(e.value)


def test_other_data_between_pictures_is_passed_over() -> None:
    script = Script([*live(3), Packet(AUDIO, 0.0), *live(3, start_s=0.16)])
    assert len(list(script.read())) == 6


def test_empty_packets_are_not_pictures() -> None:
    script = Script([*live(2), Packet(VIDEO, 0.08, size=0)])
    assert len(list(script.read())) == 2


def read_with_a_pause(script: Script, before: int, pause_s: float) -> list[Received]:
    """All packets; after the first `before` the reader is away for `pause_s`."""
    received = []
    for index, item in enumerate(script.read()):
        received.append(item)
        if index == before - 1:
            script.now_s += pause_s
    return received


def test_a_backlog_is_skipped_to_its_newest_iframe() -> None:
    # 4 s pass unread: 100 packets wait, then the camera goes on in real time.
    script = Script([*live(20), *live(100, 0.8, wait_s=0.0), *live(30, 4.8)])
    received = read_with_a_pause(script, before=20, pause_s=4.0)
    resumed = next(r for r in received if r.after_skip)
    assert script.count.drains == 1
    assert resumed.packet.is_keyframe
    # The first I-frame that is at most 1 s old: 4.0 s of the stream, read at 4.8 s.
    assert resumed.packet.dts == 4000
    assert script.count.drained == 80
    assert len(received) == 150 - 80


def test_when_the_backlog_is_read_the_next_iframe_will_do() -> None:
    # The camera itself sends late from now on: nothing newer waits, so there is nothing to gain.
    script = Script([*live(20), *live(50, 0.8)])
    received = read_with_a_pause(script, before=20, pause_s=4.0)
    resumed = next(r for r in received if r.after_skip)
    assert resumed.packet.dts == 1200  # the second I-frame after the pause
    assert script.count.drains == 1
    assert script.count.drained == 10
    assert received[-1].packet.dts == round((0.8 + 49 * 0.04) * 1000)


def test_a_short_delay_skips_nothing() -> None:
    script = Script([*live(20), *live(50, 0.8, wait_s=0.0), *live(30, 2.8)])
    assert len(read_with_a_pause(script, before=20, pause_s=1.9)) == 100
    assert script.count.drains == 0


def test_recordings_are_never_skipped() -> None:
    script = Script(live(50))
    received = []
    for item in script.read(recorded=True):
        received.append(item)
        script.now_s += 10.0
    assert len(received) == 50
