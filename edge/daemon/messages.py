"""What the daemon's processes say to each other over their pipes. Plain dataclasses, pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.capture.facts import SourceFacts
from edge.conversation import TurnResult
from edge.elsewhere import PoolFacts, ServerFacts
from edge.errors import EdgeError
from edge.frames import Keyframe
from edge.pace import Pace
from edge.questions import AnalysisResult, ModelInfo

CameraWord = Literal["starting", "online", "offline", "stalled", "frozen", "ended", "disabled"]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A camera process's capture loop is alive. Sent at least once a second while it can."""

    frames: int  # handed to the sampler since the process started
    capture: SourceFacts | None = None  # of the open source; None between two connections


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera's source changed state. `error` is fit to publish: no password in it."""

    state: CameraWord
    error: str = ""
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class MotionChanged:
    """Movement began or ended."""

    moving: bool


@dataclass(frozen=True, slots=True)
class KeyframeTaken:
    """The sampler chose a frame; `token` names the request if it was asked for."""

    keyframe: Keyframe
    token: str = ""


@dataclass(frozen=True, slots=True)
class TakeKeyframe:
    """To a camera process: hand over the next frame as a keyframe."""

    token: str


@dataclass(frozen=True, slots=True)
class SetSensitivity:
    """To a camera process: 0..1."""

    sensitivity: float


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """To any child: a level's name such as "INFO"."""

    level: str


@dataclass(frozen=True, slots=True)
class Stop:
    """To any child: end cleanly now."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The analyzer has loaded its model and warmed up; also said when it can answer again, or has
    another number of `places`, requests that it takes at once. One may take `extra_s` longer than
    its own deadline.
    """

    info: ModelInfo
    load_s: float
    places: int = 1
    extra_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The analyzer could not load its model and ends; trying again at once would not help."""

    error: str


@dataclass(frozen=True, slots=True)
class EngineAway:
    """Nothing can answer now: a server is away, or a pool. An EngineReady follows when something
    can again. Said before the refusal of what was being asked, and now and then again.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class EngineChanged:
    """Another model answers from now on, or typed answers come about in another way."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class ServerNews:
    """How it goes with the server that is asked."""

    facts: ServerFacts


@dataclass(frozen=True, slots=True)
class PoolNews:
    """How it goes with the pool."""

    facts: PoolFacts


@dataclass(frozen=True, slots=True)
class PaceKnown:
    """How long keyframes take the model on this box: from the file, or measured now."""

    pace: Pace


@dataclass(frozen=True, slots=True)
class Analysed:
    """One analysis is done."""

    result: AnalysisResult


@dataclass(frozen=True, slots=True)
class AnalysisRefused:
    """One analysis failed; the analyzer goes on. `retry` is false where it would fail again."""

    id: str
    error: str
    retry: bool


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """To the analyzer: nobody waits for this turn any more; its text may end at the next token."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class CloseSession:
    """To the analyzer: forget a conversation."""

    session: str


@dataclass(frozen=True, slots=True)
class Talked:
    """A turn was answered; its pieces came before."""

    result: TurnResult


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """A turn could not be answered; the analyzer goes on."""

    turn_id: str
    error: EdgeError
