"""What is told of the configuration's file to the broker and the page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.config.load import load_config
from edge.daemon.config_report import (
    MAX_PROBLEM_CHARS,
    MAX_PROBLEMS,
    report_loaded,
    report_refused,
)
from edge.errors import ConfigError, ModelMissing, Problem

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD = """
mqtt: {host: broker, username: box, password: Tr0ub4dor}
cameras:
  porch: {input: demo:yard}
rules:
  person: {ask: "Is there a person?"}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "edge.yaml"
    path.write_text(text)
    return path


def test_a_file_without_errors_is_in_force(tmp_path: Path) -> None:
    report = report_loaded(load_config(written(tmp_path, GOOD)), NOW)
    assert (report.state, report.problems) == ("in_force", [])
    assert report.read_at == "2026-05-01T12:00:00.000Z"


def test_what_is_left_out_is_named_with_place_and_remedy(tmp_path: Path) -> None:
    text = GOOD.replace("rules:", "  drive: {input: rstp://u:Tr0ub4dor@h/x}\nrules:")
    report = report_loaded(load_config(written(tmp_path, text), tolerant=True), NOW)
    assert report.state == "partly"
    assert len(report.problems) == 1
    assert report.problems[0].startswith("camera drive is left out: cameras.drive.input (line 5)")
    assert "rtsp://" in report.problems[0]
    assert "Tr0ub4dor" not in str(report)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD.replace("host", "hots"), id="a key"),
        pytest.param(GOOD + "  - [", id="no YAML"),
        pytest.param(GOOD.replace("Tr0ub4dor}", "[Tr0ub4dor]}"), id="the password itself"),
    ],
)
def test_a_refused_file_says_where_and_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(written(tmp_path, text))
    report = report_refused(raised.value, NOW)
    assert report.state == "refused"
    assert "line" in report.problems[0]
    assert "Tr0ub4dor" not in str(report)


def test_there_is_an_end_to_it() -> None:
    problems = [Problem("cameras.x", "bad " * 500) for _ in range(500)]
    report = report_refused(ConfigError("edge.yaml", problems), NOW)
    assert len(report.problems) == MAX_PROBLEMS
    assert max(map(len, report.problems)) == MAX_PROBLEM_CHARS


def test_another_error_is_told_as_it_is() -> None:
    assert report_refused(ModelMissing("no model at /x"), NOW).problems == ["no model at /x"]
