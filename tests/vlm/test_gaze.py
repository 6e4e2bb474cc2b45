"""What answers looked at: against transformers' own attention, and through the engine's door."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from edge import questions
from edge.errors import PictureError, QuestionError
from edge.geometry import FULL, Box
from edge.questions import AnalysisRequest, Look
from edge.vlm.engine import open_engine
from edge.vlm.gaze import NEUTRAL_WORDING, attention_shares, contrast
from edge.vlm.prompt import build_turn
from edge.vlm.settings import EngineSettings
from tests.support.qwen_reference import Input, Reference

ASKED = (
    questions.yes_no("yes", "Is the gate open?"),
    questions.text("text", "What is to be seen near the gate?", 12),
    questions.count("count", "How many people are there?"),
    questions.choice("choice", "What is it?", ("car", "car park", "dog")),
    questions.text("other", "Who is there?", 12),
)


def analyze(engine, image, *asked, boxes=(), before=None, **kwargs):
    kwargs = {"heatmap": True, **kwargs}
    return engine.analyze(AnalysisRequest("r", image, before, (Look(boxes, asked),), **kwargs))


@pytest.fixture(scope="module")
def reference(tiny) -> Reference:
    return Reference(tiny.hf)


class Judge:
    """The same attention by transformers: a plain pass for each question, from an empty cache."""

    def __init__(self, engine, reference, image, asked):
        looker, self.layout = engine._loaded.looker, engine._layout
        self.coder, self.chat = looker._coder, looker._chat
        self.plan, self.reference = looker.asked(asked), reference
        self.pixels, self.grid = reference.process(image, 1024)
        _, rows, columns = self.grid[0].tolist()
        self.cells = rows // 2, columns // 2
        tokens = self.layout.tokens
        pads = (tokens.image,) * (self.cells[0] * self.cells[1])
        self.trunk = (*self.plan.prefix, tokens.vision_start, *pads, tokens.vision_end)

    def shares(self, words, *, sees_list=False):
        """Mean over heads and the layers 2 and 3 of 4 of what `words`' end gives to the picture."""
        given = Input(np.array((*self.trunk, *words), np.int64), self.pixels, self.grid)
        attention = self.reference.attentions(
            given, (0, 0) if sees_list else self.plan.listed, len(self.trunk)
        )[2:].astype(np.float64)
        assert len(attention) == 2
        return attention.mean(axis=(0, 1))[given.ids == self.layout.tokens.image]

    def map(self, question):
        if question.kind == "text":
            asked = self.shares(build_turn(self.chat, self.coder, question.text))
            neutral = self.shares(build_turn(self.chat, self.coder, NEUTRAL_WORDING))
        else:
            (stub,) = [p.stub for p in self.plan.plans if p.question.id == question.id]
            asked = self.shares(self.plan.turn + stub, sees_list=True)
            neutral = self.shares(self.plan.turn + stub)
        plain, usual = asked / asked.sum(), neutral / neutral.sum()
        growth = (plain - usual).clip(0) / (usual + 0.5 / len(usual))
        return (growth / growth.sum()).reshape(self.cells), asked.sum()


@pytest.mark.parity
@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore")  # torch's and transformers' own
@pytest.mark.parametrize(
    ("width", "height", "asked"),
    [(256, 192, ASKED), (640, 352, ASKED[:1]), (352, 640, ASKED[1:2])],
    ids=["packed", "yes or no", "text"],
)
def test_maps_equal_transformers(tiny_engine, reference, noise, figure, width, height, asked):
    image = noise(width, height, seed=7)
    result = analyze(tiny_engine, image, *asked)
    judge = Judge(tiny_engine, reference, image, asked)
    worst = 0.0
    for question, found in zip(asked, result.attention, strict=True):
        cells, picture_frac = judge.map(question)
        assert found.question_id == question.id
        assert found.cells.shape == cells.shape == (height // 32, width // 32)
        # In parts of an even map's cell, so that large maps are not judged more kindly.
        worst = max(worst, float(np.abs(found.cells - cells).max() * cells.size))
        assert found.picture_frac == pytest.approx(picture_frac, abs=1e-4)
        assert np.ptp(cells) * cells.size > 0.1
    assert worst < 1e-3
    figure(f"heatmaps {width}x{height}, {len(asked)} questions: {worst:.1e} of an even cell")


def test_maps_differ_between_questions_and_change_no_answer(tiny_engine, noise):
    image = noise(256, 192)
    plain = analyze(tiny_engine, image, *ASKED, heatmap=False)
    result = analyze(tiny_engine, image, *ASKED)
    assert plain.attention == ()
    assert result.answers == plain.answers
    assert [m.question_id for m in result.attention] == [q.id for q in ASKED]
    for i, one in enumerate(result.attention):
        assert 0 < one.picture_frac < 1
        for other in result.attention[:i]:
            assert np.abs(one.cells - other.cells).sum() > 0.01
    again = analyze(tiny_engine, image, *ASKED)
    assert np.array_equal(again.attention[0].cells, result.attention[0].cells)


@pytest.mark.parametrize("size", [(256, 192), (1, 1), (20, 900), (1280, 720)], ids=str)
def test_the_map_is_that_of_the_view(demo_engine, noise, size):
    result = analyze(demo_engine, noise(*size), ASKED[0])
    (view,), (found,) = result.views, result.attention
    assert found.cells.shape == (view.height_px // 32, view.width_px // 32)
    assert found.box == view.box == FULL


def test_a_crop_and_each_look_have_their_own_map(demo_engine, noise):
    left, right = Box(0, 0, 0.3, 0.4), Box(0.7, 0.5, 1, 1)
    looks = (Look((left,), ASKED[:2]), Look((), ()), Look((right,), ASKED[2:3]))
    result = demo_engine.analyze(AnalysisRequest("r", noise(1280, 720), None, looks, heatmap=True))
    assert [m.question_id for m in result.attention] == ["yes", "text", "count"]
    assert [m.box for m in result.attention] == [result.views[i].box for i in (0, 0, 2)]
    for found, view in zip(result.attention, [result.views[i] for i in (0, 0, 2)], strict=True):
        assert found.box != FULL
        assert found.cells.shape == (view.height_px // 32, view.width_px // 32)


def test_a_pair_and_an_overview(demo_dir, demo_engine, noise):
    image, box = noise(1280, 720), Box(0.4, 0.4, 0.6, 0.7)
    plain = analyze(demo_engine, image, ASKED[0], boxes=(box,)).attention[0]
    settings = EngineSettings(demo_dir, accuracy=True, overview=True, use_before=True)
    with open_engine(settings) as engine:
        result = analyze(engine, image, ASKED[0], boxes=(box,), before=noise(1280, 720, 1))
    found, view = result.attention[0], result.views[-1]  # behind the overview
    assert found.box == view.box
    assert found.cells.shape == (view.height_px // 32, view.width_px // 32)
    if found.cells.shape == plain.cells.shape:
        assert np.abs(found.cells - plain.cells).sum() > 1e-3


def test_a_quantized_cache_gives_nearly_the_same_map(demo_dir, demo_engine, noise):
    image = noise(640, 352)
    exact = analyze(demo_engine, image, *ASKED[:2]).attention
    with open_engine(EngineSettings(demo_dir)) as engine:
        quick = analyze(engine, image, *ASKED[:2]).attention
    for one, other in zip(exact, quick, strict=True):
        # Of the mass; 0.045 seen, where the question changes no more than a fiftieth of it.
        assert np.abs(one.cells - other.cells).sum() / 2 < 0.15


def test_a_map_crosses_a_pipe(demo_engine, noise):
    found = analyze(demo_engine, noise(64, 64), ASKED[0]).attention[0]
    other = pickle.loads(pickle.dumps(found))
    assert np.array_equal(other.cells, found.cells)
    assert (other.box, other.picture_frac) == (found.box, found.picture_frac)


def test_without_a_question_there_is_no_map(demo_engine, noise):
    with pytest.raises(QuestionError, match="no question is asked"):
        analyze(demo_engine, noise(64, 64), describe=True)
    assert analyze(demo_engine, noise(64, 64), ASKED[0]).attention


def test_without_a_picture_there_is_no_map(demo_engine, noise):
    with pytest.raises(PictureError):
        analyze(demo_engine, None, ASKED[0])
    assert analyze(demo_engine, noise(64, 64), ASKED[0]).attention


def test_heads_share_keys_in_groups():
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((4, 8), np.float32)
    keys = rng.standard_normal((2, 5, 8), np.float32)
    shares = attention_shares(queries, keys)
    for head in range(4):
        scores = np.exp(keys[head // 2] @ queries[head] / np.sqrt(8))
        assert shares[head] == pytest.approx(scores / scores.sum(), rel=1e-5)


def test_what_is_looked_at_anyway_is_dark():
    usual = np.array([0.3, 0.01, 0.01, 0.02, 0.0, 0.0])  # the first cell is a sink
    asked = usual + np.array([0.01, 0, 0, 0.05, 0.0002, 0])
    gaze = contrast(asked, usual, (2, 3))
    assert gaze.picture_frac == pytest.approx(asked.sum())
    assert gaze.cells.dtype == np.float32
    assert gaze.cells.sum() == pytest.approx(1)
    assert gaze.cells[1, 0] > 0.95  # and not the cell whose share grew from 0
    assert contrast(usual * 0.5, usual, (2, 3)).cells == pytest.approx(1 / 6)
