"""PacketReader: compressed packets of one open stream, each with the time it was received.

Sees a stall, a broken stream and a backlog; knows nothing of pictures. Used by `source`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from av.packet import Packet
from av.video.stream import VideoStream

from edge.capture.clock import Arrival, Clock
from edge.capture.facts import Counters
from edge.capture.faults import LIBRARY_ERRORS, fault, read_fault
from edge.capture.opening import OpenStream
from edge.capture.settings import SourceSettings
from edge.capture.timeline import LAG_LIMIT_S, LagMeter
from edge.errors import SourceBroken

log = logging.getLogger(__name__)

VideoPacket: TypeAlias = "Packet[VideoStream]"  # generic in the stubs only

CAUGHT_UP_S = LAG_LIMIT_S / 2
BACKLOG_WAIT_S = 0.01  # a read that waits this long has emptied the backlog; others take < 1 ms


@dataclass(frozen=True, slots=True)
class Received:
    """A packet and when it came; `after_skip` is true for the first one after a skipped backlog.

    `time_s` is the stream's own decode time, or the receive time where it has none.
    """

    packet: VideoPacket
    arrival: Arrival
    time_s: float
    after_skip: bool


class PacketReader:
    """Reads one open stream to its end."""

    def __init__(
        self, settings: SourceSettings, stream: OpenStream, clock: Clock, count: Counters
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._clock = clock
        self._count = count
        self._lag = LagMeter()
        self._skipping = False
        self._backlog_left = False

    def packets(self) -> Iterator[Received]:
        """Packets to decode, in order; ends where the stream ends.

        Blocks for up to the read time-out. A live stream that fails raises SourceBroken; a
        recording that cannot be read on is counted as corrupt and ends there.
        """
        last_video_mono_s = self._clock.mono_s()
        packets = self._stream.container.demux()
        while True:
            reading_since_mono_s = self._clock.mono_s()
            try:
                packet = next(packets, None)
            except LIBRARY_ERRORS as error:
                if not self._stream.recorded:
                    waited_s = self._clock.mono_s() - reading_since_mono_s
                    raise read_fault(self._settings, error, waited_s) from None
                self._count.corrupt += 1
                return
            if packet is None:
                return
            arrival = Arrival(self._clock.mono_s(), self._clock.utc())
            if arrival.mono_s - reading_since_mono_s >= BACKLOG_WAIT_S:
                self._backlog_left = False
            if packet.stream is self._stream.video:
                last_video_mono_s = arrival.mono_s
                # The empty packets at the end ask for a flush, which the decoder's owner does.
                if packet.size:
                    self._count.received += 1
                    yield from self._newest(cast("VideoPacket", packet), arrival)
            elif arrival.mono_s - last_video_mono_s > self._settings.read_timeout_s:
                what = f"no picture for {self._settings.read_timeout_s:g} s, though other data came"
                raise fault(SourceBroken, self._settings, what)

    def _newest(self, packet: VideoPacket, arrival: Arrival) -> Iterator[Received]:
        """The packet, or nothing while a live stream's backlog is skipped.

        We are behind when the packets' own time falls back against the receive clock. Once begun,
        skipping ends at the first I-frame that is recent, or that comes after all that was waiting
        has been read.
        """
        stamp_s = _stamp_s(packet, self._stream.tick_s) if self._stream.timed else None
        time_s = arrival.mono_s if stamp_s is None else stamp_s
        if self._stream.recorded or not self._stream.timed:
            yield Received(packet, arrival, time_s, after_skip=False)
            return
        lag_s = self._lag.lag_s(stamp_s, arrival.mono_s)
        if self._skipping and packet.is_keyframe:
            self._skipping = self._backlog_left and lag_s > CAUGHT_UP_S
            if not self._skipping:
                self._lag.restart()
                yield Received(packet, arrival, time_s, after_skip=True)
                return
        if not self._skipping and lag_s > LAG_LIMIT_S:
            log.debug("%s: %.1f s behind, skipping", self._settings.camera, lag_s)
            self._skipping = self._backlog_left = True
            self._count.drains += 1
        if self._skipping:
            self._count.drained += 1
            self._count.seen += 1
            return
        yield Received(packet, arrival, time_s, after_skip=False)


def _stamp_s(packet: VideoPacket, tick_s: float) -> float | None:
    """The packet's decode time, which grows evenly also with B-frames."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    return None if stamp is None else stamp * tick_s
