"""One look: everything that is asked about one crop, in as few passes as possible.

    prefix (system text, typed questions, mark of the picture's start; its KV is remembered)
      └─ picture
           ├─ turn markers ─┬─ stub 1 ─┬─ options, down to where the last two part
           │                │          └─ second digit of stubs 10 to 19
           │                ├─ stub 2
           │                └─ ...
           ├─ text question, turn markers ── written token by token
           └─ description request, turn markers, opening ── written token by token

The picture and all branches go through the model in one pass; no branch sees another. Text branches
do not see the list of typed questions either.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from edge.errors import QuestionError
from edge.questions import Answer, Description, Question
from edge.schema import Schema
from edge.vlm import prompt
from edge.vlm.decode import Pen, TextBounds, write_text
from edge.vlm.describe import Describer, DescriptionPlan
from edge.vlm.document import DocumentBounds
from edge.vlm.gaze import NEUTRAL_WORDING, Gaze, Gazer, contrast
from edge.vlm.runner import Runner
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import Branch, Grown, PrefixCache, Segment, TokenTree
from edge.vlm.typed import Row, TypedPlan, plan_typed, read_rows, score
from edge.vlm.vision import Seen

REMEMBERED = 32  # question lists whose tokens are kept; some kB each
SPARE_TOKENS = 16  # a text bounded to n characters may take this many tokens more than n


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as the prompt holds it: a still, or a step of a clip with its time in seconds."""

    seen: Seen
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class LookResult:
    """Answers in the order of the questions, and where the time went (milliseconds)."""

    answers: tuple[Answer, ...]
    description: Description | None
    prefill_ms: float
    decode_ms: float
    prompt_tokens: int
    output_tokens: int
    gazes: tuple[Gaze, ...] = ()  # one for each question, if they were wanted


class Looker:
    """Asks about what the eye has seen. Keeps the prefix cache; not thread-safe."""

    def __init__(
        self,
        runner: Runner,
        coder: TokenCoder,
        chat: prompt.ChatFormat,
        settings: EngineSettings,
    ) -> None:
        self._layout, self._runner, self._coder = runner.layout, runner, coder
        self._chat = chat
        self._max_context = min(settings.max_context, runner.layout.text.max_positions)
        self._tree = TokenTree(runner)
        dims, tokens = self._layout.text, self._layout.tokens
        self._describer = Describer(coder, dims.vocab, tokens.eos)
        self._asked = lru_cache(maxsize=REMEMBERED)(self._plan)
        self.prefixes = PrefixCache(runner, settings.max_prefixes, settings.max_prefix_bytes)

    def prepare_descriptions(self) -> None:
        """What the first description would wait for: about a second, and 30 MB."""
        self._describer.prepare()

    def check_schema(self, schema: Schema | None) -> None:
        """Raises QuestionError, naming the place, for a schema that cannot be used."""
        self._describer.plan(schema)

    def count_tokens(
        self,
        questions: Sequence[Question],
        *,
        wants_description: bool,
        schema: Schema | None = None,
        num_pictures: int = 1,
    ) -> int:
        """Tokens of the one pass for these questions, the pictures' own not included."""
        asked = self._asked(tuple(questions))
        num = asked.num_typed + sum(len(text) for text in asked.texts)
        if wants_description:
            num += len(self._description_ids(self._describer.plan(schema)))
        return num + 2 * num_pictures - 1  # their marks; the first stands in the prefix

    def look(
        self,
        shown: Sequence[Shown],
        questions: Sequence[Question],
        *,
        wants_description: bool,
        deadline_mono_s: float,
        schema: Schema | None = None,
        wants_gaze: bool = False,
    ) -> LookResult:
        """Answer the questions about what is shown; describe it, by the user's `schema` if given.

        Text that is unfinished at the deadline is cut. With `wants_gaze` also tells where in the
        last of what is shown each answer looked. Raises QuestionError if the questions and
        the picture do not fit the context or the schema cannot be used, AnalysisFailed if a pass
        fails.
        """
        started = time.monotonic()
        asked = self._asked(tuple(questions))
        written = [question for question in questions if question.kind == "text"]
        texts = list(asked.texts)
        plan = self._describer.plan(schema) if wants_description else None
        if plan is not None:
            texts.append(self._description_ids(plan))
        lead = self._lead(shown[0]) if shown else ()
        order = self._order(shown, asked, texts, lead)
        prefix = asked.prefix + lead
        prompt_tokens = len(prefix) + sum(len(segment.ids) for segment in order.segments)
        if prompt_tokens > self._max_context:
            raise QuestionError(
                f"{len(questions)} questions and the picture take {prompt_tokens} tokens; "
                f"at most {self._max_context} fit"
            )
        self.prefixes.start(self._tree, prefix)
        grown = self._tree.grow(order.segments)
        typed_answers = iter(self._read_typed(asked.plans, order.nodes, grown))
        pens = self._pens([grown[index] for index in order.texts])
        prefilled = time.monotonic()
        text_answers = iter(
            [self._write(q, pen, deadline_mono_s) for q, pen in zip(written, pens, strict=False)]
        )
        description = None
        if plan is not None:
            bounds = DocumentBounds(self._max_context - self._runner.length, deadline_mono_s)
            description = self._describer.write(pens[-1], plan, bounds)
        decoded = time.monotonic()
        return LookResult(
            answers=tuple(
                next(text_answers if q.kind == "text" else typed_answers) for q in questions
            ),
            description=description,
            prefill_ms=(prefilled - started) * 1e3,
            decode_ms=(decoded - prefilled) * 1e3,
            prompt_tokens=prompt_tokens,
            output_tokens=sum(pen.num_written for pen in pens),
            gazes=self._gazes(shown, questions, asked, order, grown) if wants_gaze else (),
        )

    def _gazes(
        self,
        shown: Sequence[Shown],
        questions: Sequence[Question],
        asked: _Asked,
        order: _Order,
        grown: Sequence[Grown],
    ) -> tuple[Gaze, ...]:
        """Where in the last picture each answer looked; after everything else, as it adds tokens to
        the cache.
        """
        if not shown:
            raise QuestionError("there is no picture, so no heatmap of it")
        ids, grid = order.segments[0].ids, shown[-1].seen.grid
        is_picture = np.array(ids) == self._layout.tokens.image
        rows = grown[0].branch.rows[-len(ids) :][is_picture][-grid[0] * grid[1] :]
        gazer, trunk = Gazer(self._tree, self._runner, [rows]), grown[0].branch
        neutral = prompt.build_turn(self._chat, self._coder, NEUTRAL_WORDING)
        # For each question where its answer was read, and the same words without a question.
        typed = iter([(order.nodes[p.stub], asked.turn + p.stub) for p in asked.plans])
        texts = iter([(index, neutral) for index in order.texts])
        gazes = []
        for question in questions:
            index, words = next(texts if question.kind == "text" else typed)
            (shares,) = gazer.last(grown[index].branch, order.segments[index].ids[-1])
            (usual,) = gazer.behind(trunk, words, order.listed)
            gazes.append(contrast(shares, usual, grid))
        return tuple(gazes)

    def _plan(self, questions: tuple[Question, ...]) -> _Asked:
        """What does not depend on the picture; remembered for the questions that come each time."""
        typed = [question for question in questions if question.kind != "text"]
        eos = self._layout.tokens.eos
        plans = [plan_typed(self._coder, eos, n, q) for n, q in enumerate(typed, start=1)]
        turn = prompt.build_turn(self._chat, self._coder) if plans else ()
        paths = {
            path[:end]: None
            for path in (plan.stub + fork.path for plan in plans for fork in plan.forks)
            for end in range(1, len(path) + 1)
        }
        return _Asked(
            plans=tuple(plans),
            plain_prefix=prompt.build_prefix(self._chat, self._coder, ()),
            prefix=prompt.build_prefix(self._chat, self._coder, typed),
            turn=turn,
            paths=tuple(paths),
            texts=tuple(
                prompt.build_turn(self._chat, self._coder, q.text)
                for q in questions
                if q.kind == "text"
            ),
        )

    def _description_ids(self, plan: DescriptionPlan) -> Ids:
        return prompt.build_turn(self._chat, self._coder, plan.request) + plan.opening

    def _order(
        self, shown: Sequence[Shown], asked: _Asked, texts: Sequence[Ids], lead: Ids
    ) -> _Order:
        """The segments of the one pass behind the prefix and the first picture's lead."""
        num_cached = len(asked.prefix) + len(lead)
        root = Branch(np.arange(num_cached), num_cached)
        listed = (len(asked.plain_prefix), len(asked.prefix))
        segments: list[Segment] = []
        trunk: Branch | int = root
        if shown:
            segments.append(Segment(self._picture_ids(shown), root, tuple(s.seen for s in shown)))
            trunk = 0
        nodes: dict[Ids, int] = {}
        if asked.plans:
            nodes[()] = len(segments)
            segments.append(Segment(asked.turn, trunk))
        for path in asked.paths:
            nodes[path] = len(segments)
            segments.append(Segment(path[-1:], nodes[path[:-1]]))
        first_text = len(segments)
        segments += [Segment(text, trunk, blind_to=listed) for text in texts]
        return _Order(segments, nodes, range(first_text, len(segments)), listed)

    def _lead(self, step: Shown) -> Ids:
        """What stands before a picture's tokens."""
        time_ids = () if step.at_s is None else prompt.timestamp(self._coder, step.at_s)
        return (*time_ids, self._layout.tokens.vision_start)

    def _picture_ids(self, shown: Sequence[Shown]) -> Ids:
        """The tokens of what is shown, without the first lead, which is in the prefix."""
        tokens = self._layout.tokens
        ids: Ids = ()
        for index, step in enumerate(shown):
            num = step.seen.grid[0] * step.seen.grid[1]
            ids += self._lead(step) if index else ()
            ids += (*(tokens.image,) * num, tokens.vision_end)
        return ids

    def _read_typed(
        self, plans: Sequence[TypedPlan], nodes: Mapping[Ids, int], grown: Sequence[Grown]
    ) -> list[Answer]:
        """All rows of all typed questions are read together."""
        rows = [
            Row(grown[nodes[plan.stub + fork.path]].hidden[-1], fork.groups)
            for plan in plans
            for fork in plan.forks
        ]
        if not rows:
            return []
        read = iter(read_rows(self._runner.logits_at, rows))
        return [score(plan, list(islice(read, len(plan.forks)))) for plan in plans]

    def _pens(self, ends: Sequence[Grown]) -> list[Pen]:
        if not ends:
            return []
        logits = self._runner.logits(np.stack([end.hidden[-1] for end in ends]))
        return [
            Pen(self._tree, self._runner, end.branch, row)
            for end, row in zip(ends, logits, strict=True)
        ]

    def _write(self, question: Question, pen: Pen, deadline_mono_s: float) -> Answer:
        room = max(1, self._max_context - self._runner.length)
        bounds = TextBounds(
            max_chars=question.max_chars,
            max_tokens=min(question.max_chars + SPARE_TOKENS, room),
            deadline_mono_s=deadline_mono_s,
        )
        text = write_text(pen, self._coder, self._layout.tokens.eos, bounds)
        return Answer(
            question_id=question.id,
            kind="text",
            value=text.text,
            probability=text.probability,
            truncated=text.truncated,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Questions as tokens. `paths` are the ways from the model's turn to each token at which an
    answer is read, shorter ones first; what two of them begin with is computed once ("1" for the
    stubs 1 and 10 to 19).
    """

    plans: tuple[TypedPlan, ...]
    plain_prefix: Ids
    prefix: Ids
    turn: Ids
    paths: tuple[Ids, ...]
    texts: tuple[Ids, ...]

    @property
    def num_typed(self) -> int:
        """Tokens behind the picture that typed questions take."""
        return len(self.turn) + len(self.paths)


@dataclass(frozen=True, slots=True)
class _Order:
    """The segments of a pass; as indices: the segment in which each typed path ends, counted from
    the model's turn, and the text branches. `listed` are the rows of the typed questions' list.
    """

    segments: list[Segment]
    nodes: Mapping[Ids, int]
    texts: range
    listed: tuple[int, int]
