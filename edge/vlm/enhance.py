"""Enhance: makes more visible in a person's picture, where that measurably helps, and says what.

A page (text on paper or a screen) is turned upright, levelled and freed of shadows, its tiny text
shown larger; every picture is cleaned of noise, brightened, given contrast or sharpened where its
measures say so. A picture that is good stays as it is, pixel by pixel. What is larger than can be
of use is made smaller first, so that a picture takes a second or two and some 100 MB at most.

Called by the engine, and imported only then: OpenCV takes 30 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from edge.conversation import Message, Part, Picture, Turn
from edge.enhancement import (
    MAX_DETAILS,
    EnhancedPicture,
    ShownPicture,
    Step,
    Toned,
    ToneStep,
    Turned,
)
from edge.errors import PictureError
from edge.frames import Image, Luma
from edge.pictures import encode_jpeg
from edge.vlm import tone
from edge.vlm.letters import show_larger
from edge.vlm.page import PAGE_SIDE_PX, Page, read_page
from edge.vlm.pixels import check_image

SCENE_PIXELS = 1_000_000  # a picture is fed at some 230,000
PAGE_PIXELS = 2_000_000  # of a page parts are fed, too
LEAST_SIDE_PX = 32  # smaller pictures, and
MAX_ASPECT = 20  # longer ones, are left alone
JPEG_QUALITY = 90

LEAST_SKEW_DEGREES = 0.4
DRAWN = 0.3  # grey levels of noise; less is no photograph
SHADOWED = 0.72  # a page less even than this has shadows
NOISY = 5.0  # grey levels
DARK, LIGHT = 0.2, 0.6  # mean brightness, and that of what is bright
FLAT = 0.45  # spread of a picture
BLURRED = 0.62
MAX_SHOWN = 4  # with more pictures than that, no text is shown in detail


def enhance_turn(turn: Turn, max_pixels: int) -> tuple[Turn, tuple[EnhancedPicture, ...]]:
    """The turn with its pictures enhanced, each followed by its details; and what was done to each.

    `max_pixels` is what the model is fed of a picture. A region is cut out first; where nothing is
    done to it, the picture and its region stay. Raises PictureError for what is no picture.
    """
    told: list[EnhancedPicture] = []
    room = MAX_DETAILS if turn.num_pictures <= MAX_SHOWN else 0
    messages: list[Message] = []
    for message in turn.messages:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            try:
                images, steps = enhance(_cut(part), max_pixels, max_details=room)
            except cv2.error as error:
                raise PictureError(f"a picture cannot be enhanced: {error.err}") from None
            room -= len(images) - 1
            shown = [_developed(image) for image in images] if steps else []
            told.append(EnhancedPicture(len(told), steps, tuple(shown)))
            parts += [Picture(image) for image in images] if steps else [part]
        messages.append(replace(message, parts=tuple(parts)))
    return replace(turn, messages=tuple(messages)), tuple(told)


def enhance(
    image: Image, max_pixels: int, *, max_details: int = MAX_DETAILS
) -> tuple[tuple[Image, ...], tuple[Step, ...]]:
    """A picture (H, W, 3) uint8 RGB as it is to be shown, its details behind it; and the steps.

    Without steps the picture is the very one that was given.
    """
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE_PX or max(height, width) > MAX_ASPECT * min(height, width):
        return (image,), ()
    page = _read(image)
    work = _Work(_within(image, SCENE_PIXELS if page is None else PAGE_PIXELS))
    details: tuple[Image, ...] = ()
    if page is None:
        work.brighten()
    else:
        work.lift_shadows()  # before turning, which adds corners without any
        work.set_upright(page)
    work.clean()
    work.raise_contrast(is_page=page is not None)
    if page is not None:
        page = _read(work.image) or page  # where the text is by now
        work.image, details, steps = show_larger(work.image, page, max_pixels, max_details)
        work.steps += steps
    if not work.steps:
        return (image,), ()
    return (work.image, *details), tuple(work.steps)


class _Work:
    """A picture in the making, and what was done to it."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.steps: list[Step] = []
        luma = tone.luma_of(image)
        self._is_drawn = tone.noise(luma) < DRAWN
        self._is_blurred = tone.blur(luma) > BLURRED  # noise that is brought out would hide it

    def brighten(self) -> None:
        """Where too little light fell; a screen of light letters on black is meant so."""
        luma = tone.luma_of(self.image)
        has_light = float(np.percentile(luma, 98)) > LIGHT * 255
        if tone.brightness(luma) < DARK and not (self._is_drawn and has_light):
            self._tone("brighten", tone.brightness, tone.brighten)

    def lift_shadows(self) -> None:
        """Of a page that was photographed; what is drawn on a screen has no shadows."""
        if not self._is_drawn and tone.evenness(tone.luma_of(self.image)) < SHADOWED:
            self._tone("shadows", tone.evenness, tone.even_out)

    def set_upright(self, page: Page) -> None:
        """Turn a page so that its lines are level and its letters stand upright."""
        if page.quarter_turns:
            self.image = np.ascontiguousarray(np.rot90(self.image, -page.quarter_turns))
            self.steps.append(Turned("rotate", 90.0 * page.quarter_turns))
        if abs(page.skew_degrees) >= LEAST_SKEW_DEGREES:
            self.image = turned(self.image, page.skew_degrees)
            self.steps.append(Turned("deskew", page.skew_degrees))

    def clean(self) -> None:
        """Noise, which more light has brought out; then blur."""
        sigma = tone.noise(tone.luma_of(self.image))
        if sigma >= NOISY:
            self._tone("denoise", tone.noise, lambda image: tone.remove_noise(image, sigma))
        if self._is_blurred:
            self._tone("sharpen", tone.blur, tone.sharpen)

    def raise_contrast(self, *, is_page: bool) -> None:
        """Where there is little, or the light was raised."""
        is_raised = any(one.step == "brighten" for one in self.steps)
        if is_raised or tone.spread(tone.luma_of(self.image)) < FLAT:
            remedy = tone.stretch if is_page else tone.raise_contrast
            self._tone("contrast", tone.local_contrast, remedy)

    def _tone(
        self, step: ToneStep, measure: Callable[[Luma], float], remedy: Callable[[Image], Image]
    ) -> None:
        before = measure(tone.luma_of(self.image))
        self.image = remedy(self.image)
        after = measure(tone.luma_of(self.image))
        self.steps.append(Toned(step, round(before, 3), round(after, 3)))


def turned(image: Image, degrees: float) -> Image:
    """Turned clockwise by a few degrees, nothing cut off, on a ground as the borders are."""
    height, width = image.shape[:2]
    angle = math.radians(abs(degrees))
    new_width = round(width * math.cos(angle) + height * math.sin(angle))
    new_height = round(height * math.cos(angle) + width * math.sin(angle))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    matrix[:, 2] += ((new_width - width) / 2, (new_height - height) / 2)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    ground = [float(level) for level in np.median(border, axis=0)]
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (new_width, new_height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=ground,
        )
    )


def _read(image: Image) -> Page | None:
    height, width = image.shape[:2]
    scale = PAGE_SIDE_PX / max(height, width)
    return read_page(tone.luma_of(_scaled(image, scale) if scale < 1 else image))


def _within(image: Image, pixels: int) -> Image:
    scale = math.sqrt(pixels / (image.shape[0] * image.shape[1]))
    return _scaled(image, scale) if scale < 1 else image


def _scaled(image: Image, scale: float) -> Image:
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _developed(image: Image) -> ShownPicture:
    height, width = image.shape[:2]
    return ShownPicture(encode_jpeg(image, JPEG_QUALITY), width, height)


def _cut(picture: Picture) -> Image:
    check_image(picture.image)
    if picture.region is None:
        return picture.image
    height, width = picture.image.shape[:2]
    x1, y1, x2, y2 = picture.region.to_px(width, height)
    return np.ascontiguousarray(picture.image[y1:y2, x1:x2])
