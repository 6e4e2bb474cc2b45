"""What helps to ask: templates, and pictures that are enhanced before the model looks."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import requests

from edge.config.template import all_templates
from edge.conversation import Message, Picture, Turn, TurnResult
from edge.enhancement import Detailed, EnhancedPicture, Enlarged, ShownPicture, Toned, Turned
from edge.geometry import Box
from edge.hub.places import DEMO_DIR
from edge.pictures import encode_jpeg, encode_png, load_picture
from edge.schema_check import bound_schema
from edge.templates import Template, Wording
from edge.vlm.engine import open_engine
from edge.vlm.settings import EngineSettings
from edge.web.darkroom import MAX_BYTES, MAX_PICTURES, Darkroom
from edge.web.enhanced import enhanced_fields
from edge.web.settings import WebSettings
from tests.support.pages import add_noise, draw_page, draw_scene
from tests.support.web_box import WorkingDoor, script
from tests.web.conftest import PNG, Running, Serve

OWN = Template("meter", {"en": Wording("Meter", "Read the meter.")}, is_own=True)


@pytest.fixture(scope="module")
def wordy(serve: Serve) -> Running:
    return serve(WebSettings(templates=(*all_templates({}), OWN)))


def chat(box: Running, image: bytes = PNG, **fields: object) -> requests.Response:
    return box.post("/api/v1/chat", files={"image": image}, data=fields)


def test_templates_are_listed(wordy: Running) -> None:
    listed = wordy.get("/api/v1/templates").json()["templates"]
    assert [one["name"] for one in listed][-2:] == ["shelf", "meter"]
    shelf, meter = listed[-2:]
    assert (shelf["own"], meter["own"]) == (False, True)
    assert shelf["en"]["schema"]["properties"].keys() == shelf["zh"]["schema"]["properties"].keys()
    assert meter["zh"] is None
    assert meter["en"] == {"title": "Meter", "ask": "Read the meter.", "schema": None}


def test_a_template_takes_the_querys_place_and_the_query_stands_behind(wordy: Running) -> None:
    reply = chat(wordy, template="meter").json()
    assert reply["query"] == "Read the meter."
    chat(wordy, template="meter", query="The left one.", language="zh")
    assert wordy.door.turns[-1].messages[0].parts[1] == "Read the meter.\n\nThe left one."


def test_a_template_brings_its_schema_where_json_is_wanted(wordy: Running) -> None:
    chat(wordy, template="shelf", language="zh")
    assert wordy.door.turns[-1].reply
    chat(wordy, template="shelf", language="zh", format="json")
    turn = wordy.door.turns[-1]
    assert turn.describe
    assert "从上往下数第几层" in json.dumps(turn.schema, ensure_ascii=False)
    own = {"type": "object", "properties": {"n": {"type": "integer"}}}
    chat(wordy, template="shelf", schema=json.dumps(own))
    assert wordy.door.turns[-1].schema == bound_schema(own)
    chat(wordy, template="meter", format="json")
    assert wordy.door.turns[-1].schema is None, "the built-in shape"


def test_a_template_in_a_session(wordy: Running) -> None:
    path = "/api/v1/sessions/s/ask"
    reply = wordy.post(path, json={"template": "check", "language": "zh", "format": "json"})
    assert reply.json()["query"].startswith("图中有什么问题吗")
    assert wordy.post(path, json={"template": "check", "queries": ["x"]}).status_code == 422


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"template": "nothing"}, "template"),
        ({"template": "../check"}, "template"),
        ({"template": "check", "language": "de"}, "language"),
        ({"template": "check", "choices": "a,b"}, "template"),
        ({"template": "check", "kind": "count"}, "template"),
    ],
)
def test_templates_that_are_refused(wordy: Running, fields: dict[str, str], where: str) -> None:
    reply = chat(wordy, **fields)
    assert (reply.status_code, reply.json()["error"]["where"]) == (422, where)


def test_the_wish_to_enhance_reaches_the_turn(box: Running) -> None:
    assert chat(box, query="x").json()["enhanced"] is None
    assert not box.door.turns[-1].enhance
    chat(box, query="x", enhance="true", region="0,0,0.5,1")
    turn = box.door.turns[-1]
    assert turn.enhance
    picture = turn.messages[0].parts[0]
    assert isinstance(picture, Picture)
    assert picture.region == Box(0, 0, 0.5, 1)
    box.post("/api/v1/sessions", files={"image": PNG, "enhance": (None, "true")})
    assert box.door.turns[-1].enhance


def result_with(told: tuple[EnhancedPicture, ...]) -> TurnResult:
    turn = Turn("t", messages=(Message("user", ("x",)),), reply=True)
    return replace(script(turn, lambda _: None, lambda: False), enhanced=told)


def test_what_was_done_is_told() -> None:
    steps = (
        Turned("rotate", 90.0),
        Toned("shadows", 0.4, 0.9),
        Enlarged(2.0),
        Detailed(1.5, Box(0, 0, 1, 0.5)),
    )
    shown = ShownPicture(b"jpeg", 64, 48)
    told = (EnhancedPicture(0), EnhancedPicture(1, steps, (shown, shown)))
    darkroom = Darkroom()
    fields = enhanced_fields(result_with(told), darkroom)
    assert [step.model_dump() for step in fields["enhanced"]] == [
        {"step": "rotate", "picture": 1, "degrees": 90.0},
        {"step": "shadows", "picture": 1, "before": 0.4, "after": 0.9},
        {"step": "enlarge", "picture": 1, "factor": 2.0},
        {"step": "detail", "picture": 1, "factor": 1.5, "box": (0, 0, 1, 0.5)},
    ]
    first, second = fields["enhanced_pictures"]
    assert (first.picture, first.detail, second.detail) == (1, False, True)
    assert darkroom.find(first.url.rsplit("/", 1)[1]) == b"jpeg"
    assert enhanced_fields(result_with(()), darkroom) == {}
    assert enhanced_fields(result_with((EnhancedPicture(0),)), darkroom) == {
        "enhanced": [],
        "enhanced_pictures": [],
    }


def test_the_darkroom_forgets_the_oldest() -> None:
    darkroom = Darkroom()
    names = [darkroom.keep(b"x") for _ in range(MAX_PICTURES + 3)]
    assert [darkroom.find(name) for name in names[:4]] == [None, None, None, b"x"]
    large = [darkroom.keep(bytes(MAX_BYTES // 3)) for _ in range(4)]
    assert [darkroom.find(name) is None for name in large] == [True, False, False, False]
    assert darkroom.find(names[-1]) is None
    assert darkroom.find(darkroom.keep(bytes(MAX_BYTES + 1))) is None
    assert darkroom.find("") is None


def test_a_dark_picture_is_enhanced_by_the_real_engine(serve: Serve) -> None:
    dark = encode_png(add_noise(np.rint(draw_scene() * 0.12).astype(np.uint8), 1.0))
    page = encode_jpeg(draw_page(1400, 1900))
    with open_engine(EngineSettings(DEMO_DIR)) as engine:
        box = serve(door=WorkingDoor(engine.talk))
        reply = chat(box, dark, query="What?", enhance="true", max_tokens=2).json()
        assert [step["step"] for step in reply["enhanced"]] == ["brighten", "contrast"]
        (shown,) = reply["enhanced_pictures"]
        jpeg = box.get(shown["url"])
        assert jpeg.headers["content-type"] == "image/jpeg"
        assert load_picture(jpeg.content).shape[:2] == (shown["height"], shown["width"])
        assert load_picture(jpeg.content).mean() > 2 * load_picture(dark).mean()
        assert box.get(shown["url"] + "x").status_code == 404
        path = f"/api/v1/sessions/{reply['session']}/ask"
        assert box.post(path, json={"query": "And?", "max_tokens": 2}).status_code == 200

        opened = box.post("/api/v1/sessions", files={"image": page, "enhance": (None, "1")}).json()
        assert [p["detail"] for p in opened["enhanced_pictures"]] == [False, True, True]
        path = f"/api/v1/sessions/{opened['session']}/ask"
        asked = {"query": "Is it?", "kind": "yes_no", "heatmap": True}
        maps = box.post(path, json=asked).json()["heatmap"]
        assert [one["picture"] for one in maps] == [0, 1, 2]
