"""TuneRequest and TuneReport: a stretch of a camera looked at closely, and what suits it better.

The same document for `edge tune --json` and for the page. Filled by `edge.replay.tune`; the web
room serves it without knowing how it comes about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.geometry import Polygon

MIN_SECONDS, MAX_SECONDS = 5.0, 120.0  # of what is asked for over HTTP
DEFAULT_CAMERA_S = 30.0

Points = list[Annotated[list[float], Field(min_length=2, max_length=2)]]
Sides = Annotated[list[float], Field(min_length=4, max_length=4)]


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """What is to be looked at: one of a clip's path, a camera's name, an earlier report's id.

    `seconds` None is as much as is usual. `settings_of` names the camera whose settings hold for a
    clip. `sensitivity` and `mask` are tried in place of the configured ones.
    """

    clip: str = ""
    camera: str = ""
    again: str = ""
    name: str = ""  # what a clip is called
    seconds: float | None = None
    start_s: float = 0.0
    settings_of: str = ""
    sensitivity: float | None = None
    mask: tuple[Polygon, ...] | None = None
    suggest: bool = True


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class TuneSource(_Part):
    """What was looked at."""

    name: str
    start_s: float
    """Where in the clip it begins."""
    seconds: float
    width_px: int
    height_px: int
    pictures: int
    truncated: bool
    """Whether the clip goes on after it."""


class TuneSettings(_Part):
    """The sampler's settings that held."""

    sensitivity: float
    threshold: int
    contour_area: int
    mask: list[Points]
    zones: dict[str, Points]


class TuneSeries(_Part):
    """Columns of equal length, in order of time."""

    t: list[float]
    score: list[float]
    """How much moves, 0 to 1; the highest within the row."""
    least_score: list[float]
    """The smallest score that can count."""
    strength: list[float]
    """The strongest change as a multiple of its limit."""
    limit: list[float]
    """Grey levels from which on a pixel counts, median over the picture."""
    state: list[Literal["quiet", "doubtful", "blind", "moving"]]


class TuneKeyframe(_Part):
    """A keyframe that the sampler takes."""

    t: float
    trigger: str
    phase: str | None
    score: float
    boxes: list[Sides]
    zones: list[str]
    started: float
    detail: str
    sharpness: float
    quality: float
    """0 to 1: large, sharp, not cut off, unlike the last ones."""
    picture: str | None
    """A small JPEG as a data URL; null after the first 60."""


class TuneDrop(_Part):
    """Something seen that did not become a keyframe; neighbours are joined."""

    t: float
    until: float
    count: int
    reason: str
    why: str
    boxes: list[Sides]


class TuneActivity(_Part):
    """How often each cell of the picture changed."""

    columns: int
    rows: int
    share: list[list[float]]
    """By row: share of the pictures, 0 to 1."""


class TuneCost(_Part):
    """What these settings cost at the rate of this stretch."""

    keyframes_per_hour: float
    cpu_ms_per_s: float
    """Decoding and looking, one thread, for each second of video."""
    model_s_per_keyframe: float
    model_s_per_hour: float
    model_is_measured: bool


class TuneChanges(_Part):
    """What is to be set; null stays as it is."""

    sensitivity: float | None = None
    mask: list[Points] | None = None
    """All masks, those that were there included."""


class TuneSuggestion(_Part):
    """A change that was tried on the same pictures, and what came of it."""

    title: str
    changes: TuneChanges
    yaml: str
    """To paste; complete."""
    calls_before: int
    calls_after: int
    why: str
    masked_frac: float
    """Share of the picture that is masked then."""
    lost: list[str] = []
    """Labelled events that are shown no longer; only where there are labels."""
    won: list[str] = []
    """Labelled events that are shown now."""


_EXAMPLE: dict[str, Any] = {
    "schema": "edge.tune/1",
    "id": "8f3a1c",
    "source": {
        "name": "porch",
        "start_s": 0.0,
        "seconds": 30.0,
        "width_px": 1920,
        "height_px": 1080,
        "pictures": 150,
        "truncated": True,
    },
    "settings": {
        "sensitivity": 0.5,
        "threshold": 20,
        "contour_area": 40,
        "mask": [],
        "zones": {"step": [[0.1, 0.6], [0.5, 0.6], [0.5, 1.0], [0.1, 1.0]]},
    },
    "picture": "data:image/jpeg;base64,/9j/4AAQ...",
    "series": {
        "t": [0.2, 0.4],
        "score": [0.0, 0.31],
        "least_score": [0.044, 0.044],
        "strength": [0.6, 1.8],
        "limit": [9.0, 9.1],
        "state": ["quiet", "moving"],
    },
    "keyframes": [
        {
            "t": 0.4,
            "trigger": "motion",
            "phase": "peak",
            "score": 0.31,
            "boxes": [[0.1, 0.2, 0.3, 0.6]],
            "zones": ["step"],
            "started": 0.2,
            "detail": "",
            "sharpness": 210.3,
            "quality": 0.7,
            "picture": "data:image/jpeg;base64,/9j/4AAQ...",
        }
    ],
    "dropped": [
        {
            "t": 5.0,
            "until": 7.2,
            "count": 11,
            "reason": "restless",
            "why": "moves by itself there, and nothing was on its way",
            "boxes": [[0.0, 0.0, 0.2, 0.4]],
        }
    ],
    "activity": {"columns": 2, "rows": 1, "share": [[0.42, 0.0]]},
    "cost": {
        "keyframes_per_hour": 120.0,
        "cpu_ms_per_s": 8.1,
        "model_s_per_keyframe": 1.0,
        "model_s_per_hour": 120.0,
        "model_is_measured": False,
    },
    "suggestions": [
        {
            "title": "mask what moves by itself",
            "changes": {"mask": [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.4]]]},
            "yaml": "cameras:\n  porch:\n    mask:\n      - [[0, 0], [0.2, 0], [0.2, 0.4]]\n",
            "calls_before": 12,
            "calls_after": 1,
            "why": "1 area, 4 % of the picture, moved again and again over the whole stretch.",
            "masked_frac": 0.04,
        }
    ],
    "advice": ["12 calls in 30 s, 1440 an hour at this rate."],
}


class TuneReport(_Part):
    """A stretch of a camera or clip as the sampler saw it, and what would suit better."""

    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    schema_: Literal["edge.tune/1"] = Field(default="edge.tune/1", alias="schema")
    id: str = ""
    """For another look at the same pictures; empty where they are not kept."""
    source: TuneSource
    settings: TuneSettings
    picture: str
    """The scene as a data URL, at most 640 px wide."""
    series: TuneSeries
    keyframes: list[TuneKeyframe]
    dropped: list[TuneDrop]
    activity: TuneActivity
    cost: TuneCost
    suggestions: list[TuneSuggestion]
    advice: list[str]
