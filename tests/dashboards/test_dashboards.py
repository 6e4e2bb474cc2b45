"""The ready-made dashboards: readable, and every metric, topic and entity in them exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from edge.elsewhere import PoolFacts, ServerFacts
from edge.findings import EffortStats, PoolStats, ServerStats
from edge.mqtt.asyncapi import build_asyncapi
from edge.present import Present, RuleCost
from edge.web.events import Events
from edge.web.metrics import build_metrics
from tests.support.home import CONFIGS, home_config, home_entities, home_topics
from tests.support.page_box import CAPTURE
from tests.support.web_box import build_present

FOLDER = CONFIGS / "dashboards"
GRAFANA = json.loads((FOLDER / "grafana.json").read_text())
VIEW = yaml.safe_load((FOLDER / "home-assistant-view.yaml").read_text())
FLOW = json.loads((FOLDER / "node-red.json").read_text())
BLUEPRINTS = sorted((FOLDER / "blueprints").glob("*.yaml"))

LABELS_OF_PROMETHEUS = {"instance", "job"}
FUNCTIONS = {"sum", "count", "min", "max", "rate", "increase", "by", "on"}
# Node-RED's own; others would have to be installed first.
CORE_NODES = {"tab", "mqtt-broker", "mqtt in", "mqtt out", "function", "template", "inject"}
CORE_NODES |= {"debug", "comment", "http in", "http response"}
NODE_REDS_NAMES = "msg, node, flow, context, global, env, RED, Buffer"  # taken in a function


def everything_there_is() -> Present:
    """A moment in which no metric is left out."""
    present = build_present()
    cameras = {
        name: camera.model_copy(update={"capture": CAPTURE})
        for name, camera in present.stats.cameras.items()
    }
    outbox = present.stats.outbox.model_copy(update={"oldest_age_s": 3.0})
    changes = {"cameras": cameras, "outbox": outbox, "temperature_c": 50.0}
    pool = PoolStats(**asdict(PoolFacts()))
    server = ServerStats(**asdict(ServerFacts("http://models/v1")))
    stats = present.stats.model_copy(
        update={**changes, "pool": pool, "server": server, "effort": EffortStats(load=0.4)}
    )
    return replace(present, stats=stats, costs=(RuleCost("person", 3, 700.0),))


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """The labels of each metric that a box can have."""
    text = build_metrics(everything_there_is(), Events()).decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Each expression of a panel, with the panel's title."""
    for panel in GRAFANA["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def queries() -> list[str]:
    """What the dashboard's variables ask."""
    listed = GRAFANA["templating"]["list"]
    return [variable["definition"] for variable in listed if variable["type"] == "query"]


def test_grafana_asks_for_metrics_and_labels_that_exist(metrics: dict[str, set[str]]) -> None:
    asked = set()
    for title, expression in expressions():
        names = re.findall(r"\bedge_\w+", expression)
        assert names, title
        known = set.union(*(metrics[name] for name in names)) | LABELS_OF_PROMETHEUS
        for selector in re.findall(r"\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)(?:=~|!=|=)", selector)) <= known, (title, expression)
        for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert set(grouped.split(", ")) <= known, (title, expression)
        words = set(re.findall(r"\b([a-z]+) ?\(", expression))
        assert words <= FUNCTIONS, (title, words - FUNCTIONS)
        assert expression.count("(") == expression.count(")")
        asked.update(names)
    for query in queries():
        name, label = re.fullmatch(r"label_values\((edge_\w+)(?:\{.*\})?, (\w+)\)", query).groups()
        assert label in metrics[name] | LABELS_OF_PROMETHEUS
    left_out = {
        "edge_event_clients",
        "edge_event_clients_dropped_total",
        "edge_camera_frames_total",
    }
    assert asked == set(metrics) - left_out, "a metric that nobody looks at"


def test_grafana_fits_together() -> None:
    panels = GRAFANA["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 20
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another"
        assert at["x"] + at["w"] <= 24
        taken |= cells
        refs = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(refs)) == len(refs)
    names = {variable["name"] for variable in GRAFANA["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(GRAFANA))) - {"__all"} == names


def strings(value: Any) -> Iterator[str]:
    """Every text in a document, keys left out."""
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def test_the_view_shows_entities_that_exist_and_every_rule() -> None:
    entities = home_entities()
    domains = "|".join(sorted({name.split(".")[0] for name in entities}))
    shown = {name for text in strings(VIEW) for name in re.findall(rf"\b(?:{domains})\.\w+", text)}
    assert shown <= set(entities), shown - set(entities)
    must = {name for name in entities if re.search(r"_rule_|_enabled$|_keyframe$|_summary$", name)}
    assert must <= shown, must - shown


def test_the_view_renders_nothing_that_a_camera_saw() -> None:
    """What the model wrote may be markup; these cards show it as it is."""
    cards = [card for section in VIEW["sections"] for card in section["cards"]]
    known = {"heading", "tile", "picture-entity", "entities", "history-graph", "logbook"}
    assert {card["type"] for card in cards} == known


class Input(str):
    """What stands behind !input."""

    __slots__ = ()


class BlueprintLoader(yaml.SafeLoader):
    """YAML with Home Assistant's !input."""


BlueprintLoader.add_constructor("!input", lambda loader, node: Input(loader.construct_scalar(node)))


def inputs(value: Any) -> Iterator[str]:
    """Every input that is used."""
    if isinstance(value, dict):
        for part in value.values():
            yield from inputs(part)
    elif isinstance(value, list):
        for part in value:
            yield from inputs(part)
    elif isinstance(value, Input):
        yield str(value)


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_blueprints_use_what_they_declare_and_what_we_tell(path: Path) -> None:
    document = yaml.load(path.read_text(), BlueprintLoader)
    head = document.pop("blueprint")
    assert head["domain"] == "automation"
    assert set(inputs(document)) == set(head["input"])
    assert {"triggers", "actions"} <= set(document) <= {
        "triggers", "conditions", "actions", "variables", "mode", "max", "max_exceeded"
    }  # fmt: skip
    kinds = {one["selector"]["entity"]["filter"][0]["domain"]
             for one in head["input"].values() if "entity" in one["selector"]}  # fmt: skip
    platforms = {component["platform"] for component in home_entities().values()}
    assert kinds <= platforms
    told = told_attributes("event" if "event" in kinds else "binary_sensor")
    used = set(re.findall(r"to_state\.attributes\.(\w+)", path.read_text()))
    used |= set(re.findall(r"finding\.(\w+)", path.read_text()))
    assert used
    assert used <= told, used - told


def told_attributes(platform: str) -> set[str]:
    """The attributes that a finding's or a rule's entity has."""
    if platform == "event":
        template = home_entities()["event.edge_home_porch_finding"]["value_template"]
        return set(re.findall(r"'(\w+)': ", template))
    schemas = build_asyncapi("0")["components"]["schemas"]
    return set(schemas["RuleAttributes"]["properties"])


def test_blueprints_are_there() -> None:
    assert [path.stem for path in BLUEPRINTS] == ["notify_with_picture", "rule_as_trigger"]


def test_the_flow_is_wired_with_what_node_red_has() -> None:
    ids = [node["id"] for node in FLOW]
    assert len(set(ids)) == len(ids)
    assert {node["type"] for node in FLOW} <= CORE_NODES
    targets = {t for node in FLOW for wires in node.get("wires", ()) for t in wires}
    assert targets <= set(ids)
    sources = {"tab", "mqtt-broker", "mqtt in", "inject", "comment", "http in"}
    for node in FLOW:
        assert node["type"] in sources or node["id"] in targets, f"nothing leads to {node['name']}"
        assert node.get("broker", node["id"]) in [*ids, "localhost"]


def test_the_flows_topics_exist() -> None:
    addresses = {c["address"] for c in build_asyncapi("0")["channels"].values()}
    topics = home_topics()
    cameras = set(home_config().cameras)
    found = {node["topic"] for node in FLOW if node["type"] in ("mqtt in", "mqtt out")}
    own = {node["name"]: node["func"] for node in FLOW if node["type"] == "function"}
    answers = re.search(r'responseTopic = "(.+)"', own["as a question"])
    assert answers is not None
    assert topics.is_reply_topic_allowed(answers[1])
    found.remove(answers[1])
    assert len(found) > 6
    for topic in found:
        levels = topic.split("/")
        assert levels[:2] in ([topics.prefix, "+"], [topics.prefix, topics.node])
        assert levels[2] in {"+", "cmd", "status", "info", "stats"} | cameras
        assert any(_fits(levels, address.split("/")) for address in addresses), topic


def _fits(levels: list[str], address: list[str]) -> bool:
    """Whether a topic or filter is one of a channel's."""
    return len(levels) == len(address) and all(
        pattern.startswith("{") or level == pattern
        for level, pattern in zip(levels, address, strict=True)
    )


def test_the_flows_orders_are_understood() -> None:
    orders = {node["name"]: node for node in FLOW if node["type"] == "inject"}
    assert orders["look at the porch"]["payload"] in home_config().cameras


def test_the_flows_functions_can_be_read() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the functions are not looked at")
    for one in FLOW:
        if one["type"] == "function":
            done = subprocess.run(
                [node, "--check", "-"],
                input=f"({NODE_REDS_NAMES}) => {{\n{one['func']}\n}}",
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (one["name"], done.stderr)
