"""The built-in templates can be used as they are, in both languages; users may add their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.load import load_text
from edge.config.template import FOLDER, all_templates, built_in_templates
from edge.errors import ConfigError
from edge.grammar import compile_schema
from edge.templates import Template

REST = "mqtt: {host: localhost}\ncameras: {porch: {input: rtsp://10.0.0.1/x}}\n"
BUILT_IN = built_in_templates()


def load(http: str):
    return load_text(f"{REST}http: {http}\n", "edge.yaml", Path("/")).config.http


def test_the_six_scenarios_are_there() -> None:
    assert [one.name for one in BUILT_IN] == [
        "check",
        "damage",
        "document",
        "handwriting",
        "screenshot",
        "shelf",
    ]
    assert len(list(FOLDER.iterdir())) == len(BUILT_IN), "nothing else lies there"


def keys(schema: Any, at: str = "") -> Iterator[str]:
    """Every key with its type, and how many choices it has."""
    yield f"{at}:{schema.get('type')}:{len(schema.get('enum', []))}:{schema.get('maxItems')}"
    for key, part in schema.get("properties", {}).items():
        yield from keys(part, f"{at}.{key}")
    if "items" in schema:
        yield from keys(schema["items"], f"{at}[]")


@pytest.mark.parametrize("template", BUILT_IN, ids=lambda one: one.name)
def test_both_languages_ask_for_the_same(template: Template) -> None:
    english, chinese = template.wording("en"), template.wording("zh")
    assert english.schema is not None
    assert chinese.schema is not None
    assert list(keys(english.schema)) == list(keys(chinese.schema))
    assert english.ask.count("\n") == chinese.ask.count("\n")
    assert english.title.isascii()
    assert english.ask.isascii()
    assert not chinese.title.isascii()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("template", BUILT_IN, ids=lambda one: one.name)
def test_every_schema_is_a_grammar_that_a_small_model_can_fill(
    template: Template, language: Any
) -> None:
    wording = template.wording(language)
    assert wording.schema is not None
    grammar = compile_schema(wording.schema)
    assert len(wording.ask) + len(grammar.outline) < 3000, "some 800 tokens of prompt"
    assert len(wording.ask) < 900


def test_own_templates() -> None:
    http = load(
        "{templates: {meter: {en: {title: Meter, ask: Read it., schema: {value: number}}},"
        " check: {zh: {title: 检查, ask: 有问题吗}}}}"
    )
    *built_in, meter, check = all_templates(http.templates)
    assert [one.name for one in built_in] == [o.name for o in BUILT_IN if o.name != "check"]
    assert (meter.name, meter.is_own, meter.wording("zh").title) == ("meter", True, "Meter")
    assert list((meter.wording("en").schema or {})["properties"]) == ["value"]
    assert (check.wording("en").ask, check.wording("en").schema) == ("有问题吗", None)


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ("{}", "http.templates.meter", "no words"),
        ("{en: {title: T}}", "http.templates.meter.en.ask", "missing"),
        ("{en: {title: T, ask: ''}}", "http.templates.meter.en.ask", ""),
        ("{de: {title: T, ask: A}}", "http.templates.meter.de", ""),
        ("{en: {title: T, ask: A, schema: {a: nothing}}}", "http.templates.meter.en.schema.a", ""),
    ],
)
def test_what_is_refused(written: str, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"{{templates: {{meter: {written}}}}}")
    told = {p.path: str(p) for p in caught.value.problems}
    assert words in told[path]
