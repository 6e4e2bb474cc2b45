"""Warnings: what is allowed and probably not meant; silence about what is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import advice
from edge.config.faults import Fault
from edge.config.load import load_text

LOCAL = "mqtt: {host: localhost}\n"
CAMERA = "cameras: {c: {input: rtsp://h/x}}\n"
RULE = "rules: {r: {ask: x}}\n"


def warnings(text: str) -> list[tuple[str, str]]:
    loaded = load_text(text, "edge.yaml", Path("/nowhere"))
    assert all(warning.remedy for warning in loaded.warnings)
    return [(warning.path, warning.message) for warning in loaded.warnings]


def rule(lines: str, cameras: str = CAMERA) -> str:
    return f"{LOCAL}{cameras}rules: {{r: {{ask: x, {lines}}}}}\n"


QUIET = "{enabled: false, scene: false}"

TABLE = {
    "for without every": (rule("for: 2h"), "rules.r.for", "none comes"),
    "for on motion": (rule("for: 2h, when: {on: motion}"), "rules.r.for", "none comes"),
    "for without alert": (
        f"{LOCAL}{CAMERA}rules: {{r: {{rate: x, for: 2h, when: {{every: 5m}}}}}}",
        "rules.r.for",
        "no effect",
    ),
    "cooldown without alert": (
        f"{LOCAL}{CAMERA}rules: {{r: {{rate: x, cooldown: 2h}}}}",
        "rules.r.cooldown",
        "no effect",
    ),
    "shape of no description": (
        rule("describe: never, describe_as: {a: int}"),
        "rules.r.describe_as",
        "no effect",
    ),
    "one key of two meanings": (
        LOCAL
        + CAMERA
        + "rules: {r: {ask: x, describe_as: {n: int}}, s: {ask: y, describe_as: {n: bool}}}\n",
        "rules.s.describe_as",
        "the key 'n' means something else for the rule r",
    ),
    "no rules": (LOCAL + CAMERA, "rules", "no rules"),
    "rule of a camera that is off": (
        LOCAL
        + "cameras: {c: {input: rtsp://h/x}, d: {input: rtsp://h/y, enabled: false}}\n"
        + "rules: {r: {ask: x, cameras: [d]}, s: {ask: x}}\n",
        "rules.r",
        "none of its cameras",
    ),
    "waits for motion that is off": (
        rule("when: {on: motion}", "cameras: {c: {input: rtsp://h/x, motion: {enabled: false}}}\n"),
        "rules.r.when",
        "waits for motion",
    ),
    "waits for scene cuts that are off": (
        rule("when: {on: scene}", "cameras: {c: {input: rtsp://h/x, motion: {scene: false}}}\n"),
        "rules.r.when",
        "it waits for scene, and no camera of it reports scene cuts: it is never asked",
    ),
    "waits for tampering that is off": (
        rule("when: {on: tamper}", "cameras: {c: {input: rtsp://h/x, motion: {tamper: false}}}\n"),
        "rules.r.when",
        "it waits for tamper, and no camera",
    ),
    "waits for keyframes that are not taken": (
        rule("when: {on: periodic}"),
        "rules.r.when",
        "it waits for periodic, and no camera of it takes periodic keyframes",
    ),
    "for on periodic keyframes that are not taken": (
        rule("for: 2h, when: {on: [motion, periodic]}"),
        "rules.r.for",
        "none comes",
    ),
    "camera that never triggers": (
        f"{LOCAL}cameras: {{c: {{input: rtsp://h/x, motion: {QUIET}}}}}\n{RULE}",
        "cameras.c",
        "nothing can trigger",
    ),
    "periodic that nobody asks about": (
        f"{LOCAL}cameras: {{c: {{input: rtsp://h/x, periodic: 5m}}}}\n{RULE}",
        "cameras.c.periodic",
        "no rule asks",
    ),
    "network without password": (
        "mqtt: {host: 192.168.1.2}\n" + CAMERA + RULE,
        "mqtt",
        "without a user name",
    ),
    "password without tls": (
        "mqtt: {host: 192.168.1.2, username: u, password: p}\n" + CAMERA + RULE,
        "mqtt",
        "unencrypted",
    ),
    "certificate not checked": (
        "mqtt: {host: b, username: u, password: p, tls: {verify: false}}\n" + CAMERA + RULE,
        "mqtt.tls.verify",
        "not checked",
    ),
    "certificate absent": (
        "mqtt: {host: b, username: u, password: p, tls: {ca: ca.pem}}\n" + CAMERA + RULE,
        "mqtt.tls.ca",
        "/nowhere/ca.pem does not exist",
    ),
    "clip absent": (
        f"{LOCAL}cameras: {{c: {{input: clips/a.mp4}}}}\n{RULE}",
        "cameras.c.input",
        "the file /nowhere/clips/a.mp4 does not exist now",
    ),
    "clip of a URL absent": (
        f"{LOCAL}cameras: {{c: {{inputs: [{{url: 'file:///no%20where.mp4'}}]}}}}\n{RULE}",
        "cameras.c.inputs",
        "the file /no where.mp4 does not exist now",
    ),
    "demo model on a real camera": (
        LOCAL
        + "vlm: {model: demo}\ncameras: {c: {input: 'demo:yard'}, d: {input: rtsp://h/x}}\n"
        + RULE,
        "vlm.model",
        "knows the drawn yard alone",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_warning(name: str) -> None:
    text, path, says = TABLE[name]
    told = warnings(text)
    assert [where for where, _ in told] == [path], told
    assert says in told[0][1]


@pytest.mark.parametrize(
    "text",
    [
        LOCAL + CAMERA + RULE,
        f"{LOCAL}cameras: {{c: {{input: 'demo:yard'}}}}\n{RULE}vlm: {{model: demo}}\n",
        f"{LOCAL}cameras: {{c: {{input: {__file__}}}}}\n{RULE}",
        f"{LOCAL}cameras: {{c: {{input: 'file://{__file__}'}}}}\n{RULE}",
        f"{LOCAL}cameras: {{c: {{input: /dev/video77}}}}\n{RULE}",
        f"{LOCAL}cameras: {{c: {{input: rtsp://h/x}}, d: {{input: /x, enabled: false}}}}\n{RULE}",
        rule("for: 2h, when: {every: 5m}"),
        rule("for: 2h, when: {on: periodic}", "cameras: {c: {input: rtsp://h/x, periodic: 5m}}\n"),
        LOCAL
        + CAMERA
        + "rules: {r: {ask: x, describe_as: {n: int}}, s: {ask: y, describe_as: {n: int, m: int}}, "
        + "t: {ask: y, describe: never}, u: {ask: y, describe_as: built-in}}\n",
        "mqtt: {host: 127.0.0.1, username: u, password: p}\n" + CAMERA + RULE,
        "mqtt: {host: '::1'}\n" + CAMERA + RULE,
        "mqtt: {host: b, username: u, password: p, tls: {}}\n" + CAMERA + RULE,
    ],
)
def test_silence(text: str) -> None:
    assert warnings(text) == []


def test_no_camera_enabled() -> None:
    told = warnings(f"{LOCAL}cameras: {{c: {{input: rtsp://h/x, enabled: false}}}}\n{RULE}")
    assert [where for where, _ in told] == ["rules.r", "cameras"]


def test_an_adviser_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Fault("too much for this box.", "Ask less often.", ("rules", "r"))
    monkeypatch.setattr(advice, "ADVISERS", [*advice.ADVISERS, lambda _config: iter([slow])])
    assert warnings(LOCAL + CAMERA + RULE) == [("rules.r", "too much for this box.")]
