"""What a good file comes to, and what a daemon does with a partly broken one."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from edge.capture.settings import SourceSettings
from edge.config.camera import CameraConfig
from edge.config.json_schema import build_schema
from edge.config.load import LoadedConfig, load_config, load_text
from edge.config.models import Config
from edge.config.rule import RuleConfig, WhenConfig
from edge.config.services import default_node
from edge.errors import ConfigError
from edge.geometry import Polygon
from edge.mqtt.topics import checked_level
from edge.rules.rule import DEFAULT_TRIGGERS
from edge.sampler.settings import SamplerSettings

CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = sorted(CONFIGS.glob("*.yaml"))
PASSWORDS = ("MQTT_PASSWORD", "CAMERA_PASSWORD")
CAMERA = "cameras: {c: {input: rtsp://h/x}}\n"


def load(text: str, *, tolerant: bool = False, folder: Path = Path("/etc/edge")) -> LoadedConfig:
    return load_text(text, "edge.yaml", folder, tolerant=tolerant)


def load_rule(lines: str) -> RuleConfig:
    return load(f"mqtt: {{host: h}}\n{CAMERA}rules:\n  r: {lines}\n").config.rules["r"]


def load_camera(lines: str) -> CameraConfig:
    return load(f"mqtt: {{host: h}}\ncameras:\n  c: {lines}\n").config.cameras["c"]


def test_there_are_examples() -> None:
    assert {"minimal.yaml", "home.yaml", "warehouse.yaml"} <= {file.name for file in EXAMPLES}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_load_and_fit_the_schema(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PASSWORDS:
        monkeypatch.setenv(name, "example")
    assert load_config(file).warnings == ()
    values = yaml.load(file.read_text(), Loader=yaml.BaseLoader)
    published = json.loads((CONFIGS / "schema" / "config.schema.json").read_text())
    errors = jsonschema.Draft202012Validator(published).iter_errors(_typed(values))
    assert [f"{e.json_path}: {e.message}" for e in errors] == []


@pytest.mark.parametrize("name", ["home", "warehouse"])
def test_an_example_without_its_passwords_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in PASSWORDS:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIGS / f"{name}.yaml")
    told = {problem.message for problem in caught.value.problems}
    assert told == {f"the environment variable {variable} is not set." for variable in PASSWORDS}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_a_copied_example_points_to_nothing_beside_it(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert not any(line.startswith("# yaml-language-server:") for line in lines)
    assert all(len(line) <= 120 for line in lines)


def _typed(value: Any) -> Any:
    """BaseLoader's texts with the numbers and booleans that YAML 1.2 sees."""
    if isinstance(value, dict):
        return {key: _typed(below) for key, below in value.items() if key != "<<"}
    if isinstance(value, list):
        return [_typed(below) for below in value]
    try:
        return json.loads(value) if value[:1] not in {'"', "[", "{"} else value
    except json.JSONDecodeError:
        return value


def test_smallest_file_has_every_default() -> None:
    config = load(f"mqtt: {{host: broker}}\n{CAMERA}").config
    assert config.node == default_node() == checked_level(config.node, "node")
    assert (config.mqtt.port, config.mqtt.version, config.mqtt.prefix) == (1883, "5", "edge")
    assert (config.mqtt.max_in_flight, config.mqtt.keepalive_s) == (20, 30.0)
    assert config.mqtt.discovery.enabled
    assert config.vlm.model == "OpenVINO/Qwen3-VL-2B-Instruct-int8-ov"
    assert (config.vlm.threads, config.vlm.max_pixels, config.vlm.temporal) == (None, None, "off")
    assert config.store.folder == Path("/var/lib/edge")
    assert config.store.outbox_max_size_bytes == 200_000_000
    assert config.snapshots.max_age_s == 14 * 86_400
    assert config.cameras["c"].url == "rtsp://h/x"
    assert config.rules == {}


def test_sampler_and_configuration_agree_on_defaults() -> None:
    motion = load(f"mqtt: {{host: h}}\n{CAMERA}").config.cameras["c"].motion
    defaults = {field.name: field.default for field in fields(SamplerSettings)}
    shown = motion.model_dump()
    shown["motion"] = shown.pop("enabled")
    assert shown == {name: defaults[name] for name in shown}


def test_capture_and_configuration_agree_on_defaults() -> None:
    capture = load(f"mqtt: {{host: h}}\n{CAMERA}").config.cameras["c"].capture
    defaults = {field.name: field.default for field in fields(SourceSettings)}
    for name in ("transport", "open_timeout_s", "read_timeout_s", "fps", "realtime", "loop"):
        assert getattr(capture, name) == defaults[name], name


def test_rules_and_configuration_agree_on_triggers() -> None:
    assert frozenset(WhenConfig().on) == DEFAULT_TRIGGERS


@pytest.mark.parametrize(
    ("block", "port"),
    [("{host: h}", 1883), ("{host: h, tls: {}}", 8883), ("{host: h, tls: {}, port: 1884}", 1884)],
)
def test_port_follows_tls(block: str, port: int) -> None:
    assert load(f"mqtt: {block}\n{CAMERA}").config.mqtt.port == port


def test_cameras_take_what_they_leave_out_from_the_top() -> None:
    config = load(
        "mqtt: {host: h}\n"
        "capture: {fps: 3, transport: udp}\nmotion: {threshold: 30}\n"
        "snapshots: {quality: 50, max_age: 1d}\n"
        "cameras:\n  a: {input: rtsp://h/a}\n"
        "  b:\n    input: rtsp://h/b\n    capture: {fps: 10}\n"
        "    motion: {scene: false}\n    snapshots: {enabled: false}\n"
    ).config
    a, b = config.cameras["a"], config.cameras["b"]
    assert (a.capture.fps, a.capture.transport) == (3, "udp")
    assert (b.capture.fps, b.capture.transport) == (10, "udp")
    assert (a.motion.threshold, a.motion.scene) == (30, True)
    assert (b.motion.threshold, b.motion.scene) == (30, False)
    assert (a.snapshots.enabled, a.snapshots.quality) == (True, 50)
    assert (b.snapshots.enabled, b.snapshots.quality) == (False, 50)
    assert config.camera("b") == b  # asking again changes nothing


def test_a_camera_may_set_a_key_back_to_its_default() -> None:
    config = load(
        "mqtt: {host: h}\nmotion: {threshold: 30}\n"
        "cameras: {c: {input: rtsp://h/x, motion: {threshold: 20}}}\n"
    ).config
    assert config.cameras["c"].motion.threshold == 20


def test_configuration_cannot_be_changed() -> None:
    config = load(f"mqtt: {{host: h}}\n{CAMERA}").config
    with pytest.raises(ValueError, match="frozen"):
        config.mqtt.host = "other"  # type: ignore[misc]


def test_equal_files_are_equal_and_a_changed_camera_is_seen() -> None:
    text = "mqtt: {host: h}\ncameras: {a: {input: rtsp://h/a}, b: {input: rtsp://h/b}}\n"
    one, same = load(text).config, load(text).config
    other = load(text.replace("h/b", "h/c")).config
    assert one == same
    assert one.cameras["a"] == other.cameras["a"]
    assert one.cameras["b"] != other.cameras["b"]


@pytest.mark.parametrize(
    ("lines", "on", "every_s"),
    [
        ("{ask: x, when: {on: motion}}", ("motion",), None),
        ("{ask: x, when: {on: [scene, tamper], every: 5m}}", ("scene", "tamper"), 300),
        ("{ask: x, when: {every: 1h30m}}", ("motion", "scene", "command"), 5400),
    ],
)
def test_on_is_a_key_and_not_true(lines: str, on: tuple[str, ...], every_s: float | None) -> None:
    when = load_rule(lines).when
    assert (when.on, when.every_s) == (on, every_s)


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        ("{ask: x}", ("yes",)),
        ("{ask: x, alert: no}", ("no",)),
        ("{ask: x, alert: off}", ("no",)),
        ("{ask: x, alert: false}", ("no",)),
        ("{count: x, highest: 3}", ("1", "2", "3")),
        ("{count: x, highest: 3, alert: 0}", ("0",)),
        ("{count: x, alert: '>= 8'}", ("8", "9")),
        ("{rate: x, alert: 1-2}", ("1", "2")),
        ("{choose: x, options: [on, off, no], alert: off}", ("off",)),
        ("{choose: x, options: [a, b, c], alert: [a, b]}", ("a", "b")),
    ],
)
def test_alert_of_each_kind(lines: str, accepted: tuple[str, ...]) -> None:
    condition = load_rule(lines).condition
    assert condition is not None
    assert condition.accepted == accepted


@pytest.mark.parametrize("lines", ["{choose: x, options: [a, b]}", "{rate: x}", "{read: x}"])
def test_other_rules_only_report_their_value(lines: str) -> None:
    assert load_rule(lines).condition is None


def test_times_of_day_are_text() -> None:
    hours = load_rule("{ask: x, schedule: 07:00-19:00}").hours
    assert hours is not None
    assert hours.text == "07:00-19:00"


@pytest.mark.parametrize(
    ("lines", "kind", "options"),
    [
        ("{ask: x}", "yes_no", ("yes", "no")),
        ("{choose: x, options: [a, b]}", "choice", ("a", "b")),
        ("{count: x, highest: 2}", "count", ("0", "1", "2")),
        ("{rate: x}", "rating", ("1", "2", "3", "4", "5")),
        ("{read: x, max_chars: 7}", "text", ()),
    ],
)
def test_rule_makes_its_question(lines: str, kind: str, options: tuple[str, ...]) -> None:
    question = load_rule(lines).question("r")
    assert (question.id, question.kind, question.text, question.options) == (
        "r",
        kind,
        "x",
        options,
    )


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("rtsp://u:p%40@10.0.0.5:8554/a?b=c", "rtsp://u:p%40@10.0.0.5:8554/a?b=c"),
        ("'rtsp://u:p@ss@h/x'", "rtsp://u:p@ss@h/x"),
        ("'rtsp://[fe80::1]:554/x'", "rtsp://[fe80::1]:554/x"),
        ("RTSP://h/x", "RTSP://h/x"),
        ("https://h/v.mjpg", "https://h/v.mjpg"),
        ("file:///srv/a.mp4", "file:///srv/a.mp4"),
        ("/srv/a.mp4", "/srv/a.mp4"),
        ("clips/a.mp4", "/etc/edge/clips/a.mp4"),
        ("/dev/video0", "/dev/video0"),
        ("0", "usb:0"),
        ("'1'", "usb:1"),
        ("usb:2", "usb:2"),
        ("demo:yard", "demo:yard"),
    ],
)
def test_sources(written: str, url: str) -> None:
    assert load_camera(f"{{input: {written}}}").url == url
    assert load_camera(f"{{inputs: [{{url: {written}}}]}}").url == url


@pytest.mark.parametrize(
    ("inputs", "looked_at", "main"),
    [
        ("{main: rtsp://h/m, sub: rtsp://h/s}", "rtsp://h/s", "rtsp://h/m"),
        ("[{url: rtsp://h/s, role: sub}, {url: rtsp://h/m}]", "rtsp://h/s", "rtsp://h/m"),
        ("{main: rtsp://h/m}", "rtsp://h/m", ""),
        ("{main: {url: 0}}", "usb:0", ""),
    ],
)
def test_streams_by_role(inputs: str, looked_at: str, main: str) -> None:
    camera = load_camera(f"{{inputs: {inputs}}}")
    assert (camera.url, camera.main_url) == (looked_at, main)


@pytest.mark.parametrize(
    "written",
    ["[[0, 0], [1, 0], [1, 1]]", "'0,0,1,0,1,1'", "'0.0, 0.0, 1, 0, 1, 1'", "'0,0;1,0;1,1'"],
)
def test_polygons_in_both_forms(written: str) -> None:
    triangle = Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    camera = load_camera(f"{{input: rtsp://h/x, mask: [{written}], zones: {{z: {written}}}}}")
    assert camera.mask == (triangle,)
    assert camera.zones == {"z": triangle}
    assert load_camera(f"{{input: rtsp://h/x, mask: {written}}}").mask == (triangle,)


def test_words_for_sensitivity_and_off() -> None:
    camera = load_camera("{input: rtsp://h/x, motion: {sensitivity: high}, periodic: off}")
    assert camera.motion.sensitivity == 0.75
    assert camera.periodic_s is None
    assert load_camera("{input: rtsp://h/x, periodic: 5m}").periodic_s == 300


def test_yes_and_no_are_accepted_as_flags() -> None:
    assert not load_camera("{input: rtsp://h/x, enabled: no}").enabled


@pytest.mark.parametrize(
    ("pixels", "most"),
    [("auto", None), ("small", 65_536), ("640x360", 230_400)],
)
def test_pixels(pixels: str, most: int | None) -> None:
    config = load(f"mqtt: {{host: h}}\n{CAMERA}vlm: {{pixels: {pixels}}}\n").config
    assert config.vlm.max_pixels == most


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text(
        f"mqtt: {{host: h, tls: {{ca: ca.pem}}}}\n{CAMERA}"
        "store: {folder: ./state}\nvlm: {model: ./model, cache: cache}\n"
    )
    config = load_config(file).config
    assert config.mqtt.tls is not None
    assert config.mqtt.tls.ca == tmp_path / "ca.pem"
    assert config.store.folder == tmp_path / "state"
    assert config.vlm.model == str(tmp_path / "model")
    assert config.vlm.cache == tmp_path / "cache"


def test_anchors_and_merges() -> None:
    config = load(
        "mqtt: {host: h}\n"
        "cameras:\n"
        "  a: &base\n    input: rtsp://h/a\n    motion: &m {threshold: 30, scene: false}\n"
        "  b:\n    <<: *base\n    input: rtsp://h/b\n"
        "  c:\n    input: rtsp://h/c\n    motion: {<<: [{tamper: false}, *m], threshold: 9}\n"
    ).config
    assert config.cameras["b"].url == "rtsp://h/b"
    assert config.cameras["b"].motion == config.cameras["a"].motion
    motion = config.cameras["c"].motion
    assert (motion.threshold, motion.scene, motion.tamper) == (9, False, False)


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    file = tmp_path / "edge.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + f"mqtt: {{host: h}}\r\n{CAMERA}".encode())
    assert load_config(file).config.mqtt.host == "h"


PARTLY_BROKEN = """\
mqtt: {host: h}
cameras:
  good: {input: rtsp://h/x, zones: {gate: [[0, 0], [1, 0], [1, 1]]}}
  bad: {input: rstp://h/x, zones: {step: [[0, 0], [1, 0], [1, 1]]}}
rules:
  fine: {ask: x}
  both: {ask: x, cameras: [good, bad]}
  only_bad: {ask: x, cameras: [bad]}
  zone_of_bad: {ask: x, zones: [step]}
  wrong: {ask: x, confirm: 0}
"""


def test_tolerant_load_leaves_out_what_is_broken_and_what_hangs_on_it() -> None:
    loaded = load(PARTLY_BROKEN, tolerant=True)
    assert set(loaded.config.cameras) == {"good"}
    assert set(loaded.broken_cameras) == {"bad"}
    assert "rstp" in loaded.broken_cameras["bad"][0].message
    assert set(loaded.config.rules) == {"fine", "both"}
    assert loaded.config.cameras_of("both") == ("good",)
    assert set(loaded.broken_rules) == {"only_bad", "zone_of_bad", "wrong"}
    assert loaded.broken_rules["wrong"][0].path == "rules.wrong.confirm"
    [orphan] = loaded.broken_rules["only_bad"]
    assert (orphan.path, orphan.line) == ("rules.only_bad.cameras", 8)
    assert orphan.message == "its camera bad is left out because of errors."


def test_check_refuses_what_the_daemon_tolerates() -> None:
    with pytest.raises(ConfigError) as caught:
        load(PARTLY_BROKEN)
    assert [p.path for p in caught.value.problems] == ["cameras.bad.input", "rules.wrong.confirm"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("mqtt: {host: h, prot: 1}\n" + CAMERA, "mqtt.prot"),
        ("mqtt: {host: h}\ncameras: {c: {input: rstp://h}}\n", "cameras.c.input"),
        ("mqtt: {host: h}\ncameras: [a]\n", "cameras"),
        ("mqtt: {host: h}\nnode: a\nnode: b\n" + CAMERA, "node"),
    ],
    ids=["broker", "no camera left", "no cameras", "key twice"],
)
def test_tolerant_load_still_refuses(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, tolerant=True)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_a_key_twice_in_a_camera_breaks_that_camera_only() -> None:
    text = (
        "mqtt: {host: h}\ncameras:\n  a: {input: rtsp://h/x}\n"
        "  b: {input: rtsp://h/y, input: rtsp://h/z}\n"
    )
    loaded = load(text, tolerant=True)
    assert (set(loaded.config.cameras), set(loaded.broken_cameras)) == ({"a"}, {"b"})


def test_faults_beyond_the_listed_ones_are_not_passed_over() -> None:
    text = (
        "mqtt: {host: h}\ncameras:\n  good: {input: rtsp://h/x}\n"
        f"  a: {{input: rtsp://h/x{', enabled: true' * 300}}}\n"
        "  b: {input: 'rtsp://u:${NO_SUCH_VARIABLE}@h/x'}\n"
    )
    with pytest.raises(ConfigError, match="there are more faults"):
        load(text, tolerant=True)


def test_models_hide_passwords_from_repr_and_json() -> None:
    config = load(
        "mqtt: {host: h, username: u, password: hunter2x}\n"
        "cameras: {c: {input: 'rtsp://u:sesame99@h/x', "
        "capture: {options: {headers: 'Authorization: opensaysme'}}}}\n"
    ).config
    for shown in (repr(config), str(config), config.model_dump_json()):
        for secret in ("hunter2x", "sesame99", "opensaysme"):
            assert secret not in shown
    assert config.mqtt.password == SecretStr("hunter2x")
    assert config.cameras["c"].url == "rtsp://u:sesame99@h/x"


def test_every_field_is_described() -> None:
    schema = build_schema("config")
    for block in (schema, *schema["$defs"].values()):
        for name, field in block["properties"].items():
            assert field.get("description"), name
    assert inspect.getdoc(Config)
