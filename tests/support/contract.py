"""The published contract, as a subscriber sees it: every message checked against its schema."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.support.broker import Message

SCHEMAS = Path(__file__).parents[2] / "configs" / "schema"

# what may be published on a topic below {prefix}/{node}/: a schema, or a pattern of plain text
_JSON = {
    r"info": "info",
    r"stats": "stats",
    r"[^/]+/(finding|last)": "finding",
    r"[^/]+/rule/[^/]+/attributes": "rule",
    r"[^/]+/ask/reply": "reply",
    r"[^/]+/capture": "capture",
}
_TEXT = {
    r"status": r"online|offline|stopped",
    r"[^/]+/status": r"online|offline|stalled|frozen",
    r"[^/]+/motion": r"ON|OFF",
    r"[^/]+/rule/[^/]+": r"ON|OFF",
    r"[^/]+/enabled/state": r"ON|OFF",
    r"[^/]+/sensitivity/state": r"\d{1,3}",
}
_validators = {
    name: Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
    for name in set(_JSON.values()) - {"capture"}
}
# What the statistics say of a camera's stream is published by itself too.
_validators["capture"] = Draft202012Validator(
    {"$defs": _validators["stats"].schema["$defs"], "$ref": "#/$defs/CaptureStats"}
)


def check_message(message: Message, root: str) -> None:
    """Fails unless the message is one that the contract allows on its topic."""
    if message.topic.startswith("homeassistant/"):
        if message.payload:
            assert isinstance(json.loads(message.payload), dict)
        return
    assert message.topic.startswith(root + "/"), message.topic
    rest = message.topic.removeprefix(root + "/")
    for pattern, schema in _JSON.items():
        if re.fullmatch(pattern, rest):
            document = json.loads(message.payload)
            errors = [e.message for e in _validators[schema].iter_errors(document)]
            assert not errors, (message.topic, errors, document)
            return
    for pattern, text in _TEXT.items():
        if re.fullmatch(pattern, rest):
            assert not message.payload or re.fullmatch(text, message.text), message
            return
    raise AssertionError(f"no contract for {message.topic}")


def findings_of(messages: list[Message]) -> list[dict]:
    """The finding documents among the messages, in the order of arrival."""
    return [json.loads(m.payload) for m in messages if m.topic.endswith("/finding")]


def check_lives(findings: list[dict]) -> None:
    """Each id goes new -> (update) -> end, and a camera's seq grows without gaps.

    A message may arrive more than once (at least once is promised); repeats are left out.
    """
    seen: set[tuple[str, int]] = set()
    lives: dict[str, list[str]] = defaultdict(list)
    numbers: dict[str, list[int]] = defaultdict(list)
    for finding in findings:
        key = (finding["camera"], finding["seq"])
        if key not in seen:
            seen.add(key)
            lives[finding["id"]].append(finding["type"])
            numbers[finding["camera"]].append(finding["seq"])
    for finding_id, life in lives.items():
        assert life in (["new", "update", "end"], ["new", "end"]), (finding_id, life)
    for camera, found in numbers.items():
        assert found == list(range(found[0], found[0] + len(found))), (camera, found)
