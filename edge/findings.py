"""Finding and the other JSON documents that leave the box: the published contract.

The JSON Schemas in `configs/schema/` are generated from these types (`edge schema`), and a test
keeps them in step. What the model wrote only ever lands in `answer`, `summary`, `objects`, `texts`,
`spatial_relations` and `details`; severity, topic and state never depend on it.
"""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, model_validator

from edge.document import Document
from edge.effort import EffortWord
from edge.elsewhere import AnswersWord, Circuit, EngineWord
from edge.health import DiskStats, StrainStats, Trouble

FINDING_SCHEMA: Final = "edge.finding/1"
INFO_SCHEMA: Final = "edge.info/1"
STATS_SCHEMA: Final = "edge.stats/1"
RULE_SCHEMA: Final = "edge.rule/1"
REPLY_SCHEMA: Final = "edge.reply/1"

FindingType = Literal["new", "update", "end"]
FindingStatus = Literal["ok", "analysis_failed", "stale", "left_out"]
VerdictWord = Literal["yes", "no", "unsure"]
StateWord = Literal["on", "off", "unknown"]

Fraction = Annotated[float, Field(ge=0, le=1)]
BoxTuple = tuple[Fraction, Fraction, Fraction, Fraction]
ShortText = Annotated[str, Field(max_length=2000)]
ListedText = Annotated[str, Field(max_length=200)]
Milliseconds = Annotated[float, Field(ge=0)]


class TriggerReport(Document):
    """Why the sampler chose the frame."""

    kind: Literal["motion", "scene", "tamper", "periodic", "command"]
    phase: Literal["peak", "after"] | None = None
    score: Fraction
    boxes: list[BoxTuple] = Field(description="x1, y1, x2, y2 as fractions of the frame")
    detail: str = ""


class VerdictReport(Document):
    """What one rule made of the keyframe, and the state it is in after it."""

    rule: str
    answer: ShortText = Field(description="most probable option, or the text read")
    probability: Fraction
    probabilities: dict[str, Fraction] = Field(default_factory=dict)
    verdict: VerdictWord
    state: StateWord
    since: str | None = Field(default=None, description="RFC 3339, when the state was entered")
    changed: bool = Field(default=False, description="whether this keyframe moved the state")
    alert: bool = Field(
        default=False, description="the state went on and the rule's cooldown allows telling"
    )


class FrameReport(Document):
    """The picture."""

    width: int
    height: int
    sharpness: float
    quality: Fraction = Field(
        default=0.0, description="how good a picture: large, sharp, not cut off, unlike the last"
    )
    snapshot: str | None = Field(default=None, description="id of the stored JPEG, if one is kept")


class ViewReport(Document):
    """A part of the picture that the model was shown, and its size as fed."""

    box: BoxTuple
    width: int
    height: int
    overview: bool = Field(
        default=False, description="the small whole picture that goes with the part after it"
    )


class ModelReport(Document):
    """Which model answered."""

    name: str
    precision: str = Field(description="of the weights; empty where it is not known")
    demonstration: bool = Field(
        default=False, description="for demonstration: answers about real pictures mean nothing"
    )
    engine: EngineWord = Field(
        default="openvino", description="openvino on this box, an openai server, a pool of boxes"
    )
    answers: AnswersWord = Field(
        default="logits",
        description="logits and logprobs are read as probabilities; an answer that came as text "
        "has none and counts as certain",
    )

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, values: object) -> object:
        """Findings that an earlier version kept call a model for demonstration `untrained`."""
        if not isinstance(values, dict) or "untrained" not in values:
            return values
        values = dict(values)
        was_untrained = values.pop("untrained")
        return {"demonstration": was_untrained, **values}


class TimingReport(Document):
    """Where the time went."""

    queue_ms: Milliseconds = 0
    vision_ms: Milliseconds = 0
    prefill_ms: Milliseconds = 0
    decode_ms: Milliseconds = 0
    total_ms: Milliseconds = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


class LeftOutReport(Document):
    """What was left out of a keyframe's analysis because the load was higher than the box can take.

    `effort` is the step that was in force: small pictures, few questions, or motion only.
    """

    effort: EffortWord
    rules: list[str] = Field(default_factory=list, description="that would have been asked")
    description: bool = Field(default=False, description="one was wanted and not written")


class Finding(Document):
    """What is published about one keyframe: `new` at the trigger, `update` with verdicts, `end`.

    The three share one id. `seq` counts a camera's messages without gaps, across restarts.
    """

    schema_: Literal["edge.finding/1"] = Field(default=FINDING_SCHEMA, alias="schema")
    id: str = Field(description="UUIDv7, the same for new, update and end")
    seq: int = Field(ge=0)
    type: FindingType
    status: FindingStatus = "ok"
    reason: str = Field(default="", description="why the status is not ok")
    node: str
    camera: str
    time: str = Field(description="RFC 3339, when the frame was captured")
    ts: float = Field(description="the same as seconds since 1970")
    trigger: TriggerReport
    zones: list[str]
    verdicts: list[VerdictReport] = Field(default_factory=list)
    summary: ShortText = ""
    objects: list[ListedText] = Field(default_factory=list, max_length=32)
    texts: list[ListedText] = Field(default_factory=list, max_length=32)
    spatial_relations: list[ListedText] = Field(default_factory=list, max_length=32)
    details: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="the description by the user's own schema (`describe_as`); "
        "with `truncated`, keys that the model did not come to are missing",
    )
    truncated: bool = Field(
        default=False, description="a bound or the deadline cut the description"
    )
    severity: Annotated[int, Field(ge=0, le=2)] = 0
    frame: FrameReport
    views: list[ViewReport] = Field(default_factory=list)
    model: ModelReport | None = None
    timing: TimingReport = TimingReport()
    reused: bool = False
    left_out: LeftOutReport | None = Field(
        default=None, description="null where the analysis was as configured"
    )
    superseded: str | None = Field(
        default=None, description="id of the newer finding that took this one's place"
    )
    covers_from: str | None = Field(
        default=None,
        description="RFC 3339: start of the time span, with superseded keyframes merged",
    )


def rfc3339(moment: datetime) -> str:
    """An aware time as published: UTC with milliseconds, as `2026-01-31T12:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_finding_id() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits; sorts by time."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


class KeyframeCounts(Document):
    """`keyframes = analysed + reused + superseded + stale + failed + waiting`, at all times."""

    keyframes: int = 0
    analysed: int = 0
    reused: int = 0
    superseded: int = 0
    stale: int = 0
    failed: int = 0
    waiting: int = Field(default=0, description="in a waiting slot, or with the analyzer now")
    left_out: int = Field(
        default=0,
        description="published without asking the model because of the load; not counted in "
        "keyframes",
    )
    unasked: int = Field(
        default=0, description="reported without asking the model; not counted in keyframes"
    )


class MainStreamStats(Document):
    """The stream that gives the pictures, where a smaller one is looked at."""

    connected: bool
    error: str = ""
    codec: str
    width: int
    height: int
    ring_bytes: int = Field(description="compressed packets held")
    shown: int = Field(description="pictures decoded from it")
    missed: int = Field(description="pictures for which the small stream had to do")


class CaptureStats(Document):
    """A camera's stream as it is received now; the counters begin anew with each connection.

    Also published retained on `{prefix}/{node}/{camera}/capture`.
    """

    codec: str
    hardware: str = Field(default="", description="what decodes it: vaapi, qsv; empty: software")
    width: int
    height: int
    stream_fps: float | None = Field(description="what the stream claims")
    gop_frames: int | None = Field(description="pictures from one I-frame to the next")
    gop_s: float | None
    decode: Literal["all", "idle", "iframes"] = Field(
        description="what is decoded now; idle: I-frames alone as long as all is quiet"
    )
    reason: str = Field(default="", description="why this camera never idles, if it does not")
    received: int = Field(description="pictures, decoded or not")
    decoded: int
    left_out: int = Field(description="pictures not decoded because all was quiet")
    wakes: int = Field(description="times that idling was cut short")
    corrupt: int = Field(description="damaged packets and pictures")
    lost: int = Field(description="holes in the stream's own picture numbers (H.264, decoded part)")
    gaps: int = Field(description="breaks after which the next I-frame was waited for")
    drained: int = Field(description="packets skipped because this box was too slow")
    main: MainStreamStats | None = Field(
        default=None, description="the main stream, if the figures above are the sub stream's"
    )


class CameraStats(Document):
    """One camera since the daemon started."""

    state: str
    fps: float = Field(description="frames looked at a second over the last minute")
    frames: int
    reconnects: int
    restarts: int = Field(description="times the camera's process was replaced")
    last_frame_age_s: float | None
    last_error: str = ""
    counts: KeyframeCounts
    capture: CaptureStats | None = Field(description="null while there is no connection")


class OutboxStats(Document):
    """Messages on their way to the broker."""

    connected: bool
    pending: int
    in_flight: int
    published: int
    dropped_age: int
    dropped_size: int
    dropped_count: int = 0
    oldest_age_s: float | None


class ServerStats(Document):
    """How it goes with the server that is asked, since the analyzer process started."""

    url: str
    circuit: Circuit = Field(description="open while the server is left alone after failures")
    requests: int
    retries: int
    failures: int
    standby_answers: int = Field(description="analyses that the model on this box did instead")
    last_error: str = Field(description="empty while all is well")


class PoolStats(Document):
    """How it goes with the pool, since the analyzer process started."""

    workers: int = Field(description="ready now")
    workers_seen: int = Field(description="different ones that were ready at some time")
    jobs: int = Field(description="handed out: answered + taken_back + given_up + in_flight")
    in_flight: int
    answered: int
    taken_back: int = Field(description="jobs done by the model on this box, as no worker was left")
    given_up: int = Field(description="jobs that had no answer in their time")
    redelivered: int = Field(description="jobs that were handed out more than once")
    doubled: int = Field(description="answers for jobs that had one already")
    done_here: int = Field(description="analyses that the model on this box did")


class EffortStats(Document):
    """How much of the model's time a keyframe gets, and how much the latest ones need."""

    step: EffortWord = Field(
        default="full",
        description="full; small: smaller pictures; few: also few questions and no descriptions; "
        "motion: no analysis",
    )
    since: str | None = Field(default=None, description="RFC 3339; null: since the start")
    load: float | None = Field(
        default=None,
        description="share of the model's time that the keyframes of the last minute need at this "
        "step, the missed ones included; above 1 there is not enough",
    )
    load_at_full: float | None = Field(default=None, description="the same, if they had it all")


class Stats(Document):
    """Published each minute on `{prefix}/{node}/stats`."""

    schema_: Literal["edge.stats/1"] = Field(default=STATS_SCHEMA, alias="schema")
    node: str
    time: str
    uptime_s: float
    counts: KeyframeCounts
    cameras: dict[str, CameraStats]
    outbox: OutboxStats
    analyzer: str = Field(description="loading | ready | busy | away | failed")
    analyzer_restarts: int
    analyzer_recycled: int = Field(
        default=0, description="times its process was replaced because it had grown"
    )
    analysis_ms_median: float | None
    keyframes_per_hour_budget: int | None = Field(
        description="keyframes an hour this box can analyse at the speed of its latest ones, "
        "before the first at the speed that it measured by itself; null while neither is known"
    )
    effort: EffortStats = EffortStats()
    rss_mb: dict[str, float] = Field(description="resident memory of each process")
    server: ServerStats | None = Field(default=None, description="where a server is asked")
    temperature_c: float | None = Field(
        default=None, description="the processor's; null where no sensor tells"
    )
    pool: PoolStats | None = Field(default=None, description="where a pool is asked")
    disk: DiskStats | None = None
    strain: StrainStats | None = Field(default=None, description="null before the first look")


class ConfigReport(Document):
    """What became of the configuration's file when it was last read."""

    state: Literal["in_force", "partly", "refused"] = Field(
        description="partly: cameras or rules with errors are left out; refused: the file has "
        "errors, and what was in force before goes on"
    )
    read_at: str = Field(description="RFC 3339")
    problems: list[str] = Field(
        default_factory=list, description="the first errors, with place and remedy; no secrets"
    )


class Info(Document):
    """Published retained on `{prefix}/{node}/info`."""

    schema_: Literal["edge.info/1"] = Field(default=INFO_SCHEMA, alias="schema")
    node: str
    version: str
    model: ModelReport | None
    finding_schema: str = FINDING_SCHEMA
    cameras: list[str]
    rules: list[str]
    configuration: ConfigReport
    troubles: list[Trouble] = Field(
        default_factory=list, description="what is wrong with the box itself at this moment"
    )


class RuleAttributes(Document):
    """Published retained on `{prefix}/{node}/{camera}/rule/{rule}/attributes`."""

    schema_: Literal["edge.rule/1"] = Field(default=RULE_SCHEMA, alias="schema")
    rule: str
    camera: str
    state: StateWord
    since: str | None
    answer: ShortText = ""
    probability: Fraction | None = None
    verdict: VerdictWord | None = None
    severity: Annotated[int, Field(ge=0, le=2)] = 0
    finding: str | None = Field(default=None, description="id of the finding that last moved it")
    pending_since: str | None = Field(
        default=None, description="since when the condition holds without `for` having passed"
    )


class AskReply(Document):
    """The answer to a question asked over MQTT."""

    schema_: Literal["edge.reply/1"] = Field(default=REPLY_SCHEMA, alias="schema")
    id: str
    camera: str
    question: ShortText
    answer: ShortText = ""
    probability: Fraction | None = None
    probabilities: dict[str, Fraction] = Field(default_factory=dict)
    error: str = ""
