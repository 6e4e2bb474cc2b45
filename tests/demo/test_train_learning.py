"""The training learns, stops and goes on; what it teaches is what the engine asks."""

from __future__ import annotations

import importlib.util
import json
import math

import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

import torch
from transformers.utils import logging as transformers_logging

from edge.demo.train import loop
from edge.demo.train.asking import Lists, ask_about, build_writer
from edge.demo.train.dims import NUM_VOCABULARY, TEXT
from edge.demo.train.model import Sight, build_model, see
from edge.demo.train.speaking import ALONE_WEIGHT, answer_weights, hear, speak, typed_answers
from edge.demo.train.tail import NO_TARGET, Text
from edge.demo.train.teaching import (
    Heads,
    look_at,
    score,
    stack_labels,
    target_of,
    teach,
)
from edge.demo.train.team import Place
from edge.demo.train.trainee import Pupil, Trainee
from edge.demo.train.views import Mixture, endless_batches
from edge.demo.train.vocabulary import build_tokenizer
from edge.demo.train.writing import Exchange
from edge.questions import yes_no
from edge.vlm.dialogue import build_ask

transformers_logging.set_verbosity_error()
ALONE = Place(0, 1)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # of a busy machine's cores, threads that wait are a waste
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(NUM_VOCABULARY)


@pytest.fixture(scope="module")
def writer(tokenizer):
    return build_writer(tokenizer, NUM_VOCABULARY)


@pytest.fixture(scope="module")
def views():
    return next(endless_batches((1,), Mixture(clutter=0.3, whole_frac=0, pair_frac=0, low=True)))[
        :6
    ]


def trainee(tokenizer) -> Trainee:
    return Trainee(Pupil(build_model(tokenizer.get_vocab(), seed=1)), torch.float32)


def test_what_is_seen_and_said_is_learned(tokenizer, writer, views):
    """A few pictures by heart: labels, typed questions and texts all get much better."""
    learner = trainee(tokenizer)
    pictures = torch.from_numpy(np.stack([view.pictures for view in views]))
    target = stack_labels([view.labels for view in views])
    lists = Lists(listed=True, text=True, conversation=False, description=False)
    lesson = ask_about(np.random.default_rng(8), writer, views, lists)

    def losses():
        image = learner.image
        sight = see(image.visual, pictures)
        heard = hear(image.language, lesson.packed, sight.tokens, sight.deepstack)
        return teach(image.heads, sight, target) | speak(image.language, heard, lesson)

    first = {name: float(loss.detach()) for name, loss in losses().items()}
    for _ in range(14):
        sum(losses().values()).backward()
        learner.update(ALONE, 1.0)
    last = {name: float(loss.detach()) for name, loss in losses().items()}
    assert set(first) == {"tokens", "letters", "patches", "symbols", "typed", "any", "text"}
    assert last["tokens"] < 0.8 * first["tokens"]
    assert last["typed"] < 0.8 * first["typed"]
    assert last["text"] < 0.6 * first["text"]
    assert learner.step == 14


def test_probabilities_are_those_of_the_options(tokenizer, writer, views):
    learner = trainee(tokenizer)
    lists = Lists(listed=True, text=False, conversation=False, description=False)
    lesson = ask_about(np.random.default_rng(8), writer, views, lists)
    tokens = torch.randn(len(views), len(lesson.packed.pictures_at), TEXT["hidden_size"])
    with torch.no_grad():
        heard = hear(learner.image.language, lesson.packed, tokens)
    answers = typed_answers(learner.image.language, heard)
    assert len(answers) == len(views)
    for picture in answers:
        for ask, shares in zip(lesson.asks, picture, strict=True):
            assert tuple(shares) == ask.question.options
            assert sum(shares.values()) == pytest.approx(1)


def test_rare_answers_can_count_as_much_as_usual_ones():
    groups = np.array([[0, 1, 2], [1, 1, 2], [1, 1, NO_TARGET], [1, NO_TARGET, 0]])
    plain = answer_weights(groups, even=False)
    np.testing.assert_array_equal(plain, groups != NO_TARGET)
    even = answer_weights(groups, even=True)
    np.testing.assert_allclose(even[:, 0], [1 / 2, 1 / 6, 1 / 6, 1 / 6])
    np.testing.assert_allclose(even[:, 1], np.array([1, 1, 1, 0]) * ALONE_WEIGHT / 3, rtol=1e-6)
    np.testing.assert_allclose(even[:, 2], [1 / 4, 1 / 4, 0, 1 / 2])


def test_symbols_of_different_labels_differ(views):
    heads = Heads()
    target = stack_labels([view.labels for view in views])
    symbols = heads.symbols(target)
    back = symbols @ heads.channels.T
    np.testing.assert_allclose(back, target.tokens, atol=1e-4)


def test_the_score_counts_what_the_heads_say(views):
    """Heads that say the labels themselves are right everywhere."""
    target = stack_labels([view.labels for view in views])
    heads = Heads()
    with torch.no_grad():
        heads.of_tokens.weight.copy_(40 * heads.channels)
        heads.of_tokens.bias.fill_(-16.0)
    patches = torch.zeros(*target.patches.shape[:2], heads.of_patches.in_features)
    found = score(heads, Sight(heads.symbols(target), (), patches), target)
    assert found["door"][1] > 0
    for name, (right, asked) in found.items():
        assert right == asked or name == "letters", name


def counting_stage(num_steps: int, seen: list[int]) -> loop.Stage:
    """A stage whose step draws the head's bias towards 1, and notes its number."""

    def start(seed):
        assert len(seed) == 4

        def step(learner, number):
            seen.append(number)
            loss = (learner.image.heads.of_tokens.bias - 1).square().mean()
            return loop.Outcome({"off": loss}, {"right": (1.0, 2.0)}, 3)

        return step

    return loop.Stage("count", num_steps, start)


def test_training_goes_on_where_it_was_stopped(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "TELL_EVERY", 2)
    seen: list[int] = []
    stages = [counting_stage(4, seen), counting_stage(6, seen)]
    learner = trainee(tokenizer)
    assert not loop.train(ALONE, learner, stages, 1, tmp_path, hours=0.0)
    assert seen == [0, 1]
    assert not loop.is_done(tmp_path)
    other = Trainee(Pupil(build_model(tokenizer.get_vocab(), seed=2)), torch.float32)
    assert loop.train(ALONE, other, stages, 1, tmp_path, hours=1.0)
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert other.step == 10
    assert loop.is_done(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / loop.JOURNAL).read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 2, 4, 6]
    assert lines[0]["score"] == {"right": 0.5}
    assert lines[-1]["loss"]["off"] < lines[0]["loss"]["off"]
    # Weights that no loss reached are those of the first seed, not of the second.
    one, two = learner.pupil.state_dict(), other.pupil.state_dict()
    assert torch.equal(
        one["model.model.visual.pos_embed.weight"], two["model.model.visual.pos_embed.weight"]
    )


def test_the_rate_rises_stays_and_falls():
    rates = [loop.rate_at(step, 1000) for step in range(1000)]
    assert rates[0] < 0.1
    assert rates[300] == 1
    assert 0.5 < rates[600] < 0.8
    assert rates[-1] == pytest.approx(0.05)
    assert max(rates) == 1


def test_a_step_that_gives_no_number_changes_nothing(tokenizer):
    learner = trainee(tokenizer)
    before = learner.pupil.heads.of_tokens.bias.clone()
    (learner.image.heads.of_tokens.bias.sum() * math.nan).backward()
    learner.update(ALONE, 1.0)
    assert torch.equal(learner.pupil.heads.of_tokens.bias, before)


def test_batches_come_again():
    rng = np.random.default_rng(0)
    batches = loop.replayed(([n] for n in range(50)), rng, length=5, times=2)
    seen = [batch[0] for batch in batches]
    assert sorted(set(seen)) == list(range(50))
    assert len(seen) == 50 + 45


VALUE = {
    "summary": "A person walks on the path.",
    "objects": ["person", "door"],
    "texts": ["CT6CQ"],
    "spatial_relations": [],
}


def test_a_description_is_taught_as_the_grammar_writes_it(writer):
    """The tokens are a document by the grammar, and what is forced is not learned."""
    text = writer.description(VALUE)
    coder = writer.grammar.coder
    whole = coder.decode(text.ids)
    assert whole.endswith(json.dumps(VALUE))
    forced = [i for i, t in zip(text.ids[1:], text.targets, strict=False) if t == NO_TARGET]
    assert "spatial" in coder.decode(forced)
    learned = coder.decode([t for t in text.targets if t != NO_TARGET])
    assert "person" in learned
    assert "spatial" not in learned
    follows = [*text.ids[1:], None]
    for target, after in zip(text.targets, follows, strict=True):
        assert target in (NO_TARGET, after)


def test_texts_are_spelled_letter_by_letter(writer):
    assert len(writer.grammar.coder.encode("CT6CQ")) == 5


def test_a_conversation_is_written_as_the_engine_writes_it(writer):
    question = yes_no("q", "Is there a dog?")
    coder, chat = writer.grammar.coder, writer.grammar.chat
    words = coder.decode(build_ask(coder, question))
    text = writer.conversation([Exchange(words, "no"), Exchange("Why?", "nobody")])
    no, nobody = coder.encode("no"), coder.encode("nobody")
    wanted = build_ask(coder, question) + chat.closing + no + writer.following
    assert text.ids == wanted + coder.encode("Why?") + chat.closing + nobody
    learned = [t for t in text.targets if t != NO_TARGET]
    assert learned == [*no, writer.end, *nobody, writer.end]


def test_overviews_are_seen_and_learned_too(tokenizer, writer):
    mixture = Mixture(whole_frac=0, small_frac=0, pair_frac=0, overview_frac=1.0)
    batches = endless_batches((3,), mixture)
    views = next(batch for batch in batches if batch[0].overview is not None)[:2]
    learner = trainee(tokenizer)
    sight = look_at(learner.image.visual, views)
    lists = Lists(listed=True, text=True, conversation=False, description=False)
    lesson = ask_about(np.random.default_rng(1), writer, views, lists)
    assert sight.tokens.shape[1] == len(lesson.packed.pictures_at)
    heard = hear(learner.image.language, lesson.packed, sight.tokens, sight.deepstack)
    losses = teach(learner.image.heads, sight, target_of(views))
    losses |= speak(learner.image.language, heard, lesson)
    assert all(math.isfinite(float(loss.detach())) for loss in losses.values())


def test_a_question_without_an_answer_teaches_nothing(writer):
    text = writer.answer(Exchange("Who?", None))
    assert isinstance(text, Text)
    assert set(text.targets) == {NO_TARGET}
