"""Packed questions give what asking one by one gives: the judge is a plain causal pass for each."""

from __future__ import annotations

import numpy as np
import pytest

from edge import questions
from edge.questions import AnalysisRequest, Look, Question
from edge.vlm.prompt import build_prefix, build_turn, read_chat_format
from edge.vlm.tree import PrefixCache, TokenTree
from edge.vlm.typed import Row, plan_typed, read_rows, score

KINDS = {
    "yes_no": questions.yes_no("q", "Is there a person?"),
    "choice": questions.choice("q", "Which colour?", ("red", "blue", "dark green")),
    "choice with prefixes": questions.choice(
        "q", "What is it?", ("car", "car park", "car park gate", "dog")
    ),
    "choice of numbers": questions.choice("q", "How big?", ("1 m", "10 m", "100 m")),
    "choice in Chinese": questions.choice("q", "什么颜色", ("红色", "蓝色", "红")),
    "count": questions.count("q", "How many people?"),
    "rating": questions.rating("q", "How busy is it?", 7),
}


def mixed(num: int) -> list[Question]:
    kinds = list(KINDS.values())
    return [
        Question(f"q{i}", kind.kind, f"{kind.text} ({i})", kind.options)
        for i, kind in ((i, kinds[i % len(kinds)]) for i in range(num))
    ]


class OneByOne:
    """Each question, and each fork of its options, in a pass of its own from an empty cache: no
    tree, no packing, no remembered prefix, and the whole compiled head; positions and mask are
    written out here.
    """

    def __init__(self, parts):
        self.parts = parts
        self.chat = read_chat_format(parts.layout, parts.coder)

    def hidden(self, ids, seen):
        runner, image = self.parts.runner, self.parts.layout.tokens.image
        ids = np.array(ids)
        visual = ids == image
        at, columns = int(np.argmax(visual)), seen.grid[1]
        positions = np.zeros((3, len(ids)), np.int64)
        after = at + visual.sum()
        positions[:, :at] = np.arange(at)
        positions[:, at:after] = at
        positions[1, at:after] += np.arange(after - at) // columns
        positions[2, at:after] += np.arange(after - at) % columns
        positions[:, after:] = at + max(seen.grid) + np.arange(len(ids) - after)
        embeddings = runner.embed(ids)
        embeddings[visual] = seen.tokens
        runner.clear()
        mask = np.tri(len(ids), dtype=bool)
        return runner.forward(embeddings, positions, mask, seen.deepstack, visual)

    def ask(self, asked, seen):
        coder, tokens = self.parts.coder, self.parts.layout.tokens
        pads = (tokens.image,) * (seen.grid[0] * seen.grid[1])
        trunk = build_prefix(self.chat, coder, asked)
        trunk += (tokens.vision_start, *pads, tokens.vision_end)
        trunk += build_turn(self.chat, coder)
        answers = []
        for number, question in enumerate(asked, start=1):
            plan = plan_typed(coder, tokens.eos, number, question)
            rows = [
                Row(self.hidden(trunk + plan.stub + fork.path, seen)[-1], fork.groups)
                for fork in plan.forks
            ]
            read = read_rows(lambda h, tokens: self.parts.runner.logits(h)[:, tokens], rows)
            answers.append(score(plan, read))
        return answers


def largest_difference(packed, single):
    assert [a.question_id for a in packed] == [a.question_id for a in single]
    assert [a.value for a in packed] == [a.value for a in single]
    return max(
        abs(a.probabilities[option] - b.probabilities[option])
        for a, b in zip(packed, single, strict=True)
        for option in b.probabilities
    )


def check(engine, parts, image, asked):
    result = engine.analyze(AnalysisRequest("r", image, None, (Look((), tuple(asked)),)))
    again = engine.analyze(AnalysisRequest("r", image, None, (Look((), tuple(asked)),)))
    assert result.answers == again.answers  # the second look restores the remembered prefix
    for answer in result.answers:
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert answer.probability == max(answer.probabilities.values())
    single = OneByOne(parts).ask(asked, parts.eye.look([image]))
    difference = largest_difference(result.answers, single)
    assert difference < 1e-4
    return difference


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(demo_engine, demo_parts, noise, kind):
    one = KINDS[kind]
    asked = [Question(f"q{i}", one.kind, f"{one.text} ({i})", one.options) for i in range(3)]
    check(demo_engine, demo_parts, noise(320, 256), asked)


@pytest.mark.parametrize("num", [1, 2, 8, 32])
def test_mixed_questions(demo_engine, demo_parts, noise, num):
    check(demo_engine, demo_parts, noise(256, 320, seed=num), mixed(num))


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("num", [8, 32])
def test_with_the_real_vocabulary(tiny_engine, tiny_parts, noise, figure, num):
    difference = check(tiny_engine, tiny_parts, noise(320, 256), mixed(num))
    figure(f"{num} packed questions against one by one: {difference:.1e} (probability)")


def test_text_and_description_do_not_change_typed_answers(demo_engine, noise):
    image, asked = noise(256, 256), tuple(mixed(4))
    plain = demo_engine.analyze(AnalysisRequest("r", image, None, (Look((), asked),)))
    more = (*asked, questions.text("t", "What happens here?", 30))
    full = demo_engine.analyze(AnalysisRequest("r", image, None, (Look((), more),), describe=True))
    assert largest_difference(full.answers[:4], plain.answers) < 1e-5
    assert full.description is not None


def test_the_judge_sees_a_leak_between_stubs(demo_engine, demo_parts, noise, monkeypatch):
    """If stubs saw each other the comparison would fail: the tests above can fail."""
    forward = demo_engine._loaded.runner.forward

    def leaky(embeddings, positions, mask, deepstack=None, visual=None):
        length = mask.shape[1] - len(mask)
        open_mask = np.tri(len(mask), mask.shape[1], length, dtype=bool)
        return forward(embeddings, positions, open_mask, deepstack, visual)

    monkeypatch.setattr(demo_engine._loaded.runner, "forward", leaky)
    with pytest.raises(AssertionError):
        check(demo_engine, demo_parts, noise(256, 256), mixed(8))


def test_prefix_cache_is_bounded(demo_parts):
    tree = TokenTree(demo_parts.runner)
    prefixes = PrefixCache(demo_parts.runner, max_prefixes=3, max_bytes=10**9)
    for i in range(10):
        prefixes.start(tree, tuple(range(20, 40 + i)))
        assert demo_parts.runner.length == 20 + i
    assert len(prefixes) == 3
    small = PrefixCache(demo_parts.runner, max_prefixes=3, max_bytes=1)
    small.start(tree, tuple(range(20, 40)))
    assert len(small) == 0
    assert small.num_bytes == 0
