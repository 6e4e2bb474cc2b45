"""Pages: whether a picture shows text on paper or a screen, how it lies, how large its letters are.

Measures alone; nothing is changed here. Works on luma of at most PAGE_SIDE_PX. Letters are told
from other dark spots by their sizes, lines of text by the letters' places. Called by `enhance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.frames import Luma
from edge.geometry import Box

PAGE_SIDE_PX = 1400  # the longer side at which pages are measured: letters of A4 are 8 px high
MAX_SKEW_DEGREES = 15.0
MIN_LETTERS = 40  # fewer say nothing about lines
MIN_LINES = 3
MIN_STRENGTH = 1.6  # real pages have 1.8 (Chinese) to 8
EVEN_FRAC = 0.7  # of the lines are of one height; headings and tables have others
CLEAR_SHARE, CLEAR_FRAC = 0.65, 0.5  # of letters that reach one way, and of lines that agree
# Of all letters, those that reach the one way and the other. Between digits and capitals only
# p, q, y and commas reach anywhere: without this, receipts and tables were turned upside down. In
# 24 fonts it rights 94 % of German and 98 % of English pages, and turns no receipt.
MANY_FRAC, SOME_FRAC = 0.2, 0.02
MAX_POINTS = 12_000  # of ink that are looked at for the direction of lines
INK_FRACS = (0.55, 0.84)  # of the paper's brightness around: print is darker, soft shadows brighter

Points = NDArray[np.float32]  # (N, 2): x, y


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of a page.

    `skew_degrees` is by how much it must be turned clockwise for its lines to be level, and then
    `quarter_turns` (clockwise, 0..3) for its letters to stand upright; 0 where that cannot be told.
    `letter_frac` is the height of a small letter as a share of the picture's longer side, `text`
    the part of the picture where the letters are, as it was sent.
    """

    skew_degrees: float
    quarter_turns: int
    letter_frac: float
    text: Box


def read_page(luma: Luma) -> Page | None:
    """What can be told of the page in (h, w) uint8 luma; None where it shows no page."""
    ink = find_ink(luma)
    letters = None if ink is None else _find_letters(ink)
    if letters is None:
        return None
    points = _sample(letters.points)
    seen = [_lines(points, letters.height_px), _lines(_lain_left(points), letters.height_px)]
    best = max(seen, key=lambda lines: (lines.are_even, lines.strength))
    if not best.are_even or best.strength < MIN_STRENGTH:
        return None
    is_standing = best is seen[1]  # the lines run from top to bottom
    mask = np.ascontiguousarray(np.rot90(letters.mask)) if is_standing else letters.mask
    heading = _heading(_levelled(mask, best.degrees), letters.height_px)
    quarters = 0
    if is_standing and heading:
        quarters = 3 if heading > 0 else 1
    elif heading < 0:
        quarters = 2
    return Page(
        best.degrees, quarters, letters.height_px / max(luma.shape), _text_box(letters, luma)
    )


def find_paper(luma: Luma) -> Luma:
    """The brightness of the paper behind the letters everywhere, (h, w) uint8."""
    height, width = luma.shape
    scale = 4
    small = cv2.resize(
        luma, (max(8, width // scale), max(8, height // scale)), interpolation=cv2.INTER_AREA
    )
    reach = max(5, max(small.shape) // 24) | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    smooth = cv2.medianBlur(closed, min(reach, 51))
    smooth = cv2.GaussianBlur(smooth, (0, 0), reach / 3)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))


def find_ink(luma: Luma) -> NDArray[np.uint8] | None:
    """Where something dark stands on the paper, (h, w) 0 or 255; None where most of the picture
    is not paper with a little ink on it.
    """
    paper = find_paper(luma).astype(np.float32)
    if float(np.median(paper)) < 40:  # a dark wall at night is no paper
        return None
    share = cv2.GaussianBlur(luma, (3, 3), 0).astype(np.float32) / np.maximum(paper, 1)
    levels = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    split, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    ink = share < np.clip(split / 255, *INK_FRACS)
    if float((share > 0.88).mean()) < 0.55 or not 0.004 < float(ink.mean()) < 0.35:
        return None
    return np.asarray(ink.astype(np.uint8) * 255)


@dataclass(frozen=True, slots=True)
class _Letters:
    mask: NDArray[np.uint8]  # 255 where their ink is
    points: Points  # the same
    height_px: float


def _find_letters(ink: NDArray[np.uint8]) -> _Letters | None:
    """Spots of ink that are as large as most others; None where there are not enough of them."""
    height, width = ink.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    wide, high, area = stats[:, 2], stats[:, 3], stats[:, 4]
    may_be = (high >= 4) & (high <= height / 8) & (wide <= width / 6) & (area >= 6)
    may_be &= (area > 0.08 * wide * high) & (wide < 12 * high) & (high < 8 * wide)
    may_be[0] = False  # the paper
    if may_be.sum() < MIN_LETTERS:
        return None
    usual = float(np.median(high[may_be]))
    alike = may_be & (high > 0.5 * usual) & (high < 2.5 * usual)
    if alike.sum() < max(MIN_LETTERS, 0.6 * may_be.sum()):
        return None
    is_letter = (may_be & (high < 3.5 * usual))[labels]
    ys, xs = np.nonzero(is_letter)
    points = np.stack([xs, ys], axis=1).astype(np.float32)
    return _Letters(is_letter.astype(np.uint8) * 255, points, usual)


def _text_box(letters: _Letters, luma: Luma) -> Box:
    height, width = luma.shape
    low, high = np.percentile(letters.points, [0.2, 99.8], axis=0)
    margin = 2 * letters.height_px
    return Box(
        max(0.0, float(low[0] - margin) / width),
        max(0.0, float(low[1] - margin) / height),
        min(1.0, float(high[0] + margin) / width),
        min(1.0, float(high[1] + margin) / height),
    )


def _sample(points: Points) -> Points:
    if len(points) <= MAX_POINTS:
        return points
    chosen = np.random.default_rng(0).choice(len(points), MAX_POINTS, replace=False)
    return points[chosen]


def _lain_left(points: Points) -> Points:
    """As the points are when the picture is turned by a quarter, anticlockwise."""
    return points[:, ::-1] * np.array([1, -1], np.float32)


@dataclass(frozen=True, slots=True)
class _Lines:
    degrees: float  # to be turned clockwise for them to be level
    strength: float  # how much more the ink gathers in rows then than at other angles
    are_even: bool  # there are several of one height, with room between them


def _lines(points: Points, height_px: float) -> _Lines:
    """The angle at which the ink gathers most in level lines: the squared differences between
    neighbouring rows of the projection are largest there (Postl's criterion).
    """
    coarse = np.arange(-MAX_SKEW_DEGREES, MAX_SKEW_DEGREES + 0.5, 0.5)
    scores = np.array([_gathering(points, angle) for angle in coarse])
    best = float(coarse[int(scores.argmax())])
    fine = np.arange(best - 0.5, best + 0.51, 0.05)
    finest = np.array([_gathering(points, angle) for angle in fine])
    degrees = round(float(fine[int(finest.argmax())]), 2)
    strength = float(finest.max() / max(float(np.median(scores)), 1e-9))
    runs = _runs(_rows(points, degrees), 0.2, 0.5 * height_px)
    return _Lines(degrees, strength, _are_even(runs))


def _are_even(runs: list[tuple[int, int]]) -> bool:
    if len(runs) < MIN_LINES:
        return False
    heights = np.array([end - first for first, end in runs])
    usual = float(np.median(heights))
    alike = np.abs(heights - usual) <= 0.35 * usual
    gaps = np.array([b[0] - a[1] for a, b in pairwise(runs)])
    return bool(alike.mean() >= EVEN_FRAC and np.median(gaps) >= 0.15 * usual)


def _gathering(points: Points, degrees: float) -> float:
    return float(np.square(np.diff(_rows(points, degrees))).sum()) / len(points)


def _rows(points: Points, degrees: float) -> NDArray[np.float32]:
    """How much ink each row has when the picture is turned clockwise as seen (y points down)."""
    angle = np.deg2rad(degrees)
    y = points[:, 0] * np.float32(np.sin(angle)) + points[:, 1] * np.float32(np.cos(angle))
    return np.bincount((y - y.min()).astype(np.int64)).astype(np.float32)


def _runs(rows: NDArray[np.float32], share: float, least_px: float) -> list[tuple[int, int]]:
    """Stretches of rows with more ink than a share of what dense rows have: (first, end)."""
    smooth = np.convolve(rows, np.ones(3, np.float32) / 3, "same")
    is_dense = smooth > share * float(np.percentile(smooth, 95))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_dense.astype(np.int8), [0]])))
    found = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(a, b) for a, b in found if b - a >= least_px]


def _levelled(mask: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """The mask turned clockwise about its middle; what leaves the picture is of no matter."""
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turned = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray((turned > 127).astype(np.uint8) * 255)


def _heading(mask: NDArray[np.uint8], height_px: float) -> int:
    """1 where the letters of level lines stand upright, -1 upside down, 0 where it is not clear.

    In Latin script more letters reach above the small ones (b d f h k l t, capitals, digits) than
    below (g j p q y): five times as many in English, three times in German and French. Other
    scripts say nothing, nor do lines of digits and capitals: there, next to none reach above.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    tops, ends = stats[1:, 1], stats[1:, 1] + stats[1:, 3]
    above = below = agreeing = lines = num = 0
    for first, end in _runs(mask.sum(axis=1, dtype=np.float32), 0.45, 0.4 * height_px):
        core = end - first
        touching = (tops < end) & (ends > first) & (ends - tops < 3 * core)
        up = int((touching & (first - tops >= 0.22 * core)).sum())
        down = int((touching & (ends - end >= 0.22 * core)).sum())
        above, below = above + up, below + down
        agreeing += (up > down) - (up < down)
        lines, num = lines + 1, num + int(touching.sum())
    if lines < MIN_LINES or above + below < MIN_LETTERS / 2:
        return 0
    if max(above, below) < MANY_FRAC * num or min(above, below) < SOME_FRAC * num:
        return 0
    share = above / (above + below)
    if share >= CLEAR_SHARE and agreeing >= CLEAR_FRAC * lines:
        return 1
    if share <= 1 - CLEAR_SHARE and agreeing <= -CLEAR_FRAC * lines:
        return -1
    return 0
