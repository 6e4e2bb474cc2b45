"""A server on a free port, with a scripted door, a real store, and a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import requests

from edge.pictures import encode_png
from edge.store.database import Store, open_store
from edge.store.settings import StoreSettings
from edge.web.server import WebServer
from edge.web.settings import WebSettings
from tests.support.daemon import wait_until
from tests.support.ports import free_port
from tests.support.web_box import WorkingDoor

PNG = encode_png(np.full((48, 64, 3), 200, np.uint8))


@dataclass
class Running:
    """A server, and how to reach it."""

    server: WebServer
    door: WorkingDoor
    store: Store

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self.server.settings.port

    def get(self, path: str, **more: object) -> requests.Response:
        return requests.get(self.url + path, timeout=20, **more)  # type: ignore[arg-type]

    def post(self, path: str, **more: object) -> requests.Response:
        return requests.post(self.url + path, timeout=20, **more)  # type: ignore[arg-type]


Serve = Callable[..., Running]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts servers; `serve(settings, door)`, both optional."""
    folder: Path = tmp_path_factory.mktemp("web")
    running: list[Running] = []

    def start(settings: WebSettings | None = None, door: WorkingDoor | None = None) -> Running:
        settings = replace(settings or WebSettings(), port=free_port())
        store = open_store(StoreSettings(folder / str(len(running))))
        box = WorkingDoor() if door is None else door
        server = WebServer(settings, box, store.open_archive)
        running.append(Running(server, box, store))
        server.start()
        wait_until(lambda: server.is_serving, "HTTP is served")
        return running[-1]

    yield start
    for one in running:
        assert one.server.stop(10), "the server ends"
        one.door.end()
        one.store.close()


@pytest.fixture(scope="module")
def box(serve: Serve) -> Running:
    """The usual one: loopback, no token."""
    return serve()
