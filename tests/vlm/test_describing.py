"""Descriptions under a grammar, on pens without a model and on the bundled one."""

from __future__ import annotations

import json
import time

import jsonschema
import numpy as np
import pytest

from edge.config.template import built_in_templates
from edge.errors import AnalysisFailed, QuestionError
from edge.grammar import compile_schema
from edge.questions import AnalysisRequest, Look
from edge.schema_check import bound_schema
from edge.vlm.describe import Describer
from edge.vlm.description import MAX_ITEM_CHARS, MAX_ITEMS, MAX_SUMMARY_CHARS, SCHEMA
from edge.vlm.document import DocumentBounds, write_document
from edge.vlm.engine import open_engine
from edge.vlm.guide import Guides
from edge.vlm.json_place import locate
from edge.vlm.layout import load_layout
from edge.vlm.pen import Pen, write
from edge.vlm.settings import EngineSettings
from edge.vlm.tokens import load_tokens
from edge.vlm.tree import ROOT, Segment, TokenTree
from tests.support.scripted_pen import RandomPen, ScriptedPen

HOUR_S = 3600.0

OWN = {
    "type": "object",
    "properties": {
        "plate": {"type": ["string", "null"], "pattern": "^[A-Z0-9]{2,8}$"},
        "kind": {"enum": ["car", "van", "lorry", 'a "bike"', "étage 门"]},
        "doors": {"type": "integer", "minimum": 2, "maximum": 17},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "moving": {"type": "boolean"},
        "people": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "role": {"type": "string", "maxLength": 12},
                    "hats": {"type": "array", "minItems": 1, "items": {"type": "boolean"}},
                },
            },
        },
        "word": {"type": "string", "minLength": 3, "maxLength": 5},
        "fixed": {"const": 7},
    },
}


class Bench:
    """The bundled tokenizer with everything that writes by it."""

    def __init__(self, demo_dir) -> None:
        layout = load_layout(demo_dir)
        self.coder = load_tokens(layout)
        self.num_tokens = layout.text.vocab
        self.eos = layout.tokens.eos
        self.end = min(self.eos)
        self.guides = Guides(self.coder, self.num_tokens, self.eos)
        # As the bundled model: all keys in one document.
        self.describer = Describer(self.coder, self.num_tokens, self.eos, in_one=True)

    def scripted(self, script, grammar):
        start = self.guides.begin(grammar).ids
        return ScriptedPen(self.coder, script, start, end=self.end, num_tokens=self.num_tokens)

    def document(self, pen, grammar, max_tokens=2000, late_s=HOUR_S):
        bounds = DocumentBounds(max_tokens, time.monotonic() + late_s)
        return write(write_document(pen, self.guides, grammar, self.eos, bounds))

    def written_in(self, script, schema, max_tokens):
        """What the model came to in so many tokens."""
        grammar = compile_schema(schema)
        return self.document(self.scripted(script, grammar), grammar, max_tokens).told

    def tell(self, script, late_s=HOUR_S, schema=None):
        plan = self.describer.plan(schema)
        pen = self.scripted(script, plan.whole.grammar)
        bounds = DocumentBounds(2000, time.monotonic() + late_s)
        return write(self.describer.write([pen], plan, bounds)), pen


@pytest.fixture(scope="module")
def bench(demo_dir):
    return Bench(demo_dir)


FULL = (
    '{"summary": "A man at the gate.", "objects": ["man", "gate", "car"], "texts": ["STOP"], '
    '"spatial_relations": ["man near gate", "car left of man"]}'
)


def test_description(bench):
    told, pen = bench.tell(FULL)
    assert told.summary == "A man at the gate."
    assert told.objects == ("man", "gate", "car")
    assert told.texts == ("STOP",)
    assert told.spatial_relations == ("man near gate", "car left of man")
    assert not told.truncated
    assert max(pen.blocks) > 3  # keys went in blocks


def test_forced_text_costs_no_steps(bench):
    grammar = compile_schema(SCHEMA)
    pen = bench.scripted(FULL, grammar)
    written = bench.document(pen, grammar)
    assert written.text == FULL
    assert written.num_steps == len(pen.blocks) < written.num_chosen + 1
    assert written.num_chosen + written.num_forced >= len(bench.coder.encode(FULL))
    assert written.num_forced >= 17  # of 46; keys are made of several tokens each


def test_empty_lists(bench):
    script = '{"summary": "Nothing.", "objects": [], "texts": [], "spatial_relations": []}'
    told, _ = bench.tell(script)
    assert told.summary == "Nothing."
    assert told.objects == told.texts == told.spatial_relations == ()


@pytest.mark.parametrize(
    "text",
    [
        'say "hi" C:\\x',
        "\\",
        '"',
        '\\"',
        "门口 👩 é",
        "{}[],:",
        "]}",
        '", "objects": ["',
        "  x  y ",
    ],
    ids=["both", "backslash", "quote", "pair", "foreign", "marks", "ends", "forged", "spaces"],
)
def test_hostile_strings_come_back_as_they_were(bench, text):
    script = FULL.replace('"STOP"', json.dumps(text, ensure_ascii=False))
    told, _ = bench.tell(script)
    assert told.texts == (" ".join(text.split()),)
    assert told.spatial_relations == ("man near gate", "car left of man")


@pytest.mark.parametrize(
    "text",
    ["\x1b", "\n", "\x7f", "\x85", "\u202e", "\u200b", "\u2028", "\ufffd", "\ue000", "\U000e0041"],
    ids=ascii,
)
def test_no_control_character_fits_in_a_string(bench, text):
    grammar = compile_schema(SCHEMA)
    assert bench.guides.begin(grammar).try_take(bench.coder.encode("plain"))
    assert not bench.guides.begin(grammar).try_take(bench.coder.encode(f"a{text}b"))


@pytest.mark.parametrize("escape", ["\\n", "\\u0041", "\\ud800", "\\x", "\\/"])
def test_only_quotes_and_backslashes_are_escaped(bench, escape):
    guide = bench.guides.begin(compile_schema(SCHEMA))
    before = guide.text
    assert not guide.try_take(bench.coder.encode(f"a{escape}b"))
    assert guide.text == before
    assert guide.try_take(bench.coder.encode('a\\"b\\\\", "objects": ['))


def test_a_list_ends_at_its_bound(bench):
    many = ", ".join(f'"thing {i}{i}"' for i in range(50))
    told, _ = bench.tell(f'{{"summary": "x", "objects": [{many}]')
    assert len(told.objects) == MAX_ITEMS
    assert told.objects[0] == "thing 00"
    assert told.truncated


def test_a_list_ends_when_an_item_comes_twice(bench):
    told, pen = bench.tell('{"summary": "x", "objects": ["car", "man", "Car", "dog"], "texts"')
    assert told.objects == ("car", "man")
    assert '"objects": ["car", "man"], "texts":' in pen.written


def test_choices_of_a_list_may_repeat(bench):
    """As in a row of lamps; free texts beside them still end where they repeat."""
    lamps = {"type": "array", "items": {"enum": ["red", "green"]}, "maxItems": 6}
    notes = {"type": "array", "items": {"type": "string"}}
    row = {"type": "object", "properties": {"lamps": lamps, "notes": notes}}
    schema = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": row, "maxItems": 2}},
    }
    one = '{"lamps": ["red", "green", "red", "red"], "notes": ["on", "off"]}'
    told, _ = bench.tell(f'{{"rows": [{one}]}}', schema=schema)
    assert told.details["rows"][0]["lamps"] == ["red", "green", "red", "red"]
    script = '{"rows": [{"lamps": ["red"], "notes": ["on", "off", "on", "out"]}]}'
    _, pen = bench.tell(script, schema=schema)
    assert '"notes": ["on", "off"]' in pen.written


def test_strings_are_bounded(bench):
    words = " ".join(f"word{i}" for i in range(400))
    told, _ = bench.tell(f'{{"summary": "{words}", "objects": []')
    assert told.summary == words[:MAX_SUMMARY_CHARS].rstrip()
    assert told.truncated
    told, _ = bench.tell(f'{{"summary": "x", "objects": ["{words}"], "texts": []')
    assert told.objects == (words[:MAX_ITEM_CHARS].rstrip(),)
    assert told.truncated


def test_a_bound_counts_characters_not_bytes(bench):
    told, _ = bench.tell(f'{{"summary": "{"门é" * 200}"')
    assert len(told.summary) <= MAX_SUMMARY_CHARS


@pytest.mark.parametrize("unit", ["the gate and ", "ha", "no. ", "👩 ", "门"])
def test_loops_are_cut_and_the_rest_is_written(bench, unit):
    grammar = compile_schema(
        {
            "type": "object",
            "properties": {
                "said": {"type": "string", "maxLength": 2000},
                "kind": {"enum": ["car", "van"]},
            },
        }
    )
    pen = bench.scripted('{"said": "I see ' + unit * 300 + '"', grammar)
    written = bench.document(pen, grammar)
    assert written.value["said"].startswith("I see " + unit.strip())
    assert len(written.value["said"]) < len("I see " + unit * 6)
    assert written.truncated
    assert pen.written.startswith(
        f'{{"said": {json.dumps(written.value["said"], ensure_ascii=False)}'
    )


def test_where_a_model_would_end_only_its_string_does(bench):
    """A document that is not whole may not end: all else is what fits and is most likely."""
    told, _ = bench.tell('{"summary": "A man')
    assert told.summary == "A man"
    assert not told.truncated
    told, _ = bench.tell('{"plate": "A', schema=OWN)  # a plate has two characters at least
    jsonschema.validate(told.details, bound_schema(OWN))
    assert told.details["plate"].startswith("A")


def test_a_late_description_is_cut(bench):
    told, pen = bench.tell(FULL, late_s=-1)
    assert told.truncated
    assert pen.num_written == 1
    assert pen.blocks == []


@pytest.mark.parametrize("schema", [SCHEMA, OWN], ids=["built-in", "own"])
def test_cut_at_any_token_it_is_still_whole(bench, schema):
    grammar = compile_schema(schema)
    script = FULL.replace("gate.", 'gäte 👩 \\"x\\".')
    if schema is OWN:
        script = (
            '{"plate": "AB12", "kind": "a \\"bike\\"", "doors": 12, "share": 0.25, "moving": true, '
            '"people": [{"role": "guard", "hats": [true, false]}], "word": "four", "fixed": 7}'
        )
    num = len(bench.coder.encode(script))
    whole = 0
    for max_tokens in range(1, num + 2):
        written = bench.document(bench.scripted(script, grammar), grammar, max_tokens)
        jsonschema.validate(json.loads(written.text), grammar.bounded)
        whole += not written.truncated
        assert written.truncated or written.text == script
    assert 1 <= whole < num / 2


def test_own_schema(bench):
    script = (
        '{"plate": null, "kind": "étage 门", "doors": 4, "share": 0.5, "moving": false, '
        '"people": [], "word": "stone", "fixed": 7}'
    )
    told, _ = bench.tell(script, schema=OWN)
    assert told.details == json.loads(script)
    assert told.summary == (
        "plate: unknown, kind: étage 门, doors: 4, share: 0.5, moving: no, people: none, "
        "word: stone, fixed: 7"
    )
    assert told.objects == ()
    assert told.truncated  # "stone" is as long as it may be


def test_what_the_model_did_not_come_to_is_left_out(bench):
    script = (
        '{"plate": "AB12", "kind": "van", "doors": 12, "share": 0.25, "moving": true, '
        '"people": [{"role": "guard", "hats": [true, false]}], "word": "four", "fixed": 7}'
    )
    full = json.loads(script)
    grammar = compile_schema(OWN)
    seen = set()
    for max_tokens in range(1, len(bench.coder.encode(script)) + 2):
        written = bench.document(bench.scripted(script, grammar), grammar, max_tokens)
        told = {key: value for key, value in written.told.items() if key != "word"}
        assert told == {key: full[key] for key in told}, "no value is of the closing's making"
        assert full["word"].startswith(written.told.get("word", ""))
        assert list(written.told) == list(full)[: len(written.told)]
        seen.add(len(written.told))
    assert seen == set(range(len(full) + 1))


def test_of_a_free_text_what_was_written_is_kept(bench):
    schema = {
        "type": "object",
        "properties": {"note": {"type": "string"}, "n": {"type": "integer", "minimum": 0}},
    }
    script = '{"note": "A man at the gate with a dog.", "n": 4}'
    num = len(bench.coder.encode(script))
    notes = [bench.written_in(script, schema, n).get("note", "") for n in range(1, num)]
    assert len(set(notes)) > 4, "it grows token by token"
    assert all("A man at the gate with a dog.".startswith(note) for note in notes)


def test_own_summary_is_the_summary(bench):
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}}
    told, _ = bench.tell('{"summary": "A man."}', schema=schema)
    assert (told.summary, told.details) == ("A man.", {"summary": "A man."})


def test_the_model_is_told_its_own_schema(bench):
    schema = {
        "type": "object",
        "properties": {
            "plate": {"type": "string", "description": "the number plate"},
            "axles": {"type": "integer", "minimum": 2, "maximum": 9},
            "marks": {"type": "array", "items": {"enum": ["rust", "dent"]}},
        },
    }
    assert bench.describer.plan(schema).request.endswith(
        '{"plate": <text: the number plate>, "axles": <integer 2 to 9>, '
        '"marks": [<"rust" | "dent">, ...]}'
    )


@pytest.mark.parametrize("schema", [SCHEMA, OWN], ids=["built-in", "own"])
def test_random_descriptions_are_valid(bench, schema):
    grammar = compile_schema(schema)
    for seed in range(100):
        pen = RandomPen(bench.num_tokens, seed)
        written = bench.document(pen, grammar)
        value = json.loads(written.text)
        jsonschema.validate(value, grammar.bounded)
        assert value == written.value
        assert pen.num_fed == written.num_steps


@pytest.mark.parametrize("logits", [np.nan, -np.inf], ids=["nan", "-inf"])
def test_useless_logits_are_an_error(bench, logits):
    grammar = compile_schema(SCHEMA)
    pen = RandomPen(bench.num_tokens, 0)
    pen.logits = np.full(bench.num_tokens, logits, np.float32)
    with pytest.raises(AnalysisFailed, match="no usable logits"):
        bench.document(pen, grammar)


def test_best_token_is_that_of_the_mask(bench):
    guide = bench.guides.begin(compile_schema(OWN))
    random = np.random.default_rng(3)
    while not guide.is_complete():
        logits = random.standard_normal(bench.num_tokens).astype(np.float32)
        wanted = int(np.argmax(np.where(guide.mask(bench.num_tokens), logits, -np.inf)))
        guide.take_best(logits)
        assert guide.ids[-1] == wanted
        assert wanted not in bench.coder.control
        guide.take_forced()


@pytest.mark.parametrize(
    ("text", "string_at", "items", "path"),
    [
        (b"", -1, 0, ()),
        (b'{"a', 1, 0, ()),
        (b'{"a": ["x", "y"', -1, 2, ("a",)),
        (b'{"a": ["x", "y', 12, 1, ("a",)),
        (b'{"a": ["x\\"", "y\\\\"], "b": "', 27, 0, ()),
        (b'[["x"], "', 8, 0, ()),
        (b'["[{", "x"', -1, 2, ()),
        (b'{"s": "x", "a\\"b": [{"c": ["x"', -1, 1, ('a"b', "", "c")),
    ],
)
def test_locate(text, string_at, items, path):
    place = locate(text)
    assert place.string_at == string_at
    assert len(place.items) == items
    assert place.path == path


def test_a_pen_that_goes_back_writes_as_if_it_never_had_been_there(demo_parts):
    runner, coder = demo_parts.runner, demo_parts.coder

    def pen():
        tree = TokenTree(runner)
        tree.start()
        grown = tree.grow([Segment(coder.encode("A man at the"), ROOT)])[0]
        return Pen(tree, runner, grown.branch, runner.logits(grown.hidden[-1:])[0])

    straight = pen()
    straight.feed(coder.encode(" gate"))
    turned = pen()
    turned.feed(coder.encode(" red car and a van"))
    turned.back(len(coder.encode(" red car and a van")))
    turned.feed(coder.encode(" gate"))
    np.testing.assert_allclose(turned.logits, straight.logits, atol=1e-4)


def test_own_schema_through_the_engine(demo_engine, noise):
    request = AnalysisRequest(
        "r", noise(64, 64), None, (Look((), ()),), describe=True, deadline_s=60, schema=OWN
    )
    description = demo_engine.analyze(request).description
    jsonschema.validate(description.details, bound_schema(OWN))


@pytest.mark.parametrize("word", ["轻微", "中等", "严重", "👍", "👎"])
def test_a_choice_whose_options_part_within_a_character(bench, word):
    """中 and 严 begin with the same bytes: a token ends behind these, the next begins within."""
    schema = {
        "type": "object",
        "properties": {
            "severity": {"enum": ["轻微", "中等", "严重", "👍", "👎"]},
            "remarks": {"type": "string", "maxLength": 20},
        },
    }
    script = f'{{"severity": "{word}", "remarks": "没有"}}'
    told, _ = bench.tell(script, schema=schema)
    assert told.details == {"severity": word, "remarks": "没有"}
    assert not told.truncated


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("template", built_in_templates(), ids=lambda one: one.name)
def test_every_template_is_written_whatever_the_model_wants(bench, template, language):
    schema = template.wordings[language].schema
    assert schema is not None
    grammar = bench.describer.plan(dict(schema)).whole.grammar
    for seed in range(3):
        value = bench.document(RandomPen(bench.num_tokens, seed), grammar, max_tokens=300).value
        jsonschema.validate(value, grammar.bounded)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "tuple"},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "["}}},
    ],
    ids=["unsupported", "impossible"],
)
def test_a_schema_is_refused_before_the_picture_is_looked_at(
    demo_engine, noise, schema, monkeypatch
):
    looked = []
    eye = demo_engine._loaded.eye
    monkeypatch.setattr(type(eye), "look", lambda *_: looked.append(1))
    with pytest.raises(QuestionError, match=r"^schema\."):
        demo_engine.analyze(
            AnalysisRequest("r", noise(64, 64), None, (), describe=True, schema=schema)
        )
    assert looked == []


def test_descriptions_can_be_prepared(demo_engine, demo_dir):
    with open_engine(EngineSettings(demo_dir, accuracy=True)) as engine:
        describer = engine._loaded.looker.describer
        assert "_guides" not in vars(describer)
        engine.prepare_descriptions()
        assert "_guides" in vars(describer)
