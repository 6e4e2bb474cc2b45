"""FormerNames: what this box left at the broker under names that it gave up, and when it may go.

A name may be another box's by now. So a former name's status must not say `online`, and its info
must be what this box said there last, before anything is cleared; and only what this box recorded
as its own is. Pure; the publisher listens to those two topics and does the clearing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Former:
    """A name that was ours: its topics, but for `status` and `info`, and what `info` said last."""

    root: str
    topics: tuple[str, ...]
    info: bytes

    @property
    def status_topic(self) -> str:
        """Whether somebody has the name now."""
        return f"{self.root}/status"

    @property
    def info_topic(self) -> str:
        """Who had it last."""
        return f"{self.root}/info"


class FormerNames:
    """Waits until the broker has said of a name both that nobody has it and that we had it last."""

    def __init__(self, names: Iterable[Former]) -> None:
        self._names = list(names)
        self._said: dict[str, bytes] = {}
        self.filters = tuple(
            t for name in self._names for t in (name.status_topic, name.info_topic)
        )

    def heard(self, topic: str, payload: bytes) -> tuple[str, ...]:
        """The broker's value of one of `filters`; the topics that are to be cleared now, if any.

        The two that were asked for come last: a box that is cut short finds them again.
        """
        self._said[topic] = payload
        for name in self._names:
            is_free = self._said.get(name.status_topic) in (b"offline", b"stopped")
            if is_free and self._said.get(name.info_topic) == name.info:
                self._names.remove(name)
                return (*name.topics, name.status_topic, name.info_topic)
        return ()
