"""A name that was given up: cleared at the broker, but only where nobody else has it by now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.config.load import LoadedConfig, load_config
from edge.daemon.announcer import Announcer
from edge.daemon.config_report import report_loaded
from edge.daemon.given_up import HELD, former_names, hold
from edge.daemon.introduction import build_info
from edge.daemon.wiring import mqtt_settings
from edge.findings import RuleAttributes
from edge.mqtt.former import Former, FormerNames
from edge.mqtt.publisher import Publisher
from edge.store.database import open_store
from edge.store.settings import StoreSettings
from tests.mqtt.conftest import Node, settings_for, wait_until
from tests.support.broker import Mosquitto, Subscriber

YAML = """
node: {node}
mqtt: {{host: 127.0.0.1, port: {port}}}
cameras: {cameras}
rules: {{person: {{ask: "Is there a person?"}}}}
"""
ALL = "{porch: {input: rtsp://h/a}, yard: {input: rtsp://h/b}}"
ONE = "{porch: {input: rtsp://h/a}}"


class Box:
    """What of a box speaks: its configuration's node, its store, its publisher."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self._folder, self._broker = folder, broker
        folder.mkdir()

    def load(self, node: str, cameras: str = ALL) -> LoadedConfig:
        path = self._folder / "edge.yaml"
        path.write_text(YAML.format(node=node, port=self._broker.port, cameras=cameras))
        return load_config(path)

    @contextmanager
    def running(self, node: str, cameras: str = ALL) -> Iterator[Publisher]:
        """The box from its start to its end, with states as of a day."""
        loaded = self.load(node, cameras)
        config = loaded.config
        with open_store(StoreSettings(self._folder / "store")) as store:
            settings = settings_for(self._broker.port, node=node)
            former = former_names(mqtt_settings(config), store)
            publisher = Publisher(settings, store, lambda _: None, config.cameras, former)
            publisher.start()
            try:
                announcer = Announcer(publisher)
                info = build_info(config, None, report_loaded(loaded))
                announcer.info(info)
                hold(config, mqtt_settings(config), publisher, store, info)
                for camera in config.cameras:
                    announcer.camera(camera, "online")
                    announcer.motion(camera, moving=False)
                    attributes = RuleAttributes(
                        rule="person", camera=camera, state="on", since=None
                    )
                    announcer.rule(attributes)
                num_topics = 2 + 4 * len(config.cameras)
                root = f"edge/{node}/"
                wait_until(lambda: len(below(held(self._broker), root)) >= num_topics)
                yield publisher
            finally:
                publisher.stop(5)


@pytest.fixture
def make_box(tmp_path: Path, broker: Mosquitto) -> Callable[[str], Box]:
    return lambda name: Box(tmp_path / name, broker)


def held(broker: Mosquitto) -> set[str]:
    """Every topic that has a retained message now."""
    with Subscriber(broker.port, "edge/#", "end/of/it") as seen:
        seen.client.publish("end/of/it", b"x", qos=1)
        wait_until(lambda: bool(seen.on("end/of/it")))
        return {message.topic for message in seen.messages if message.retain and message.payload}


def has_been_told(publisher: Publisher) -> bool:
    """Whether it knows what the broker has of its former name."""
    return len(publisher._former._said) == 2


def below(topics: set[str], root: str) -> set[str]:
    return {topic for topic in topics if topic.startswith(root)}


def test_a_renamed_box_clears_its_former_name(
    make_box: Callable[[str], Box], broker: Mosquitto
) -> None:
    box = make_box("one")
    with make_box("two").running("neighbour"):
        pass
    with box.running("old"):
        pass
    before = held(broker)
    assert len(below(before, "edge/old/")) == 10
    with box.running("new"):
        wait_until(lambda: not below(held(broker), "edge/old/"), what="the old name is cleared")
        after = held(broker)
    assert len(below(after, "edge/new/")) == 10
    assert below(after, "edge/neighbour/") == below(before, "edge/neighbour/")
    with box.running("old"):  # and back again: nothing of its present name is taken away
        wait_until(lambda: not below(held(broker), "edge/new/"), what="the new name is cleared")
        assert len(below(held(broker), "edge/old/")) == 10


def test_a_name_that_is_anothers_by_now_is_left_alone(
    make_box: Callable[[str], Box], broker: Mosquitto
) -> None:
    box, heir = make_box("one"), make_box("two")
    with box.running("old"):
        pass
    # The heir has the same cameras and rules, so that its info is the same.
    with heir.running("old"), box.running("new") as publisher:
        wait_until(lambda: has_been_told(publisher))
        assert len(below(held(broker), "edge/old/")) == 10
    with heir.running("old", ONE):  # it has become another box; now it is switched off
        wait_until(lambda: "edge/old/yard/motion" not in held(broker))
    before = below(held(broker), "edge/old/")
    with box.running("new") as publisher:
        wait_until(lambda: has_been_told(publisher))
        assert below(held(broker), "edge/old/") == before


def test_a_camera_that_went_while_the_box_was_off_is_cleared(
    make_box: Callable[[str], Box], broker: Mosquitto
) -> None:
    box = make_box("one")
    with box.running("old"):
        pass
    with box.running("old", ONE):
        wait_until(lambda: not below(held(broker), "edge/old/yard/"), what="the yard is cleared")
        assert below(held(broker), "edge/old/porch/")


def test_a_former_names_findings_are_delivered_but_not_kept(
    broker: Mosquitto, make_node: Callable[..., Node]
) -> None:
    with Subscriber(broker.port, "edge/+/porch/last") as seen:
        node = make_node(broker.port)
        for name in ("old", "box"):
            node.outbox.add("porch", name, f"edge/{name}/porch/last", retain=True)
        wait_until(lambda: len(seen.messages) == 2)
    wait_until(lambda: "edge/box/porch/last" in held(broker))
    assert "edge/old/porch/last" not in held(broker)


FORMER = Former("edge/old", ("edge/old/a", "edge/old/b"), b"{}")
CLEARED = ("edge/old/a", "edge/old/b", "edge/old/status", "edge/old/info")


@pytest.mark.parametrize(
    ("said", "cleared"),
    [
        ([("status", b"stopped"), ("info", b"{}")], CLEARED),
        ([("info", b"{}"), ("status", b"offline")], CLEARED),
        ([("info", b"{}"), ("status", b"online"), ("status", b"offline")], CLEARED),
        ([("info", b"{}"), ("status", b"online")], ()),
        ([("info", b"[]"), ("status", b"offline")], ()),
        ([("info", b""), ("status", b"offline")], ()),
        ([("info", b"{}"), ("status", b"")], ()),
        ([("info", b"{}")], ()),
        ([("status", b"stopped")], ()),
        ([("status", b"stopped"), ("info", b"{}"), ("status", b""), ("info", b"")], ()),
    ],
)
def test_when_a_former_name_may_be_cleared(
    said: list[tuple[str, bytes]], cleared: tuple[str, ...]
) -> None:
    names = FormerNames([FORMER])
    for word, payload in said:
        given = names.heard(f"edge/old/{word}", payload)
    assert given == cleared


@pytest.mark.parametrize("saved", [{}, {"broker": "x:1"}, {"broker": 3, "names": 4}], ids=str)
def test_a_record_that_cannot_be_read_clears_nothing(
    make_box: Callable[[str], Box], tmp_path: Path, saved: dict[str, object]
) -> None:
    settings = mqtt_settings(make_box("one").load("new").config)
    if saved.get("broker") == 3:
        saved["broker"] = settings.address
    with open_store(StoreSettings(tmp_path / "store")) as store:
        store.save_state(HELD, saved)
        assert former_names(settings, store) == ()


def test_another_brokers_topics_are_not_thought_to_be_here(
    make_box: Callable[[str], Box], tmp_path: Path
) -> None:
    box = make_box("one")
    with box.running("old"):
        pass
    new = mqtt_settings(box.load("new").config)
    with open_store(StoreSettings(tmp_path / "one" / "store")) as store:
        (former,) = former_names(new, store)
        assert former.root == "edge/old"
        other = settings_for(new.port + 1, node="new")
        assert former_names(other, store) == ()
