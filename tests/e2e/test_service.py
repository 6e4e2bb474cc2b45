"""The daemon as a service: systemd's signals, reload, orders over MQTT, broken input, secrets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.clips import Walk, encode_clip, moving_scene
from tests.support.contract import check_message, findings_of
from tests.support.daemon import DaemonProcess, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
http: {{enabled: false}}
vlm: {{model: demo, deadline: 5s}}
store: {{folder: ./store}}
cameras:
{cameras}
rules:
  person: {{ask: "Is there a person?", describe: never}}
"""
CAMERA = "  {name}: {{input: {clip}, capture: {{loop: true}}}}\n"
SECRET = "Tr0ub4dor"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walks.mp4"
    walks = [Walk(1.5, 4.5), Walk(6.0, 9.0)]
    encode_clip(path, moving_scene(10, walks, fps=10), gop=10)
    return path


@pytest.fixture
def config(clip: Path, broker: Mosquitto) -> str:
    return CONFIG.format(port=broker.port, cameras=CAMERA.format(name="porch", clip=clip))


class Manager:
    """The end of NOTIFY_SOCKET that systemd holds."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        self._lines: list[str] = []
        # for the daemon alone: mosquitto would say that it is ready, too
        self.environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}

    def lines(self) -> list[str]:
        """Every line so far."""
        while True:
            try:
                self._lines += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def configuration(subscriber: Subscriber) -> dict[str, Any]:
    """What `info` said last of the configuration's file."""
    return json.loads(subscriber.payloads("edge/box/info")[-1])["configuration"]


def test_systemd_is_told(manager: Manager, config: str, tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, config, manager.environment) as daemon:
        wait_until(lambda: manager.lines().count("WATCHDOG=1") >= 4, "the watchdog is fed", 20)
        assert "READY=1" in manager.lines()
        online = "1 of 1 cameras online"
        wait_until(lambda: any(online in line for line in manager.lines()), "the camera is up")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: manager.lines().count("READY=1") == 2, "the reload is complete")
        assert "RELOADING=1" in manager.lines()
        assert daemon.stop() == 0
    assert "STOPPING=1" in manager.lines()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("cameras: {}", "mqtt", id="nothing in it"),
        pytest.param("cameras: [", "line", id="no YAML"),
        pytest.param(None, "edge model pull", id="no model"),
    ],
)
def test_a_configuration_that_cannot_work_exits_with_78(
    manager: Manager, config: str, tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(config.replace("model: demo", "model: a/b") if text is None else text)
    done = subprocess.run(
        [sys.executable, "-m", "edge", "run", "-c", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "STATE_DIRECTORY": str(tmp_path / "state"), **manager.environment},
    )
    assert done.returncode == 78, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not manager.lines(), "it never said that it was ready"


def test_a_broken_camera_does_not_stop_the_others_and_reload_mends_it(
    config: str, clip: Path, subscriber: Subscriber, tmp_path: Path
) -> None:
    bad = config.replace("cameras:\n", "cameras:\n  drive: {input: rstp://10.0.0.1/x}\n")
    with DaemonProcess(tmp_path, bad) as daemon:
        subscriber.wait_for_payload("edge/box/porch/status", "online", 20)
        assert "drive" in daemon.log
        assert "rtsp://" in daemon.log, "the remedy is in the log"
        told = configuration(subscriber)
        assert told["state"] == "partly"
        assert "camera drive is left out" in told["problems"][0]
        porch = daemon.child("porch").pid
        mended = config.replace("cameras:\n", "cameras:\n" + CAMERA.format(name="drive", clip=clip))
        daemon.config.write_text(mended)
        daemon.process.send_signal(signal.SIGHUP)
        subscriber.wait_for_payload("edge/box/drive/status", "online", 20)
        assert daemon.child("porch").pid == porch, "an unchanged camera goes on"
        subscriber.wait_for(lambda _: configuration(subscriber)["state"] == "in_force")
        analyzer = daemon.child("analyzer").pid
        own, childs = (Path(f"/proc/{p}/oom_score_adj").read_text() for p in ("self", analyzer))
        assert int(own) < int(childs), "it offers its memory before the others'"
        daemon.config.write_text("cameras: [")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "goes on as before" in daemon.log, "the broken file is refused")
        daemon.config.write_text(config)
        daemon.process.send_signal(signal.SIGHUP)
        subscriber.wait_for_payload("edge/box/drive/status", "", 20)
        assert daemon.child("porch").pid == porch
        assert daemon.child("analyzer").pid == analyzer, "the model is not loaded again"
        assert daemon.stop() == 0


def test_the_last_good_file_is_used_when_the_new_one_is_broken(
    config: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path, config) as daemon:
        assert daemon.stop() == 0
        broken = config.replace("mqtt:", "mqtqt:")
        daemon.config.write_text(broken)
        daemon.start()
        assert "going on with the last one that worked" in daemon.log
        subscriber.wait_for(lambda _: configuration(subscriber)["state"] == "refused")
        assert "mqtqt" in str(configuration(subscriber)["problems"])
        subscriber.wait_for_payload("edge/box/porch/status", "online", 20)
        assert daemon.stop() == 0


def test_orders_over_mqtt(config: str, subscriber: Subscriber, tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, config) as daemon:
        root = "edge/box/porch"
        subscriber.wait_for_payload(f"{root}/status", "online", 20)
        subscriber.publish(f"{root}/sensitivity/set", "80")
        subscriber.wait_for_payload(f"{root}/sensitivity/state", "80")
        subscriber.publish(f"{root}/describe/set", "always")
        subscriber.wait_for_payload(f"{root}/describe/state", "always")
        subscriber.wait_for(lambda ms: any(f["summary"] for f in findings_of(ms)), 30)
        subscriber.publish(f"{root}/ask/set", json.dumps({"id": "q7", "question": "What is it?"}))
        subscriber.wait_for(lambda ms: any(m.topic == f"{root}/ask/reply" for m in ms), 30)
        reply = json.loads(subscriber.on(f"{root}/ask/reply")[0].payload)
        assert (reply["id"], reply["error"]) == ("q7", "")
        ways = {"id": "q8", "question": "Which way?", "choices": ["left", "right"]}
        subscriber.publish(f"{root}/ask/set", json.dumps(ways))
        subscriber.wait_for(lambda ms: sum(m.topic == f"{root}/ask/reply" for m in ms) == 2, 30)
        reply = json.loads(subscriber.on(f"{root}/ask/reply")[1].payload)
        assert reply["answer"] in ways["choices"]
        assert sorted(reply["probabilities"]) == ways["choices"]
        assert reply["probability"] == max(reply["probabilities"].values())
        subscriber.publish("edge/box/cmd/analyze/set", "porch")
        subscriber.wait_for(
            lambda ms: any(f["trigger"]["kind"] == "command" for f in findings_of(ms)), 20
        )
        subscriber.publish(f"{root}/enabled/set", "OFF")
        subscriber.wait_for_payload(f"{root}/enabled/state", "OFF")
        subscriber.wait_for_payload(f"{root}/status", "offline")
        subscriber.publish(f"{root}/ask/set", json.dumps({"id": "q9", "question": "And now?"}))
        subscriber.wait_for(lambda ms: sum(m.topic == f"{root}/ask/reply" for m in ms) == 3, 30)
        reply = json.loads(subscriber.on(f"{root}/ask/reply")[2].payload)
        assert "no picture" in reply["error"]
        assert daemon.stop() == 0
        daemon.start()  # what was set is kept
        subscriber.wait_for_payload(f"{root}/sensitivity/state", "80")
        subscriber.wait_for_payload(f"{root}/enabled/state", "OFF")
        subscriber.wait_for_payload(f"{root}/describe/state", "always")
        assert daemon.stop() == 0
        for message in subscriber.messages:
            if not message.topic.endswith("/set"):
                check_message(message, "edge/box")


def test_a_file_with_one_error_is_not_reloaded_and_never_the_last_good_one(
    config: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path, config) as daemon:
        last_good = daemon.store / "last_good.yaml"
        assert last_good.read_text() == config
        daemon.config.write_text(config.replace("person: {ask:", "person: {aks:"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "cannot be used; everything" in daemon.log, "it is refused")
        assert last_good.read_text() == config
        assert daemon.stop() == 0
        daemon.start()  # at start the rule is left out, the rest runs
        assert "rule person is left out" in daemon.log
        assert last_good.read_text() == config
        assert daemon.stop() == 0


def test_no_finding_for_a_periodic_keyframe_that_nobody_asked_about(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    """`every` makes the camera give keyframes; those that no rule is due for are not told."""
    still = tmp_path / "still.mp4"
    encode_clip(still, moving_scene(4, [], fps=10), gop=10)
    config = CONFIG.format(port=broker.port, cameras=CAMERA.format(name="porch", clip=still))
    config = config.replace("describe: never", "describe: never, when: {every: 2s}")
    with DaemonProcess(tmp_path, config) as daemon:
        subscriber.wait_for(lambda ms: sum(f["type"] == "end" for f in findings_of(ms)) >= 3, 40)
        assert daemon.stop() == 0
    ends = [f for f in findings_of(subscriber.messages) if f["type"] == "end"]
    assert all(f["verdicts"] for f in ends if f["status"] == "ok" and not f["superseded"])


def test_the_account_is_exact_and_sigterm_while_loading_is_quick(
    config: str, subscriber: Subscriber, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path, config) as daemon:
        assert daemon.stop() == 0  # the model was still loading
        daemon.start()
        subscriber.wait_for(lambda ms: len({f["id"] for f in findings_of(ms)}) >= 4, 60)
        daemon.child("analyzer").suspend()  # as deaf as inside a long pass of the model
        assert daemon.stop() == 0
        assert "INFO    analyzer: ended in the midst of its work" in daemon.log
        assert "did not end by itself" not in daemon.log
    stats = [json.loads(m.payload) for m in subscriber.on("edge/box/stats")]
    assert stats
    for document in stats:
        for counts in (document["counts"], *(c["counts"] for c in document["cameras"].values())):
            parts = ("analysed", "reused", "superseded", "stale", "failed", "waiting")
            assert counts["keyframes"] == sum(counts[part] for part in parts)


def test_passwords_are_nowhere(broker: Mosquitto, subscriber: Subscriber, tmp_path: Path) -> None:
    camera = f"  porch: {{input: 'rtsp://viewer:{SECRET}@127.0.0.1:9/x'}}\n"
    config = CONFIG.format(port=broker.port, cameras=camera)
    with DaemonProcess(tmp_path, config.replace("store:", "log: {level: debug}\nstore:")) as daemon:
        wait_until(lambda: "porch: offline" in daemon.log, "the camera is offline", 20)
        time.sleep(1)  # further lines of the first try
        family = [psutil.Process(daemon.process.pid)]
        family += family[0].children(recursive=True)
        titles = [" ".join(process.cmdline()) for process in family]
        assert daemon.stop() == 0
    seen = daemon.log + str(titles) + str([m.topic + repr(m.payload) for m in subscriber.messages])
    stored = b"".join(
        p.read_bytes()
        for p in daemon.store.rglob("*")
        if p.is_file() and p.name != "last_good.yaml"
    )
    assert SECRET not in seen
    assert SECRET.encode() not in stored
    assert "viewer" not in seen
