"""One moment out of compressed packets: decodes from the I-frame before it, and no further.

Knows packets and pictures; knows nothing of streams that are still being read. Used by
`main_stream`.
"""

from __future__ import annotations

import math
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from edge.capture.faults import LIBRARY_ERRORS
from edge.capture.opening import OpenStream
from edge.capture.packets import Received
from edge.errors import PictureError

NEAR_S = 0.1  # a picture further from the moment than this is another moment
DECODE_THREADS = 2  # halves the wait; more cost memory, as each holds pictures of its own


def pts_s_of(received: Received) -> float:
    """When the packet's picture is shown, in the stream's own time."""
    packet = received.packet
    return received.time_s if packet.pts is None else float(packet.pts * packet.time_base)


def leading_to(packets: list[Received], pts_s: float) -> list[Received]:
    """The packets from the I-frame that the picture nearest to `pts_s` needs, to the last one.

    Raises PictureError where they are not among `packets`.
    """
    nearest_s = min(map(pts_s_of, packets), key=lambda at_s: abs(at_s - pts_s), default=math.inf)
    first = None
    for index, received in enumerate(packets):
        # By presentation: B-frames in front of an I-frame need the I-frame before it.
        if received.packet.is_keyframe and pts_s_of(received) <= nearest_s:
            first = index
    if first is None or abs(nearest_s - pts_s) > NEAR_S:
        raise PictureError("the main stream's packets of that moment are not held")
    return packets[first:]


def build_decoder(stream: OpenStream, max_pixels: int) -> VideoCodecContext:
    """A decoder of its own for the stream's packets."""
    source = stream.video.codec_context
    decoder = cast("VideoCodecContext", av.CodecContext.create(source.codec.name, "r"))
    decoder.extradata = source.extradata
    decoder.thread_type = "FRAME"
    decoder.thread_count = DECODE_THREADS
    decoder.options = {"max_pixels": str(max_pixels)}
    return decoder


def decode_to(decoder: VideoCodecContext, packets: list[Received], pts_s: float) -> av.VideoFrame:
    """The picture nearest to `pts_s`. Raises PictureError for damage or where there is none."""
    time_base = packets[0].packet.time_base  # pictures that come out at the end bear none
    best: av.VideoFrame | None = None
    distance_s = NEAR_S
    try:
        for packet in [*(received.packet for received in packets), None]:
            for picture in decoder.decode(packet):
                if picture.pts is None:
                    continue
                away_s = abs(float(picture.pts * time_base) - pts_s)
                if away_s <= distance_s:
                    best, distance_s = picture, away_s
                elif best is not None:
                    return _checked(best)
    except LIBRARY_ERRORS:
        raise PictureError("the main stream is damaged there") from None
    if best is None:
        raise PictureError("the main stream has no picture of that moment")
    return _checked(best)


def _checked(picture: av.VideoFrame) -> av.VideoFrame:
    if picture.is_corrupt:
        raise PictureError("the main stream's picture is damaged")
    return picture
