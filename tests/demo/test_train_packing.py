"""What training feeds is what the engine feeds: the same tokens, positions and mask.

The engine's own `Looker` is run on a runner that computes nothing and writes down what it is given.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge.demo.train.packing import Grammar, Packed, Shown, pack
from edge.demo.train.tail import NO_TARGET, Text
from edge.questions import choice, count, rating, text, yes_no
from edge.vlm.layout import Layout, load_layout
from edge.vlm.look import Looker
from edge.vlm.look import Shown as EngineShown
from edge.vlm.prompt import build_turn, read_chat_format
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import load_tokens
from edge.vlm.vision import Seen

MODEL = Path(__file__).parents[2] / "edge" / "demo" / "model"
LAYOUT = load_layout(MODEL)
CODER = load_tokens(LAYOUT)
CHAT = read_chat_format(LAYOUT, CODER)
GRAMMAR = Grammar(
    CODER,
    CHAT,
    image=LAYOUT.tokens.image,
    vision_start=LAYOUT.tokens.vision_start,
    vision_end=LAYOUT.tokens.vision_end,
    eos=LAYOUT.tokens.eos,
)
YES_NO = yes_no("a", "Is there a person in the picture?")
COUNT = count("b", "How many people are there?")
RATING = rating("c", "How crowded is it?")
CHOICE = choice("d", "Where is the parcel?", ("doorstep", "driveway", "lawn"))
# Options that begin with the same token: read at two forks.
FORKED = choice("e", "What is it?", ("red car", "red bicycle", "blue car", "dog"))


@dataclass(frozen=True)
class Pass:
    ids: np.ndarray
    positions: np.ndarray
    mask: np.ndarray
    visual: np.ndarray


class Tensor:
    byte_size = 0


@dataclass
class Recorder:
    """A runner that writes down; `script` are the tokens that the model will write."""

    layout: Layout
    script: list[int] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    length: int = 0

    def embed(self, ids):
        self._ids = ids
        return np.zeros((len(ids), self.layout.text.hidden), np.float32)

    def forward(self, embeddings, positions, mask, deepstack=None, visual=None):
        assert (deepstack is None) == (visual is None)
        seen = np.zeros(len(self._ids), bool) if visual is None else visual
        self.passes.append(Pass(self._ids, positions, mask, seen))
        self.length += len(embeddings)
        return np.zeros_like(embeddings)

    def logits(self, hidden):
        out = np.zeros((len(hidden), self.layout.text.vocab), np.float32)
        out[:, self.script.pop(0)] = 1
        return out

    def logits_at(self, hidden, tokens):
        return np.zeros((len(hidden), len(tokens)), np.float32)

    def clear(self):
        self.length = 0

    def snapshot(self):
        return {"kv": Tensor()}

    def restore(self, kv, length):
        assert list(kv) == ["kv"]
        self.length = length


def recorded(shown, questions, *, describe=False, script=()) -> list[Pass]:
    """The passes of one look of the engine."""
    runner = Recorder(LAYOUT, list(script))
    looker = Looker(runner, CODER, CHAT, EngineSettings(MODEL))
    hidden = LAYOUT.text.hidden
    pictures = [
        EngineShown(
            Seen(
                step.grid,
                np.zeros((step.grid[0] * step.grid[1], hidden), np.float32),
                np.zeros((3, step.grid[0] * step.grid[1], hidden), np.float32),
            ),
            step.at_s,
        )
        for step in shown
    ]
    looker.look(
        pictures,
        questions,
        wants_description=describe,
        deadline_mono_s=time.monotonic() + 60,
    )
    return runner.passes


def check_same(packed: Packed, passes: list[Pass]) -> None:
    """The prefix and the tail against the engine's passes; one picture."""
    num_prefix = len(packed.prefix)
    prefix, rest = passes[0], passes[1:]
    assert prefix.ids.tolist() == packed.prefix.tolist()
    assert prefix.positions.tolist() == packed.positions[:, :num_prefix].tolist()
    assert prefix.mask.tolist() == np.tri(num_prefix, dtype=bool).tolist()
    ids = np.concatenate([part.ids for part in rest])
    assert ids.tolist() == packed.tail[0].tolist()
    positions = np.concatenate([part.positions for part in rest], axis=1)
    assert positions.tolist() == packed.positions[:, num_prefix:].tolist()
    at = 0
    for part in rest:
        num, width = part.mask.shape
        assert part.mask.tolist() == packed.seen[at : at + num, :width].tolist()
        assert not packed.seen[at : at + num, width:].any()
        at += num
    visual = np.concatenate([part.visual for part in rest])
    assert np.flatnonzero(visual).tolist() == packed.pictures_at.tolist()


@pytest.mark.parametrize(
    "questions",
    [
        pytest.param([YES_NO], id="one"),
        pytest.param([YES_NO, COUNT, RATING, CHOICE], id="kinds"),
        pytest.param([FORKED, YES_NO], id="options-with-a-common-start"),
        pytest.param([YES_NO] * 11 + [COUNT], id="two-digit-numbers"),
    ],
)
@pytest.mark.parametrize(
    "shown",
    [
        pytest.param([Shown((6, 8))], id="still"),
        pytest.param([Shown((8, 6), 0.5)], id="pair"),
        pytest.param([Shown((4, 6)), Shown((6, 7))], id="overview"),
    ],
)
def test_typed_questions(questions, shown):
    check_same(pack(GRAMMAR, shown, questions, []), recorded(shown, questions))


@pytest.mark.parametrize("listed", [[], [YES_NO, COUNT]], ids=["alone", "beside-typed"])
def test_a_written_answer(listed):
    """The answer's tokens are fed one by one by the engine, and stand in one row here."""
    shown = [Shown((6, 8))]
    asked = text("t", "What does the sign say?")
    turn = build_turn(CHAT, CODER, asked.text)
    answer = CODER.encode("AB12")
    end = min(LAYOUT.tokens.eos)
    branch = Text(turn + answer, (*(NO_TARGET,) * (len(turn) - 1), *answer, end))
    packed = pack(GRAMMAR, shown, listed, [[branch]])
    check_same(packed, recorded(shown, [*listed, asked], script=[*answer, end]))
    where = packed.targets[0] != NO_TARGET
    assert packed.targets[0][where].tolist() == [*answer, end]
    assert packed.tail[0][where].tolist() == [turn[-1], *answer]


def test_answers_are_read_where_the_engine_reads_them():
    """At the last token of stub and fork path; the rows are in the plans' order."""
    packed = pack(GRAMMAR, [Shown((4, 4))], [YES_NO, COUNT, FORKED], [])
    at = [packed.tail[0][place] for place, _, _ in packed.rows]
    ends = [(plan.stub + fork.path)[-1] for plan in packed.plans for fork in plan.forks]
    assert at == ends
    assert len(ends) == 4


def test_pictures_of_a_batch_differ_in_their_texts_alone():
    short, long = (build_turn(CHAT, CODER, words) for words in ("What?", "What is there to see?"))
    texts = [Text(ids, (NO_TARGET,) * len(ids)) for ids in (short, long)]
    both = pack(GRAMMAR, [Shown((4, 4))], [YES_NO], [texts])
    alone = pack(GRAMMAR, [Shown((4, 4))], [YES_NO], [texts[1:]])
    assert both.tail[1].tolist() == alone.tail[0].tolist()
    assert both.seen.tolist() == alone.seen.tolist()
    filled = len(both.tail[0]) - len(long)
    assert both.tail[0][filled : filled + len(short)].tolist() == list(short)
