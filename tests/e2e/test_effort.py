"""The daemon with a model that becomes too slow for its cameras, and fast again."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.effort import EFFORTS
from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.openai_server import ScriptedServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}, discovery: {{enabled: false}}}}
vlm:
  engine: openai
  openai: {{url: "{url}", model: qwen, parallel: 1}}
  reuse: 0s
budget: {{lighten_after: 1s, restore_after: 3s}} # analysed at `motion`: one keyframe in 0.6 s
store: {{folder: ./store}}
http: {{enabled: false}}
motion: {{enabled: false, scene: false, tamper: false}}
cameras:
  front: &camera
    input: "demo:yard?events=calm"
    periodic: 1s
    zones: {{gate: [[0, 0], [0.2, 0], [0.2, 1]]}}
  back: *camera
rules:
  person: {{ask: "Is there a person?", severity: 2, describe: never, when: {{on: periodic}}}}
  gate: {{ask: "Is it open?", severity: 0, describe: never, zones: [gate], when: {{on: periodic}}}}
"""
DOWN, UP = ["full", "small", "few", "motion"], ["few", "small", "full"]


def stats(subscriber: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(m.payload) for m in subscriber.messages if m.topic == "edge/box/stats"]


def steps(subscriber: Subscriber) -> list[str]:
    """Each step once, in order."""
    told = [one["effort"]["step"] for one in stats(subscriber)]
    return [step for n, step in enumerate(told) if not n or told[n - 1] != step]


def test_effort_follows_the_load_down_and_up_and_no_finding_is_lost(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        server.delay_s = 1.5  # of each of two questions, for two keyframes a second
        config = CONFIG.format(port=broker.port, url=server.url)
        with DaemonProcess(tmp_path, config) as daemon:
            wait_until(lambda: "motion" in steps(subscriber), "all steps down", 60)
            server.delay_s = 0.0
            wait_until(lambda: steps(subscriber)[-1] == "full", "all steps up", 100)
            assert daemon.stop() == 0
            stored = daemon.stored_ids()
            log = daemon.log
        assert daemon.pending() == 0
    findings = findings_of(subscriber.messages)
    check_lives(findings)
    ends = [finding for finding in findings if finding["type"] == "end"]
    assert {finding["id"] for finding in ends} == stored, "every finding came"

    of_motion = [f for f in ends if f["status"] == "left_out"]
    assert of_motion
    for finding in of_motion:
        assert finding["verdicts"] == []
        assert "motion only" in finding["reason"]
        left = finding["left_out"]
        assert (left["effort"], sorted(left["rules"])) == ("motion", ["gate", "person"])
    answered = [f for f in ends if f["verdicts"]]
    by_effort = Counter((f["left_out"] or {"effort": "full"})["effort"] for f in answered)
    assert set(by_effort) == {"full", "small", "few"}, "the rest is answered, and marked"
    for finding in answered:
        asked = {verdict["rule"] for verdict in finding["verdicts"]}
        left = finding["left_out"]
        if left is not None and left["effort"] == "few":
            assert len(asked) == 1
            assert asked | set(left["rules"]) == {"person", "gate"}
        else:
            assert asked == {"person", "gate"}
        fed = max(view["width"] * view["height"] for view in finding["views"])
        assert (fed <= 256 * 256) == (left is not None)

    for one in stats(subscriber):
        counts = one["counts"]
        outcomes = ("analysed", "reused", "superseded", "stale", "failed", "waiting")
        assert counts["keyframes"] == sum(counts[name] for name in outcomes)
    for message in subscriber.messages:
        check_message(message, "edge/box")
    # on a busy machine a step may be taken back and taken again
    taken = list(pairwise(steps(subscriber)))
    assert {*pairwise(DOWN), *pairwise(["motion", *UP])} <= set(taken)
    assert all(abs(EFFORTS.index(step) - EFFORTS.index(before)) == 1 for before, step in taken)
    for before, step in taken:
        told = log.count(f"effort: {step} instead of {before}, ")
        assert told == taken.count((before, step))
