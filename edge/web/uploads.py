"""Uploads: the pictures of a request, decoded off the event loop, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.datastructures import UploadFile

from edge.conversation import MAX_PICTURES, Picture
from edge.errors import PictureError, QuestionError
from edge.frames import Image
from edge.geometry import Box
from edge.pictures import load_picture, resize_bicubic
from edge.web.refusals import Refusal

KEPT_PIXELS = 8_000_000  # the model is shown half a million at once; a turn may hold 16 pictures
_MAX_REGION_CHARS = 200


class Uploads:
    """Decodes pictures; 50 megapixels take 300 MB for a second, so two never do it at once."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def read(self, files: Sequence[UploadFile], region: str = "") -> list[Picture]:
        """The pictures in the files of a form, each cut to `region` if there is one."""
        if len(files) > MAX_PICTURES:
            raise Refusal(
                400, f"{len(files)} pictures; at most {MAX_PICTURES} are allowed", "image"
            )
        try:
            box = parse_region(region) if region.strip() else None
        except QuestionError as error:
            raise Refusal(400, str(error), "region") from None
        return [Picture(await self.decode(await file.read(), "image", box), box) for file in files]

    async def decode(self, data: bytes, where: str, region: Box | None = None) -> Image:
        """One picture, made smaller if it is very large; a region is shown at native resolution."""
        async with self._turn:
            try:
                return await asyncio.to_thread(_decode, data, region is None)
            except PictureError as error:
                raise Refusal(400, str(error), where) from None


def _decode(data: bytes, may_shrink: bool) -> Image:
    image = load_picture(data)
    height, width = image.shape[:2]
    if not may_shrink or height * width <= KEPT_PIXELS:
        return image
    scale = (KEPT_PIXELS / (height * width)) ** 0.5
    return resize_bicubic(image, max(1, round(width * scale)), max(1, round(height * scale)))


def parse_region(words: str) -> Box:
    """`x1,y1,x2,y2` as fractions of the picture; raises QuestionError."""
    try:
        x1, y1, x2, y2 = (float(word) for word in words[:_MAX_REGION_CHARS].split(","))
        return Box(x1, y1, x2, y2)
    except ValueError as error:
        raise QuestionError(
            f"region {words[:60]!r}: expected four fractions x1,y1,x2,y2 such as 0.5,0,1,1"
            f" ({error})"
        ) from None
