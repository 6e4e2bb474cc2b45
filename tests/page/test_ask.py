"""Ask in Chromium: pictures in, questions about them or parts of them, answers as they come."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.geometry import Box
from edge.pictures import encode_jpeg
from tests.page.conftest import Visits
from tests.support.page_box import draw_yard
from tests.web.conftest import Running

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def ask(page: Any, query: str) -> None:
    page.get_by_label("Question", exact=True).fill(query)
    page.get_by_role("button", name="Ask", exact=True).click()


def upload(page: Any, *paths: Path) -> None:
    page.set_input_files("#panel-ask input[type=file]", [str(path) for path in paths])
    expect(page.locator("#panel-ask .stage-image")).to_have_js_property("naturalWidth", 1280)


def draw_region(page: Any, x1: float, y1: float, x2: float, y2: float) -> None:
    layer = page.locator(".region-layer").bounding_box()
    assert layer is not None
    left, top, width, height = (layer[name] for name in ("x", "y", "width", "height"))
    page.mouse.move(left + x1 * width, top + y1 * height)
    page.mouse.down()
    page.mouse.move(left + x2 * width, top + y2 * height, steps=4)
    page.mouse.up()


def test_a_question_and_a_further_one(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    expect(page.get_by_text("Show the box a picture")).to_be_visible()
    upload(page, yard)
    box.door.turns.clear()
    ask(page, "What is on the path?")
    answers = page.locator(".answer.done")
    expect(answers).to_have_count(1)
    expect(answers).to_contain_text("It is a test.")
    ask(page, "What colour is it?")
    expect(answers).to_have_count(2)
    first, further = box.door.turns
    assert (first.num_pictures, further.num_pictures) == (1, 0)
    assert further.session == first.session
    assert further.continues
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    ask(page, "Once more?")
    expect(answers).to_have_count(1)
    assert box.door.turns[-1].num_pictures == 1
    assert box.door.closed[-1] == first.session


def test_a_part_of_the_picture(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    draw_region(page, 0.5, 0.25, 0.75, 0.75)
    expect(page.get_by_text("Part 25%")).to_be_visible()
    ask(page, "What is here?")
    expect(page.locator(".answer.done")).to_have_count(1)
    (picture,) = box.door.turns[-1].messages[-1].parts[:1]
    assert picture.region is not None
    assert picture.region.as_tuple() == pytest.approx((0.5, 0.25, 0.75, 0.75), abs=0.01)
    page.get_by_label("Ask about the whole picture").click()
    ask(page, "And everywhere?")
    expect(page.locator(".answer.done")).to_have_count(2)
    (picture,) = box.door.turns[-1].messages[-1].parts[:1]
    assert picture.region is None


def test_a_part_by_keyboard(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    layer = page.locator(".region-layer")
    layer.press("Enter")
    expect(page.locator(".region-box")).to_be_visible()
    layer.press("ArrowRight")
    layer.press("Shift+ArrowDown")
    ask(page, "What is here?")
    expect(page.locator(".answer.done")).to_have_count(1)
    region = box.door.turns[-1].messages[-1].parts[0].region
    assert region == Box(0.32, 0.3, 0.72, 0.72)
    layer.press("Delete")
    expect(page.locator(".region-box")).to_be_hidden()


def test_a_part_by_finger(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    upload(page, yard)
    layer = page.locator(".region-layer").bounding_box()
    assert layer is not None
    touch = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.3), ("touchMove", 0.5), ("touchMove", 0.7)):
        at = {"x": layer["x"] + share * layer["width"], "y": layer["y"] + share * layer["height"]}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_text("Part 40%")).to_be_visible()


def test_typed_answers_and_where_it_looked(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    page.get_by_label("Kind of answer").select_option("choice")
    page.get_by_label("Possible answers").fill("red, blue, green")
    page.get_by_text("Show where it looks").click()
    ask(page, "Which colour is the coat?")
    answer = page.locator(".answer.done")
    expect(answer.locator(".option")).to_have_count(3)
    expect(answer.locator(".option.chosen")).to_contain_text("75%")
    heat = page.locator(".heat-layer canvas")
    expect(heat).to_be_visible()
    before = heat.evaluate("canvas => getComputedStyle(canvas.parentElement).opacity")
    page.get_by_label("Where it looked", exact=True).fill("20")
    after = heat.evaluate("canvas => getComputedStyle(canvas.parentElement).opacity")
    assert (float(before), float(after)) == (0.65, 0.2)
    page.get_by_label("Hide where it looked").click()
    expect(heat).to_be_hidden()
    answer.get_by_role("button", name="Where it looked").click()
    expect(heat).to_be_visible()


def test_an_answer_comes_into_sight_on_a_phone(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask", viewport={"width": 390, "height": 844})
    upload(page, yard)
    page.get_by_label("Kind of answer").select_option("count")
    ask(page, "How many people are there?")
    answer = page.locator(".answer.done")
    expect(answer.locator(".option")).to_have_count(10)
    last, composer = answer.locator(".answer-foot").bounding_box(), page.locator(".composer")
    assert last["y"] + last["height"] <= composer.bounding_box()["y"], "nothing lies over it"
    expect(page.locator(".question")).to_be_in_viewport()


def test_json(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    page.get_by_text("JSON", exact=True).click()
    ask(page, "Describe it")
    expect(page.locator(".answer.done .json")).to_contain_text('"summary": "A test."')
    page.get_by_text("Own JSON Schema").click()
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}}'
    page.get_by_label("Own JSON Schema").fill(schema)
    ask(page, "How many?")
    expect(page.locator(".answer.done .json").nth(1)).to_contain_text('"n": 3')


def test_enhanced_pictures_before_and_after(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    draw_region(page, 0.25, 0.25, 0.75, 0.75)
    page.get_by_text("Enhance", exact=True).click()
    page.get_by_text("Show where it looks").click()
    ask(page, "What is here?")
    answer = page.locator(".answer.done")
    expect(answer).to_contain_text("brightened (0.31 → 0.55)")
    expect(page.locator(".compare .heat")).to_be_visible()
    answer.get_by_role("button", name="Before and after").click()
    for side in ("before", "after"):
        picture = page.locator(f".compare-{side}")
        expect(picture).to_be_visible()
        expect(picture).not_to_have_js_property("naturalWidth", 0)
        assert picture.evaluate("image => image.naturalWidth") == pytest.approx(640, abs=12)
    page.get_by_label("Between before and after").fill("20")
    cut = page.locator(".compare-after").evaluate("image => getComputedStyle(image).clipPath")
    assert "20%" in cut
    page.get_by_role("button", name="Back to the picture").click()
    expect(page.locator(".region-box")).to_be_visible()


def test_templates(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    page.get_by_label("Template").select_option("damage")
    page.get_by_text("JSON", exact=True).click()
    ask(page, "")
    expect(page.locator(".answer.done .json")).to_be_visible()
    expect(page.locator(".question")).to_contain_text("Damage")
    assert box.door.turns[-1].schema is not None
    page.get_by_role("button", name="切换到中文").click()
    expect(page.locator("option[value=damage]")).not_to_have_text("Damage report")


def test_answers_stream_and_can_be_cancelled(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    box.door.go_on.clear()
    try:
        ask(page, "What is on the path?")
        ask(page, "And what else?")
        turns = page.locator(".turn")
        expect(turns.nth(0).locator(".answer")).to_contain_text("It")
        expect(turns.nth(1)).to_contain_text("comes next")
        turns.nth(0).get_by_role("button", name="Cancel").click()
        expect(turns.nth(0)).to_contain_text("cancelled")
        expect(turns.nth(1).locator(".answer")).to_contain_text("It")
    finally:
        box.door.go_on.set()
    expect(turns.nth(1).locator(".answer")).to_contain_text("It is a test.")


def test_several_questions_in_a_row(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    page.get_by_text("Each line a question").click()
    ask(page, "Who?\nWhere?\n\nWhy?")
    expect(page.locator(".answer.done")).to_have_count(3)


def test_several_pictures(box: Running, visit: Visits, yard: Path, tmp_path: Path) -> None:
    page = visit(box, "ask")
    other = tmp_path / "other.jpg"
    other.write_bytes(encode_jpeg(draw_yard(2), 90))
    upload(page, yard, other)
    ask(page, "What is on it?")
    expect(page.locator(".answer.done")).to_have_count(1)
    assert box.door.turns[-1].num_pictures == 1, "the one that is shown"
    page.get_by_text("About all pictures").click()
    ask(page, "What differs?")
    expect(page.locator(".answer.done")).to_have_count(2)
    assert box.door.turns[-1].num_pictures == 1, "the other one; the first is known"
    page.get_by_label("Remove other.jpg").click()
    expect(page.locator(".tray-item")).to_have_count(1)


def test_a_cameras_picture(box: Running, visit: Visits) -> None:
    page = visit(box, "ask")
    page.get_by_label("From a camera").select_option("porch")
    expect(page.locator("#panel-ask .stage-image")).to_have_js_property("naturalWidth", 1280)
    assert box.door.asked_cameras[-1] == "porch"


def test_pasted_and_dropped_pictures(box: Running, visit: Visits) -> None:
    page = visit(box, "ask")
    expect(page.get_by_label("From a camera")).to_be_visible()
    give = """async ([kind, target]) => {
        const canvas = new OffscreenCanvas(1280, 720);
        canvas.getContext("2d").fillRect(0, 0, 9, 9);
        const data = new DataTransfer();
        data.items.add(new File([await canvas.convertToBlob()], "p.png", {type: "image/png"}));
        const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
        const given = {clipboardData: data, dataTransfer: data, bubbles: true, cancelable: true};
        document.querySelector(target).dispatchEvent(new Kind(kind, given));
    }"""
    page.evaluate(give, ["paste", "body"])
    expect(page.locator(".tray-item")).to_have_count(1)
    page.evaluate(give, ["drop", ".stage"])
    expect(page.locator(".tray-item")).to_have_count(2)


def test_a_session_that_is_gone_is_begun_anew(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask", expects="404")
    upload(page, yard)
    ask(page, "What is it?")
    expect(page.locator(".answer.done")).to_have_count(1)
    box.door.forgotten.add(box.door.turns[-1].session)
    ask(page, "And now?")
    expect(page.locator(".answer.done")).to_have_count(2)
    assert box.door.turns[-1].num_pictures == 1


def test_copied_as_curl(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask", permissions=["clipboard-read", "clipboard-write"])
    upload(page, yard)
    ask(page, "What's on the path?")
    page.locator(".answer.done").get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl '{box.url}/api/v1/chat'")
    reply = subprocess.run(
        command, shell=True, cwd=yard.parent, capture_output=True, text=True, timeout=30, check=True
    )
    assert '"answer":"It is a test."' in reply.stdout
    assert "What's on the path?" in str(box.door.turns[-1].messages[-1].parts)


def test_errors_are_told_and_tried_again(box: Running, visit: Visits, yard: Path) -> None:
    page = visit(box, "ask")
    upload(page, yard)
    failed = 'event: error\ndata: {"error": {"what": "the model failed", "where": ""}}\n\n'
    page.context.route(
        "**/api/v1/chat",
        lambda route: route.fulfill(content_type="text/event-stream", body=failed),
    )
    ask(page, "What is it?")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("the model failed")
    page.context.unroute("**/api/v1/chat")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer.done")).to_contain_text(re.compile("It is a test"))
