"""Tone: how dark, flat, noisy, shadowed or blurred a picture is, and the remedies.

Pictures are (H, W, 3) uint8 RGB; only their luma is changed (their colours too where noise is
removed). Deciding is `enhance`'s business, which calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from edge.frames import Image, Luma
from edge.vlm.page import find_paper

TILES = 8  # of CLAHE, along each side
CLIP_LIMIT = 2.0  # of CLAHE: more brings out noise
GOOD_MEAN = 0.42  # what a dark picture is brightened to
LEAST_GAMMA = 0.35

_EDGE = 9  # px of the average with which sharpness is judged
_BLOCK = 32  # px


def luma_of(image: Image) -> Luma:
    """(H, W) uint8 luma of an RGB picture."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def brightness(luma: Luma) -> float:
    """The mean, 0..1."""
    return float(luma.mean()) / 255


def local_contrast(luma: Luma) -> float:
    """The spread between dark and bright, 0..1, in the middle one of the picture's places."""
    small = cv2.resize(luma, (256, 256), interpolation=cv2.INTER_AREA)
    places = small.reshape(TILES, 32, TILES, 32).transpose(0, 2, 1, 3).reshape(TILES**2, -1)
    low, high = np.percentile(places, [5, 95], axis=1)
    return float(np.median(high - low)) / 255


def spread(luma: Luma) -> float:
    """Between the darkest and the brightest hundredth, 0..1."""
    low, high = np.percentile(luma, [1, 99])
    return float(high - low) / 255


def blur(luma: Luma) -> float:
    """How little there is to lose by more blur: 0 (sharp) to 1.

    Crete, Dolmiere, Ladret, Nicolas, "The blur effect" (2007). Depends little on what is shown.
    """
    fine = luma.astype(np.float32)
    worst = 0.0
    for axis, size in ((1, (_EDGE, 1)), (0, (1, _EDGE))):
        coarse = cv2.blur(fine, size)
        steps, left = np.abs(np.diff(fine, axis=axis)), np.abs(np.diff(coarse, axis=axis))
        total = float(steps.sum())
        if total > 0:
            worst = max(worst, 1 - float(np.maximum(0, steps - left).sum()) / total)
    return worst


def noise(luma: Luma) -> float:
    """The standard deviation of the noise in grey levels, by the quietest fifth of the places.

    Immerkaer, "Fast noise variance estimation" (1996): a mask that is blind to slopes and edges.
    Places that are all black or white say nothing.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = np.abs(cv2.filter2D(luma, cv2.CV_32F, mask))[1:-1, 1:-1]
    height, width = (side // _BLOCK * _BLOCK for side in found.shape)
    if not height or not width:
        return 0.0
    shape = (height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    means = found[:height, :width].reshape(shape).mean(axis=(1, 3))
    levels = luma[1 : height + 1, 1 : width + 1].reshape(shape).mean(axis=(1, 3))
    usable = means[(levels > 10) & (levels < 245)]
    if usable.size == 0:
        return 0.0
    return float(np.percentile(usable, 20)) * float(np.sqrt(np.pi / 2)) / 6


def evenness(luma: Luma) -> float:
    """The darkest paper as a share of the brightest, 0..1."""
    low, high = np.percentile(find_paper(luma), [2, 98])
    return float(low / max(high, 1))


def brighten(image: Image) -> Image:
    """With the mean brought towards GOOD_MEAN by a power law."""
    mean = max(brightness(luma_of(image)), 0.01)
    gamma = float(np.clip(np.log(GOOD_MEAN) / np.log(mean), LEAST_GAMMA, 1))
    levels = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return np.asarray(cv2.LUT(image, levels))


def raise_contrast(image: Image) -> Image:
    """With the local contrast raised: CLAHE on luma (Zuiderveld, 1994)."""
    clahe = cv2.createCLAHE(CLIP_LIMIT, (TILES, TILES))
    return _with_luma(image, lambda luma: np.asarray(clahe.apply(luma), np.uint8))


def even_out(image: Image) -> Image:
    """A page without shadows: as bright everywhere as its paper is where the light falls."""
    paper = find_paper(luma_of(image)).astype(np.float32)
    factor = float(np.percentile(paper, 98)) / np.maximum(paper, 8)
    return np.rint(np.minimum(image * factor[:, :, None], 255)).astype(np.uint8)


def stretch(image: Image) -> Image:
    """A page whose ink is black and whose paper is white."""

    def stretched(luma: Luma) -> Luma:
        low, high = (float(level) for level in np.percentile(luma, [1, 75]))
        scaled = (luma.astype(np.float32) - low) * (250 / max(high - low, 1.0))
        return _levels(scaled)

    return _with_luma(image, stretched)


def remove_noise(image: Image, sigma: float) -> Image:
    """Non-local means on luma, as strong as the noise; colours, which eyes and models see less
    finely, are smoothed. Takes 0.5 s for a megapixel.
    """
    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    clean = cv2.fastNlMeansDenoising(y, None, 1.1 * sigma, 5, 13)
    colours = [cv2.medianBlur(plane, 5) for plane in (cr, cb)]
    return _rgb(clean, *colours)


def sharpen(image: Image) -> Image:
    """Unsharp mask."""

    def sharpened(luma: Luma) -> Luma:
        fine = luma.astype(np.float32)
        soft = cv2.GaussianBlur(fine, (0, 0), 2.0)
        return _levels(fine + 1.2 * (fine - soft))

    return _with_luma(image, sharpened)


def _with_luma(image: Image, change: Callable[[Luma], Luma]) -> Image:
    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    return _rgb(change(np.asarray(y, np.uint8)), cr, cb)


def _rgb(*planes: Any) -> Image:
    """From the planes Y, Cr and Cb."""
    return np.asarray(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB), np.uint8)


def _levels(values: Any) -> Luma:
    """Rounded to grey levels."""
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)
