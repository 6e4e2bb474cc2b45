"""Sources that are not the capture stage's own: today the demo's drawn camera."""

from __future__ import annotations

from collections.abc import Mapping

from edge.capture.reader import Opener


def openers_for(url: str) -> Mapping[str, Opener]:
    """Openers by URL scheme, beside those of `capture`; imports only what `url` needs."""
    if not url.startswith("demo:"):
        return {}
    from edge.demo.scene import open_demo  # noqa: PLC0415 - a camera's process stays small

    return {"demo": open_demo}
