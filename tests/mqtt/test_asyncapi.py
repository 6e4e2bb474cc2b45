"""The AsyncAPI document: in step with the code, valid, and complete."""

from __future__ import annotations

import copy
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft7Validator

from edge import __version__
from edge.cli.schema import format_document
from edge.mqtt.asyncapi import build_asyncapi
from edge.mqtt.pool_topics import PoolTopics
from edge.mqtt.topics import Topics
from edge.pool import JobAnswer, WorkerNote, build_job
from edge.questions import AnalysisRequest, AnalysisResult, Look, ModelInfo, Timing, yes_no
from tests.support.broker import Message
from tests.support.contract import PUBLISHED, check_message
from tests.support.finding_samples import build_finding

FILE = Path(__file__).parents[2] / "configs" / "schema" / "asyncapi.json"
# AsyncAPI's own, from npm's @asyncapi/specs 6.11.1 (Apache-2.0), without its descriptions, the
# bindings of other protocols and the dialects of other schemas.
OFFICIAL = Draft7Validator(
    json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())
)
DOCUMENT = build_asyncapi(__version__)


def test_the_file_is_in_step_with_the_code() -> None:
    assert FILE.read_text() == format_document("asyncapi"), (
        "run: edge schema --write configs/schema"
    )


def test_asyncapis_own_schema_takes_it() -> None:
    assert [error.message for error in OFFICIAL.iter_errors(DOCUMENT)] == []
    broken = copy.deepcopy(DOCUMENT)
    broken["operations"]["askSet"]["action"] = "subscribe"
    assert list(OFFICIAL.iter_errors(broken))
    Draft7Validator.check_schema({"definitions": DOCUMENT["components"]["schemas"]})


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        found = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert isinstance(found, dict)


def test_every_topic_of_the_code_is_in_it() -> None:
    topics = Topics("{node}", "{prefix}", "{discovery}")
    settings = ("enabled", "sensitivity", "describe")
    expected = {
        topics.status,
        topics.info,
        topics.stats,
        topics.discovery_status,
        topics.probe,
        topics.discovery("{device}"),
        topics.ask_reply("{camera}"),
        topics.finding("{camera}"),
        *topics.held_by_camera("{camera}"),
        *topics.held_by_rule("{camera}", "{rule}"),
        *(topics.command("{camera}", kind) for kind in (*settings, "ask")),
        *(topics.node_command(kind) for kind in ("reload", "analyze")),
        PoolTopics("{prefix}", "").jobs,
        PoolTopics("{prefix}", "{asking}").answers,
        PoolTopics("{prefix}", "{worker}").worker,
    }
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == expected
    of_topics = {name for name, _ in inspect.getmembers(Topics) if not name.startswith("_")}
    others = {"node", "prefix", "discovery_prefix", "root", "command_filters", "is_own_state"}
    others |= {"parse_command", "is_reply_topic_allowed", "held_by_camera", "held_by_rule"}
    named = {"status", "info", "stats", "camera_status", "motion", "capture", "finding", "last"}
    named |= {"rule", "rule_attributes", "snapshot", "command", "node_command", "state"}
    named |= {"ask_reply", "probe", "discovery_status", "discovery"}
    assert of_topics == others | named, "a new topic must be in the document, and in this test"
    of_pool = {name for name, _ in inspect.getmembers(PoolTopics) if not name.startswith("_")}
    others = {"node", "prefix", "shared_jobs", "all_workers", "worker_of", "is_answers"}
    assert of_pool == others | {"jobs", "answers", "worker"}


def test_both_ends_of_the_pools_topics_are_told() -> None:
    pool = PoolTopics("{prefix}", "{asking}")
    filters = {"poolJobs": pool.shared_jobs, "poolAnswers": pool.answers}
    filters["poolWorker"] = pool.all_workers
    for name, heard_by in filters.items():
        hears = DOCUMENT["operations"][f"{name}Heard"]
        assert (hears["action"], hears["channel"]["$ref"]) == ("receive", f"#/channels/{name}")
        assert f"`{heard_by}`" in hears["description"]


def test_the_pools_documents_are_as_the_contract_says() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    job = build_job(AnalysisRequest("j1", picture, None, (Look((), (yes_no("q", "Is it?"),)),)))
    result = AnalysisResult("j1", (), None, (), Timing())
    sent = {
        "poolJobs": job.decode(),
        "poolAnswers": JobAnswer.done(result, "w", ModelInfo("m", "int8", 2.0)).model_dump_json(),
        "poolWorker": WorkerNote(worker="w", state="ready").model_dump_json(),
    }
    for name, payload in sent.items():
        schema = {"allOf": [DOCUMENT["components"]["messages"][name]["payload"]]}
        validator = Draft7Validator({**schema, "components": DOCUMENT["components"]})
        document = json.loads(payload)
        assert [error.message for error in validator.iter_errors(document)] == []
        assert list(validator.iter_errors({**document, "shell": "rm"})), "nothing else is allowed"


@pytest.mark.parametrize(
    ("topic", "payload", "channel"),
    [
        ("status", b"stopped", "status"),
        ("porch/status", b"frozen", "cameraStatus"),
        ("porch/rule/set", b"ON", "rule"),
        ("porch/rule/set", b"", "rule"),
        ("porch/describe/state", b"on_change", "describeState"),
        ("porch/finding", build_finding("porch", 0).model_dump_json().encode(), "finding"),
        ("porch/snapshot", b"\xff\xd8\xff\xe0", "snapshot"),
    ],
)
def test_what_the_contract_allows(topic: str, payload: bytes, channel: str) -> None:
    message = Message(f"edge/box/{topic}", payload, retain=False, qos=1)
    assert check_message(message, "edge/box") == channel


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("status", b"gone"),
        ("porch/motion", b"on"),
        ("porch/finding", b""),
        ("porch/finding", b"{}"),
        ("porch/snapshot", b"GIF89a"),
        ("porch/sensitivity/state", b"50 %"),
        ("porch/colour", b"red"),
    ],
)
def test_what_it_does_not(topic: str, payload: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check_message(Message(f"edge/box/{topic}", payload, retain=False, qos=1), "edge/box")


def test_findings_and_answers_are_not_retained() -> None:
    assert {c.id for c in PUBLISHED if not c.is_retained} == {"finding", "stats", "askReply"}
