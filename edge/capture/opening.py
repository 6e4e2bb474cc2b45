"""Opening a source: checks the local file, opens it with FFmpeg, refuses what cannot be decoded.

Blocks for up to twice the open time-out (FFmpeg opens, then probes). Knows nothing of frames.
Called by `source`, again for each round of a looped file.
"""

from __future__ import annotations

import logging
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from edge.capture.faults import LIBRARY_ERRORS, fault, open_fault
from edge.capture.kinds import OpenPlan
from edge.capture.settings import MIN_SIDE_PX, SourceSettings
from edge.errors import SourceUnreachable, SourceUnsupported

log = logging.getLogger(__name__)

# Demuxers that make up timestamps from a nominal 25 pictures a second; live, only the receive clock
# tells the time.
UNTIMED_FORMATS = frozenset({"mpjpeg", "mjpeg", "mjpeg_2000", "jpeg_pipe", "h264", "hevc", "m4v"})

# FFmpeg draws text files as pictures of a terminal; no camera sends that.
TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})

# FFmpeg writes URLs with passwords to stderr; PyAV's own callback for "no logging" drops the lines.
av.logging.set_level(None)


@dataclass(frozen=True, slots=True)
class OpenStream:
    """An open container and the video stream that is read from it.

    `recorded` streams have an end and may be paced; `timed` ones carry timestamps worth reading.
    `fps` and `start_s` (the first timestamp) are None where the stream does not say. `tick_s` is
    the unit of its timestamps.
    """

    container: InputContainer
    video: VideoStream
    recorded: bool
    timed: bool
    fps: float | None
    start_s: float | None
    tick_s: float


def open_stream(settings: SourceSettings, plan: OpenPlan) -> OpenStream:
    """Open `plan`; the caller closes the container.

    Raises SourceUnreachable (missing, refused, silent, empty) or SourceUnsupported (no video
    stream, no decoder, absurd size, not a video).
    """
    if plan.kind == "file":
        check_file(settings, Path(plan.path))
    started_mono_s = time.monotonic()
    try:
        container = av.open(
            plan.target,
            format=plan.format,
            options=plan.options,
            timeout=(settings.open_timeout_s, settings.read_timeout_s),
            metadata_errors="replace",
        )
    except LIBRARY_ERRORS as error:
        # Not "from error": its text holds the URL with the password.
        waited_s = time.monotonic() - started_mono_s
        raise open_fault(settings, plan, error, waited_s) from None
    try:
        return _choose_video(settings, plan, container)
    except BaseException:
        close_quietly(settings.camera, container)
        raise


def check_file(settings: SourceSettings, path: Path) -> None:
    """Refuse a path that is missing, unreadable, empty or not a regular file."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise fault(SourceUnsupported, settings, "this is a folder, not a file")
        if not stat.S_ISREG(found.st_mode):
            raise fault(SourceUnsupported, settings, "this is not a regular file")
        if found.st_size == 0:
            raise fault(SourceUnreachable, settings, "the file is empty (0 bytes)")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise fault(SourceUnreachable, settings, "no such file") from None
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise fault(SourceUnreachable, settings, what) from None
    except ValueError as error:  # a NUL in the name
        raise fault(SourceUnsupported, settings, f"the path is not usable: {error}") from None


def check_size(settings: SourceSettings, width_px: int, height_px: int) -> None:
    """Refuse pictures that are absurdly small or large. Raises SourceUnsupported."""
    fits = (
        MIN_SIDE_PX <= width_px <= settings.max_width_px
        and MIN_SIDE_PX <= height_px <= settings.max_height_px
        and width_px * height_px <= settings.max_pixels
    )
    if not fits:
        allowed = (
            f"{MIN_SIDE_PX}x{MIN_SIDE_PX} to {settings.max_width_px}x{settings.max_height_px}"
            f" with at most {settings.max_pixels} pixels"
        )
        what = f"pictures of {width_px}x{height_px} are refused; allowed are {allowed}"
        raise fault(SourceUnsupported, settings, what)


def close_quietly(camera: str, container: InputContainer) -> None:
    """Close; a source that fails to close is only worth a line in the log."""
    try:
        container.close()
    except LIBRARY_ERRORS as error:
        log.debug("%s: closing failed: %s", camera, type(error).__name__)


def _choose_video(
    settings: SourceSettings, plan: OpenPlan, container: InputContainer
) -> OpenStream:
    pictures = [
        s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic
    ]
    if not pictures:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        what = f"there is no video stream in it (found: {kinds})"
        raise fault(SourceUnsupported, settings, what)
    video = pictures[0]
    codec = video.codec_context
    if codec is None:
        raise fault(SourceUnsupported, settings, "its video codec is not supported")
    if codec.name in TEXT_CODECS:
        raise fault(SourceUnsupported, settings, "this is text, not a video")
    if codec.width or codec.height:  # a live stream may tell its size only with its first picture
        check_size(settings, codec.width, codec.height)
    codec.thread_type = "NONE"  # cameras are many, cores are few
    codec.thread_count = 1
    codec.copy_opaque = True  # carries the receive time from packet to picture
    codec.options = {"max_pixels": str(settings.max_pixels)}
    for other in container.streams:
        if other is not video:
            other.discard = av.stream.Discard.all
    recorded = not plan.live or (plan.kind == "http" and bool(container.duration))
    return OpenStream(
        container=container,
        video=video,
        recorded=recorded,
        timed=recorded or container.format.name not in UNTIMED_FORMATS,
        fps=_stream_fps(video),
        start_s=_start_s(container),
        tick_s=float(video.time_base or 0),
    )


def _stream_fps(video: VideoStream) -> float | None:
    rate = video.average_rate or video.guessed_rate
    return float(rate) if rate and 0.001 <= rate <= 1000 else None


def _start_s(container: InputContainer) -> float | None:
    start = cast("int | None", container.start_time)
    return None if start is None else start / av.time_base
