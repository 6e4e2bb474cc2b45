"""What a child process needs to know to do its work, and the first function it runs.

The functions import the processes' bodies only in the child: the daemon's main process stays free
of FFmpeg and OpenVINO.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.capture.settings import SourceSettings
from edge.daemon.child import ParentConnection
from edge.sampler.settings import SamplerSettings
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


@dataclass(frozen=True, slots=True)
class AnalyzerPlan:
    """Everything the analyzer process needs to know; equal plans need no restart."""

    engine: EngineSettings
    nice: int = 10
    log_level: str = field(default="INFO", compare=False)  # changed by SetLogLevel


def camera_body(pipe: ParentConnection, plan: CameraPlan) -> None:
    """Runs in a camera's process."""
    from edge.daemon.camera_process import run_camera  # noqa: PLC0415

    run_camera(pipe, plan)


def analyzer_body(pipe: ParentConnection, plan: AnalyzerPlan) -> None:
    """Runs in the analyzer's process."""
    from edge.daemon.analyzer_process import run_analyzer  # noqa: PLC0415

    run_analyzer(pipe, plan)
