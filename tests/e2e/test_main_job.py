"""The whole main job: a camera on RTSP, the daemon, the model, the broker, a subscriber."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import CONFIG
from tests.support.broker import Mosquitto, Subscriber
from tests.support.contract import check_lives, check_message, findings_of
from tests.support.daemon import DaemonProcess
from tests.support.rtsp import RtspServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LATE_S = 2.0  # RTSP's start-up, and a peak may be chosen after the entry has ended


def test_everyone_who_enters_is_found(
    clip: tuple[Path, list[tuple[float, float]]],
    server: RtspServer,
    broker: Mosquitto,
    subscriber: Subscriber,
    tmp_path: Path,
) -> None:
    config = CONFIG.format(port=broker.port, url=server.url("/room"))
    with DaemonProcess(tmp_path, config) as daemon:
        online = subscriber.wait_for_payload("edge/box/room/status", "online", 20)
        subscriber.wait_for_payload("edge/box/status", "online")
        started_ts = _ts_of(daemon.log, "room: online")
        last_entry = clip[1][-1][1] + LATE_S
        subscriber.wait_for(
            lambda messages: any(
                f["type"] == "end" and f["ts"] - started_ts > last_entry - LATE_S
                for f in findings_of(messages)
            ),
            timeout_s=last_entry + 30,
        )
        assert daemon.stop() == 0
    subscriber.wait_for_payload("edge/box/status", "stopped")
    messages = subscriber.messages
    last_words = [m.payload.decode() for m in messages if m.topic == "edge/box/room/status"][-1]
    assert last_words == "offline", "a stopped box must not leave a camera `online`"
    assert not online.retain
    for message in messages:
        check_message(message, "edge/box")
    findings = findings_of(messages)
    check_lives(findings)
    assert {f["id"] for f in findings} == daemon.stored_ids()
    times = [f["ts"] - started_ts for f in findings if f["trigger"]["kind"] == "motion"]
    for start, end in clip[1]:
        assert any(start - 1.0 <= t <= end + LATE_S for t in times), (start, end, times)
    analysed = [f for f in findings if f["type"] == "end" and f["status"] == "ok"]
    assert analysed, "no keyframe was analysed"
    for finding in analysed:
        if finding["superseded"] is None:
            assert {v["rule"] for v in finding["verdicts"]} >= {"person", "people"}
            assert finding["model"]["demonstration"] is True
    assert any(f["summary"] for f in analysed), "`describe: always` gave no summary"
    details = [f["details"] for f in analysed if f["details"]]
    assert any(list(values) == ["crowd", "seats"] for values in details), details
    for values in details:
        assert values.get("crowd", "none") in {"none", "some"}
        assert 0 <= values.get("seats", 0) <= 9
    assert "Traceback" not in daemon.log


def _ts_of(log: str, words: str) -> float:
    line = next(line for line in log.splitlines() if words in line)
    return datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S").astimezone().timestamp()


def test_the_main_process_imports_no_heavy_library(
    server: RtspServer, broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    """Only the analyzer holds OpenVINO, only cameras hold FFmpeg, nobody holds torch."""
    config = CONFIG.format(port=broker.port, url=server.url("/room"))
    with DaemonProcess(tmp_path, config) as daemon:
        subscriber.wait_for_payload("edge/box/room/status", "online", 20)
        subscriber.wait_for(lambda ms: any(b'"demonstration":true' in m.payload for m in ms), 60)
        assert daemon.process is not None
        main = _libraries(daemon.process.pid)
        camera = _libraries(daemon.child("room").pid)
        analyzer = _libraries(daemon.child("analyzer").pid)
        assert daemon.stop() == 0
    assert "openvino" in analyzer
    assert "libavcodec" in camera
    assert not {"openvino", "libavcodec"} & main
    assert "openvino" not in camera
    assert not any("torch" in found for found in (main, camera, analyzer))


def _libraries(pid: int) -> set[str]:
    """Which of the heavy libraries a process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {
        name
        for name, part in (
            ("openvino", "libopenvino"),
            ("libavcodec", "/av.libs/libavcodec"),
            ("torch", "libtorch"),
        )
        if part in maps
    }
