"""The model on this box that answers while no worker of the pool is ready. Runs in the analyzer.

Loaded when it is needed for the first time, let go when workers have been there for some time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.conversation import Piece, Turn, TurnResult
from edge.errors import AnalysisFailed, EdgeError
from edge.questions import AnalysisRequest, AnalysisResult, ModelInfo
from edge.vlm.settings import EngineSettings

if TYPE_CHECKING:
    from edge.vlm.engine import Engine

log = logging.getLogger(__name__)

KEPT_S = 600.0


class PoolStandby:
    """None where `settings` is None; nothing then is ever loaded."""

    def __init__(
        self, settings: EngineSettings | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._clock = settings, clock
        self._engine: Engine | None = None
        self._needed_mono_s = 0.0

    @property
    def is_loaded(self) -> bool:
        """Whether it can answer now."""
        return self._engine is not None

    @property
    def info(self) -> ModelInfo | None:
        """The model, while it is loaded."""
        return None if self._engine is None else self._engine.info

    def load(self) -> bool:
        """Load it, if there is to be one, which takes seconds to a minute; whether it was done.

        A model that cannot be loaded is said once and not tried again.
        """
        if self._settings is None:
            return False
        from edge.vlm.engine import open_tested_engine  # noqa: PLC0415 - only where it is needed

        log.warning("no worker of the pool is ready; the model on this box is loaded to take over")
        settings, self._settings = self._settings, None
        try:
            self._engine = open_tested_engine(settings)
        except EdgeError as error:
            log.error("the model on this box cannot take over: %s", error)
            return False
        self._settings = settings
        self._needed_mono_s = self._clock()
        return True

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """As `Engine.analyze`; the result names the model."""
        engine = self._loaded
        return replace(engine.analyze(request), model=engine.info)

    def talk(self, turn: Turn, tell: Callable[[Piece], None]) -> TurnResult:
        """As `Engine.talk`."""
        return self._loaded.talk(turn, tell)

    def tend(self, *, is_needed: bool) -> None:
        """Let it go when it has not been needed for long."""
        now = self._clock()
        if is_needed:
            self._needed_mono_s = now
        elif self._engine is not None and now - self._needed_mono_s > KEPT_S:
            log.info("the pool has workers again; the model on this box is let go")
            self.close()

    def close(self) -> None:
        """Release its memory."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @property
    def _loaded(self) -> Engine:
        if self._engine is None:
            raise AnalysisFailed("the model on this box is not loaded")
        return self._engine
