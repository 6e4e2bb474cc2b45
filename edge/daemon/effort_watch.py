"""Sees to it that the analyst's effort fits the load: weighs, logs, and tells what is in force.

Runs in the daemon's main thread; upkeep calls it each second. What to do is decided in effort.py,
how high the load is in load.py.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.daemon.analyst import Analyst
from edge.daemon.effort import EffortSettings, EffortSteps, Loads
from edge.daemon.load import WINDOW_S
from edge.effort import EffortFacts

log = logging.getLogger(__name__)


class EffortWatch:
    """The step in force, which is the analyst's effort."""

    def __init__(
        self, analyst: Analyst, settings: EffortSettings, wall: Callable[[], float] = time.time
    ) -> None:
        self._analyst, self._wall = analyst, wall
        self._steps = EffortSteps(settings)
        self._since_s: float | None = None
        self._loads: Loads | None = None
        self.set(settings)

    def set(self, settings: EffortSettings) -> None:
        """Use other settings from now on."""
        self._steps.settings = settings
        self._analyst.effort.probe_s = settings.probe_s
        self._analyst.effort.load.window_s = min(WINDOW_S, settings.lighten_after_s)

    def step(self, now_mono_s: float) -> bool:
        """Weigh the load; whether another step is in force now."""
        analyst = self._analyst
        is_up = analyst.host.state in ("ready", "busy")
        analyst.effort.load.note(analyst.scheduler.total(), now_mono_s, is_up=is_up)
        self._loads = analyst.effort.load.loads(analyst.host.places)
        said = self._steps.look(self._loads, now_mono_s)
        if said is None:
            return False
        log.log(logging.WARNING if said.is_warning else logging.INFO, "%s", said.line)
        analyst.effort.word = self._steps.word
        if said.is_change:
            self._since_s = self._wall()
        return said.is_change

    def facts(self) -> EffortFacts:
        """What is in force, and the load."""
        loads, word = self._loads, self._steps.word
        return EffortFacts(
            word=word,
            since_s=self._since_s,
            load=None if loads is None else loads[word],
            load_at_full=None if loads is None else loads["full"],
        )
