"""The JSON documents of the API's replies: pydantic models, and how they are made. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue

from edge.conversation import TurnResult
from edge.findings import (
    BoxTuple,
    CameraStats,
    Finding,
    Info,
    ModelReport,
    RuleAttributes,
    VerdictWord,
)
from edge.heatmap import AttentionMap
from edge.present import CameraNow, Present, RuleNow
from edge.questions import Answer, Description
from edge.web.enhanced import EnhancedFields
from edge.web.reply import Reply


class FindingsReply(Reply):
    """A page of findings, the latest first."""

    findings: list[Finding]
    cursor: str
    """Give it as `cursor` for the next page; empty on the last one."""


class ZoneReply(Reply):
    """A part of a camera's picture that has a name."""

    name: str
    points: list[tuple[float, float]]


class CameraReply(Reply):
    """A camera as it is set and how it does."""

    name: str
    enabled: bool
    moving: bool
    sensitivity: float
    zones: list[ZoneReply]
    mask: list[list[tuple[float, float]]]
    """Areas that are never looked at."""
    stats: CameraStats


class CamerasReply(Reply):
    """All cameras."""

    cameras: list[CameraReply]


class RuleReply(Reply):
    """A rule, and its state on each of its cameras."""

    name: str
    question: str
    kind: str
    options: list[str]
    severity: int
    schedule: str
    zones: list[str]
    states: list[RuleAttributes]


class RulesReply(Reply):
    """All rules."""

    rules: list[RuleReply]


class TimingReply(Reply):
    """Where the time went, and how many tokens it took."""

    vision_ms: float
    prefill_ms: float
    decode_ms: float
    total_ms: float
    prompt_tokens: int
    known_tokens: int
    """Tokens of the prompt that were remembered and not computed again."""
    output_tokens: int


class HeatmapReply(Reply):
    """Where an answer looked: cells with the sum 1 that divide `box` evenly."""

    picture: int
    """Which of the conversation's pictures, from 0."""
    box: BoxTuple
    cells: list[list[float]]
    picture_frac: float
    """Share of the answer's attention that went to this picture."""


class AnswerReply(Reply):
    """One answer."""

    query: str = ""
    answer: JsonValue
    """Text, or the document where JSON was asked for."""
    probability: float | None = None
    probabilities: dict[str, float] | None = None
    """Of every option, where the answer was read and not written."""
    truncated: bool = False
    """A bound or the deadline cut the answer."""
    heatmap: list[HeatmapReply] | None = None


class ChatReply(AnswerReply, EnhancedFields):
    """An answer, and the conversation it belongs to."""

    session: str
    """Ask on with this name; the pictures are remembered."""
    model: ModelReport | None
    """What answered; null where the box cannot tell."""
    timing: TimingReply


class AsksReply(Reply):
    """The answers to several questions."""

    answers: list[AnswerReply]
    session: str
    model: ModelReport | None
    """What answered; null where the box cannot tell."""
    timing: TimingReply


class SessionReply(EnhancedFields):
    """A conversation that was opened."""

    session: str
    model: ModelReport | None
    """What answered; null where the box cannot tell."""
    timing: TimingReply


class RuleTestReply(Reply):
    """What a rule makes of a picture. The rule's state does not move."""

    rule: str
    camera: str | None
    region: BoxTuple | None
    answer: str
    probability: float
    """Of the rule's condition."""
    probabilities: dict[str, float]
    verdict: VerdictWord
    model: ModelReport | None
    """What answered; null where the box cannot tell."""
    timing: TimingReply


class MeReply(Reply):
    """Who is calling."""

    name: str
    role: str
    login: bool
    """Whether this box asks for a token at all."""


class HealthReply(Reply):
    """Whether the daemon lives, or can answer."""

    status: str
    reason: str = ""


def cameras_reply(present: Present) -> CamerasReply:
    """All cameras, as they are now."""
    figures = present.stats.cameras
    return CamerasReply(
        cameras=[_camera(c, figures[c.name]) for c in present.cameras if c.name in figures]
    )


def _camera(camera: CameraNow, stats: CameraStats) -> CameraReply:
    zones = [ZoneReply(name=n, points=list(zone.points)) for n, zone in camera.zones.items()]
    return CameraReply(
        name=camera.name,
        enabled=camera.enabled,
        moving=camera.moving,
        sensitivity=camera.sensitivity,
        zones=zones,
        mask=[list(area.points) for area in camera.mask],
        stats=stats,
    )


def rules_reply(rules: Iterable[RuleNow]) -> RulesReply:
    """All rules, as they are now."""
    return RulesReply(
        rules=[
            RuleReply(
                name=rule.name,
                question=rule.question.text,
                kind=rule.question.kind,
                options=list(rule.question.options),
                severity=rule.severity,
                schedule=rule.schedule,
                zones=list(rule.zones),
                states=list(rule.states),
            )
            for rule in rules
        ]
    )


def model_report(present: Present) -> ModelReport | None:
    """The model that answers now; none while none is loaded."""
    model = present.model
    if model is None:
        return None
    return ModelReport(
        name=model.name,
        precision=model.precision,
        demonstration=model.demonstration,
        engine=model.engine,
        answers=model.answers,
    )


def info_reply(present: Present) -> Info:
    """What this box is, as it is also published."""
    return Info(
        node=present.stats.node,
        version=present.version,
        model=model_report(present),
        cameras=[camera.name for camera in present.cameras],
        rules=[rule.name for rule in present.rules],
        configuration=present.configuration,
    )


def timing_reply(result: TurnResult) -> TimingReply:
    """The times of a turn."""
    timing = result.timing
    return TimingReply(
        vision_ms=round(timing.vision_ms, 1),
        prefill_ms=round(timing.prefill_ms, 1),
        decode_ms=round(timing.decode_ms, 1),
        total_ms=round(timing.total_ms, 1),
        prompt_tokens=timing.prompt_tokens,
        known_tokens=result.known_tokens,
        output_tokens=timing.output_tokens,
    )


def answer_fields(result: TurnResult, query: str, answer: Answer | None) -> dict[str, Any]:
    """The fields of AnswerReply; without an `answer` it is the description."""
    question_id = "" if answer is None else answer.question_id
    maps = [_heatmap(m) for m in result.attention if m.question_id == question_id]
    fields: dict[str, Any] = {"query": query, "heatmap": maps or None}
    if answer is not None:
        chances = {option: round(p, 4) for option, p in answer.probabilities.items()}
        return fields | {
            "answer": answer.value,
            "probability": round(answer.probability, 4),
            "probabilities": chances or None,
            "truncated": answer.truncated,
        }
    assert result.description is not None  # noqa: S101 - a turn has one or the other
    return fields | {
        "answer": document_of(result.description),
        "truncated": result.description.truncated,
    }


def document_of(description: Description) -> dict[str, Any]:
    """The JSON that a description is: of the user's schema, or of the built-in one."""
    if description.details:
        return dict(description.details)
    return {
        "summary": description.summary,
        "objects": list(description.objects),
        "texts": list(description.texts),
        "spatial_relations": list(description.spatial_relations),
    }


def event(kind: str, document: BaseModel | Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    text = (
        document.model_dump_json()
        if isinstance(document, BaseModel)
        else json.dumps(document, ensure_ascii=False)
    )
    return f"event: {kind}\ndata: {text}\n\n".encode()


def _heatmap(attention: AttentionMap) -> HeatmapReply:
    return HeatmapReply(
        picture=attention.picture,
        box=attention.box.as_tuple(),
        cells=[[round(float(cell), 5) for cell in row] for row in attention.cells],
        picture_frac=round(attention.picture_frac, 4),
    )
