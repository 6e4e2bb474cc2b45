"""Question and Answer: what is asked about a picture, what comes back, how it is ordered.

Rules build questions, the model engine answers them; neither knows the other. Plain dataclasses, so
that they cross the pipe between the daemon and the analyzer process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.elsewhere import AnswersWord, EngineWord
from edge.errors import QuestionError
from edge.frames import Image
from edge.geometry import Box
from edge.heatmap import AttentionMap

QuestionKind = Literal["yes_no", "choice", "count", "rating", "text"]

MAX_QUESTIONS = 64  # in one pass of the model, and in one turn of a conversation
MAX_QUESTION_CHARS = 2000
MAX_OPTIONS = 32
MAX_OPTION_CHARS = 80
MAX_COUNT = 9  # a count is read as one digit; 9 means "9 or more"
MAX_TEXT_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask about a picture.

    `options` are the possible answers of a typed question, in order; empty for `text`. Build with
    the functions below, which give each kind its options. Raises QuestionError for an empty or
    over-long text, half characters, and too few, too many, empty, over-long or repeated options
    (compared without case and surrounding space).
    """

    id: str
    kind: QuestionKind
    text: str
    options: tuple[str, ...] = ()
    max_chars: int = 200  # bound of a `text` answer

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise QuestionError(f"question {self.id!r} is empty")
        if has_half_characters(self.text) or any(map(has_half_characters, self.options)):
            raise QuestionError(
                f"question {self.id!r} is no valid text: it holds half of a character"
            )
        if len(self.text) > MAX_QUESTION_CHARS:
            raise QuestionError(
                f"question {self.id!r} has {len(self.text)} characters; "
                f"at most {MAX_QUESTION_CHARS} are allowed"
            )
        if not 1 <= self.max_chars <= MAX_TEXT_CHARS:
            raise QuestionError(
                f"question {self.id!r}: max_chars must be 1..{MAX_TEXT_CHARS}, not {self.max_chars}"
            )
        if self.kind == "text":
            if self.options:
                raise QuestionError(f"question {self.id!r} asks for text and cannot have options")
            return
        self._check_options()

    def _check_options(self) -> None:
        if not 2 <= len(self.options) <= MAX_OPTIONS:
            raise QuestionError(
                f"question {self.id!r} needs 2 to {MAX_OPTIONS} options, not {len(self.options)}"
            )
        seen: set[str] = set()
        for option in self.options:
            plain = option.strip().casefold()
            if not plain or len(option) > MAX_OPTION_CHARS:
                raise QuestionError(
                    f"question {self.id!r}: option {option[:40]!r} must have "
                    f"1 to {MAX_OPTION_CHARS} characters"
                )
            if plain in seen:
                raise QuestionError(f"question {self.id!r}: option {option!r} appears twice")
            seen.add(plain)


def has_half_characters(text: str) -> bool:
    """Whether a text holds surrogates: JSON and a command line can hold them, UTF-8 cannot."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def yes_no(question_id: str, text: str) -> Question:
    """A question answered `yes` or `no`."""
    return Question(question_id, "yes_no", text, ("yes", "no"))


def choice(question_id: str, text: str, options: tuple[str, ...]) -> Question:
    """A question answered by one of `options`."""
    return Question(question_id, "choice", text, options)


def count(question_id: str, text: str, highest: int = MAX_COUNT) -> Question:
    """A question answered by a number 0..highest; the highest stands for "that many or more"."""
    if not 1 <= highest <= MAX_COUNT:
        raise QuestionError(
            f"question {question_id!r}: the highest count must be 1..{MAX_COUNT}, not {highest}"
        )
    return Question(question_id, "count", text, tuple(str(n) for n in range(highest + 1)))


def rating(question_id: str, text: str, highest: int = 5) -> Question:
    """A question answered by a grade 1..highest."""
    if not 2 <= highest <= MAX_COUNT:
        raise QuestionError(
            f"question {question_id!r}: the highest grade must be 2..{MAX_COUNT}, not {highest}"
        )
    return Question(question_id, "rating", text, tuple(str(n) for n in range(1, highest + 1)))


def text(question_id: str, wording: str, max_chars: int = 200) -> Question:
    """A question answered by free text of at most `max_chars` characters."""
    return Question(question_id, "text", wording, (), max_chars)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    Typed: `value` is the most probable option, `probability` its probability, `probabilities` every
    option's (they sum to 1). Text: `value` is the text, without control characters, `probability`
    the mean probability of its tokens, `probabilities` empty, and `truncated` true where a bound or
    the deadline cut it.
    """

    question_id: str
    kind: QuestionKind
    value: str
    probability: float
    probabilities: Mapping[str, float] = field(default_factory=dict)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """A structured description of a picture; every list and string is bounded.

    By the user's schema, `details` holds the document, `summary` what its key of that name says or
    else its values on one line, and the lists are empty. `truncated` where a loop, the deadline or
    a bound cut it; keys that the model did not come to are then missing from `details`.
    """

    summary: str
    objects: tuple[str, ...]
    texts: tuple[str, ...]
    spatial_relations: tuple[str, ...]
    truncated: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """Questions about one part of the picture.

    `boxes` is what must be seen (motion boxes or a zone's bounds); the engine cuts a crop around it
    and may widen it. Empty: the whole picture.
    """

    boxes: tuple[Box, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What the model was really shown: the part of the frame, and its size in pixels as fed.

    `is_overview` for the small whole picture beside a crop.
    """

    box: Box
    width_px: int
    height_px: int
    is_overview: bool = False


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """One order to the analyzer: answer `looks`, and describe the first look if `describe`.

    `deadline_s` counts from the start of the analysis; text that is not finished by then is cut and
    marked `truncated`, typed answers are always completed (the caller's process-level deadline is
    the hard limit). Many questions are answered in several passes and have that time for each
    MAX_QUESTIONS of them. `schema` is the user's JSON Schema for the description, in place of the
    built-in shape; it is checked before anything else is done. `max_pixels` is what a look is shown
    at most, where that is less than the engine's own bound. With `heatmap` the result also
    tells where each answer looked; it takes longer by two passes of a few tokens for each question.
    """

    id: str
    image: Image = field(repr=False)  # (H, W, 3) uint8 RGB
    before: Image | None = field(repr=False)
    looks: tuple[Look, ...]
    describe: bool = False
    deadline_s: float = 20.0
    schema: Mapping[str, Any] | None = None
    heatmap: bool = False
    max_pixels: int | None = None

    @property
    def allowed_s(self) -> float:
        """The time that all of it has."""
        num_questions = sum(len(look.questions) for look in self.looks)
        return self.deadline_s * max(1, math.ceil(num_questions / MAX_QUESTIONS))


@dataclass(frozen=True, slots=True)
class Timing:
    """Where an analysis spent its time, and how many tokens it took."""

    vision_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    total_ms: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """Answers in the order of the questions in the request's looks; a view for each look, with
    that of its overview before it where one was shown.

    `attention` has a map for each answer, in the same order, if the request wants them. `model` is
    the one that answered, where that is not always the same; None for the engine's only one.
    """

    id: str
    answers: tuple[Answer, ...]
    description: Description | None
    views: tuple[View, ...]
    timing: Timing
    attention: tuple[AttentionMap, ...] = ()
    model: ModelInfo | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of the loaded model: shown by `edge model info` and published in findings.

    `engine` is where it runs: in this program, on a server, or on other boxes. Of a model elsewhere
    precision and size may not be known. `answers` says how typed answers came about: `text` has no
    probabilities, what was written counts as certain.
    """

    name: str
    precision: str  # of the language model's weights: int4, int8, fp16, fp32; "" if not known
    parameters_m: float  # millions; 0 if not known
    demonstration: bool = False  # its answers about real pictures mean nothing
    engine: EngineWord = "openvino"
    answers: AnswersWord = "logits"
