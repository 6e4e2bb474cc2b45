"""The pool with a real broker: workers are processes, their model is a server with a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.hub.places import DEMO_DIR
from edge.pool import build_job
from edge.questions import AnalysisRequest
from edge.vlm.settings import EngineSettings
from tests.support.broker import Mosquitto, Subscriber
from tests.support.daemon import wait_until
from tests.support.openai_server import Fault, ScriptedServer
from tests.support.pool_boxes import PICTURE, AskingBox, WorkerBox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def test_of_three_workers_one_is_killed_and_no_job_is_lost_or_doubled(
    broker: Mosquitto, server: ScriptedServer, tmp_path: Path
) -> None:
    server.delay_s = 0.1
    with (
        WorkerBox(tmp_path, "w1", broker.port, server.url) as first,
        WorkerBox(tmp_path, "w2", broker.port, server.url) as second,
        WorkerBox(tmp_path, "w3", broker.port, server.url),
        AskingBox(broker.port) as box,
    ):
        box.wait(lambda: box.places == 3, "three workers are ready")
        assert box.ready is not None
        assert box.ready.info.engine == "pool"
        counts = box.work_off(36, at={10: first.kill})
        assert counts == {f"job-{n}": 1 for n in range(1, 37)}
        assert not box.refusals
        assert box.places == 2
        box.wait(lambda: box.facts.answered == 36, "the figures follow")
        assert (box.facts.jobs, box.facts.in_flight, box.facts.workers_seen) == (36, 0, 3)
        assert all(result.answers[0].value == "yes" for result in box.results)
        assert {result.model.engine for result in box.results if result.model} == {"pool"}
        assert {result.model.name for result in box.results if result.model} == {"scripted"}
        assert second.stop() == 0
        box.wait(lambda: box.places == 1, "one has left in good order")
        assert "Traceback" not in first.log + second.log


def test_a_job_whose_worker_hangs_or_loses_its_model_is_answered(
    broker: Mosquitto, server: ScriptedServer, tmp_path: Path
) -> None:
    with (
        WorkerBox(tmp_path, "w1", broker.port, server.url),
        AskingBox(broker.port) as box,
    ):
        box.wait(lambda: box.places == 1, "a worker is ready")
        server.fault(Fault(status=500), times=3)  # its circuit opens; then it is well again
        box.ask()
        box.wait(lambda: box.results, "the worker's second try", 60)
        broker.kill()
        box.wait(lambda: box.is_away, "the broker is gone")
        lost = box.ask()
        broker.start()
        box.wait(lambda: box.results[-1].id == lost, "the job waited for the broker", 90)
        assert [result.id for result in box.results] == ["job-1", lost]


def test_the_model_on_this_box_answers_while_there_is_no_worker(
    broker: Mosquitto, server: ScriptedServer, tmp_path: Path
) -> None:
    with AskingBox(broker.port, EngineSettings(DEMO_DIR)) as box:
        box.wait(lambda: box.places == 1, "the model on this box is loaded")
        assert box.ready is not None
        assert box.ready.info.engine == "openvino"
        box.ask()
        box.wait(lambda: box.results, "it answers")
        assert box.results[0].model == box.ready.info
        with WorkerBox(tmp_path, "w1", broker.port, server.url):
            box.wait(lambda: box.ready.info.engine == "pool", "the pool takes over")
            box.ask()
            box.wait(lambda: len(box.results) == 2, "a worker answers")
            box.wait(lambda: box.facts.answered == 1, "the figures follow")
            assert (box.facts.jobs, box.facts.done_here, box.facts.workers_seen) == (1, 1, 1)
        assert box.results[1].model is not None
        assert box.results[1].model.engine == "pool"


def test_the_acl_that_we_hand_out_is_enough(server: ScriptedServer, tmp_path: Path) -> None:
    handed_out = (Path(__file__).parents[2] / "configs" / "mosquitto" / "edge.acl").read_text()
    lines = [line.removeprefix("#   ") for line in handed_out.splitlines() if line[:4] == "#   "]
    users = {"box1": "box1-password", "worker1": "worker1-password"}
    with (
        Mosquitto(tmp_path / "mosquitto", users=users, acl="\n".join(lines) + "\n") as broker,
        WorkerBox(tmp_path, "worker1", broker.port, server.url, users["worker1"]),
        AskingBox(broker.port, username="box1", password=users["box1"]) as box,
    ):
        box.wait(lambda: box.places == 1, "a worker is ready")
        box.ask()
        box.wait(lambda: box.results, "it answers")


def test_hostile_jobs_are_refused_and_the_worker_goes_on(
    broker: Mosquitto, server: ScriptedServer, tmp_path: Path
) -> None:
    good = json.loads(build_job(AnalysisRequest("x", PICTURE, None, (), describe=True)))
    bad = [
        b"",
        b"\xff\x00",
        b"null",
        b"[" * 10_000,
        json.dumps({**good, "schema": "edge.job/2"}).encode(),
        json.dumps({**good, "picture": "!!!"}).encode(),
        json.dumps({**good, "picture": "QUJD"}).encode(),
        json.dumps({**good, "deadline_s": 1e9}).encode(),
        json.dumps({**good, "id": "y"}).encode(),  # another correlation
        json.dumps({**good, "shell": "rm -rf /"}).encode(),
    ]
    with (
        WorkerBox(tmp_path, "w1", broker.port, server.url) as worker,
        AskingBox(broker.port) as box,
        Subscriber(broker.port, "edge-pool/answers/stranger", "edge/#") as stranger,
    ):
        box.wait(lambda: box.places == 1, "a worker is ready")
        for number, payload in enumerate(bad):
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = b"x"
            properties.ResponseTopic = (
                "edge/box/cmd/reload/set" if number % 2 else "edge-pool/answers/stranger"
            )
            stranger.client.publish("edge-pool/jobs", payload, 1, properties=properties)
        box.ask()
        box.wait(lambda: box.results, "the good job behind them is answered")
        wait_until(lambda: "refused" in worker.log, "the refusal is in the log")
        assert worker.log.count("refused a command") < len(bad)  # once for each kind
        assert not [m for m in stranger.messages if m.topic.startswith("edge/")]
        told = [json.loads(m.payload) for m in stranger.messages]
        assert told
        assert {document["state"] for document in told} == {"refused"}
    assert "Traceback" not in worker.log
