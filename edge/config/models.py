"""Config: the whole file as checked, frozen values.

The blocks live beside this file: `services.py` (broker, model, disk, log), `http.py`,
`picture.py` (capture, motion, snapshots), `camera.py`, `rule.py`. How a file is
read is `load.py`'s business; names that refer to each other are checked in `references.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from edge.config.block import Block, Name, TopicLevel, overlaid
from edge.config.camera import CameraConfig
from edge.config.http import HttpConfig
from edge.config.picture import CaptureConfig, MotionConfig, SnapshotConfig, SnapshotStoreConfig
from edge.config.rule import RuleConfig
from edge.config.services import LogConfig, MqttConfig, StoreConfig, VlmConfig, default_node

MAX_CAMERAS = 64
MAX_RULES = 256


class Config(Block):
    """Configuration of the edge keyframe analyzer."""

    node: TopicLevel = Field(default_factory=default_node)
    """Name of this box in topics; the host name if not set."""
    mqtt: MqttConfig
    """The broker."""
    vlm: VlmConfig = VlmConfig()
    """The model."""
    store: StoreConfig = StoreConfig()
    """The disk."""
    http: HttpConfig = HttpConfig()
    """What is served over HTTP."""
    log: LogConfig = LogConfig()
    """The log."""
    capture: CaptureConfig = CaptureConfig()
    """How streams are read; cameras may differ."""
    motion: MotionConfig = MotionConfig()
    """What counts as movement; cameras may differ."""
    snapshots: SnapshotStoreConfig = SnapshotStoreConfig()
    """The JPEG of each keyframe; cameras may differ."""
    cameras: Annotated[dict[Name, CameraConfig], Field(min_length=1, max_length=MAX_CAMERAS)]
    """The cameras by name."""
    rules: Annotated[dict[Name, RuleConfig], Field(max_length=MAX_RULES)] = Field(
        default_factory=dict
    )
    """The rules by name."""

    def camera(self, name: str) -> CameraConfig:
        """The camera with everything it takes from the top level filled in. KeyError if unknown."""
        camera = self.cameras[name]
        common = SnapshotConfig(enabled=self.snapshots.enabled, quality=self.snapshots.quality)
        return camera.model_copy(
            update={
                "capture": overlaid(self.capture, camera.capture),
                "motion": overlaid(self.motion, camera.motion),
                "snapshots": overlaid(common, camera.snapshots),
            }
        )

    def resolved(self) -> Config:
        """The same with every camera filled in, as `load_config` returns it."""
        return self.model_copy(
            update={"cameras": {name: self.camera(name) for name in self.cameras}}
        )

    def cameras_of(self, rule: str) -> tuple[str, ...]:
        """The names of the cameras that a rule looks at. KeyError if the rule is unknown."""
        names = self.rules[rule].cameras
        return tuple(self.cameras) if names is None else names

    def described_as(self, rule: str) -> dict[str, Any] | None:
        """The schema of a rule's descriptions, or None for the built-in shape. KeyError."""
        own = self.rules[rule].describe_as
        wanted = self.vlm.describe_as if own is None else own
        return wanted if isinstance(wanted, dict) else None
