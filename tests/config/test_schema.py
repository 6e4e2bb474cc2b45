"""The published JSON Schemas: in step with the types, and strict where a schema can be."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge.cli import schema
from edge.config.json_schema import DOCUMENTS, build_schema, file_name, format_schema

FOLDER = Path(__file__).parents[2] / "configs" / "schema"


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    schema.add_arguments(parser)
    return schema.run(parser.parse_args(words))


def test_names() -> None:
    assert set(DOCUMENTS) == {"config", "finding", "stats", "info", "rule", "reply"}
    names = {file_name(name) for name in DOCUMENTS}
    assert {file.name for file in FOLDER.iterdir()} == names | {"asyncapi.json"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_are_in_step_with_the_types(name: str) -> None:
    written = (FOLDER / file_name(name)).read_text()
    assert written == format_schema(name), "run: edge schema --write configs/schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


def test_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("finding") == 0
    assert json.loads(capsys.readouterr().out) == build_schema("finding")
    assert run("--write", str(tmp_path / "new")) == 0
    assert (tmp_path / "new" / "reply.schema.json").read_text() == format_schema("reply")


def test_command_alone_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[1:]] == [*DOCUMENTS, "asyncapi"]


def test_command_says_when_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("--write", str(tmp_path / "file")) == 1
    assert "cannot write the schemas" in capsys.readouterr().err


def document(**blocks: Any) -> dict[str, Any]:
    return {"mqtt": {"host": "h"}, "cameras": {"c": {"input": "rtsp://h/x"}}, **blocks}


@pytest.mark.parametrize(
    "good",
    [
        document(),
        document(mqtt={"host": "h", "port": "${PORT}", "keepalive": "1m", "version": 5}),
        document(motion={"sensitivity": "high"}, capture={"fps": 0.5}),
        document(rules={"r": {"ask": "x", "when": {"on": "motion"}, "for": 0}}),
        document(rules={"r": {"choose": "x", "options": ["a", "b"], "cameras": "c"}}),
        document(cameras={"c": {"input": 0, "periodic": "off", "mask": ["0,0,1,0,1,1"]}}),
    ],
)
def test_schema_accepts_what_may_be_written(good: dict[str, Any]) -> None:
    jsonschema.validate(good, build_schema("config"))


@pytest.mark.parametrize(
    "bad",
    [
        {"mqtt": {"host": "h"}},
        document(mqtt={"host": "h", "port": 0}),
        document(mqtt={"host": "h", "prot": 1}),
        document(mqtt={"host": "h", "keepalive": 30}),
        document(capture={"fps": 60}),
        document(store={"outbox_max_size": "5m"}),
        document(rules={"r": {"confirm": 2}}),
        document(rules={"r": {"ask": "x", "count": "y"}}),
        document(rules={"r": {"choose": "x"}}),
        document(rules={"r": {"ask": "x", "describe": "allways"}}),
        document(cameras={"c": {"input": "rtsp://h/x", "zones": {"z": [[0, 0], [2, 0], [1, 1]]}}}),
    ],
)
def test_schema_refuses_what_the_loader_refuses(bad: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, build_schema("config"))
