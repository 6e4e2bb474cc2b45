"""Fallback: a camera whose small stream fails is looked at in its main stream.

Decides which of the streams are opened, by what failed and when; opens nothing. Used by `reader`.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from edge.capture.clock import Clock
from edge.capture.settings import SourceSettings

log = logging.getLogger(__name__)

# To try the small stream again the main one is closed, and a camera that refuses it may take ten
# seconds to say so: soon at first, as after a short fault, and then ever less often.
RETURN_AFTER_S = 60.0
LONGEST_S = 6 * 3600.0


class Fallback:
    """`chosen` are the settings to open next: both streams, or the main one alone."""

    def __init__(self, settings: SourceSettings, clock: Clock) -> None:
        self._both = settings
        self._clock = clock
        self._return_after_s = RETURN_AFTER_S
        self._chosen_mono_s = clock.mono_s()
        self.chosen = settings

    @property
    def is_time_to_return(self) -> bool:
        """Whether the main stream has been looked at for long enough to try both again."""
        return self.chosen is not self._both and self._lasted_s >= self._return_after_s

    def return_to_both(self) -> None:
        """Both streams are to be opened next; if that fails, it is tried half as often."""
        self._return_after_s = min(2 * self._return_after_s, LONGEST_S)
        self._choose(self._both)

    def failed(self) -> bool:
        """What was chosen has failed; whether there is another choice to be tried at once."""
        if not self._both.main_url:
            return False
        if self.chosen is not self._both:
            self._choose(self._both)
            return False
        if self._lasted_s >= self._return_after_s:
            self._return_after_s = RETURN_AFTER_S
        log.warning("%s: the sub stream fails; the main one takes its place", self._both.camera)
        self._choose(replace(self._both, url=self._both.main_url, main_url=""))
        return True

    @property
    def _lasted_s(self) -> float:
        return self._clock.mono_s() - self._chosen_mono_s

    def _choose(self, settings: SourceSettings) -> None:
        self.chosen = settings
        self._chosen_mono_s = self._clock.mono_s()
