"""The daemon's HTTP side, with real parts behind it: cameras, model, rules, store."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import requests

from edge.pictures import load_picture
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TOKEN = "e2e-0123456789abcdef"
SECRETS = (TOKEN, "canary-of-the-camera-77", "canary-of-the-broker-77")
CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: 1, username: edge, password: canary-of-the-broker-77}}
vlm: {{model: demo}}
store: {{folder: ./store}}
log: {{level: debug}}
http: {{port: {port}, token: {token}}}
cameras:
  yard: {{input: "demo:yard?seed=7&fps=5", zones: {{step: [[0.3, 0.5], [0.7, 0.5], [0.7, 1.0]]}}}}
  gone: {{input: "rtsp://me:canary-of-the-camera-77@127.0.0.1:1/x"}}
rules:
  person: {{ask: "Is there a person?", describe: never, cameras: [yard]}}
  parcel: {{ask: "Is there a parcel?", zones: [step], describe: never, cameras: [yard]}}
"""


def test_a_box_over_http(tmp_path: Path) -> None:
    """Findings, pictures, questions, rule tests and events; then another port, then none."""
    port = free_port()
    with DaemonProcess(tmp_path, CONFIG.format(port=port, token=TOKEN)) as daemon:
        url = f"http://127.0.0.1:{port}"
        session = requests.Session()
        session.headers["authorization"] = f"Bearer {TOKEN}"

        def ready(at: str = url) -> bool:
            try:
                return session.get(f"{at}/ready", timeout=10).status_code == 200
            except requests.ConnectionError:
                return False

        wait_until(ready, "it is ready", 60)
        assert requests.get(f"{url}/api/v1/stats", timeout=10).status_code == 401

        with session.get(f"{url}/api/v1/events", stream=True, timeout=60) as stream:
            lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
            kinds = (line[7:] for line in lines if line.startswith("event: "))
            assert next(kind for kind in kinds if kind == "finding")

        def finding() -> dict[str, object] | None:
            page = session.get(f"{url}/api/v1/findings?rule=person&limit=1", timeout=10).json()
            return next((f for f in page["findings"] if f["type"] == "end"), None)

        found = wait_until(finding, "a finding with a verdict", 60)
        one = session.get(f"{url}/api/v1/findings/{found['id']}", timeout=10).json()
        assert one == found
        picture = session.get(f"{url}/api/v1/snapshots/{found['id']}", timeout=10).content
        assert load_picture(picture).shape == (360, 640, 3)
        assert session.get(f"{url}/api/v1/cameras/yard/keyframe?fresh=1", timeout=20).ok

        reply = session.post(
            f"{url}/api/v1/chat",
            files={"image": picture},
            data={"query": "What is it?", "max_tokens": 4},
            timeout=60,
        )
        assert reply.json()["answer"]
        tested = session.post(
            f"{url}/api/v1/rules/parcel/test", files={"camera": (None, "yard")}, timeout=60
        )
        assert tested.json()["region"] == [0.3, 0.5, 0.7, 1.0]
        states = session.get(f"{url}/api/v1/rules", timeout=10).json()["rules"]
        assert [rule["name"] for rule in states] == ["person", "parcel"]

        fields = {"camera": "yard", "seconds": "5", "suggest": "false"}
        looked = session.post(
            f"{url}/api/v1/tune", files={n: (None, w) for n, w in fields.items()}, timeout=60
        ).json()
        assert looked["source"]["name"] == "yard"
        assert "step" in looked["settings"]["zones"]
        again = {"again": looked["id"], "mask": "[[[0,0],[1,0],[1,1],[0,1]]]", "suggest": "false"}
        masked = session.post(
            f"{url}/api/v1/tune", files={n: (None, w) for n, w in again.items()}, timeout=60
        ).json()
        assert masked["source"] == looked["source"]
        assert masked["keyframes"] == []

        def error() -> str:
            cameras = session.get(f"{url}/api/v1/cameras", timeout=10).json()["cameras"]
            return str(cameras[1]["stats"]["last_error"])

        wait_until(error, "the other camera cannot be reached")
        for path in ("cameras", "stats", "rules", "findings", "health", "me", "metrics"):
            told = session.get(f"{url}/api/v1/{path}", timeout=10).text
            assert not [secret for secret in SECRETS if secret in told], path

        other = free_port()
        daemon.config.write_text(CONFIG.format(port=other, token=TOKEN))
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: ready(f"http://127.0.0.1:{other}"), "the other port serves")
        assert not ready(), "the first one does not any more"
        off = CONFIG.format(port=other, token=TOKEN).replace("http: {", "http: {enabled: false, ")
        daemon.config.write_text(off)
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not ready(f"http://127.0.0.1:{other}"), "nothing is served")
        assert daemon.stop() == 0
    assert not [secret for secret in SECRETS if secret in daemon.log]
    assert "Traceback" not in daemon.log
