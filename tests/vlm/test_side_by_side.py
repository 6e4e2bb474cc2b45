"""What is written side by side is what is written alone: on scripts, and on models."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from edge import questions
from edge.grammar import GO_ON, compile_schema, compile_some
from edge.questions import AnalysisRequest, Look
from edge.schema_check import bound_schema
from edge.vlm.asked import Opening, Prompt
from edge.vlm.decode import TextBounds, write_text
from edge.vlm.describe import Describer
from edge.vlm.description import GROUPS, REQUEST, SCHEMA
from edge.vlm.document import DocumentBounds, write_document
from edge.vlm.engine import open_engine
from edge.vlm.guide import Guide, Guides
from edge.vlm.layout import load_layout
from edge.vlm.pen import Pen, Stroke, read_ends, together, write
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import load_tokens
from edge.vlm.tree import ROOT, Segment, TokenTree
from tests.support.scripted_pen import RandomPen, ScriptedPen

HOUR_S = 3600.0
SAID = {
    "summary": "A man at the gate.",
    "objects": ["man", "gate", "car"],
    "texts": ["STOP"],
    "spatial_relations": ["man near gate", "car left of man"],
}


class Desk:
    """A tokenizer with what writes descriptions by it, key groups apart."""

    def __init__(self, model_dir) -> None:
        layout = load_layout(model_dir)
        self.coder, self.eos, self.num_tokens = (
            load_tokens(layout),
            layout.tokens.eos,
            layout.text.vocab,
        )
        self.guides = Guides(self.coder, self.num_tokens, self.eos)
        self.describer = Describer(self.coder, self.num_tokens, self.eos)
        self.plan = self.describer.plan()

    def pens(self, scripts, *, guessed=True):
        pens = [
            ScriptedPen(
                self.coder,
                script,
                part.opening,
                end=min(self.eos),
                num_tokens=self.num_tokens,
            )
            for script, part in zip(scripts, self.plan.parts, strict=True)
        ]
        for pen, part in zip(pens, self.plan.parts, strict=True):
            pen.ahead = list(part.guess) if guessed else []
        return pens

    def describe(self, pens, late_s=HOUR_S, max_tokens=2000):
        bounds = DocumentBounds(max_tokens, time.monotonic() + late_s)
        return write(self.describer.write(pens, self.plan, bounds))

    def document(self, pen, keys, max_tokens=2000):
        bounds = DocumentBounds(max_tokens, time.monotonic() + HOUR_S)
        grammar = compile_some(SCHEMA, keys)
        return write_document(pen, self.guides, grammar, self.eos, bounds)


@pytest.fixture(scope="module")
def desk(demo_dir):
    return Desk(demo_dir)


def scripts(said=SAID, end="}"):
    """What a model wants to write of each group."""
    whole = [json.dumps({key: said[key] for key in keys}) for keys in GROUPS]
    return [text[:-1] + end for text in whole]


def test_the_groups_hold_every_key_once():
    assert sorted(key for keys in GROUPS for key in keys) == sorted(SCHEMA["properties"])


@pytest.mark.parametrize("end", ["}", f', "{GO_ON}": null}}'], ids=["ends", "goes on"])
def test_the_parts_make_one_description(desk, end):
    pens = desk.pens(scripts(end=end))
    told = desk.describe(pens)
    assert (told.summary, told.objects) == (SAID["summary"], tuple(SAID["objects"]))
    assert told.texts == ("STOP",)
    assert told.spatial_relations == tuple(SAID["spatial_relations"])
    assert not told.truncated


def test_each_step_is_one_pass(desk):
    passes = []

    class Counted(ScriptedPen):
        def feed(self, ids, beside=(), guess=()):
            if beside or not self.is_beside:
                passes.append(1 + len(beside))
            for stroke in beside:
                stroke.pen.is_beside = True
            super().feed(ids, beside, guess)
            for stroke in beside:
                stroke.pen.is_beside = False

        is_beside = False

    pens = desk.pens(scripts())
    for pen in pens:
        pen.__class__ = Counted
    desk.describe(pens)
    steps = [len(pen.blocks) for pen in pens]
    assert len(passes) == max(steps)
    assert sum(passes) == sum(steps)
    assert passes == sorted(passes, reverse=True), "those that have ended are fed no more"


@pytest.mark.parametrize(
    "said",
    [SAID, {**SAID, "texts": [], "spatial_relations": []}, {**SAID, "objects": []}],
    ids=["full", "two empty", "one empty"],
)
def test_lists_that_are_guessed_to_begin_save_a_pass_each(desk, said, monkeypatch):
    pens = desk.pens(scripts(said))
    told = desk.describe(pens)
    assert (told.objects, told.texts) == (tuple(said["objects"]), tuple(said["texts"]))
    assert told.spatial_relations == tuple(said["spatial_relations"])
    monkeypatch.setattr(Guide, "guess", lambda _: ())
    plain = desk.pens(scripts(said), guessed=False)
    assert desk.describe(plain) == told
    assert [pen.ids for pen in pens] == [pen.ids for pen in plain]
    assert [pen.num_written for pen in pens] == [pen.num_written for pen in plain]
    filled = [sum(bool(said[k]) for k in keys if k != "summary") for keys in GROUPS]
    saved = [len(slow.blocks) - len(quick.blocks) for slow, quick in zip(plain, pens, strict=True)]
    assert saved == filled


@pytest.mark.parametrize(
    ("schema", "guess"),
    [
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, ' ["'),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3}, ' ["'),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}, ""),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 3}, ""),
        ({"type": "boolean"}, ""),
        ({"type": "string"}, ""),
    ],
    ids=["texts", "choices", "a text must come", "numbers", "no list", "a text"],
)
def test_what_is_guessed(desk, schema, guess):
    schema = {"type": "object", "properties": {"a": schema}}
    (part,) = desk.describer.plan(schema).parts
    assert part.guess == desk.coder.encode(guess)


def test_nothing_is_guessed_in_a_text(desk):
    guide = desk.guides.begin(compile_some(SCHEMA, ["summary"]))
    assert guide.try_take(desk.coder.encode("It says:"))
    assert guide.guess() == ()


def test_a_part_that_is_cut_leaves_the_others_alone(desk):
    calm = scripts()
    wild = [
        '{"summary": "I see ' + "the gate and " * 90,
        '{"objects": ["car", "man", "Car", "dog"], "spatial_relations": []}',
        calm[2],
    ]
    told = desk.describe(desk.pens(wild))
    assert told.summary.startswith("I see the gate")
    assert len(told.summary) < 80
    assert told.truncated  # a loop was cut
    assert told.objects == ("car", "man")  # and a list, where it repeats
    assert told.texts == ("STOP",)


def test_the_deadline_closes_all_parts(desk):
    pens = desk.pens(scripts())
    told = desk.describe(pens, late_s=-1)
    assert told.truncated
    assert [pen.num_written for pen in pens] == [1] * len(GROUPS)
    assert [pen.blocks for pen in pens] == [[]] * len(GROUPS)


def test_a_part_out_of_tokens_is_closed(desk):
    pens = desk.pens(scripts())
    told = desk.describe(pens, max_tokens=9)
    assert told.truncated
    assert SAID["summary"].startswith(told.summary)
    assert told.texts == ("STOP",)


def test_random_parts_are_valid(desk):
    for seed in range(30):
        pens = [RandomPen(desk.num_tokens, 10 * seed + n) for n in range(len(GROUPS))]
        written = write(
            together([desk.document(pen, keys) for pen, keys in zip(pens, GROUPS, strict=True)])
        )
        value = {key: part for one in written for key, part in one.value.items()}
        jsonschema.validate(value, bound_schema(SCHEMA))
        assert [pen.num_fed for pen in pens] == [one.num_steps for one in written]


def test_a_user_may_have_the_key_with_which_parts_go_on(desk):
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}, GO_ON: {"enum": [None]}}}
    grammar = compile_schema(schema)
    pen = ScriptedPen(
        desk.coder,
        f'{{"a": true, "{GO_ON}": null}}',
        desk.guides.begin(grammar).ids,
        end=min(desk.eos),
        num_tokens=desk.num_tokens,
    )
    bounds = DocumentBounds(99, time.monotonic() + HOUR_S)
    written = write(write_document(pen, desk.guides, grammar, desk.eos, bounds))
    assert written.value == {"a": True, GO_ON: None}


def test_a_users_schema_is_written_in_one(desk):
    schema = {"type": "object", "properties": {key: {"type": "boolean"} for key in "ab"}}
    plan = desk.describer.plan(schema)
    assert plan.parts == (plan.whole,)


def test_a_model_that_learned_one_order_is_asked_for_one_document(demo_dir, desk):
    assert load_layout(demo_dir).describes_in_one
    plan = Describer(desk.coder, desk.num_tokens, desk.eos, in_one=True).plan()
    assert plan.parts == (plan.whole,)


def test_every_request_names_the_keys(desk):
    in_one = Describer(desk.coder, desk.num_tokens, desk.eos, in_one=True).plan()
    assert in_one.request == REQUEST, "the wording that the bundled model learned"
    assert len(desk.coder.encode(desk.plan.request)) < len(desk.coder.encode(REQUEST))
    for request in (in_one.request, desk.plan.request):
        assert all(key in request for key in SCHEMA["properties"])


def test_openings_share_what_they_begin_with():
    words = (1, 2)
    assert Prompt(words).fork() == (words, ((),))
    assert Prompt(words, (Opening((7, 8, 9)),)).fork() == ((1, 2, 7, 8, 9), ((),))
    three = Prompt(words, (Opening((7, 8, 9)), Opening((7, 5), (4,)), Opening((7,))))
    assert three.fork() == ((1, 2, 7), ((8, 9), (5, 4), ()))
    assert three.num_tokens == 7


# On models


def starts(coder):
    words = ("A man at the", "Two cars and", "The gate is", "A", "Words on the sign:")
    return [coder.encode(text) for text in words]


def pens_behind(parts, forks, guesses=None):
    """Pens at the ends of branches of one trunk, with guesses ahead if given."""
    guesses = guesses or [()] * len(forks)
    tree = TokenTree(parts.runner)
    tree.start()
    trunk = Segment(parts.coder.encode("What is in the picture?"), ROOT)
    branches = [Segment(ids + guess, 0) for ids, guess in zip(forks, guesses, strict=True)]
    ends = read_ends(parts.runner, tree.grow([trunk, *branches])[1:], guesses)
    return [
        Pen(tree, parts.runner, *end, ahead=list(zip(guess, ahead, strict=True)))
        for (end, *ahead), guess in zip(ends, guesses, strict=True)
    ]


def texts_and_documents(parts, desk, forks):
    """Writings of all kinds and lengths for the pens behind `forks`: the last three are documents,
    with few tokens, with many, and one that must be closed.
    """
    texts = [
        TextBounds(5, 50, time.monotonic() + HOUR_S),
        TextBounds(90, 30, time.monotonic() + HOUR_S),
    ]
    lengths = (12, 60, 33)

    def build(pens, only=None):
        made = [
            *(
                lambda pen, bounds=bounds: write_text(pen, parts.coder, desk.eos, bounds)
                for bounds in texts
            ),
            *(
                lambda pen, keys=keys, most=most: desk.document(pen, keys, most)
                for keys, most in zip(GROUPS, lengths, strict=True)
            ),
        ]
        if only is not None:
            return [made[only](pens[0])]
        return [make(pen) for make, pen in zip(made, pens, strict=True)]

    return build


def check_as_alone(parts, desk, monkeypatch):
    openings = [part.opening for part in desk.plan.parts]
    forks = [ids + tail for ids, tail in zip(starts(parts.coder), [(), (), *openings], strict=True)]
    build = texts_and_documents(parts, desk, forks)
    pens = pens_behind(parts, forks, [(), (), *(part.guess for part in desk.plan.parts)])
    assert any(pen.ahead for pen in pens)
    beside = write(together(build(pens)))
    monkeypatch.setattr(Guide, "guess", lambda _: ())
    for n, fork in enumerate(forks):
        (pen,) = pens_behind(parts, [fork])
        (alone,) = write(together(build([pen], only=n)))
        if n >= 2:  # what was guessed right took no pass
            assert beside[n].num_steps <= alone.num_steps
            alone = replace(alone, num_steps=beside[n].num_steps)
        if n < 2:
            assert beside[n].probability == pytest.approx(alone.probability, abs=1e-4)
            alone = replace(alone, probability=beside[n].probability)
        assert beside[n] == alone
        assert pens[n].fed == pen.fed
        np.testing.assert_allclose(pens[n].logits, pen.logits, atol=1e-3)
    return beside


def test_as_alone_on_the_bundled_model(demo_parts, desk, monkeypatch):
    check_as_alone(demo_parts, desk, monkeypatch)


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
def test_as_alone_with_the_real_vocabulary(tiny_parts, tiny, monkeypatch):
    beside = check_as_alone(tiny_parts, Desk(tiny.ov), monkeypatch)
    assert {one.ending for one in beside[2:]} & {"loop", "tokens"}  # random weights need cutting


def test_what_a_pen_took_back_is_hidden_from_all(demo_parts):
    coder, (first, second) = demo_parts.coder, starts(demo_parts.coder)[:2]
    wrong, right, other = (coder.encode(t) for t in (" red van and a", " gate", " a dog"))
    straight, beside = pens_behind(demo_parts, [first, second])
    straight.feed(right, [Stroke(beside, other)])
    turned, witness = pens_behind(demo_parts, [first, second])
    turned.feed(wrong, [Stroke(witness, other[:1])])
    turned.back(len(wrong))
    turned.feed(right, [Stroke(witness, other[1:])])
    np.testing.assert_allclose(turned.logits, straight.logits, atol=1e-4)
    np.testing.assert_allclose(witness.logits, beside.logits, atol=1e-4)


def test_a_guess_is_as_if_fed_or_never_seen(demo_parts):
    coder, (first, second) = demo_parts.coder, starts(demo_parts.coder)[:2]
    right, then, wrong, other = (
        coder.encode(t) for t in (" gate", " is open", " red van", " a dog")
    )
    straight, beside = pens_behind(demo_parts, [first, second])
    straight.feed(right)
    behind_right = straight.logits
    straight.feed(then)
    beside.feed(other)
    pen, witness = pens_behind(demo_parts, [first, second])
    pen.feed(right, [Stroke(witness, other[:1], other[1:] + wrong)], guess=then)
    np.testing.assert_allclose(pen.logits, behind_right, atol=1e-4)
    assert pen.follow(then[:1]) == 1
    assert pen.follow(then[1:]) == len(then) - 1
    assert witness.follow((*other[1:], right[0])) == len(other) - 1
    for guessed, fed in ((pen, straight), (witness, beside)):
        np.testing.assert_allclose(guessed.logits, fed.logits, atol=1e-4)
        assert guessed.fed == fed.fed
        assert guessed.branch.position == fed.branch.position
        assert guessed.ahead == []
    straight.feed(right, [Stroke(beside, right)])
    pen.feed(right, [Stroke(witness, right)])
    np.testing.assert_allclose(pen.logits, straight.logits, atol=1e-4)
    np.testing.assert_allclose(witness.logits, beside.logits, atol=1e-4)


def test_what_is_taken_back_takes_the_guess_along(demo_parts):
    coder = demo_parts.coder
    (pen,) = pens_behind(demo_parts, [starts(coder)[0]])
    pen.feed(coder.encode(" red van"), guess=coder.encode(" and"))
    pen.back(1)
    assert pen.follow(coder.encode(" and")) == 0


@pytest.fixture(scope="module")
def apart(demo_dir, tmp_path_factory):
    """The bundled model without a word of how it was trained."""
    folder = tmp_path_factory.mktemp("model")
    for file in demo_dir.iterdir():
        if file.name != "edge_model.json":
            (folder / file.name).symlink_to(file)
    with open_engine(EngineSettings(folder, accuracy=True)) as engine:
        yield engine


def test_a_look_writes_all_side_by_side(apart, noise, monkeypatch):
    image = noise(256, 192)
    texts = tuple(questions.text(f"t{n}", f"What is there, {n}?", 20 + n) for n in range(2))
    alone = [
        apart.analyze(AnalysisRequest("r", image, None, (Look((), (one,)),))).answers[0]
        for one in texts
    ]
    description = apart.analyze(AnalysisRequest("r", image, None, (), describe=True)).description
    runner, sizes = apart._loaded.runner, []
    forward = runner.forward

    def counted(embeddings, *rest):
        sizes.append(len(embeddings))
        return forward(embeddings, *rest)

    monkeypatch.setattr(runner, "forward", counted)
    look = Look((), texts)
    result = apart.analyze(AnalysisRequest("r", noise(256, 192), None, (look,), describe=True))
    assert [a.value for a in result.answers] == [a.value for a in alone]
    assert result.description == description
    assert len(sizes) < result.timing.output_tokens, "several tokens go in one pass"
