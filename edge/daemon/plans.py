"""What a child process needs to know to do its work, and the first function it runs.

The functions import the processes' bodies only in the child: the daemon's main process stays free
of FFmpeg and OpenVINO.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge.capture.settings import SourceSettings
from edge.daemon.pipe import MessagePipe
from edge.sampler.settings import SamplerSettings

if TYPE_CHECKING:  # each camera's process would hold them: 11 MB
    from edge.mqtt.settings import MqttSettings
    from edge.tuning import TuneRequest
    from edge.vlm.remote.settings import RemoteSettings
    from edge.vlm.settings import EngineSettings


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """Everything a camera's process needs to know; equal plans need no restart."""

    source: SourceSettings
    sampler: SamplerSettings
    log_level: str = field(default="INFO", compare=False)  # changed by SetLogLevel

    @property
    def camera(self) -> str:
        """The camera's name."""
        return self.source.camera

    def live_source(self) -> SourceSettings:
        """Its small stream alone, every picture of it: for somebody who looks closely."""
        return replace(self.source, decode="all", main_url="")


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """The pool of boxes that jobs are handed to: its broker and our name there. `standby` is the
    model on this box that answers while no worker is ready.
    """

    mqtt: MqttSettings
    standby: EngineSettings | None = None


@dataclass(frozen=True, slots=True)
class AnalyzerPlan:
    """Everything the analyzer process needs to know; equal plans need no restart. With `measure` it
    finds out in idle time what a keyframe takes, if that is not known yet.
    """

    engine: EngineSettings | RemoteSettings | PoolSettings
    nice: int = 10
    log_level: str = field(default="INFO", compare=False)  # changed by SetLogLevel
    measure: bool = field(default=False, compare=False)  # another value holds from the next start


@dataclass(frozen=True, slots=True)
class TuneJob:
    """One close look: at a source, or at the pictures kept in `from_path` where there is none.

    `camera` is whom suggestions are written for; the pictures are to be kept in `keep_path`.
    """

    ticket: str
    request: TuneRequest
    camera: str
    source: SourceSettings | None
    sampler: SamplerSettings
    seconds: float
    from_path: str
    keep_path: str
    log_level: str = "INFO"


def camera_body(pipe: MessagePipe, plan: CameraPlan) -> None:
    """Runs in a camera's process."""
    from edge.daemon.camera_process import run_camera  # noqa: PLC0415

    run_camera(pipe, plan)


def analyzer_body(pipe: MessagePipe, plan: AnalyzerPlan) -> None:
    """Runs in the analyzer's process."""
    if isinstance(plan.engine, PoolSettings):
        from edge.daemon.pool_process import run_pool  # noqa: PLC0415

        run_pool(pipe, plan.engine, plan.log_level)
        return
    from edge.daemon.analyzer_process import run_analyzer  # noqa: PLC0415

    run_analyzer(pipe, plan.engine, plan.nice, plan.log_level, measure=plan.measure)


def tuner_body(pipe: MessagePipe, job: TuneJob) -> None:
    """Runs in the process of a close look."""
    from edge.daemon.tuner_process import run_tuner  # noqa: PLC0415

    run_tuner(pipe, job)
