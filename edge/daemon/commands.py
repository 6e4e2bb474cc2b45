"""Carries out what people order over MQTT. Runs in the main thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge.daemon.parts import Parts
from edge.errors import QuestionError
from edge.findings import AskReply
from edge.frames import Keyframe
from edge.mqtt.commands import (
    AnalyzeCommand,
    AskCommand,
    ReloadCommand,
    SetDescribe,
    SetEnabled,
    SetSensitivity,
)
from edge.questions import Answer, choice, text

log = logging.getLogger(__name__)

MAX_ANSWER_CHARS = 500


class Commands:
    """From an order to the part that carries it out."""

    def __init__(self, parts: Parts, on_reload: Callable[[], None]) -> None:
        self._parts = parts  # the publisher may be another one by the time of a reply
        self._cameras = parts.cameras
        self._analyst = parts.analyst
        self._on_reload = on_reload
        self._num_asked = 0

    def carry_out(self, command: object, now_mono_s: float) -> None:
        """Do what `command` says; a camera that was removed meanwhile is answered, not an error."""
        match command:
            case SetEnabled(camera, enabled) if camera in self._cameras.hosts:
                self._cameras.set_enabled(camera, enabled=enabled)
            case SetSensitivity(camera, percent) if camera in self._cameras.hosts:
                self._cameras.set_sensitivity(camera, percent / 100)
            case SetDescribe(camera, word) if camera in self._cameras.hosts:
                self._parts.rules.set_describe(camera, word)
            case AskCommand():
                self._ask(command, now_mono_s)
            case AnalyzeCommand(camera):
                for name in [camera] if camera else list(self._cameras.hosts):
                    self.analyze(name, now_mono_s)
            case ReloadCommand():
                log.info("reload asked for over MQTT")
                self._on_reload()
            case _:
                log.warning("ignored: %s", command)

    def analyze(self, camera: str, now_mono_s: float) -> None:
        """Have the camera's next frame reported and looked at like a keyframe of its own."""

        def taken(keyframe: Keyframe | None) -> None:
            if keyframe is None:
                log.warning("%s: gave no keyframe when asked for one", camera)
            else:
                self._parts.intake.take(keyframe)

        self._cameras.take(camera, now_mono_s, taken)

    def _ask(self, command: AskCommand, now_mono_s: float) -> None:
        """Answer a question about what a camera sees now; there is always a reply."""
        self._num_asked += 1
        request_id = f"ask-{self._num_asked}"
        try:
            question = (
                choice(request_id, command.question, command.choices)
                if command.choices
                else text(request_id, command.question, MAX_ANSWER_CHARS)
            )
        except QuestionError as error:
            self._reply(command, None, str(error))
            return

        def taken(keyframe: Keyframe | None) -> None:
            if keyframe is None:
                self._reply(command, None, f"camera {command.camera} gives no picture now")
                return
            self._analyst.ask(
                request_id,
                keyframe,
                question,
                lambda answer, error: self._reply(command, answer, error),
            )

        self._cameras.take(command.camera, now_mono_s, taken)

    def _reply(self, command: AskCommand, answer: Answer | None, error: str) -> None:
        reply = AskReply(
            id=command.id,
            camera=command.camera,
            question=command.question,
            answer="" if answer is None else answer.value,
            probability=None if answer is None else round(answer.probability, 4),
            probabilities={}
            if answer is None
            else {option: round(value, 4) for option, value in answer.probabilities.items()},
            error=error,
        )
        self._parts.publisher.reply(command, reply.model_dump_json())
