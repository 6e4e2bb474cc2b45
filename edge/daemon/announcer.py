"""Publishes the retained states: cameras, motion, rules, the box itself, Home Assistant discovery.

States are the present truth and may be lost and repeated; findings go through the reporter instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from pydantic import BaseModel

from edge.daemon.messages import CameraWord
from edge.findings import CaptureStats, Info, RuleAttributes, Stats
from edge.mqtt.discovery import with_removals
from edge.mqtt.publisher import Publisher
from edge.mqtt.topics import Topics

# what the camera's status topic says for each of the daemon's own words
_PUBLISHED: dict[CameraWord, str] = {
    "starting": "offline",
    "online": "online",
    "offline": "offline",
    "stalled": "stalled",
    "frozen": "frozen",
    "ended": "offline",
    "disabled": "offline",
}


Told = Callable[[Literal["camera", "motion", "rule", "info"], BaseModel | dict[str, object]], None]


class Announcer:
    """Writes states to their topics; the publisher sends them when they change or reconnects.

    `told` gets those that change at any moment, too.
    """

    def __init__(self, publisher: Publisher, told: Told = lambda _kind, _document: None) -> None:
        self._publisher = publisher
        self._told = told
        self._cleared: set[str] = set()  # rules' topics that hold nothing by now

    def speak_through(self, publisher: Publisher) -> None:
        """Use another publisher, and its topics, from now on."""
        self._publisher = publisher
        self._cleared.clear()

    @property
    def _topics(self) -> Topics:
        return self._publisher.topics

    def camera(self, camera: str, word: CameraWord) -> None:
        """Whether the camera delivers pictures."""
        self._say(self._topics.camera_status(camera), _PUBLISHED[word])
        self._told("camera", {"camera": camera, "state": word})

    def leave(self, cameras: Iterable[str]) -> None:
        """The last word about cameras that nobody reads from here any more."""
        for camera in cameras:
            self._say(self._topics.camera_status(camera), "offline")
            self._say(self._topics.motion(camera), "OFF")

    def motion(self, camera: str, *, moving: bool) -> None:
        """Whether something moves in the camera's picture."""
        self._say(self._topics.motion(camera), "ON" if moving else "OFF")
        self._told("motion", {"camera": camera, "moving": moving})

    def rule(self, attributes: RuleAttributes) -> None:
        """A rule's state at one camera; of an unknown one there are the attributes only."""
        camera, rule = attributes.camera, attributes.rule
        topic = self._topics.rule(camera, rule)
        if attributes.state != "unknown":
            self._cleared.discard(topic)
            self._say(topic, attributes.state.upper())
        elif topic not in self._cleared:  # the broker may hold what the rule said of another thing
            self._cleared.add(topic)
            self._publisher.forget_state(topic)
        self._say(self._topics.rule_attributes(camera, rule), attributes.model_dump_json())
        self._told("rule", attributes)

    def settings(self, camera: str, *, enabled: bool, sensitivity: float) -> None:
        """What can be set over MQTT, as it is now. Sensitivity is published as 1..100."""
        self._say(self._topics.state(camera, "enabled"), "ON" if enabled else "OFF")
        percent = max(1, round(sensitivity * 100))
        self._say(self._topics.state(camera, "sensitivity"), str(percent))

    def describe(self, camera: str, word: str) -> None:
        """When the camera's keyframes are described, as set over MQTT."""
        self._say(self._topics.state(camera, "describe"), word)

    def capture(self, camera: str, capture: CaptureStats) -> None:
        """How the camera's stream is received."""
        self._say(self._topics.capture(camera), capture.model_dump_json())

    def info(self, info: Info) -> None:
        """What this box is."""
        self._say(self._topics.info, info.model_dump_json())
        self._told("info", info)

    def stats(self, stats: Stats) -> None:
        """How this box is doing, not retained; and how each camera's stream is received."""
        for name, camera in stats.cameras.items():
            if camera.capture is not None:
                self.capture(name, camera.capture)
        self._publisher.publish_state(
            self._topics.stats, stats.model_dump_json().encode(), retain=False
        )

    def snapshot(self, camera: str, jpeg: bytes) -> None:
        """The camera's last keyframe as a JPEG; nothing if the camera was removed meanwhile."""
        if self._publisher.has_camera(camera):
            self._publisher.publish_state(self._topics.snapshot(camera), jpeg)

    def discovery(
        self, documents: Mapping[str, bytes], earlier: Mapping[str, bytes] | None = None
    ) -> None:
        """Tell Home Assistant what there is, by topic; what was told `earlier` and is gone goes."""
        told = earlier or {}
        for topic, document in documents.items():
            if topic in told:
                document = with_removals(told[topic], document)  # noqa: PLW2901
            self._publisher.publish_state(topic, document)
        for topic in set(told) - set(documents):
            self._publisher.forget_state(topic)

    def forget_camera(self, camera: str) -> None:
        """Clear the retained states of a camera that is no longer configured."""
        for topic in self._topics.held_by_camera(camera):
            self._publisher.forget_state(topic)

    def forget_rule(self, camera: str, rule: str) -> None:
        """Clear the retained states of a rule that is no longer asked at a camera."""
        for topic in self._topics.held_by_rule(camera, rule):
            self._publisher.forget_state(topic)

    def _say(self, topic: str, text: str) -> None:
        self._publisher.publish_state(topic, text.encode())
