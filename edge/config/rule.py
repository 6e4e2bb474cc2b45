"""One rule: a question, where and when it is asked, and how answers become a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from edge import questions
from edge.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, Calibration
from edge.condition import Condition, parse_condition
from edge.config.block import Between, Block, one_of
from edge.config.describe_as import DescribeAs
from edge.config.faults import Fault, joined, refuse, show
from edge.config.quantities import duration
from edge.errors import QuestionError
from edge.frames import Trigger
from edge.questions import Question, QuestionKind
from edge.schedule import EXAMPLE as SCHEDULE_EXAMPLE
from edge.schedule import Schedule, parse_schedule

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
KIND_OF_KEY: dict[str, QuestionKind] = {
    "ask": "yes_no",
    "choose": "choice",
    "count": "count",
    "rate": "rating",
    "read": "text",
}
_EXTRA_OF_KEY = {"choose": "options", "count": "highest", "rate": "highest", "read": "max_chars"}
_QUESTION_KEYS = {*KIND_OF_KEY, *_EXTRA_OF_KEY.values()}
_NAMELESS = "rule"  # a rule's block does not know what the rule is called
_DEFAULT_ALERT = {"ask": "yes", "count": ">= 1"}

QuestionText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=questions.MAX_QUESTION_CHARS),
]
AlertEntry = bool | int | float | str
_ALERT_SCHEMA = {"type": ["string", "number", "boolean"]}


def _one_or_list(value: object) -> object:
    """A single word where a list is meant."""
    return [value] if isinstance(value, str) else value


def _alert(value: object) -> object:
    entries = value if isinstance(value, list) else [value]
    if all(isinstance(entry, AlertEntry) for entry in entries):
        return tuple(value) if isinstance(value, list) else value
    raise refuse(
        Fault(f"{show(value)} is not a condition.", "Write an answer, a comparison, or a list.")
    )


def _schedule(value: str) -> str:
    try:
        parse_schedule(value)
    except ValueError as error:
        raise refuse(Fault(f"{error}.", f"Write, for example, {SCHEDULE_EXAMPLE}.")) from None
    return value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_list),
    Field(max_length=64),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class WhenConfig(Block):
    """Which keyframes a rule is asked about."""

    every_s: Annotated[float, duration("1s", "7d")] | None = Field(default=None, alias="every")
    """Ask at least this often, whether or not anything moves."""
    on: Annotated[
        tuple[Annotated[Trigger, one_of(TRIGGERS)], ...],
        BeforeValidator(_one_or_list),
        Field(min_length=1),
        WithJsonSchema(
            {"anyOf": [{"enum": [*TRIGGERS]}, {"type": "array", "items": {"enum": [*TRIGGERS]}}]}
        ),
    ] = ("motion", "scene", "command")
    """Triggers: motion, scene, tamper, periodic, command. Others are only used for `every`."""


class CalibrationConfig(Block):
    """What `edge eval` found out about the model's probabilities for a rule."""

    temperature: Annotated[float, Between(MIN_TEMPERATURE, MAX_TEMPERATURE)]
    """Above 1: the model is too sure of its answers; below 1: not sure enough."""


class RuleConfig(Block):
    """A question in one of five forms, and what becomes of the answers."""

    ask: QuestionText | None = None
    """A question answered yes or no."""
    choose: QuestionText | None = None
    """A question answered by one of `options`."""
    count: QuestionText | None = None
    """A question answered by a number, 0 to `highest` ("that many or more")."""
    rate: QuestionText | None = None
    """A question answered by a grade, 1 to `highest`."""
    read: QuestionText | None = None
    """A question answered by text of at most `max_chars` characters."""
    options: Annotated[tuple[str, ...], Field(max_length=questions.MAX_OPTIONS)] | None = None
    """The possible answers of `choose`."""
    highest: Annotated[int, Between(1, questions.MAX_COUNT)] | None = None
    """The highest number of `count` (1 to 9, default 9) or grade of `rate` (2 to 9, default 5)."""
    max_chars: Annotated[int, Between(1, questions.MAX_TEXT_CHARS)] | None = None
    """The most characters of `read`; default 200."""
    alert: Annotated[
        AlertEntry | tuple[AlertEntry, ...] | None,
        BeforeValidator(_alert),
        WithJsonSchema({"anyOf": [_ALERT_SCHEMA, {"type": "array", "items": _ALERT_SCHEMA}]}),
    ] = None
    """Which answers turn the rule on: an answer, `>= 2`, 1-3, `!= open`, /regex/, or a list."""
    cameras: Names | None = None
    """Cameras that the rule looks at; all if not set."""
    zones: Names = ()
    """Zones that it is about; the part shown to the model."""
    when: WhenConfig = WhenConfig()
    """Which keyframes it is asked about."""
    confirm: Annotated[int, Between(1, 100)] = 1
    """Answers in a row that turn it on."""
    clear: Annotated[int, Between(1, 100)] = 1
    """Answers in a row that turn it off."""
    min_confidence: Annotated[float, Between(0.5, 1)] = 0.6
    """Answers less probable than this leave the state as it is."""
    calibration: CalibrationConfig | None = None
    """Makes the probabilities mean what they say; `edge eval` prints it."""
    for_s: Annotated[float, duration("0s", "30d")] = Field(default=0.0, alias="for")
    """How long the condition must hold before the rule turns on."""
    cooldown_s: Annotated[float, duration("0s", "30d")] = Field(default=0.0, alias="cooldown")
    """Shortest time between two alerts; the state stays correct meanwhile."""
    schedule: Annotated[str, AfterValidator(_schedule)] | None = None
    """Local days and hours in which it is asked, such as "Mo-Fr 07:00-19:00"."""
    severity: Annotated[int, Between(0, 2)] = 1
    """0 for information, 1 for a warning, 2 for an alarm."""
    describe: Annotated[
        Literal["never", "on_change", "always"], one_of(("never", "on_change", "always"))
    ] = "on_change"
    """When the model also writes a description of the picture."""
    describe_as: DescribeAs = None
    """The description's own shape, in place of `vlm.describe_as`; `built-in` for none."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = self._question_faults() or self._answer_faults()
        if self.calibration is not None and self.read is not None:
            message = "`calibration` is not possible with `read`: a text has no options to weigh."
            faults.append(Fault(message, "Remove it.", ("calibration",)))
        if faults:
            raise refuse(faults)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """The faults of single keys, and beside them those of how the sound keys fit together."""
        try:
            return handler(values)
        except ValidationError as error:
            faulty = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
            is_misspelt = any(detail["type"] == "extra_forbidden" for detail in error.errors())
            if not faulty or faulty & _QUESTION_KEYS or is_misspelt or not isinstance(values, dict):
                raise  # what is missing may be what is misspelt or faulty
            try:
                handler({key: value for key, value in values.items() if key not in faulty})
            except ValidationError as further:
                raise joined(error, further) from None
            raise

    def _question_faults(self) -> list[Fault]:
        written = [key for key in KIND_OF_KEY if getattr(self, key) is not None]
        keys = ", ".join(KIND_OF_KEY)
        if not written:
            return [Fault(f"there is no question: one of {keys}.", 'Add `ask: "Is ...?"`.')]
        if len(written) > 1:
            both = " and ".join(f"`{key}`" for key in written)
            return [
                Fault(f"{both} are both set; a rule asks one question.", "Split the rule.", (key,))
                for key in written[1:]
            ]
        key = written[0]
        faults = []
        for extra in ("options", "highest", "max_chars"):
            if getattr(self, extra) is not None and _EXTRA_OF_KEY.get(key) != extra:
                homes = " or ".join(f"`{k}`" for k, e in _EXTRA_OF_KEY.items() if e == extra)
                faults.append(
                    Fault(
                        f"`{extra}` ({show(getattr(self, extra))}) is not possible with `{key}`.",
                        f"Remove it, or use {homes}.",
                        (extra,),
                    )
                )
        if key == "choose" and self.options is None:
            faults.append(Fault("`choose` needs `options`.", "Add `options: [open, closed]`."))
        return faults

    def _answer_faults(self) -> list[Fault]:
        try:
            self.question(_NAMELESS)
        except QuestionError as error:
            at = _EXTRA_OF_KEY.get(self.question_key, self.question_key)
            message = str(error).replace(f"question {_NAMELESS!r}", "the question", 1)
            return [Fault(f"{message}.", _question_remedy(at), (at,))]
        try:
            _ = self.condition
        except ValueError as error:
            remedy = "Write an answer that this question can have, or leave `alert` out."
            return [Fault(f"{error}.", remedy, ("alert",))]
        return []

    @property
    def question_key(self) -> str:
        """`ask`, `choose`, `count`, `rate` or `read`."""
        return next(key for key in KIND_OF_KEY if getattr(self, key) is not None)

    @property
    def kind(self) -> QuestionKind:
        """The kind of question."""
        return KIND_OF_KEY[self.question_key]

    def question(self, question_id: str) -> Question:
        """The question as the model engine takes it."""
        wording = str(getattr(self, self.question_key))
        build: dict[str, Callable[[], Question]] = {
            "ask": lambda: questions.yes_no(question_id, wording),
            "choose": lambda: questions.choice(question_id, wording, self.options or ()),
            "count": lambda: questions.count(question_id, wording, self.highest or 9),
            "rate": lambda: questions.rating(question_id, wording, self.highest or 5),
            "read": lambda: questions.text(question_id, wording, self.max_chars or 200),
        }
        return build[self.question_key]()

    @property
    def condition(self) -> Condition | None:
        """Which answers turn the rule on; None for a rule that only reports its value."""
        wanted = _DEFAULT_ALERT.get(self.question_key) if self.alert is None else self.alert
        if wanted is None:
            return None
        question = self.question(_NAMELESS)
        return parse_condition(question.kind, question.options, wanted)

    @property
    def fitted(self) -> Calibration | None:
        """The calibration as the rules apply it; None for the model's own probabilities."""
        return None if self.calibration is None else Calibration(self.calibration.temperature)

    @property
    def hours(self) -> Schedule | None:
        """When the rule is asked; None for always."""
        return None if self.schedule is None else parse_schedule(self.schedule)


def _question_remedy(at: str) -> str:
    remedies = {
        "options": f"Write 2 to {questions.MAX_OPTIONS} different answers, such as [open, closed].",
        "highest": "Write a number that is possible, or leave it out.",
    }
    return remedies.get(at, "Write a question.")
