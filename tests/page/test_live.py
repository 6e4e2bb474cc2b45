"""Live in Chromium: cameras, rules, findings as they come and as they are searched for."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from edge.findings import ConfigReport, EffortStats, LeftOutReport, RuleAttributes
from edge.web.replies import info_reply
from tests.page.conftest import Visits
from tests.support.daemon import wait_until
from tests.support.finding_samples import build_finding
from tests.support.page_box import HOSTILE, SlowDoor, record
from tests.web.conftest import Running, Serve

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def test_cameras_with_their_last_keyframe(box: Running, visit: Visits) -> None:
    page = visit(box)
    cards = page.locator(".camera")
    expect(cards).to_have_count(2)
    porch = cards.filter(has_text="porch")
    expect(porch).to_contain_text("online")
    picture = porch.locator("img")
    expect(picture).to_have_attribute("src", re.compile(r"/api/v1/snapshots/"))
    expect(picture).to_have_js_property("naturalWidth", 1280)
    expect(porch.locator(".outline-box")).to_have_count(1)


def test_rules_with_their_history(box: Running, visit: Visits) -> None:
    rule = visit(box).locator(".rule")
    expect(rule).to_contain_text("Is there a person?")
    expect(rule.locator(".pill.on")).to_have_text("on")
    expect(rule.locator(".rule-answer")).to_contain_text("93%")
    expect(rule.locator(".history").first).to_have_attribute(
        "aria-label", re.compile(r"The last 4 answers: \d yes, \d no, \d unsure")
    )


def test_what_is_unsure_says_so(box: Running, visit: Visits) -> None:
    page = visit(box, locale="zh-CN")
    rows = page.locator(".verdict-row", has_text="55%")
    expect(rows.first).to_contain_text("不确定")
    expect(rows.first.locator(".verdict-answer")).to_have_text("是")
    expect(page.locator(".verdict-row", has_text="93%").first).not_to_contain_text("不确定")


def test_findings_come_as_they_happen(box: Running, visit: Visits) -> None:
    page = visit(box, hears=True)
    expect(page.locator(".finding")).to_have_count(8)
    begun = record(box.store, 8, time.time(), type="new", verdicts=[], summary="", severity=0)
    box.server.tell("finding", begun)
    newest = page.locator(".finding").first
    expect(newest).to_contain_text("waits for the model")
    expect(newest.locator("img")).to_be_hidden()
    box.server.tell("snapshot", {"camera": begun.camera, "id": begun.id})
    expect(newest.locator("img")).to_have_js_property("naturalWidth", 1280)
    ended = begun.model_copy(update={"type": "end", "summary": "Somebody came.", "reused": True})
    box.server.tell("finding", ended)
    expect(newest).to_contain_text("Somebody came.")
    expect(newest).to_contain_text("reused")
    box.server.tell("finding", begun)  # a message may come twice, and late
    off = RuleAttributes(rule="person", camera="porch", state="off", since=None, verdict="no")
    box.server.tell("rule", off)
    expect(page.locator(".rule .pill").first).to_have_text("off")
    expect(newest).to_contain_text("Somebody came.")
    expect(page.locator(".finding")).to_have_count(9)


def test_a_demonstration_model_is_told_in_both_views(serve: Serve, visit: Visits) -> None:
    door = SlowDoor()
    box = serve(door=door)
    told = "The model of this box is for demonstration"
    page = visit(box)
    expect(page.locator("#panel-live .demonstration")).to_contain_text(told)
    page.get_by_role("tab", name="Ask").click()
    expect(page.locator("#panel-ask .demonstration")).to_contain_text(told)
    assert door.present.model is not None
    door.present = replace(door.present, model=replace(door.present.model, demonstration=False))
    page = visit(box)
    expect(page.locator(".strip")).to_contain_text("tiny")
    expect(page.locator("#panel-live .demonstration")).to_be_hidden()
    with page.expect_response("**/api/v1/info"):
        page.get_by_role("tab", name="Ask").click()
    expect(page.locator("#panel-ask .composer")).to_be_visible()
    expect(page.locator("#panel-ask .demonstration")).to_be_hidden()


def test_a_broken_configuration_is_told_until_it_is_mended(serve: Serve, visit: Visits) -> None:
    door = SlowDoor()
    box = serve(door=door)
    page = visit(box, hears=True)
    expect(page.locator(".strip")).to_contain_text("tiny")
    banner = page.locator("#panel-live .configuration")
    expect(banner).to_be_hidden()
    good = door.present
    problem = "mqtt.hots (line 2): the key <b>hots</b> is not known here."
    report = ConfigReport(state="refused", read_at="2026-05-01T12:00:00.000Z", problems=[problem])
    door.present = replace(good, configuration=report)
    box.server.tell("info", info_reply(door.present))
    expect(banner).to_contain_text("has errors and is not used")
    expect(banner.locator("li")).to_have_text(problem)
    # what a page is told when it loads may be half a second old
    wait_until(lambda: "hots" in box.get("/api/v1/info").text, "the box tells it to who asks")
    with page.expect_response("**/api/v1/events"):
        page.reload()
    expect(banner.locator("li")).to_have_text(problem)
    door.present = good
    box.server.tell("info", info_reply(good))
    expect(banner).to_be_hidden()


def test_a_broken_connection_is_told_and_made_up_for(box: Running, visit: Visits) -> None:
    page = visit(box)
    expect(page.locator(".finding").first).to_be_visible()
    expect(page.locator(".line-down")).to_be_hidden()
    page.context.route("**/api/v1/events", lambda route: route.fulfill(status=204))
    box.server._events.close()  # as when the daemon goes on with another server
    expect(page.locator(".line-down")).to_be_visible()
    missed = record(box.store, 1, time.time(), summary="Missed meanwhile.")
    page.context.unroute("**/api/v1/events")
    expect(page.locator(".finding").first).to_contain_text("Missed meanwhile.")
    expect(page.locator(".line-down")).to_be_hidden()
    assert missed.id


def test_search(box: Running, visit: Visits) -> None:
    page = visit(box)
    findings = page.locator(".finding")
    expect(findings.first).to_be_visible()
    page.get_by_role("searchbox").fill("parcel number 5")
    expect(findings).to_have_count(1)
    expect(findings).to_contain_text("number 5")
    page.get_by_role("searchbox").fill("elephant")
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.locator(".search").get_by_label("Camera").select_option("yard")
    expect(findings.first).to_contain_text("yard")
    expect(findings.filter(has_text="porch")).to_have_count(0)


def test_a_finding_in_full(box: Running, visit: Visits) -> None:
    page = visit(box)
    page.get_by_role("searchbox").fill("parcel number 0")
    expect(page.locator(".finding")).to_have_count(1)
    page.locator(".finding-open").press("Enter")
    dialog = page.get_by_role("dialog")
    for told in ("the person stands right of the house", HOSTILE, "93%", "7%", "240 ms", "210"):
        expect(dialog).to_contain_text(told)
    assert page.locator("img[src=x]").count() == 0, "what was seen is shown, not obeyed"
    dialog.get_by_text("Ask about this picture").click()
    expect(page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#panel-ask .stage-image")).to_have_js_property("naturalWidth", 1280)


def test_a_rule_is_tried(box: Running, visit: Visits) -> None:
    page = visit(box)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".tried")).to_contain_text("75%")


def test_effort_and_what_it_left_out_are_seen(serve: Serve, visit: Visits) -> None:
    box = serve(door=SlowDoor())
    record(box.store, 0, time.time())
    page = visit(box, hears=True)
    tile = page.locator(".tile", has_text="Effort")
    expect(tile).to_contain_text("full")
    expect(page.locator(".finding").first).to_be_visible()
    for effort, shown, dot in (
        (EffortStats(step="few", load=1.25), "few questions", "warn"),
        (EffortStats(step="motion", load=0.0), "motion only", "bad"),
        (EffortStats(), "full", "good"),
    ):
        stats = box.door.present.stats.model_copy(update={"effort": effort})
        box.door.present = replace(box.door.present, stats=stats)  # the page may ask at that moment
        box.server.tell("stats", stats)
        expect(tile.locator(".tile-value")).to_have_text(shown)
        expect(tile.locator(f".dot.{dot}")).to_be_visible()
        load = "load not known yet" if effort.load is None else f"needs {effort.load:.0%}"
        expect(tile.locator(".tile-hint")).to_contain_text(load)
    left_out = LeftOutReport(effort="motion", rules=["person"])
    finding = build_finding("porch", 900).model_copy(
        update={"ts": time.time(), "status": "left_out", "verdicts": [], "left_out": left_out}
    )
    box.server.tell("finding", finding)
    expect(page.locator(".finding").first).to_contain_text("not analysed: too much load")


def test_what_rules_cost(box: Running, visit: Visits) -> None:
    page = visit(box)
    page.get_by_text("what each rule costs").click()
    expect(page.locator(".account")).to_contain_text("3 keyframes since the start")
    expect(page.locator(".costs table")).to_contain_text("person")
    expect(page.locator(".costs")).to_contain_text("3,000 keyframes an hour with all rules")
    expect(page.locator(".costs")).to_contain_text("Expected")
