"""StandbyEngine: a model on a server, and the one on this box that takes over while it is away.

    with open_answering(RemoteSettings(url, model)) as engine:
        result = engine.analyze(request)

The model on this box is loaded when it is needed for the first time, and let go when the server has
answered for some time. While neither can answer `is_away` is true; `tend`, which is to be called
between requests, brings one of them back. One thread owns an engine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge.conversation import Piece, Turn, TurnResult
from edge.elsewhere import ServerFacts
from edge.errors import EdgeError
from edge.questions import AnalysisRequest, AnalysisResult, ModelInfo
from edge.vlm.remote.client import ServerAway
from edge.vlm.remote.engine import RemoteEngine
from edge.vlm.remote.settings import RemoteSettings

if TYPE_CHECKING:
    from edge.vlm.engine import Engine
    from edge.vlm.settings import EngineSettings

log = logging.getLogger(__name__)

LEAST_WAIT_S = 0.1
KEPT_S = 600.0  # how long the model on this box stays loaded after the server came back


class StandbyEngine:
    """Asks the server where it can, else the model on this box."""

    def __init__(
        self, settings: RemoteSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._remote = RemoteEngine(settings)
        self._local: Engine | None = None
        self._cannot_load = ""  # why the model on this box cannot be used
        self._standby_answers = 0
        self._usable_since_mono_s: float | None = None  # counts while the one here is loaded

    @property
    def info(self) -> ModelInfo:
        """The model that answers now."""
        if self._local is not None and not self._remote.client.is_usable:
            return self._local.info
        return self._remote.info

    @property
    def facts(self) -> ServerFacts:
        """How it goes with the server."""
        return replace(self._remote.facts, standby_answers=self._standby_answers)

    @property
    def is_away(self) -> bool:
        """Whether nothing can answer now."""
        return self._local is None and not self._remote.client.is_usable

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """As `RemoteEngine.analyze`; while the server is away, as `Engine.analyze`."""
        if self._local is None:
            return self._remote.analyze(request)
        if self._remote.client.is_usable:
            try:
                return self._remote.analyze(request)
            except ServerAway as error:
                log.warning("%s; the model on this box answers", error)
        self._standby_answers += 1
        return replace(self._local.analyze(request), model=self._local.info)

    def talk(
        self,
        turn: Turn,
        tell: Callable[[Piece], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> TurnResult:
        """As `RemoteEngine.talk`; while the server is away, as `Engine.talk`. A conversation cannot
        be gone on with by the other one: SessionGone.
        """
        if self._local is None or self._remote.client.is_usable:
            return self._remote.talk(turn, tell, is_cancelled)
        return self._local.talk(turn, tell, is_cancelled)

    def tend(self) -> float | None:
        """Do what brings answers back, or lets go what is not needed; in how many seconds to call
        again, None where only an analysis can change anything.

        Asks the server whether it is there, when its rest is over, which takes up to 3 s; else,
        while nothing can answer, loads the model on this box, which takes up to a minute.
        """
        client = self._remote.client
        if not client.is_usable and client.rest_s <= 0:
            client.probe()
        if self.is_away and self._settings.standby is not None and not self._cannot_load:
            self._load(self._settings.standby)
        if not client.is_usable:
            self._usable_since_mono_s = None
            return max(LEAST_WAIT_S, client.rest_s)
        return self._let_go()

    def settle(self) -> bool:
        """Do what can wait until an answer is out. Whether conversations are open."""
        is_open = self._remote.settle()
        return is_open if self._local is None else self._local.settle() or is_open

    def close_session(self, name: str) -> None:
        """Forget a conversation; unknown names are ignored."""
        self._remote.close_session(name)
        if self._local is not None:
            self._local.close_session(name)

    def prepare_descriptions(self) -> None:
        """Nothing: a server needs no preparation."""

    def close(self) -> None:
        """Release what is held."""
        self._remote.close()
        if self._local is not None:
            self._local.close()
            self._local = None

    def _load(self, settings: EngineSettings) -> None:
        from edge.vlm.engine import open_tested_engine  # noqa: PLC0415 - only where it is needed

        log.warning("the server is away; the model on this box is loaded to take over")
        try:
            self._local = open_tested_engine(settings)
        except EdgeError as error:
            self._cannot_load = str(error)
            log.error("the model on this box cannot take over: %s", error)

    def _let_go(self) -> float | None:
        """Close the model on this box once the server has answered long enough; in how many seconds
        that is, None where there is nothing to close.
        """
        if self._local is None:
            self._usable_since_mono_s = None
            return None
        now = self._clock()
        if self._usable_since_mono_s is None:
            self._usable_since_mono_s = now
        left_s = self._usable_since_mono_s + KEPT_S - now
        if left_s > 0:
            return left_s
        log.info("the server answers again; the model on this box is let go")
        self._local.close()
        self._local = None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
