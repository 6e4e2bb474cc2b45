"""What the model is shown: of a keyframe for one look, and of the pictures of a turn; cut and sized
by the pixel policy. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.conversation import Picture, Turn
from edge.errors import PictureError, QuestionError
from edge.frames import Image
from edge.geometry import Box
from edge.questions import AnalysisRequest, View
from edge.vlm.crop import Crop, SizeRules, choose_crop, choose_region
from edge.vlm.pixels import check_image, cut
from edge.vlm.settings import OVERVIEW_PIXELS, SightSettings
from edge.vlm.transcript import Fed, digest_of, feed


@dataclass(frozen=True, slots=True)
class Step:
    """A picture to be looked at, or two that ride in one temporal patch, at the size at which they
    are fed; with its time in seconds where it is a step of a clip.
    """

    frames: tuple[Image, ...]
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look shows of a keyframe: a crop, and a small overview before it where one is
    wanted.
    """

    crop: Crop
    overview: Crop | None = None

    def views(self, image: Image) -> list[View]:
        """The same as parts of the keyframe; the crop's is the last."""
        height, width = image.shape[:2]
        view = self.crop.view(width, height)
        if self.overview is None:
            return [view]
        return [replace(self.overview.view(width, height), is_overview=True), view]


class Framing:
    """Chooses what looks show, by the model's rules and the settings."""

    def __init__(self, token_px: int, max_pixels: int, settings: SightSettings) -> None:
        """A visual token covers a square of side `token_px`; the model takes `max_pixels`."""
        self._settings = settings
        self._token_px = token_px
        self.max_pixels = min(settings.max_pixels, max_pixels)
        self._overview_pixels = min(OVERVIEW_PIXELS, max_pixels)

    @property
    def most_tokens(self) -> int:
        """What the pictures of a keyframe's look take at the most, with their marks."""
        pixels = self.max_pixels + self._overview_pixels * self._settings.overview
        return pixels // self._token_px**2 + 4

    def choose(
        self,
        image: Image,
        boxes: tuple[Box, ...],
        num_tokens: int,
        max_pixels: int | None = None,
    ) -> Sight:
        """What a look at `boxes` shows; `num_tokens` are those of its pass that are no picture,
        `max_pixels` bounds it further than the settings do.

        Raises PictureError for an impossible picture.
        """
        height, width = image.shape[:2]
        overview = self._overview(width, height) if self._settings.overview and boxes else None
        if overview is not None:
            num_tokens += overview.num_tokens(self._token_px) + 2
        rules = replace(self._rules, rest_tokens=num_tokens)
        if max_pixels is not None and max_pixels < rules.max_pixels:
            rules = replace(
                rules, max_pixels=max_pixels, min_pixels=min(rules.min_pixels, max_pixels)
            )
        crop = choose_crop(width, height, boxes, self._settings.crop_margin, rules)
        if overview is None or not crop.is_part_of(width, height):
            return Sight(crop)
        return Sight(crop, overview)

    def steps(self, request: AnalysisRequest, sight: Sight) -> tuple[Step, ...]:
        """The pixels of the sight, as they are fed one after the other."""
        part = cut(request.image, sight.crop)
        step = Step((part,))
        if request.before is not None and self._settings.use_before:
            # Both frames ride in one temporal patch; its time is the mean of theirs.
            step = Step((cut(request.before, sight.crop), part), self._settings.before_gap_s / 2)
        if sight.overview is None:
            return (step,)
        return (Step((cut(request.image, sight.overview),)), step)

    def show(self, turn: Turn) -> tuple[tuple[Fed, ...], tuple[View, ...]]:
        """The pictures of a turn's messages as they are fed, and what is seen of each.

        Raises PictureError for one that cannot be shown.
        """
        pictures = [p for m in turn.messages for p in m.parts if isinstance(p, Picture)]
        shown = [self._show(picture) for picture in pictures]
        return tuple(fed for fed, _ in shown), tuple(view for _, view in shown)

    @property
    def _rules(self) -> SizeRules:
        low = min(self._settings.min_pixels, self.max_pixels)
        return SizeRules(self._token_px, low, self.max_pixels)

    def _overview(self, width_px: int, height_px: int) -> Crop:
        rules = SizeRules(self._token_px, 0, self._overview_pixels)
        return choose_crop(width_px, height_px, (), 0.0, rules)

    def _show(self, picture: Picture) -> tuple[Fed, View]:
        image = picture.image
        check_image(image)
        height, width = image.shape[:2]
        crop = choose_region(width, height, picture.region, self._rules)
        view = crop.view(width, height)
        return replace(feed(cut(image, crop), self._token_px), box=view.box), view


def check_pictures(image: Image, before: Image | None) -> None:
    """Raises PictureError unless both can be shown and are equally large."""
    check_image(image)
    if before is None:
        return
    check_image(before, "the picture before")
    if before.shape != image.shape:
        raise PictureError(
            f"the picture before is {before.shape[1]}x{before.shape[0]} pixels, "
            f"the picture {image.shape[1]}x{image.shape[0]}; they must be equal"
        )


def check_request(request: AnalysisRequest) -> None:
    """Raises QuestionError if nothing is asked, PictureError as `check_pictures`."""
    check_pictures(request.image, request.before)
    num = sum(len(look.questions) for look in request.looks)
    if num == 0 and request.heatmap:
        raise QuestionError("a heatmap shows where an answer looked, but no question is asked")
    if num == 0 and not request.describe:
        raise QuestionError("nothing is asked: the request has no question and no description")


def name_steps(steps: Sequence[Step]) -> tuple[object, ...]:
    """Equal only for the same pixels at the same times."""
    return tuple((step.at_s, *(digest_of(frame) for frame in step.frames)) for step in steps)
