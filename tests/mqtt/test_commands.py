"""Commands: reading them, and how they come in and are answered over a real broker."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.errors import CommandRefused
from edge.findings import AskReply
from edge.mqtt.commands import (
    AnalyzeCommand,
    AskCommand,
    Command,
    Incoming,
    ReloadCommand,
    ReplyAddress,
    SetDescribe,
    SetEnabled,
    SetSensitivity,
    parse_command,
)
from edge.mqtt.refusal import RefusalLog, answer_refused_ask
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
        ("edge/box/porch/describe/set", "Always\n", SetDescribe("porch", "always")),
        ("edge/box/yard/describe/set", "configured", SetDescribe("yard", "configured")),
        ("edge/box/cmd/reload/set", "", ReloadCommand()),
        ("edge/box/cmd/reload/set", "anything", ReloadCommand()),
        ("edge/box/cmd/analyze/set", "", AnalyzeCommand("")),
        ("edge/box/cmd/analyze/set", "yard", AnalyzeCommand("yard")),
        ("edge/box/cmd/analyze/set", '{"camera": "yard"}', AnalyzeCommand("yard")),
        ("edge/box/cmd/analyze/set", "{}", AnalyzeCommand("")),
        (ASK, QUESTION, AskCommand("porch", "7", "Is the gate open?", ReplyAddress(REPLY))),
        (
            ASK,
            json.dumps({"id": "7", "question": "Why?", "choices": ["wind", "a cat"]}),
            AskCommand("porch", "7", "Why?", ReplyAddress(REPLY), ("wind", "a cat")),
        ),
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
        (
            "edge/box/porch/describe/set",
            "sometimes",
            "bad value",
            "one of configured, never, on_ch",
        ),
        ("edge/box/porch/describe/set", "", "bad value", "must be one of"),
        ("edge/box/attic/describe/set", "never", "unknown camera", "no camera 'attic'"),
        ("edge/box/cmd/analyze/set", "attic", "unknown camera", "no camera 'attic'"),
        ("edge/box/cmd/analyze/set", '{"camera": 3}', "bad value", "must be a name"),
        ("edge/box/cmd/analyze/set", "{", "bad JSON", "not JSON"),
        ("edge/box/cmd/format/set", "", "unknown topic", "cmd/reload/set, cmd/analyze/set"),
        (
            "edge/box/porch/enable/set",
            "ON",
            "unknown topic",
            "known are CAMERA/enabled/set, CAMERA/se",
        ),
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
        (ASK, ask(choises=["a", "b"]), "bad value", "unknown key 'choises'; known: id, question"),
        (ASK, ask(**{"k" * 500: 1}), "bad value", "unknown key"),
        (ASK, ask(choices="a,b"), "bad value", "`choices` must be a list of 2 to 32 texts"),
        (ASK, ask(choices=None), "bad value", "`choices` must be a list"),
        (ASK, ask(choices=[1, 2]), "bad value", "`choices` must be a list"),
        (ASK, ask(choices=["a"]), "bad value", "'choices' needs 2 to 32 options, not 1"),
        (ASK, ask(choices=[str(n) for n in range(33)]), "bad value", "options, not 33"),
        (ASK, ask(choices=["a", "A "]), "bad value", "'A ' appears twice"),
        (ASK, ask(choices=["a", "x" * 81]), "bad value", "must have 1 to 80 characters"),
        (ASK, ask(choices=["a", "\ud800"]), "bad value", "`choices` holds half"),
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
    topic=st.sampled_from(
        [
            TOPICS.command("porch", "enabled"),
            TOPICS.command("porch", "sensitivity"),
            TOPICS.command("porch", "describe"),
            ASK,
            TOPICS.node_command("reload"),
            TOPICS.node_command("analyze"),
            "edge/box/porch/porch/set",
        ]
    ),
    payload=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.dictionaries(st.sampled_from(["id", "question", "camera", "choices"]), inner)
            | st.lists(inner, max_size=3)
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_comes_is_a_command_or_a_refusal(topic: str, payload: bytes) -> None:
    try:  # any other exception fails the test
        assert isinstance(parse(topic, payload), Command)
    except CommandRefused as refusal:
        answer = answer_refused_ask(TOPICS, Incoming(topic, payload), refusal)
        assert (answer is not None) == (topic == ASK)
        assert answer is None or AskReply.model_validate_json(answer[1]).error


def refused_reply(payload: str | bytes, topic: str = ASK, **fields: Any) -> tuple[str, AskReply]:
    with pytest.raises(CommandRefused) as refusal:
        parse(topic, payload, **fields)
    data = payload.encode() if isinstance(payload, str) else payload
    answer = answer_refused_ask(TOPICS, Incoming(topic, data, **fields), refusal.value)
    assert answer is not None
    assert answer[0].correlation == fields.get("correlation", b"")
    return answer[0].topic, AskReply.model_validate_json(answer[1])


@pytest.mark.parametrize(
    ("payload", "ask_id", "question", "told"),
    [
        ("Is the gate open?", "", "", "not JSON"),
        (b"\xff", "", "", "not UTF-8"),
        ("[" * 20_000, "", "", "not JSON"),
        ("[]", "", "", "must be a JSON object"),
        ('{"question": "Why?"}', "", "Why?", "`id` must be a text"),
        (ask(id=5), "", "Why?", "`id` must be a text"),
        (ask(question=5), "7", "", "`question` must be a text"),
        ('{"id": "7"}', "7", "", "`question` must be a text"),
        (ask(question="\ud800"), "7", "", "surrogate"),
        (ask(id="\ud800"), "", "Why?", "surrogate"),
        (ask(colour="red"), "7", "Why?", "unknown key 'colour'"),
        (ask(choices=["a"]), "7", "Why?", "2 to 32 options"),
        (ask(question="x" * 70_000), "", "", "at most 65536"),
    ],
)
def test_a_bad_question_is_answered_with_what_is_wrong(
    payload: str | bytes, ask_id: str, question: str, told: str
) -> None:
    topic, reply = refused_reply(payload)
    assert topic == REPLY
    assert (reply.id, reply.camera, reply.question, reply.answer) == (ask_id, "porch", question, "")
    assert told in reply.error


def test_where_the_refusal_of_a_question_goes() -> None:
    bad = ask(id=5)
    assert refused_reply(bad, response_topic="me/x", correlation=b"\x01")[0] == "me/x"
    topic, reply = refused_reply(ask(), response_topic="edge/box/status", correlation=b"\x01")
    assert (topic, reply.id) == (REPLY, "7")
    assert "'edge/box/status' is not allowed" in reply.error
    topic, reply = refused_reply(ask(), "edge/box/attic/ask/set")
    assert (topic, reply.camera) == ("edge/box/attic/ask/reply", "attic")
    assert "no camera 'attic'" in reply.error


@pytest.mark.parametrize(
    "message",
    [
        Incoming("edge/box/porch/sensitivity/set", b"x", response_topic="me/x"),
        Incoming("edge/box/porch/motion", b"x"),
        Incoming(ASK, b"x", retained=True),
        Incoming(f"edge/box/{'x' * 200}/ask/set", b"x"),
    ],
    ids=["no question", "no command", "retained", "no topic for it"],
)
def test_what_is_refused_without_an_answer(message: Incoming) -> None:
    assert answer_refused_ask(TOPICS, message, CommandRefused("bad value", "bad")) is None


def test_a_refusal_is_told_once_in_ten_minutes_for_each_topic_and_kind() -> None:
    log = RefusalLog()
    bad, unknown = CommandRefused("bad value", "must be ON"), CommandRefused("unknown camera", "no")
    first = log.line("t/1", bad, 0)
    assert "'t/1'" in first
    assert "must be ON" in first
    assert log.line("t/2", bad, 1)
    assert log.line("t/1", unknown, 2)
    assert [log.line("t/1", bad, at_s) for at_s in (3, 400, 599)] == ["", "", ""]
    assert "3 more since" in log.line("t/1", bad, 600)
    assert log.line("t/1", bad, 1199) == ""


def test_invented_topics_neither_fill_the_log_nor_the_memory() -> None:
    log = RefusalLog()
    bad = CommandRefused("unknown camera", "no camera")
    lines = [
        log.line(f"edge/box/{number}/enabled/set", bad, number / 100) for number in range(1000)
    ]
    assert sum(line != "" for line in lines) == 256
    assert log.line("another", bad, 605) != ""  # the first of those were told over 10 min ago


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
        wait_until(lambda: broker.log.count("Sending SUBACK to edge-box") == 1)
        proxy.cut()
        wait_until(lambda: broker.log.count("Sending SUBACK to edge-box") == 2)
        assert node.publisher.stats().connections == 2
        sender.publish("edge/box/cmd/reload/set", "")
        wait_until(lambda: node.commands == [ReloadCommand()])


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_bad_commands_are_counted_answered_and_told_once_a_topic_and_kind(
    broker: Mosquitto, make_node: MakeNode, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    with Subscriber(broker.port) as sender:
        sender.publish("edge/box/porch/enabled/set", "OFF", retain=True)
        node = make_node(broker.port, version=version).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        for _ in range(3):
            sender.publish("edge/box/porch/sensitivity/set", "high")
            sender.publish("edge/box/yard/sensitivity/set", "101")
            sender.publish("edge/box/attic/enabled/set", "ON")
            sender.publish(ASK, b"\xff")
            sender.publish(ASK, b"x" * 100_000)
            sender.publish("edge/box/porch/enable/set", "ON")
            sender.publish("edge/box/cmd/relod/set", "")
        node.publisher.publish_state("edge/box/porch/rule/set", "ON")  # its name is the rule's
        wait_until(lambda: sender.on("edge/box/porch/rule/set") != [])
        sender.publish("edge/box/cmd/reload/set", "")
        wait_until(lambda: node.commands == [ReloadCommand()])
        counts = {"bad value": 6, "unknown camera": 3, "not UTF-8": 3, "too large": 3}
        counts["unknown topic"] = 6
        if version == "3.1.1":  # MQTT 5 lets us ask for none
            counts["retained"] = 1
        assert node.publisher.stats().commands_refused == counts
        assert caplog.text.count("refused a command") == len(counts) + 2
        assert "'edge/box/cmd/relod/set'; known are CAMERA/enabled/set, " in caplog.text
        wait_until(lambda: len(sender.on(REPLY)) == 6)
        errors = [AskReply.model_validate_json(m.payload).error for m in sender.on(REPLY)]
        assert errors == ["byte 0 is not UTF-8", errors[1]] * 3
        assert "at most 65536" in errors[1]
        assert node.publisher.stats().connections == 1


def malformed(rng: random.Random) -> tuple[str, bytes]:
    """Something sent to a command's topic that is none of its orders."""
    noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
    word = "".join(rng.choice("abcXYZ<>{}[]\"'\\\n\0 äß门\u202e") for _ in range(30))
    deep = rng.choice(["[", '{"a":']) * rng.randrange(1, 5000)
    nonsense = ["null", "[]", "{", '{"id": 1}', "NaN", "-1", "1e309", "ON OFF", "=ON", word]
    values: list[Any] = [None, True, -1, 1e308, [], {}, ["a"], word, "", "x" * 3000, "\ud800"]
    kind = rng.choice(["enabled", "sensitivity", "describe", "ask", "attic", "topic", "analyze"])
    if kind == "ask":
        fields = {key: rng.choice(values) for key in ("question", "choices", "severity")}
        fields["id"] = rng.choice([value for value in values if value != word])
        bad = json.dumps(dict(rng.sample(sorted(fields.items()), rng.randrange(5))))
        if rng.random() < 0.3:
            bad = rng.choice([*nonsense, deep])
        return ASK, rng.choice([bad.encode("utf-8", "surrogatepass"), noise, b""])
    if kind == "attic":
        return f"edge/box/attic/{rng.choice(['enabled', 'describe'])}/set", b"ON"
    if kind == "topic":
        return f"edge/box/porch/{rng.choice(['state', 'motion', 'ask_', 'sett'])}/set", noise
    payload = rng.choice([*nonsense, deep]).encode()
    if kind == "analyze":
        return "edge/box/cmd/analyze/set", rng.choice([b"{" + payload, b"attic", b"\xff" + noise])
    return f"edge/box/porch/{kind}/set", rng.choice([payload, b"\xff" + noise, b""])


def test_a_thousand_malformed_orders_change_nothing(
    broker: Mosquitto, make_node: MakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(7)
    orders = [malformed(rng) for _ in range(1000)]
    questions = [order for order in orders if order[0] == ASK]
    assert len(questions) > 100
    with Subscriber(broker.port) as sender:
        node = make_node(broker.port).wait_connected()
        wait_until(lambda: "Sending SUBACK to edge-box" in broker.log)
        for number, (topic, payload) in enumerate(orders):
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic = "me/answers"
            properties.CorrelationData = str(number).encode()
            sender.client.publish(topic, payload, qos=1, properties=properties)

        def are_settled() -> bool:
            stats = node.publisher.stats()
            num_answers = len(sender.on("me/answers")) + stats.replies_dropped
            num_refused = sum(stats.commands_refused.values())
            return (num_refused, num_answers) == (len(orders), len(questions))

        wait_until(are_settled)
        assert node.commands == []
        assert node.publisher.stats().commands == 0
        assert node.publisher.stats().connections == 1
        answers = sender.on("me/answers")
        assert len({message.correlation for message in answers}) == len(answers), "each once"
        assert all(AskReply.model_validate_json(m.payload).error for m in answers)
        seen = [
            record.message for record in caplog.records if "refused a command" in record.message
        ]
        told = {(r.split(" on ")[1].split(": ")[0], r.rsplit("(", 1)[1]) for r in seen}
        assert len(seen) == len(told) < 40, "each topic and kind of fault is told once"
        sender.publish("edge/box/cmd/reload/set", "")  # and it still listens
        wait_until(lambda: node.commands == [ReloadCommand()])


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
