"""Darkroom: the pictures that were enhanced, kept for a while to be looked at, by unguessable name.

In memory alone: a person's picture is never written to the disk. Used in the event loop alone.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

MAX_PICTURES = 64
MAX_BYTES = 16_000_000  # an enhanced picture takes some 300 kB


class Darkroom:
    """JPEG files by name; the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._num_bytes = 0

    def keep(self, jpeg: bytes) -> str:
        """Keep a picture under a new name; one that is too large is forgotten at once."""
        name = secrets.token_urlsafe(16)
        self._kept[name] = jpeg
        self._num_bytes += len(jpeg)
        while len(self._kept) > MAX_PICTURES or self._num_bytes > MAX_BYTES:
            _, gone = self._kept.popitem(last=False)
            self._num_bytes -= len(gone)
        return name

    def find(self, name: str) -> bytes | None:
        """The picture of that name, if it is still kept."""
        return self._kept.get(name)
