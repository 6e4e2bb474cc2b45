"""One look: everything that is asked about one crop, in as few passes as possible.

    prefix (system text, typed questions; its KV is remembered)
      └─ picture
           ├─ turn markers ─┬─ stub 1 ── options, where first tokens collide
           │                ├─ stub 2
           │                └─ ...
           ├─ text question, turn markers ── written token by token
           └─ description request, turn markers, opening ── written token by token

The picture and all branches go through the model in one pass; no branch sees another. Text branches
do not see the list of typed questions either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from edge.errors import QuestionError
from edge.questions import Answer, Description, Question
from edge.vlm import prompt
from edge.vlm.decode import Pen, TextBounds, write_text
from edge.vlm.describe import OPENING, REQUEST, describe
from edge.vlm.runner import Runner
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import Branch, Grown, PrefixCache, Segment, TokenTree
from edge.vlm.typed import TypedPlan, plan_typed, read_rows, rows_to_read, score
from edge.vlm.vision import Seen

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
        self.prefixes = PrefixCache(runner, settings.max_prefixes, settings.max_prefix_bytes)

    def look(
        self,
        shown: Sequence[Shown],
        questions: Sequence[Question],
        *,
        wants_description: bool,
        deadline_mono_s: float,
    ) -> LookResult:
        """Answer the questions about what is shown.

        Text that is unfinished at the deadline is cut. Raises QuestionError if the questions and
        the picture do not fit the context, AnalysisFailed if a pass fails.
        """
        started = time.monotonic()
        typed = [question for question in questions if question.kind != "text"]
        written = [question for question in questions if question.kind == "text"]
        eos = self._layout.tokens.eos
        plans = [plan_typed(self._coder, eos, n, q) for n, q in enumerate(typed, start=1)]
        prefix = prompt.build_prefix(self._chat, self._coder, typed)
        texts = [prompt.build_turn(self._chat, self._coder, q.text) for q in written]
        if wants_description:
            asked = prompt.build_turn(self._chat, self._coder, REQUEST)
            texts.append(asked + self._coder.encode(OPENING))
        order = self._order(shown, plans, texts, prefix)
        prompt_tokens = len(prefix) + sum(len(segment.ids) for segment in order.segments)
        if prompt_tokens > self._max_context:
            raise QuestionError(
                f"{len(questions)} questions and the picture take {prompt_tokens} tokens; "
                f"at most {self._max_context} fit"
            )
        self.prefixes.start(self._tree, prefix)
        grown = self._tree.grow(order.segments)
        typed_answers = iter(self._read_typed(plans, order.typed, grown))
        pens = self._pens([grown[index] for index in order.texts])
        prefilled = time.monotonic()
        text_answers = iter(
            [self._write(q, pen, deadline_mono_s) for q, pen in zip(written, pens, strict=False)]
        )
        description = None
        if wants_description:
            description = describe(pens[-1], self._coder, eos, deadline_mono_s)
        return LookResult(
            answers=tuple(
                next(text_answers if q.kind == "text" else typed_answers) for q in questions
            ),
            description=description,
            prefill_ms=(prefilled - started) * 1e3,
            decode_ms=(time.monotonic() - prefilled) * 1e3,
            prompt_tokens=prompt_tokens,
            output_tokens=sum(pen.num_written for pen in pens),
        )

    def _order(
        self, shown: Sequence[Shown], plans: Sequence[TypedPlan], texts: Sequence[Ids], prefix: Ids
    ) -> _Order:
        """The segments of the one pass behind the prefix."""
        root = Branch(np.arange(len(prefix)), len(prefix))
        listed = (len(prompt.build_prefix(self._chat, self._coder, ())), len(prefix))
        segments: list[Segment] = []
        trunk: Branch | int = root
        if shown:
            segments.append(Segment(self._picture_ids(shown), root, tuple(s.seen for s in shown)))
            trunk = 0
        if plans:
            segments.append(Segment(prompt.build_turn(self._chat, self._coder), trunk))
        turn = len(segments) - 1
        places: list[tuple[int, range]] = []
        for plan in plans:
            stub = len(segments)
            segments.append(Segment(plan.stub, turn))
            segments += [Segment(option, stub) for option in plan.wholes]
            places.append((stub, range(stub + 1, len(segments))))
        first_text = len(segments)
        segments += [Segment(text, trunk, blind_to=listed) for text in texts]
        return _Order(segments, places, range(first_text, len(segments)))

    def _picture_ids(self, shown: Sequence[Shown]) -> Ids:
        tokens = self._layout.tokens
        ids: Ids = ()
        for step in shown:
            if step.at_s is not None:
                ids += prompt.timestamp(self._coder, step.at_s)
            num = step.seen.grid[0] * step.seen.grid[1]
            ids += (tokens.vision_start, *(tokens.image,) * num, tokens.vision_end)
        return ids

    def _read_typed(
        self,
        plans: Sequence[TypedPlan],
        places: Sequence[tuple[int, range]],
        grown: Sequence[Grown],
    ) -> list[Answer]:
        """All rows of all typed questions go through the head together."""
        wanted = [
            rows_to_read(plan, grown[stub].hidden, [grown[i].hidden for i in options])
            for plan, (stub, options) in zip(plans, places, strict=True)
        ]
        rows = [row for question in wanted for row in question]
        read = iter(read_rows(self._runner.logits, rows))
        return [
            score(plan, list(islice(read, len(question))))
            for plan, question in zip(plans, wanted, strict=True)
        ]

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
class _Order:
    """The segments of a pass; for each typed question its stub and options, and the text branches,
    as indices.
    """

    segments: list[Segment]
    typed: list[tuple[int, range]]
    texts: range
