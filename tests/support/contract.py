"""The published contract, as a subscriber sees it: every message checked against AsyncAPI."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from tests.support.broker import Message

_DOCUMENT = json.loads(
    (Path(__file__).parents[2] / "configs" / "schema" / "asyncapi.json").read_text()
)
_ROOT = "{prefix}/{node}/"
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Channel:
    """What the document says of a topic that the box publishes on."""

    id: str
    rest: re.Pattern[str]  # below {prefix}/{node}/
    content_type: str
    is_retained: bool
    validator: Draft7Validator


def _published() -> list[Channel]:
    channels = []
    for name, operation in _DOCUMENT["operations"].items():
        if operation["action"] != "send":
            continue
        address = _DOCUMENT["channels"][name]["address"]
        if address.startswith(_ROOT):
            message = _DOCUMENT["components"]["messages"][name]
            schema = {"components": _DOCUMENT["components"], **message["payload"]}
            if "$ref" in schema:  # what stands beside a $ref is not read in draft 7
                schema["allOf"] = [{"$ref": schema.pop("$ref")}]
            channels.append(
                Channel(
                    id=name,
                    rest=re.compile(re.sub(r"\{\w+\}", "[^/]+", address.removeprefix(_ROOT))),
                    content_type=message["contentType"],
                    is_retained=operation["bindings"]["mqtt"]["retain"],
                    validator=Draft7Validator(schema),
                )
            )
    return channels


PUBLISHED = _published()


def check_message(message: Message, root: str) -> str:
    """Fails unless the contract allows the message on its topic; the id of its channel.

    A retained topic may be cleared.
    """
    if message.topic.startswith("homeassistant/"):
        if message.payload:
            assert isinstance(json.loads(message.payload), dict)
        return "discovery"
    assert message.topic.startswith(root + "/"), message.topic
    rest = message.topic.removeprefix(root + "/")
    for channel in PUBLISHED:
        if channel.rest.fullmatch(rest):
            if message.payload or not channel.is_retained:
                _check_payload(channel, message)
            return channel.id
    raise AssertionError(f"no contract for {message.topic}")


def _check_payload(channel: Channel, message: Message) -> None:
    if channel.content_type == "image/jpeg":
        assert message.payload.startswith(_JPEG), message.topic
        return
    is_json = channel.content_type == "application/json"
    payload: Any = json.loads(message.payload) if is_json else message.text
    errors = [error.message for error in channel.validator.iter_errors(payload)]
    assert not errors, (message.topic, errors, payload)


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
