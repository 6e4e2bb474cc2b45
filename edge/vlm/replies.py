"""The answers to what a turn of a conversation asks, once the model has read it.

Typed questions are read together from the hidden states at their ends; text and descriptions are
written one behind the other, each on its own branch. Knows no session. Called by `talk`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edge.conversation import Chance, Ending, Piece, Turn, Writing
from edge.questions import Answer, Description
from edge.vlm.describe import Describer, read_description
from edge.vlm.document import DocumentBounds
from edge.vlm.line import Line
from edge.vlm.pen import Pen, write
from edge.vlm.runner import Runner
from edge.vlm.speak import Speaker, SpeechBounds
from edge.vlm.tokens import Ids, TokenCoder
from edge.vlm.tree import ROOT, Branch, Grown, TokenTree
from edge.vlm.typed import Row, read_rows, score


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who listens to a turn: gets the pieces, and may call it off between two tokens."""

    tell: Callable[[Piece], None]
    is_cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the pass of a turn gave. As indices into `grown`: for each line its end, which is the
    path (), and the ends of its paths. The first `num_known` tokens were not computed.
    """

    grown: list[Grown]
    nodes: list[dict[Ids, int]]
    trunk: Branch
    num_known: int
    vision_ms: float

    def end(self, line: int, path: Ids = ()) -> Grown:
        """Where a path of a line ends."""
        return self.grown[self.nodes[line][path]]


@dataclass
class Said:
    """The answers to the lines, in order, as tokens and as they are told. `fed` and `rows` are what
    the cache holds of the first line and its answer, and where.
    """

    ids: list[Ids] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    description: Description | None = None
    endings: dict[str, Ending] = field(default_factory=dict)
    chances: dict[str, tuple[Chance, ...]] = field(default_factory=dict)
    num_written: int = 0
    fed: Ids = ()
    rows: NDArray[np.int64] = field(default_factory=lambda: ROOT.rows)


class Replier:
    """Answers the lines of a turn. Not thread-safe."""

    def __init__(
        self, runner: Runner, coder: TokenCoder, tree: TokenTree, describer: Describer
    ) -> None:
        self._runner, self._coder, self._tree, self._describer = runner, coder, tree, describer
        self._speaker = Speaker(coder, runner.layout.tokens.eos)

    def answer(
        self,
        turn: Turn,
        lines: Sequence[Line],
        reading: Reading,
        hearing: Hearing,
        deadline_mono_s: float,
        room: int,
    ) -> Said:
        """Answer `lines`, read as `reading`; the conversation has `room` for that many tokens.

        Text ends at the deadline and when it is called off; typed answers are always complete.
        Raises AnalysisFailed if the model fails.
        """
        said = Said()
        typed = iter(self._read_typed(lines, reading))
        pens = self._pens(lines, reading)
        for n, line in enumerate(lines):
            if line.typed is not None:
                answer = next(typed)
                said.answers.append(answer)
                said.ids.append(self._coder.encode(answer.value))
            elif line.described is not None:
                most = max(1, min(turn.writing.max_tokens, room - len(line.words)))
                bounds = DocumentBounds(most, deadline_mono_s, hearing.is_cancelled)
                document = write(self._describer.write_whole(pens[n], line.described, bounds))
                said.description = read_description([document], line.described)
                said.endings[line.question_id] = document.ending
                said.ids.append(self._coder.encode(document.text))
            else:
                most = max(1, min(turn.writing.max_tokens, room - len(line.ids)))
                chars = None if line.question is None else line.question.max_chars
                limits = SpeechBounds(most, chars, deadline_mono_s, hearing.is_cancelled)
                self._speak(turn.id, line, turn.writing, limits, pens[n], hearing, said)
        said.num_written = sum(pen.num_written for pen in pens.values())
        if lines:
            first = pens.get(0)
            said.fed = lines[0].words + (lines[0].opening if first is None else tuple(first.fed))
            said.rows = reading.end(0).branch.rows if first is None else first.branch.rows
        return said

    def _speak(
        self,
        turn_id: str,
        line: Line,
        writing: Writing,
        bounds: SpeechBounds,
        pen: Pen,
        hearing: Hearing,
        said: Said,
    ) -> None:
        """Write one line's answer."""

        def tell(text: str, chances: tuple[Chance, ...]) -> None:
            hearing.tell(Piece(turn_id, line.question_id, text, chances))

        speech = self._speaker.speak(pen, writing, bounds, tell)
        said.ids.append(speech.ids)
        said.endings[line.question_id] = speech.ending
        if writing.wants_chances:
            said.chances[line.question_id] = speech.chances
        said.answers.append(
            Answer(
                question_id=line.question_id,
                kind="text",
                value=speech.text,
                probability=speech.probability,
                truncated=speech.ending != "stop",
            )
        )

    def _read_typed(self, lines: Sequence[Line], reading: Reading) -> list[Answer]:
        """All rows of all typed questions are read together."""
        plans = [(n, line.typed) for n, line in enumerate(lines) if line.typed is not None]
        rows = [
            Row(reading.end(n, fork.path).hidden[-1], fork.groups)
            for n, plan in plans
            for fork in plan.forks
        ]
        if not rows:
            return []
        read = iter(read_rows(self._runner.logits_at, rows))
        return [score(plan, list(islice(read, len(plan.forks)))) for _, plan in plans]

    def _pens(self, lines: Sequence[Line], reading: Reading) -> dict[int, Pen]:
        """A pen at the end of each line whose answer is written, by the line's number."""
        written = [n for n, line in enumerate(lines) if line.typed is None]
        if not written:
            return {}
        ends = [reading.end(n) for n in written]
        logits = self._runner.logits(np.stack([end.hidden[-1] for end in ends]))
        return {
            n: Pen(self._tree, self._runner, end.branch, row, fed=list(lines[n].opening))
            for n, end, row in zip(written, ends, logits, strict=True)
        }
