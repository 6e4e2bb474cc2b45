"""Diagnosis: what a check found, what it means and what to do about it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at.

    A `fault` keeps part of the box from doing its work; with a `warning` it works, worse than it
    could or not for long. `check` names what was looked at and stays the same over versions;
    `subject` is the camera or folder it was looked at of, "" for the box. Where something is wrong,
    `meaning` says what does not work because of it and `remedy` what to do.
    """

    check: str
    level: Level
    found: str
    meaning: str = ""
    remedy: str = ""
    subject: str = ""


def ok(check: str, found: str, *, subject: str = "") -> Diagnosis:
    """Nothing is wrong; `found` says how it is."""
    return Diagnosis(check, "ok", found, subject=subject)


def warning(check: str, found: str, meaning: str, remedy: str, *, subject: str = "") -> Diagnosis:
    """It works, but should be looked after."""
    return Diagnosis(check, "warning", found, meaning, remedy, subject)


def fault(check: str, found: str, meaning: str, remedy: str, *, subject: str = "") -> Diagnosis:
    """Something does not work."""
    return Diagnosis(check, "fault", found, meaning, remedy, subject)
