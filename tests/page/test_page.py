"""The page as a whole: login, roles, languages, colours, accessibility, and that it never hangs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import ADMIN, VIEWER, Visits
from tests.web.conftest import Running

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
REACTS_MS = 100  # least of three rounds, as caches of a busy machine are cold


def test_login(guarded: Running, visit: Visits) -> None:
    page = visit(guarded)
    page.get_by_label("Token").fill("wrong-0123456789abcdef")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("This token is not known.")
    page.get_by_label("Token").fill(ADMIN)
    page.get_by_label("Token").press("Enter")
    expect(page.locator(".camera")).to_have_count(2)
    assert page.evaluate("document.cookie") == "", "no script can read the login"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.locator(".camera")).to_have_count(0)


def test_a_viewer_looks_and_does_not_ask(guarded: Running, visit: Visits) -> None:
    page = visit(guarded)
    page.get_by_label("Token").fill(VIEWER)
    page.get_by_label("Token").press("Enter")
    expect(page.locator(".finding").first).to_be_visible()
    expect(page.get_by_role("button", name="Try now")).to_have_count(0)
    expect(page.get_by_role("button", name="Ask about now")).to_have_count(0)
    page.get_by_role("tab", name="Ask").click()
    expect(page.get_by_text("You may look, but not ask")).to_be_visible()
    page.get_by_role("tab", name="Tune").click()
    expect(page.get_by_text("You may look, but not tune")).to_be_visible()


def test_languages_and_colours_are_kept(box: Running, visit: Visits) -> None:
    page = visit(box, locale="zh-CN", color_scheme="dark")
    expect(page.get_by_role("tab", name="实时")).to_be_visible()
    root = page.locator("html")
    expect(root).to_have_attribute("lang", "zh-Hans")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Switch to English").click()
    expect(page.get_by_role("tab", name="Live")).to_be_visible()
    page.get_by_role("button", name="Colours: as the system").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.get_by_role("tab", name="Live")).to_be_visible()
    expect(root).to_have_attribute("data-theme", "light")


def test_tabs_by_keyboard(box: Running, visit: Visits) -> None:
    page = visit(box)
    page.get_by_role("tab", name="Live").press("ArrowRight")
    expect(page.get_by_role("tab", name="Ask")).to_be_focused()
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


def test_nothing_comes_from_outside(box: Running, visit: Visits) -> None:
    page = visit(box)
    expect(page.locator(".finding").first).to_be_visible()
    urls = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(urls) > 20
    assert [url for url in urls if not url.startswith((box.url, "blob:", "data:"))] == []


def test_every_click_is_answered_at_once_while_the_model_computes(
    box: Running, visit: Visits, yard: Path
) -> None:
    page = visit(box, "ask")
    page.set_input_files("#panel-ask input[type=file]", str(yard))
    expect(page.locator("#panel-ask .stage-image")).to_have_js_property("naturalWidth", 1280)
    clock = page.context.new_cdp_session(page)
    clock.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms() -> float:
        """Processor time of the page's main thread so far: others' load does not count."""
        figures = clock.send("Performance.getMetrics")["metrics"]
        return next(1000 * f["value"] for f in figures if f["name"] == "TaskDuration")

    def cost_ms(name: str) -> float:
        before = busy_ms()
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        return busy_ms() - before

    box.door.go_on.clear()
    try:
        page.get_by_label("Question", exact=True).fill("What is on the path?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator(".turn .answer")).to_contain_text("It")
        rounds = [[cost_ms(name) for name in ("Live", "Tune", "Ask")] for _ in range(3)]
        assert max(map(min, zip(*rounds, strict=True))) < REACTS_MS, rounds
        page.get_by_text("JSON", exact=True).click()
        expect(page.get_by_text("Own JSON Schema")).to_be_visible()
    finally:
        box.door.go_on.set()
    expect(page.locator(".answer.done")).to_have_count(1)


EXAMINED = {"desktop-light-en", "phone-dark-en"}  # both widths, both sets of colours
LOOKS = {
    "desktop-light-en": {"viewport": DESKTOP, "color_scheme": "light", "locale": "en-GB"},
    "desktop-dark-zh": {"viewport": DESKTOP, "color_scheme": "dark", "locale": "zh-CN"},
    "phone-dark-en": {"viewport": PHONE, "color_scheme": "dark", "locale": "en-GB"},
    "phone-light-zh": {"viewport": PHONE, "color_scheme": "light", "locale": "zh-CN"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_can_be_used_by_everybody(
    box: Running, visit: Visits, yard: Path, tmp_path: Path, look: str
) -> None:
    def show(page: Any, view: str) -> None:
        examine(page, tmp_path / f"{view}-{look}.png", with_axe=look in EXAMINED)

    page = visit(box, **LOOKS[look])
    expect(page.locator(".finding").first).to_be_visible()
    expect(page.locator(".tile")).to_have_count(7)
    show(page, "live")
    page.locator(".finding-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    show(page, "finding")
    page.keyboard.press("Escape")
    page.locator("#tab-ask").click()
    page.set_input_files("#panel-ask input[type=file]", str(yard))
    page.locator(".composer-options label", has_text="JSON").click()
    page.locator(".composer-line textarea").fill("What is on the path?")
    page.locator(".composer .round").click()
    expect(page.locator(".answer.done")).to_have_count(1)
    show(page, "ask")
    page.locator("#tab-tune").click()
    expect(page.locator(".yaml")).to_contain_text("step")
    show(page, "tune")


def test_the_login_can_be_used_by_everybody(
    guarded: Running, visit: Visits, tmp_path: Path
) -> None:
    page = visit(guarded, color_scheme="dark")
    expect(page.get_by_label("Token")).to_be_visible()
    examine(page, tmp_path / "login.png")


def examine(page: Any, shot: Path, *, with_axe: bool = True) -> None:
    """A screenshot; nothing wider than the screen; no serious fault for axe."""
    page.wait_for_timeout(350)  # colours are measured when everything has faded in
    page.screenshot(path=shot)
    overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overhang <= 0
    if not with_axe:
        return
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    serious = [
        f"{fault['id']}: {node['target']} {node.get('failureSummary', '')}"
        for fault in axe.Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert not serious, "\n".join(serious)
