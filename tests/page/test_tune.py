"""Tune in Chromium: masks and zones as YAML, and what a run of the sampler shows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config.areas import parse_polygon
from tests.page.conftest import Visits
from tests.web.conftest import Running

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def written(page: Any) -> dict[str, Any]:
    return yaml.safe_load(page.locator(".yaml").inner_text())["cameras"]


def click_at(page: Any, *points: tuple[float, float]) -> None:
    layer = page.locator(".shape-layer").bounding_box()
    for x, y in points:
        page.mouse.click(layer["x"] + x * layer["width"], layer["y"] + y * layer["height"])


def test_shapes_by_mouse(box: Running, visit: Visits) -> None:
    page = visit(box, "tune")
    expect(page.locator(".editor img")).to_have_js_property("naturalWidth", 1280)
    expect(page.locator(".shape-row")).to_contain_text("zone step")
    page.get_by_role("button", name="Mask", exact=True).click()
    click_at(page, (0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.1))  # the last closes
    page.get_by_label("Zone name").fill("on")
    page.get_by_role("button", name="Zone", exact=True).click()
    click_at(page, (0.6, 0.1), (0.9, 0.1), (0.9, 0.4))
    page.keyboard.press("Enter")
    camera = written(page)["porch"]
    (mask,) = camera["mask"]
    assert mask == [pytest.approx(p, abs=0.005) for p in ([0.1, 0.1], [0.4, 0.1], [0.4, 0.4])]
    assert set(camera["zones"]) == {"step", "on"}, "YAML must not take a name for a truth value"
    for points in (mask, *camera["zones"].values()):
        parse_polygon(points)
    page.locator(".shape-row", has_text="mask").get_by_label("Remove").click()
    assert "mask" not in written(page)["porch"]


def test_shapes_by_keyboard(box: Running, visit: Visits) -> None:
    page = visit(box, "tune")
    expect(page.locator(".shape-row")).to_have_count(1)
    page.get_by_role("button", name="Mask", exact=True).press("Enter")
    layer = page.locator(".shape-layer")
    expect(layer).to_be_focused()
    for key in ("Space", "ArrowRight", "ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space"):
        layer.press(key)
    layer.press("Enter")
    expect(page.locator(".shape-row")).to_have_count(2)
    assert written(page)["porch"]["mask"] == [[[0.5, 0.5], [0.54, 0.5], [0.54, 0.54]]]


def test_a_corner_is_dragged(box: Running, visit: Visits) -> None:
    page = visit(box, "tune")
    expect(page.locator(".shape-handle")).to_have_count(4)
    expect(page.locator(".editor .stage-image")).not_to_have_js_property("naturalWidth", 0)
    corner = page.locator(".shape-handle").first.bounding_box()
    layer = page.locator(".shape-layer").bounding_box()
    page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.mouse.down()
    page.mouse.move(layer["x"] + layer["width"] * 0.3, layer["y"] + layer["height"] * 0.2, steps=3)
    page.mouse.up()
    assert written(page)["porch"]["zones"]["step"][0] == pytest.approx([0.3, 0.2], abs=0.01)


def report(sensitivity: float) -> dict[str, Any]:
    times = [n / 5 for n in range(150)]
    moving = [10 < t < 14 for t in times]
    return {
        "id": "abc",
        "source": {"name": "porch", "start_s": 0, "seconds": 30, "width_px": 1280, "height_px": 720,
                   "pictures": 150, "truncated": False},
        "settings": {"sensitivity": sensitivity, "threshold": 20, "contour_area": 40,
                     "mask": [[[0, 0], [0.2, 0], [0.2, 0.2]]], "zones": {}},
        "picture": PIXEL,
        "series": {
            "t": times,
            "score": [0.5 if 10 < t < 14 else 0.02 + 0.01 * math.sin(t) for t in times],
            "least_score": [0.04] * 150, "strength": [1.0] * 150, "limit": [9.0] * 150,
            "state": ["moving" if m else "quiet" for m in moving],
        },
        "keyframes": [
            {"t": 11.0 + n, "trigger": "motion", "phase": ("peak", "after")[n], "score": 0.5,
             "boxes": [[0.2, 0.2, 0.5, 0.6]], "zones": [], "started": 10.2, "detail": "",
             "sharpness": 100, "picture": PIXEL}
            for n in range(2)
        ],
        "dropped": [{"t": 5, "until": 7, "count": 3, "reason": "restless",
                     "why": "moves by itself, nothing on its way", "boxes": []}],
        "activity": {"columns": 2, "rows": 2, "share": [[0.0, 0.1], [0.5, 1.0]]},
        "cost": {"keyframes_per_hour": 118.0, "cpu_ms_per_s": 8.1, "model_s_per_keyframe": 1.0,
                 "model_s_per_hour": 118.0, "model_is_measured": False},
        "suggestions": [{"title": "mask what moves by itself", "why": "the tree",
                         "changes": {"mask": [[[0.5, 0], [1, 0], [1, 0.5]]], "sensitivity": None},
                         "yaml": "cameras: {}\n", "calls_before": 12, "calls_after": 1,
                         "masked_frac": 0.08, "lost": [], "won": []}],
        "advice": ["Trees move in the wind."],
    }  # fmt: skip


PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="


def test_a_run(box: Running, visit: Visits, tmp_path: Path) -> None:
    page = visit(box, "live")
    sent: list[str] = []

    def answer(route: Any) -> None:
        sent.append(route.request.post_data_buffer.decode(errors="replace"))
        route.fulfill(json=report(0.8 if "again" in sent[-1] else 0.5))

    page.context.route("**/api/v1/tune", answer)
    page.context.route(
        "**/api/v1/openapi.json", lambda route: route.fulfill(json={"paths": {"/api/v1/tune": {}}})
    )
    page.get_by_role("tab", name="Tune").click()
    expect(page.get_by_text("What would the sampler take?")).to_be_visible()
    page.get_by_role("button", name="Record and look").click()
    expect(page.locator(".plot-mark")).to_have_count(2)
    expect(page.locator(".gallery-item")).to_have_count(2)
    expect(page.locator(".tune-report")).to_contain_text("118 an hour")
    expect(page.locator(".tune-report")).to_contain_text("Trees move in the wind.")
    assert 'name="camera"' in sent[0]
    assert written(page)["porch"]["mask"] == [[[0, 0], [0.2, 0], [0.2, 0.2]]]
    page.locator(".plot-drawing").hover(position={"x": 300, "y": 60})
    expect(page.locator(".plot-told")).to_contain_text("moving")
    page.locator(".plot-mark").nth(1).click()
    expect(page.locator(".gallery-item").nth(1)).to_be_focused()
    page.get_by_text("1 stretch not taken").click()
    expect(page.get_by_text("moves by itself, nothing on its way")).to_be_visible()
    page.get_by_text("Where it moves").click()
    expect(page.locator(".editor canvas")).to_be_visible()
    page.screenshot(path=tmp_path / "tune-run.png", full_page=True)
    page.get_by_label("Sensitivity").fill("0.8")
    page.get_by_role("button", name="Try with the masks drawn").click()
    expect(page.locator(".yaml")).to_contain_text("sensitivity: 0.8")
    assert "abc" in sent[1]
    assert "[[[0,0],[0.2,0],[0.2,0.2]]]" in sent[1]
