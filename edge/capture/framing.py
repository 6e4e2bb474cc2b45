"""Framing: a decoded picture becomes the Frame that is handed on, with its time and its colours.

Makes the luma, waits where a recording is played at its own pace, and knows whose colours the frame
shows: its own or the main stream's. Which pictures are handed on is decided in `decoding`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import av
from av.video.frame import PictureType

from edge.capture.clock import Arrival
from edge.capture.faults import fault
from edge.capture.opening import OpenStream
from edge.capture.pacing import Pace
from edge.capture.picture import LumaScaler, read_rgb, upright_size_px
from edge.capture.settings import SourceSettings
from edge.capture.timeline import DelayLine
from edge.errors import PictureError, SourceUnsupported
from edge.frames import Frame, Luma

if TYPE_CHECKING:
    from edge.capture.main_stream import MainStream


class Framing:
    """Makes the frames of one stream. `pace` and `main` as for Decoding."""

    def __init__(
        self,
        settings: SourceSettings,
        stream: OpenStream,
        pace: Pace | None,
        main: MainStream | None,
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._pace = pace
        self._main = main
        self._delay = DelayLine()
        self._scaler = LumaScaler()

    def follow(self, stream: OpenStream) -> None:
        """Go on with another stream's pictures."""
        self._stream = stream

    def note_delay(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        """A picture was decoded, whether or not it is handed on; call for each, in order."""
        stamp_s = self._stamp_s(picture)
        if stamp_s is not None:
            self._delay.note(stamp_s, arrival.mono_s)

    def luma(self, picture: av.VideoFrame) -> Luma:
        """The picture's luma; raises SourceUnsupported for a form of pixels that is not known."""
        try:
            return self._scaler.scale(picture)
        except PictureError as error:
            raise fault(SourceUnsupported, self._settings, str(error)) from error

    def build(
        self,
        picture: av.VideoFrame,
        luma: Luma,
        pts_s: float,
        arrival: Arrival,
        *,
        seq: int,
        after_gap: bool,
    ) -> Frame:
        """The Frame at `pts_s`; waits until it is due where there is a pace."""
        received_mono_s = arrival.mono_s
        if self._pace is not None:
            arrival = self._pace.wait(pts_s)
        width_px, height_px = upright_size_px(picture)
        frame = Frame(
            camera=self._settings.camera,
            luma=luma,
            width_px=width_px,
            height_px=height_px,
            pts_s=pts_s,
            mono_s=arrival.mono_s,
            captured_at=arrival.at,
            seq=seq,
            is_iframe=is_iframe(picture),
            after_gap=after_gap,
            read_image=partial(read_rgb, picture),
        )
        if self._main is None:
            return frame
        stamp_s = self._stamp_s(picture)
        captured_mono_s = received_mono_s if stamp_s is None else stamp_s + self._delay.least_s
        return replace(
            frame,
            read_image=partial(self._main.image_at, captured_mono_s, frame.read_image),
            expect_image=partial(self._main.expect, captured_mono_s),
        )

    def _stamp_s(self, picture: av.VideoFrame) -> float | None:
        """A picture's own time; FFmpeg's `time` lacks for those that come out at the end."""
        if picture.pts is None or not self._stream.timed:
            return None
        return picture.pts * self._stream.tick_s


def is_iframe(picture: av.VideoFrame) -> bool:
    """Whether a picture is decoded without any other."""
    return picture.key_frame or picture.pict_type == PictureType.I
