"""Source: an open camera or file that yields Frames.

Decodes every picture and hands on those on the `fps` grid; never one that may be damaged. Knows
nothing of reconnecting (see `reader`) or of processes. Single-threaded and blocking; holds nothing
that a killed process would leave behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Protocol, Self

import av
from av.video.frame import PictureType

from edge.capture.clock import Arrival, Clock
from edge.capture.facts import Counters, SourceFacts
from edge.capture.faults import LIBRARY_ERRORS, fault
from edge.capture.h264 import FrameNumbers
from edge.capture.kinds import plan_open
from edge.capture.opening import check_size, close_quietly, open_stream
from edge.capture.packets import PacketReader, Received, VideoPacket
from edge.capture.picture import LumaScaler, read_rgb, upright_size_px
from edge.capture.settings import SourceSettings
from edge.capture.timeline import FrameGrid, Placed, Timeline
from edge.errors import PictureError, SourceBroken, SourceEnded, SourceUnsupported
from edge.frames import Frame

DEFAULT_FPS = 25.0  # where the stream does not say
UNDECODED_LIMIT_S = 60.0  # cameras with "smart" codecs send an I-frame every 20 s or less
PACE_LIMIT_S = 5.0  # a recording's pause is not waited for, a slow reader is not chased
INTRA_ONLY_CODECS = frozenset({"mjpeg"})
DEEPEST_REORDER = 16  # packets a decoder may hold back; after more, pictures are missing


class FrameSource(Protocol):
    """Anything that yields frames until it fails: a Source, or a synthetic camera."""

    def frames(self) -> Iterator[Frame]:
        """Frames, until a CaptureError says why there are no more."""
        ...

    def close(self) -> None:
        """Release everything; harmless when called again."""
        ...


def open_source(settings: SourceSettings, clock: Clock | None = None) -> Source:
    """Open a camera or file. Raises SourceUnreachable or SourceUnsupported."""
    return Source(settings, clock or Clock())


class Source:
    """An open source; a context manager. `frames` may be called once."""

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._plan = plan_open(settings)
        self._stream = stream = open_stream(settings, self._plan)
        self._decoder = stream.video.codec_context
        self._timeline = Timeline(
            1.0 / (stream.fps or DEFAULT_FPS), live=not stream.recorded, start_s=stream.start_s
        )
        self._grid = FrameGrid(settings.fps)
        self._scaler = LumaScaler()
        self._count = Counters()
        self._size_px = (self._decoder.width, self._decoder.height)
        self._needs_iframe = True
        self._broken_mono_s = 0.0
        self._held_packets = 0
        self._frame_numbers = self._new_frame_numbers()
        self._gop_frames: int | None = None
        self._since_iframe: int | None = None
        self._last_decoded_mono_s = clock.mono_s()
        self._pace_offset_s: float | None = None

    @property
    def facts(self) -> SourceFacts:
        """What is known now; its counters go on counting."""
        return SourceFacts(
            kind=self._plan.kind,
            codec=self._decoder.codec.name,
            width_px=self._size_px[0],
            height_px=self._size_px[1],
            stream_fps=self._stream.fps,
            gop_frames=self._gop_frames,
            counters=self._count,
        )

    def frames(self) -> Iterator[Frame]:
        """Frames on the `fps` grid, the first of each unbroken stretch marked `after_gap`.

        Blocks for up to the read time-out. Raises SourceBroken when a live source fails or ends,
        SourceEnded at the end of a recording, SourceUnsupported for pictures of an absurd size and
        for a recording without a single readable picture.
        """
        while True:
            decoded_before = self._count.decoded
            yield from self._one_pass()
            if not self._stream.recorded:
                raise fault(SourceBroken, self._settings, "the camera ended the stream")
            if self._count.decoded == decoded_before:
                what = "not one picture in it can be decoded"
                raise fault(SourceUnsupported, self._settings, what)
            if not self._settings.loop:
                raise fault(SourceEnded, self._settings, "the recording has come to its end")
            self._rewind()

    def close(self) -> None:
        """Close the source; harmless when called again."""
        close_quietly(self._settings.camera, self._stream.container)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _one_pass(self) -> Iterator[Frame]:
        """Frames to the end of the stream."""
        reader = PacketReader(self._settings, self._stream, self._clock, self._count)
        for received in reader.packets():
            yield from self._frames_of(received)
            self._check_progress(received.arrival.mono_s)
        end = Arrival(self._clock.mono_s(), self._clock.utc())
        yield from self._decode(None, None, end)

    def _rewind(self) -> None:
        """Open a looped recording again; its time goes on."""
        self.close()
        self._stream = open_stream(self._settings, self._plan)
        self._decoder = self._stream.video.codec_context
        self._timeline.restart()
        self._frame_numbers = self._new_frame_numbers()
        self._break(self._clock.mono_s())

    def _new_frame_numbers(self) -> FrameNumbers | None:
        is_h264 = self._decoder.codec.name == "h264"
        return FrameNumbers(self._decoder.extradata) if is_h264 else None

    def _check_progress(self, mono_s: float) -> None:
        """A live stream that only sends rubbish is as broken as a silent one."""
        undecoded_s = mono_s - self._last_decoded_mono_s
        if undecoded_s > UNDECODED_LIMIT_S and not self._stream.recorded:
            what = f"nothing could be decoded for {undecoded_s:.0f} s"
            raise fault(SourceBroken, self._settings, what)

    def _frames_of(self, received: Received) -> Iterator[Frame]:
        """The frames to hand on that come out of the decoder with one packet."""
        packet, arrival = received.packet, received.arrival
        if received.after_skip:
            self._decoder.flush_buffers()
            self._break(arrival.mono_s)
            if self._frame_numbers is not None:
                self._frame_numbers.restart()
        if packet.is_corrupt:
            self._count.corrupt += 1
            self._break(arrival.mono_s)
        if self._frame_numbers is not None and not self._frame_numbers.follows(bytes(packet)):
            self._count.lost += 1
            self._break(arrival.mono_s)
        placed = None
        if self._decoder.codec.name in INTRA_ONLY_CODECS:
            # Such pictures do not need each other: those off the grid are not decoded.
            placed = self._place(packet.pts, packet.dts, arrival)
            if not (self._needs_iframe or self._grid.is_due(placed.pts_s)):
                self._count.seen += 1
                self._count.dropped += 1
                self._last_decoded_mono_s = arrival.mono_s
                return
        packet.opaque = arrival
        yield from self._decode(packet, placed, arrival)

    def _decode(
        self, packet: VideoPacket | None, placed: Placed | None, arrival: Arrival
    ) -> Iterator[Frame]:
        """Decode one packet, or empty the decoder (None)."""
        self._held_packets += 1
        try:
            pictures = self._decoder.decode(packet)
        except LIBRARY_ERRORS:
            self._count.corrupt += 1
            self._break(arrival.mono_s)
            return
        if pictures and self._held_packets > DEEPEST_REORDER:
            self._break(arrival.mono_s)
        self._held_packets = 0 if pictures else self._held_packets
        for picture in pictures:
            received = picture.opaque if isinstance(picture.opaque, Arrival) else arrival
            yield from self._accept(picture, placed, received)

    def _accept(
        self, picture: av.VideoFrame, placed: Placed | None, arrival: Arrival
    ) -> Iterator[Frame]:
        """The picture as a Frame, or nothing if it is off the grid or may be damaged.

        `placed` is given where the grid was asked before decoding.
        """
        seq = self._count.seen
        self._count.seen += 1
        self._count.decoded += 1
        self._last_decoded_mono_s = arrival.mono_s
        is_iframe = picture.key_frame or picture.pict_type == PictureType.I
        self._measure_gop(is_iframe)
        on_grid = placed is not None
        if placed is None:
            placed = self._place(picture.pts, picture.dts, arrival)
        self._check_picture(picture, arrival)
        # An I-frame that came before the break may still have waited in the decoder.
        is_whole = arrival.mono_s >= self._broken_mono_s and not picture.is_corrupt
        after_gap = self._needs_iframe and is_iframe and is_whole
        if after_gap:
            self._needs_iframe = False
            self._grid.restart()
            on_grid = False
        if self._needs_iframe or not (on_grid or self._grid.is_due(placed.pts_s)):
            self._count.dropped += 1
            return
        yield self._build_frame(picture, placed.pts_s, arrival, seq, after_gap=after_gap)

    def _check_picture(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        """Note damage and a change of size. Raises SourceUnsupported for an absurd size."""
        if picture.is_corrupt:
            self._count.corrupt += 1
            self._break(arrival.mono_s)
        size_px = (picture.width, picture.height)
        if size_px != self._size_px:
            check_size(self._settings, *size_px)
            self._size_px = size_px
            self._break(arrival.mono_s)

    def _place(self, pts: int | None, dts: int | None, arrival: Arrival) -> Placed:
        """Where a picture stands in time; without stamps, the receive clock counts."""
        stamp = pts if pts is not None else dts
        time_base = self._stream.video.time_base
        raw_s = None if stamp is None or time_base is None else float(stamp * time_base)
        placed = self._timeline.place(
            raw_s if self._stream.timed else arrival.mono_s, arrival.mono_s
        )
        if placed.gap:
            self._break(arrival.mono_s)
        return placed

    def _break(self, mono_s: float) -> None:
        """The stream broke with what came at `mono_s`: nothing before the next I-frame is whole."""
        self._broken_mono_s = mono_s
        if not self._needs_iframe:
            self._count.gaps += 1
            self._needs_iframe = True

    def _measure_gop(self, is_iframe: bool) -> None:
        if is_iframe:
            self._gop_frames = self._since_iframe or self._gop_frames
            self._since_iframe = 0
        if self._since_iframe is not None:
            self._since_iframe += 1

    def _build_frame(
        self, picture: av.VideoFrame, pts_s: float, arrival: Arrival, seq: int, *, after_gap: bool
    ) -> Frame:
        try:
            luma = self._scaler.scale(picture)
        except PictureError as error:
            raise fault(SourceUnsupported, self._settings, str(error)) from error
        if self._stream.recorded:
            arrival = self._pace(pts_s)
        width_px, height_px = upright_size_px(picture)
        self._count.handed_on += 1
        return Frame(
            camera=self._settings.camera,
            luma=luma,
            width_px=width_px,
            height_px=height_px,
            pts_s=pts_s,
            mono_s=arrival.mono_s,
            captured_at=arrival.at,
            seq=seq,
            is_iframe=picture.key_frame or picture.pict_type == PictureType.I,
            after_gap=after_gap,
            read_image=partial(read_rgb, picture),
        )

    def _pace(self, pts_s: float) -> Arrival:
        """Wait until a recording's frame is due, and take that for the time it was received."""
        if self._settings.realtime:
            now_s = self._clock.mono_s()
            wait_s = 0.0 if self._pace_offset_s is None else pts_s + self._pace_offset_s - now_s
            if self._pace_offset_s is None or abs(wait_s) > PACE_LIMIT_S:
                self._pace_offset_s = now_s - pts_s
            elif wait_s > 0.0:
                self._clock.sleep(wait_s)
        return Arrival(self._clock.mono_s(), self._clock.utc())
