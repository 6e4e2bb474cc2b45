"""Pictures out of decoded frames: the small luma for the sampler, the colours on demand.

Knows pixel formats, colour matrices and rotation; knows nothing of streams. Called by `framing`.
"""

from __future__ import annotations

from typing import cast

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from edge.errors import PictureError
from edge.frames import LUMA_WIDTH_PX, Image, Luma

# Measured on 1080p to 320x180, one thread, with the noise that is left between frames of a still
# scene (grey levels): fast bilinear 0.17 ms and 0.119, area 0.35 ms and 0.075, bilinear 0.55 ms and
# 0.064, bicubic 0.70 ms; decoding that frame takes 6.6 ms. Area averages the noise away, as motion
# detection wants, for 1 % of the decoder's time at 5 frames a second.
LUMA_INTERPOLATION = Interpolation.AREA

MATRIX_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
MATRIX_RGB = 0  # AVCOL_SPC_RGB
RANGE_FULL = 2  # AVCOL_RANGE_JPEG
HD_HEIGHT_PX = 720  # untagged video of this height and above is BT.709, below it BT.601


class LumaScaler:
    """Scales pictures of one stream to the sampler's luma; keeps the scaler's tables between calls.

    Only the luma plane is read. Its values come out in full range, 0..255.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def scale(self, picture: av.VideoFrame) -> Luma:
        """(h, w) uint8, at most LUMA_WIDTH_PX wide, upright. Raises PictureError."""
        width_px, height_px = picture.width, picture.height
        if _is_sideways(picture):
            height_px, width_px = width_px, height_px
        scale = min(1.0, LUMA_WIDTH_PX / width_px)
        width_px = max(1, round(width_px * scale))
        height_px = max(1, round(height_px * scale))
        if _is_sideways(picture):
            height_px, width_px = width_px, height_px
        try:
            small = self._reformatter.reformat(
                picture,
                width=width_px,
                height=height_px,
                format="gray",
                interpolation=LUMA_INTERPOLATION,
                dst_color_range=RANGE_FULL,
                threads=1,
            )
            luma = cast("Luma", small.to_ndarray())
        except (av.FFmpegError, ValueError) as error:
            raise PictureError(_unreadable(picture)) from error
        return _upright(luma, picture.rotation)


def read_rgb(picture: av.VideoFrame) -> Image:
    """The whole picture, (H, W, 3) uint8 RGB, upright, by its own colour matrix and range.

    Raises PictureError for a pixel format that cannot be converted.
    """
    try:
        image = picture.to_ndarray(
            format="rgb24", src_colorspace=_matrix(picture), dst_color_range=RANGE_FULL, threads=1
        )
    except (av.FFmpegError, ValueError) as error:
        raise PictureError(_unreadable(picture)) from error
    return _upright(cast("Image", image), picture.rotation)


def upright_size_px(picture: av.VideoFrame) -> tuple[int, int]:
    """Width and height after rotation."""
    if _is_sideways(picture):
        return picture.height, picture.width
    return picture.width, picture.height


def _is_sideways(picture: av.VideoFrame) -> bool:
    return round(picture.rotation / 90.0) % 2 == 1


def _upright(image: Image, rotation_deg: int) -> Image:
    """Turn by the display matrix, in quarter turns counterclockwise."""
    turns = round(rotation_deg / 90.0) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _matrix(picture: av.VideoFrame) -> int:
    if picture.colorspace in (MATRIX_UNSPECIFIED, MATRIX_RGB):
        return Colorspace.ITU709 if picture.height >= HD_HEIGHT_PX else Colorspace.ITU601
    return picture.colorspace


def _unreadable(picture: av.VideoFrame) -> str:
    size = f"{picture.width}x{picture.height}"
    return f"a picture of {size} in pixel format {picture.format.name} cannot be converted"
