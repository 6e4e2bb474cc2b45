"""Source: an open camera or file that yields Frames.

Reads packets and decodes all of them or, while nothing goes on, the I-frames alone. Knows nothing
of reconnecting (see `reader`) or of processes. Single-threaded and blocking; holds nothing that a
killed process would leave behind.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from edge.capture.clock import Arrival, Clock
from edge.capture.decoding import Decoding
from edge.capture.facts import Counters, SourceFacts
from edge.capture.faults import fault
from edge.capture.gop import GopMeter
from edge.capture.kinds import plan_open
from edge.capture.opening import close_quietly, open_stream
from edge.capture.pacing import Pace
from edge.capture.packets import PacketReader, Received
from edge.capture.resting import Resting
from edge.capture.settings import SourceSettings
from edge.capture.watcher import Restless, Watcher
from edge.errors import SourceBroken, SourceEnded, SourceUnsupported
from edge.frames import Frame

if TYPE_CHECKING:
    from edge.capture.main_stream import MainStream

UNDECODED_LIMIT_S = 60.0  # cameras with "smart" codecs send an I-frame every 20 s or less


class FrameSource(Protocol):
    """Anything that yields frames until it fails: a Source, or a synthetic camera."""

    @property
    def facts(self) -> SourceFacts:
        """What is known of it now."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Frames, until a CaptureError says why there are no more."""
        ...

    def close(self) -> None:
        """Release everything; harmless when called again."""
        ...


def open_source(
    settings: SourceSettings, clock: Clock | None = None, watcher: Watcher | None = None
) -> Source:
    """Open a camera or file. Raises SourceUnreachable or SourceUnsupported.

    Without a `watcher` to say that all is quiet, an `auto` camera decodes every picture.
    """
    return Source(settings, clock or Clock(), watcher or Restless())


class Source:
    """An open source; a context manager. `frames` may be called once."""

    def __init__(self, settings: SourceSettings, clock: Clock, watcher: Watcher) -> None:
        self._settings = settings
        self._clock = clock
        self._watcher = watcher
        self._plan = plan_open(settings)
        self._stream = stream = open_stream(settings, self._plan)
        self._count = Counters()
        pace = Pace(clock, realtime=settings.realtime) if stream.recorded else None
        self._main = _open_main(settings, clock) if settings.main_url else None
        self._decoding = Decoding(settings, stream, self._count, pace, self._main)
        self._resting = Resting(settings.decode)
        self._gop = GopMeter()
        self._opened_mono_s = clock.mono_s()

    @property
    def facts(self) -> SourceFacts:
        """What is known now; its counters go on counting."""
        width_px, height_px = self._decoding.size_px
        return SourceFacts(
            kind=self._plan.kind,
            codec=self._decoding.codec,
            hardware=self._decoding.hardware,
            width_px=width_px,
            height_px=height_px,
            stream_fps=self._stream.fps,
            gop_frames=self._gop.frames,
            gop_s=self._gop.seconds,
            decode=self._resting.mode,
            reason=self._resting.reason,
            counters=self._count,
            main=None if self._main is None else self._main.facts,
            start_s=(self._stream.start_s or 0.0) if self._stream.recorded else 0.0,
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
        if self._main is not None:
            self._main.close()
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
        if self._resting.is_resting:
            self._count.leave_out(self._resting.drop(0.0))
        yield from self._decoding.drain(Arrival(self._clock.mono_s(), self._clock.utc()))

    def _rewind(self) -> None:
        """Open a looped recording again; its time goes on."""
        self.close()
        self._stream = open_stream(self._settings, self._plan)
        self._decoding.follow(self._stream, self._clock.mono_s())
        self._gop.restart()

    def _check_progress(self, mono_s: float) -> None:
        """A live stream that only sends rubbish is as broken as a silent one."""
        since_mono_s = self._decoding.last_decoded_mono_s or self._opened_mono_s
        if mono_s - since_mono_s > UNDECODED_LIMIT_S and not self._stream.recorded:
            what = f"nothing could be decoded for {mono_s - since_mono_s:.0f} s"
            raise fault(SourceBroken, self._settings, what)

    def _frames_of(self, received: Received) -> Iterator[Frame]:
        """The frames that one more packet gives: none, one, or all that were left out."""
        now_s, is_iframe = received.time_s, received.packet.is_keyframe
        if received.after_skip:
            self._gop.restart()
        self._gop.note(is_iframe=is_iframe, now_s=now_s)
        if self._settings.decode == "all":
            yield from self._decoding.frames_of(received)
            return
        is_hole = received.after_skip or received.packet.is_corrupt
        resting = self._resting
        if resting.is_resting and is_hole:
            self._count.leave_out(resting.drop(now_s))
        if resting.is_resting:
            yield from self._rest(received)
            return
        resting.note(received, quiet=self._watcher.is_quiet())
        if is_iframe and not is_hole and resting.may_begin(now_s, self._gop.seconds):
            yield from self._decoding.drain(received.arrival)
            resting.begin()
            yield from self._rest(received)
        else:
            yield from self._decoding.frames_of(received)

    def _rest(self, received: Received) -> Iterator[Frame]:
        """One packet while only I-frames are decoded."""
        resting = self._resting
        if resting.is_look_due(received):
            is_wanted = yield from self._look(received)
        else:
            is_wanted = resting.keep(received)
        if resting.is_iframes_only:
            if resting.has_failed:
                self._count.leave_out(resting.drop(received.time_s))
                self._decoding.break_off(received.arrival.mono_s)
        elif is_wanted or not self._watcher.is_quiet():
            yield from self._wake(received.time_s)

    def _look(self, received: Received) -> Generator[Frame, None, bool]:
        """Show an I-frame, unless it is a reason to decode all pictures before it: then True."""
        resting, is_first = self._resting, self._resting.is_first_look
        look = self._decoding.look(received)
        if look is None:
            resting.keep(received)
            resting.failed()
            return True
        is_changed = self._watcher.is_changed(look.luma) or look.size_px != self._decoding.size_px
        if is_changed and not (is_first or resting.is_iframes_only):
            resting.keep(received)
            return True
        self._count.leave_out(resting.looked(received))
        yield from self._decoding.show(look)
        return False

    def _wake(self, now_s: float) -> Iterator[Frame]:
        """Decode what was left out since the last I-frame shown, and every picture from now on."""
        self._count.wakes += 1
        for received in self._resting.end(now_s):
            yield from self._decoding.frames_of(received)
            self._resting.note(received, quiet=self._watcher.is_quiet())


def _open_main(settings: SourceSettings, clock: Clock) -> MainStream:
    from edge.capture.main_stream import MainStream  # noqa: PLC0415 - most sources have none

    return MainStream(settings, clock)
