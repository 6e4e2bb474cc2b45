"""The system's clock is set by a day and by fifty years under the running daemon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, findings_of
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.stepped_clock import SteppedClock

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DAY_S = 86_400
YEARS_S = 50 * 365 * DAY_S
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
http: {{enabled: false}}
vlm: {{model: demo, deadline: 30s}}
store: {{folder: ./store}}
cameras:
  porch:
    input: "demo:yard"
    capture: {{open_timeout: 3s, read_timeout: 3s, stall_timeout: 7s}}
rules:
  person: {{ask: "Is there a person?", describe: never}}
"""


def take_finding(subscriber: Subscriber, daemon: DaemonProcess, offset_s: int) -> None:
    """Have a keyframe analysed that is stamped by the clock as it is set now."""
    subscriber.publish("edge/box/cmd/analyze/set", "porch")
    subscriber.wait_for(
        lambda messages: any(
            abs(f["ts"] - time.time() - offset_s) < 300
            and f["type"] == "end"
            and f["status"] == "ok"
            for f in findings_of(messages)
        ),
        60,
    )


def test_nothing_stalls_nothing_goes_and_a_real_stall_is_seen(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    clock = SteppedClock(tmp_path / "clock")
    config = CONFIG.format(port=broker.port)
    with DaemonProcess(tmp_path, config, clock.environment) as daemon:
        subscriber.wait_for_payload("edge/box/porch/status", "online", 30)
        for offset_s in (DAY_S, -DAY_S, YEARS_S, -YEARS_S):
            clock.set_by(offset_s)
            take_finding(subscriber, daemon, offset_s)
        words = subscriber.payloads("edge/box/porch/status")
        assert set(words[words.index("online") :]) == {"online"}
        assert "process ended" not in daemon.log
        assert "deadline" not in daemon.log

        child = daemon.child("porch")
        clock.set_by(-DAY_S)
        child.suspend()
        clock.set_by(YEARS_S)
        subscriber.wait_for_payload("edge/box/porch/status", "stalled", 60)
        wait_until(lambda: not child.is_running(), "the hanging process is killed")
        subscriber.clear()
        subscriber.wait_for_payload("edge/box/porch/status", "online", 60)
        assert daemon.stop() == 0
        before = daemon.stored_ids()

        clock.set_by(2 * YEARS_S)  # and a start with a clock that is wrong
        daemon.start()
        take_finding(subscriber, daemon, 2 * YEARS_S)
        assert "days have passed since the store was last used, which cannot be" in daemon.log
        assert daemon.stop() == 0
        assert before < daemon.stored_ids(), "retention deleted something"
        check_lives(findings_of(subscriber.messages))
    assert "Traceback" not in daemon.log
