"""What really happened in a clip, written down by hand: events, and when nothing happened.

    {"video": "porch.mp4",
     "events": [{"t_start": 4.3, "t_end": 5.9, "category": "enter", "label": "a woman comes",
                 "tolerance": 0.3, "confidence": "high"}],
     "quiet_intervals": [{"t_start": 0, "t_end": 4}],
     "still_presence_intervals": [...], "distractors": [...]}

Times are the clip's own presentation times in seconds. Other keys are left alone. Read here,
checked as a whole before a clip is opened; scoring is `score`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import LabelError

Group = Literal["activity", "cut", "light", "nuisance"]
Span = tuple[float, float]  # seconds, from and until

MIN_TAIL_S = 0.5  # an event's window reaches at least this far past its end
DEFAULT_TOLERANCE_S = 0.3
SURE = frozenset({"high", "exact"})
ENTER_LEAVE = frozenset({"enter", "leave", "vehicle_enter", "vehicle_leave"})
MAX_FILE_BYTES = 10_000_000
MAX_FAULTS = 20

_GROUPS: dict[str, Group] = {
    "scene_cut": "cut",
    "fade": "cut",
    "light_on": "light",
    "light_off": "light",
    "light_change": "light",
    "illumination_change": "nuisance",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, from `from_s` until `until_s`."""

    from_s: float
    until_s: float
    category: str
    label: str = ""
    tolerance_s: float = DEFAULT_TOLERANCE_S
    sure: bool = True

    @property
    def group(self) -> Group:
        """What kind it is; whoever or whatever moves is activity."""
        return _GROUPS.get(self.category, "activity")

    @property
    def window(self) -> Span:
        """When a keyframe must lie to show it."""
        return self.from_s - self.tolerance_s, self.until_s + max(self.tolerance_s, MIN_TAIL_S)


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known of one clip. `quiet` is when nothing is worth a keyframe, `still` when
    somebody is there and does not move, `distractors` when wind, rain or exposure is at work.
    """

    source: str
    video: str
    events: tuple[Event, ...]
    quiet: tuple[Span, ...] = ()
    still: tuple[Span, ...] = ()
    distractors: tuple[Span, ...] = ()

    def since(self, start_s: float) -> Truth:
        """The same with times from the clip's beginning, which it calls `start_s` itself."""
        if not start_s:
            return self

        def earlier(spans: tuple[Span, ...]) -> tuple[Span, ...]:
            return tuple((a - start_s, b - start_s) for a, b in spans)

        return replace(
            self,
            events=tuple(
                replace(one, from_s=one.from_s - start_s, until_s=one.until_s - start_s)
                for one in self.events
            ),
            quiet=earlier(self.quiet),
            still=earlier(self.still),
            distractors=earlier(self.distractors),
        )


def load_truths(path: Path, clips: tuple[Path, ...]) -> dict[Path, Truth]:
    """The truth of each clip: from a file for one clip, or from a folder's *.json.

    In a folder the file is the one that names the clip in `video`, else the one called like it;
    clips without any are left out. Raises LabelError, which lists every fault, and where no clip
    has a truth.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise LabelError(f"{path}: there is no .json file in this folder")
    elif path.is_file():
        if len(clips) > 1:
            raise LabelError(f"{path}: for {len(clips)} clips give a folder with a file for each")
        files = [path]
    else:
        raise LabelError(f"{path}: there is no such file or folder")
    faults: list[str] = []
    truths: list[Truth] = []
    for file in files:
        try:
            truths.append(parse_truth(_read(file), str(file)))
        except LabelError as error:
            faults.append(str(error))
    if faults:
        raise LabelError("\n".join(faults))
    if not path.is_dir():
        return {clips[0]: truths[0]}
    named = {Path(truth.video).name: truth for truth in truths if truth.video}
    called = {Path(truth.source).stem: truth for truth in truths}
    found = {clip: named.get(clip.name) or called.get(clip.stem) for clip in clips}
    known = {clip: truth for clip, truth in found.items() if truth is not None}
    if not known:
        raise LabelError(f"{path}: no file in it is about {clips[0].name}" + _and_others(clips))
    return known


def parse_truth(text: str, source: str) -> Truth:
    """A truth from JSON text; raises LabelError, which lists every fault with its place."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{source}: not JSON ({error})") from None
    try:
        checked = _Document.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"  {_place(one['loc'])}: {_message(one['msg'])}" for one in found[:MAX_FAULTS]]
        if len(found) > MAX_FAULTS:
            lines.append(f"  and {len(found) - MAX_FAULTS} more")
        heading = f"{source}: {len(found)} {'fault' if len(found) == 1 else 'faults'}"
        raise LabelError("\n".join([heading, *lines])) from None
    return Truth(
        source=source,
        video=checked.video,
        events=tuple(one.event() for one in checked.events),
        quiet=_spans(checked.quiet_intervals),
        still=_spans(checked.still_presence_intervals),
        distractors=_spans(checked.distractors),
    )


_Time = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]


class _Interval(BaseModel):
    model_config = ConfigDict(extra="ignore")

    t_start: _Time
    t_end: _Time

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.t_end < self.t_start:
            raise ValueError(f"t_end {self.t_end:g} lies before t_start {self.t_start:g}")
        return self


class _Event(_Interval):
    category: Annotated[str, Field(min_length=1, max_length=60)]
    label: Annotated[str, Field(max_length=2000)] = ""
    tolerance: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = DEFAULT_TOLERANCE_S
    confidence: Annotated[str, Field(max_length=60)] = "high"

    def event(self) -> Event:
        return Event(
            self.t_start,
            self.t_end,
            self.category,
            self.label,
            self.tolerance,
            self.confidence in SURE,
        )


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")

    video: Annotated[str, Field(max_length=1000)] = ""
    events: list[_Event]
    quiet_intervals: list[_Interval] = []
    still_presence_intervals: list[_Interval] = []
    distractors: list[_Interval] = []


def _spans(intervals: list[_Interval]) -> tuple[Span, ...]:
    return tuple((one.t_start, one.t_end) for one in intervals)


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise LabelError(f"{file}: larger than {MAX_FILE_BYTES} bytes")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LabelError(f"{file}: not UTF-8 text (byte {error.start})") from None


def _place(steps: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in steps) or "file"


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


def _and_others(clips: tuple[Path, ...]) -> str:
    return f" or the {len(clips) - 1} others" if len(clips) > 1 else ""
