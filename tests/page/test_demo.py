"""The page on the demo's daemon itself: findings arrive live, and a question is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge import demo
from edge.demo.broker import LocalBroker
from tests.page.conftest import Visits
from tests.support.daemon import DaemonProcess, wait_until
from tests.support.ports import free_port

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

FOUND_MS = 90_000  # somebody comes after 4 s; a busy machine is late with everything


@dataclass
class Demo:
    url: str


@pytest.fixture
def running(browser: object, tmp_path: Path) -> Iterator[Demo]:
    port = free_port()
    with LocalBroker() as broker:
        environment = {
            "EDGE_DEMO_PORT": str(broker.port),
            "EDGE_DEMO_HTTP_PORT": str(port),
            "EDGE_DEMO_FOLDER": str(tmp_path / "store"),
            "EDGE_DEMO_CACHE": str(tmp_path / "cache"),
        }
        with DaemonProcess(tmp_path, demo.CONFIG.read_text(), environment) as daemon:
            wait_until(lambda: "HTTP on" in daemon.log, "HTTP is served")
            yield Demo(f"http://127.0.0.1:{port}")
            daemon.stop()


def test_the_demo(running: Demo, visit: Visits, tmp_path: Path) -> None:
    page = visit(running)
    expect(page.locator(".camera")).to_contain_text("online", timeout=FOUND_MS)
    finding = page.locator(".finding").first
    picture = finding.locator("img")
    expect(picture).to_be_visible(timeout=FOUND_MS)
    expect(picture).to_have_js_property("complete", True)
    expect(page.locator(".finding", has_text="person").first).to_be_visible(timeout=FOUND_MS)
    page.screenshot(path=tmp_path / "demo-live.png")
    page.get_by_role("button", name="Ask about now").click()
    expect(page.locator("#panel-ask .stage-image")).not_to_have_js_property("naturalWidth", 0)
    page.get_by_label("Kind of answer").select_option("yes_no")
    page.get_by_text("Show where it looks").click()
    page.get_by_text("Enhance", exact=True).click()
    page.get_by_label("Question", exact=True).fill("Is there a person?")
    page.get_by_role("button", name="Ask", exact=True).click()
    answer = page.locator(".answer.done")
    expect(answer.locator(".option")).to_have_count(2, timeout=FOUND_MS)
    expect(page.locator(".heat").first).to_be_attached()
    page.screenshot(path=tmp_path / "demo-ask.png")
