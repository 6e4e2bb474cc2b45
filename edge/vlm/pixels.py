"""Pixels before a model sees them: checked, and cut to a crop. Needs no model."""

from __future__ import annotations

import numpy as np

from edge.errors import PictureError
from edge.frames import Image
from edge.pictures import resize_bicubic
from edge.vlm.crop import Crop


def check_image(image: Image, name: str = "the picture") -> None:
    """Raises PictureError unless `image` is a (H, W, 3) uint8 array with at least one pixel."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = getattr(image, "dtype", type(image).__name__)
        raise PictureError(f"{name} must be an array of uint8, not {found}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise PictureError(f"{name} must be (H, W, 3) RGB, not {image.shape}")
    if image.size == 0:
        raise PictureError(f"{name} is empty: {image.shape[1]}x{image.shape[0]} pixels")


def cut(image: Image, crop: Crop) -> Image:
    """The crop's pixels at the size at which they are fed; resampled only if the sizes differ."""
    part = image[crop.y1 : crop.y2, crop.x1 : crop.x2]
    if crop.is_native:
        return part
    return resize_bicubic(part, crop.width_px, crop.height_px)
