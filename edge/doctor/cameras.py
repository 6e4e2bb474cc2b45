"""Cameras: whether each stream opens, shows pictures, and is of a kind that is cheap to watch.

Opens every stream as the camera's process does and reads it for some seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from edge.capture.facts import SourceFacts
from edge.capture.gop import UNKNOWN_UNTIL_S
from edge.capture.kinds import HTTP_SCHEMES, RTSP_SCHEMES
from edge.capture.resting import MAX_GOP_S
from edge.capture.settings import SourceSettings
from edge.capture.source import FrameSource
from edge.daemon.openers import opener_for
from edge.daemon.wiring import camera_plan
from edge.doctor.case import Case, Check
from edge.doctor.diagnosis import Diagnosis, fault, ok, warning
from edge.errors import (
    CaptureError,
    SourceEnded,
    SourceRefused,
    SourceUnreachable,
    SourceUnsupported,
)
from edge.frames import Frame

CHECK = "camera"
LOOK_S = MAX_GOP_S + 2.0  # at a stream whose second I-frame does not come
ENOUGH_S = 2.0  # of a stream whose I-frames are known to be near each other
LEAST_FPS_FRAC = 0.8  # of the pictures asked for
MOST_LOST_FRAC = 0.01
MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stream showed: the source's facts, and the rate at which its pictures came.

    `fps` is None where the stream was too short to tell.
    """

    facts: SourceFacts
    fps: float | None


def camera_checks(case: Case) -> Iterator[Check]:
    """One check for each stream of each enabled camera."""
    for name, camera in case.config.cameras.items():
        if not camera.enabled:
            continue
        settings = camera_plan(case.config, name).source
        streams = [(name, replace(settings, main_url="", realtime=False, loop=False))]
        if settings.main_url:
            streams.append((f"{name}, main stream", replace(streams[0][1], url=settings.main_url)))
        for subject, stream in streams:
            limit_s = 2 * stream.open_timeout_s + stream.read_timeout_s + LOOK_S + MARGIN_S
            yield Check(CHECK, partial(check_stream, stream, subject), limit_s, subject)


def check_stream(settings: SourceSettings, subject: str) -> Iterator[Diagnosis]:
    """Open the stream, look at it, and judge what was seen."""
    try:
        seen = _look_at(settings)
    except CaptureError as error:
        yield fault(
            CHECK,
            str(error).removeprefix(f"camera {settings.camera}: "),
            "No picture comes from this camera.",
            _remedy(error, settings),
            subject=subject,
        )
        return
    found = list(judge_stream(seen, settings, subject))
    yield from found or [ok(CHECK, _described(seen), subject=subject)]


def judge_stream(seen: Seen, settings: SourceSettings, subject: str) -> Iterator[Diagnosis]:
    """What is wrong with a stream that can be read; nothing if all is well. Pure."""
    facts, count = seen.facts, seen.facts.counters
    if facts.gop_s is not None and facts.gop_s > MAX_GOP_S and settings.decode == "auto":
        yield warning(
            CHECK,
            f"{_described(seen)}: its I-frames are more than {MAX_GOP_S:.0f} s apart",
            "Every picture must be decoded, which costs many times the processor time of "
            "decoding I-frames alone while nothing moves; after a disturbance the picture stays "
            "away as long.",
            "Set the I-frame interval (also key frame interval, GOP) of this stream to 1 to 2 s "
            'in the camera, and switch "smart" or "+" codecs off.',
            subject=subject,
        )
    if seen.fps is not None and seen.fps < LEAST_FPS_FRAC * settings.fps:
        yield warning(
            CHECK,
            f"{_described(seen)}: `capture.fps` asks for {settings.fps:g} pictures a second",
            "Quick movements may be missed between two pictures.",
            "Raise the frame rate of this stream in the camera, or lower `capture.fps`.",
            subject=subject,
        )
    hurt = count.corrupt + count.lost
    if count.received and hurt > MOST_LOST_FRAC * count.received:
        yield warning(
            CHECK,
            f"{_described(seen)}: {hurt} of {count.received} pictures are damaged or lost",
            "The picture is broken at times; motion is seen where there is none.",
            "Look at the cable or the radio link; keep `capture.transport: tcp`; lower the "
            "stream's bit rate in the camera.",
            subject=subject,
        )


def _look_at(settings: SourceSettings) -> Seen:
    """Raises CaptureError for a stream that gives no picture."""
    source = opener_for(settings.url)(settings)
    try:
        return _watch(source)
    finally:
        source.close()


def _watch(source: FrameSource) -> Seen:
    """Read frames until the stream is known, for LOOK_S at most."""
    began: tuple[Frame, int] | None = None  # the first picture, and the packets until then
    fps = None
    try:
        for frame in source.frames():
            received = source.facts.counters.received
            if began is None:
                began = (frame, received)
            first, before = began
            lasted_s = frame.pts_s - first.pts_s
            if lasted_s >= ENOUGH_S:
                fps = (received - before) / lasted_s
                if _is_known(source.facts):
                    break
            if frame.mono_s - first.mono_s >= LOOK_S:
                break
    except SourceEnded:
        if began is None:
            raise
    return Seen(source.facts, fps)


def _is_known(facts: SourceFacts) -> bool:
    """Whether more of the stream would tell no more of its I-frames."""
    if facts.kind == "demo":
        return True
    # a running GOP is told from UNKNOWN_UNTIL_S on, and may still end in time
    return facts.gop_s is not None and not UNKNOWN_UNTIL_S <= facts.gop_s <= MAX_GOP_S


def _described(seen: Seen) -> str:
    facts = seen.facts
    codec = "drawn" if facts.kind == "demo" else facts.codec
    parts = [f"{codec} {facts.width_px}x{facts.height_px}"]
    if seen.fps is not None:
        parts.append(f"{seen.fps:.1f} pictures a second")
    if facts.gop_s is not None:
        parts.append(f"an I-frame every {facts.gop_s:.1f} s")
    return ", ".join(parts)


def _remedy(error: CaptureError, settings: SourceSettings) -> str:
    scheme = settings.url.partition("://")[0].lower()
    is_network = scheme in RTSP_SCHEMES + HTTP_SCHEMES
    if isinstance(error, SourceRefused):
        return (
            "Check the user name and the password in the camera's address (write @ as %40, / as "
            "%2F, : as %3A), and that this account may view the stream. After several wrong tries "
            "many cameras lock an account for some minutes."
        )
    if isinstance(error, SourceUnsupported):
        return (
            "Check the address; in the camera set the stream to H.264 or H.265 (or MJPEG) and to a "
            "usual size."
        )
    if isinstance(error, SourceUnreachable) and is_network:
        return (
            "Check that the camera has power and answers (`ping` its address), that address, port "
            "and path are those of its manual, and that no firewall or VLAN lies between."
        )
    if isinstance(error, SourceUnreachable):
        return (
            "Check the path and its permissions; a USB camera must be plugged in (`ls /dev/v4l`)."
        )
    return "Look at the camera and its network; try another player on the same address."
