"""What is told of pictures that were enhanced: the documents, and how they are made."""

from __future__ import annotations

from typing import Any, Literal

from edge.conversation import TurnResult
from edge.enhancement import Detailed, Enlarged, Step, Toned, ToneStep, Turned
from edge.findings import BoxTuple
from edge.web.darkroom import Darkroom
from edge.web.reply import Reply

ENHANCED_PATH = "/api/v1/enhanced"


class TurnedReply(Reply):
    """The picture was turned."""

    step: Literal["rotate", "deskew"]
    picture: int
    """Which of the request's pictures, from 0."""
    degrees: float
    """Clockwise."""


class TonedReply(Reply):
    """Light, noise, contrast or sharpness was changed."""

    step: ToneStep
    picture: int
    before: float
    """`shadows`: darkest paper / brightest; `denoise`: noise in grey levels; `brighten`: mean
    brightness, 0..1; `contrast`: local contrast, 0..1; `sharpen`: blur, 0..1."""
    after: float


class EnlargedReply(Reply):
    """The whole picture was enlarged, because its letters were tiny."""

    step: Literal["enlarge"]
    picture: int
    factor: float


class DetailReply(Reply):
    """A part of the enhanced picture was shown beside it, larger, because its letters were tiny."""

    step: Literal["detail"]
    picture: int
    factor: float
    box: BoxTuple


StepReply = TurnedReply | TonedReply | EnlargedReply | DetailReply


class EnhancedPictureReply(Reply):
    """What the model was shown in place of a picture, or beside it."""

    picture: int
    url: str
    """Of the JPEG; kept for a while only."""
    width: int
    height: int
    detail: bool
    """A part that was shown beside the picture."""


class EnhancedFields(Reply):
    """What replies to requests with pictures say about `enhance`."""

    enhanced: list[StepReply] | None = None
    """What was done, in order; null unless `enhance` was asked for."""
    enhanced_pictures: list[EnhancedPictureReply] | None = None
    """The pictures that were changed, as they were shown. Heatmaps' boxes are parts of these."""


def enhanced_fields(result: TurnResult, darkroom: Darkroom) -> dict[str, Any]:
    """The fields of EnhancedFields; the pictures are kept in the darkroom."""
    if not result.enhanced:  # has an entry for each picture where it was asked for
        return {}
    steps = [_step(one.picture, step) for one in result.enhanced for step in one.steps]
    pictures = []
    for one in result.enhanced:
        for index, shown in enumerate(one.shown):
            pictures.append(
                EnhancedPictureReply(
                    picture=one.picture,
                    url=f"{ENHANCED_PATH}/{darkroom.keep(shown.jpeg)}",
                    width=shown.width_px,
                    height=shown.height_px,
                    detail=index > 0,
                )
            )
    return {"enhanced": steps, "enhanced_pictures": pictures}


def _step(picture: int, step: Step) -> StepReply:
    match step:
        case Turned(name, degrees):
            return TurnedReply(step=name, picture=picture, degrees=degrees)
        case Toned(name, before, after):
            return TonedReply(step=name, picture=picture, before=before, after=after)
        case Enlarged(factor):
            return EnlargedReply(step="enlarge", picture=picture, factor=factor)
        case Detailed(factor, box):
            return DetailReply(step="detail", picture=picture, factor=factor, box=box.as_tuple())
