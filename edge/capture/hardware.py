"""Hardware decoders: tried where they are wanted, software where they are not to be had.

Knows what FFmpeg calls them; the pictures come back to main memory either way. Used by `decoding`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import cast

import av
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from edge.capture.faults import LIBRARY_ERRORS
from edge.capture.settings import Hwaccel, SourceSettings

log = logging.getLogger(__name__)

# What to try, in this order. QSV decoders are decoders of their own, VAAPI helps the usual one.
_TRIED: dict[Hwaccel, tuple[str, ...]] = {
    "off": (),
    "auto": ("vaapi", "qsv"),
    "vaapi": ("vaapi",),
    "qsv": ("qsv",),
}


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder that is ready for packets; `hardware` is "" for software."""

    context: VideoCodecContext
    hardware: str = ""


def choose_decoder(settings: SourceSettings, software: VideoCodecContext) -> Decoder:
    """The hardware decoder that `settings.hwaccel` asks for, or `software` where it fails to open.

    That is said in the log; with `auto` only at the level of details, as it is no fault.
    """
    for kind in _TRIED[settings.hwaccel]:
        try:
            return Decoder(_open_hardware(kind, software, settings.max_pixels), kind)
        except (*LIBRARY_ERRORS, NotImplementedError) as error:
            level = logging.DEBUG if settings.hwaccel == "auto" else logging.WARNING
            what = "%s: %s does not decode %s here (%s); decoding in software"
            name = software.codec.name
            log.log(level, what, settings.camera, kind, name, type(error).__name__)
    return Decoder(software)


def _open_hardware(kind: str, software: VideoCodecContext, max_pixels: int) -> VideoCodecContext:
    name = f"{software.codec.name}_qsv" if kind == "qsv" else software.codec.name
    accelerator = HWAccel(device_type=kind, allow_software_fallback=False)
    context = cast("VideoCodecContext", av.CodecContext.create(name, "r", hwaccel=accelerator))
    context.extradata = software.extradata
    context.width, context.height = software.width, software.height
    context.copy_opaque = True
    context.options = {"max_pixels": str(max_pixels)}
    context.open()
    if not context.is_hwaccel:  # PyAV goes on without a device where it cannot open one
        raise NotImplementedError(kind)
    return context
