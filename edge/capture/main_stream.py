"""MainStream: a camera's full picture beside the small stream that is looked at.

A thread of its own reads the main stream's packets into a ring and decodes none of them; `image_at`
decodes the few that lead to one moment, `expect` does so ahead of it. Comes back by itself after a
failure. Knows nothing of frames; owned by `source`.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

import av

from edge.capture.backoff import Backoff
from edge.capture.clock import Clock
from edge.capture.facts import Counters, MainFacts
from edge.capture.faults import fault
from edge.capture.kinds import plan_open
from edge.capture.moment import MomentDecoder, pts_s_of
from edge.capture.opening import OpenStream, open_stream
from edge.capture.packets import PacketReader, Received
from edge.capture.picture import read_rgb
from edge.capture.ring import PacketRing
from edge.capture.settings import SourceSettings
from edge.capture.timeline import DelayLine
from edge.errors import CaptureError, PictureError, SourceBroken, SourceUnsupported
from edge.frames import Image
from edge.heap import trim_heap
from edge.redact import redact_text, url_secrets

log = logging.getLogger(__name__)

HELD_S = 12.0  # a keyframe is chosen up to some seconds after its moment
WAIT_S = 0.4  # for the main stream's packet of a moment that the small stream has already shown
# For the packets behind it, without which the decoder would have to be emptied: three pictures at
# 25 a second, of which it wants two.
FOLLOW_S = 0.12
# A decoder of 1080p holds 15 to 28 MB; while something goes on, a keyframe follows the last one in
# less than this.
KEPT_S = 5.0


class MainStream:
    """Reads `settings.main_url` from now on, until closed."""

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._settings = replace(settings, url=settings.main_url, main_url="")
        self._clock = clock
        self._ring = PacketRing()
        self._delay = DelayLine()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._stream: OpenStream | None = None
        self._decoding = threading.Lock()  # one decoder at a time: each holds many pictures
        self._decoder: MomentDecoder | None = None  # of that stream, as the last moment left it
        self._used_mono_s = 0.0
        self._is_expecting = False
        self._error = ""
        self._num_shown = 0
        self._num_missed = 0
        name = f"{settings.camera}-main"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def facts(self) -> MainFacts:
        """What is known of the stream now."""
        with self._news:
            stream = self._stream
            codec = None if stream is None else stream.video.codec_context
            return MainFacts(
                codec="" if codec is None else codec.codec.name,
                width_px=0 if codec is None else codec.width,
                height_px=0 if codec is None else codec.height,
                ring_bytes=self._ring.num_bytes,
                shown=self._num_shown,
                missed=self._num_missed,
                error=self._error,
            )

    def close(self) -> None:
        """Read no more; returns at once, the connection ends with the thread."""
        self._stop.set()

    def image_at(self, captured_mono_s: float, instead: Callable[[], Image]) -> Image:
        """The picture of the moment `captured_mono_s` (see DelayLine), (H, W, 3) uint8 RGB.

        Where the main stream has none of that moment (not connected, too long ago, damaged) the
        miss is counted and `instead` is called. Blocks for a few tenths of a second.
        """
        try:
            image = read_rgb(self._picture_at(captured_mono_s))
        except PictureError as error:
            log.debug("%s: no main picture: %s", self._settings.camera, error)
            self._num_missed += 1
            return instead()
        self._num_shown += 1
        return image

    def expect(self, captured_mono_s: float) -> None:
        """The picture of this moment, or of a later one, may be asked for soon; returns at once."""
        with self._news:
            if self._is_expecting or self._stream is None:
                return
            self._is_expecting = True
        name = f"{self._settings.camera}-ahead"
        threading.Thread(target=self._lead, args=(captured_mono_s,), name=name, daemon=True).start()

    def _lead(self, captured_mono_s: float) -> None:
        """Thread body: decode up to a moment."""
        try:
            with self._decoder_for(captured_mono_s) as (decoder, packets, pts_s):
                decoder.lead_to(packets, pts_s)
        except PictureError as error:  # counted if it is asked for
            log.debug("%s: no main picture ahead: %s", self._settings.camera, error)
        finally:
            self._is_expecting = False

    def _picture_at(self, captured_mono_s: float) -> av.VideoFrame:
        with self._decoder_for(captured_mono_s) as (decoder, packets, pts_s):
            return decoder.picture_at(packets, pts_s, self._following(packets))

    def _following(self, packets: list[Received]) -> Iterator[Received]:
        """What comes behind the `packets` that are held, for a while."""
        last = packets[-1]
        until_mono_s = self._clock.mono_s() + FOLLOW_S
        while True:
            with self._news:
                left_s = until_mono_s - self._clock.mono_s()
                self._news.wait_for(partial(self._has_more, last), left_s)
                behind = self._ring.behind(last)
            if not behind:
                return
            yield from behind
            last = behind[-1]

    @contextmanager
    def _decoder_for(
        self, captured_mono_s: float
    ) -> Iterator[tuple[MomentDecoder, list[Received], float]]:
        """The decoder, all packets that are held, and the moment in their time."""
        with self._decoding:
            with self._news:
                self._news.wait_for(lambda: self._has_reached(captured_mono_s), WAIT_S)
                stream = self._stream
                if stream is None:
                    raise PictureError("the main stream is not connected")
                pts_s = captured_mono_s - self._delay.least_s
                packets = list(self._ring)
                decoder, self._decoder = self._decoder, None
            if decoder is None:
                decoder = MomentDecoder(stream, self._settings.max_pixels)
            try:
                yield decoder, packets, pts_s
            finally:
                with self._news:
                    if self._stream is stream:
                        self._decoder, self._used_mono_s = decoder, self._clock.mono_s()

    def _has_more(self, last: Received) -> bool:
        return self._ring.newest is not last

    def _has_reached(self, captured_mono_s: float) -> bool:
        last = self._ring.newest
        if self._stream is None or last is None:
            return self._stream is None
        return pts_s_of(last) + self._delay.least_s >= captured_mono_s

    # The thread

    def _run(self) -> None:
        """Thread body: connects again and again."""
        backoff = Backoff(random.random)
        while not self._stop.is_set():
            try:
                self._read(backoff)
                delay_s = backoff.failed()
            except CaptureError as error:
                is_final = isinstance(error, SourceUnsupported)
                delay_s = backoff.refused() if is_final else backoff.failed()
                self._lose(redact_text(str(error), url_secrets(self._settings.url)))
            self._stop.wait(delay_s)

    def _read(self, backoff: Backoff) -> None:
        """One connection, until it fails or is no longer wanted."""
        stream = open_stream(self._settings, plan_open(self._settings))
        with closing(stream.container):
            if stream.recorded or not stream.timed:
                what = "only a live stream with timestamps can be the main one beside a sub stream"
                raise fault(SourceUnsupported, self._settings, what)
            with self._news:
                self._stream, self._error = stream, ""
                self._delay = DelayLine()
            for received in PacketReader(self._settings, stream, self._clock, Counters()).packets():
                if self._stop.is_set():
                    return
                self._keep(received)
                self._rest(received.arrival.mono_s)
                backoff.frame(received.arrival.mono_s)
        raise fault(SourceBroken, self._settings, "the camera ended the stream")

    def _keep(self, received: Received) -> None:
        mono_s = received.arrival.mono_s
        with self._news:
            if received.after_skip or received.packet.is_corrupt:
                self._ring.clear()
            self._ring.add(received)
            self._delay.note(pts_s_of(received), mono_s)
            self._ring.drop_before(mono_s - HELD_S)
            while self._ring.is_full:
                self._ring.drop_oldest()
            self._news.notify_all()

    def _rest(self, mono_s: float) -> None:
        """Give the decoder back when nothing has been asked of it for a while."""
        with self._news:
            is_over = self._decoder is not None and mono_s - self._used_mono_s > KEPT_S
            if is_over:
                self._decoder = None
        if is_over:
            trim_heap()

    def _lose(self, error: str) -> None:
        with self._news:
            self._stream, self._decoder, self._error = None, None, error
            self._ring.clear()
            self._news.notify_all()
