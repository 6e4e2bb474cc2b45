"""The door of this room: an engine for what the settings name, the model on this box or a server's.

Imports OpenVINO only for a model on this box.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from edge.conversation import Piece, Turn, TurnResult
from edge.elsewhere import ServerFacts
from edge.questions import AnalysisRequest, AnalysisResult, ModelInfo
from edge.vlm.remote.settings import RemoteSettings
from edge.vlm.settings import EngineSettings


class AnsweringEngine(Protocol):
    """What answers requests about pictures, wherever the model is. One thread owns it."""

    @property
    def info(self) -> ModelInfo:
        """The model that answers now."""

    @property
    def facts(self) -> ServerFacts | None:
        """How it goes with the server; None for the model on this box."""

    @property
    def is_away(self) -> bool:
        """Whether nothing can be answered now; `tend` is then to be called until it is not."""

    def analyze(self, request: AnalysisRequest) -> AnalysisResult:
        """Answer a request; see `Engine.analyze`."""

    def talk(
        self,
        turn: Turn,
        tell: Callable[[Piece], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> TurnResult:
        """Answer a turn of a conversation; see `Engine.talk`."""

    def tend(self) -> float | None:
        """Do what is due between two requests; in how many seconds to call again, None: never."""

    def settle(self) -> bool:
        """Do what can wait until an answer is out; whether conversations are open."""

    def close_session(self, name: str) -> None:
        """Forget a conversation; unknown names are ignored."""

    def prepare_descriptions(self) -> None:
        """Make what the first description would wait for."""

    def close(self) -> None:
        """Release what is held."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_answering(settings: EngineSettings | RemoteSettings) -> AnsweringEngine:
    """A tested model on this box, or a server, which need not be there yet.

    Raises ModelMissing and ModelInvalid as `open_tested_engine`.
    """
    if isinstance(settings, RemoteSettings):
        from edge.vlm.remote.standby import StandbyEngine  # noqa: PLC0415 - HTTP only for a server

        return StandbyEngine(settings)
    from edge.vlm.engine import open_tested_engine  # noqa: PLC0415 - OpenVINO only for a model here

    return open_tested_engine(settings)
