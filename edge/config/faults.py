"""Faults found inside a validator, on their way through pydantic to the user.

pydantic carries one message for one error; a Fault adds what to do about it and where below the
validated value it lies. `problems.py` turns them into `edge.errors.Problem`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

FAULTS = "edge_faults"  # pydantic's `type` of these errors
MAX_SHOWN_CHARS = 60
MAX_FAULTS = 200  # more are no help, and a file can be made to have 50,000

TreePath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, what to write instead, and where below the value being validated."""

    message: str
    remedy: str
    at: TreePath = ()


class FaultList(list[Fault]):
    """Faults up to MAX_FAULTS; then one about the whole file, so that nothing passes unnoticed."""

    @property
    def is_full(self) -> bool:
        """Whether further faults are no longer kept."""
        return len(self) > MAX_FAULTS

    def add(self, message: str, remedy: str, at: TreePath) -> None:
        """Keep a fault, if there is room."""
        if len(self) == MAX_FAULTS:
            self.append(Fault("there are more faults.", "Repair the ones listed here first."))
        elif not self.is_full:
            self.append(Fault(message, remedy, at))


def refuse(faults: Fault | Sequence[Fault]) -> PydanticCustomError:
    """The exception for a validator to raise; it carries every fault given."""
    listed = [faults] if isinstance(faults, Fault) else list(faults)
    return PydanticCustomError(
        FAULTS, "{summary}", {"summary": listed[0].message, "faults": listed}
    )


def joined(*errors: ValidationError) -> ValidationError:
    """One exception with what each of several says of the same value."""
    return ValidationError.from_exception_data(
        errors[0].title,
        [
            InitErrorDetails(
                type=refuse(detail["ctx"]["faults"])
                if detail["type"] == FAULTS
                else detail["type"],
                loc=detail["loc"],
                input=detail["input"],
                ctx={} if detail["type"] == FAULTS else detail.get("ctx", {}),
            )
            for error in errors
            for detail in error.errors(include_url=False)
        ],
    )


def show(value: object) -> str:
    """The value as it can stand in a message: short, on one line, and without what is inside it."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 3] + "..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is most likely a misspelling of."""
    if len(name) > MAX_SHOWN_CHARS:
        return None
    plain = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def suggest(name: str, known: Iterable[str], what: str) -> str:
    """A remedy for an unknown name: the nearest one and all that are known."""
    listed = sorted(known)
    near = nearest(name, listed)
    hint = f"Did you mean {near!r}? " if near else ""
    if not listed:
        return f"{hint}There are no {what}."
    return f"{hint}The {what} are: {', '.join(listed)}."
