"""Jobs and answers as documents: what goes in comes out, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge.errors import AnalysisFailed, CommandRefused
from edge.geometry import Box
from edge.pool import (
    MAX_DOCUMENT_BYTES,
    JobAnswer,
    build_job,
    job_id_of,
    parse_answer,
    parse_job,
    parse_note,
    result_of,
)
from edge.questions import (
    AnalysisRequest,
    AnalysisResult,
    Answer,
    Description,
    Look,
    ModelInfo,
    Timing,
    View,
    choice,
    text,
    yes_no,
)

BOX = Box(0.1, 0.2, 0.5, 0.9)
PICTURE = np.zeros((90, 160, 3), np.uint8)
REQUEST = AnalysisRequest(
    "01JA-\u00e9",
    PICTURE,
    PICTURE,
    (Look((BOX,), (yes_no("q", "Is it?"), text("t", "What?", 50))), Look((), ())),
    describe=True,
    deadline_s=7.5,
    schema={"type": "object", "properties": {"n": {"type": "integer"}}},
)
INFO = ModelInfo("m", "int4", 2127.0, demonstration=True)
RESULT = AnalysisResult(
    REQUEST.id,
    (Answer("q", "yes_no", "no", 0.75, {"yes": 0.25, "no": 0.75}), Answer("t", "text", "x", 0.5)),
    Description("A yard.", ("car",), (), (), details={"n": 3, "deep": [{"a": None}]}),
    (View(BOX, 256, 256),),
    Timing(1.0, 2.0, 3.0, 6.5, 70, 12),
)
JOB: dict[str, Any] = json.loads(build_job(REQUEST))
ANSWER: dict[str, Any] = json.loads(JobAnswer.done(RESULT, "w1", INFO).model_dump_json())


def test_a_request_comes_out_as_it_went_in() -> None:
    back = parse_job(build_job(REQUEST))
    assert back.image.shape == PICTURE.shape
    same = replace(back, image=PICTURE, before=PICTURE)
    assert same.looks == REQUEST.looks
    assert (same.id, same.describe, same.deadline_s, same.schema) == (
        REQUEST.id,
        True,
        7.5,
        REQUEST.schema,
    )


def test_a_bound_on_pixels_goes_with_the_job() -> None:
    assert parse_job(build_job(replace(REQUEST, max_pixels=65_536))).max_pixels == 65_536
    assert parse_job(build_job(REQUEST)).max_pixels is None


def test_a_result_comes_out_as_it_went_in() -> None:
    answer = parse_answer(JobAnswer.done(RESULT, "w1", INFO).model_dump_json().encode())
    back = result_of(answer, REQUEST)
    assert back.model == replace(INFO, engine="pool")
    assert replace(back, model=None) == RESULT


def test_a_large_picture_is_made_to_fit() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    data = build_job(AnalysisRequest("x", noise, None, ()))
    assert len(data) < MAX_DOCUMENT_BYTES
    assert parse_job(data).image.shape == noise.shape
    huge = np.random.default_rng(1).integers(0, 256, (4000, 4000, 3), dtype=np.uint8)
    with pytest.raises(AnalysisFailed, match="4000x4000"):
        build_job(AnalysisRequest("x", huge, None, ()))


def changed(document: dict[str, Any], path: str, value: object) -> bytes:
    copy = json.loads(json.dumps(document))
    *steps, last = path.split(".")
    place = copy
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return json.dumps(copy).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "object"),
        (b"{" * 100_000, "JSON"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "at most"),
        (changed(JOB, "schema", "edge.job/2"), "schema"),
        (changed(JOB, "id", ""), "id"),
        (changed(JOB, "id", "x" * 129), "id"),
        (changed(JOB, "picture", "not base64!"), "base64"),
        (changed(JOB, "picture", "QUJD"), "not a readable picture"),
        (changed(JOB, "deadline_s", 601), "deadline_s"),
        (changed(JOB, "looks.0.boxes", [[0.5, 0, 0.1, 1]]), "box must satisfy"),
        (changed(JOB, "looks.0.boxes", [[0, 0, 9, 1]]), "looks.0.boxes.0.2"),
        (changed(JOB, "looks.0.questions.0.text", ""), "is empty"),
        (changed(JOB, "looks.0.questions.0.options", ["yes"]), "needs 2"),
        (changed(JOB, "looks.0.questions.0.kind", "shell"), "kind"),
        (changed(JOB, "extra", 1), "extra"),
    ],
)
def test_what_is_no_job_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(CommandRefused, match=words):
        parse_job(data)
    with pytest.raises(CommandRefused):
        parse_answer(data)
    with pytest.raises(CommandRefused):
        parse_note(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("result", None),
        ("result.answers.0.probability", 1.5),
        ("result.answers.0.probability", "NaN"),
        ("result.views.0.width_px", 0),
        ("result.timing.total_ms", -1),
        ("worker", ""),
        ("state", "perhaps"),
    ],
)
def test_what_is_no_answer_is_refused(path: str, value: object) -> None:
    with pytest.raises(CommandRefused):
        parse_answer(changed(ANSWER, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("result.answers", []),
        ("result.answers.0.question_id", "another"),
        ("result.answers.0.probabilities", {"yes": 1.0}),
        ("result.answers.1.kind", "count"),
    ],
)
def test_an_answer_to_something_else_is_none(path: str, value: object) -> None:
    with pytest.raises(AnalysisFailed, match="something else"):
        result_of(parse_answer(changed(ANSWER, path, value)), REQUEST)


def test_options_are_those_that_were_asked() -> None:
    asked = replace(REQUEST, looks=(Look((), (choice("q", "Which?", ("a", "b")),)),))
    given = AnalysisResult("x", (Answer("q", "choice", "c", 1.0, {"c": 1.0}),), None, (), Timing())
    answer = JobAnswer.done(given, "w", INFO)
    with pytest.raises(AnalysisFailed):
        result_of(answer, asked)


def test_the_id_of_a_broken_job() -> None:
    assert job_id_of(changed(JOB, "picture", 3)) == REQUEST.id
    assert job_id_of(b"[]") == ""
