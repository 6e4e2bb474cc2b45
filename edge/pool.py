"""The pool's documents: a job that a camera's box hands to other boxes, and what comes back.

A job is an AnalysisRequest, an answer an AnalysisResult or a refusal; both cross the broker as
JSON, pictures as JPEG. Whoever reads one reads a stranger's: anything but a document of this form
is refused. Pure; topics and delivery are MQTT's business.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from edge.elsewhere import AnswersWord, EngineWord
from edge.errors import AnalysisFailed, CommandRefused, PictureError, QuestionError
from edge.frames import Image
from edge.geometry import Box
from edge.pictures import encode_jpeg, load_picture
from edge.questions import (
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Description,
    Look,
    ModelInfo,
    Question,
    QuestionKind,
    Timing,
    View,
)

JOB_SCHEMA: Final = "edge.job/1"
ANSWER_SCHEMA: Final = "edge.answer/1"
WORKER_SCHEMA: Final = "edge.worker/1"
MAX_DOCUMENT_BYTES: Final = 2 * 2**20  # what most brokers take, mosquitto 2.1 by default
MAX_LOOKS: Final = 64
MAX_LISTED: Final = 1024
_PICTURE_ROOM_BYTES: Final = 1_200_000  # for both pictures together, before base64
_QUALITIES: Final = (92, 80, 60, 40)

Fraction = Annotated[float, Field(ge=0, le=1)]
BoxTuple = tuple[Fraction, Fraction, Fraction, Fraction]
JobId = Annotated[str, Field(min_length=1, max_length=128)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Document(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True
    )


class QuestionPart(_Document):
    """A question, as in `edge.questions`."""

    id: Annotated[str, Field(max_length=256)]
    kind: QuestionKind
    text: str
    options: Annotated[list[str], Field(max_length=64)] = []
    max_chars: int = 200


class LookPart(_Document):
    """Questions about one part of the picture."""

    boxes: Annotated[list[BoxTuple], Field(max_length=MAX_LISTED)] = []
    questions: Annotated[list[QuestionPart], Field(max_length=MAX_LISTED)] = []


class Job(_Document):
    """What is to be analysed."""

    schema_: Literal["edge.job/1"] = Field(default=JOB_SCHEMA, alias="schema")
    id: JobId
    picture: str = Field(description="JPEG, base64")
    before: str | None = None
    looks: Annotated[list[LookPart], Field(max_length=MAX_LOOKS)] = []
    describe: bool = False
    deadline_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    shape: dict[str, JsonValue] | None = Field(default=None, description="JSON Schema")
    max_pixels: Annotated[int, Field(ge=1024)] | None = Field(
        default=None, description="what a look is shown at most, where the worker allows more"
    )


class ModelPart(_Document):
    """The model that answered."""

    name: Annotated[str, Field(max_length=512)]
    precision: Annotated[str, Field(max_length=64)] = ""
    parameters_m: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    demonstration: bool = False
    engine: EngineWord = "pool"
    answers: AnswersWord = "logits"


class AnswerPart(_Document):
    """The answer to one question."""

    question_id: Annotated[str, Field(max_length=256)]
    kind: QuestionKind
    value: Annotated[str, Field(max_length=4000)]
    probability: Fraction
    probabilities: Annotated[dict[str, Fraction], Field(max_length=64)] = {}
    truncated: bool = False


class DescriptionPart(_Document):
    """A description."""

    summary: Annotated[str, Field(max_length=4000)]
    objects: Annotated[list[str], Field(max_length=64)] = []
    texts: Annotated[list[str], Field(max_length=64)] = []
    spatial_relations: Annotated[list[str], Field(max_length=64)] = []
    truncated: bool = False
    details: dict[str, JsonValue] = {}


class ViewPart(_Document):
    """What the model was shown."""

    box: BoxTuple
    width_px: Annotated[int, Field(gt=0, le=65536)]
    height_px: Annotated[int, Field(gt=0, le=65536)]
    is_overview: bool = False


class TimingPart(_Document):
    """Where the time went."""

    vision_ms: Milliseconds = 0.0
    prefill_ms: Milliseconds = 0.0
    decode_ms: Milliseconds = 0.0
    total_ms: Milliseconds = 0.0
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    output_tokens: Annotated[int, Field(ge=0)] = 0


class ResultPart(_Document):
    """What an analysis gave."""

    answers: Annotated[list[AnswerPart], Field(max_length=MAX_LISTED)] = []
    description: DescriptionPart | None = None
    views: Annotated[list[ViewPart], Field(max_length=MAX_LISTED)] = []
    timing: TimingPart = TimingPart()
    model: ModelPart


class JobAnswer(_Document):
    """What a worker says of a job: that it has taken it, what it gave, or why it gave nothing."""

    schema_: Literal["edge.answer/1"] = Field(default=ANSWER_SCHEMA, alias="schema")
    id: JobId
    worker: Annotated[str, Field(min_length=1, max_length=128)]
    state: Literal["taken", "done", "refused"]
    result: ResultPart | None = None
    error: Annotated[str, Field(max_length=2000)] = ""
    retry: bool = False

    @classmethod
    def taken(cls, job_id: str, worker: str) -> Self:
        """The worker has the job."""
        return cls(id=job_id, worker=worker, state="taken")

    @classmethod
    def done(cls, result: AnalysisResult, worker: str, model: ModelInfo) -> Self:
        """The job is done; `model` where the result does not name another."""
        return cls(id=result.id, worker=worker, state="done", result=_part_of(result, model))

    @classmethod
    def refused(cls, job_id: str, worker: str, error: str, *, retry: bool) -> Self:
        """The job failed; `retry` where another try may succeed."""
        return cls(id=job_id, worker=worker, state="refused", error=error[:2000], retry=retry)


class WorkerNote(_Document):
    """Retained: whether a box takes jobs."""

    schema_: Literal["edge.worker/1"] = Field(default=WORKER_SCHEMA, alias="schema")
    worker: Annotated[str, Field(min_length=1, max_length=128)]
    state: Literal["ready", "loading", "offline"]


def build_job(request: AnalysisRequest) -> bytes:
    """The document of a request. Its pictures are JPEG of as good a quality as there is room for.

    Raises AnalysisFailed for pictures that do not fit at all; heatmaps are not asked of a pool.
    """
    picture, before = _encoded(request.image, request.before)
    return (
        Job(
            id=request.id,
            picture=picture,
            before=before,
            looks=[
                LookPart(
                    boxes=[box.as_tuple() for box in look.boxes],
                    questions=[
                        QuestionPart(
                            id=q.id,
                            kind=q.kind,
                            text=q.text,
                            options=list(q.options),
                            max_chars=q.max_chars,
                        )
                        for q in look.questions
                    ],
                )
                for look in request.looks
            ],
            describe=request.describe,
            deadline_s=request.deadline_s,
            shape=None if request.schema is None else dict(request.schema),
            max_pixels=request.max_pixels,
        )
        .model_dump_json()
        .encode()
    )


def parse_job(data: bytes) -> AnalysisRequest:
    """The request of a job. Raises CommandRefused, with what is wrong and where."""
    job = _parsed(Job, data)
    try:
        return AnalysisRequest(
            id=job.id,
            image=_decoded(job.picture),
            before=None if job.before is None else _decoded(job.before),
            looks=tuple(_look(part) for part in job.looks),
            describe=job.describe,
            deadline_s=job.deadline_s,
            schema=job.shape,
            max_pixels=job.max_pixels,
        )
    except (PictureError, QuestionError, ValueError) as error:
        raise CommandRefused("content", f"job {job.id!r}: {error}") from None


def job_id_of(data: bytes) -> str:
    """The id of a job that cannot be read otherwise; "" if there is none."""
    try:
        return _JobHead.model_validate_json(data).id
    except ValidationError:
        return ""


def parse_answer(data: bytes) -> JobAnswer:
    """Raises CommandRefused, with what is wrong and where."""
    answer = _parsed(JobAnswer, data)
    if answer.state == "done" and answer.result is None:
        raise CommandRefused("content", "result: is missing")
    return answer


def parse_note(data: bytes) -> WorkerNote:
    """Raises CommandRefused, with what is wrong and where."""
    return _parsed(WorkerNote, data)


def result_of(answer: JobAnswer, request: AnalysisRequest) -> AnalysisResult:
    """The result that an answer holds. Raises AnalysisFailed if it does not answer the request."""
    part = answer.result
    if part is None:
        raise AnalysisFailed(f"worker {answer.worker} gave no result")
    asked = [question for look in request.looks for question in look.questions]
    if [(q.id, q.kind) for q in asked] != [(a.question_id, a.kind) for a in part.answers] or any(
        question.options and set(question.options) != set(given.probabilities)
        for question, given in zip(asked, part.answers, strict=False)
    ):
        raise AnalysisFailed(f"worker {answer.worker} answered something else than was asked")
    model = part.model
    return AnalysisResult(
        id=answer.id,
        answers=tuple(
            Answer(a.question_id, a.kind, a.value, a.probability, a.probabilities, a.truncated)
            for a in part.answers
        ),
        description=_description(part.description),
        views=tuple(View(Box(*v.box), v.width_px, v.height_px, v.is_overview) for v in part.views),
        timing=Timing(**part.timing.model_dump()),
        model=ModelInfo(
            model.name,
            model.precision,
            model.parameters_m,
            model.demonstration,
            "pool",
            model.answers,
        ),
    )


class _JobHead(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: JobId


D = TypeVar("D", bound=_Document)


def _parsed(kind: type[D], data: bytes) -> D:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise CommandRefused("size", f"{len(data)} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "document"
        raise CommandRefused("form", f"{where}: {fault['msg']}"[:300]) from None


def _encoded(image: Image, before: Image | None) -> tuple[str, str | None]:
    pictures = [image] if before is None else [image, before]
    for quality in _QUALITIES:
        files = [encode_jpeg(picture, quality) for picture in pictures]
        if sum(map(len, files)) <= _PICTURE_ROOM_BYTES:
            first, *second = (base64.b64encode(file).decode() for file in files)
            return first, second[0] if second else None
    raise AnalysisFailed(
        f"the picture is too large for the pool: {image.shape[1]}x{image.shape[0]} pixels"
    )


def _decoded(text: str) -> Image:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PictureError("the picture is not valid base64") from None
    return load_picture(data)


def _look(part: LookPart) -> Look:
    questions = (
        Question(q.id, q.kind, q.text, tuple(q.options), q.max_chars) for q in part.questions
    )
    return Look(tuple(Box(*box) for box in part.boxes), tuple(questions))


def _part_of(result: AnalysisResult, model: ModelInfo) -> ResultPart:
    model = result.model or model
    described = result.description
    return ResultPart(
        answers=[
            AnswerPart(
                question_id=a.question_id,
                kind=a.kind,
                value=a.value,
                probability=_fraction(a.probability),
                probabilities={option: _fraction(p) for option, p in a.probabilities.items()},
                truncated=a.truncated,
            )
            for a in result.answers
        ],
        description=None
        if described is None
        else DescriptionPart(
            summary=described.summary,
            objects=list(described.objects),
            texts=list(described.texts),
            spatial_relations=list(described.spatial_relations),
            truncated=described.truncated,
            details=_plain(described.details),
        ),
        views=[
            ViewPart(
                box=view.box.as_tuple(),
                width_px=view.width_px,
                height_px=view.height_px,
                is_overview=view.is_overview,
            )
            for view in result.views
        ],
        timing=TimingPart(
            vision_ms=result.timing.vision_ms,
            prefill_ms=result.timing.prefill_ms,
            decode_ms=result.timing.decode_ms,
            total_ms=result.timing.total_ms,
            prompt_tokens=result.timing.prompt_tokens,
            output_tokens=result.timing.output_tokens,
        ),
        model=ModelPart(
            name=model.name,
            precision=model.precision,
            parameters_m=model.parameters_m,
            demonstration=model.demonstration,
            engine=model.engine,
            answers=model.answers,
        ),
    )


def _fraction(share: float) -> float:
    """Rounding may leave a share a little above one."""
    return min(max(share, 0.0), 1.0)


def _plain(details: Any) -> dict[str, JsonValue]:
    return dict(details)


def _description(part: DescriptionPart | None) -> Description | None:
    if part is None:
        return None
    return Description(
        summary=part.summary,
        objects=tuple(part.objects),
        texts=tuple(part.texts),
        spatial_relations=tuple(part.spatial_relations),
        truncated=part.truncated,
        details=part.details,
    )
