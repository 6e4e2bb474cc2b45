"""Decoding: one stream's packets become the Frames that are to be handed on.

Places pictures in time, picks those on the grid, holds back those that may be damaged. Knows
neither where packets come from nor which are left out on purpose. Used by `source`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

from edge.capture.clock import Arrival
from edge.capture.facts import Counters
from edge.capture.faults import LIBRARY_ERRORS
from edge.capture.framing import Framing, is_iframe
from edge.capture.h264 import FrameNumbers
from edge.capture.hardware import choose_decoder
from edge.capture.opening import OpenStream, check_size
from edge.capture.pacing import Pace
from edge.capture.packets import Received, VideoPacket
from edge.capture.settings import SourceSettings
from edge.capture.spare import SparePictures
from edge.capture.timeline import FrameGrid, Placed, Timeline
from edge.frames import Frame, Luma

if TYPE_CHECKING:
    from edge.capture.main_stream import MainStream

log = logging.getLogger(__name__)

DEFAULT_FPS = 25.0  # where the stream does not say
INTRA_ONLY_CODECS = frozenset({"mjpeg"})
DEEPEST_REORDER = 16  # packets a decoder may hold back; after more, pictures are missing


@dataclass(frozen=True, slots=True)
class Look:
    """An I-frame that was decoded by itself, not yet a frame."""

    picture: av.VideoFrame
    luma: Luma
    received: Received

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height before rotation."""
        return self.picture.width, self.picture.height


class Decoding:
    """Decodes one stream, over every break of it.

    `codec` is what is decoded, as `h264`, and `hardware` by what ("" for software).
    `main` gives the frames' pictures, if this is the small stream of two. `pace` waits until a
    recording's frame at `pts_s` is due and says when that was; None for live streams, whose frames
    bear the time their packet was received.
    """

    def __init__(
        self,
        settings: SourceSettings,
        stream: OpenStream,
        count: Counters,
        pace: Pace | None,
        main: MainStream | None = None,
    ) -> None:
        self._settings = settings
        self._count = count
        self._framing = Framing(settings, stream, pace, main)
        self._timeline = Timeline(
            1.0 / (stream.fps or DEFAULT_FPS), live=not stream.recorded, start_s=stream.start_s
        )
        self._grid = FrameGrid(settings.fps)
        self._spare = SparePictures()
        self._needs_iframe = True
        self._broken_mono_s = 0.0
        self._held_packets = 0
        self._shown: Look | None = None
        self.last_decoded_mono_s: float | None = None
        self._take_stream(stream)
        self.size_px = (self._decoder.width, self._decoder.height)

    def follow(self, stream: OpenStream, mono_s: float) -> None:
        """Go on with another stream, as a looped recording opened again; its time goes on."""
        self._take_stream(stream)
        self._framing.follow(stream)
        self._timeline.restart()
        self.break_off(mono_s)

    def _take_stream(self, stream: OpenStream) -> None:
        self._stream = stream
        self._tick_s = stream.tick_s
        software = stream.video.codec_context
        chosen = choose_decoder(self._settings, software)
        self._decoder, self.hardware = chosen.context, chosen.hardware
        self.codec = str(software.codec.name)
        is_h264 = self.codec == "h264"
        self._frame_numbers = FrameNumbers(self._decoder.extradata) if is_h264 else None
        self._shown = None

    def break_off(self, mono_s: float) -> None:
        """The stream broke with what came at `mono_s`: nothing before the next I-frame is whole."""
        self._broken_mono_s = mono_s
        if not self._needs_iframe:
            self._count.gaps += 1
            self._needs_iframe = True

    def frames_of(self, received: Received) -> Iterator[Frame]:
        """The frames to hand on that come out of the decoder with one packet."""
        packet, arrival = received.packet, received.arrival
        if received.after_skip:
            self.restart()
            self.break_off(arrival.mono_s)
        if packet.is_corrupt:
            self._count.corrupt += 1
            self.break_off(arrival.mono_s)
        if self._frame_numbers is not None and not self._frame_numbers.follows(bytes(packet)):
            self._count.lost += 1
            self.break_off(arrival.mono_s)
        if self._is_left_out(packet):
            return
        placed = None
        if self.codec in INTRA_ONLY_CODECS:
            # Such pictures do not need each other: those off the grid are not decoded.
            if self._is_shown(arrival):
                self._shown = None
                return
            placed = self._place(packet.pts, packet.dts, arrival)
            if not (self._needs_iframe or self._grid.is_due(placed.pts_s)):
                self._count.seen += 1
                self._count.dropped += 1
                self.last_decoded_mono_s = arrival.mono_s
                return
        packet.opaque = arrival
        yield from self._decode(packet, placed, arrival)

    def _is_left_out(self, packet: VideoPacket) -> bool:
        """Whether the picture need not be decoded: no other one needs it, and it is off the grid.

        Where the stream breaks, all are decoded.
        """
        if self._frame_numbers is None or not self._stream.timed:
            return False
        self._spare.note(None if packet.dts is None else packet.dts * self._tick_s)
        if not self._frame_numbers.is_spare or self._needs_iframe or packet.pts is None:
            return False
        pts_s = self._timeline.foresee(packet.pts * self._tick_s)
        if pts_s is None or not self._spare.is_off(self._grid.distance_s(pts_s)):
            return False
        self._spare.leave_out(pts_s)
        return True

    def drain(self, arrival: Arrival) -> Iterator[Frame]:
        """What the decoder still holds; the next packet must be an I-frame's."""
        yield from self._decode(None, None, arrival)
        self.restart()

    def restart(self) -> None:
        """The next packet does not follow the last one."""
        self._decoder.flush_buffers()
        self._count.leave_out(self._spare.clear())
        self._held_packets = 0
        if self._frame_numbers is not None:
            self._frame_numbers.restart()

    # I-frames by themselves

    def look(self, received: Received) -> Look | None:
        """Decode an I-frame's packet alone; None if it gives no whole picture by itself.

        The decoder must be at a restart, and is so again afterwards. Raises SourceUnsupported for
        pictures of an absurd size.
        """
        packet = received.packet
        packet.opaque = received.arrival
        try:
            pictures = [*self._decoder.decode(packet), *self._decoder.decode(None)]
        except LIBRARY_ERRORS:
            pictures = []
            self._give_up_hardware()
        self.restart()
        if len(pictures) != 1 or pictures[0].is_corrupt or not is_iframe(pictures[0]):
            return None
        check_size(self._settings, pictures[0].width, pictures[0].height)
        return Look(pictures[0], self._framing.luma(pictures[0]), received)

    def show(self, look: Look) -> Iterator[Frame]:
        """Hand on an I-frame that was looked at, as the next frame.

        When its packet comes again with those that follow it, it is known.
        """
        arrival = look.received.arrival
        self._check_picture(look.picture, arrival)
        placed = self._place(look.picture.pts, look.picture.dts, arrival)
        seq = self._count.seen
        self._count.seen += 1
        self._count.decoded += 1
        self.last_decoded_mono_s = arrival.mono_s
        self._framing.note_delay(look.picture, arrival)
        after_gap = self._needs_iframe
        self._needs_iframe = False
        self._grid.is_due(placed.pts_s)
        self._shown = look
        frame = self._framing.build(
            look.picture, look.luma, placed.pts_s, arrival, seq=seq, after_gap=after_gap
        )
        self._count.handed_on += 1
        yield frame

    def _is_shown(self, arrival: Arrival) -> bool:
        return self._shown is not None and self._shown.received.arrival is arrival

    def _precedes_shown(self, picture: av.VideoFrame, arrival: Arrival) -> bool:
        """Whether a picture is the I-frame shown last, or one in front of it in time.

        B-frames in front of the I-frame that decoding begins at lack what they refer to.
        """
        if self._shown is None:
            return False
        shown = self._shown.picture
        if picture.pts is None or shown.pts is None:
            return self._is_shown(arrival)
        return picture.pts <= shown.pts

    # Decoding

    def _give_up_hardware(self) -> None:
        """A device that fails once, as at a profile it does not know, is not tried again."""
        if self.hardware:
            log.warning(
                "%s: decoding by %s failed; going on in software",
                self._settings.camera,
                self.hardware,
            )
            self._decoder, self.hardware = self._stream.video.codec_context, ""
            self.restart()

    def _decode(
        self, packet: VideoPacket | None, placed: Placed | None, arrival: Arrival
    ) -> Iterator[Frame]:
        """Decode one packet, or empty the decoder (None)."""
        self._held_packets += 1
        try:
            pictures = self._decoder.decode(packet)
        except LIBRARY_ERRORS:
            self._count.corrupt += 1
            self.break_off(arrival.mono_s)
            self._give_up_hardware()
            return
        if pictures and self._held_packets > DEEPEST_REORDER:
            self.break_off(arrival.mono_s)
        self._held_packets = 0 if pictures else self._held_packets
        for picture in pictures:
            received = picture.opaque if isinstance(picture.opaque, Arrival) else arrival
            if self._precedes_shown(picture, received):
                if not self._is_shown(received):
                    self._count.seen += 1
                    self._count.dropped += 1
                continue
            self._shown = None
            yield from self._accept(picture, placed, received)

    def _accept(
        self, picture: av.VideoFrame, placed: Placed | None, arrival: Arrival
    ) -> Iterator[Frame]:
        """The picture as a Frame, or nothing if it is off the grid or may be damaged.

        `placed` is given where the grid was asked before decoding.
        """
        on_grid = placed is not None
        if placed is None:
            placed = self._place(picture.pts, picture.dts, arrival)
        for pts_s in self._spare.passed(placed.pts_s):
            self._grid.pass_by(pts_s)
            self._count.leave_out(1)
        seq = self._count.seen
        self._count.seen += 1
        self._count.decoded += 1
        self.last_decoded_mono_s = arrival.mono_s
        self._framing.note_delay(picture, arrival)
        self._check_picture(picture, arrival)
        # An I-frame that came before the break may still have waited in the decoder.
        is_whole = arrival.mono_s >= self._broken_mono_s and not picture.is_corrupt
        after_gap = self._needs_iframe and is_iframe(picture) and is_whole
        if after_gap:
            self._needs_iframe = False
            self._grid.restart()
            on_grid = False
        if self._needs_iframe or not (on_grid or self._grid.is_due(placed.pts_s)):
            self._count.dropped += 1
            return
        luma = self._framing.luma(picture)
        frame = self._framing.build(
            picture, luma, placed.pts_s, arrival, seq=seq, after_gap=after_gap
        )
        self._count.handed_on += 1
        yield frame

    def _check_picture(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        """Note damage and a change of size. Raises SourceUnsupported for an absurd size."""
        if picture.is_corrupt:
            self._count.corrupt += 1
            self.break_off(arrival.mono_s)
        size_px = (picture.width, picture.height)
        if size_px != self.size_px:
            check_size(self._settings, *size_px)
            self.size_px = size_px
            self.break_off(arrival.mono_s)

    def _place(self, pts: int | None, dts: int | None, arrival: Arrival) -> Placed:
        """Where a picture stands in time; without stamps, the receive clock counts."""
        stamp = pts if pts is not None else dts
        raw_s = None if stamp is None else stamp * self._tick_s
        placed = self._timeline.place(
            raw_s if self._stream.timed else arrival.mono_s, arrival.mono_s
        )
        if placed.gap:
            self.break_off(arrival.mono_s)
        return placed
