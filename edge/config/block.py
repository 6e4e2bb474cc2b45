"""What every block of the configuration has in common, and the field types they share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import annotated_types
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
)

from edge.config.faults import Fault, nearest, refuse, show

NAME_PATTERN = r"^[a-z0-9_-]{1,64}$"
RESERVED_CAMERA_NAMES = frozenset({"cmd", "info", "stats", "status"})  # topics beside the cameras'

_TOPIC_LEVELS = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


class Block(BaseModel):
    """A mapping of the file: unknown keys are faults, values cannot be changed afterwards.

    Field names carry their unit (`deadline_s`); the file's keys are the aliases (`deadline`).
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


B = TypeVar("B", bound=Block)


def overlaid(base: B, own: Block) -> B:
    """`base` with the keys that were written in `own`."""
    return base.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


MAX_COUNT = 1_000_000_000  # of things that are kept


@dataclass(frozen=True, slots=True)
class Between(annotated_types.GroupedMetadata):
    """Marks a number field with both of its bounds, included; true and false are no numbers."""

    low: float
    high: float

    def __iter__(self) -> Iterator[object]:
        """What pydantic applies, innermost first."""
        yield annotated_types.Ge(self.low)
        yield annotated_types.Le(self.high)
        yield BeforeValidator(_no_bool)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refuse(Fault(f"{show(value)} is not a number.", "Write a number."))
    return value


def _name(value: str) -> str:
    if re.fullmatch(NAME_PATTERN, value):
        return value
    proposal = re.sub(r"[^a-z0-9_-]+", "_", value.casefold()).strip("_")[:64] or "front_door"
    raise refuse(
        Fault(
            f"the name {show(value)} is not allowed: 1 to 64 of the characters a-z 0-9 _ -.",
            f"Write {proposal!r}, for example.",
        )
    )


def _topic_level(value: str) -> str:
    if "/" not in value:
        return _topic_levels(value)
    raise refuse(
        Fault(f"{show(value)} holds a slash.", "Use letters, digits and . _ - only (up to 64).")
    )


def _topic_levels(value: str) -> str:
    if _TOPIC_LEVELS.fullmatch(value) and len(value) <= 64:
        return value
    raise refuse(
        Fault(
            f"{show(value)} cannot be part of an MQTT topic.",
            "Use letters, digits and . _ - (up to 64 characters).",
        )
    )


def _beside_the_file(value: Any, info: ValidationInfo) -> Path:
    """A path as written, counted from the configuration's folder if it is relative."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise refuse(Fault(f"{show(value)} is not a path.", "Write a path, such as /var/lib/edge."))
    return resolve_path(str(value), info)


def resolve_path(text: str, info: ValidationInfo) -> Path:
    """`~` is the home folder; a relative path starts at the folder of the configuration."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise refuse(
            Fault(f"{show(text)}: there is no such user's home.", "Write the whole path.")
        ) from None
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


def one_of(words: tuple[str, ...]) -> BeforeValidator:
    """A field whose value is one of `words`; the fault names the nearest."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in words:
            return value
        near = nearest(value, words) if isinstance(value, str) else None
        hint = f"Did you mean {near}? " if near else ""
        raise refuse(Fault(f"{show(value)} is not possible.", f"{hint}Write {_or(words)}."))

    return BeforeValidator(check)


def _or(words: tuple[str, ...]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Name = Annotated[str, AfterValidator(_name)]
TopicLevel = Annotated[str, AfterValidator(_topic_level)]
TopicLevels = Annotated[str, AfterValidator(_topic_levels)]
FilePath = Annotated[Path, BeforeValidator(_beside_the_file)]
