"""Commands: reading them, and how they come in and are answered over a real broker."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import CommandRefused
from edge.mqtt.commands import (
    AnalyzeCommand,
    AskCommand,
    Command,
    Incoming,
    ReloadCommand,
    ReplyAddress,
    SetEnabled,
    SetSensitivity,
    parse_command,
)
from edge.mqtt.topics import Topics
from tests.mqtt.conftest import Node, wait_until
from tests.support.broker import Mosquitto, Subscriber
from tests.support.mqtt_proxy import MqttProxy

MakeNode = Callable[..., Node]
TOPICS = Topics("box")
CAMERAS = ("porch", "yard")
ASK = "edge/box/porch/ask/set"
REPLY = "edge/box/porch/ask/reply"
QUESTION = json.dumps({"id": "7", "question": "Is the gate open?"})


def parse(topic: str, payload: str | bytes, **fields: Any) -> Command:
    data = payload.encode() if isinstance(payload, str) else payload
    return parse_command(TOPICS, CAMERAS, Incoming(topic, data, **fields))


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("edge/box/porch/enabled/set", "ON", SetEnabled("porch", enabled=True)),
        ("edge/box/yard/enabled/set", " off\n", SetEnabled("yard", enabled=False)),
        ("edge/box/yard/enabled/set", "true", SetEnabled("yard", enabled=True)),
        ("edge/box/porch/sensitivity/set", "1", SetSensitivity("porch", 1)),
        ("edge/box/porch/sensitivity/set", "99.5", SetSensitivity("porch", 99.5)),
        ("edge/box/cmd/reload/set", "", ReloadCommand()),
        ("edge/box/cmd/reload/set", "anything", ReloadCommand()),
        ("edge/box/cmd/analyze/set", "", AnalyzeCommand("")),
        ("edge/box/cmd/analyze/set", "yard", AnalyzeCommand("yard")),
        ("edge/box/cmd/analyze/set", '{"camera": "yard"}', AnalyzeCommand("yard")),
        ("edge/box/cmd/analyze/set", "{}", AnalyzeCommand("")),
        (ASK, QUESTION, AskCommand("porch", "7", "Is the gate open?", ReplyAddress(REPLY))),
    ],
)
def test_good_commands(topic: str, payload: str, command: Command) -> None:
    assert parse(topic, payload) == command


def ask(**fields: Any) -> str:
    return json.dumps({"id": "7", "question": "Why?"} | fields)


@pytest.mark.parametrize(
    ("topic", "payload", "kind", "told"),
    [
        ("edge/box/porch/enabled/set", "maybe", "bad value", "must be ON or OFF, not 'maybe'"),
        ("edge/box/porch/enabled/set", "", "bad value", "must be ON or OFF"),
        ("edge/box/porch/enabled/set", b"\xff\xfe", "not UTF-8", "byte 0 is not UTF-8"),
        ("edge/box/attic/enabled/set", "ON", "unknown camera", "known: porch, yard"),
        ("edge/box/porch/sensitivity/set", "0", "bad value", "from 1 to 100, not '0'"),
        ("edge/box/porch/sensitivity/set", "101", "bad value", "from 1 to 100"),
        ("edge/box/porch/sensitivity/set", "nan", "bad value", "from 1 to 100"),
        ("edge/box/porch/sensitivity/set", "inf", "bad value", "from 1 to 100"),
        ("edge/box/porch/sensitivity/set", "high", "bad value", "from 1 to 100"),
        ("edge/box/cmd/analyze/set", "attic", "unknown camera", "no camera 'attic'"),
        ("edge/box/cmd/analyze/set", '{"camera": 3}', "bad value", "must be a name"),
        ("edge/box/cmd/analyze/set", "{", "bad JSON", "not JSON"),
        ("edge/box/cmd/format/set", "", "unknown topic", "no command"),
        ("edge/box/porch/motion", "ON", "unknown topic", "no command"),
        ("edge/other/porch/enabled/set", "ON", "unknown topic", "no command"),
        (ASK, "Is the gate open?", "bad JSON", "not JSON"),
        (ASK, "[" * 20_000, "bad JSON", "not JSON"),
        (ASK, "[]", "bad value", "must be a JSON object"),
        (ASK, "{}", "bad value", "`id` must be a text"),
        (ASK, ask(id=7), "bad value", "`id` must be a text"),
        (ASK, ask(id="x" * 200), "bad value", "`id` must be a text of 1 to 128"),
        (ASK, ask(question=""), "bad value", "`question` must be a text"),
        (ASK, ask(question=["Why?"]), "bad value", "`question` must be a text"),
        (ASK, ask(question="?" * 2001), "bad value", "`question` must be a text of 1 to 2000"),
        (ASK, '{"id": "7", "question": "\\ud800"}', "bad value", "surrogate"),
        (ASK, ask(question="x" * 70_000), "too large", "at most 65536"),
    ],
)
def test_bad_commands(topic: str, payload: str | bytes, kind: str, told: str) -> None:
    with pytest.raises(CommandRefused) as refusal:
        parse(topic, payload)
    assert refusal.value.kind == kind
    assert told in str(refusal.value)
    assert len(str(refusal.value)) < 250  # a stranger cannot fill the log


def test_a_retained_command_is_refused() -> None:
    with pytest.raises(CommandRefused, match="retained"):
        parse("edge/box/porch/enabled/set", "OFF", retained=True)


@pytest.mark.parametrize(
    ("response_topic", "is_allowed"),
    [
        ("dashboard/answers/1", True),
        (REPLY, True),
        ("edge/box/porch/status", False),
        ("edge/box/porch/rule/parcel", False),
        ("edge/other/status", False),
        ("homeassistant/device/x/config", False),
        ("$SYS/x", False),
        ("a/+/b", False),
        ("a/#", False),
    ],
)
def test_a_response_topic_cannot_make_us_speak_in_our_own_name(
    response_topic: str, is_allowed: bool
) -> None:
    def send() -> Command:
        return parse(ASK, QUESTION, response_topic=response_topic, correlation=b"\x00\x01")

    if is_allowed:
        command = send()
        assert isinstance(command, AskCommand)
        assert command.reply_to == ReplyAddress(response_topic, b"\x00\x01")
    else:
        with pytest.raises(CommandRefused, match="response topic"):
            send()


@given(
    topic=st.sampled_from([*TOPICS.command_filters, ASK]).map(lambda t: t.replace("+", "porch")),
    payload=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["id", "question", "camera"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_comes_is_a_command_or_a_refusal(topic: str, payload: bytes) -> None:
    with contextlib.suppress(CommandRefused):  # any other exception fails the test
        assert isinstance(parse(topic, payload), Command)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_commands_come_in(broker: Mosquitto, make_node: MakeNode, version: str) -> None:
    with Subscriber(broker.port) as sender:
        node = make_node(broker.port, version=version)
        sender.wait_for_payload("edge/box/status", "online")
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        sender.publish("edge/box/porch/enabled/set", "OFF")
        sender.publish("edge/box/yard/sensitivity/set", "70")
        sender.publish("edge/box/cmd/reload/set", "")
        sender.publish("edge/box/cmd/analyze/set", "porch")
        wait_until(lambda: len(node.commands) == 4)
        assert node.commands == [
            SetEnabled("porch", enabled=False),
            SetSensitivity("yard", 70),
            ReloadCommand(),
            AnalyzeCommand("porch"),
        ]
        node.publisher.set_cameras(["attic"])
        sender.publish("edge/box/porch/enabled/set", "ON")
        sender.publish("edge/box/attic/enabled/set", "ON")
        wait_until(lambda: node.commands[-1] == SetEnabled("attic", enabled=True))
        assert node.publisher.stats().commands == 5


def test_commands_still_come_in_after_a_reconnect(broker: Mosquitto, make_node: MakeNode) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port) as sender:
        node = make_node(proxy.port).wait_connected()
        proxy.cut()
        wait_until(lambda: node.publisher.stats().connections == 2)
        wait_until(lambda: broker.log.count("Sending SUBACK to edge-box") == 2)
        sender.publish("edge/box/cmd/reload/set", "")
        wait_until(lambda: node.commands == [ReloadCommand()])


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_bad_commands_are_counted_and_told_once_a_kind(
    broker: Mosquitto, make_node: MakeNode, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    with Subscriber(broker.port) as sender:
        sender.publish("edge/box/porch/enabled/set", "OFF", retain=True)
        node = make_node(broker.port, version=version).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        for _ in range(3):
            sender.publish("edge/box/porch/sensitivity/set", "high")
            sender.publish("edge/box/attic/enabled/set", "ON")
            sender.publish(ASK, b"\xff")
            sender.publish(ASK, b"x" * 100_000)
        sender.publish("edge/box/cmd/reload/set", "")
        wait_until(lambda: node.commands == [ReloadCommand()])
        counts = {"bad value": 3, "unknown camera": 3, "not UTF-8": 3, "too large": 3}
        if version == "3.1.1":  # MQTT 5 lets us ask for none
            counts["retained"] = 1
        assert node.publisher.stats().commands_refused == counts
        assert caplog.text.count("refused a command") == len(counts)
        assert node.publisher.stats().connections == 1


def test_a_command_that_fails_does_not_cost_the_connection(
    broker: Mosquitto, make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Exception):
        pass

    def fail(_command: Command) -> None:
        raise Broken

    with Subscriber(broker.port) as sender:
        node = make_node(broker.port).wait_connected()
        node.publisher._on_command = fail
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        sender.publish("edge/box/cmd/reload/set", "")
        sender.publish("edge/box/cmd/reload/set", "")
        wait_until(lambda: node.publisher.stats().commands == 2)
        wait_until(lambda: caplog.text.count("Broken") >= 2)
        assert node.publisher.stats().connections == 1


def ask_over(sender: Subscriber, node: Node, **publish: Any) -> AskCommand:
    sender.publish(ASK, QUESTION, **publish)
    wait_until(lambda: len(node.commands) > 0)
    command = node.commands.pop()
    assert isinstance(command, AskCommand)
    return command


def test_a_reply_goes_where_the_asker_wants_it(broker: Mosquitto, make_node: MakeNode) -> None:
    with Subscriber(broker.port) as sender:
        node = make_node(broker.port).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        command = ask_over(sender, node, response_topic="me/answers", correlation=b"\x00abc")
        node.publisher.reply(command, '{"answer": "yes"}')
        message = sender.wait_for_payload("me/answers", '{"answer": "yes"}')
        assert (message.correlation, message.retain) == (b"\x00abc", False)
        assert sender.on(REPLY) == []
        node.publisher.reply(ask_over(sender, node), "no")
        assert sender.wait_for_payload(REPLY, "no").correlation == b""


def test_replies_outlive_a_broken_connection_up_to_a_bound(
    broker: Mosquitto, make_node: MakeNode
) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port) as sender:
        node = make_node(proxy.port).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        command = ask_over(sender, node)
        proxy.swallows_pubacks = True
        for number in range(3):
            node.publisher.reply(command, str(number))
        wait_until(lambda: node.publisher.stats().in_flight == 3)
        proxy.swallows_pubacks = False
        proxy.cut()
        wait_until(lambda: node.publisher.stats().connections == 2)
        sender.wait_for_payload(REPLY, "2")
        assert sender.payloads(REPLY)[-3:] == ["0", "1", "2"]

        broker.stop()
        wait_until(lambda: not node.publisher.connected)
        sender.clear()
        for number in range(70):
            node.publisher.reply(command, str(number))
        broker.start()
        node.wait_connected()
        wait_until(lambda: node.publisher.stats().replies_dropped == 6)
        wait_until(lambda: node.publisher.stats().in_flight == 0)


def test_a_reply_the_broker_refuses_is_dropped(broker: Mosquitto, make_node: MakeNode) -> None:
    with MqttProxy(broker.port) as proxy, Subscriber(broker.port) as sender:
        proxy.refuse = lambda topic: 0x87 if topic == "me/answers" else 0
        node = make_node(proxy.port).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        command = ask_over(sender, node)
        refused = replace(command, reply_to=ReplyAddress("me/answers"))
        node.publisher.reply(refused, "lost")
        node.publisher.reply(command, "kept")
        sender.wait_for_payload(REPLY, "kept")
        wait_until(lambda: node.publisher.stats().refused == 1)
        wait_until(lambda: node.publisher.stats().in_flight == 0)
