"""The setting of the end-to-end tests: a clip on a real RTSP server, mosquitto, a subscriber."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, Subscriber
from tests.support.clips import Walk, encode_clip, moving_scene
from tests.support.rtsp import RtspServer

DATA = Path(__file__).parents[3] / "shared" / "data"
VIDEOS = DATA / "video"
CLIP = "intel_one-by-one-person-detection"

CONFIG = """
node: box
mqtt: {{host: 127.0.0.1, port: {port}}}
vlm: {{model: demo, deadline: 5s}}
store: {{folder: ./store}}
log: {{level: debug}}
http: {{enabled: false}}
cameras:
  room:
    input: {url}
    capture: {{open_timeout: 3s, read_timeout: 3s, stall_timeout: 4s}}
    zones: {{table: [[0.2, 0.2], [0.8, 0.2], [0.8, 0.9], [0.2, 0.9]]}}
rules:
  person: {{ask: "Is there a person?", describe: always}}
  at_table: {{ask: "Is someone at the table?", zones: [table]}}
  people:
    count: "How many people are there?"
    severity: 2
    describe: always
    describe_as: {{crowd: [none, some], seats: {{type: integer, minimum: 0, maximum: 9}}}}
"""


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[float, float]]]:
    """A clip and the times (start, end) at which somebody enters in its first 60 s."""
    real, truth = VIDEOS / f"{CLIP}.mp4", DATA / "groundtruth" / f"{CLIP}.json"
    if real.exists() and truth.exists():
        events = json.loads(truth.read_text())["events"]
        entries = [
            (e["t_start"], e["t_end"])
            for e in events
            if e["category"] == "enter" and e["t_start"] < 60
        ]
        return real, entries
    walks = [Walk(start, start + 4) for start in (6.0, 22.0, 38.0, 52.0)]
    path = tmp_path_factory.mktemp("clip") / "walks.mp4"
    encode_clip(path, moving_scene(64, walks, fps=10), gop=20)
    return path, [(walk.start_s, walk.end_s) for walk in walks]


@pytest.fixture
def server(clip: tuple[Path, list[tuple[float, float]]]) -> Iterator[RtspServer]:
    with RtspServer({"/room": clip[0]}, loop=True) as running:
        yield running


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto", persistence=True) as running:
        yield running


@pytest.fixture
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(broker.port, "edge/#", "homeassistant/#") as connected:
        yield connected
