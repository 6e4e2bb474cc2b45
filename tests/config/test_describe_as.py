"""`describe_as`: what may be written, and what is said of each fault before anything runs."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.cli import main
from edge.config.describe_as import read_schema_file
from edge.config.load import load_config, load_text
from edge.config.models import Config
from edge.config.printed import format_yaml
from edge.daemon.wiring import build_rules
from edge.errors import ConfigError
from edge.grammar import compile_schema

HEAD = "mqtt: {host: localhost}\ncameras: {c: {input: rtsp://h/x}}\n"
SHOP = "{people: int, queue: [short, long], shelf_empty: bool, note: text}"
SHOP_SCHEMA = {
    "type": "object",
    "properties": {
        "people": {"type": "integer", "minimum": -(10**9), "maximum": 10**9},
        "queue": {"enum": ["short", "long"]},
        "shelf_empty": {"type": "boolean"},
        "note": {"type": "string", "minLength": 0, "maxLength": 100},
    },
    "required": ["people", "queue", "shelf_empty", "note"],
    "additionalProperties": False,
}


def load(text: str, folder: Path = Path("/nowhere"), *, tolerant: bool = False) -> Config:
    return load_text(HEAD + text, "edge.yaml", folder, tolerant=tolerant).config


def schema_of(written: str, folder: Path = Path("/nowhere")) -> Any:
    config = load(f"rules:\n  r:\n    ask: x\n    describe_as: {written}\n", folder)
    return config.rules["r"].describe_as


def faults_of(written: str, folder: Path = Path("/nowhere")) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        schema_of(written, folder)
    return [(p.path.removeprefix("rules.r."), p.message, p.remedy) for p in caught.value.problems]


def test_short_form() -> None:
    assert schema_of(SHOP) == SHOP_SCHEMA


def test_short_form_with_json_schema_inside() -> None:
    written = "{people: {type: integer, minimum: 0, maximum: 9, description: waiting people}}"
    assert schema_of(written)["properties"]["people"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 9,
        "description": "waiting people",
    }


def test_a_key_may_be_called_type() -> None:
    assert list(schema_of("{type: text, n: number}")["properties"]) == ["type", "n"]


def test_yes_and_no_are_words() -> None:
    assert schema_of("{open: [yes, no, 3]}")["properties"]["open"] == {"enum": ["yes", "no", 3]}


def test_json_schema() -> None:
    assert schema_of(json.dumps(SHOP_SCHEMA)) == SHOP_SCHEMA


@pytest.mark.parametrize("name", ["shop.yaml", "shop.json"])
def test_a_file_beside_the_configuration(name: str, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    written = json.dumps(SHOP_SCHEMA, indent="\t") if name.endswith("json") else SHOP
    (tmp_path / "schemas" / name).write_text(written)
    assert schema_of(f"schemas/{name}", tmp_path) == SHOP_SCHEMA
    assert schema_of(str(tmp_path / "schemas" / name)) == SHOP_SCHEMA
    assert read_schema_file(tmp_path / "schemas" / name) == SHOP_SCHEMA


def test_a_rules_own_shape_takes_the_place_of_the_common_one() -> None:
    config = load(
        f"vlm: {{describe_as: {SHOP}}}\n"
        "rules:\n  common: {ask: x}\n  own: {ask: x, describe_as: {cars: int}}\n"
        "  plain: {ask: x, describe_as: built-in}\n"
    )
    common, own, plain = build_rules(config)
    assert common.describe_as == SHOP_SCHEMA
    assert own.describe_as is not None
    assert list(own.describe_as["properties"]) == ["cars"]
    assert plain.describe_as is None
    assert build_rules(load("rules: {r: {ask: x}}\n"))[0].describe_as is None


def test_what_is_printed_can_be_loaded_again(tmp_path: Path) -> None:
    loaded = load_text(f"{HEAD}vlm: {{describe_as: {SHOP}}}\n", "edge.yaml", tmp_path)
    printed = format_yaml(loaded)
    assert yaml.safe_load(printed)["vlm"]["describe_as"] == SHOP_SCHEMA
    assert load_text(printed, "edge.yaml", tmp_path).config.vlm.describe_as == SHOP_SCHEMA


TABLE = {
    "word": ("{a: integr}", ".a", "'integr' is not a type", "Did you mean integer?"),
    "number": ("{a: 3}", ".a", "3 is not a type", "{type: integer"),
    "nothing": ("{a: }", ".a", "nothing is not a type", "Write one of"),
    "one choice": ("{a: [text]}", ".a", "a list of 1 is no choice", "type: array"),
    "odd choice": ("{a: [1.5, 2.5]}", ".a", "1.5 is not text", "quotes"),
    "list": ("[a, b]", "", "a list of 2 is not a schema", "{people: integer"),
    "empty": ("{}", "", "an empty mapping is not a schema", "{people: integer"),
    "true": ("true", "", "true is not a schema", "{people: integer"),
    "empty path": ("''", "", "'' is not a path", "a file's name"),
    "unsupported": (
        "{a: {type: string, format: uuid}}",
        ".a.format",
        "'format' is not supported for type string",
        "allowed are",
    ),
    "unbounded": (
        "{a: {type: string, maxLength: 5000}}",
        ".a.maxLength",
        "0..2000, not 5000",
        "up to 2000",
    ),
    "anyOf": ("{a: {anyOf: []}}", ".a.type", "must be one of object", "one type"),
    "whole": (
        "{type: object, properties: {a: {type: array, minItems: 3, maxItems: 2}}}",
        ".properties.a",
        "minItems 3 is above maxItems 2",
        "Exchange",
    ),
    "impossible": (
        "{a: {type: string, pattern: '^a{9}$', maxLength: 8}}",
        ".a",
        "no document can fulfil this",
        "Change the pattern",
    ),
    "look-around": (
        "{a: {type: string, pattern: '(?=a)b'}}",
        ".a",
        "look-around",
        "Change the pattern",
    ),
    "no number": (
        "{a: {type: number, minimum: 0.0004, maximum: 0.0006}}",
        ".a",
        "no document can fulfil this",
        "Widen",
    ),
    "too large": (
        "{a: {type: array, maxItems: 64, items: {type: string, maxLength: 2000}}}",
        "",
        "at most 20000 are allowed",
        "lower maxItems",
    ),
    "root": ("{$schema: x, type: array, items: {type: boolean}}", ".type", "object", "object"),
}


@pytest.mark.parametrize("name", TABLE)
def test_faults(name: str) -> None:
    written, place, says, remedy = TABLE[name]
    found = faults_of(written)
    assert found[0][0] == f"describe_as{place}", found
    assert says in found[0][1]
    assert remedy in found[0][2]
    assert found[0][1].endswith(".")


def test_every_fault_is_told_at_its_line() -> None:
    text = """\
        rules:
          r:
            ask: x
            describe_as:
              a: integr
              b: {type: string, format: uuid}
              c: [one]
        """
    with pytest.raises(ConfigError) as caught:
        load(textwrap.dedent(text))
    told = [(p.path, p.line) for p in caught.value.problems]
    assert sorted(told) == [
        ("rules.r.describe_as.a", 7),
        ("rules.r.describe_as.b.format", 8),
        ("rules.r.describe_as.c", 9),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot read {file}: No such file"),
        ("", "{file}: the file is empty"),
        ("[1, 2]", "{file}, line 1: the file holds a list"),
        ("a: [", "{file}, line 1: this is not YAML"),
        ("a: int\na: bool\n", "{file}, line 1: a: the key 'a' stands twice"),
        ("a: int\nb: integr\n", "{file}, line 2: b: 'integr' is not a type"),
        ("a: !secret x\n", "{file}, line 1: a: '!secret x' is not a type"),
    ],
    ids=["absent", "empty", "list", "yaml", "twice", "fault", "secret"],
)
def test_faults_in_a_file(text: str | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    if text is not None:
        file.write_text(text)
    ((place, message, remedy),) = faults_of("shop.yaml", tmp_path)
    assert place == "describe_as"
    assert says.format(file=file) in message
    assert remedy
    assert "minimal.yaml" not in remedy
    with pytest.raises(ConfigError):
        read_schema_file(file)


def test_a_rule_with_an_impossible_schema_is_left_out_at_start() -> None:
    loaded = load_text(
        HEAD + "rules: {good: {ask: x}, bad: {ask: x, describe_as: {a: date}}}\n",
        "edge.yaml",
        Path("/nowhere"),
        tolerant=True,
    )
    assert list(loaded.config.rules) == ["good"]
    assert "'date' is not a type" in loaded.broken_rules["bad"][0].message


def test_check_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text(f"{HEAD}rules: {{r: {{ask: x}}}}\nvlm: {{describe_as: {{a: date}}}}\n")
    assert main(["check", str(file)]) == 78
    assert "vlm.describe_as.a (line 4): 'date' is not a type" in capsys.readouterr().err


def test_the_example_is_a_schema_that_can_be_written() -> None:
    warehouse = Path(__file__).parents[2] / "configs" / "warehouse.yaml"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MQTT_PASSWORD", "CAMERA_PASSWORD"):
            patch.setenv(name, "example")
        config = load_config(warehouse).config
    schemas = [schema for name in config.rules if (schema := config.described_as(name))]
    assert schemas
    for schema in schemas:
        assert compile_schema(schema).bounded == schema
