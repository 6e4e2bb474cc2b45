"""The route to tune: what it hands inside, what it refuses, and who goes away."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from edge.errors import EdgeError, QuestionError, SessionGone, SourceUnsupported, TooBusy
from edge.geometry import Polygon
from edge.tuning import TuneReport, TuneRequest
from edge.web.settings import WebSettings
from tests.support.daemon import wait_until
from tests.support.web_box import WorkingDoor, tune_report
from tests.web.conftest import Running, Serve

AREA = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.5]]


@pytest.fixture
def own(serve: Serve) -> Running:
    return serve(WebSettings(), WorkingDoor())


def test_a_clip_is_handed_inside_as_a_file_and_is_gone_afterwards(own: Running) -> None:
    seen: list[tuple[Path, bytes]] = []

    def look(request: TuneRequest) -> TuneReport:
        path = Path(request.clip)
        seen.append((path, path.read_bytes()))
        return tune_report(request)

    own.door.tuning = look
    fields = {
        "settings_of": "porch",
        "seconds": "20",
        "start": "3.5",
        "sensitivity": "0.25",
        "mask": json.dumps([AREA]),
        "suggest": "false",
    }
    evil = "../../etc/<b>night\n.mp4"
    reply = own.post("/api/v1/tune", data=fields, files={"clip": (evil, b"a film" * 1000)})
    assert reply.status_code == 200, reply.text
    (path, data), (wish,) = seen[0], own.door.tuned
    assert data == b"a film" * 1000
    assert not path.exists()
    assert not path.parent.exists()
    assert "night" in wish.name
    assert "/" not in wish.name
    assert wish.name.isprintable()
    assert (wish.seconds, wish.start_s, wish.sensitivity) == (20, 3.5, 0.25)
    assert wish.settings_of == "porch"
    assert wish.mask == (Polygon(tuple(map(tuple, AREA))),)
    assert not wish.suggest
    document = reply.json()
    assert document["schema"] == "edge.tune/1"
    assert document["settings"]["mask"] == [AREA]
    TuneReport.model_validate(document)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"camera": "porch"}, TuneRequest(camera="porch"), id="camera"),
        pytest.param({"again": "abc"}, TuneRequest(again="abc"), id="again"),
        pytest.param(
            {"again": "abc", "mask": "[]"}, TuneRequest(again="abc", mask=()), id="no masks"
        ),
    ],
)
def test_cameras_and_kept_pictures_go_inside(
    own: Running, fields: dict[str, str], expected: TuneRequest
) -> None:
    reply = own.post("/api/v1/tune", files={name: (None, word) for name, word in fields.items()})
    assert reply.status_code == 200, reply.text
    assert own.door.tuned == [expected]


@pytest.mark.parametrize(
    ("fields", "status", "where"),
    [
        pytest.param({}, 422, "clip", id="nothing"),
        pytest.param({"camera": "porch", "again": "x"}, 422, "clip", id="two things"),
        pytest.param({"camera": "garden"}, 404, "camera", id="no such camera"),
        pytest.param({"again": "x", "settings_of": "y"}, 404, "settings_of", id="no such settings"),
        pytest.param({"again": "x", "mask": "[[1"}, 400, "mask", id="no JSON"),
        pytest.param(
            {"again": "x", "mask": "[[[0, 0], [2, 0], [1, 1]]]"}, 400, "mask", id="pixels"
        ),
        pytest.param({"again": "x", "mask": "{}"}, 400, "mask", id="no list"),
        pytest.param({"again": "x", "mask": "[" * 20_000}, 400, "mask", id="a tower"),
        pytest.param({"again": "x", "seconds": "500"}, 422, "seconds", id="too long"),
        pytest.param({"again": "x", "sensitivity": "nan"}, 422, "sensitivity", id="not a number"),
        pytest.param({"again": "x", "start": "-1"}, 422, "start", id="before its beginning"),
    ],
)
def test_what_makes_no_sense_is_refused(
    box: Running, fields: dict[str, str], status: int, where: str
) -> None:
    before = len(box.door.tuned)
    reply = box.post(
        "/api/v1/tune", files={n: (None, w) for n, w in fields.items()} or {"camera": (None, "")}
    )
    assert reply.status_code == status, reply.text
    assert where in reply.json()["error"]["where"]
    assert len(box.door.tuned) == before


@pytest.mark.parametrize(
    ("error", "fields", "status"),
    [
        pytest.param(TooBusy("one is enough"), {"camera": "porch"}, 429, id="busy"),
        pytest.param(SourceUnsupported("clip: text"), {"again": "x"}, 400, id="no clip"),
        pytest.param(SourceUnsupported("porch: silent"), {"camera": "porch"}, 503, id="silent"),
        pytest.param(SessionGone("kept no longer"), {"again": "x"}, 404, id="gone"),
        pytest.param(QuestionError("no camera"), {"camera": "porch"}, 400, id="just removed"),
    ],
)
def test_what_fails_inside_is_told(
    own: Running, error: EdgeError, fields: dict[str, str], status: int
) -> None:
    own.door.tuning = lambda _request: error
    reply = own.post("/api/v1/tune", files={n: (None, w) for n, w in fields.items()})
    assert reply.status_code == status
    assert reply.json()["error"]["what"] == str(error)
    assert ("retry-after" in reply.headers) == (status == 429)


def test_a_full_disk_is_told(own: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    reply = own.post("/api/v1/tune", files={"clip": ("a.mp4", b"x" * 10)})
    assert reply.status_code == 503
    assert "cannot be stored" in reply.json()["error"]["what"]


def test_whoever_goes_away_is_not_worked_for(own: Running) -> None:
    own.door.tuning = lambda _request: None  # takes its time
    body = b'--x\r\ncontent-disposition: form-data; name="camera"\r\n\r\nporch\r\n--x--\r\n'
    head = (
        "POST /api/v1/tune HTTP/1.1\r\nhost: localhost\r\n"
        f"content-type: multipart/form-data; boundary=x\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", own.port), timeout=10) as client:
        client.sendall(head.encode() + body)
        wait_until(lambda: own.door.tickets, "the look has begun")
        assert not own.door.cancelled
    wait_until(lambda: list(own.door.cancelled) == own.door.tickets, "it is called off")


def test_the_document_describes_it(box: Running) -> None:
    document = box.get("/api/v1/openapi.json").json()
    operation = document["paths"]["/api/v1/tune"]["post"]
    assert {"200", "400", "404", "429", "503"} <= set(operation["responses"])
    (name,) = operation["requestBody"]["content"]["multipart/form-data"]["schema"].values()
    form = document["components"]["schemas"][name.rpartition("/")[2]]["properties"]
    assert form["camera"]["examples"] == ["porch"]
    assert json.loads(form["mask"]["examples"][0])
    reply = document["components"]["schemas"]["TuneReport"]
    example = reply["examples"][0]
    assert TuneReport.model_validate(example).suggestions
