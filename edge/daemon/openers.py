"""What opens a camera by its URL: the capture stage, or for `demo:` the demo's drawn camera."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from edge.capture.source import open_source

if TYPE_CHECKING:  # what replays a file needs no reader that comes back
    from edge.capture.reader import Opener
    from edge.capture.watcher import Watcher


def openers_for(url: str) -> Mapping[str, Opener]:
    """Openers by URL scheme, beside those of `capture`; imports only what `url` needs."""
    if not url.startswith("demo:"):
        return {}
    from edge.demo.scene import open_demo  # noqa: PLC0415 - a camera's process stays small

    return {"demo": open_demo}


def opener_for(url: str, watcher: Watcher | None = None) -> Opener:
    """What opens this URL once, without coming back to it; `watcher` as in `open_source`."""
    return openers_for(url).get(url.partition(":")[0]) or partial(open_source, watcher=watcher)
