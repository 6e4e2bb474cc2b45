"""Case: the box as it comes to the doctor. Plain values that every check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.config.load import LoadedConfig
from edge.config.models import Config
from edge.doctor.account import Account
from edge.doctor.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration that can be used, and who would run on it.

    `account` is the service's user where one is installed, else this process's. `sandbox` is the
    text of the service's unit, "" without one. `deep` asks for checks that take minutes.
    """

    path: Path
    loaded: LoadedConfig
    account: Account
    sandbox: str = ""
    deep: bool = False

    @property
    def config(self) -> Config:
        """The checked values, without cameras and rules that cannot be used."""
        return self.loaded.config


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at: its name and subject for when it fails, and how long it may take.

    `look` may block and may raise; it runs in a thread of its own.
    """

    name: str
    look: Callable[[], Iterable[Diagnosis]]
    limit_s: float
    subject: str = ""
