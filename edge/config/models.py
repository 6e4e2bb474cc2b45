"""Config: the whole file as checked, frozen values.

The blocks live beside this file: `services.py` (broker, model, disk, log), `budget.py`, `http.py`,
`picture.py` (capture, motion, snapshots), `camera.py`, `rule.py`. How a file is
read is `load.py`'s business; names that refer to each other are checked in `references.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from edge.config.block import Block, Name, TopicLevel, overlaid
from edge.config.budget import BudgetConfig
from edge.config.camera import CameraConfig
from edge.config.faults import Fault, refuse
from edge.config.http import HttpConfig
from edge.config.picture import CaptureConfig, MotionConfig, SnapshotConfig, SnapshotStoreConfig
from edge.config.rule import RuleConfig
from edge.config.services import LogConfig, MqttConfig, StoreConfig, VlmConfig, default_node

MAX_CAMERAS = 64
MAX_RULES = 256


class Config(Block):
    """Configuration of the edge keyframe analyzer."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"worker": {"const": True}}, "required": ["worker"]},
            "else": {"properties": {"cameras": {"minProperties": 1}}, "required": ["cameras"]},
        }
    )

    node: TopicLevel = Field(default_factory=default_node)
    """Name of this box in topics; the host name if not set."""
    mqtt: MqttConfig
    """The broker."""
    vlm: VlmConfig = VlmConfig()
    """The model."""
    budget: BudgetConfig = BudgetConfig()
    """What the box can take."""
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
    worker: bool = False
    """This box has no cameras and analyses keyframes of the boxes with `vlm: {engine: pool}`."""
    cameras: Annotated[dict[Name, CameraConfig], Field(max_length=MAX_CAMERAS)] = Field(
        default_factory=dict
    )
    """The cameras by name."""
    rules: Annotated[dict[Name, RuleConfig], Field(max_length=MAX_RULES)] = Field(
        default_factory=dict
    )
    """The rules by name."""

    @model_validator(mode="after")
    def _works_or_watches(self) -> Self:
        faults = []
        if self.worker and (self.cameras or self.rules):
            faults.append(
                Fault(
                    "a worker has no cameras and rules of its own.",
                    "Remove them, or remove `worker`.",
                    ("worker",),
                )
            )
        if not self.worker and not self.cameras:
            is_written = "cameras" in self.model_fields_set
            faults.append(
                Fault(
                    "is an empty mapping; at least 1 camera is needed."
                    if is_written
                    else "is missing.",
                    "Add `cameras: {NAME: {input: rtsp://HOST/PATH}}`, or `worker: true` for a box "
                    "without any.",
                    ("cameras",),
                )
            )
        if self.worker and self.vlm.engine == "pool":
            faults.append(
                Fault(
                    "a worker cannot hand its jobs on to the pool.",
                    "Remove `engine`, or write openai.",
                    ("vlm", "engine"),
                )
            )
        if (self.worker or self.vlm.engine == "pool") and self.mqtt.version != "5":
            faults.append(Fault("the pool needs MQTT 5.", "Remove `version`.", ("mqtt", "version")))
        if faults:
            raise refuse(faults)
        return self

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
