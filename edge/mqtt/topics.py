"""Every topic of the published contract, built and read in this one place.

Pure. Knows what topics are called, not what is said on them; the publisher, the discovery documents
and the daemon's publishing code ask here and never format a topic of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from edge.errors import DeliveryError

SettingKind = Literal["enabled", "sensitivity", "describe"]
CommandKind = Literal["enabled", "sensitivity", "describe", "ask", "reload", "analyze"]

MAX_LEVEL_BYTES: Final = 128
MAX_TOPIC_BYTES: Final = 65535  # the length field has two bytes (MQTT 5, 1.5.4)

_SETTINGS: Final = ("enabled", "sensitivity", "describe")
_CAMERA_COMMANDS: Final = (*_SETTINGS, "ask")
_NODE_COMMANDS: Final = ("reload", "analyze")


def checked_level(name: str, what: str) -> str:
    """`name` if it can be one level of a topic, else DeliveryError. `what` says whose name it is.

    Refused are empty names, `+ # /`, control characters (NUL among them) and surrogates, which no
    broker takes, and names of more than 128 bytes.
    """
    if not name:
        raise DeliveryError(f"{what} is empty")
    bad = sorted({c for c in name if c in "+#/" or not (c.isprintable() or c == " ")})
    if bad:
        shown = " ".join(repr(c) for c in bad)
        raise DeliveryError(f"{what} {name!r} holds {shown}, which a topic cannot")
    if len(name.encode()) > MAX_LEVEL_BYTES:
        raise DeliveryError(f"{what} {name[:40]!r}... is over {MAX_LEVEL_BYTES} bytes long")
    return name


def checked_prefix(prefix: str, what: str) -> str:
    """`prefix` if it can begin a topic, else DeliveryError. It may have several levels.

    A first level that begins with `$` is the broker's own (MQTT 5, 4.7.2) and is refused.
    """
    for level in prefix.split("/"):
        checked_level(level, what)
    if prefix.startswith("$"):
        raise DeliveryError(f"{what} {prefix!r} begins with $, which is the broker's")
    return prefix


def check_publish_topic(topic: str, what: str) -> None:
    """DeliveryError if nothing can be published on `topic`."""
    bad = [c for c in ("+", "#", "\0") if c in topic]
    if not topic or bad:
        raise DeliveryError(f"{what} {topic[:80]!r} is empty or holds one of + # NUL")
    try:
        size_bytes = len(topic.encode())
    except UnicodeEncodeError:
        raise DeliveryError(f"{what} {topic[:80]!r} cannot be written as UTF-8") from None
    if size_bytes > MAX_TOPIC_BYTES:
        raise DeliveryError(f"{what} is over {MAX_TOPIC_BYTES} bytes long")


@dataclass(frozen=True, slots=True)
class CommandTopic:
    """What an incoming topic asks for; `camera` is "" for a command to the node."""

    kind: CommandKind
    camera: str = ""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one node. Camera and rule names are checked; DeliveryError for a bad one."""

    node: str
    prefix: str = "edge"
    discovery_prefix: str = "homeassistant"

    def __post_init__(self) -> None:
        checked_prefix(self.prefix, "mqtt prefix")
        checked_prefix(self.discovery_prefix, "mqtt discovery prefix")
        checked_level(self.node, "mqtt node")

    @property
    def root(self) -> str:
        """What all of the node's topics begin with, without the last slash."""
        return f"{self.prefix}/{self.node}"

    @property
    def status(self) -> str:
        """`online`, `offline` (the will) or `stopped`; retained."""
        return f"{self.root}/status"

    @property
    def info(self) -> str:
        """Version, model and schema; retained."""
        return f"{self.root}/info"

    @property
    def stats(self) -> str:
        """The statistics of each minute."""
        return f"{self.root}/stats"

    def _of_camera(self, camera: str, rest: str) -> str:
        return f"{self.root}/{checked_level(camera, 'camera name')}/{rest}"

    def camera_status(self, camera: str) -> str:
        """`online`, `offline`, `stalled` or `frozen`; retained."""
        return self._of_camera(camera, "status")

    def motion(self, camera: str) -> str:
        """`ON` or `OFF`; retained."""
        return self._of_camera(camera, "motion")

    def capture(self, camera: str) -> str:
        """How the camera's stream is received, JSON; retained."""
        return self._of_camera(camera, "capture")

    def finding(self, camera: str) -> str:
        """Every finding, through the outbox; not retained."""
        return self._of_camera(camera, "finding")

    def last(self, camera: str) -> str:
        """The last finished finding; retained."""
        return self._of_camera(camera, "last")

    def rule(self, camera: str, rule: str) -> str:
        """`ON` or `OFF`; retained. Cleared while unknown, as it is for a mere report."""
        return self._of_camera(camera, f"rule/{checked_level(rule, 'rule name')}")

    def rule_attributes(self, camera: str, rule: str) -> str:
        """The rule's state in full, JSON; retained."""
        return f"{self.rule(camera, rule)}/attributes"

    def snapshot(self, camera: str) -> str:
        """The last keyframe as JPEG bytes; retained."""
        return self._of_camera(camera, "snapshot")

    def held_by_camera(self, camera: str) -> tuple[str, ...]:
        """All retained topics of a camera, but for its rules'."""
        return (
            self.camera_status(camera),
            self.motion(camera),
            self.capture(camera),
            self.last(camera),
            self.snapshot(camera),
            *(self.state(camera, kind) for kind in _SETTINGS),
        )

    def held_by_rule(self, camera: str, rule: str) -> tuple[str, ...]:
        """The retained topics of a rule at a camera."""
        return self.rule(camera, rule), self.rule_attributes(camera, rule)

    def command(self, camera: str, kind: SettingKind | Literal["ask"]) -> str:
        """Where a camera's command is received."""
        return self._of_camera(camera, f"{kind}/set")

    def node_command(self, kind: Literal["reload", "analyze"]) -> str:
        """Where a command to the node is received."""
        return f"{self.root}/cmd/{kind}/set"

    def state(self, camera: str, kind: SettingKind) -> str:
        """What a camera's setting is now; retained."""
        return self._of_camera(camera, f"{kind}/state")

    def ask_reply(self, camera: str) -> str:
        """Answers to questions that named no response topic."""
        return self._of_camera(camera, "ask/reply")

    @property
    def discovery_status(self) -> str:
        """Where Home Assistant says that it came up."""
        return f"{self.discovery_prefix}/status"

    def discovery(self, device_id: str) -> str:
        """Home Assistant's configuration of one device; retained."""
        name = checked_level(device_id, "discovery device id")
        return f"{self.discovery_prefix}/device/{name}/config"

    @property
    def command_filters(self) -> tuple[str, ...]:
        """What to subscribe to for commands, misspelt ones included, so that they can be told."""
        return (f"{self.root}/+/+/set",)

    @property
    def probe(self) -> str:
        """Where `edge doctor` writes, and reads back what it wrote; the daemon ignores it.

        It lies where a node may write and listens for commands, so that both rights are tried.
        """
        return f"{self.root}/cmd/doctor/set"

    def is_own_state(self, topic: str) -> bool:
        """Whether a topic that looks like a command's is the state of a rule that is called set."""
        levels = topic.removeprefix(f"{self.root}/").split("/")
        return topic.startswith(f"{self.root}/") and levels[1:] == ["rule", "set"]

    def parse_command(self, topic: str) -> CommandTopic:
        """Which command a topic is for. DeliveryError when it is none of ours."""
        levels = topic.removeprefix(self.root + "/").split("/")
        if topic.startswith(self.root + "/") and len(levels) == 3 and levels[2] == "set":
            for kind in _CAMERA_COMMANDS:
                if levels[1] == kind:
                    return CommandTopic(kind, camera=levels[0])
            for node_kind in _NODE_COMMANDS:
                if levels[:2] == ["cmd", node_kind]:
                    return CommandTopic(node_kind)
        known = [f"CAMERA/{kind}/set" for kind in _CAMERA_COMMANDS]
        known += [f"cmd/{kind}/set" for kind in _NODE_COMMANDS]
        raise DeliveryError(
            f"no command is received on {topic[:80]!r}; known are {', '.join(known)}"
        )

    def is_reply_topic_allowed(self, topic: str) -> bool:
        """Whether a stranger's response topic may be written to.

        A question names the topic of its answer. It must not make us speak in our own name: our
        tree (but for `ask/reply`), Home Assistant's configuration and the broker's `$` are refused.
        """
        try:
            check_publish_topic(topic, "response topic")
        except DeliveryError:
            return False
        if topic.startswith(self.root + "/"):
            levels = topic.removeprefix(self.root + "/").split("/")
            return len(levels) == 3 and levels[1:] == ["ask", "reply"]
        return not topic.startswith(("$", f"{self.prefix}/", f"{self.discovery_prefix}/"))
