"""What a camera makes of a scene: moved or covered view, blur, noise, compression.

Knows nothing of what is in it. Called by `picture`.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.world import Camera
from edge.frames import Image

NUM_NOISE_FIELDS = 4
FIELD_PX = 1280
FIELD_SIGMA = 16
COVER_OWNER = 255


def moved(camera: Camera, width_px: int, height_px: int) -> NDArray[np.float64] | None:
    """How the view has moved, as a (2, 3) affine matrix in pixels; None where it has not."""
    if camera.shift == (0.0, 0.0) and not camera.turn_deg:
        return None
    matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), camera.turn_deg, 1.0)
    away = np.array([camera.shift[0] * width_px, camera.shift[1] * height_px])
    return np.asarray(matrix + np.column_stack([np.zeros((2, 2)), away]), np.float64)


def cover(image: Image, owner: NDArray[np.uint8], share: float, seed: int) -> Image:
    """The picture with something dark and unsharp over `share` of it, from one side."""
    height_px, width_px = image.shape[:2]
    rng = np.random.default_rng((seed, 6))
    x = np.linspace(0, 1, width_px, dtype=np.float32)[None]
    y = np.linspace(0, 1, height_px, dtype=np.float32)[:, None]
    edge = 1.12 * share - 0.06
    far = x * 0.85 + 0.15 * y if rng.integers(2) else (1 - x) * 0.85 + 0.15 * y
    there = np.clip((edge - far) * 12 + 0.5, 0, 1) if share < 1 else np.ones_like(far)
    cloth = np.array(rng.integers(16, 60, 3), np.float32)
    owner[there > 0.5] = COVER_OWNER
    mixed = image * (1 - there[..., None]) + cloth * there[..., None]
    return np.asarray(mixed, np.float32).astype(np.uint8)


def expose(image: Image, camera: Camera, seed: int) -> Image:
    """The picture as the sensor gives it: blurred, noisy, compressed."""
    width_px = image.shape[1]
    if camera.blur > 0.05:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), camera.blur * width_px / 640), np.uint8)
    if camera.noise > 0:
        image = _with_noise(image, camera.noise, seed)
    if camera.jpeg:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return image


def _with_noise(image: Image, sigma: float, seed: int) -> Image:
    height_px, width_px = image.shape[:2]
    rng = np.random.default_rng((seed, 3))
    field = _noise_fields()[int(rng.integers(NUM_NOISE_FIELDS))]
    y, x = (int(v) for v in rng.integers(0, FIELD_PX // 2, 2))
    repeats = -(-(y + height_px) // FIELD_PX), -(-(x + width_px) // FIELD_PX)
    if repeats != (1, 1):
        field = np.tile(field, repeats)
    noise = cv2.merge([field[y : y + height_px, x : x + width_px]] * 3)
    noisy = cv2.addWeighted(image, 1.0, noise, sigma / FIELD_SIGMA, 0, dtype=cv2.CV_8U)
    return np.asarray(noisy, np.uint8)


@lru_cache(maxsize=1)
def _noise_fields() -> NDArray[np.int16]:
    """(n, FIELD_PX, FIELD_PX) int16 normal noise of FIELD_SIGMA; parts of it are used."""
    rng = np.random.default_rng(3)
    fields = rng.standard_normal((NUM_NOISE_FIELDS, FIELD_PX, FIELD_PX), np.float32)
    return np.rint(fields * FIELD_SIGMA).astype(np.int16)
