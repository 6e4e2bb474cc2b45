"""Faults are planted in a healthy box, one at a time, against real servers: each is found, named
with a remedy, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.cli import main
from edge.config.load import load_config
from edge.daemon.wiring import engine_settings
from edge.doctor import permissions
from edge.doctor.account import this_account
from edge.doctor.case import Case
from edge.doctor.checkup import check_up
from edge.hub.folder import FileRecord, Manifest, write_manifest
from edge.hub.places import DEMO_DIR
from edge.pace import Pace, PacePoint
from edge.service.unit import build_unit
from edge.store.database import open_store
from edge.store.settings import StoreSettings
from edge.vlm.pace_file import save_pace
from tests.doctor.conftest import ACL, CAMERA_PASSWORD, PASSWORD, Box
from tests.support.broker import Certificates, Mosquitto, make_certificates
from tests.support.finding_samples import build_finding
from tests.support.mjpeg import MjpegServer, encode_jpeg
from tests.support.openai_server import Fault, ScriptedServer
from tests.support.ports import free_port
from tests.support.rtsp import RtspServer


def find_the_one(box: Box, check: str, level: str, found: str, remedy: str) -> None:
    """The doctor says this and nothing else."""
    troubles = box.troubles()
    shown = "\n".join(f"{one.level} {one.check}: {one.found}" for one in troubles)
    assert [one.check for one in troubles] == [check], shown
    (one,) = troubles
    assert one.level == level
    assert found in one.found
    assert remedy in one.remedy
    assert one.meaning
    assert PASSWORD not in repr(troubles)
    assert CAMERA_PASSWORD not in repr(troubles)


def test_a_healthy_box_has_no_fault(box: Box, server: RtspServer) -> None:
    box.camera["input"] = server.url("/good")
    assert box.troubles() == []
    said = {one.check: one.found for one in box.check_up()}
    assert "h264 320x180, " in said["camera"]
    assert "I-frame every 1.0 s" in said["camera"]
    assert "publishes and hears itself" in said["broker"]
    assert said["camera clock"] == "agrees with this box's"
    assert said.keys() >= {"configuration", "processor", "memory", "clock", "disk", "permissions"}
    assert said.keys() >= {"model", "http", "service", "budget"}


# A model elsewhere


def ask_server(box: Box, server: ScriptedServer) -> None:
    box.config["vlm"] = {"engine": "openai", "openai": {"url": server.url, "model": "qwen"}}


def test_a_server_that_does_not_take_the_key(box: Box) -> None:
    with ScriptedServer() as server:
        ask_server(box, server)
        assert box.troubles() == []
        server.fault(Fault(status=401))
        find_the_one(box, "server", "fault", "does not take the key", "vlm.openai")


def test_a_server_that_tells_no_probabilities(box: Box) -> None:
    with ScriptedServer() as server:
        server.top = -1
        ask_server(box, server)
        find_the_one(box, "server", "warning", "without probabilities", "logprobs")


# Cameras


def test_a_wrong_password_at_the_camera(box: Box, server: RtspServer) -> None:
    box.camera["input"] = server.url("/good", password="wrong-but-secret")
    find_the_one(box, "camera", "fault", "refused the user name or the password", "%40")
    assert "wrong-but-secret" not in repr(box.troubles())


def test_a_camera_that_is_not_there(box: Box) -> None:
    box.camera["input"] = f"rtsp://viewer:{CAMERA_PASSWORD}@127.0.0.1:{free_port()}/cam"
    find_the_one(box, "camera", "fault", "Connection refused", "ping")


def test_a_codec_that_cannot_be_decoded(box: Box, clip: Path) -> None:
    content = clip.read_bytes()
    at = content.index(b"avc1", content.index(b"stsd"))
    odd = box.folder / "odd.mp4"
    odd.write_bytes(content[:at] + b"zzz9" + content[at + 4 :])
    box.camera["input"] = str(odd)
    find_the_one(box, "camera", "fault", "codec is not supported", "H.264")


def test_i_frames_that_are_far_apart(box: Box, server: RtspServer) -> None:
    box.camera["input"] = server.url("/long")
    find_the_one(box, "camera", "warning", "more than 6 s apart", "I-frame interval")


def test_a_camera_that_is_too_slow_and_one_whose_clock_is_off(box: Box) -> None:
    jpeg = encode_jpeg(np.zeros((120, 160, 3), np.uint8))
    with MjpegServer([jpeg], fps=2, clock_off_s=-3 * 3600) as camera:
        box.camera["input"] = camera.url
        slow, late = sorted(box.troubles(), key=lambda one: one.check)
    assert (slow.check, slow.level) == ("camera", "warning")
    assert "`capture.fps` asks for 5" in slow.found
    assert (late.check, late.level) == ("camera clock", "warning")
    assert "3 hours behind" in late.found
    assert "NTP" in late.remedy


# The broker


def test_a_broker_that_does_not_run(box: Box) -> None:
    box.broker.stop()
    find_the_one(box, "broker", "fault", "nothing listens on", "systemctl status mosquitto")


def test_a_wrong_password_at_the_broker(box: Box) -> None:
    box.config["mqtt"]["password"] = "wrong-but-secret"
    find_the_one(box, "broker", "fault", "refused the connection", "`mqtt.password`")
    assert "wrong-but-secret" not in repr(box.troubles())


@pytest.mark.parametrize(
    ("acl", "level", "found", "remedy"),
    [
        pytest.param(
            ACL.replace("edge/box/", "edge/other/"),
            "fault",
            "does not take what is published below edge/box/",
            "topic write edge/box/#",
            id="another node's",
        ),
        pytest.param(
            ACL.replace("topic read edge/box/+/+/set\n", ""),
            "fault",
            "does not send back",
            "topic read edge/box/+/+/set",
            id="no commands",
        ),
        pytest.param(
            ACL.partition("topic write homeassistant")[0],
            "warning",
            "discovery",
            "homeassistant/device/+/config",
            id="no discovery",
        ),
    ],
)
def test_rights_that_the_broker_denies(
    box: Box, acl: str, level: str, found: str, remedy: str
) -> None:
    box.broker.set_acl(acl)
    time.sleep(0.1)  # it reads them between two clients; a miss shows the healthy rules and fails
    find_the_one(box, "broker", level, found, remedy)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves it to be collected
def test_another_authority_than_the_brokers(box: Box, certificates: Certificates) -> None:
    with encrypted(box, certificates):
        assert box.troubles() == []
        box.config["mqtt"]["tls"] = {"ca": str(certificates.other_ca)}
        find_the_one(box, "broker", "fault", "is not accepted", "`mqtt.tls.ca`")


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves it to be collected
def test_a_certificate_that_has_ended(box: Box) -> None:
    with encrypted(box, make_certificates(box.folder, days=-1)):
        find_the_one(box, "broker", "fault", "expired", "valid today")


def test_a_certificate_that_is_about_to_end(box: Box) -> None:
    with encrypted(box, make_certificates(box.folder, days=3)):
        find_the_one(box, "broker", "warning", "ends in 3.0 days", "Renew")


@contextmanager
def encrypted(box: Box, certificates: Certificates) -> Iterator[Mosquitto]:
    """A broker with TLS in the place of the box's."""
    users = {"box": PASSWORD}
    with Mosquitto(box.folder / "tls", users=users, acl=ACL, tls=certificates) as broker:
        box.config["mqtt"] |= {"port": broker.port, "tls": {"ca": str(certificates.ca)}}
        yield broker


# The disk


def test_a_full_disk(box: Box, small_disk: Path) -> None:
    folder = small_disk / "store"
    folder.mkdir()
    box.config["store"] = {"folder": str(folder)} | dict.fromkeys(
        ("findings_max_size", "outbox_max_size"), "1MB"
    )
    box.config["snapshots"] = {"max_size": "1MB"}
    assert box.troubles() == []
    with (small_disk / "ballast").open("wb") as ballast:
        ballast.truncate(0)
        for _ in range(299):
            ballast.write(bytes(1 << 20))
    find_the_one(box, "disk", "fault", "full", "Free some space")


def test_limits_that_the_disk_cannot_hold(box: Box, small_disk: Path) -> None:
    box.config["store"]["folder"] = str(small_disk / "store")
    find_the_one(box, "disk", "warning", "the limits allow", "`snapshots.max_size`")


def test_a_disk_that_is_mounted_read_only(box: Box, small_disk: Path) -> None:
    (small_disk / "store").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    box.config["store"]["folder"] = str(small_disk / "store")
    find_the_one(box, "disk", "fault", "mounted read-only", "store.folder")


# The model


def test_a_model_that_is_not_there(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_MODELS", str(box.folder / "models"))
    del box.config["vlm"]
    find_the_one(box, "model", "fault", "on this machine", "edge model pull")


def cut_short(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-1000])


def with_one_bit_turned(weights: Path) -> None:
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "deep", "found"),
    [(cut_short, False, "bytes instead of"), (with_one_bit_turned, True, "wrong checksum")],
)
def test_a_model_that_is_damaged(
    box: Box, damage: Callable[[Path], None], deep: bool, found: str
) -> None:
    folder = box.folder / "model"
    shutil.copytree(DEMO_DIR, folder)
    files = tuple(
        FileRecord(
            name=path.name,
            size_bytes=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.iterdir())
    )
    write_manifest(
        folder, Manifest(repo="a/b", revision="main", commit="c", pulled_at="", files=files)
    )
    box.config["vlm"]["model"] = str(folder)
    box.deep = deep
    assert box.troubles() == []
    damage(folder / "openvino_language_model.bin")
    find_the_one(box, "model", "fault", found, "edge model pull --force")


# The rest


def test_a_word_that_is_misspelt(box: Box) -> None:
    box.config["cameras"]["yard"] = {"inptu": str(box.clip)}
    troubles = box.troubles()
    assert {one.check for one in troubles} == {"configuration"}
    assert all(one.level == "fault" for one in troubles)
    assert any("input" in one.remedy for one in troubles)
    assert any(one.check == "camera" and one.level == "ok" for one in box.check_up())


def test_a_file_of_which_nothing_can_be_used(box: Box) -> None:
    box.config = {"cameras": []}
    troubles = box.troubles()
    assert {(one.check, one.level) for one in troubles} == {("configuration", "fault")}


def test_secrets_that_cannot_be_read(box: Box) -> None:
    (box.folder / "secrets.yaml").symlink_to(box.folder / "nowhere.yaml")
    path = box.write()
    path.write_text(path.read_text().replace(PASSWORD, "!secret mqtt"))
    box.write = lambda: path  # type: ignore[method-assign]
    find_the_one(box, "configuration", "fault", "cannot read", "may read the file")


def test_a_port_that_another_program_has(box: Box) -> None:
    with socket.create_server(("127.0.0.1", box.config["http"]["port"])) as other:
        other.settimeout(0.1)
        find_the_one(box, "http", "fault", "another program listens", "`http.port`")


def test_more_keyframes_than_the_model_can_take(box: Box) -> None:
    with open_store(StoreSettings(box.folder / "store")) as store:
        for number in range(6):
            finding = build_finding("porch", number + 1)
            timing = finding.timing.model_copy(update={"total_ms": 20_000.0})
            store.record(finding.model_copy(update={"timing": timing}), [])
    assert box.troubles() == []  # every 5 minutes
    box.config["rules"]["person"]["when"]["every"] = "10s"
    find_the_one(box, "budget", "fault", "180 keyframes an hour (20.0 s each), 360 come", "`every`")


def test_more_than_the_box_measured_that_it_can_take(box: Box) -> None:
    settings = engine_settings(load_config(box.write()).config, DEMO_DIR)
    path = save_pace(settings, Pace((PacePoint(65_536, 1, 12_000.0),)))
    assert box.troubles() == []  # every 5 minutes
    box.config["rules"]["person"]["when"]["every"] = "10s"
    find_the_one(
        box, "budget", "fault", "can take 300 keyframes an hour (12.0 s each, whole", "`every`"
    )
    box.config["rules"]["person"]["when"]["every"] = "5m"
    path.write_text("rubbish")
    (said,) = [one for one in check_up(box.write()) if one.check == "budget"]
    assert "not measured yet: " in said.found
    assert "pace.json is damaged; the daemon measures it" in said.found
    assert "`edge bench --calibrate " in said.found


def test_passwords_that_everybody_can_read(box: Box) -> None:
    path = box.write()
    path.chmod(0o644)
    box.write = lambda: path  # type: ignore[method-assign]
    find_the_one(box, "permissions", "warning", "every user (mode 0644)", "chmod o=")


def test_what_lies_behind_the_walls_of_the_service(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = box.folder / "home" / "ca.crt"
    authority.parent.mkdir()
    authority.touch()
    monkeypatch.setattr(permissions, "_HIDDEN", {"PrivateTmp=yes": (authority.parent,)})
    box.config["mqtt"]["tls"] = {"ca": str(authority)}
    path = box.write()

    def told(unit: str) -> dict[str, str]:
        case = Case(path, load_config(path), this_account(), unit)
        return {one.subject: one.found for one in permissions.check_permissions(case)}

    unit = build_unit()
    store = box.config["store"]["folder"]
    assert told("").keys() == {""}, "without a service nothing is wrong"
    found = told(unit)
    assert found.keys() == {str(authority), store}
    assert "the service cannot see it" in found[str(authority)]
    assert "the service cannot write" in found[store]
    assert told(f"{unit}ReadWritePaths={store}\n").keys() == {str(authority)}


# The command


def test_the_command_tells_people_and_programs(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(box.write())
    assert main(["doctor", "-c", path, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["faults"] == 0
    assert {"check", "level", "found", "meaning", "remedy", "subject"} <= report["checks"][0].keys()
    box.broker.stop()
    assert main(["doctor", "-c", path]) == 1
    shown = capsys.readouterr().out
    assert "fault   broker: nothing listens" in shown
    assert "        do     Check that the broker runs" in shown
    assert "1 fault" in shown.splitlines()[-1]
    assert PASSWORD not in shown
