"""Watcher: who looks at a camera's frames, and says how many of them are needed.

The capture stage's side of the bargain with whatever consumes its frames; implemented by the
camera's process (and by tests). Knows nothing of packets.
"""

from __future__ import annotations

from typing import Protocol

from edge.frames import Luma


class Watcher(Protocol):
    """Told apart: nothing is going on (`is_quiet`), and this picture is another one."""

    def is_quiet(self) -> bool:
        """Whether nothing is going on or suspected, so that pictures may be left out.

        Asked with each packet received, whether or not it becomes a frame, where some pictures may
        be left out.
        """
        ...

    def is_changed(self, luma: Luma) -> bool:
        """Whether this I-frame's luma differs from that of the one before by more than noise.

        Asked for each I-frame of a camera at rest, before it is handed on as a frame. A false
        alarm costs some decoding; what is missed here may be lost.
        """
        ...


class Restless:
    """A watcher that wants every picture."""

    def is_quiet(self) -> bool:
        """Never."""
        return False

    def is_changed(self, luma: Luma) -> bool:  # noqa: ARG002 - the protocol's
        """Always."""
        return True
