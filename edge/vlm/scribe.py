"""What a look wants in writing: the answers to text questions and a description, side by side.

Knows the branches on which they begin and the room that is left, not the picture. Called by `look`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from edge.questions import Answer, Description, Question
from edge.vlm.asked import Prompt
from edge.vlm.decode import TextBounds, write_text
from edge.vlm.describe import Describer, DescriptionPlan
from edge.vlm.document import DocumentBounds
from edge.vlm.pen import Pen, Writing, read_ends, together, write
from edge.vlm.runner import Runner
from edge.vlm.tokens import TokenCoder
from edge.vlm.tree import Grown, TokenTree

SPARE_TOKENS = 16  # a text bounded to n characters may take this many tokens more than n


class Scribe:
    """Writes on the branches of one tree, up to `max_context` tokens in its cache."""

    def __init__(
        self,
        runner: Runner,
        coder: TokenCoder,
        tree: TokenTree,
        describer: Describer,
        max_context: int,
    ) -> None:
        self._runner, self._coder, self._tree, self._describer = runner, coder, tree, describer
        self._max_context = max_context

    def pens(self, grown: Sequence[Sequence[Grown]], prompts: Sequence[Prompt]) -> list[list[Pen]]:
        """Pens for each prompt's openings, which end the segments `grown`; their rows are read
        together.
        """
        flat = [part for some in grown for part in some]
        if not flat:
            return []
        guesses = [opening.guess for wanted in prompts for opening in wanted.openings]
        ends = read_ends(self._runner, flat, guesses)
        pens = iter(
            [
                Pen(self._tree, self._runner, *end, ahead=list(zip(guess, ahead, strict=True)))
                for (end, *ahead), guess in zip(ends, guesses, strict=True)
            ]
        )
        return [list(islice(pens, len(some))) for some in grown]

    def write(
        self,
        questions: Sequence[Question],
        plan: DescriptionPlan | None,
        pens: Sequence[Sequence[Pen]],
        deadline_mono_s: float,
    ) -> list[Answer | Description]:
        """The answers to text questions, then the description if there is a plan for one. `pens`
        are one for each question and those for the plan's parts; each has an equal share of the
        room that is left. What is unfinished at the deadline is cut. Raises AnalysisFailed.
        """
        room = self._max_context - self._runner.length
        share = max(1, room // max(1, sum(len(some) for some in pens)))
        writings: list[Writing[Answer | Description]] = [
            self._answer(question, pen, share, deadline_mono_s)
            for question, (pen,) in zip(questions, pens, strict=False)
        ]
        if plan is not None:
            bounds = DocumentBounds(share, deadline_mono_s)
            writings.append(self._describer.write(pens[-1], plan, bounds))
        return write(together(writings))

    def _answer(
        self, question: Question, pen: Pen, room: int, deadline_mono_s: float
    ) -> Writing[Answer]:
        bounds = TextBounds(
            max_chars=question.max_chars,
            max_tokens=min(question.max_chars + SPARE_TOKENS, room),
            deadline_mono_s=deadline_mono_s,
        )
        text = yield from write_text(pen, self._coder, self._runner.layout.tokens.eos, bounds)
        return Answer(
            question_id=question.id,
            kind="text",
            value=text.text,
            probability=text.probability,
            truncated=text.truncated,
        )
