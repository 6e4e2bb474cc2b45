"""A healthy box for the doctor: real broker, camera, model and store; the tests plant faults."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.doctor.checkup import check_up
from edge.doctor.diagnosis import Diagnosis
from tests.support.broker import Certificates, Mosquitto, make_certificates, mosquitto_path
from tests.support.clips import Walk, encode_clip, moving_scene
from tests.support.ports import free_port
from tests.support.rtsp import RtspServer

PASSWORD = "Gb4-right-horse"
CAMERA_PASSWORD = "cam-3f9c-staple"
ACL = """user box
topic write edge/box/#
topic read edge/box/+/+/set
topic write homeassistant/device/+/config
"""


@dataclass
class Box:
    """A configuration as plain values, which a plant changes, and the broker it names."""

    folder: Path
    broker: Mosquitto
    clip: Path
    config: dict[str, Any] = field(default_factory=dict)
    deep: bool = False

    def __post_init__(self) -> None:
        self.config = {
            "node": "box",
            "mqtt": {
                "host": "localhost",
                "port": self.broker.port,
                "username": "box",
                "password": PASSWORD,
            },
            "vlm": {"model": "demo"},
            "store": {"folder": str(self.folder / "store")},
            "http": {"port": free_port()},
            "cameras": {"porch": {"input": str(self.clip)}},
            "rules": {"person": {"ask": "Is there a person?", "when": {"every": "5m"}}},
        }

    @property
    def camera(self) -> dict[str, Any]:
        camera: dict[str, Any] = self.config["cameras"]["porch"]
        return camera

    def write(self) -> Path:
        """The configuration as a file of this user alone."""
        path = self.folder / "edge.yaml"
        path.write_text(yaml.safe_dump(self.config, sort_keys=False))
        path.chmod(0o600)
        return path

    def check_up(self) -> list[Diagnosis]:
        return list(check_up(self.write(), deep=self.deep))

    def troubles(self) -> list[Diagnosis]:
        """What is not ok, but for what a machine of tests cannot help."""
        mine = [one for one in self.check_up() if one.level != "ok"]
        not_its_fault = ("clock", "memory", "heat", "swap")
        return [
            one for one in mine if one.check not in not_its_fault and "demo model" not in one.found
        ]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 s, an I-frame each second."""
    path = tmp_path_factory.mktemp("doctor") / "clip.mp4"
    return encode_clip(path, moving_scene(3, [Walk(0.5, 2.5)], size=(320, 180)))


@pytest.fixture(scope="session")
def server(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """An RTSP camera with an account; /long has an I-frame every 20 s."""
    long = tmp_path_factory.mktemp("doctor") / "long.mp4"
    encode_clip(long, moving_scene(20, size=(320, 180), fps=10), gop=200, rate_fps=10)
    mounts = {"/good": clip, "/long": long}
    with RtspServer(mounts, loop=True, user="viewer", password=CAMERA_PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    mosquitto_path()
    return make_certificates(tmp_path_factory.mktemp("certificates"), days=90)


@pytest.fixture
def box(tmp_path: Path, clip: Path) -> Iterator[Box]:
    with Mosquitto(tmp_path / "broker", users={"box": PASSWORD}, acl=ACL) as broker:
        yield Box(tmp_path, broker, clip)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MB of its own, mostly empty."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    options = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(place)]
    mounted = subprocess.run(options, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a disk: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
