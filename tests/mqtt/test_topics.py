"""Topics and settings: what is built, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.errors import DeliveryError
from edge.mqtt.settings import MqttSettings, TlsSettings
from edge.mqtt.topics import CommandTopic, Topics

TOPICS = Topics("box1", prefix="site/edge")
SETTINGS = MqttSettings(host="broker.local", node="box1")

BUILT: list[tuple[Callable[[Topics], str], str]] = [
    (lambda t: t.status, "site/edge/box1/status"),
    (lambda t: t.info, "site/edge/box1/info"),
    (lambda t: t.stats, "site/edge/box1/stats"),
    (lambda t: t.camera_status("porch"), "site/edge/box1/porch/status"),
    (lambda t: t.motion("porch"), "site/edge/box1/porch/motion"),
    (lambda t: t.capture("porch"), "site/edge/box1/porch/capture"),
    (lambda t: t.finding("porch"), "site/edge/box1/porch/finding"),
    (lambda t: t.last("porch"), "site/edge/box1/porch/last"),
    (lambda t: t.rule("porch", "parcel"), "site/edge/box1/porch/rule/parcel"),
    (lambda t: t.rule_attributes("porch", "parcel"), "site/edge/box1/porch/rule/parcel/attributes"),
    (lambda t: t.snapshot("front door"), "site/edge/box1/front door/snapshot"),
    (lambda t: t.command("porch", "enabled"), "site/edge/box1/porch/enabled/set"),
    (lambda t: t.state("porch", "sensitivity"), "site/edge/box1/porch/sensitivity/state"),
    (lambda t: t.ask_reply("porch"), "site/edge/box1/porch/ask/reply"),
    (lambda t: t.node_command("reload"), "site/edge/box1/cmd/reload/set"),
    (lambda t: t.discovery_status, "homeassistant/status"),
    (lambda t: t.discovery("x"), "homeassistant/device/x/config"),
]


@pytest.mark.parametrize(("build", "topic"), BUILT, ids=[topic for _, topic in BUILT])
def test_topics_of_the_contract(build: Callable[[Topics], str], topic: str) -> None:
    assert build(TOPICS) == topic


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "is empty"),
        ("a/b", "'/'"),
        ("a+", "'+'"),
        ("#", "'#'"),
        ("a\0b", r"'\\x00'"),
        ("a\nb", r"'\\n'"),
        ("\ud800", r"'\\ud800'"),
        ("x" * 129, "over 128 bytes"),
        ("ü" * 65, "over 128 bytes"),
    ],
)
def test_names_that_cannot_be_a_level(name: str, told: str) -> None:
    with pytest.raises(DeliveryError, match=told.replace("+", r"\+")):
        TOPICS.motion(name)
    with pytest.raises(DeliveryError, match="mqtt node"):
        Topics(name)
    with pytest.raises(DeliveryError, match="rule name"):
        TOPICS.rule("porch", name)


@pytest.mark.parametrize("prefix", ["", "/", "a//b", "edge/", "$SYS", "a/#"])
def test_bad_prefixes(prefix: str) -> None:
    with pytest.raises(DeliveryError, match="prefix"):
        Topics("box1", prefix=prefix)


def test_command_topics_are_read_back() -> None:
    assert TOPICS.parse_command(TOPICS.command("porch", "ask")) == CommandTopic("ask", "porch")
    assert TOPICS.parse_command(TOPICS.node_command("analyze")) == CommandTopic("analyze")
    # a camera may be called cmd
    assert TOPICS.parse_command(TOPICS.command("cmd", "enabled")) == CommandTopic("enabled", "cmd")


def test_the_state_of_a_rule_called_set_is_no_command() -> None:
    assert TOPICS.is_own_state(TOPICS.rule("porch", "set"))
    assert not TOPICS.is_own_state(TOPICS.command("porch", "enabled"))
    assert not TOPICS.is_own_state("other/box/porch/rule/set")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"host": ""}, "mqtt host"),
        ({"host": "a b"}, "mqtt host"),
        ({"node": "a/b"}, "mqtt node"),
        ({"prefix": "$x"}, "mqtt prefix"),
        ({"discovery_prefix": "#"}, "discovery prefix"),
        ({"port": 0}, "port must be 1 to 65535, not 0"),
        ({"version": "4"}, "version must be 5 or 3.1.1, not '4'"),
        ({"max_in_flight": 0}, "max_in_flight must be 1 to 40"),
        ({"max_in_flight": 41}, "max_in_flight must be 1 to 40, not 41"),
        ({"keepalive_s": 0}, "keepalive_s must be 1 to 65535"),
        ({"password": "secret"}, "a password needs a username"),
        ({"retry_first_s": 5, "retry_max_s": 1}, "retry_max_s must be 5"),
    ],
)
def test_settings_that_can_never_work(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DeliveryError, match=told):
        replace(SETTINGS, **changes)


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(DeliveryError, match="needs `cert`"):
        TlsSettings(key=Path("key.pem"))


def test_settings_do_not_show_the_password() -> None:
    assert "secret" not in repr(replace(SETTINGS, username="box1", password="secret"))


def test_the_client_id_names_prefix_and_node() -> None:
    assert replace(SETTINGS, prefix="site/edge").effective_client_id == "site-edge-box1"
    assert replace(SETTINGS, client_id="mine").effective_client_id == "mine"
    assert replace(SETTINGS, host="fe80::1").address == "[fe80::1]:1883"
