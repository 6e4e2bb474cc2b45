"""Where the model is told to look: at its question, and at what shows the answer."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed (extra `train`)", allow_module_level=True)

import torch

from edge.demo.train.asking import build_writer
from edge.demo.train.dims import NUM_VOCABULARY, TEXT
from edge.demo.train.labels import ALPHABET, CHANNELS, NUM_SLOTS
from edge.demo.train.model import build_model
from edge.demo.train.packing import Packed, Shown, pack
from edge.demo.train.pointing import HEADS, Pointers, build_pointers
from edge.demo.train.speaking import hear
from edge.demo.train.teaching import Target
from edge.demo.train.vocabulary import build_tokenizer
from edge.demo.train.writing import Exchange
from edge.questions import Question, choice, count, yes_no

GRID = (2, 3)
NUM = GRID[0] * GRID[1]
QUESTIONS = (
    yes_no("a", "Is there a car in the picture (or two)?"),
    count("b", "How many people are there?"),
    *(choice(f"c{n}", "Where is the parcel?", ("lawn", "path")) for n in range(10)),
)
CAR, PEOPLE, PARCEL = ("car covers",), (), ("parcel covers",)
SHOWN_BY = (CAR, PEOPLE, *(PARCEL,) * 10)


@pytest.fixture(scope="module")
def writer():
    return build_writer(build_tokenizer(NUM_VOCABULARY), NUM_VOCABULARY)


def target(*shown: tuple[int, int, str]) -> Target:
    """Labels of two pictures; each (picture, token, channel) is fully there."""
    tokens = torch.zeros(2, NUM, len(CHANNELS))
    for picture, token, name in shown:
        tokens[picture, token, CHANNELS.index(name)] = 1
    letters = torch.zeros(2, NUM, NUM_SLOTS, dtype=torch.int64)
    return Target(tokens, torch.zeros(2, 4 * NUM, 1), letters)


def packed_list(writer, questions: tuple[Question, ...] = QUESTIONS) -> Packed:
    return pack(writer.grammar, [Shown(GRID)], questions, [])


def pointers(packed: Packed, labels: Target, *, answered: bool = True) -> Pointers:
    found = build_pointers(
        packed, SHOWN_BY[: len(packed.plans)], np.full((2, len(packed.plans)), answered), labels
    )
    assert found is not None
    return found


def test_questions_are_found_in_their_list(writer):
    packed = packed_list(writer)
    coder = writer.grammar.coder
    for number, (question, listed) in enumerate(zip(QUESTIONS, packed.listed, strict=True), 1):
        assert coder.decode(packed.prefix[slice(*listed.number)].tolist()) == str(number)
        assert coder.decode(packed.prefix[slice(*listed.words)].tolist()) == " " + question.text
        stub = coder.decode([int(packed.tail[0, place]) for place in listed.stub])
        assert stub.strip() == str(number)


def test_an_answer_looks_at_what_shows_it(writer):
    packed = packed_list(writer)
    found = pointers(packed, target((0, 4, "car covers"), (1, 2, "parcel covers")))
    visual = len(packed.prefix) + packed.pictures_at
    car = found.things[:, 0].numpy()
    assert np.flatnonzero(car[0]).tolist() == [visual[4]]
    end = visual[-1] + 1
    assert packed.tail[0, end - len(packed.prefix)] == writer.grammar.vision_end
    assert not car[1].any()
    nothing = found.nothing[:, 0].numpy()
    assert not nothing[0].any()
    assert np.flatnonzero(nothing[1]).tolist() == [end]
    assert not found.things[:, 1].any(), "shown at no one place"
    assert np.flatnonzero(found.things[1, 5].numpy()).tolist() == [visual[2]]
    assert not pointers(packed, target((0, 4, "car covers")), answered=False).things.any()
    faint = target()
    faint.tokens[:, 3, CHANNELS.index("car covers")] = 0.2
    doubtful = pointers(packed, faint)
    assert not (doubtful.things | doubtful.nothing)[:, 0].any(), "neither there nor not"


def test_a_stub_looks_at_its_digits_and_its_words(writer):
    packed = packed_list(writer)
    found = pointers(packed, target())
    last = packed.listed[11]
    own = np.flatnonzero(found.own[1, 11].numpy()) - len(packed.prefix)
    assert tuple(own) == last.stub
    asked = packed.prefix[np.flatnonzero(found.asked[1, 11].numpy())]
    assert writer.grammar.coder.decode(asked.tolist()) == " parcel"
    everything = np.flatnonzero(found.asked[0, 1].numpy()).tolist()
    assert everything == list(range(*packed.listed[1].words)), "shown at no one place"
    at = found.words.tolist().index(last.words[0])
    assert np.flatnonzero(found.numbers[at].numpy()).tolist() == list(range(*last.number))


def test_what_is_read_looks_at_its_letter(writer):
    exchange = Exchange("Read the sign.", "B7", ("text on sign",), is_printed=True)
    texts = [writer.answer(exchange), writer.answer(Exchange("Who?", None))]
    packed = pack(writer.grammar, [Shown(GRID)], (), [texts])
    labels = target(*((0, token, "text on sign") for token in (1, 2)), (0, 3, "text on house"))
    for token, character in ((1, "B"), (2, "7"), (3, "7")):
        labels.letters[0, token, 2] = 1 + ALPHABET.index(character)
    found = pointers(packed, labels)
    visual = len(packed.prefix) + packed.pictures_at
    for row, token in enumerate((1, 2)):
        assert np.flatnonzero(found.things[0, row].numpy()).tolist() == [visual[token]]
        place = int(found.rows[0, row])
        assert packed.targets[0, place] == packed.tail[0, place + 1] or row == 1
    asked = packed.tail[0, np.flatnonzero(found.asked[0, 0].numpy()) - len(packed.prefix)]
    assert writer.grammar.coder.decode(asked.tolist()) == " sign"
    assert not found.things[1].any()
    assert not found.asked[1].any()


def test_nothing_to_tell(writer):
    text = writer.answer(Exchange("Who?", None))
    packed = pack(writer.grammar, [Shown(GRID)], (), [[text, text]])
    assert build_pointers(packed, (), np.zeros((2, 0), np.bool_), target()) is None


def test_looking_where_told_is_learned(writer):
    """The watched shares are those of the pass: they add up, and move under the loss."""
    tokenizer = build_tokenizer(NUM_VOCABULARY)
    language = build_model(tokenizer.get_vocab(), seed=1).model.language_model
    packed = packed_list(writer, QUESTIONS[:2])
    told = pointers(packed, target((0, 4, "car covers")))
    tokens = torch.randn(2, NUM, TEXT["hidden_size"], generator=torch.Generator().manual_seed(3))
    optimizer = torch.optim.AdamW(language.parameters(), lr=3e-3)
    missed = []
    for _ in range(8):
        heard = hear(language, packed, tokens, (), told)
        assert heard.missed is not None
        missed.append(float(heard.missed.detach()))
        optimizer.zero_grad()
        heard.missed.backward()
        optimizer.step()
    assert missed[-1] < 0.7 * missed[0]
    plain = hear(language, packed, tokens)
    assert plain.missed is None
    again = hear(language, packed, tokens, (), told)
    torch.testing.assert_close(plain.hidden, again.hidden)
    watch = told.watch_tail()
    assert max(HEADS) < TEXT["num_attention_heads"]
    assert set(watch.layers) <= set(range(TEXT["num_hidden_layers"]))
