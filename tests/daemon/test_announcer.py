"""Retained states: what is told, what is taken back, and what is not said of a camera that went."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.daemon.announcer import Announcer
from edge.daemon.reporter import Reporter
from edge.findings import RuleAttributes, StateWord
from edge.mqtt.publisher import Publisher
from edge.mqtt.settings import MqttSettings
from edge.store.database import Store
from edge.store.settings import StoreSettings
from tests.support.keyframes import make_keyframe

RULE = "edge/box/porch/rule/parcel"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(StoreSettings(tmp_path / "s"), time.time, time.monotonic)


@pytest.fixture
def publisher(store: Store) -> Publisher:
    return Publisher(MqttSettings("127.0.0.1", "box"), store, print, ["porch"])


def due(publisher: Publisher) -> dict[str, bytes]:
    """What would be published now; the broker takes all of it."""
    board, found = publisher._pump.board, {}
    while (message := board.take(0.0)) is not None:
        board.accepted(message)
        found[message.topic] = message.payload
    return found


def rule(state: StateWord) -> RuleAttributes:
    return RuleAttributes(rule="parcel", camera="porch", state=state, since=None)


def test_a_rule_whose_state_is_unknown_takes_back_what_the_broker_may_hold(
    publisher: Publisher,
) -> None:
    announcer = Announcer(publisher)
    announcer.rule(rule("unknown"))
    assert due(publisher)[RULE] == b""
    announcer.rule(rule("unknown"))
    assert RULE not in due(publisher), "once is enough"
    announcer.rule(rule("on"))
    assert due(publisher)[RULE] == b"ON"
    announcer.rule(rule("unknown"))  # a reload gave it another question
    assert due(publisher)[RULE] == b""


def test_nothing_is_kept_at_the_broker_of_a_camera_that_went(
    publisher: Publisher, store: Store
) -> None:
    announcer, reporter = Announcer(publisher), Reporter("box", store, publisher)
    finding = reporter.open(make_keyframe("porch"), snapshot=False)
    announcer.snapshot("porch", b"jpeg")
    assert due(publisher)["edge/box/porch/snapshot"] == b"jpeg"
    publisher.set_cameras([])
    reporter.end(finding.id, {})  # its analysis was under way when it was removed
    announcer.snapshot("porch", b"another")
    assert due(publisher) == {}
    assert len(store.pending(10)) == 2, "the finding itself is delivered all the same"
