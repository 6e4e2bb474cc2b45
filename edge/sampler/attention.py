"""Attention: what a sampler tells capture about how many pictures it needs.

For everyone who reads a source and steps a sampler: the camera's process, replay, the bench. Pure.
"""

from __future__ import annotations

from edge.frames import Luma
from edge.sampler.glance import Glance
from edge.sampler.sampler import Sampler
from edge.sampler.settings import SamplerSettings
from edge.sampler.trace import Observer


class Attention:
    """A sampler, and a glance at the pictures that a camera at rest leaves out."""

    def __init__(self, settings: SamplerSettings, observer: Observer | None = None) -> None:
        self.sampler = Sampler(settings, observer)
        self._glance = Glance(settings)

    def is_quiet(self) -> bool:
        """Whether nothing is going on: I-frames will do."""
        return self.sampler.is_quiet

    def is_changed(self, luma: Luma) -> bool:
        """Whether this I-frame's luma, (h, w) uint8, differs from that of the one before."""
        return self._glance.is_changed(luma)
