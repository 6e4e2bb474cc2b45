"""Looking: findings, snapshots, cameras, rules, figures and events."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from edge.elsewhere import PoolFacts, ServerFacts
from edge.findings import (
    ConfigReport,
    FrameReport,
    PoolStats,
    RuleAttributes,
    ServerStats,
    rfc3339,
)
from edge.frames import Image
from edge.geometry import Box
from edge.pictures import load_picture
from edge.web.events import MAX_CLIENTS, MAX_WAITING
from tests.support.daemon import wait_until
from tests.support.finding_samples import build_finding
from tests.web.conftest import PNG, Running, Serve

T0 = 1_764_000_000.25
IMAGE: Image = np.full((60, 80, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def kept(serve: Serve) -> Running:
    """Five findings of two cameras; one has a snapshot."""
    box = serve()
    for n in range(5):
        camera = ("porch", "yard")[n % 2]
        finding = build_finding(
            camera, box.store.next_seq(camera), "end", ts=T0 + n, summary=f"Parcel number {n}00"
        )
        if n == 4:
            box.store.snapshots.save(finding.id, IMAGE)
            frame = FrameReport(width=80, height=60, sharpness=1, snapshot=finding.id)
            finding = finding.model_copy(update={"frame": frame})
        box.store.record(finding, [])
    return box


def summaries(reply: requests.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [finding["summary"] for finding in reply.json()["findings"]]


def test_findings(kept: Running) -> None:
    everything = [f"Parcel number {n}00" for n in (4, 3, 2, 1, 0)]
    assert summaries(kept.get("/api/v1/findings")) == everything
    assert summaries(kept.get("/api/v1/findings?camera=yard")) == [everything[1], everything[3]]
    assert summaries(kept.get("/api/v1/findings?text=parcel 300")) == [everything[1]]
    assert summaries(kept.get(f"/api/v1/findings?since={T0 + 3}")) == everything[:2]
    until = "2025-11-24T16:00:02Z"
    assert rfc3339_seconds(until) < T0 + 3
    assert len(summaries(kept.get(f"/api/v1/findings?until={until}"))) in (2, 3)
    first = kept.get("/api/v1/findings?limit=3").json()
    rest = kept.get(f"/api/v1/findings?limit=3&cursor={first['cursor']}").json()
    assert [f["summary"] for f in first["findings"] + rest["findings"]] == everything
    assert rest["cursor"] == ""
    one = kept.get(f"/api/v1/findings/{first['findings'][0]['id']}").json()
    assert one == first["findings"][0]
    assert one["schema"] == "edge.finding/1"


def rfc3339_seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    assert rfc3339(moment).startswith(text[:-1])
    return moment.timestamp()


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("/api/v1/findings?limit=0", 422, "limit"),
        ("/api/v1/findings?limit=1000", 422, "limit"),
        ("/api/v1/findings?cursor=x", 400, "cursor"),
        ("/api/v1/findings?since=yesterday", 422, "since"),
        (f"/api/v1/findings?text={'x' * 300}", 422, "text"),
        ("/api/v1/findings/x", 404, "finding_id"),
        ("/api/v1/snapshots/x", 404, ""),
        ("/api/v1/snapshots/..%2f..%2fetc%2fpasswd", 404, "path"),
        ("/api/v1/cameras/x/keyframe", 404, "camera"),
    ],
)
def test_what_is_not_there(kept: Running, path: str, status: int, where: str) -> None:
    reply = kept.get(path)
    assert (reply.status_code, reply.json()["error"]["where"].split(".")[0]) == (status, where)


@pytest.mark.parametrize("name", ["since", "until"])
def test_both_ways_to_write_a_moment_are_told(kept: Running, name: str) -> None:
    error = kept.get(f"/api/v1/findings?{name}=yesterday").json()["error"]
    assert error["where"] == name
    assert "RFC 3339" in error["what"]
    assert "Unix seconds" in error["what"]


def traversals() -> Iterator[str]:
    steps = [
        "..",
        "%2e%2e",
        "..%2f",
        "..%5c",
        "%252e%252e",
        "....//",
        "..;",
        "%c0%ae%c0%ae",
        ".",
        "~",
    ]
    ends = ["etc/passwd", "edge.db", "snapshots", "%00.jpg", "C:%5cwindows"]
    bases = ["/api/v1/snapshots/", "/api/v1/findings/", "/api/v1/cameras/", "/page/1/", "/"]
    for base in bases:
        for step in steps:
            for end in ends:
                yield f"{base}{step}/{step}/{end}"


def test_paths_lead_nowhere(kept: Running) -> None:
    payloads = list(traversals())
    assert len(payloads) == 250
    with socket.create_connection(("127.0.0.1", kept.port)) as line:
        line.settimeout(10)
        for path in payloads:  # raw: a client would tidy the path up
            line.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += line.recv(65_536)
            assert head.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")), (path, head[:80])
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = head.split(b"\r\n\r\n", 1)[1]
            while len(body) < length:
                body += line.recv(65_536)
            assert b"root:" not in body


def test_pictures(kept: Running) -> None:
    last = kept.get("/api/v1/cameras/porch/keyframe")
    assert last.headers["content-type"] == "image/jpeg"
    assert load_picture(last.content).shape == IMAGE.shape
    snapshot = kept.get(f"/api/v1/snapshots/{last.headers['x-finding-id']}")
    assert snapshot.content == last.content
    kept.door.picture = np.zeros((30, 40, 3), np.uint8)
    fresh = kept.get("/api/v1/cameras/porch/keyframe?fresh=true")
    assert load_picture(fresh.content).shape == (30, 40, 3)
    assert "x-finding-id" not in fresh.headers
    kept.door.picture = None
    assert kept.get("/api/v1/cameras/porch/keyframe?fresh=true").status_code == 404


def test_cameras_rules_and_stats(box: Running) -> None:
    camera = box.get("/api/v1/cameras").json()["cameras"][0]
    assert (camera["name"], camera["stats"]["state"], camera["zones"][0]["name"]) == (
        "porch",
        "online",
        "step",
    )
    rule = box.get("/api/v1/rules").json()["rules"][0]
    assert (rule["name"], rule["question"], rule["states"][0]["state"]) == (
        "person",
        "Is there a person?",
        "on",
    )
    assert box.get("/api/v1/stats").json()["schema"] == "edge.stats/1"


def test_a_rule_is_tried(box: Running) -> None:
    reply = box.post("/api/v1/rules/person/test", files={"image": PNG}).json()
    assert (reply["answer"], reply["verdict"], reply["region"]) == ("yes", "yes", None)
    box.door.picture = IMAGE
    assert box.post("/api/v1/rules/person/test").status_code == 200, "no field is needed"
    assert box.post("/api/v1/rules/person/test", data=b"x").status_code == 415
    reply = box.post("/api/v1/rules/person/test", files={"fresh": (None, "true")}).json()
    assert (reply["camera"], reply["region"]) == ("porch", [0.5, 0.5, 1.0, 1.0])
    picture = box.door.turns[-1].messages[0].parts[0]
    assert picture.region == Box(0.5, 0.5, 1, 1)
    assert picture.image.shape == IMAGE.shape
    for path, fields in (("x", {}), ("person", {"camera": (None, "x")})):
        sent = fields or {"image": PNG}
        assert box.post(f"/api/v1/rules/{path}/test", files=sent).status_code == 404


def test_health_and_readiness(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.glance.ANSWER_S", 0.3)
    box = serve()
    assert box.get("/health").json()["status"] == "ok"
    assert box.get("/api/v1/ready").status_code == 200
    box.door.set_analyzer("loading")
    wait_until(lambda: box.get("/ready").status_code == 503, "it is not ready any more")
    assert "loading" in box.get("/ready").json()["reason"]
    box.door.look = lambda _: None  # the main loop hangs
    wait_until(lambda: box.get("/health").status_code == 503, "it is stuck")


def test_a_reload_tells_what_became_of_it(serve: Serve) -> None:
    box = serve()
    assert box.get("/api/v1/info").json()["configuration"]["state"] == "in_force"
    refused = ConfigReport(state="refused", read_at="2026-05-01T12:00:00.000Z", problems=["mqtt"])
    box.door.present = replace(box.door.present, configuration=refused)
    reply = box.post("/api/v1/reload")
    assert (reply.status_code, reply.json()) == (200, refused.model_dump())
    assert box.door.num_reloads == 1
    assert box.get("/api/v1/info").json()["configuration"] == refused.model_dump(), "at once"


def test_metrics(box: Running) -> None:
    reply = box.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(reply.text)}
    counted = {s.labels["outcome"]: s.value for s in families["edge_keyframes"].samples}
    assert counted["analysed"] == 2
    assert families["edge_rule_on"].samples[0].labels == {"rule": "person", "camera": "porch"}
    assert families["edge_camera_fps"].samples[0].value == 5
    alerts = families["edge_rule_alerts"].samples[0]
    assert (alerts.labels, alerts.value) == ({"rule": "person", "camera": "porch"}, 3)
    verdicts = {s.labels["verdict"]: s.value for s in families["edge_rule_verdicts"].samples}
    assert verdicts == {"yes": 5, "no": 7, "unsure": 1}
    assert "edge_temperature_celsius" not in families, "no sensor"


def test_metrics_of_models_elsewhere(box: Running, serve: Serve) -> None:
    here = box.get("/metrics").text
    assert "edge_pool_" not in here
    assert "edge_server_" not in here
    facts = PoolFacts(workers=2, workers_seen=3, jobs=9, answered=5, taken_back=3, done_here=4)
    server = ServerFacts("http://models/v1", "open", requests=7, failures=6, standby_answers=2)
    other = serve()
    before = other.door.present
    changes = {"pool": PoolStats(**asdict(facts)), "server": ServerStats(**asdict(server))}
    other.door.present = replace(before, stats=before.stats.model_copy(update=changes))
    lines = set(other.get("/metrics").text.splitlines())
    assert {
        "edge_pool_workers 2.0",
        "edge_pool_workers_seen 3.0",
        'edge_pool_jobs_total{outcome="answered"} 5.0',
        'edge_pool_jobs_total{outcome="taken_back"} 3.0',
        "edge_pool_done_here_total 4.0",
        "edge_server_left_alone 1.0",
        "edge_server_requests_total 7.0",
        "edge_server_failures_total 6.0",
        "edge_server_standby_answers_total 2.0",
    } <= lines


def test_the_document_names_every_route(box: Running) -> None:
    document = box.get("/api/v1/openapi.json").json()
    assert {"/api/v1/chat", "/api/v1/findings", "/v1/chat/completions"} <= document["paths"].keys()
    assert "/metrics" not in document["paths"], "each is named once"


class Listener:
    """A client of the event stream, in a thread."""

    def __init__(self, box: Running) -> None:
        self.reply = requests.get(f"{box.url}/api/v1/events", stream=True, timeout=30)
        self.events: list[tuple[str, dict[str, object]]] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        kind = ""
        try:
            for line in self.reply.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self.events.append((kind, json.loads(line[6:])))
        except (requests.RequestException, AttributeError):
            pass  # closed

    def close(self) -> None:
        self.reply.close()


def test_events_reach_everybody_who_listens(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.web.routes_look.STATS_EVENT_S", 0.5)
    box = serve()
    box.server.tell("motion", {"camera": "porch", "moving": True})  # nobody listens: lost
    listeners = [Listener(box), Listener(box)]
    wait_until(lambda: box.server._events.num_clients == 2, "two listen")
    finding = build_finding("porch", 1)
    box.server.tell("finding", finding)
    box.server.tell("rule", RuleAttributes(rule="r", camera="porch", state="on", since=None))
    for listener in listeners:
        wait_until(
            lambda one=listener: {"finding", "rule", "stats"} <= {kind for kind, _ in one.events},
            "figures come by themselves",
        )
        assert dict(listener.events)["finding"]["id"] == finding.id
        assert "motion" not in dict(listener.events)
        listener.close()
    wait_until(lambda: box.server._events.num_clients == 0, "those who left are forgotten")


def test_a_client_that_does_not_keep_up_is_dropped(serve: Serve) -> None:
    box = serve()
    with socket.create_connection(("127.0.0.1", box.port)) as slow:
        slow.sendall(b"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: box.server._events.num_clients == 1, "it listens")
        started = time.monotonic()
        big = {"text": "x" * 100_000}
        while box.server._events.num_clients and time.monotonic() < started + 20:
            for _ in range(MAX_WAITING):
                box.server.tell("motion", big)
            time.sleep(0.01)
        assert box.server._events.num_dropped == 1
    assert box.get("/health").status_code == 200


def test_too_many_listeners_are_refused(serve: Serve) -> None:
    box = serve()
    lines = []
    try:
        for _ in range(MAX_CLIENTS):
            lines.append(socket.create_connection(("127.0.0.1", box.port)))
            lines[-1].sendall(b"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        wait_until(lambda: box.server._events.num_clients == MAX_CLIENTS, "all listen")
        refused = box.get("/api/v1/events")
        assert refused.status_code == 429
        assert "retry-after" in refused.headers
    finally:
        for line in lines:
            line.close()
