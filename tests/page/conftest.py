"""Debian's Chromium on the page of a box: a real server and store, a door that follows a script."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from edge.config.template import all_templates
from edge.pictures import encode_jpeg
from edge.web.settings import Key, WebSettings
from tests.support.page_box import SlowDoor, draw_yard, fill_store
from tests.web.conftest import Running, Serve, serve

__all__ = ["serve"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever opens a browser bears the mark."""
    for item in items:
        if "visit" in getattr(item, "fixturenames", ()):
            item.add_marker("page")


ADMIN, VIEWER = "admin-0123456789abcdef", "viewer-0123456789abcdef"
KEYS = (Key.of("root", "admin", ADMIN), Key.of("wall", "viewer", VIEWER))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the tests of a file: while it runs, no other test can use `asyncio.run`."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    sync_api.expect.set_options(timeout=30_000)
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """A busy machine must not look like a daemon that hangs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.web.glance.ANSWER_S", 60.0)
        yield


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a drawn yard."""
    path = tmp_path_factory.mktemp("pictures") / "yard.jpg"
    path.write_bytes(encode_jpeg(draw_yard(), 90))
    return path


Visits = Callable[..., Any]  # a Playwright page; the library may be missing


@pytest.fixture
def visit(browser: Any) -> Iterator[Visits]:
    """Opens the page: `visit(box, view)`; its console must not complain.

    With `hears` the box's events come from the first on: what is told before the page listens is
    told to nobody.
    The browser itself notes replies with an error's status; those that a test `expects` are none.
    """
    contexts = []
    complaints: list[str] = []

    def open_page(
        box: Running,
        view: str = "live",
        *,
        expects: str = "401",
        hears: bool = False,
        **settings: object,
    ) -> Any:
        options = {"viewport": {"width": 1360, "height": 900}, "locale": "en-GB"} | settings
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: note(said, f"status of {expects}"))
        heard = page.expect_response("**/api/v1/events") if hears else nullcontext()
        with heard:
            page.goto(f"{box.url}/#{view}")
        return page

    def note(said: Any, expected: str) -> None:
        if said.type in ("error", "warning") and expected not in said.text:
            complaints.append(f"{said.text} {said.location}")

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="module")
def box(serve: Serve) -> Running:
    """Loopback, no token; two cameras, findings with pictures."""
    running = serve(WebSettings(templates=all_templates({})), SlowDoor())
    fill_store(running.store)
    return running


@pytest.fixture(scope="module")
def guarded(serve: Serve) -> Running:
    """The same with an admin's and a viewer's token."""
    running = serve(WebSettings(keys=KEYS), SlowDoor())
    fill_store(running.store)
    return running
