"""Enhancement: what was done to a person's picture so that more can be seen, and what came of it.

The model engine enhances, the HTTP side tells. Plain values that cross the pipe between the daemon
and the analyzer process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from edge.geometry import Box

ToneStep: TypeAlias = Literal["shadows", "denoise", "brighten", "contrast", "sharpen"]

MAX_DETAILS = 2  # of one turn; each takes as long to look at as a picture


@dataclass(frozen=True, slots=True)
class Turned:
    """The picture was turned by `degrees`, clockwise: `rotate` by a right angle, `deskew` a bit."""

    step: Literal["rotate", "deskew"]
    degrees: float


@dataclass(frozen=True, slots=True)
class Toned:
    """What a step changed, measured before and after.

    `shadows`: the darkest paper as a share of the brightest. `denoise`: the noise's standard
    deviation in grey levels of 255. `brighten`: the mean brightness, 0..1. `contrast`: the local
    contrast, 0..1. `sharpen`: the blur, 0 (sharp) to 1.
    """

    step: ToneStep
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Enlarged:
    """The picture was made larger by `factor`."""

    factor: float
    step: Literal["enlarge"] = "enlarge"


@dataclass(frozen=True, slots=True)
class Detailed:
    """A part of the enhanced picture, `box`, is shown beside it, larger by `factor`."""

    factor: float
    box: Box
    step: Literal["detail"] = "detail"


Step: TypeAlias = "Turned | Toned | Enlarged | Detailed"


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as the model was shown it, as a JPEG file; larger than it was fed."""

    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class EnhancedPicture:
    """What was done to one of a turn's pictures, and what was shown in its place.

    `picture` counts the turn's pictures from 0. `shown` is the picture and then its details; empty
    where nothing had to be done.
    """

    picture: int
    steps: tuple[Step, ...] = ()
    shown: tuple[ShownPicture, ...] = ()
