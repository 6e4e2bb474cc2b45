"""What is allowed but probably not meant: the warnings of `edge check`.

Each adviser is a pure look at a checked configuration (but for the files it names, which are
looked for). One that knows the speed of the box can be added to `ADVISERS` by whoever knows it.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from edge.config.camera import CameraConfig
from edge.config.faults import Fault, TreePath, show
from edge.config.model_names import DEMO_MODEL
from edge.config.models import Config
from edge.config.rule import RuleConfig
from edge.frames import Trigger
from edge.redact import redact_url

_LOCAL_HOSTS = {"localhost", "localhost.localdomain", "ip6-localhost"}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a trigger comes from: how a camera gives it, how to have it, and whether one does."""

    gives: str
    remedy: str
    is_given: Callable[[CameraConfig], bool]


# `command` is not among them: anyone can ask for a keyframe at any time.
_SOURCES: dict[Trigger, _Source] = {
    "motion": _Source(
        "looks for motion", "motion: {enabled: true}", lambda camera: camera.motion.enabled
    ),
    "scene": _Source(
        "reports scene cuts", "motion: {scene: true}", lambda camera: camera.motion.scene
    ),
    "tamper": _Source(
        "reports tampering", "motion: {tamper: true}", lambda camera: camera.motion.tamper
    ),
    "periodic": _Source(
        "takes periodic keyframes", "periodic: 5m", lambda camera: camera.periodic_s is not None
    ),
}


def advise(config: Config) -> list[Fault]:
    """Every warning about a configuration that is valid."""
    return [warning for adviser in ADVISERS for warning in adviser(config)]


def rule_advice(config: Config) -> Iterator[Fault]:
    """Rules that cannot do what they seem to ask for."""
    if not config.rules and not config.worker:
        yield Fault("there are no rules, so no question is asked.", "Add one.", ("rules",))
    for name, rule in config.rules.items():
        at: TreePath = ("rules", name)
        cameras = [config.camera(camera) for camera in config.cameras_of(name)]
        is_periodic = "periodic" in rule.when.on and any(c.periodic_s is not None for c in cameras)
        if rule.for_s and rule.when.every_s is None and not is_periodic:
            yield Fault(
                "`for` is only noticed at a keyframe; none comes while nothing moves.",
                "Add `when: {every: 5m}`.",
                (*at, "for"),
            )
        if rule.condition is None and rule.for_s:
            yield Fault("`for` has no effect without `alert`.", "Add `alert`.", (*at, "for"))
        if rule.condition is None and rule.cooldown_s:
            yield Fault(
                "`cooldown` has no effect without `alert`.", "Add `alert`.", (*at, "cooldown")
            )
        enabled = [camera for camera in cameras if camera.enabled]
        if not enabled:
            yield Fault("none of its cameras is enabled.", "Enable one, or remove the rule.", at)
        elif rule.when.every_s is None:
            yield from _trigger_advice(rule, enabled, (*at, "when"))


def _trigger_advice(
    rule: RuleConfig, cameras: Iterable[CameraConfig], at: TreePath
) -> Iterator[Fault]:
    """A rule that waits for what none of its cameras gives."""
    sources = [_SOURCES[word] for word in dict.fromkeys(rule.when.on) if word in _SOURCES]
    waits_for_command = len(sources) < len(set(rule.when.on))
    if waits_for_command or any(one.is_given(camera) for one in sources for camera in cameras):
        return
    yield Fault(
        f"it waits for {' or '.join(dict.fromkeys(rule.when.on))}, and no camera of it "
        f"{' or '.join(one.gives for one in sources)}: it is never asked.",
        f"Set {' or '.join(f'`{one.remedy}`' for one in sources)}, or add `every` here.",
        at,
    )


def description_advice(config: Config) -> Iterator[Fault]:
    """Shapes of descriptions that are never used, or get in each other's way."""
    writing = [name for name, rule in config.rules.items() if rule.describe != "never"]
    for name, rule in config.rules.items():
        if rule.describe_as is not None and name not in writing:
            yield Fault(
                "`describe_as` has no effect with `describe: never`.",
                "Set `describe: on_change`, or remove it.",
                ("rules", name, "describe_as"),
            )
    for index, name in enumerate(writing):
        for other in writing[:index]:
            shared = _clashing_keys(config.described_as(name), config.described_as(other))
            if shared and not set(config.cameras_of(name)).isdisjoint(config.cameras_of(other)):
                yield Fault(
                    f"the key {show(shared[0])} means something else for the rule {other}; of both "
                    f"a finding's `details` keep the one of the higher severity.",
                    "Rename one of them.",
                    ("rules", name, "describe_as"),
                )


def _clashing_keys(a: dict[str, Any] | None, b: dict[str, Any] | None) -> list[str]:
    """Keys of two schemas whose values are not of the same kind."""
    of_a, of_b = (schema["properties"] if schema else {} for schema in (a, b))
    return [key for key, part in of_a.items() if key in of_b and of_b[key] != part]


def camera_advice(config: Config) -> Iterator[Fault]:
    """Cameras that are never read or never say anything."""
    for name, camera in config.cameras.items():
        motion = camera.motion
        is_quiet = not motion.enabled and not motion.scene and camera.periodic_s is None
        rules = [r for n, r in config.rules.items() if name in config.cameras_of(n)]
        asked = any(rule.when.every_s is not None for rule in rules)
        if camera.enabled and is_quiet and not asked:
            yield Fault(
                "nothing can trigger a keyframe: motion and scene are off.",
                "Set `periodic: 5m`, or enable `motion`.",
                ("cameras", name),
            )
        listens = asked or any("periodic" in rule.when.on for rule in rules)
        if camera.periodic_s is not None and rules and not listens:
            yield Fault(
                "no rule asks about its periodic keyframes.",
                "Add `when: {on: [motion, periodic]}` to a rule.",
                ("cameras", name, "periodic"),
            )
    if config.cameras and not any(camera.enabled for camera in config.cameras.values()):
        yield Fault("no camera is enabled.", "Set `enabled: true` on one.", ("cameras",))


def mqtt_advice(config: Config) -> Iterator[Fault]:
    """A broker that anyone on the network can use or overhear."""
    mqtt = config.mqtt
    if _is_this_machine(mqtt.host):
        return
    if not mqtt.username and (mqtt.tls is None or mqtt.tls.cert is None):
        yield Fault(
            "the broker is used over the network without a user name and password.",
            "Set `username` and `password`, or a client certificate.",
            ("mqtt",),
        )
    if mqtt.username and mqtt.tls is None:
        yield Fault(
            "the password is sent over the network unencrypted.",
            "Set `tls: {}` if the broker can do TLS.",
            ("mqtt",),
        )
    if mqtt.tls is not None and not mqtt.tls.verify:
        yield Fault(
            "the broker's certificate is not checked.",
            "Set `ca` to the authority's certificate and remove `verify: false`.",
            ("mqtt", "tls", "verify"),
        )


def file_advice(config: Config) -> Iterator[Fault]:
    """Files that are named and not there."""
    tls = config.mqtt.tls
    for key in () if tls is None else ("ca", "cert", "key"):
        file = getattr(tls, key)
        if file is not None and not _exists(file):
            yield Fault(
                f"{file} does not exist or cannot be seen by this user.",
                "Check the path and its permissions.",
                ("mqtt", "tls", key),
            )
    for name, camera in config.cameras.items():
        path = _clip(camera.url)
        if camera.enabled and path is not None and not _exists(path):
            yield Fault(
                f"the file {redact_url(str(path))} does not exist now.",
                "Check the path; for a camera on the network write rtsp://HOST/PATH.",
                ("cameras", name, "input" if camera.inputs is None else "inputs"),
            )


def engine_advice(config: Config) -> Iterator[Fault]:
    """What is written about a model elsewhere and has no effect, or is not safe."""
    vlm = config.vlm
    if vlm.engine != "openai" and vlm.openai is not None:
        yield _no_effect("openai", vlm.engine, "Set `engine: openai`, or remove it.")
    if vlm.engine == "openvino" and vlm.standby != "none":
        yield _no_effect("standby", vlm.engine, "Set `engine: openai` or pool, or remove it.")
    if vlm.engine == "openai" and vlm.openai is not None:
        parts = urlsplit(vlm.openai.url)
        if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
            what = (
                "the key and pictures are" if vlm.openai.key.get_secret_value() else "pictures are"
            )
            yield Fault(
                f"{what} sent over the network unencrypted.",
                "Write https:// if the server can do TLS.",
                ("vlm", "openai", "url"),
            )


def _no_effect(key: str, engine: str, remedy: str) -> Fault:
    return Fault(f"`{key}` has no effect with `engine: {engine}`.", remedy, ("vlm", key))


def model_advice(config: Config) -> Iterator[Fault]:
    """A model that cannot answer, unless the cameras are drawn ones too."""
    is_demo = all(camera.url.startswith("demo:") for camera in config.cameras.values())
    if config.vlm.needs_model and config.vlm.model == DEMO_MODEL and not is_demo:
        yield Fault(
            "the demo model knows the drawn yard alone: of a real camera its answers mean nothing.",
            "Remove `model` to use the default, which `edge model pull` fetches.",
            ("vlm", "model"),
        )


def _clip(url: str) -> Path | None:
    """The file behind a source; None for the network and for devices, which come and go."""
    if url.lower().startswith("file://"):
        return Path(unquote(url[len("file://") :]))
    return Path(url) if url.startswith("/") and not url.startswith("/dev/") else None


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a folder is closed to us


def _is_this_machine(host: str) -> bool:
    if host.casefold() in _LOCAL_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


ADVISERS: list[Callable[[Config], Iterator[Fault]]] = [
    rule_advice,
    description_advice,
    camera_advice,
    mqtt_advice,
    file_advice,
    engine_advice,
    model_advice,
]
