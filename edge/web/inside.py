"""What the web room needs of the rest of the daemon, as protocols. Implemented by the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge.conversation import Listener, Turn
from edge.errors import EdgeError
from edge.findings import ConfigReport, Finding
from edge.frames import Image
from edge.present import Present
from edge.search import FindingPage, FindingQuery
from edge.tuning import TuneReport, TuneRequest


class Door(Protocol):
    """Takes orders to the daemon's main thread. Methods do not block; they raise TooBusy.

    Listeners and replies are called in the main thread and must hand over at once.
    """

    def ask(self, turn: Turn, listener: Listener) -> None:
        """Have a turn answered; ids must be unique."""

    def cancel(self, turn_id: str) -> None:
        """Nobody waits for a turn any more."""

    def close(self, session: str) -> None:
        """Forget a session; unknown ones are ignored."""

    def look(self, reply: Callable[[Present], None]) -> None:
        """Tell what the box is doing now. Never called back if the daemon ends meanwhile."""

    def take(self, camera: str, reply: Callable[[Image | None], None]) -> None:
        """Take a picture with a camera, (H, W, 3) uint8 RGB; None if it gives none in time."""

    def reload(self, reply: Callable[[ConfigReport], None]) -> None:
        """Read the configuration's file again; tells what became of it, within seconds."""

    def tune(
        self, ticket: str, request: TuneRequest, reply: Callable[[TuneReport | EdgeError], None]
    ) -> None:
        """Look closely at a camera or clip; tickets must be unique. Takes minutes."""

    def cancel_tune(self, ticket: str) -> None:
        """Nobody waits for it any more; `reply` may still be called once."""


class Archive(Protocol):
    """What is kept on the disk. Methods may block for seconds and raise StoreError or TooBusy."""

    def find(self, query: FindingQuery) -> FindingPage:
        """A page of findings."""

    def finding(self, finding_id: str) -> Finding | None:
        """The finding as last recorded, or None if there is none of that id."""

    def snapshot(self, snapshot_id: str) -> bytes:
        """A JPEG; raises SnapshotMissing."""

    def last_snapshot(self, camera: str) -> tuple[str, bytes]:
        """Id and JPEG of the camera's newest keyframe that is kept; raises SnapshotMissing."""

    def close(self) -> None:
        """Let the files go."""
