"""One look: everything that is asked about one crop, in as few passes as possible.

What the passes hold is in `asked`. Behind a look its pictures stay in the KV cache until the next
one begins: what is wanted in writing afterwards can go on there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np

from edge.errors import QuestionError
from edge.questions import MAX_QUESTIONS, Answer, Description, Question
from edge.schema import Schema
from edge.vlm import prompt
from edge.vlm.asked import Asked, Opening, Order, Prompt, Rows, order_pass, plan_questions
from edge.vlm.describe import Describer, DescriptionPlan
from edge.vlm.gaze import NEUTRAL_WORDING, Gaze, Gazer, contrast
from edge.vlm.runner import Runner
from edge.vlm.scribe import Scribe
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import Branch, Grown, PrefixCache, Segment, TokenTree
from edge.vlm.typed import Row, TypedPlan, read_rows, score
from edge.vlm.vision import Seen

REMEMBERED = 32  # question lists whose tokens are kept; some kB each
Questions = tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as the prompt holds it: a still, or a step of a clip with its time in seconds."""

    seen: Seen
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a look has left in the KV cache: the branch that ends with its pictures, and the rows of
    the typed questions' list. Valid until the cache is cleared or restored.
    """

    trunk: Branch
    listed: Rows


@dataclass(frozen=True, slots=True)
class LookResult:
    """Answers in the order of the questions, and where the time went (milliseconds).

    `prompt_tokens` are those of the prefix and the pass; of the pass alone on what is held.
    """

    answers: tuple[Answer, ...]
    description: Description | None
    prefill_ms: float
    decode_ms: float
    prompt_tokens: int
    output_tokens: int
    held: Held
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
        in_one = runner.layout.describes_in_one
        self.describer = Describer(coder, dims.vocab, tokens.eos, in_one=in_one)
        self._scribe = Scribe(runner, coder, self._tree, self.describer, self._max_context)
        # Not a method of its own: the cache would hold the looker, and with it the model.
        self.asked = lru_cache(REMEMBERED)(partial(plan_questions, coder, chat, tokens.eos))
        self.prefixes = PrefixCache(runner, settings.max_prefixes, settings.max_prefix_bytes)

    def part(self, questions: Sequence[Question], picture_tokens: int) -> list[Questions]:
        """The questions in as many equal parts, in order, as passes are needed for them.

        `picture_tokens` is what the pictures take. A question that does not fit by itself is a part
        of its own.
        """
        asked = self.asked(tuple(questions))
        texts = sum(len(text) for text in asked.texts)
        num_tokens = len(asked.prefix) + asked.num_typed + texts + picture_tokens
        is_small = num_tokens <= self._max_context and len(questions) <= MAX_QUESTIONS
        if is_small or len(questions) <= 1:
            return [tuple(questions)]
        middle = len(questions) // 2
        return [
            *self.part(questions[:middle], picture_tokens),
            *self.part(questions[middle:], picture_tokens),
        ]

    def count_tokens(
        self,
        questions: Sequence[Question],
        *,
        wants_description: bool,
        schema: Schema | None = None,
        num_pictures: int = 1,
    ) -> int:
        """Tokens of the one pass for these questions, the pictures' own not included."""
        asked = self.asked(tuple(questions))
        num = asked.num_typed + sum(len(text) for text in asked.texts)
        if wants_description:
            num += self._description_prompt(self.describer.plan(schema)).num_tokens
        return num + 2 * num_pictures - 1  # their marks; the first stands in the prefix

    def look(
        self,
        shown: Sequence[Shown] | Held,
        questions: Sequence[Question],
        *,
        wants_description: bool,
        deadline_mono_s: float,
        schema: Schema | None = None,
        wants_gaze: bool = False,
    ) -> LookResult:
        """Answer the questions about what is shown, at least one picture; describe it, by the
        user's `schema` if given.

        What an earlier look still holds needs no picture again; only what is written can be asked
        then, and no gaze. Text that is unfinished at the deadline is cut. With `wants_gaze` also
        tells where in the last of what is shown each answer looked. Raises QuestionError if the
        questions and the picture do not fit the context or the schema cannot be used,
        AnalysisFailed if a pass fails.
        """
        started = time.monotonic()
        asked = self.asked(tuple(questions))
        written = [question for question in questions if question.kind == "text"]
        prompts = [Prompt(words) for words in asked.texts]
        plan = self.describer.plan(schema) if wants_description else None
        if plan is not None:
            prompts.append(self._description_prompt(plan))
        order, prompt_tokens = self._begin(shown, asked, prompts)
        grown = self._tree.grow(order.segments)
        typed_answers = iter(self._read_typed(asked.plans, order.nodes, grown))
        ends = [[grown[index] for index in ends] for ends in order.written]
        pens = self._scribe.pens(ends, prompts)
        prefilled = time.monotonic()
        said = self._scribe.write(written, plan, pens, deadline_mono_s)
        text_answers = iter([one for one in said if isinstance(one, Answer)])
        description = next((one for one in said if isinstance(one, Description)), None)
        decoded = time.monotonic()
        gazes: tuple[Gaze, ...] = ()
        if wants_gaze and not isinstance(shown, Held):
            gazes = self._gazes(shown[-1].seen.grid, questions, asked, order, grown)
        return LookResult(
            answers=tuple(
                next(text_answers if q.kind == "text" else typed_answers) for q in questions
            ),
            description=description,
            prefill_ms=(prefilled - started) * 1e3,
            decode_ms=(decoded - prefilled) * 1e3,
            prompt_tokens=prompt_tokens,
            output_tokens=sum(pen.num_written for some in pens for pen in some),
            held=shown if isinstance(shown, Held) else Held(grown[0].branch, asked.listed),
            gazes=gazes,
        )

    def _begin(
        self, shown: Sequence[Shown] | Held, asked: Asked, prompts: Sequence[Prompt]
    ) -> tuple[Order, int]:
        """Have the cache hold what the pass continues; the pass, and the tokens of both.

        What is held already is not counted again.
        """
        if isinstance(shown, Held):
            if asked.plans:
                raise ValueError("typed questions stand before the picture, not behind it")
            order = order_pass(asked, prompts, shown.trunk, None, shown.listed)
            self._check_room(asked, len(shown.trunk.rows) + order.num_tokens)
            return order, order.num_tokens
        prefix = asked.prefix + self._lead(shown[0])
        root = Branch(np.arange(len(prefix)), len(prefix))
        picture = Segment(self._picture_ids(shown), root, tuple(step.seen for step in shown))
        order = order_pass(asked, prompts, root, picture, asked.listed)
        num_tokens = len(prefix) + order.num_tokens
        self._check_room(asked, num_tokens)
        self.prefixes.start(self._tree, prefix)
        return order, num_tokens

    def _check_room(self, asked: Asked, num_tokens: int) -> None:
        if num_tokens > self._max_context:
            raise QuestionError(
                f"{len(asked.plans) + len(asked.texts)} questions and the picture take "
                f"{num_tokens} tokens; at most {self._max_context} fit"
            )

    def _gazes(
        self,
        grid: tuple[int, int],
        questions: Sequence[Question],
        asked: Asked,
        order: Order,
        grown: Sequence[Grown],
    ) -> tuple[Gaze, ...]:
        """Where in the last picture, of that `grid`, each answer looked; after everything else, as
        it adds tokens to the cache.
        """
        ids = order.segments[0].ids
        is_picture = np.array(ids) == self._layout.tokens.image
        rows = grown[0].branch.rows[-len(ids) :][is_picture][-grid[0] * grid[1] :]
        gazer, trunk = Gazer(self._tree, self._runner, [rows]), grown[0].branch
        neutral = prompt.build_turn(self._chat, self._coder, NEUTRAL_WORDING)
        # For each question where its answer was read, and the same words without a question.
        typed = iter([(order.nodes[p.stub], asked.turn + p.stub) for p in asked.plans])
        texts = iter([(ends[0], neutral) for ends in order.written])
        gazes = []
        for question in questions:
            index, words = next(texts if question.kind == "text" else typed)
            (shares,) = gazer.last(grown[index].branch, order.segments[index].ids[-1])
            (usual,) = gazer.behind(trunk, words, asked.listed)
            gazes.append(contrast(shares, usual, grid))
        return tuple(gazes)

    def _description_prompt(self, plan: DescriptionPlan) -> Prompt:
        words = prompt.build_turn(self._chat, self._coder, plan.request)
        return Prompt(words, tuple(Opening(part.opening, part.guess) for part in plan.parts))

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
