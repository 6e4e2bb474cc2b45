"""What the model is shown of the pictures of a turn: cut and sized by the pixel policy. Pure."""

from __future__ import annotations

from dataclasses import replace

from edge.conversation import Picture, Turn
from edge.questions import View
from edge.vlm.crop import SizeRules, choose_region
from edge.vlm.layout import Layout
from edge.vlm.settings import EngineSettings
from edge.vlm.transcript import Fed, feed
from edge.vlm.vision import check_image, cut


def show_pictures(
    turn: Turn, layout: Layout, settings: EngineSettings
) -> tuple[tuple[Fed, ...], tuple[View, ...]]:
    """The pictures of a turn's messages as they are fed, and what is seen of each.

    Raises PictureError for one that cannot be shown.
    """
    pictures = [p for m in turn.messages for p in m.parts if isinstance(p, Picture)]
    shown = [_show(picture, layout, settings) for picture in pictures]
    return tuple(fed for fed, _ in shown), tuple(view for _, view in shown)


def _show(picture: Picture, layout: Layout, settings: EngineSettings) -> tuple[Fed, View]:
    image = picture.image
    check_image(image)
    height, width = image.shape[:2]
    high = min(settings.max_pixels, layout.pixels.max_pixels)
    token_px = layout.vision.token_px
    rules = SizeRules(token_px, min(settings.min_pixels, high), high)
    crop = choose_region(width, height, picture.region, rules)
    view = crop.view(width, height)
    return replace(feed(cut(image, crop), token_px), box=view.box), view
